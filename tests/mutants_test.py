"""The driver that puts faults in: what it draws, how it puts them in and takes them out, what its table keeps."""

import json
import os
import signal
import time

import pytest
from mutants import judge, net, places, reach, report

from helpers.collection import faults as stored

SOURCE = '''"""Says 1 + 1."""

import numpy as np

SHIFT = 0.5


def centred(values, *, axis=-1, twice=False):
    """The values minus their mean; 2 * 3 in a docstring is none of its business."""
    if len(values) > 10:
        raise ValueError(f"{len(values) + 1} values")
    mean = values.sum(axis=axis, keepdims=True) / values.shape[axis]
    result = (values - mean) ** 2 if twice else values - mean
    return -result
'''


@pytest.fixture
def offered():
    return {(fault.old, fault.new) for fault in places.faults(SOURCE, "a.py")}


def test_the_formula_is_touched(offered):
    assert {
        ("0.5", "0.505"),
        ("False", "True"),
        ("True", "False"),
        ("/", "*"),
        ("sum", "mean"),
        ("2", "3"),
        ("-", "+"),
        ("values - mean", "(values)"),
        ("-result", "(result)"),
    } <= offered


def test_messages_refusals_and_docstrings_are_not(offered):
    lines = {SOURCE.splitlines()[fault.line - 1] for fault in places.faults(SOURCE, "a.py")}
    assert not [line for line in lines if "raise" in line or '"""' in line or "> 10" in line]


def test_a_fault_replaces_its_piece_alone():
    for fault in places.faults(SOURCE, "a.py"):
        wrong = fault.put_into(SOURCE)
        assert wrong.encode()[: fault.start] == SOURCE.encode()[: fault.start]
        assert wrong.encode()[fault.start :].startswith(fault.new.encode())
        assert len(wrong.encode()) - len(SOURCE.encode()) == len(fault.new.encode()) - len(fault.old.encode())


def test_places_count_bytes():
    text = 'NAME = "τ"; x = 1 + 2\n'
    assert 'NAME = "τ"; x = 1 - 2\n' in {fault.put_into(text) for fault in places.faults(text, "a.py")}


def test_a_sample_is_the_same_again_and_the_beginning_of_a_larger_one():
    texts = {"a.py": SOURCE, "b.py": SOURCE.replace("centred", "moved")}
    drawn = places.sample(texts, 2.0, 3)
    assert drawn == places.sample(texts, 2.0, 3)
    assert drawn == places.sample(texts, 6.0, 3)[: len(drawn)]
    assert drawn != places.sample(texts, 2.0, 4)
    everything = places.sample(texts, 1e9, 3)
    assert len({fault.key for fault in everything}) == len(everything)
    assert {fault.path for fault in everything} == {"a.py", "b.py"}
    for fault in everything:
        compile(fault.put_into(texts[fault.path]), fault.path, "exec")


def test_what_is_drawn_from_a_function_does_not_hang_on_what_is_written_elsewhere():
    more = SOURCE.replace("SHIFT = 0.5", "SHIFT = 0.5\n\n\ndef other(x):\n    return (2 * x + 1) / 3 - x**2\n")
    few = {fault.key for fault in places.sample({"a.py": SOURCE}, 12.0, 0) if fault.where == "centred"}
    many = places.sample({"a.py": more, "b.py": SOURCE}, 12.0, 0)
    assert {fault.key for fault in many if (fault.path, fault.where) == ("a.py", "centred")} == few
    assert len(few) > 3
    assert {fault.where for fault in many} == {"", "centred", "other"}


