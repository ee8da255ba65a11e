from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from helpers.information import divergences


@pytest.fixture
def laws():
    return np.random.default_rng(0).dirichlet(np.ones(6), size=(2, 20))


def test_divergences_vanish_exactly_between_equal_laws(laws):
    for name in ("total_variation", "kullback_leibler", "jensen_shannon", "squared_hellinger", "chi_squared"):
        assert np.all(getattr(divergences, name)(laws[0], laws[0]) == 0)
        assert np.all(getattr(divergences, name)(*laws) > 0)


def test_divergences_of_two_coins_have_closed_forms():
    p, q = np.array([0.5, 0.5]), np.array([0.8, 0.2])
    assert np.isclose(divergences.total_variation(p, q), 0.3)
    assert np.isclose(divergences.kullback_leibler(q, p), 0.8 * np.log(1.6) + 0.2 * np.log(0.4))
    assert np.isclose(divergences.chi_squared(q, p), 2 * 0.3**2 / 0.5)
    assert np.isclose(divergences.squared_hellinger(p, q), 1 - np.sqrt(0.4) - np.sqrt(0.1))
    middle = (p + q) / 2
    half = (divergences.kullback_leibler(p, middle) + divergences.kullback_leibler(q, middle)) / 2
    assert np.isclose(divergences.jensen_shannon(p, q), half)


def test_divergences_of_disjoint_laws_are_extreme():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert divergences.total_variation(p, q) == divergences.squared_hellinger(p, q) == 1
    assert np.isclose(divergences.jensen_shannon(p, q), np.log(2))
    assert divergences.kullback_leibler(p, q) == divergences.chi_squared(p, q) == np.inf


def test_transport_on_a_line_is_the_distance_of_distribution_functions(laws):
    place = np.cumsum(np.random.default_rng(1).random(6))
    cost = np.abs(place[:, None] - place)
    for p, q in zip(*laws, strict=True):
        expected = stats.wasserstein_distance(place, place, p, q)
        assert np.isclose(divergences.wasserstein_one(p, q, cost), expected, atol=1e-8)


def test_divergences_refuse_what_is_not_a_law():
    with pytest.raises(ValueError, match=r"sums to 0\.9"):
        divergences.total_variation([0.5, 0.4], [0.5, 0.5])
    with pytest.raises(ValueError, match="equal numbers"):
        divergences.jensen_shannon([0.5, 0.5], [0.2, 0.3, 0.5])
    with pytest.raises(ValueError, match=r"cost \(3, 3\)"):
        divergences.wasserstein_one([0.5, 0.5], [0.5, 0.5], np.zeros((3, 3)))


def test_transport_reports_an_unsolved_programme(monkeypatch):
    unsolved = SimpleNamespace(status=1, message="iteration limit")
    monkeypatch.setattr(divergences.optimize, "linprog", lambda *args, **options: unsolved)
    with pytest.raises(RuntimeError, match="not solved: iteration limit"):
        divergences.wasserstein_one([0.5, 0.5], [0.5, 0.5], np.zeros((2, 2)))
