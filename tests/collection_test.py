"""The runner executes, stores and renders; a small paper, essay and appendix, stands in for the large ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
import small_papers

from helpers import files
from helpers.collection import commands, explain, generated, notebooks, pages, welcome
from helpers.ledger import cards

ROOT = Path(__file__).resolve().parents[1]
SETUP = """
import pathlib
import matplotlib.pyplot as plt
from helpers.ledger import cards, open_notebook
cards.FOLDER = pathlib.Path("{folder}")
run, ledger, gallery = open_notebook("98_small", place="{place}")
"""
CLAIM = """
with ledger.{method}("{id}") as claim:
    claim.identity("{method} of {id}", 1.0, {value}, tolerance=1e-12)
    claim.control("two", 1.0, 2.0)
"""
FIGURE = """
fig, ax = plt.subplots()
_ = ax.plot([1, 2])
gallery.show(fig, "line", data={"y": [1.0, 2.25]})
"""
CLOSE = "gallery.finish()\nledger.finish()"
CHANGES = {
    "paper__form": "essay",
    "claim__T_2": small_papers.CLAIM | {"title": "|two| is two", "where": "appendix", "statement": "|2| = 2"},
    "claim__T_1__weak": "n = 1 only",
    "figure__line": small_papers.FIGURE | {"caption": "Up to {=y/max .2f}."},
    "erratum__E1": {"quoted": "$|1| = 2$", "corrected": "$1 = 1$.", "evidence": "T-2"},
}
SLEEP = "import time\ntime.sleep(600)"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a paper's card, essay and appendix; ``figures`` and ``executed`` beside them."""
    for variable in ("PROFILE", "SEED", "REDRAW", "STRICT"):
        monkeypatch.delenv(variable, raising=False)
    for name in (*notebooks.ONE_THREAD, "PYTHONPATH"):  # a run sets them
        monkeypatch.setenv(name, os.environ.get(name, ""))
    monkeypatch.setenv("DEVICE", "cpu")
    monkeypatch.setenv("OUTPUT", str(tmp_path / "figures"))
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "EXECUTED", tmp_path / "executed")
    monkeypatch.setattr(commands, "PAGES", (tmp_path / "README.md",))
    (tmp_path / "notebooks" / "appendix").mkdir(parents=True)
    write(tmp_path)
    return tmp_path


def write(folder, value=1.0, **changes):
    small_papers.write(folder / "notebooks", "98_small", small_papers.content(**(CHANGES | changes)))
    anchors = '## Small\n<a id="T-1"></a><a id="T-2"></a>\n'
    tied = "It is\n<!-- = csv:line/y/max .2f -->0<!-- / -->, nearly."
    texts = [(anchors, []), (tied.replace("is\n", "is "), [])]
    texts += [("", [f"generated:{kind}"]) for kind in generated.KINDS]
    essay = [(CLAIM.format(method="claim", id="T-1", value=value), ["claim:T-1"]), (FIGURE, ["figure:line"])]
    appendix = [(CLAIM.format(method=method, id=label, value=1.0), [f"claim:{label}"]) for method, label in MORE]
    for where, cells in (("essay", essay), ("appendix", appendix)):
        setup = SETUP.format(folder=folder / "notebooks", place=where)
        code = [(setup, ["setup"]), *cells, (CLOSE, [])]
        made = [
            nbformat.v4.new_markdown_cell(text, metadata={"tags": tags}) for text, tags in texts if where == "essay"
        ]
        made += [nbformat.v4.new_code_cell(source, metadata={"tags": tags}) for source, tags in code]
        for number, cell in enumerate(made):
            cell["id"] = f"cell-{number}"
        notebook = nbformat.v4.new_notebook(cells=made)
        notebook.metadata["expected_seconds"] = 5
        nbformat.write(notebook, path(folder, where))


MORE = (("more", "T-1"), ("claim", "T-2"))


def path(folder, where="essay"):
    return folder / "notebooks" / ("appendix" if where == "appendix" else "") / "98_small.ipynb"


