import subprocess
import sys
import time
import warnings
from concurrent.futures.process import BrokenProcessPool

import joblib
import pytest
import torch

from helpers import files, runtime
from helpers.recording import recorded, sweeps
from helpers.training import checkpoints, distributed

CPU = torch.device("cpu")


def definition(**changes):
    """A sweep that really trains: two widths, three seeds, a perceptron on random images."""

    def measure(settings, seed, device, scratch):
        from helpers import training
        from helpers.networks import encoders

        images = torch.rand(64, 4, 4, generator=torch.Generator().manual_seed(seed))
        model = encoders.encoder((16, settings["width"], 4), batch_norm=True, normalise=True, seed=seed)
        objective = training.two_views(
            lambda first, second: (first - second).square().sum(1).mean() - first.var(0).sum(),
            lambda batch, generator: batch + 0.1 * torch.randn(batch.shape, generator=generator),
        )
        options = {"epochs": settings["epochs"], "batch": 16, "learning_rate": 1e-2, "seed": seed, "device": device}
        losses = training.fit(model, objective, images, **options, checkpoint=scratch)
        return {"first": losses[0], "last": losses[-1]}

    def draw(recording):
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots()
        axes.plot(recording.values("last", width=8))
        return figure

    parts = {
        "name": "tiny",
        "notebook": "00_none",
        "about": "loss of a perceptron",
        "constants": {"epochs": 3},
        "cells": [{"width": 4}, {"width": 8}],
        "seeds": [0, 1, 2],
        "measure": measure,
        "draw": draw,
    }
    return recorded.Table(**(parts | changes))


def rows(folder, **options):
    class Silent(runtime._Lines):
        def update(self):
            pass

    table = definition()
    options = {"store": folder / "store", "partial": folder / "partial", "bar": Silent} | options
    sweeps.record(table, device=CPU, **options)
    found = recorded.load(table, store=folder / "store").rows
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


@pytest.fixture(autouse=True)
def _one_thread():
    """As in a recording: the last digit of a single-precision sum depends on the number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    return rows(tmp_path_factory.mktemp("serial"))


@pytest.mark.slow
def test_rows_side_by_side_are_those_one_after_the_other(serial, tmp_path):
    assert rows(tmp_path, jobs=2) == serial


@pytest.mark.slow
def test_a_sweep_on_two_dask_workers_is_the_serial_one(serial, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Dask's own connections; what is computed is compared below
        import distributed

        options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with (
            distributed.LocalCluster(**options, local_directory=tmp_path) as cluster,
            distributed.Client(cluster),
            joblib.parallel_config(backend="dask"),
        ):
            assert rows(tmp_path, jobs=2) == serial


def test_the_sweep_is_really_trained_and_seeds_differ(serial):
    assert all(row["last"] < row["first"] for row in serial)
    assert len({row["last"] for row in serial}) == len(serial)


def test_the_picture_lies_beside_the_table(serial, tmp_path):
    rows(tmp_path)
    assert (tmp_path / "store" / "00_none" / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_there_and_what_is_missing_is_announced(tmp_path):
    table, folders = definition(minutes=12), {"store": tmp_path / "store", "partial": tmp_path / "partial"}
    assert sweeps.announce(table, jobs=2, **folders) == (
        "00_none/tiny: 6 rows, 0 there, 2 at a time; about 12 min on two cores"
    )
    measured = {str(number): {"seconds": 90.0} for number in range(2)}
    so_far = {"fingerprint": table.fingerprint, "rows": measured}
    files.write_json(folders["partial"] / "00_none" / "tiny.json", so_far)
    assert "2 there, 2 at a time; about 3 min more" in sweeps.announce(table, jobs=2, **folders)
    rows(tmp_path, partial=tmp_path / "elsewhere")
    assert sweeps.announce(table, jobs=1, **folders) is None
    assert "no time is known" in sweeps.announce(definition(seeds=[7]), jobs=1, **folders)


def test_a_finished_row_leaves_no_checkpoint(tmp_path):
    rows(tmp_path)
    assert not list((tmp_path / "partial").rglob("*.pt"))


def test_processes_that_share_a_row_do_not_also_share_rows(monkeypatch, tmp_path):
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    with pytest.raises(ValueError, match="jobs is 2, but 2 processes train every row together"):
        rows(tmp_path, jobs=2)


@pytest.mark.slow
def test_a_table_is_recorded_without_bars_pictures_or_notebooks(tmp_path):
    """Only torch, NumPy, SciPy and scikit-learn (with its joblib and threadpoolctl) are needed."""
    script = f"""
