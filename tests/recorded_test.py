import json
import sys
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from tqdm import tqdm

from helpers import files
from helpers.recording import recorded, sweeps
from helpers.training import checkpoints

CPU = torch.device("cpu")


def definition(measure, **changes):
    parts = {
        "name": "tiny",
        "notebook": "00_none",
        "about": "x squared plus seed",
        "constants": {"power": 2},
        "cells": [{"x": 1.0}, {"x": 2.0}],
        "seeds": [0, 1, 2],
    }
    return recorded.Table(**(parts | changes), measure=measure)


def square(settings, seed, device, scratch):
    return {"y": settings["x"] ** settings["power"] + seed, "z": np.float64(1)}


def run(table, folder, **options):
    return sweeps.record(table, device=CPU, store=folder / "store", partial=folder / "partial", bar=silent, **options)


def silent(**options):
    return tqdm(**options, disable=True)


def test_every_cell_and_seed_is_measured_once_and_read_back(tmp_path):
    table = definition(square)
    path = run(table, tmp_path)
    assert path == tmp_path / "store" / "00_none" / "tiny.json"
    found = recorded.load(table, store=tmp_path / "store")
    np.testing.assert_array_equal(found.values("y", x=2.0), [4, 5, 6])
    assert len(found.rows) == 6
    assert not list((tmp_path / "partial").rglob("*.json"))


def test_the_provenance_says_when_where_and_that_it_was_not_computed_here(tmp_path):
    table = definition(square)
    run(table, tmp_path)
    line = recorded.load(table, store=tmp_path / "store").provenance
    for part in ("Recorded on 20", "not computed in this run", "6 rows", "torch 2", "make record TABLE=00_none/tiny"):
        assert part in line


def test_an_interrupted_recording_goes_on(tmp_path):
    calls = []

    def stops(cell, seed, device, scratch):
        calls.append((cell["x"], seed))
        if len(calls) == 4:
            checkpoints.Checkpoint(scratch).save({"half": "way"})
            raise KeyboardInterrupt
        return square(cell, seed, device, scratch)

    table = definition(stops)
    with pytest.raises(KeyboardInterrupt):
        run(table, tmp_path)
    seen = []

    def goes_on(cell, seed, device, scratch):
        seen.append(checkpoints.Checkpoint(scratch).load())
        calls.append((cell["x"], seed))
        return square(cell, seed, device, scratch)

    run(definition(goes_on), tmp_path)
    # the row that was under way is measured again, with its checkpoint; no other one is
    assert calls == [(1.0, 0), (1.0, 1), (1.0, 2), (2.0, 0), (2.0, 0), (2.0, 1), (2.0, 2)]
    assert seen == [{"half": "way"}, None, None]
    assert not list((tmp_path / "partial").rglob("*.pt"))
    assert recorded.load(table, store=tmp_path / "store").values("y", x=1.0).tolist() == [1, 2, 3]


def test_rows_of_another_definition_are_not_mixed_in(tmp_path):
    def stops(cell, seed, device, scratch):
        if seed == 1:
            raise KeyboardInterrupt
        return square(cell, seed, device, scratch)

    with pytest.raises(KeyboardInterrupt):
        run(definition(stops), tmp_path)
    with pytest.raises(ValueError, match="another definition or device"):
        run(definition(square, constants={"power": 3}), tmp_path)


def test_a_stale_or_missing_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="make record TABLE=00_none/tiny"):
        recorded.load(definition(square), store=tmp_path)
    run(definition(square), tmp_path)
    with pytest.raises(ValueError, match="other settings"):
        recorded.load(definition(square, seeds=[0, 1]), store=tmp_path / "store")


def test_a_value_that_is_not_finite_is_refused(tmp_path):
    with pytest.raises(ValueError, match="y is not finite"):
        run(definition(lambda *_: {"y": float("nan")}), tmp_path)


def test_a_selection_must_single_out_a_cell(tmp_path):
    run(definition(square), tmp_path)
    found = recorded.load(definition(square), store=tmp_path / "store")
    for where in ({}, {"x": 9.0}):
        with pytest.raises(ValueError, match="expected one for each of 3 seeds"):
            found.values("y", **where)