# -- a run ---------------------------------------------------------------------------------------------
@pytest.mark.slow
def test_run_writes_ledgers_figures_and_pages_and_leaves_the_notebooks_alone(place, capsys):
    before = [path(place, where).read_bytes() for where in cards.PLACES]
    assert commands.main(["run"]) == 0
    assert [path(place, where).read_bytes() for where in cards.PLACES] == before
    written = sorted(str(file.relative_to(place / "figures")) for file in (place / "figures").rglob("*.*"))
    small = [f"98_small/{name}" for name in ("claims.json", "figures.json", "line.csv", "line.png")]
    appendix = [f"98_small/appendix/{name}" for name in ("claims.json", "figures.json")]
    theory_map = ["theory_map.csv", "theory_map.png", "theory_map_arrows.csv"]
    assert written == [*appendix, *small, "CLAIMS.md", "README.md", *theory_map]
    out = capsys.readouterr().out
    assert "98_small: ran to its end" in out
    assert "appendix/98_small: ran to its end" in out
    assert "PASS  T-1     one is one   (claim of T-1: 0 <= 1e-12)" in out
    assert "2 of 2 claims hold, and every control of theirs fails as it must: 2 run, 0 stored." in out
    gallery = (place / "figures" / "README.md").read_text()
    assert "![A line that rises, drawn as a test.](98_small/line.png)\n\nUp to 2.25." in gallery
    page = (place / "figures" / "CLAIMS.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| T-1 "))
    assert row.split(" | ")[1:] == [
        "one is one: $1 = 1$",
        "PASS",
        "claim of T-1: `0 <= 1e-12`",
        "stay below",
        "a change of 1e-12",
        "not met",  # of random faults
        "two: misses by a factor of 1.0e+12",
        "derived",
        "[essay](../notebooks/98_small.ipynb#T-1), [further checks](../notebooks/appendix/98_small.ipynb#T-1) |",
    ]
    assert "| T-2 | \\|two\\| is two: $\\vert 2\\vert  = 2$ |" in page
    assert "| 98 E1 | $\\vert 1\\vert  = 2$ | $1 = 1$. | [T-2](../notebooks/appendix/98_small.ipynb#T-2) |" in page
    assert "- [T-1](../notebooks/98_small.ipynb#T-1): n = 1 only." in page


@pytest.mark.slow
def test_a_failed_claim_is_recorded_and_the_exit_status_says_so(place, capsys):
    write(place, value=1.5)
    assert commands.main(["run", "98"]) == 1
    out = capsys.readouterr().out
    assert "98_small: STOPPED at cell 9, Small: ClaimsFailed: 1 of 1 claims fail: T-1" in out
    assert "appendix/98_small: ran to its end" in out
    assert "FAIL  T-1     one is one   (claim of T-1)" in out
    assert "1 of 2 claims hold" in out


@pytest.mark.slow
def test_store_writes_outputs_generated_text_and_tied_numbers(place):
    (place / "README.md").write_text("A page with <!-- = ledger:T-1/control: two/measured .0f -->7<!-- / -->.\n")
    assert commands.main(["store"]) == 0
    text, stored = path(place).read_text(), json.loads(path(place).read_text())
    assert "PASS  T-1  one is one" in text
    assert "iopub" not in text
    assert [cell["id"] for cell in stored["cells"]] == [f"cell-{number}" for number in range(len(stored["cells"]))]
    figure = next(cell for cell in stored["cells"] if "figure:line" in cell["metadata"].get("tags", []))
    assert figure["metadata"] == {"alt": small_papers.FIGURE["alt"], "tags": ["figure:line"]}
    assert stored["metadata"]["expected_seconds"] == 5
    assert "version" not in stored["metadata"]["language_info"]
    markdown = ["".join(cell["source"]) for cell in stored["cells"] if cell["cell_type"] == "markdown"]
    assert markdown[1] == "It is <!-- = csv:line/y/max .2f -->2.25<!-- / -->, nearly."
    assert markdown[2] == "## Contents\n\n1. **Is one one?** (5 min)\n   - [T-1](#T-1) one is one"
    assert markdown[3].splitlines()[2] == (
        "| [T-1](#T-1) | one is one | `0 <= 1e-12` | a change of 1e-12 | two: misses by a factor of 1.0e+12 | derived |"
    )
    assert markdown[4].endswith("*Corrected:* $1 = 1$. Evidence: [T-2](appendix/98_small.ipynb#T-2).")
    assert markdown[5] == "- [T-1](#T-1): n = 1 only."
    assert (place / "README.md").read_text().endswith("-->1<!-- / -->.\n")
    # what is stored is what would be written again
    before = path(place).read_bytes()
    card, found = pages.records(place / "figures", folder=place / "notebooks")["98_small"]
    again = nbformat.read(path(place), as_version=4)
    generated.fill(again, card, found, "essay")
    notebooks.write(path(place), again)
    assert path(place).read_bytes() == before


