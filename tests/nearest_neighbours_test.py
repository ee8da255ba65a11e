"""The nearest-neighbour estimate by loops, and what it must not depend on."""

import numpy as np
import pytest
from scipy import special

from helpers.information import nearest_neighbours


def by_loops(first, second, neighbours):
    count, total = len(first), 0.0
    for i in range(count):
        apart = [np.abs(side - side[i]).max(axis=1) for side in (first, second)]
        others = np.arange(count) != i
        radius = np.sort(np.maximum(*apart)[others])[neighbours - 1]
        total += sum(special.digamma((distance[others] < radius).sum() + 1) for distance in apart)
    return special.digamma(neighbours) + special.digamma(count) - total / count


@pytest.fixture
def pairs():
    first, noise = np.random.default_rng(0).normal(size=(2, 60, 3))
    return first, (first + noise)[:, :2]


@pytest.mark.parametrize("neighbours", [1, 3, 7])
def test_its_definition_by_loops(pairs, neighbours):
    found = nearest_neighbours.ksg(*pairs, neighbours=neighbours)
    assert found == pytest.approx(by_loops(*pairs, neighbours), abs=1e-12)


def test_neither_the_order_of_the_sides_nor_the_unit_matters(pairs):
    first, second = pairs
    found = nearest_neighbours.ksg(first, second)
    assert nearest_neighbours.ksg(second, first) == pytest.approx(found, abs=1e-12)
    assert nearest_neighbours.ksg(1024 * first, 1024 * second) == pytest.approx(found, abs=1e-12)


def test_refusals(pairs):
    first, second = pairs
    with pytest.raises(ValueError, match=r"first has shape \(60, 3\) and second \(59, 2\), expected \(N, d\)"):
        nearest_neighbours.ksg(first, second[1:])
    with pytest.raises(ValueError, match=r"first has shape \(60,\)"):
        nearest_neighbours.ksg(first[:, 0], second)
    for wrong in (0, 60):
        with pytest.raises(ValueError, match=f"neighbours is {wrong} for 60 pairs, expected 1 to 59"):
            nearest_neighbours.ksg(first, second, neighbours=wrong)
    with pytest.raises(ValueError, match="60 points have 3 copies: expected a law with a density"):
        nearest_neighbours.ksg(0 * first, 0 * second)
