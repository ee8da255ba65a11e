"""Seeds: rows are resumed while their code stands, and the table says which claims fail and which stand thinly."""

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
    small_papers.write(tmp_path / "notebooks", NAME)
    notebook(tmp_path, "x = 1")
    for path in ("losses/a.py", "papers/small/b.py", "papers/other/c.py", "collection/d.py"):
        files.write_text(tmp_path / "helpers" / path, 'def f(x):\n    """Text."""\n    return x + 1  # comment\n')
    return tmp_path


def notebook(place, source):
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source), nbformat.v4.new_markdown_cell("text")])
    nbformat.write(made, place / "notebooks" / f"{NAME}.ipynb")


class Runner:
    """A stand-in for running notebooks: writes the ledger that a run at this seed would."""

    def __init__(self, monkeypatch, *, fails_at=(), stops_at=(), interrupted_at=None):
        self.seen, self.fails_at, self.stops_at, self.interrupted_at = [], fails_at, stops_at, interrupted_at
        monkeypatch.setattr(notebooks, "execute", self)

    def __call__(self, paths, *, workers, keep):
        seed, output = int(os.environ["SEED"]), os.environ["OUTPUT"]
        if seed == self.interrupted_at:
            raise KeyboardInterrupt
        self.seen.append(seed)
        if seed in self.stops_at:
            return [notebooks.Outcome(paths[0], None, "at cell 3, Small: ZeroDivisionError: no", 1.0)]
        claim = Claim("T-1")
        measured = 2.0 if seed in self.fails_at else 1.0
        claim.identity("one", measured, 1.0, tolerance=1e-12)
        claim.control("two", 1.0 + 1e-11 * (seed + 1), 1.0)
        claim.statistical("mean", 0.1, 0.0, 0.1, trials=100)
        claim.control("shifted", 0.6 + 0.1 * seed, 0.0)
        ledger = {"notebook": NAME, "place": "essay", "profile": "quick", "seed": seed, "claims": [claim.record()]}
        files.write_json(files.folder(output, NAME) / "claims.json", ledger)
        failure = "at cell 3, Small: ClaimsFailed: 1 of 1 claims fail: T-1" if seed in self.fails_at else None
        return [notebooks.Outcome(paths[0], None, failure, 30.0)]


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
    ("path", "old", "new"),
    [
        ("helpers/losses/a.py", "x + 1", "x + 2"),
        ("helpers/papers/small/b.py", "x + 1", "x - 1"),
        (f"notebooks/{NAME}.ipynb", "x = 1", "x = 2"),
        (f"notebooks/{NAME}.toml", "[claim.T-1]", "[claim.T-2]"),
    ],
)
def test_a_change_of_what_is_judged_changes_the_digest(place, path, old, new):
    before = seeds.digest(NAME)
    changed(place, path, old, new)
    assert seeds.digest(NAME) != before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("helpers/losses/a.py", "Text", "Another text"),
        ("helpers/losses/a.py", "x + 1  # comment", "(x +\n            1)"),
        ("helpers/papers/other/c.py", "x + 1", "x + 2"),
        ("helpers/collection/d.py", "x + 1", "x + 2"),
        (f"notebooks/{NAME}.ipynb", "text", "another text"),
        (f"notebooks/{NAME}.toml", "one is one", "one is really one"),
    ],
)
def test_a_change_of_anything_else_does_not(place, path, old, new):
    before = seeds.digest(NAME)
    changed(place, path, old, new)
    assert seeds.digest(NAME) == before


def test_the_rooms_that_a_cell_names_are_judged(place):
    notebook(place, "from helpers.papers.other import c")
    before = seeds.digest(NAME)
    changed(place, "helpers/papers/other/c.py", "x + 1", "x + 2")
    assert seeds.digest(NAME) != before


def test_a_recorded_table_is_judged_with_its_paper(place):
    before = seeds.digest(NAME)
    files.write_json(place / "recorded" / NAME / "digits.json", {"rows": []})
    assert seeds.digest(NAME) != before


