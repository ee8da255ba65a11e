import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import two_ranks

from helpers import files, runtime
from helpers.training import distributed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """Gradients after one step on two gloo ranks, half of the batch on each."""
    path = tmp_path_factory.mktemp("ranks") / "gradients.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = Path(__file__).parent / "two_ranks.py"
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    options = {"cwd": runtime.ROOT, "env": os.environ | loopback, "capture_output": True, "text": True, "timeout": 300}
    done = subprocess.run([*command, script, path], **options, check=False)
    assert done.returncode == 0, done.stderr
    return {key: torch.tensor(value, dtype=torch.float64) for key, value in files.read_json(path).items()}


def error(name, how, two_processes):
    expected = two_ranks.gradient(two_ranks.encoder(), *two_ranks.batch(), name, distributed.gather)
    found = two_processes[f"{name}, {how}"]
    return float((found - expected).norm() / expected.norm()), float(found @ expected / (expected @ expected))


@pytest.mark.parametrize("name", ["infonce", "clip"])
def test_two_ranks_get_the_gradient_of_one_process(name, two_processes):
    assert error(name, "gather", two_processes)[0] < 1e-12


@pytest.mark.parametrize("name", ["infonce", "clip"])
def test_a_gather_without_gradient_does_not(name, two_processes):
    assert error(name, "without gradient", two_processes)[0] > 0.05


@pytest.mark.parametrize("name", ["infonce", "clip"])
def test_a_gather_that_keeps_only_the_own_rows_gives_half(name, two_processes):
    distance, length = error(name, "own rows only", two_processes)
    assert distance > 0.05
    assert length == pytest.approx(0.5, abs=1e-12)


def test_the_training_loop_ends_where_one_process_ends(two_processes):
    expected, found = two_ranks.trained(), two_processes["trained"]
    assert float((found - expected).norm() / expected.norm()) < 1e-12


def test_stages_from_checkpoints_end_there_too(two_processes):
    expected, found = two_ranks.trained(), two_processes["in stages"]
    assert float((found - expected).norm() / expected.norm()) < 1e-12


def test_processes_that_see_different_files_are_stopped(two_processes):
    assert two_processes["refused"] == 1


def test_a_second_derivative_through_the_gather_is_refused(two_processes):
    assert two_processes["twice refused"] == 1


def test_a_table_recorded_by_two_ranks_is_that_of_one_process(two_processes, tmp_path):
    np.testing.assert_allclose(two_processes["recording"], two_ranks.recording(tmp_path), rtol=1e-12)


def test_one_process_shares_with_nobody():
    distributed.start(torch.device("cpu"))  # not started by torchrun
    assert (distributed.processes(), distributed.rank()) == (1, 0)
    assert distributed.share(torch.arange(3)).tolist() == [0, 1, 2]
    distributed.wait()
    distributed.stop()


def test_a_batch_that_cannot_be_split_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    with pytest.raises(ValueError, match="3 rows cannot be split evenly between 2 processes"):
        distributed.share(torch.arange(3))


def test_batch_norm_over_several_cpus_is_refused(monkeypatch):
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    with pytest.raises(ValueError, match="BatchNorm over several processes needs GPUs"):
        distributed.prepare(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2)))


def test_rows_must_be_a_matrix():
    with pytest.raises(ValueError, match=r"rows has shape \(3,\), expected \(n, d\)"):
        distributed.gather(torch.zeros(3))