def test_functions_then_kinds_then_places_have_equal_chances():
    long = "def long(x, y):\n    a = x - 1\n    return y * (a + x) * (a + y) * (x + y)\n"
    offered = places.faults("def short(x):\n    return -x\n\n\n" + long, "a.py")
    functions, kinds = {"short": 0, "long": 0}, {}
    for seed in range(2000):
        _, first = min(zip(places.clocks(offered, seed), offered, strict=True), key=lambda pair: pair[0])
        functions[first.where] += 1
        if first.where == "long":
            kinds[first.kind] = kinds.get(first.kind, 0) + 1
    # four standard errors of a share of 2,000 draws
    assert abs(functions["short"] / 2000 - 1 / 2) < 4 * (0.25 / 2000) ** 0.5
    expected = {fault.kind for fault in offered if fault.where == "long"}
    assert kinds.keys() == expected
    total, chance = functions["long"], 1 / len(expected)
    assert max(abs(count / total - chance) for count in kinds.values()) < 4 * (chance * (1 - chance) / total) ** 0.5


def test_functions_of_the_first_draw_keep_what_was_drawn_then():
    texts = {"a.py": SOURCE, "b.py": SOURCE}
    every = places.faults(SOURCE, "a.py")
    before = {places.name(fault, SOURCE) for fault in every}
    kept = next(fault for fault in every if fault.old == "values - mean")
    drawn = places.sample(texts, 1e9, 0, first=before, kept={kept.key})
    assert [fault for fault in drawn if fault.path == "a.py"] == [kept]
    assert len([fault for fault in drawn if fault.path == "b.py"]) > 10
    changed = texts | {"a.py": SOURCE.replace("** 2", "** 3")}  # no longer the function of the first draw
    drawn = places.sample(changed, 1e9, 0, first=before, kept={kept.key})
    assert len([fault for fault in drawn if (fault.path, fault.where) == ("a.py", "centred")]) > 10
    assert not [fault for fault in drawn if (fault.path, fault.where) == ("a.py", "")]


def test_in_cells_only_what_the_checks_compare_is_touched():
    cells = [
        "n, tau = 7, 0.7\nvalue = np.exp(x / tau) + 1\nbeside = 3 * value\nsizes = np.arange(3)",
        "def law(x):\n    return 2 * x\n\n\nwrong = 5 * law(1)\n",
        "with ledger.claim('T-1') as claim:\n    claim.identity('a', value, law(n), tolerance=4 * eps)\n"
        "    claim.control('b', value, wrong * 2)\n",
    ]
    reach = places.compared(cells)
    assert reach == {(0, 1), (0, 2), (1, 1), (2, 2)}
    pieces = {fault.old for cell in cells for fault in places.faults(cell, "n.ipynb", cell=0, claim="T-1")}
    assert "7" not in pieces  # a setting
    assert "4" not in pieces  # of the rule
    assert "wrong * 2" not in pieces  # of a control
    assert "2 * x" in pieces


@pytest.fixture
def tree(tmp_path):
    """A small project: two modules, their tests, no notebooks."""
    root = tmp_path / "tree"
    for folder in ("helpers/spectral", "helpers/papers", "tests", "notebooks"):
        (root / folder).mkdir(parents=True)
    for folder in ("helpers", "helpers/spectral"):
        (root / folder / "__init__.py").write_text("")
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\nmarkers = ["slow"]\n')
    (root / "helpers/spectral/sizes.py").write_text(
        "def double(x):\n    return 2 * x\n\n\ndef idle(x):\n    return x - 1\n"
    )
    (root / "helpers/spectral/areas.py").write_text(
        "from . import sizes\n\n\ndef square(x):\n    while x > 99:\n        x = x - 100\n"
        "    return sizes.double(x) * x / 2\n"
    )
    (root / "tests/areas_test.py").write_text(
        "from helpers.spectral import areas\n\n\ndef test_square():\n    assert areas.square(3) == 9\n"
        "    assert areas.square(103) == 9\n"
    )
    (root / "tests/sizes_test.py").write_text(
        "from helpers.spectral import sizes\n\n\ndef test_idle():\n    assert sizes.idle(1) < 1\n"
    )
    return root


