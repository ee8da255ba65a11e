"""A batch in two halves, computed side by side in two threads that hand each other rows: together they take the whole.

Values only and without a group of processes, so that it takes a second; ``losses_distributed_test`` has two processes
and the gradients.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import losses_ranks
import pytest
import torch

from helpers.losses import _processes

PARTS = 2


def value_of(name, rows, **options):
    loss, call = losses_ranks.cases(**options)[name]
    with torch.no_grad():
        first, second = (side[rows, :3] for side in (losses_ranks.FIRST, losses_ranks.SECOND))
        return call(loss.double(), rows, first, second).item()


def together(name, monkeypatch, **options):
    """The values of both halves."""
    here, meet, slots = threading.local(), threading.Barrier(PARTS, timeout=60), [None] * PARTS

    def gather(rows):
        slots[here.rank] = rows
        meet.wait()
        found = torch.cat(slots)
        meet.wait()  # nobody writes before all have read
        return found

    monkeypatch.setattr(_processes, "processes", lambda: PARTS)
    monkeypatch.setattr(_processes, "rank", lambda: here.rank)
    monkeypatch.setattr(_processes, "gather", gather)

    def part(rank):
        here.rank = rank
        size = losses_ranks.HALF
        return value_of(name, slice(size * rank, size * (rank + 1)), **options)

    with ThreadPoolExecutor(PARTS) as pool:
        return list(pool.map(part, range(PARTS)))


@pytest.mark.parametrize("name", losses_ranks.cases())
def test_halves_that_share_their_rows_average_to_the_whole(name, monkeypatch):
    whole = value_of(name, slice(0, losses_ranks.ROWS))
    halves = together(name, monkeypatch, gather_distributed=True)
    # means of at most 24 terms below 10 nats, rounded a few times
    assert abs(sum(halves) / PARTS - whole) < 1e-13 * max(10, abs(whole))
    assert abs(halves[0] - halves[1]) > 1e-3


@pytest.mark.parametrize("name", losses_ranks.cases())
def test_halves_that_keep_their_rows_do_not(name, monkeypatch):
    whole = value_of(name, slice(0, losses_ranks.ROWS))
    assert abs(sum(together(name, monkeypatch)) / PARTS - whole) > 1e-3 * abs(whole)
