import math

import numpy as np
import pytest

from helpers.papers.mutual_information import estimator_benchmark, gaussian_gap
from helpers.papers.mutual_information.tables import mi_estimators


def test_the_gaussian_reference_agrees_with_the_quadrature_in_one_dimension():
    rng = np.random.default_rng(0)
    found = estimator_benchmark.best_infonce("gaussian", [2], rng, dimension=1, batches=400)[0]
    exact = 2 * math.log(2) - gaussian_gap.gap(2 * math.log(2), 64).item()
    assert found == pytest.approx(exact, abs=0.01)


def test_every_curve_is_in_the_table():
    assert {trained for trained, _ in estimator_benchmark.CURVES.values()} == set(mi_estimators.TRAINED)


def test_readings_are_stacked_over_bits():
    class Table:
        def values(self, name, *, family, bits, trained):
            return np.array([bits, len(trained), len(name)])

    found = estimator_benchmark.recorded_readings(Table(), "classes", [2, 4])
    assert found["SMILE 1"].tolist() == [[2, 2, 7], [4, 2, 7]]
    assert set(estimator_benchmark.PUBLISHED) == set(mi_estimators.FAMILIES)


@pytest.mark.parametrize("law", [np.eye(3) / 3, 0.5])
def test_gap_curves_start_at_the_information_and_agree(law):
    information = math.log(3) if np.ndim(law) else 0.5
    curves = estimator_benchmark.gap_curves(law, [1, 4, 1000], [1, 4], np.random.default_rng(0))
    exact, bound, limit, points, errors = curves
    assert exact[0] == pytest.approx(information, abs=1e-9)
    assert points[0] == pytest.approx(information, abs=0.1)
    assert points[1] == pytest.approx(exact[1], abs=0.05)
    assert abs(points[1] - exact[1]) < 5 * errors[1]
    assert np.all(exact <= bound)
    assert limit[2] == pytest.approx(exact[2], rel=0.2)


def test_batches_have_their_information_and_libraries_read_it():
    critic, first, second = estimator_benchmark.gaussian_batches(
        np.random.default_rng(1), 1.0, batches=4, candidates=800
    )
    assert critic(first, second).diagonal(dim1=1, dim2=2).mean().item() == pytest.approx(1.0, abs=0.1)
    read = estimator_benchmark.nearest_neighbours(first, second, seed=0)
    assert read.shape == (4, 2)
    assert read.mean(axis=0).tolist() == pytest.approx([1.0, 1.0], abs=0.1)  # NPEET in bits would read 1.44


def test_clipped_means_are_those_of_a_sum_over_few_values():
    nats = np.array([0.01, 1.0])
    found = estimator_benchmark.clipped_mean(np.random.default_rng(0), nats, 50.0, dimension=1, samples=100_000)
    assert found == pytest.approx([1.0, 1.0], abs=0.05)  # nothing is clipped: the mean ratio is 1
    clipped = estimator_benchmark.clipped_mean(np.random.default_rng(0), nats, 0.5, dimension=1, samples=100_000)
    assert np.all((clipped >= math.exp(-0.5)) & (clipped <= math.exp(0.5)))


def test_a_law_without_information_is_refused():
    with pytest.raises(ValueError, match="nats is 0"):
        estimator_benchmark.gap_curves(0.0, [1], [1, 2], np.random.default_rng(0))


def test_published_values_are_in_nats_below_the_ceiling_of_64_candidates():
    bits, nats = estimator_benchmark.PUBLISHED["classes"]
    assert np.all(nats < math.log(64))
    assert np.all(nats[bits < 4] < bits[bits < 4] * math.log(2))  # far below the ceiling a bound stays below the truth
    gaussian_bits, values = estimator_benchmark.PUBLISHED["gaussian"]
    assert np.all(values < gaussian_bits * math.log(2))
