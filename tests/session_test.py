"""A claim never judges another claim's numbers unnoticed; a live session writes to build/live and nowhere else."""

import json
import re

import nbformat
import pytest
import small_papers
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from helpers.ledger import session


# -- names of a cell -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("source", "assigned", "read"),
    [
        ("a = b + c", {"a"}, {"b", "c"}),
        ("import numpy as np\nfrom x import y", {"np", "y"}, set()),
        ("def f(x):\n    return x * scale", {"f"}, {"scale"}),
        ("with book.claim(1) as claim:\n    claim.control(z)", {"claim"}, {"book", "claim", "z"}),
        ("total = sum(k for k in rows if (lambda t: t + w)(k))", {"total"}, {"sum", "rows", "w"}),
        ("for a, (b, c) in pairs:\n    d[a] = b", {"a", "b", "c"}, {"a", "b", "d", "pairs"}),
        ("%time x", set(), set()),
    ],
)
def test_names_that_a_cell_assigns_and_reads(source, assigned, read):
    assert session.names(source) == (assigned, read)


# -- the watch -----------------------------------------------------------------------------------------------------
CELLS = {
    "scale = 2": "setup",
    "a = scale": "A-1",
    "check(a)": "A-1",
    "a = 7": "B-1",
    "b = a": "A-1",
    "check(b)": "A-1",
    "picture = a": "plot",
    "check(picture)": "B-1",
}


@pytest.fixture
def watch():
    return session.Watch(CELLS, {"scale": 0, "a": 0, "b": 0, "picture": 0, "check": check})


def check(*_):
    """What a claim's cell would call."""


def run(watch, *sources):
    for source in sources:
        watch.starts(source)
        watch.ends()


def test_own_names_and_those_of_the_set_up_are_free(watch):
    run(watch, "scale = 2", "a = scale")
    watch.starts("check(a)")
    watch.check("A-1")


def test_a_name_that_another_group_set_last_is_refused_in_words(watch):
    run(watch, "a = scale", "a = 7")
    watch.starts("check(a)")
    said = "A-1 would compare numbers of other cells: a of B-1. Run the cells of A-1 from its first"
    with pytest.raises(ValueError, match=said):
        watch.check("A-1")
    run(watch, "a = scale")
    watch.starts("check(a)")
    watch.check("A-1")


def test_what_follows_from_another_group_s_numbers_is_refused_too(watch):
    run(watch, "a = 7", "b = a")
    watch.starts("check(b)")
    with pytest.raises(ValueError, match="A-1 would compare numbers of other cells: b of B-1"):
        watch.check("A-1")


def test_a_figure_s_names_are_its_own(watch):
    run(watch, "picture = a")
    watch.starts("check(picture)")
    with pytest.raises(ValueError, match="B-1 would compare numbers of other cells: picture of plot"):
        watch.check("B-1")


def test_names_that_no_tagged_cell_set_are_free(watch):
    run(watch, "a = 1  # the reader's own cell")
    watch.starts("check(a)")
    watch.check("A-1")


def test_an_edited_cell_is_known_by_its_id(watch):
    watch.groups["cell-of-b"] = "B-1"
    watch.starts("a = 8  # edited", "cell-of-b")
    watch.ends()
    watch.starts("check(a)")
    with pytest.raises(ValueError, match="a of B-1"):
        watch.check("A-1")


def test_groups_are_read_from_tags_by_id_and_by_source(tmp_path):
    cells = [("x = 1", ["setup"]), ("y = 1", ["claim:A-1"]), ("plt.show()", ["claim:A-1"])]
    cells += [("plt.show()", ["figure:plot", "needs:A-1"]), ("z = 1", [])]
    made = [
        nbformat.v4.new_code_cell(source, metadata={"tags": tags}, id=f"id{k}")
        for k, (source, tags) in enumerate(cells)
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=made), tmp_path / "a.ipynb")
    groups = session.groups_of(tmp_path / "a.ipynb")
    by_id = {"id0": "setup", "id1": "A-1", "id2": "A-1", "id3": "plot"}
    assert groups == by_id | {"x = 1": "setup", "y = 1": "A-1"}  # the text of two groups' cells names neither