@pytest.mark.parametrize("variable", ["SEED", "PROFILE"])
def test_only_the_plain_run_is_stored(place, monkeypatch, capsys, variable):
    monkeypatch.setenv(variable, {"SEED": "3", "PROFILE": "full"}[variable])
    assert commands.main(["store"]) == 2
    assert "only the quick one with seed 0 is stored" in capsys.readouterr().err


def children(pid):
    """Processes below a process."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found += [int(status.parent.name), *children(int(status.parent.name))]
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")
def test_an_interrupt_ends_the_run_and_its_kernels_within_seconds(place):
    for where in cards.PLACES:
        notebook = nbformat.read(path(place, where), as_version=4)
        notebook.cells.append(nbformat.v4.new_code_cell(SLEEP))
        notebook.cells.append(nbformat.v4.new_code_cell("1 + 1"))
        nbformat.write(notebook, path(place, where))
    script = f"""
import pathlib, sys
from helpers.collection import commands, notebooks
notebooks.NOTEBOOKS = pathlib.Path({str(place / "notebooks")!r})
notebooks.EXECUTED = pathlib.Path({str(place / "executed")!r})
sys.exit(commands.main(["run"]))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True, "env": environment}
    run = subprocess.Popen([sys.executable, "-c", script], **options)
    try:
        # both kernels sleep once both ledgers are there
        ledgers = [files.folder(place / "figures", "98_small", where) / "claims.json" for where in cards.PLACES]
        deadline = time.monotonic() + 120
        while not all(ledger.exists() for ledger in ledgers) and time.monotonic() < deadline:
            time.sleep(0.2)
        kernels = children(run.pid)
        assert len(kernels) >= 2
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=30)
    finally:
        run.kill()
    assert run.returncode == 130
    assert "interrupted; what was written is whole" in said
    assert [pid for pid in kernels if Path(f"/proc/{pid}").exists()] == []
    assert not (place / "executed" / "98_small.ipynb").exists()


def test_an_estimate_is_revised_when_a_run_passes_it():
    assert notebooks.estimate(50, 49, 3, 40) == 50
    assert notebooks.estimate(50, 60, 20, 40) == 120
    assert notebooks.estimate(50, 60, 0, 40) is None
    assert notebooks.estimate(None, 10, 20, 40) == 20


# -- what would stop a run is said before it -------------------------------------------------------------
def refused(capsys, *arguments):
    assert commands.main(list(arguments) or ["run"]) == 2
    return capsys.readouterr().err


def test_the_essays_can_be_asked_for_alone():
    essays, everything = notebooks.notebooks(essays=True), notebooks.notebooks()
    assert [path for path in everything if path.parent.name != "appendix"] == essays
    assert len(essays) == 6
    assert len(everything) == 11  # the page across the papers has no appendix


def test_an_unknown_notebook_is_named(place, capsys):
    assert "no notebook starts with '77'; there are 98_small\n" in refused(capsys, "run", "77")


