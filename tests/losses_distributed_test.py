"""A batch spread over two processes: each computes the loss of its own rows, together they take one process's step."""

import json
import os
import subprocess
import sys
from pathlib import Path

import losses_ranks
import pytest
import torch

from helpers.losses import _processes

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    """Value and gradients of every case on two gloo processes, half of the batch on each."""
    path = tmp_path_factory.mktemp("ranks") / "found.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    loopback = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    options = {"cwd": ROOT, "env": os.environ | loopback | {"PYTHONPATH": str(ROOT)}, "timeout": 300}
    script = Path(losses_ranks.__file__)
    done = subprocess.run([*command, script, path], **options, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(path.read_text())


def one_process(name):
    loss, call = losses_ranks.cases()[name]
    return losses_ranks.step(losses_ranks.Learner(loss).double(), slice(0, losses_ranks.ROWS), call)


@pytest.mark.parametrize("name", losses_ranks.cases())
def test_value_and_gradients_are_those_of_one_process(name, two_processes):
    expected, found = one_process(name), torch.tensor(two_processes["gathered"][name], dtype=torch.float64)
    assert abs(found[0] - expected[0]) <= 1e-12 * abs(expected[0])
    assert (found - expected).norm() <= 1e-12 * expected.norm()


@pytest.mark.parametrize("name", losses_ranks.cases())
def test_processes_that_keep_their_rows_to_themselves_take_another_step(name, two_processes):
    expected, found = one_process(name), torch.tensor(two_processes["apart"][name], dtype=torch.float64)
    assert (found - expected).norm() > 0.02 * expected.norm()


def test_one_process_shares_with_nobody():
    rows = torch.ones(2, 3)
    assert (_processes.processes(), _processes.rank()) == (1, 0)
    assert _processes.gather(rows) is rows