import sys
for name in ("tqdm", "matplotlib", "IPython", "networkx", "jupyter", "nbformat", "pandas"):
    sys.modules[name] = None
import torch
sys.path.insert(0, {str(runtime.ROOT / "tests")!r})
from pathlib import Path
from helpers import training
from helpers.recording import recorded, sweeps
for path in recorded.PAPERS.glob("*/tables/[!_]*.py"):
    recorded.table(path.stem)
def measure(settings, seed, device, scratch):
    return {{"y": settings["x"] + seed}}
table = recorded.Table("plain", "00_none", "x plus seed", {{}}, [{{"x": 1}}], [0, 1], measure, draw=print)
folder = Path({str(tmp_path)!r})
print(sweeps.record(table, device=torch.device("cpu"), store=folder / "store", partial=folder / "partial"))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=runtime.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "plain: row 2 of 2, 0 min left" in done.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_the_command_line_names_the_tables_there_are(capsys):
    assert sweeps.main(["no/such"]) == 2
    message = capsys.readouterr().err
    assert "error: no table 'no/such'" in message
    assert "kernel_infonce_digits" in message


def test_the_command_line_skips_what_is_recorded_and_survives_an_interruption(monkeypatch, capsys):
    assert sweeps.main(["kernel_infonce_digits"]) == 0
    assert "is recorded; --again measures it anew" in capsys.readouterr().out

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "record", interrupted)
    assert sweeps.main(["kernel_infonce_digits", "--again"]) == 130
    assert "goes on with them" in capsys.readouterr().err


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch, capsys):
    monkeypatch.setenv("DEVICE", "cuda:99")
    assert sweeps.main(["kernel_infonce_digits"]) == 2
    assert "error: DEVICE is 'cuda:99', but torch sees" in capsys.readouterr().err


def test_a_row_resumes_from_the_checkpoint_of_its_own(serial, tmp_path):
    """The checkpoint of one row, left behind by an interruption, is taken up and then removed."""
    path, shorter = tmp_path / "partial" / "00_none" / "tiny-0.pt", definition(constants={"epochs": 2})
    shorter.measure(shorter.settings({"width": 4}), 0, CPU, path)
    kept = checkpoints.Checkpoint(path)
    state = kept.load()
    kept.save(state | {"losses": [7.0] * len(state["losses"])})  # to be recognised
    found = rows(tmp_path)
    assert found[0] == serial[0] | {"first": 7.0}
    assert found[1:] == serial[1:]
    assert checkpoints.Checkpoint(path).load() is None


def test_rows_on_threads_of_one_process_take_turns(tmp_path):
    """PyTorch's global generator and the number of threads belong to the whole process."""
    under_way, seen = [], []

    def measure(settings, seed, device, scratch):
        under_way.append(seed)
        time.sleep(0.02)
        seen.append(len(under_way))
        under_way.pop()
        return {"y": 1.0}

    table = definition(measure=measure, draw=None)
    with joblib.parallel_config(backend="threading"):
        sweeps.record(table, device=CPU, store=tmp_path, partial=tmp_path / "partial", jobs=3, bar=runtime._Lines)
    assert seen == [1] * 6


def test_a_process_ended_from_outside_is_explained(monkeypatch, capsys):
    def ended(*_, **__):
        raise BrokenProcessPool("a worker is gone")

    monkeypatch.setattr(sweeps, "record", ended)
    assert sweeps.main(["kernel_infonce_digits", "--again"]) == 2
    message = capsys.readouterr().err
    assert "the rows so far are kept; if memory ran out, the same command with fewer --jobs goes on" in message


def test_the_command_line_refuses_no_jobs_and_two_ways_at_once(monkeypatch, capsys):
    assert sweeps.main(["kernel_infonce_digits", "--jobs", "0"]) == 2
    assert "--jobs is 0, expected at least 1" in capsys.readouterr().err
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    assert sweeps.main(["kernel_infonce_digits", "--again", "--dask", "tcp://nowhere:1"]) == 2
    assert "choose one" in capsys.readouterr().err