def test_the_best_setting_is_chosen_by_another_number(tmp_path):
    cells = [{"kind": kind, "x": x} for kind in ("a", "b") for x in (1.0, 2.0, 3.0)]

    def measure(cell, seed, device, scratch):
        return {
            "validation": -abs(cell["x"] - 2) + (cell["kind"] == "b") * 2 * cell["x"] + 0.01 * seed,
            "test": cell["x"],
        }

    run(definition(measure, cells=cells), tmp_path)
    found = recorded.load(definition(measure, cells=cells), store=tmp_path / "store")
    assert found.best("x", by="validation", kind="a") == 2.0
    assert found.best("x", by="test", kind="a") == 3.0
    assert found.best("x", by="validation", kind="b") == 3.0
    with pytest.raises(ValueError, match="matches no row"):
        found.best("x", by="test", kind="c")


def test_tables_are_found_by_name():
    table = recorded.table("01_spectral_clustering/kernel_infonce_digits")
    assert table == recorded.table("kernel_infonce_digits")
    for name in ("01_spectral_clustering/no_such", "02_alpha_cl/kernel_infonce_digits"):
        with pytest.raises(ValueError, match="no table"):
            recorded.table(name)


def test_the_full_profile_has_sizes_and_a_name_of_its_own(monkeypatch, tmp_path):
    module = types.ModuleType("helpers.papers.none.tables.tiny")
    module.NOTEBOOK, module.ABOUT, module.measure = "00_none", "x squared", square
    module.CONSTANTS, module.CELLS, module.SEEDS = {"power": 2, "data": "small"}, [{"x": 2.0}], (0, 1)
    module.FULL = {"constants": {"power": 3}, "seeds": (0, 1, 2)}
    monkeypatch.setitem(sys.modules, "helpers.papers.none.tables.tiny", module)
    monkeypatch.setattr(recorded, "PAPERS", tmp_path)
    files.write_text(tmp_path / "none" / "tables" / "tiny.py", "")
    quick, full = recorded.table("tiny"), recorded.table("00_none/tiny", "full")
    assert (quick.path, full.path) == ("00_none/tiny", "00_none/tiny_full")
    assert full.settings(full.cells[0]) == {"power": 3, "data": "small", "x": 2.0}
    run(quick, tmp_path)
    for profile in ("quick", "full"):  # what is there is shown
        assert recorded.shown("tiny", profile, store=tmp_path / "store").values("y", x=2.0).tolist() == [4, 5]
    run(full, tmp_path)
    assert recorded.shown("tiny", "full", store=tmp_path / "store").values("y", x=2.0).tolist() == [8, 9, 10]
    assert recorded.shown("tiny", "quick", store=tmp_path / "store").values("y", x=2.0).tolist() == [4, 5]


def test_other_images_have_a_name_of_their_own():
    own, other = (recorded.table("robust_fashion", data=name) for name in ("fashion-mnist", "cifar-10"))
    assert own == recorded.table("robust_fashion")
    assert other.path == "05_robust_contrastive/robust_fashion_cifar-10"
    assert other.constants == own.constants | {"data": "cifar-10"}
    assert other.fingerprint != own.fingerprint
    assert other.command == "make record TABLE=05_robust_contrastive/robust_fashion DATA=cifar-10"
    full = recorded.table("robust_fashion", "full", "fashion-mnist")
    assert full.command == "PROFILE=full make record TABLE=05_robust_contrastive/robust_fashion DATA=fashion-mnist"
    assert full.name == "robust_fashion_full_fashion-mnist"
    with pytest.raises(ValueError, match=r"no data set is named 'imagenet'; there are fashion-mnist, cifar-10"):
        recorded.table("robust_fashion", data="imagenet")
    with pytest.raises(ValueError, match="has one data set only"):
        recorded.table("robust_digits", data="cifar-10")


def test_a_table_of_one_size_says_so():
    with pytest.raises(ValueError, match="has one size only"):
        recorded.table("kernel_infonce_digits", "full")


TABLES = [path for path in sorted(recorded.STORE.glob("*/*.json")) if path.parent.name != "gpu"]  # speeds, no tables


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_every_stored_table_fits_its_definition(path):
    names = [found.stem for found in recorded.PAPERS.glob("*/tables/[!_]*.py") if path.stem.startswith(found.stem)]
    name, images = max(names, key=len), files.read_json(path)["constants"].get("data")
    rest = path.stem.removeprefix(name)
    table = recorded.table(f"{path.parent.name}/{name}", "full" if rest.startswith("_full") else "quick", images)
    assert table.name == path.stem
    found = recorded.load(table)
    assert len(found.rows) == len(table.cells) * len(table.seeds)
    assert json.dumps(found.record, allow_nan=False)