def snapshot(folder):
    files = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_fault_is_put_into_the_copy_and_taken_out(tree):
    before = snapshot(tree)
    with net.Scratch(tree) as scratch:
        copy = snapshot(scratch.copy)
        path = "helpers/spectral/sizes.py"
        fault = next(f for f in places.faults(scratch.text(path), path) if (f.old, f.new) == ("*", "/"))
        with scratch.with_fault(fault):
            assert "2 / x" in scratch.text(path)
        assert snapshot(scratch.copy) == copy
        with pytest.raises(ZeroDivisionError), scratch.with_fault(fault):
            1 / 0  # noqa: B018 -- an interrupted run takes the fault out too
        assert snapshot(scratch.copy) == copy
        place = scratch.folder
    assert snapshot(tree) == before
    assert not place.exists()


def test_a_cell_gets_its_fault(tree):
    mine = {"cell_type": "code", "metadata": {"tags": ["claim:T-1"]}, "source": ["a = 1\n", "b = a * 2"]}
    cells = [{"cell_type": "code", "metadata": {}, "source": ["b = a * 2"]}, mine]
    (tree / "notebooks/n.ipynb").write_text(json.dumps({"cells": cells}))
    (fault, *_) = places.faults("a = 1\nb = a * 2", "notebooks/n.ipynb", cell=0, claim="T-1")
    with net.Scratch(tree) as scratch, scratch.with_fault(fault):
        other, changed = json.loads(scratch.text("notebooks/n.ipynb"))["cells"]
        assert other == cells[0]
        assert "".join(changed.pop("source")) == fault.put_into("a = 1\nb = a * 2")
        assert changed == {name: value for name, value in mine.items() if name != "source"}


def judged(tree, path, share=1e9):
    """Rows after judging a sample of the small project's faults, and what failed without any."""
    table = judge.Table(path, judge.FIELDS)
    with net.Scratch(tree) as scratch:
        judging = judge.Judge(scratch, claim_seconds=0, progress=lambda text: None)
        faults = places.sample({path: judging.modules[path] for path in judging.formulas}, share, 0)
        judging.sample(table, faults, until=time.monotonic() + 1000)
        dropped = judging.verify(table)
    return judge.Table(path, judge.FIELDS).rows, dropped