def test_an_unknown_place_is_refused():
    with pytest.raises(ValueError, match="place is 'annex', expected essay or appendix"):
        session.open_notebook("01_spectral_clustering", place="annex")


# -- a kernel ------------------------------------------------------------------------------------------------------
# Cards and notebooks of the collection stand in one folder; the small one's stand elsewhere.
SETUP = """
import pathlib
from helpers import files
from helpers.ledger import cards, open_notebook, session
from helpers import runtime
runtime.ROOT = cards.FOLDER = pathlib.Path.cwd()
run, ledger, gallery = open_notebook("97_small")
"""
FIRST = "x = 1.0"
SECOND = "x = 2.0"
VERDICT = """
with ledger.claim("{id}") as claim:
    claim.identity("one", x, {value}, tolerance=1e-12)
    claim.control("other", x + 1, {value})
"""


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """Runs cells of a small notebook, in any order; returns what they print."""
    for variable in ("PROFILE", "SEED", "OUTPUT", "STRICT", "REDRAW"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("DEVICE", "cpu")
    made = small_papers.content(claim__T_2=small_papers.CLAIM)
    small_papers.write(tmp_path, made=made)
    sources = [(SETUP, "setup"), (FIRST, "claim:T-1"), (VERDICT.format(id="T-1", value=1.0), "claim:T-1")]
    sources += [(SECOND, "claim:T-2"), (VERDICT.format(id="T-2", value=2.0), "claim:T-2"), ("ledger.finish()", "end")]
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}) for source, tag in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "97_small.ipynb")
    client = NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}, extra_arguments=["--log-level=ERROR"]
    )

    def run(*numbers, source=None):
        said = ""
        for number in numbers:
            cell = notebook.cells[number]
            cell.source = source or sources[number][0]
            client.execute_cell(cell, number, store_history=True)
            said += "".join(output.get("text", "") for output in cell.outputs)
        return said

    with client.setup_kernel():
        yield run


@pytest.mark.slow
def test_a_live_session_in_a_kernel(kernel, tmp_path):
    assert kernel(0, 1, 2).startswith("PASS  T-1")
    # again, and edited: the record is replaced, a broken one fails in words
    assert "(takes the place of the earlier record of T-1)" in kernel(1, 2)
    assert "FAILS (ratio 0.5)" in kernel(2, source=VERDICT.format(id="T-1", value=2.0))
    assert "values are not finite" in kernel(2, source=VERDICT.format(id="T-1", value='float("nan")'))
    # another claim's numbers are refused, in words, until its own cells have run
    with pytest.raises(CellExecutionError, match="T-2 would compare numbers of other cells: x of T-1"):
        kernel(4)
    assert kernel(3, 4).startswith("PASS  T-2")
    with pytest.raises(CellExecutionError, match="T-1 would compare numbers of other cells: x of T-2"):
        kernel(2)
    # the set-up again: a fresh ledger, one watch, which remembers
    kernel(0)
    with pytest.raises(CellExecutionError, match="T-1 would compare numbers of other cells: x of T-2"):
        kernel(2)
    assert "PASS  T-1" in kernel(0, 1, 2, 5)
    written = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.json"))
    assert written == ["build/live/97_small/claims.json"]
    stored = json.loads((tmp_path / written[0]).read_text())
    assert [claim["id"] for claim in stored["claims"]] == ["T-1"]


@pytest.mark.slow
def test_a_strict_session_records_once(kernel, monkeypatch):
    said = kernel(0, source="import os\nos.environ['STRICT'] = '1'\nos.environ['OUTPUT'] = 'out'\n" + SETUP)
    assert said == ""
    assert kernel(1, 2).startswith("PASS  T-1")
    with pytest.raises(CellExecutionError, match="T-1 is already in the ledger"):
        kernel(2)
    with pytest.raises(CellExecutionError, match=re.escape("97_small.toml has T-2, which no cell checked")):
        kernel(5)