def test_a_row_that_goes_wrong_is_named(tmp_path):
    def fails(settings, seed, device, scratch):
        raise FloatingPointError("the loss is nan at step 3")

    with pytest.raises(FloatingPointError, match=r"00_none/tiny, \{'x': 1.0\}, seed 0: the loss is nan at step 3"):
        run(definition(fails), tmp_path)

    def hungry(settings, seed, device, scratch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(MemoryError, match="seed 0: CUDA out of memory"):
        run(definition(hungry), tmp_path)


def test_a_row_that_cannot_be_stored_keeps_its_checkpoint(tmp_path, monkeypatch):
    def trains(settings, seed, device, scratch):
        checkpoints.Checkpoint(scratch).save({"trained": seed})
        return {"y": 1.0}

    def full(path, value):
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sweeps.files, "write_json", full)
        with pytest.raises(OSError, match="no space left"):
            run(definition(trains), tmp_path)
    assert checkpoints.Checkpoint(tmp_path / "partial" / "00_none" / "tiny-0.pt").load() == {"trained": 0}
    run(definition(trains), tmp_path)
    assert not list((tmp_path / "partial").rglob("*.pt"))


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_jobs_are_refused(jobs, tmp_path):
    with pytest.raises(ValueError, match=f"jobs is {jobs}, expected at least 1"):
        run(definition(square), tmp_path, jobs=jobs)


def test_the_full_profile_is_recorded_by_a_command_that_exists(tmp_path):
    table = definition(square, name="tiny_full", command="PROFILE=full make record TABLE=00_none/tiny")
    with pytest.raises(FileNotFoundError, match="PROFILE=full make record TABLE=00_none/tiny`"):
        recorded.load(table, store=tmp_path)
    run(table, tmp_path)
    line = recorded.load(table, store=tmp_path / "store").provenance
    assert "`PROFILE=full make record TABLE=00_none/tiny AGAIN=--again` repeats it" in line


def test_a_table_of_one_size_is_shown_in_every_profile():
    full, quick = (recorded.shown("kernel_infonce_digits", profile) for profile in ("full", "quick"))
    assert full.rows == quick.rows


def test_a_recording_killed_before_it_tidied_up_is_not_taken_for_a_new_one(tmp_path):
    """Between the last write and the removal of the rows so far; what is recorded again is measured again."""
    run(definition(square), tmp_path)
    stored = files.read_json(tmp_path / "store" / "00_none" / "tiny.json")
    state = {"fingerprint": stored["fingerprint"], "device": stored["device"], "elapsed": 1.0}
    rows = {str(number): row for number, row in enumerate(stored["rows"])}
    calls = []

    def counted(settings, seed, device, scratch):
        calls.append(seed)
        return square(settings, seed, device, scratch)

    for there, measured in ((rows, 6), (dict(list(rows.items())[:4]), 2)):
        files.write_json(tmp_path / "partial" / "00_none" / "tiny.json", state | {"rows": there})
        calls.clear()
        run(definition(counted), tmp_path)
        assert len(calls) == measured


def test_a_table_is_there_only_when_its_picture_is(tmp_path, monkeypatch):
    """A finished table is not looked at again, so a picture that comes after it might never come."""

    def draw(recording):
        assert recording.values("y", x=1.0).tolist() == [1, 2, 3]
        return plt.figure()

    table, write = definition(square, draw=draw), files.write_bytes

    def killed_at(path, content):
        if path.suffix == ".png":
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", killed_at)
    with pytest.raises(KeyboardInterrupt):
        run(table, tmp_path)
    assert not (tmp_path / "store" / "00_none" / "tiny.json").exists()
    monkeypatch.setattr(files, "write_bytes", write)
    run(table, tmp_path)
    assert (tmp_path / "store" / "00_none" / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_a_table_that_another_process_records_is_refused(tmp_path):
    lock = tmp_path / "partial" / "00_none" / "tiny.lock"
    with (
        files.alone(lock, ""),
        pytest.raises(files.Busy, match=r"another run is writing .*partial.00_none.tiny: wait for it"),
    ):
        run(definition(square), tmp_path)