# -- the command -----------------------------------------------------------------------------------------
def test_rows_are_measured_once_and_the_table_grows(place, monkeypatch, capsys):
    runner = Runner(monkeypatch)
    assert commands.main(["seeds", "0..1", "98"]) == 0
    assert commands.main(["seeds", "0..2", "98"]) == 0
    assert runner.seen == [0, 1, 2]
    out = capsys.readouterr().out
    assert "3 rows asked for, 2 there" in out
    assert "98_small, seed 1: 1 rows to go, about 0 min" in out
    assert "98_small, seed 2: every claim holds (30 s)" in out
    assert not (place / "work" / "running" / "98_small-0").exists()
    about = files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]
    assert about["seeds"] == [0, 1, 2]
    assert about["seconds"] == 90
    assert about["code"] == seeds.digest(NAME)
    assert [line["seeds"] for line in table(place)] == ["3"] * 4


def test_the_weakest_seed_stands_in_the_table(place, monkeypatch):
    Runner(monkeypatch, fails_at=[1])
    assert commands.main(["seeds", "0..2"]) == 1
    lines = {(line["kind"], line["breaks"] or line["check"]): line for line in table(place)}
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
    assert "98_small, seed 1: T-1 (not reached)" in capsys.readouterr().out
    page = (place / "recorded" / "seeds.md").read_text()
    assert "- 98_small, seed 1: 98_small at cell 3, Small: ZeroDivisionError: no" in page
    assert "- T-1, 1 of 2 seeds (1): not reached" in page


def test_an_interrupt_keeps_the_rows_and_the_next_command_goes_on(place, monkeypatch, capsys):
    Runner(monkeypatch, interrupted_at=2)
    assert commands.main(["seeds", "0..3"]) == 130
    assert files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]["seeds"] == [0, 1]
    runner = Runner(monkeypatch)
    assert commands.main(["seeds", "0..3"]) == 0
    assert runner.seen == [2, 3]
    assert "4 rows asked for, 2 there" in capsys.readouterr().out


def test_rows_of_other_code_are_measured_anew_and_the_table_says_so(place, monkeypatch, capsys):
    Runner(monkeypatch)
    commands.main(["seeds", "0..2"])
    changed(place, "helpers/losses/a.py", "x + 1", "x + 2")
    runner = Runner(monkeypatch)
    commands.main(["seeds", "1"])
    assert runner.seen == [1]
    assert "98_small: the stored table is stale, the code has changed since it was measured" in capsys.readouterr().out
    assert files.read_json(place / "recorded" / "seeds.json")["notebooks"][NAME]["seeds"] == [1]


def test_a_stored_table_with_more_seeds_stays(place, monkeypatch, capsys):
    Runner(monkeypatch)
    commands.main(["seeds", "0..2"])
    before = (place / "recorded" / "seeds.csv").read_bytes()
    for path in (place / "work").glob("*.json"):
        path.unlink()  # a fresh clone
    commands.main(["seeds", "1..2"])
    assert (place / "recorded" / "seeds.csv").read_bytes() == before
    assert "98_small: the stored table has more seeds than were measured here, and stays" in capsys.readouterr().out


def test_code_that_changes_during_a_row_spoils_it(place, monkeypatch, capsys):
    runner = Runner(monkeypatch)
    execute = runner.__call__

    def edited(*arguments, **options):
        changed(place, "helpers/losses/a.py", "x + 1", "x + 2")
        return execute(*arguments, **options)

    monkeypatch.setattr(notebooks, "execute", edited)
    assert commands.main(["seeds", "0"]) == 2
    assert "the code of 98_small changed while seed 0 was measured; the same command goes on" in capsys.readouterr().err
    assert not list((place / "work").glob("*.json"))


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


def test_remaining_time_follows_the_rows_so_far():
    expected = {"a": 10.0, "b": 20.0}
    assert seeds.remaining(["a", "b"], {}, expected) == 30
    assert seeds.remaining(["a", "b"], {"a": [30.0], "b": []}, expected) == 90  # three times as slow as expected
