"""The command for a GPU, run to its end on the CPU in tiny sizes."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from helpers import files, runtime
from helpers.gpu import cells, command, results, rows, speed
from helpers.recording import recorded

CPU = torch.device("cpu")
# What the command needs of the collection, and what it must do without.
NEEDED = ("helpers", "notebooks", "data", "figures/recorded")
ABSENT = ("matplotlib", "IPython", "jupyter", "nbformat", "nbclient", "tqdm", "pytest")  # torch brings networkx

BLOCKED = f"import sys\nsys.modules.update(dict.fromkeys({ABSENT}))\n"


# -- parts and files ----------------------------------------------------------------------------------------
def measure(items, tmp_path, seconds=60.0):
    return results.measure("some", items, tmp_path / "some.json", device=CPU, seconds=seconds, tiny=True)


def test_the_file_is_whole_before_and_after_every_item(tmp_path):
    seen = []

    def look():
        seen.append(files.read_json(tmp_path / "some.json"))
        return {"n": len(seen)}

    found = measure({"one": look, "two": look}, tmp_path)
    assert [list(before["left_out"]) for before in seen] == [["one", "two"], ["two"]]
    assert [row["n"] for row in found["rows"]] == [1, 2]
    assert found == files.read_json(tmp_path / "some.json")
    assert found["left_out"] == {}
    assert found["device"].endswith("1 thread")
    assert found["versions"]["torch"] == torch.__version__


def test_nothing_is_begun_once_the_time_is_spent(tmp_path):
    found = measure({"one": dict, "two": dict}, tmp_path, seconds=-1.0)
    assert found["rows"] == []
    assert found["left_out"] == {"one": "left out: time", "two": "left out: time"}


def test_an_item_that_goes_wrong_is_named_and_the_others_are_measured(tmp_path):
    def out_of_memory():
        raise torch.OutOfMemoryError("no room")

    found = measure({"one": out_of_memory, "two": lambda: {"x": np.nan}, "three": lambda: {"x": 1.0}}, tmp_path)
    assert [row.get("error") for row in found["rows"]] == [
        "OutOfMemoryError: no room",
        "ValueError: x is nan, expected finite numbers",
        None,
    ]
    assert [command.failed(row) for row in found["rows"]] == [True, True, False]
    assert "  one: ERROR OutOfMemoryError: no room" in "\n".join(command.report("some", found, 0))


def test_the_commit_is_that_of_the_folder_itself(tmp_path):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    assert results.commit(tmp_path) == "unknown"
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run([*git, *words], check=True)
    (tmp_path / "copy").mkdir()
    assert len(results.commit(tmp_path.resolve())) == 40
    assert results.commit(tmp_path.resolve() / "copy") == "unknown"  # some other repository lies around it


def test_a_part_that_takes_too_long_is_ended(tmp_path):
    assert command.in_time(["cells", "--tiny", "--folder", str(tmp_path)], 0.2) is None
    lines = command.report("cells", None, None)
    assert lines == ["cells: nothing was measured (exit status None)"]


def test_the_parts_and_their_starts_fit_into_eight_minutes():
    assert sum(seconds + command.GRACE for seconds in command.SECONDS.values()) <= 8 * 60 - 10


def test_a_whole_run_needs_a_gpu(monkeypatch, capsys):
    monkeypatch.setenv("DEVICE", "cpu")
    assert command.main([]) == 2
    assert "the device is cpu, expected a GPU; --tiny makes a trial run on the CPU" in capsys.readouterr().err


# -- the live cells -----------------------------------------------------------------------------------------
def test_every_cell_that_trains_belongs_to_a_group():
    groups = cells.live()
    assert len({group.label for group in groups}) == len(groups)
    found = {source for group in groups for source in group.sources if cells.TRAINS in source}
    stored = {
        cell.source
        for name in cells.cards.load_all(folder=cells.cards.FOLDER)
        for place in cells.groups.places(name)
        for cell in cells.groups.notebook(name, place).cells
        if cell.cell_type == "code" and cells.TRAINS in cell.source
    }
    assert found == stored
    assert len(groups) >= 20
    assert set(command.TINY_CELLS) <= {group.tag for group in groups}


def quick():
    return next(group for group in cells.live() if group.tag == "cell:code-3")


def test_a_cell_says_on_this_device_what_the_notebook_stores(monkeypatch):
    monkeypatch.setenv("SEED", "7")
    found = cells.compare(quick(), CPU)
    assert found["agrees"] is True
    assert found["sentences"] == 2
    assert os.environ["SEED"] == "7"  # the cells ran with 0, and the caller's own is back


def test_another_sentence_is_a_difference():
    group = quick()
    assert "within 0.01: True" in group.stored
    found = cells.compare(replace(group, stored=group.stored.replace("True", "False")), CPU)
    assert found["agrees"] is False
    assert found["here"] == ["the live row is the recorded one within #: True"]
    assert found["stored"] == ["the live row is the recorded one within #: False"]


def test_a_failing_cell_is_a_difference():
    group = quick()
    found = cells.compare(replace(group, sources=(*group.sources, "assert live['own'] == 7, live\n")), CPU)
    assert found["agrees"] is False
    assert found["failure"].startswith(("KeyError", "AssertionError"))
    assert "DIFFERS" in command._said({"item": "x", **found})


def test_a_verdict_that_turns_is_a_difference():
    passed, failed = "PASS  XX-1  title\n      check  1 <= 2\n", "FAIL  XX-1  title\n      check  3 <= 2  FAILS\n"
    assert cells.said(passed) == ["PASS XX-1"]
    assert cells.said(failed) == ["FAIL XX-1"]
    assert cells.said(passed) == cells.said(passed.replace("1 <= 2", "1.5 <= 2"))


def test_cells_that_only_draw_run_to_their_end_without_being_called_agreement():
    group = replace(quick(), sources=("gallery.show(figures.one(1)[0], 'x', data={})\nfig, columns = figures.two()",))
    assert cells.compare(replace(group, stored=""), CPU)["agrees"] is None
    assert not command.failed({"agrees": None})


# -- speed and rows -----------------------------------------------------------------------------------------
def test_shares_are_the_products_of_a_loss_over_the_rate_of_the_matrix_product(monkeypatch):
    monkeypatch.setattr(speed, "seconds_of", lambda work, device: 0.5)
    found = {name: work() for name, work in speed.loss_items(CPU, replace(speed.TINY, square=64, pairs=(32,))).items()}
    rate = found["matrix product, 64"]["teraflops"]
    assert rate == pytest.approx(2 * 64**3 / 0.5 / 1e12)
    for name, products in (("infonce", 3), ("clip", 4), ("ntxent", 2 * 2**2)):  # NT-Xent has two, of twice the rows
        assert found[f"{name}, 32"]["share"] == pytest.approx(products * 2 * 32**2 * 128 / 0.5 / 1e12 / rate)


def test_every_full_table_has_a_row_and_says_what_was_cut():
    papers = {path.stem for path in recorded.PAPERS.glob("*/tables/[!_]*.py")}
    full = set()
    for name in papers:
        try:
            recorded.table(name, "full")
        except ValueError:
            continue
        full.add(name)
    assert full == set(rows.CUTS)
    found = rows.row("alpha_cl_fashion", CPU, tiny=True)
    assert found["cut"]["epochs"] == {"here": 1, "full": 100}
    assert set(found["values"]) == {"probe", "neighbours", "rank", "feature_rank"}


def test_a_row_keeps_network_batch_optimiser_and_precision_of_the_full_table():
    for name, cut in rows.CUTS.items():
        table = recorded.table(name, "full")
        kept = {
            "encoder",
            "projector",
            "batch",
            "pairs",
            "optimiser",
            "learning_rate",
            "fast",
            "outputs",
            "temperature",
        }
        assert not kept & set(cut.settings), name
        assert cut.cell in table.cells
        assert table.constants["encoder"] == "resnet18"
        assert table.constants["fast"] is True


def test_a_row_of_a_cell_that_is_gone_is_refused(monkeypatch):
    monkeypatch.setitem(rows.CUTS, "alpha_cl_fashion", replace(rows.CUTS["alpha_cl_fashion"], cell={"loss": "none"}))
    with pytest.raises(ValueError, match=r"alpha_cl_fashion has no cell \{'loss': 'none'\} in the full profile"):
        rows.row("alpha_cl_fashion", CPU, tiny=True)


# -- the whole command --------------------------------------------------------------------------------------
@pytest.mark.slow
def test_a_copy_of_sixty_mebibytes_runs_to_its_end_without_jupyter_or_matplotlib(tmp_path):
    """A trial run on the CPU from the folders it needs, in an interpreter that has the numerical libraries alone."""
    copy, blocked = tmp_path / "copy", tmp_path / "blocked"
    for folder in NEEDED:
        shutil.copytree(runtime.ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    assert sum(path.stat().st_size for path in before) < 60 * 2**20
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text(BLOCKED)
    environment = os.environ | {"PYTHONPATH": str(blocked), "DEVICE": "cpu", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "helpers", "gpu", "--tiny"],
        cwd=copy,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = {path: json.loads(path.read_text()) for path in sorted((copy / "build" / "gpu").iterdir())}
    assert [path.stem for path in written] == sorted(command.SECONDS)
    for path, found in written.items():
        assert found["left_out"] == {}, path
        assert found["rows"], path
        assert not any(map(command.failed, found["rows"])), path
        assert found["commit"] == "unknown"  # a copy is no clone
    assert "PASS MM-P1b" in done.stdout
    after = {path: path.stat().st_mtime_ns for path in copy.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before  # figures and notebooks are as they were
    assert set(after) - set(before) == set(written)