def test_a_missing_card_is_named(place, capsys):
    (place / "notebooks" / "98_small.toml").unlink()
    assert "98_small has no card, " in refused(capsys)


def test_an_essay_without_its_appendix_is_named(place, capsys):
    path(place, "appendix").unlink()
    assert "the essay 98_small has no appendix, " in refused(capsys)


def test_a_card_without_its_notebook_is_named(place, capsys):
    path(place).unlink()
    assert "98_small.toml has no notebook 98_small.ipynb" in refused(capsys)


def test_an_appendix_needs_a_card_that_says_so(place, capsys):
    write(place, paper__form=None)
    assert 'appendix/98_small: its card does not say form = "essay"' in refused(capsys)


def test_a_card_that_cannot_be_used_is_named(place, capsys):
    (place / "notebooks" / "98_small.toml").write_text("[paper\n")
    assert "98_small.toml is not valid TOML" in refused(capsys)


def test_a_foreign_kernel_is_named(place, capsys, monkeypatch):
    folder = place / "jupyter" / "kernels" / "python3"
    content = {"argv": ["/usr/bin/other-python", "-m", "x"], "display_name": "Python 3", "language": "python"}
    files.write_json(folder / "kernel.json", content)
    monkeypatch.setenv("JUPYTER_PATH", str(place / "jupyter"))
    said = refused(capsys)
    assert "the kernel named python3 is another installation's, /usr/bin/other-python (" in said
    assert str(folder) in said


def test_a_missing_kernel_is_named(place, capsys, monkeypatch):
    monkeypatch.setattr(notebooks, "KERNEL", "no-such-kernel")
    assert "there is no kernel named no-such-kernel: run make setup" in refused(capsys)


@pytest.mark.parametrize("name", ["figures", "executed"])
def test_a_folder_that_cannot_be_written_is_named_before_anything_runs(place, capsys, name):
    (place / name).write_text("a file where a folder should be")
    said = refused(capsys)
    assert f"{place / name} cannot be written" in said
    assert "nothing was run" in said


@pytest.mark.slow
def test_a_notebook_of_another_clone_is_named(place, monkeypatch):
    """A copy of a notebook, whose helpers are those of this clone."""
    copy = place / "other" / "notebooks"
    copy.mkdir(parents=True)
    for name in ("98_small.ipynb", "98_small.toml"):
        shutil.copy(place / "notebooks" / name, copy / name)
    monkeypatch.setattr(cards, "FOLDER", place / "notebooks")
    monkeypatch.chdir(copy)
    from helpers.ledger import open_notebook

    with pytest.raises(ValueError, match=r"this notebook stands in .*other.notebooks, but its helpers come from "):
        open_notebook("98_small")


# -- what is stored --------------------------------------------------------------------------------------
def test_a_print_in_two_pieces_is_stored_as_one():
    pieces = [nbformat.v4.new_output("stream", name="stdout", text=text) for text in ("PASS  S-1", "\n")]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print()", outputs=pieces)])
    stored = notebooks.stored_form(notebook)
    assert [output.text for output in stored.cells[0].outputs] == ["PASS  S-1\n"]


def test_ids_and_tags_are_stored_and_an_old_alt_text_is_not():
    cell = nbformat.v4.new_code_cell(
        "1", metadata={"tags": ["setup"], "alt": "gone", "execution": {"shell.execute_reply": "2024"}}, id="first"
    )
    stored = notebooks.stored_form(nbformat.v4.new_notebook(cells=[cell]))
    assert stored.cells[0].id == "first"
    assert stored.cells[0].metadata == {"tags": ["setup"]}


def test_a_wrong_tag_of_generated_text_is_refused(tmp_path):
    card = small_papers.load(tmp_path)
    for cell in (nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell):
        kind = "claims" if cell is nbformat.v4.new_code_cell else "poems"
        notebook = nbformat.v4.new_notebook(cells=[cell("", metadata={"tags": [f"generated:{kind}"]})])
        with pytest.raises(
            ValueError, match=f"97_small, essay: a .* cell is tagged 'generated:{kind}'; expected a Mark"
        ):
            generated.fill(notebook, card, {}, "essay")


