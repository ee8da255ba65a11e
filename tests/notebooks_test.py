"""What a reader sees in a stored notebook is complete, in order, and says what the ledger says."""

import csv
import json
import re
from pathlib import Path

import pytest
from claim_cells import notebook, tags

from helpers import files, runtime
from helpers.ledger import claims

NAMES = sorted(path.stem for path in (runtime.ROOT / "notebooks").glob("*.ipynb"))
MEGABYTES = 4
MOST_CELLS, MOST_FIGURES, MOST_IGNORED, EXERCISES = 160, 12, 5, 6


def wanted_ids(name):
    with (Path(__file__).parent / "claims.tsv").open(newline="") as stream:
        return [row["id"] for row in csv.DictReader(stream, delimiter="\t") if row["notebook"] == name]


def code_cells(name):
    return [cell for cell in notebook(name).cells if cell.cell_type == "code"]


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")


def ledger(name):
    return files.read_json(runtime.ROOT / "figures" / name / "claims.json")


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def test_there_is_a_notebook():
    assert NAMES


def test_cells_ran_in_order_from_one(name):
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_error_and_no_warning_is_stored(name):
    for cell in code_cells(name):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", cell.source


def test_kernel_and_size(name):
    assert notebook(name).metadata.kernelspec.name == "python3"
    assert (runtime.ROOT / "notebooks" / f"{name}.ipynb").stat().st_size < MEGABYTES * 1e6


def test_a_cell_that_prints_has_its_output_stored(name):
    speaks = re.compile(
        r"^\s*(print|ledger\.(claim|finish)|with ledger\.claim|gallery\.show)\(|with ledger\.claim", re.M
    )
    silent = [cell.source for cell in code_cells(name) if speaks.search(cell.source) and not cell.outputs]
    assert not silent


def test_ignored_cells_are_few_and_followed_by_a_verdict(name):
    cells = code_cells(name)
    ignored = [k for k, cell in enumerate(cells) if "NBVAL_IGNORE_OUTPUT" in cell.source]
    assert len(ignored) <= MOST_IGNORED
    assert all("print(" in cells[k + 1].source or "ledger.claim" in cells[k + 1].source for k in ignored)
    assert not any("NBVAL_SKIP" in cell.source for cell in cells)


def test_length_figures_and_exercises(name):
    cells = notebook(name).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert len(cells) <= MOST_CELLS
    assert sum("gallery.show(" in cell.source for cell in cells) <= MOST_FIGURES
    assert text.count("<details>") >= EXERCISES
    for part in ("Errata", "Weak points", "References", "★"):
        assert part in text


def test_every_claim_of_the_list_is_in_the_ledger_and_nothing_else(name):
    assert sorted(claim["id"] for claim in ledger(name)["claims"]) == sorted(wanted_ids(name))


def test_every_claim_has_its_cells_and_its_anchor(name):
    cells = notebook(name).cells
    tagged = {tag.removeprefix("claim:") for cell in cells for tag in tags(cell) if tag.startswith("claim:")}
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert tagged == set(wanted_ids(name))
    assert not [claim_id for claim_id in wanted_ids(name) if f'<a id="{claim_id}"></a>' not in text]


def test_stored_verdicts_are_the_ledger_s(name):
    lines = [line for cell in code_cells(name) for line in printed(cell).splitlines()]
    stored = [line for line in lines if line.startswith(("PASS", "FAIL"))]
    assert sorted(stored) == sorted(claims.verdict_line(record) for record in ledger(name)["claims"])


def test_every_stored_claim_passes(name):
    assert [claim["id"] for claim in ledger(name)["claims"] if not claims.passed(claim)] == []


def test_every_figure_has_picture_numbers_and_alt_text(name):
    folder = runtime.ROOT / "figures" / name
    entries = json.loads((folder / "figures.json").read_text())
    assert len(entries) == sum("gallery.show(" in cell.source for cell in code_cells(name))
    for entry in entries:
        assert (folder / f"{entry['name']}.png").exists()
        assert (folder / f"{entry['name']}.csv").exists()
        assert len(entry["alt"]) > 20
    shown = [cell for cell in code_cells(name) if "gallery.show(" in cell.source]
    assert all(cell.metadata.get("alt") for cell in shown)


def test_no_machine_trace_is_stored(name):
    text = (runtime.ROOT / "notebooks" / f"{name}.ipynb").read_text()
    assert "iopub.execute_input" not in text
    assert str(runtime.ROOT) not in text
    assert not re.search(r"/(home|root|Users|tmp)/", text)
