import math

import numpy as np
import pytest

from helpers import information
from helpers.papers.mutual_information import partitions


@pytest.mark.parametrize(("states", "bell"), [(1, 1), (4, 15), (6, 203), (8, 4140)])
def test_all_partitions_once(states, bell):
    codes = partitions.partitions(states)
    assert codes.shape == (bell, states)
    assert len(np.unique(codes, axis=0)) == bell
    first = [list(dict.fromkeys(row)) for row in codes.tolist()]
    assert all(seen == list(range(len(seen))) for seen in first)  # codes appear in the order 0, 1, ...


def test_partitions_into_few_blocks_are_those_with_few_blocks():
    every = partitions.partitions(7)
    for blocks in (1, 2, 3, 7):
        few = partitions.partitions(7, blocks=blocks)
        assert np.array_equal(few, every[every.max(axis=1) < blocks])


@pytest.mark.parametrize(("states", "blocks"), [(0, None), (11, None), (4, 0)])
def test_partitions_refuse(states, blocks):
    with pytest.raises(ValueError, match="states is"):
        partitions.partitions(states, blocks=blocks)


def test_indicator_is_a_channel_and_refuses_codes_out_of_range():
    channel = partitions.indicator(partitions.partitions(5), width=5)
    assert channel.shape == (52, 5, 5)
    assert np.array_equal(channel.sum(axis=-1), np.ones((52, 5)))
    with pytest.raises(ValueError, match="codes run from 0 to 3"):
        partitions.indicator([0, 3], width=3)


def test_minimal_sufficient_statistic_keeps_all_information_with_the_fewest_codes():
    rng = np.random.default_rng(0)
    for kind in ("function", "readable", "noisy"):
        task = partitions.random_task(rng, kind=kind)
        whole = information.mutual_information(task)
        code = partitions.minimal_sufficient(task)
        every = partitions.partitions(6)
        kept = information.mutual_information(information.encode(task, partitions.indicator(every, width=6), np.eye(5)))
        sufficient = every[kept >= whole - 1e-9]
        assert sufficient.max(axis=1).min() == code.max()
        assert any(np.array_equal(code, row) for row in sufficient)


def test_minimal_sufficient_refuses_a_state_without_probability():
    with pytest.raises(ValueError, match="positive sum"):
        partitions.minimal_sufficient([[0.5, 0.5], [0.0, 0.0]])


def test_random_tasks_are_of_their_kind():
    rng = np.random.default_rng(1)
    for _ in range(20):
        tasks = {kind: partitions.random_task(rng, kind=kind) for kind in ("function", "readable", "noisy")}
        assert all(math.isclose(task.sum(), 1) for task in tasks.values())
        label_noise = {kind: information.conditional_entropy(task.T) for kind, task in tasks.items()}
        assert label_noise["function"] < 1e-12
        assert min(label_noise["readable"], label_noise["noisy"]) > 1e-3
        block = partitions.indicator(partitions.minimal_sufficient(tasks["readable"]), width=6)
        assert information.conditional_entropy(information.encode(tasks["readable"], block, np.eye(5))) < 1e-12
    with pytest.raises(ValueError, match="kind is 'other'"):
        partitions.random_task(rng, kind="other")
    with pytest.raises(ValueError, match="labels 3"):
        partitions.random_task(rng, kind="noisy", labels=3)


def test_sheet_holds_every_square_once():
    squares = np.arange(5)[:, None, None] * np.ones((1, 3, 3), int)
    image, corners = partitions.sheet(squares, columns=2)
    assert image.shape == (13, 9)
    assert np.isnan(image[0]).all()
    assert [image[row, column] for row, column in corners] == [0, 1, 2, 3, 4]
    assert np.isfinite(image).sum() == 45
    with pytest.raises(ValueError, match="columns is 0"):
        partitions.sheet(squares, columns=0)
