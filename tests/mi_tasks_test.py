"""Pairs of known information, and moving averages of batches."""

import numpy as np
import pytest
from scipy import stats

from helpers.papers.mutual_information import benchmark_tasks, moving_averages


def test_gaussian_information_adds_up_over_independent_coordinates():
    covariance = np.eye(4)
    covariance[[0, 1, 2, 3], [2, 3, 0, 1]] = 0.6, 0.3, 0.6, 0.3
    expected = -np.log1p(-np.array([0.36, 0.09])).sum() / 2
    assert benchmark_tasks.gaussian_information(covariance, 2) == pytest.approx(expected)


def test_student_entropies_are_those_of_scipy():
    entropy = [stats.multivariate_t(shape=np.eye(k), df=4).entropy() for k in (1, 2, 3)]
    expected = entropy[0] + entropy[1] - entropy[2]
    assert benchmark_tasks.student_excess(1, 2, 4) == pytest.approx(float(expected))
    assert benchmark_tasks.student_excess(1, 2, 1e7) == pytest.approx(0, abs=1e-6)


def test_the_spiral_can_be_undone():
    points = np.random.default_rng(0).normal(size=(50, 2))
    turned = benchmark_tasks.spiral(points, 0.7)
    assert np.allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(points, axis=1))
    assert np.allclose(benchmark_tasks.spiral(turned, -0.7), points)


def test_tasks_refuse():
    with pytest.raises(ValueError, match=r"covariance has shape \(2, 3\), first is 1: expected \(d, d\)"):
        benchmark_tasks.gaussian_information(np.zeros((2, 3)), 1)
    with pytest.raises(ValueError, match="first is 2: expected"):
        benchmark_tasks.gaussian_information(np.eye(2), 2)
    with pytest.raises(ValueError, match="expected positive definite"):
        benchmark_tasks.gaussian_information([[1, 2], [2, 1]], 1)
    with pytest.raises(ValueError, match="dimensions 0 and 1, freedom 3: expected"):
        benchmark_tasks.student_excess(0, 1, 3)
    with pytest.raises(ValueError, match="freedom 0: expected"):
        benchmark_tasks.student_excess(1, 1, 0)
    with pytest.raises(ValueError, match=r"points has shape \(4, 3\), expected \(..., 2\)"):
        benchmark_tasks.spiral(np.zeros((4, 3)), 1.0)


def test_an_average_of_batches_by_recursion_and_by_simulation():
    rng, values, law = np.random.default_rng(0), np.array([0.5, 1.0, 3.0]), np.array([0.5, 0.3, 0.2])
    batches = rng.multinomial(4, law, size=(5, 100_000)) / 4
    sums = batches @ values
    mean = sums[0]
    for new in sums[1:]:
        mean = 0.6 * mean + 0.4 * new
    weights = moving_averages.weights(0.4, 4)
    assert np.allclose(weights[::-1] @ sums, mean)
    drawn = batches[-1] * values / mean[:, None]
    found = moving_averages.expected_ratio(values, law, weights, samples=4)
    assert np.all(np.abs(drawn.mean(axis=0) - found) < 5 * drawn.std(axis=0) / np.sqrt(100_000))


def test_one_sample_shares_out_everything():
    found = moving_averages.expected_ratio([1.0, 4.0], [0.3, 0.7], [1.0], samples=1)
    assert found == pytest.approx([0.3, 0.7], abs=1e-12)


def test_averages_refuse():
    with pytest.raises(ValueError, match=r"values has shape \(2,\), smallest 0.0, and law \(2,\): expected > 0"):
        moving_averages.expected_ratio([0.0, 1.0], [0.5, 0.5], [1.0], samples=1)
    with pytest.raises(ValueError, match=r"law sums to 0.8\d*, expected probabilities"):
        moving_averages.expected_ratio([1.0, 1.0], [0.5, 0.3], [1.0], samples=1)
    with pytest.raises(ValueError, match=r"batches sums to 2.0, expected probabilities"):
        moving_averages.expected_ratio([1.0, 1.0], [0.5, 0.5], [1.0, 1.0], samples=1)
