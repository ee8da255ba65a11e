"""The runner executes, stores and renders; a small notebook stands in for the large ones."""

import json

import nbformat
import pytest

from helpers import files
from helpers.collection import notebooks

SETUP = """
import matplotlib.pyplot as plt
from helpers import figures, runtime
from helpers.ledger.claims import Ledger
run = runtime.current()
ledger = Ledger("98_small", run)
gallery = figures.Gallery("98_small", run)
"""
CLAIM = """
with ledger.claim("S-1", "one is one", statement="1 = 1", source="here", provenance=["derived"]) as claim:
    claim.identity("one", 1.0, {value}, tolerance=1e-12)
    claim.control("two", 1.0, 2.0)
"""
FIGURE = """
fig, ax = plt.subplots()
_ = ax.plot([1, 2])
gallery.show(fig, "line", data={"y": [1.0, 2.0]}, caption="A line.", alt="A line going up, drawn as a test.",
             counterpart="none", published="none")
"""
CLOSE = "gallery.finish()\nledger.finish()"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "EXECUTED", tmp_path / "executed")
    for variable in ("PROFILE", "SEED", "DEVICE", "REDRAW"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTPUT", str(tmp_path / "figures"))
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def write(place, value=1.0, name="98_small"):
    cells = [nbformat.v4.new_markdown_cell('## 1 · Small\n<a id="S-1"></a>')]
    cells += [nbformat.v4.new_code_cell(source) for source in (SETUP, CLAIM.format(value=value), FIGURE, CLOSE)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    notebook.metadata["expected_seconds"] = 5
    path = place / "notebooks" / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


def test_run_writes_ledger_figures_and_pages_and_leaves_the_notebook_alone(place, capsys):
    path = write(place)
    before = path.read_bytes()
    assert notebooks.main(["run"]) == 0
    assert path.read_bytes() == before
    written = sorted(str(file.relative_to(place / "figures")) for file in (place / "figures").rglob("*.*"))
    small = [f"98_small/{name}" for name in ("claims.json", "figures.json", "line.csv", "line.png")]
    assert written == [*small, "CLAIMS.md", "README.md"]
    out = capsys.readouterr().out
    assert "PASS  S-1  one is one   (control fails as it must: two)" in out
    assert "1 of 1 claims hold" in out
    page = (place / "figures" / "CLAIMS.md").read_text()
    assert "[S-1](../notebooks/98_small.ipynb#S-1)" in page
    assert "## Errata found" in page
    assert "![A line going up, drawn as a test.](98_small/line.png)" in (place / "figures" / "README.md").read_text()


def test_a_failed_claim_is_recorded_and_the_exit_status_says_so(place, capsys):
    write(place, value=1.5)
    assert notebooks.main(["run", "98"]) == 1
    out = capsys.readouterr().out
    assert "STOPPED: ClaimsFailed: 1 of 1 claims fail: S-1" in out
    assert "FAIL  S-1" in out
    assert "0 of 1 claims hold" in out


def test_store_writes_outputs_without_traces(place):
    path = write(place)
    assert notebooks.main(["store"]) == 0
    stored = json.loads(path.read_text())
    text = path.read_text()
    assert "PASS  S-1" in text
    assert "iopub" not in text
    assert stored["cells"][3]["metadata"] == {"alt": "A line going up, drawn as a test."}
    assert stored["metadata"]["expected_seconds"] == 5
    assert "version" not in stored["metadata"]["language_info"]


def test_a_print_in_two_pieces_is_stored_as_one():
    pieces = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("PASS  S-1", "\n")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print()", outputs=pieces)])
    stored = nbformat.reads(notebooks.stored_form(notebook), as_version=4)
    assert [output.text for output in stored.cells[0].outputs] == ["PASS  S-1\n"]


def test_compare_accepts_the_same_and_names_what_moved(place, capsys):
    write(place)
    notebooks.main(["run"])
    figures = place / "figures"
    assert notebooks.main(["compare", str(figures), str(figures)]) == 0
    other = place / "other" / "98_small"
    for file in (figures / "98_small").iterdir():
        files.write_bytes(other / file.name, file.read_bytes())
    files.write_text(other / "line.csv", "y\n1\n3\n")
    capsys.readouterr()
    assert notebooks.main(["compare", str(figures), str(place / "other")]) == 1
    assert "line.csv moved in column 'y'" in capsys.readouterr().out


def test_an_unknown_notebook_is_named(place, capsys):
    write(place)
    assert notebooks.main(["run", "77"]) == 2
    assert "no notebook starts with '77'; there are 98_small" in capsys.readouterr().err