@pytest.mark.slow
def test_faults_are_judged_and_nothing_is_lost_or_judged_twice(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(net, "TEST", 2)
    path = tmp_path / "faults.csv"
    judged(tree, path, share=1.0)
    first = path.read_text()
    rows, dropped = judged(tree, path)
    text = path.read_text()
    assert not dropped
    assert text.startswith(first)
    assert 1 < len(first.splitlines()) < len(text.splitlines())
    assert len({judge.key(row) for row in rows}) == len(rows) > 8
    by_fault = {(row["where"], row["old"], row["new"]): row for row in rows}
    double = by_fault["double", "*", "/"]
    assert (double["caught"], double["by"]) == ("neighbours", "tests/areas_test.py::test_square")
    assert by_fault["square", "sizes.double(x) * x", "(x)"]["caught"] == "own"
    assert by_fault["square", "-", "+"]["how"] == "timeout"
    survivor = by_fault["idle", "1", "2"]
    assert (survivor["caught"], survivor["first"]) == ("", judge.LATER)

    judged(tree, path)
    assert path.read_text() == text  # nothing was judged again
    test = tree / "tests/sizes_test.py"
    test.write_text(test.read_text().replace("< 1", "== 0"))
    after, _ = judged(tree, path)
    assert [judge.key(row) for row in after] == [judge.key(row) for row in rows]
    (now,) = [row for row in after if judge.key(row) == judge.key(survivor)]
    assert (now["caught"], now["first"]) == ("own", judge.LATER)  # and that it once survived is kept


@pytest.mark.slow
def test_what_fails_without_a_fault_has_caught_nothing(tree, tmp_path, monkeypatch):
    monkeypatch.setattr(net, "TEST", 2)
    test = tree / "tests/sizes_test.py"
    test.write_text(test.read_text().replace("< 1", "== 7"))
    rows, dropped = judged(tree, tmp_path / "faults.csv")
    assert dropped == ["tests/sizes_test.py::test_idle"]
    assert {row["where"] for row in rows} == {"double", "square"}


MODULES = {
    "helpers/spectral/sizes.py": "def double(x):\n    return 2 * x\n\n\ndef idle(x):\n    return x\n",
    "helpers/spectral/areas.py": "from . import sizes\n\n\ndef square(x):\n    return sizes.double(x) * x / 2\n",
    "helpers/spectral/table.py": "from . import areas\n\nFORMS = {'square': areas.square}\n",
}
TESTS = {
    "tests/areas_test.py": "from helpers.spectral import areas\n\n\ndef value():\n    return areas.square(3)\n\n\n"
    "def test_value():\n    assert value() == 9\n\n\ndef test_nothing():\n    assert areas\n",
    "tests/other_test.py": "def test_double():\n    double = 3\n    assert double\n",
    "tests/table_test.py": "from helpers.spectral import table\n\n\ndef test_forms():\n"
    "    assert table.FORMS['square'](3) == 9\n",
}
CLAIM = ["from helpers.spectral import areas, sizes", "value = areas.square(2)"]


def test_who_can_notice_is_read_off_the_names():
    found = reach.Map(MODULES, TESTS, {("n", "T-1"): CLAIM, ("n", "T-2"): [CLAIM[0], "value = sizes.idle(2)"]})
    own, others = found.tests_above("helpers/spectral/sizes.py", 2)
    assert own == {}
    assert others == {"tests/areas_test.py": ["test_value"], "tests/table_test.py": ["test_forms"]}
    shared = {"tests/cases.py": TESTS["tests/areas_test.py"].replace("test_value", "case")}
    shared["tests/cases_test.py"] = "import cases\n\n\ndef test_cases():\n    assert cases.case\n"
    _, through = reach.Map(MODULES, shared, {}).tests_above("helpers/spectral/sizes.py", 2)
    assert through == {"tests/cases_test.py": ["test_cases"]}
    assert found.tests_above("helpers/spectral/areas.py", 5)[0] == {"tests/areas_test.py": ["test_value"]}
    assert found.tests_above("helpers/spectral/sizes.py", 6) == ({}, {})
    assert found.claims_above("helpers/spectral/sizes.py", 2) == [("n", "T-1")]
    assert found.claims_above("helpers/spectral/sizes.py", 6) == [("n", "T-2")]
    assert found.below(("n", "T-1")) == {("helpers/spectral/areas.py", 0), ("helpers/spectral/sizes.py", 0)}


def row_of(fault, text, **more):
    code = stored.of_function(text, fault.where)
    row = judge.about(fault, code) | {"net": "x", "first": "own", "caught": "own", "by": "t", "how": "e"}
    return row | {"tests": 1, "claims": "", "seconds": "1.0"} | more


def test_rows_of_a_function_that_has_changed_are_stale(tree, tmp_path):
    path, table = "helpers/spectral/sizes.py", judge.Table(tmp_path / "faults.csv", judge.FIELDS)
    text = (tree / path).read_text()
    for fault in places.faults(text, path):
        table.put(row_of(fault, text))
    rows = judge.Table(tmp_path / "faults.csv", judge.FIELDS).rows
    double = [row for row in rows if row["where"] == "double"]
    idle = [row for row in rows if row["where"] == "idle"]
    assert len(double) > 1
    assert len(idle) > 1
    assert report.current(tree, rows) == (rows, [])
    (tree / path).write_text("# longer\n" + text.replace("x - 1", "(x  -  1)"))
    assert report.current(tree, rows) == (rows, [])
    (tree / path).write_text(text.replace("x - 1", "x - 2"))
    assert report.current(tree, rows) == (double, idle)
    report.write(tree, tmp_path)
    assert (
        f"has {len(rows)} rows, {len(idle)} of them stale (their code has changed)"
        in (tmp_path / "README.md").read_text()
    )


def test_a_row_of_a_changed_function_leaves_the_table(tree, tmp_path, monkeypatch):
    path, table = "helpers/spectral/sizes.py", judge.Table(tmp_path / "faults.csv", judge.FIELDS)
    text = (tree / path).read_text()
    for fault in places.faults(text, path):
        table.put(row_of(fault, text))
    (tree / path).write_text(text.replace("x - 1", "x - 2"))
    with net.Scratch(tree) as scratch:
        judging = judge.Judge(scratch, claim_seconds=0, progress=lambda text: None)
        monkeypatch.setattr(judging, "judge", lambda fault: pytest.fail("judged again"))
        faults = places.sample({path: judging.modules[path]}, 1e9, 0)
        judging.sample(table, faults, until=0)
    assert {row["where"] for row in table.rows} == {"double"}


@pytest.fixture
def book(tree):
    """The small project with a notebook of two claims."""
    setup = "from helpers.spectral import areas, sizes"
    cells = [("setup", setup), ("claim:T-1", "value = areas.square(2) + 1"), ("claim:T-1", "claim.identity(value, 5)")]
    cells += [("claim:T-2", "value = sizes.idle(2)\nclaim.identity(value, 1)")]
    made = [{"cell_type": "code", "metadata": {"tags": [tag]}, "source": source} for tag, source in cells]
    (tree / "notebooks/n.ipynb").write_text(json.dumps({"cells": made}))
    return tree


def test_claims_meet_faults_until_they_have_caught_one_the_cheap_ones_first(book, tmp_path, monkeypatch):
    asked = []

    def try_claim(scratch, name, *, seconds):
        asked.append((name[1], seconds))
        if name[1] == "T-2":
            return {"failed": "timeout" if seconds < judge.CLAIM else "verdict", "moved": []}
        return {"failed": None if len(asked) < 3 else "verdict", "moved": []}

    monkeypatch.setattr(net, "try_claim", try_claim)
    path = tmp_path / "claims.csv"
    with net.Scratch(book) as scratch:
        judging = judge.Judge(scratch, claim_seconds=0, progress=lambda text: None)
        judging.claims_against_faults(
            judge.Table(path, judge.CLAIM_FIELDS), each=3, seed=0, until=time.monotonic() + 100
        )
        assert asked == [("T-1", judge.CHEAP), ("T-2", judge.CHEAP), ("T-1", judge.CHEAP), ("T-2", judge.CLAIM)]
        table = judge.Table(path, judge.CLAIM_FIELDS)
        rows = [row for row in table.rows if row["claim"] == "T-1"]
        assert len(rows) == 2
        assert [row["path"].split("/")[0] for row in rows] == ["notebooks", "helpers"]
        assert [row["how"] for row in table.rows] == ["", "verdict", "verdict"]
        assert report.current(book, table.rows) == (table.rows, [])
        asked.clear()
        judging.claims_against_faults(table, each=3, seed=0, until=time.monotonic() + 100)
        assert not asked  # both have caught one
    changed = json.loads((book / "notebooks/n.ipynb").read_text())
    changed["cells"][2]["source"] = "claim.identity(value, 6)"
    (book / "notebooks/n.ipynb").write_text(json.dumps(changed))
    assert {row["claim"] for row in report.current(book, table.rows)[1]} == {"T-1"}
    with net.Scratch(book) as scratch:
        judge.Judge(scratch, progress=print).claims_against_faults(table, each=3, seed=0, until=0)
    assert {row["claim"] for row in table.rows} == {"T-2"}


def test_the_report_begins_with_claims_that_a_fault_in_their_own_cells_left_standing(book, tmp_path, monkeypatch):
    monkeypatch.setattr(net, "try_claim", lambda scratch, name, *, seconds: {"failed": None, "moved": []})
    monkeypatch.setattr(judge.Judge, "judge", lambda self, fault: {"by": "tests/areas_test.py::test_square"})
    table = judge.Table(tmp_path / "claims.csv", judge.CLAIM_FIELDS)
    with net.Scratch(book) as scratch:
        judging = judge.Judge(scratch, claim_seconds=0, progress=lambda text: None)
        judging.claims_against_faults(table, each=2, seed=0, until=time.monotonic() + 100)
        judging.pin(table, until=time.monotonic() + 100)
    mine = next(row for row in table.rows if int(row["cell"]) >= 0)
    below = [row for row in table.rows if int(row["cell"]) < 0]
    assert {row["pinned"] for row in below} == {"tests/areas_test.py::test_square"}
    entry = f'[[survivor]]\npath = "{mine["path"]}"\nwhere = "{mine["where"]}"\nold = "{mine["old"]}"\n'
    (tmp_path / "survivors.toml").write_text(entry + f'new = "{mine["new"]}"\nclass = "hole"\nwhy = "no check asks"\n')
    report.write(book, tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.index("kept their verdict") < text.index("How many are caught") < text.index("## Claims\n")
    assert "| hole | no check asks |" in text
    assert "| test_square |" in text


def test_a_table_with_other_columns_is_refused(tmp_path):
    (tmp_path / "faults.csv").write_text("path,line\na.py,3\n")
    with pytest.raises(ValueError, match=r"faults\.csv has the columns path, line, expected path, where, kind"):
        judge.Table(tmp_path / "faults.csv", judge.FIELDS)


def test_notes_name_a_class_and_a_reason(tmp_path):
    path = tmp_path / "survivors.toml"
    assert report.notes(path) == []
    entry = '[[survivor]]\npath = "a"\nwhere = "f"\nold = "1"\nnew = "2"\nclass = "{}"\nwhy = "{}"\n'
    path.write_text(entry.format("equivalent", "it is squared"))
    assert report.notes(path)[0]["why"] == "it is squared"
    path.write_text(entry.format("harmless", "it is squared"))
    with pytest.raises(ValueError, match=r"survivors\.toml: class is 'harmless', expected one of equivalent"):
        report.notes(path)
    path.write_text(entry.format("hole", ""))
    with pytest.raises(ValueError, match=r"survivors\.toml has an entry with path, where, old, new, class, why"):
        report.notes(path)


def test_a_note_is_about_faults_that_were_not_caught_at_once():
    (fault, *_) = places.faults("x = 1 + 2\n", "a.py")
    entry = {"path": "a.py", "where": "", "old": fault.old, "new": fault.new, "class": "equivalent", "why": "it is"}
    assert report.note(row_of(fault, "x = 1 + 2\n", first="none", caught=""), [entry]) == entry
    assert report.note(row_of(fault, "x = 1 + 2\n"), [entry]) is None
    assert report.note(row_of(fault, "x = 1 + 2\n", first="none", caught="", new="7"), [entry]) is None


def test_intervals_are_exact():
    # with none of three caught the upper end solves (1 - p)^3 = 0.025
    assert report.rate(0, 3) == f"0 of 3: 0.0 % (0.0 to {100 * (1 - 0.025 ** (1 / 3)):.1f})"
    assert report.rate(0, 0) == "none"


@pytest.mark.parametrize(
    ("work", "end"),
    [
        (lambda say: say({"a": 1}), "done"),
        (lambda say: (say({"a": 1}), 1 / 0), "exception: ZeroDivisionError"),
        (lambda say: (say({"a": 1}), os.kill(os.getpid(), signal.SIGUSR1)), "crash"),
    ],
)
def test_a_fork_says_how_it_ended(work, end):
    assert net.forked(work, seconds=30) == ([{"a": 1}], end)


@pytest.mark.slow
def test_an_endless_loop_is_stopped():
    def work(say):
        say({"a": 1})
        while True:
            pass

    assert net.forked(work, seconds=1) == ([{"a": 1}], "timeout")
