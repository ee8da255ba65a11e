"""Seeds: claims are run while their code is new, and the table says which fail, are stale and stand thinly."""

import math
import os

import nbformat
import pytest
import small_papers

from helpers import files
from helpers.collection import commands, notebooks, seeds
from helpers.ledger.verdicts import Claim

NAME = "98_small"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A paper of one notebook, helpers of one module, and folders for rows and table."""
    for variable in ("PROFILE", "SEED", "OUTPUT", "STRICT"):
        monkeypatch.setenv(variable, "")
    for variable in (*notebooks.ONE_THREAD, "PYTHONPATH"):  # a run sets them
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "EXECUTED", tmp_path / "executed")
    monkeypatch.setattr(seeds, "WORK", tmp_path / "work")
    monkeypatch.setattr(seeds, "STORE", tmp_path / "recorded")
    monkeypatch.setattr(seeds, "HELPERS", tmp_path / "helpers")
    (tmp_path / "notebooks").mkdir()
    made = small_papers.content(claim__T_2=small_papers.CLAIM | {"title": "two is two"})
    small_papers.write(tmp_path / "notebooks", NAME, made)
    notebook(tmp_path)
    for path, text in MODULES.items():
        files.write_text(tmp_path / "helpers" / path, text)
    return tmp_path


MODULES = {
    "losses/__init__.py": "from .a import f, g\n",
    "losses/a.py": """
from . import deep

SCALE = 2.0


def f(x):
    \"\"\"Text.\"\"\"
    return SCALE * x + 1  # comment


def g(x):
    return deep.h(x) - 1


class Held:
    def named(self):
        return 1

    def other(self):
        return 2
""",
    "losses/deep.py": "def h(x):\n    return x + 3\n\n\ndef idle(x):\n    return x + 4\n",
    "papers/small/b.py": "from helpers.losses import a\n\n\ndef held():\n    return a.Held().named()\n",
    "papers/small/tables/small_table.py": "CELLS = [1]\n",
    "recording/recorded.py": "def load(name):\n    return name\n",
    "collection/d.py": "def f(x):\n    return x + 1\n",
}
SETUP = """
from helpers import losses
from helpers.papers.small import b
from helpers.recording import recorded

x = losses.f(1)


def doubled(y):
    return 2 * y


def tripled(y):
    return 3 * y