# -- compare, claims, claim, lab -------------------------------------------------------------------------
def ledger(folder, name, where, *ids):
    """A stored ledger and an empty list of figures."""
    from helpers.ledger.verdicts import Claim

    records = []
    for label in ids:
        claim = Claim(label)
        claim.identity(f"{where} of {label}", 1.0, 1.0, tolerance=1e-12)
        claim.control("two", 1.0, 2.0)
        records.append(claim.record())
    below = files.folder(folder, name, where)
    content = {"notebook": name, "place": where, "profile": "quick", "seed": 0, "claims": records}
    files.write_json(below / "claims.json", content)
    files.write_json(below / "figures.json", [{"name": "line", "picture": False, "agreement": {"y": 0.01}}])
    files.write_text(below / "line.csv", "y\n1\n2\n")


@pytest.fixture
def stored(place):
    ledger(place / "figures", "98_small", "essay", "T-1")
    ledger(place / "figures", "98_small", "appendix", "T-2", "T-1")
    return place / "figures"


def test_compare_accepts_the_same_and_names_what_moved(stored, capsys):
    assert commands.main(["compare", str(stored), str(stored)]) == 0
    other = stored.parent / "other"
    shutil.copytree(stored, other)
    (other / "98_small" / "line.csv").write_text("y\n1\n3\n")
    shutil.rmtree(other / "98_small" / "appendix")
    capsys.readouterr()
    assert commands.main(["compare", str(stored), str(other)]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "98_small: line.csv moved in column 'y'",
        "98_small/appendix: no fresh ledger",
    ]


def test_compare_by_id_does_not_care_where_a_claim_stands(stored, capsys):
    other = stored.parent / "other"
    ledger(other, "98_small", "essay", "T-2")
    ledger(other, "98_small", "appendix", "T-1")
    assert commands.main(["compare", "--by-id", str(stored), str(other)]) == 1
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "T-1: check 'essay of T-1' is gone",
        "T-1: control 'two' of 'essay of T-1' is gone",
        "T-2: check 'appendix of T-2' is gone",
        "T-2: check 'essay of T-2' is new",
        "T-2: control 'two' of 'appendix of T-2' is gone",
        "T-2: control 'two' of 'essay of T-2' is new",
    ]


def test_no_claim_at_all_is_an_error(place):
    with pytest.raises(ValueError, match="holds no claims; make figures writes them"):
        pages.table(place / "figures", folder=place / "notebooks")
    assert pages.compare(place / "figures", place / "figures") == [f"{place / 'figures'} holds no claims"]


def test_the_tally_says_what_was_run_and_what_is_stored(stored):
    folder = stored.parent / "notebooks"
    assert pages.table(stored, folder=folder, run=[("98_small", "appendix")]).endswith(": 2 run, 0 stored.")
    text = pages.table(stored, folder=folder, run=[("98_small", "essay")])
    assert text.endswith("2 of 2 claims hold, and every control of theirs fails as it must: 1 run, 1 stored.")


def test_a_claim_in_no_ledger_is_named(stored):
    (stored / "98_small" / "appendix" / "claims.json").unlink()
    assert "not in any ledger: T-2" in pages.table(stored, folder=stored.parent / "notebooks")


@pytest.mark.slow
def test_the_stored_claims_are_printed_without_waiting_for_torch():
    script = "import sys, runpy\nfrom helpers.collection import generated, prose\nsys.argv = ['helpers', 'claims']\n"
    script += (
        "try:\n    runpy.run_module('helpers', run_name='__main__')\nexcept SystemExit as end:\n    status = end.code\n"
    )
    script += "assert not status\nassert not {'torch', 'matplotlib', 'nbclient', 'nbformat'} & set(sys.modules)\n"
    environment = {key: value for key, value in os.environ.items() if key not in ("OUTPUT", "PROFILE", "SEED")}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "claims hold" in done.stdout


