"""Worst points of small networks by mixed-integer programming, against grids and by cases known beforehand."""

import numpy as np
import pytest

from helpers.papers.robust_contrastive import exact_verification

IDENTITY = (np.eye(2), np.zeros(2), np.eye(2), np.array([-1.0, -1.0]))  # relu(x) - 1


def box(low, high):
    return np.full(2, float(low)), np.full(2, float(high))


def network(seed, units=5):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in ((units, 2), (units,), (2, units), (2,))]


@pytest.mark.parametrize("seed", range(4))
def test_no_grid_point_lies_above_the_corners_and_some_come_close(seed):
    layers, axis, (low, high) = network(seed), np.array([1.0, 0.5]), box(-0.4, 0.4)
    line = np.linspace(-0.4, 0.4, 301)
    grid = np.stack(np.meshgrid(line, line), axis=-1)
    tried = exact_verification.angles(exact_verification.outputs(layers, grid), axis).max()
    exact = exact_verification.worst_angle_of_vertices(layers, low, high, axis)
    assert tried <= exact + 1e-9
    assert exact - tried < 0.02
    assert exact <= exact_verification.interval_angle(layers, low, high, axis) + 1e-9
    found = exact_verification.worst_angle(layers, low, high, axis, np.zeros(2))
    assert found.low - 1e-6 <= exact <= found.high + 1e-6
    at = exact_verification.angles(exact_verification.outputs(layers, found.point), axis)
    assert at == pytest.approx(found.low, abs=1e-9)


def test_a_linear_piece_has_its_maximum_at_a_corner():
    value, point, output = exact_verification.largest(IDENTITY, *box(2, 3), np.array([1.0, 2.0]))
    assert value == pytest.approx(6)
    assert point == pytest.approx([3, 3])
    assert output == pytest.approx([2, 2])


def test_a_side_without_outputs_is_told():
    value, point, _ = exact_verification.largest(IDENTITY, *box(2, 3), np.ones(2), side=-np.ones(2))
    assert value == -np.inf
    assert point is None


def test_intervals_around_the_origin_say_nothing():
    assert exact_verification.interval_angle(IDENTITY, *box(0, 2), np.ones(2)) == np.pi
    assert exact_verification.interval_angle(IDENTITY, *box(2, 3), np.ones(2)) < 0.4


def test_an_empty_box_is_refused():
    with pytest.raises(ValueError, match="the box is empty: low is"):
        exact_verification.largest(IDENTITY, *box(1, 0), np.ones(2))


def test_corners_are_for_two_inputs():
    layers = (np.ones((2, 3)), *IDENTITY[1:])
    with pytest.raises(ValueError, match="has 3 inputs, expected 2"):
        exact_verification.worst_angle_of_vertices(layers, np.zeros(3), np.ones(3), np.ones(2))