"""
CELLS = {"T-1": ["y = doubled(x)", "z = y + 1"], "T-2": ["y = tripled(x)", "z = losses.g(y) + b.held()"]}


def notebook(place, cells=None):
    tagged = [(f"claim:{label}", source) for label, several in (cells or CELLS).items() for source in several]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("text")])
    for tag, source in [("setup", SETUP), *tagged]:
        made.cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}))
    nbformat.write(made, place / "notebooks" / f"{NAME}.ipynb")


def claim(label, seed, *, fails=False):
    """The record of a claim at a seed."""
    made = Claim(label)
    made.identity("one", 2.0 if fails else 1.0, 1.0, tolerance=1e-12)
    made.control("two", 1.0 + 1e-11 * (seed + 1), 1.0)
    made.statistical("mean", 0.1, 0.0, 0.1, trials=100)
    made.control("shifted", 0.6 + 0.1 * seed, 0.0)
    return made.record()


class Runner:
    """A stand-in for running notebooks and cells: writes the records that a run at this seed would."""

    def __init__(self, monkeypatch, *, fails_at=(), stops_at=(), interrupted_at=None):
        self.seen, self.fails_at, self.stops_at, self.interrupted_at = [], fails_at, stops_at, interrupted_at
        monkeypatch.setattr(notebooks, "execute", self)
        monkeypatch.setattr(seeds, "_alone", self.alone)

    def __call__(self, paths, *, workers, keep):
        seed, output = int(os.environ["SEED"]), os.environ["OUTPUT"]
        if seed == self.interrupted_at:
            raise KeyboardInterrupt
        self.seen.append(seed)
        if seed in self.stops_at:
            return [notebooks.Outcome(paths[0], None, "at cell 3, Small: ZeroDivisionError: no", 1.0)]
        records = [claim(label, seed, fails=seed in self.fails_at) for label in CELLS]
        ledger = {"notebook": NAME, "place": "essay", "profile": "quick", "seed": seed, "claims": records}
        files.write_json(files.folder(output, NAME) / "claims.json", ledger)
        failure = "at cell 3, Small: ClaimsFailed: 2 of 2 claims fail: T-1, T-2" if seed in self.fails_at else None
        return [notebooks.Outcome(paths[0], None, failure, 30.0)]

    def alone(self, name, output, labels):
        seed = int(os.environ["SEED"])
        self.seen += [(seed, label) for label in labels]
        return {label: {"record": claim(label, seed), "said": "", "seconds": 2.0} for label in labels}


def table(place):
    """The lines of the stored table."""
    columns = files.read_csv(place / "recorded" / "seeds.csv")
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


# -- what is asked for -----------------------------------------------------------------------------------
@pytest.mark.parametrize("text", ["", "a", "1..", "3..1", "-1", "1,,2", "0...3"])
def test_seeds_that_cannot_be_read_are_repeated(text):
    with pytest.raises(ValueError, match=r"seeds are '.*', expected numbers and ranges such as 0\.\.19 or 0\.\.4,7"):
        seeds.parse(text)


@pytest.mark.parametrize("text", ["0..19", "3", "0..4,7", "1,3,5..6"])
def test_seeds_are_written_as_they_are_read(text):
    assert seeds._ranges(seeds.parse(text)) == text


def test_another_profile_is_refused(place, monkeypatch, capsys):
    monkeypatch.setenv("PROFILE", "full")
    assert commands.main(["seeds", "0"]) == 2
    assert "the profile is 'full': seeds are compared in the quick one" in capsys.readouterr().err


# -- the code that is judged -----------------------------------------------------------------------------
def changed(place, path, old, new):
    text = (place / path).read_text()
    assert old in text
    (place / path).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("path", "old", "new", "touched"),
    [
        ("helpers/losses/a.py", "x + 1", "x + 2", {"T-1", "T-2"}),  # named by the set-up
        ("helpers/losses/a.py", "SCALE = 2.0", "SCALE = 2.5", {"T-1", "T-2"}),
        ("helpers/losses/a.py", "deep.h(x) - 1", "deep.h(x) - 2", {"T-2"}),
        ("helpers/losses/deep.py", "x + 3", "x - 3", {"T-2"}),
        ("helpers/losses/a.py", "return 1", "return 3", {"T-2"}),
        ("helpers/losses/__init__.py", "import f, g", "import f, f as g", {"T-2"}),
        (f"notebooks/{NAME}.ipynb", "2 * y", "4 * y", {"T-1"}),
        (f"notebooks/{NAME}.ipynb", "z = y + 1", "z = y + 2", {"T-1"}),
        (f"notebooks/{NAME}.ipynb", "b.held()", "2 * b.held()", {"T-2"}),
        (f"notebooks/{NAME}.ipynb", "losses.f(1)", "losses.f(2)", {"T-1", "T-2"}),
        # what is handed on as it is, or runs when a module is imported, counts whole
        (f"notebooks/{NAME}.ipynb", "z = y + 1", "z = getattr(losses, y)", {"T-1"}),
        ("helpers/losses/deep.py", "def idle", "print(h(1))\n\n\ndef idle", {"T-1", "T-2"}),
    ],
)
def test_a_change_marks_the_claims_that_reach_it(place, path, old, new, touched):
    before = seeds.digests(NAME)
    changed(place, path, old, new)
    after = seeds.digests(NAME)
    assert {label for label in before if before[label] != after[label]} == touched


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("helpers/losses/a.py", "Text", "Another text"),
        ("helpers/losses/a.py", "SCALE * x + 1  # comment", "(SCALE * x +\n            1)"),
        ("helpers/losses/a.py", "return 2", "return 4"),  # a method that nobody names
        ("helpers/losses/deep.py", "x + 4", "x + 5"),
        ("helpers/papers/small/tables/small_table.py", "[1]", "[2]"),
        ("helpers/collection/d.py", "x + 1", "x + 2"),
        (f"notebooks/{NAME}.ipynb", "text", "another text"),
        (f"notebooks/{NAME}.toml", "one is one", "one is really one"),
    ],
)
def test_a_change_of_anything_else_marks_none(place, path, old, new):
    before = seeds.digests(NAME)
    changed(place, path, old, new)
    assert seeds.digests(NAME) == before


def test_a_module_that_is_handed_on_is_reached_whole(place):
    notebook(place, CELLS | {"T-1": ["y = map(losses, 'ab')"]})
    before = seeds.digests(NAME)
    changed(place, "helpers/losses/deep.py", "x + 3", "x - 3")
    after = seeds.digests(NAME)
    assert after["T-1"] != before["T-1"]


def test_what_the_card_says_of_a_claim_is_judged(place):
    before = seeds.digests(NAME)
    changed(place, f"notebooks/{NAME}.toml", "[claim.T-1]", "[claim.T-1]\nkind = 'identity'")
    after = seeds.digests(NAME)
    assert after["T-1"] != before["T-1"]
    assert after["T-2"] == before["T-2"]


def test_a_recorded_table_is_judged_with_the_claims_that_name_it(place):
    notebook(place, CELLS | {"T-1": ["y = recorded.load('small_table')"]})
    before = seeds.digests(NAME)
    files.write_json(place / "recorded" / NAME / "another.json", {"rows": []})
    assert seeds.digests(NAME) == before
    files.write_json(place / "recorded" / NAME / "small_table.json", {"rows": []})
    after = seeds.digests(NAME)
    changed(place, "helpers/papers/small/tables/small_table.py", "[1]", "[2]")
    again = seeds.digests(NAME)
    assert len({found["T-1"] for found in (before, after, again)}) == 3
    assert before["T-2"] == again["T-2"]


# -- the command -----------------------------------------------------------------------------------------
def test_rows_are_measured_once_and_the_table_grows(place, monkeypatch, capsys):
    runner = Runner(monkeypatch)
    assert commands.main(["seeds", "0..1", "98"]) == 0
    assert commands.main(["seeds", "0..2", "98"]) == 0
    assert runner.seen == [0, 1, 2]
    out = capsys.readouterr().out
    assert "6 claims x seeds asked for (2 min), 4 there" in out
    assert "98_small, seed 1: 2 claims; 1 rows to go, about 0 min" in out
    assert "98_small, seed 2: every claim holds (30 s)" in out
    assert not (place / "work" / "running" / "98_small-0").exists()
    about = files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]
    assert {label: part["code"] for label, part in about.items()} == seeds.digests(NAME)
    assert [part["seeds"] for part in about.values()] == ["0..2", "0..2"]
    assert [part["seconds"] for part in about.values()] == [15, 15]
    assert [line["seeds"] for line in table(place)] == ["3"] * 8
    page = (place / "recorded" / "seeds.md").read_text()
    assert "| 98_small | 2 | 0..2 | 0 | 0 | 0 |" in page
    assert page.count("None.") == 2


def test_the_weakest_seed_stands_in_the_table(place, monkeypatch):
    Runner(monkeypatch, fails_at=[1])
    assert commands.main(["seeds", "0..2"]) == 1
    lines = {(line["kind"], line["breaks"] or line["check"]): line for line in table(place) if line["claim"] == "T-1"}
    assert lines["check", "one"]["wrong_at"] == "1"
    assert lines["check", "one"]["weakest_seed"] == "1"
    assert float(lines["check", "one"]["margin"]) == 1e-12
    assert lines["control", "two"]["weakest_seed"] == "0"
    assert float(lines["control", "two"]["margin"]) == pytest.approx(10, rel=1e-3)
    shifted = lines["control", "shifted"]
    assert shifted["weakest_seed"] == "0"
    assert float(shifted["standard_errors"]) == pytest.approx(7 - 4.892, abs=2e-3)  # mean of 6, 7, 8
    assert float(shifted["spread"]) == pytest.approx(1)
    page = (place / "recorded" / "seeds.md").read_text()
    assert "- T-1, 1 of 3 seeds (1): check 'one'" in page
    thin = page.split("## Controls fewer than 4.75 s.e. or spreads from their threshold")[1].split("##")[0]
    assert "| T-1 | mean | shifted | statistical |" in thin
    assert "two" not in thin


def test_a_notebook_that_stops_is_a_row_and_a_failure(place, monkeypatch, capsys):
    Runner(monkeypatch, stops_at=[1])
    assert commands.main(["seeds", "0..1"]) == 1
    said = "98_small at cell 3, Small: ZeroDivisionError: no"
    assert f"98_small, seed 1: T-1 ({said}); T-2 ({said}) (1 s)" in capsys.readouterr().out
    page = (place / "recorded" / "seeds.md").read_text()
    assert f"- T-1, 1 of 2 seeds (1): {said}" in page


def test_an_interrupt_keeps_the_rows_and_the_next_command_goes_on(place, monkeypatch, capsys):
    Runner(monkeypatch, interrupted_at=2)
    assert commands.main(["seeds", "0..3"]) == 130
    assert files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]["T-2"]["seeds"] == "0..1"
    runner = Runner(monkeypatch)
    assert commands.main(["seeds", "0..3"]) == 0
    assert runner.seen == [2, 3]
    assert "8 claims x seeds asked for (2 min), 4 there" in capsys.readouterr().out


def test_claims_of_other_code_alone_are_measured_anew_and_the_table_says_so(place, monkeypatch, capsys):
    Runner(monkeypatch)
    commands.main(["seeds", "0..2"])
    changed(place, "helpers/losses/deep.py", "x + 3", "x - 3")
    runner = Runner(monkeypatch)
    commands.main(["seeds", "0..1", "--estimate"])
    out = capsys.readouterr().out
    assert "98_small: 1 claims are stale in the stored table: T-2" in out
    assert "4 claims x seeds asked for (1 min), 2 there" in out
    assert "2 to be measured, about 0 min" in out
    page = (place / "recorded" / "seeds.md").read_text()
    assert "| 98_small | 2 | 0..2 | 1 | 0 | 0 |" in page
    assert "- 98_small, stale: T-2" in page
    assert "| T-2 (stale) | mean | shifted |" in page
    assert runner.seen == []
    commands.main(["seeds", "1"])
    assert runner.seen == [(1, "T-2")]
    about = files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]
    assert [about[label]["seeds"] for label in ("T-1", "T-2")] == ["0..2", "1"]
    page = (place / "recorded" / "seeds.md").read_text()
    assert "| 98_small | 2 | 0..2 (1); 1 (1) | 0 | 0 | 0 |" in page
    assert "stale:" not in page


def test_a_claim_that_the_table_lacks_is_named_and_one_that_the_card_lacks_goes(place, monkeypatch):
    Runner(monkeypatch)
    commands.main(["seeds", "0"])
    changed(place, f"notebooks/{NAME}.toml", "[claim.T-2]", "[claim.T-3]")
    changed(place, f"notebooks/{NAME}.ipynb", "claim:T-2", "claim:T-3")
    commands.main(["seeds", "0", "--estimate"])
    assert "- 98_small, not measured: T-3" in (place / "recorded" / "seeds.md").read_text()
    assert {line["claim"] for line in table(place)} == {"T-1"}


def test_a_stored_table_with_more_seeds_stays(place, monkeypatch, capsys):
    Runner(monkeypatch)
    commands.main(["seeds", "0..2"])
    before = (place / "recorded" / "seeds.csv").read_bytes()
    for path in (place / "work").glob("*.json"):
        path.unlink()  # a fresh clone
    commands.main(["seeds", "1..2"])
    assert (place / "recorded" / "seeds.csv").read_bytes() == before
    said = "the stored table has more seeds of T-1, T-2 than were measured here; these stay"
    assert said in capsys.readouterr().out


def test_code_that_changes_during_a_row_spoils_the_claims_that_reach_it(place, monkeypatch, capsys):
    runner = Runner(monkeypatch)
    execute = runner.__call__

    def edited(*arguments, **options):
        changed(place, "helpers/losses/deep.py", "x + 3", "x - 3")
        return execute(*arguments, **options)

    monkeypatch.setattr(notebooks, "execute", edited)
    assert commands.main(["seeds", "0"]) == 2
    assert "the code of T-2 changed while seed 0 was measured; the same command goes on" in capsys.readouterr().err
    assert list(seeds.rows(NAME)[0]) == ["T-1"]


def test_two_at_once_are_refused(place, monkeypatch, capsys):
    Runner(monkeypatch)
    (place / "work").mkdir()
    with files.alone(place / "work", ""):
        assert commands.main(["seeds", "0"]) == 2
    assert "one is enough, and resumes what the other leaves" in capsys.readouterr().err


# -- numbers ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("rule", ["identity", "rate", "statistical", "landscape"])
def test_the_margin_of_an_error_that_has_to_stay_below(rule):
    assert seeds.margin(rule, 2.0, 4.0, must_hold=True) == 2
    assert seeds.margin(rule, 2.0, 4.0, must_hold=False) == 0.5
    assert seeds.margin(rule, 0.0, 0.0, must_hold=True) == math.inf
    assert seeds.margin(rule, 1.0, 0.0, must_hold=True) == 0
    assert seeds.margin(rule, 1.0, 0.0, must_hold=False) == math.inf


@pytest.mark.parametrize("rule", ["inequality", "empirical"])
def test_the_margin_of_a_slack(rule):
    assert seeds.margin(rule, 1.0, -2.0, must_hold=True) == 2.5
    assert seeds.margin(rule, -3.0, -2.0, must_hold=True) == 0.5
    assert seeds.margin(rule, -3.0, -2.0, must_hold=False) == 1.5
    assert seeds.margin(rule, 6.0, 2.0, must_hold=True) == 3
    assert seeds.margin(rule, 0.0, 0.0, must_hold=True) == math.inf
    assert seeds.margin(rule, 1.0, 0.0, must_hold=False) == 0


def test_the_margin_of_a_violation_and_of_its_repair():
    assert seeds.margin("counterexample", 4.0, 2.0, must_hold=True) == 2
    assert seeds.margin("counterexample", 0.5, 2.0, must_hold=False) == 4
    assert seeds.margin("counterexample", 0.0, 0.0, must_hold=False) == math.inf
    assert seeds.margin("identity", None, None, must_hold=True) == 0


def test_margins_and_verdicts_agree_on_which_side_of_one(place, monkeypatch):
    claim = Claim("T-1", strict=False)
    for shift in (0.0, 0.4, 0.9):
        claim.inequality(f"below {shift}", 0.5 + shift, 1.0, tolerance=0.1)
        claim.control(f"raised {shift}", 0.8 + shift, 1.0)
        claim.identity(f"equal {shift}", 1.0 + shift, 1.0, tolerance=0.5)
        claim.control(f"apart {shift}", 1.2 + shift, 1.0)
        claim.empirical(f"grows {shift}", [shift - 0.2 + 0.1 * k for k in range(5)])
        claim.control(f"shrinks {shift}", [-shift + 0.1 * k for k in range(5)])
    record = claim.record()
    checks = {check["name"]: check for check in record["checks"]}
    for check in record["checks"]:
        margin = seeds.margin(check["rule"], check["measured"], check["threshold"], must_hold=True)
        assert (margin >= 1) == check["holds"]
    for control in record["controls"]:
        rule = checks[control["check"]]["rule"]
        margin = seeds.margin(rule, control["measured"], control["threshold"], must_hold=False)
        assert (margin > 1) == control["fails"]


def test_distances_in_standard_errors():
    claim = Claim("T-1")
    claim.statistical("mean", 0.1, 0.0, 0.1, trials=100)
    claim.inequality("at most", 1.0, 2.0, tolerance=0.0, standard_error=0.1)
    claim.identity("exact", 1.0, 1.0, tolerance=1e-12)
    claim.empirical("grows", [1.0, 2.0, 3.0, 4.0, 5.0])
    claim.control("a tenth of the spread", [-0.1, -0.2, -0.3, -0.4, -0.5])
    mean, bound, exact, grows = claim.checks
    control = claim.controls[0]
    own = 0.1 * math.sqrt(2.5 / 5)
    far = seeds.distance(grows, control["measured"], control["threshold"], must_hold=False)
    assert far == pytest.approx((control["threshold"] + 0.3) / own)
    assert seeds.distance(mean, 9.0, 5.0, must_hold=False) == 4
    assert seeds.distance(mean, 1.0, 5.0, must_hold=True) == 4
    assert seeds.distance(bound, -1.0, -0.5, must_hold=False) == pytest.approx(5)
    assert seeds.distance(bound, 1.0, -0.5, must_hold=True) == pytest.approx(15)
    assert seeds.distance(exact, 1.0, 1e-12, must_hold=False) is None
    assert seeds.distance(mean, None, None, must_hold=False) is None


def test_prices_come_from_rows_then_from_the_table_then_from_the_notebooks(place, monkeypatch):
    assert seeds.prices(NAME, 50.0) == {"T-1": 25, "T-2": 25}
    Runner(monkeypatch)
    commands.main(["seeds", "0"])
    changed(place, "helpers/losses/deep.py", "x + 3", "x - 3")
    commands.main(["seeds", "1"])
    row = files.read_json(place / "work" / f"{NAME}-1.json")
    row["claims"]["T-2"]["seconds"] = 2.0
    files.write_json(place / "work" / f"{NAME}-1.json", row)
    assert seeds.prices(NAME, 50.0) == {"T-1": 15, "T-2": 8.5}
    for path in (place / "work").glob("*.json"):
        path.unlink()
    assert seeds.prices(NAME, 50.0) == {"T-1": 15, "T-2": 15}


# -- claims run alone ------------------------------------------------------------------------------------
@pytest.fixture
def alone(tmp_path, monkeypatch):
    for variable in (*notebooks.ONE_THREAD, "PYTHONPATH", "SEED", "OUTPUT", "STRICT"):
        monkeypatch.setenv(variable, os.environ.get(variable, ""))
    monkeypatch.setattr(seeds, "WORK", tmp_path)
    notebooks.prepare(tmp_path / "running")


@pytest.mark.slow
def test_claims_run_alone_have_the_records_of_their_notebook(alone):
    name, labels = "00_one_loss_five_readings", ["XP-L", "XP-G", "XP-B", "XP-R"]
    whole = seeds.measure(name, 3, labels)
    few = seeds.measure(name, 3, labels[:3])
    assert {label: entry["record"] for label, entry in few.items()} == {
        label: whole[label]["record"] for label in labels[:3]
    }
    assert all(entry["seconds"] > 0 for entry in few.values())


@pytest.mark.slow
def test_cells_that_stop_are_said_and_the_others_are_measured(alone, tmp_path):
    os.environ.update({"SEED": "1", "OUTPUT": str(tmp_path), "STRICT": "1"})
    found = seeds._alone("00_one_loss_five_readings", tmp_path, ["XP-0", "XP-S"])
    assert found["XP-0"]["said"].startswith("its cells stopped: ValueError: 00_one_loss_five_readings has no cell")
    assert found["XP-0"]["record"] is None
    assert found["XP-S"]["record"]["holds"]