def test_a_claim_is_explained_from_the_cards(tmp_path):
    small_papers.write(tmp_path, "96_first")
    other = small_papers.CLAIM | {"uses": {"T-1": "the first step"}, "method": "exact", "weak": "n = 1 only"}
    erratum = {"quoted": "2", "corrected": "1", "evidence": "X-1"}
    small_papers.write(tmp_path, "97_small", small_papers.content(claim={"X-1": other}, erratum__E1=erratum))
    every = cards.load_all(folder=tmp_path)
    assert explain.explanation(every["97_small"], "X-1", every).splitlines() == [
        "X-1  one is one",
        "",
        "statement:  $1 = 1$",
        "source:     here",
        "provenance: derived",
        "part:       Is one one?",
        "where:      97_small, its notebook",
        "method:     exact",
        "not tested: n = 1 only",
        "uses:       T-1 (one is one): the first step",
        "erratum E1: quoted: 2. Corrected: 1.",
    ]
    assert explain.explanation(every["96_first"], "T-1", every).splitlines()[-1] == (
        "used by:    X-1 (one is one): the first step"
    )


def test_a_claim_is_run_without_a_kernel(place, monkeypatch, capsys):
    from helpers.collection import groups

    groups.notebook.cache_clear()
    monkeypatch.setattr(cards, "FOLDER", place / "notebooks")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("STRICT", "0")
    assert commands.main(["claim", "T-1"]) == 0
    out = capsys.readouterr().out
    assert out.count("PASS  T-1  one is one") == 2  # essay and appendix
    assert "nearest control: two: misses by a factor of 1.0e+12" in out
    assert "T-1 holds; its cells took " in out
    assert commands.main(["claim", "T-9"]) == 2
    assert "no card has a claim 'T-9' (make claim ID=...); there are\n  98_small: T-1, T-2" in capsys.readouterr().err
    write(place, value=1.5)
    groups.notebook.cache_clear()
    assert commands.main(["claim", "T-1"]) == 1
    assert "T-1 FAILS" in capsys.readouterr().out
    groups.notebook.cache_clear()


def test_the_welcome_page_leads_to_every_notebook(tmp_path):
    page = welcome.page({"97_small": small_papers.load(tmp_path, paper__form="essay")})
    assert "- [97_small](../notebooks/97_small.ipynb): A paper (5 min)" in page
    assert "[appendix](../notebooks/appendix/97_small.ipynb)" in page
    assert "[README](../README.md)" in page


def test_markdown_is_shown_rendered_unless_somebody_chose_otherwise(tmp_path):
    settings = tmp_path / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    plugin = "@jupyterlab/docmanager-extension:plugin"
    welcome.preview_markdown(tmp_path)
    assert files.read_json(settings) == {plugin: {"defaultViewers": {"markdown": "Markdown Preview"}}}
    files.write_json(settings, {plugin: {"defaultViewers": {"markdown": "Editor"}}, "other": {"x": 1}})
    welcome.preview_markdown(tmp_path)
    assert files.read_json(settings) == {plugin: {"defaultViewers": {"markdown": "Editor"}}, "other": {"x": 1}}


def test_lab_opens_the_page_with_the_helpers_of_this_clone(place, monkeypatch):
    called = []
    monkeypatch.setattr(os, "execv", lambda program, arguments: called.append(arguments))
    monkeypatch.setattr(welcome, "PAGE", ROOT / "build" / "welcome.md")
    monkeypatch.setattr(welcome, "preview_markdown", lambda prefix: None)
    written = {}
    monkeypatch.setattr(files, "write_text", lambda path, text: written.setdefault(path, text))
    commands.main(["lab", "--no-browser"])
    assert os.environ["PYTHONPATH"] == str(ROOT)
    assert called[0][1:4] == ["-m", "jupyter", "lab"]
    assert called[0][-2:] == ["--LabApp.default_url=/lab/tree/build/welcome.md", "--no-browser"]
    assert "98_small" in written[ROOT / "build" / "welcome.md"]
