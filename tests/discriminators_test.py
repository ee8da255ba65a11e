import numpy as np
import pytest
from scipy import optimize

from helpers.information import divergences
from helpers.papers.robust_contrastive import discriminators


def test_all_logits_reach_the_divergence():
    p, q = np.random.default_rng(0).dirichlet(np.ones(5), size=(2, 20))
    _, value = discriminators.fit(np.eye(5), p, q, start=np.zeros((20, 5)))
    assert value == pytest.approx(np.log(2) - divergences.jensen_shannon(p, q), abs=1e-12)


def test_fit_agrees_with_a_general_optimiser():
    rng = np.random.default_rng(1)
    features, (p, q) = rng.normal(size=(8, 3)), rng.dirichlet(np.ones(8), size=2)
    weights, value = discriminators.fit(features, p, q, start=5 * rng.normal(size=3))
    found = optimize.minimize(lambda w: discriminators.cross_entropy(features @ w, p, q), np.zeros(3), tol=1e-12)
    assert value == pytest.approx(found.fun, abs=1e-10)
    assert weights == pytest.approx(found.x, abs=1e-4)


def test_cross_entropy_of_exchanged_laws_has_the_opposite_logits():
    rng = np.random.default_rng(2)
    logits, (p, q) = rng.normal(size=4), rng.dirichlet(np.ones(4), size=2)
    assert discriminators.cross_entropy(logits, p, q) == pytest.approx(discriminators.cross_entropy(-logits, q, p))


def test_same_mean_keeps_mass_and_mean_but_moves_the_law():
    rng = np.random.default_rng(3)
    features = np.concatenate([rng.normal(size=(10, 7, 3)), np.ones((10, 7, 1))], axis=2)
    p = rng.dirichlet(np.ones(7), size=10)
    q = discriminators.same_mean(features, p)
    assert np.einsum("wa,wad->wd", q - p, features) == pytest.approx(np.zeros((10, 4)), abs=1e-12)
    assert np.all(q > 0)
    assert np.all(divergences.total_variation(p, q) > 1e-3)


def test_separable_laws_have_no_minimiser():
    with pytest.raises(RuntimeError, match="a gradient norm is"):
        discriminators.fit(np.eye(2), np.array([1.0, 0]), np.array([0, 1.0]), start=np.zeros(2), iterations=10)


def test_same_mean_needs_room():
    with pytest.raises(ValueError, match="3 atoms and 3 columns"):
        discriminators.same_mean(np.eye(3), np.full(3, 1 / 3))
