import numpy as np
import pytest
from scipy import optimize, special, stats

from helpers.information import finite_samples
from helpers.papers.robust_contrastive import robust_bounds


def test_reverse_jensen_is_the_largest_gap_of_two_point_laws():
    for spread in (0.2, 1.0, 2.0, 10.0):
        share = np.linspace(0, 1, 200001)
        gap = np.log(share * np.exp(spread) + (1 - share) * np.exp(-spread)) - (2 * share - 1) * spread
        assert np.isclose(gap.max(), robust_bounds.reverse_jensen(spread), rtol=1e-6)
        assert np.isclose(share[gap.argmax()], robust_bounds.extremal_mass(spread), atol=1e-5)
    assert np.isclose(robust_bounds.reverse_jensen(2.0), 1.6698, atol=1e-4)
    assert robust_bounds.reverse_jensen(1000.0) < 2000


def test_price_of_negatives_changes_from_one_law_to_the_other_at_25():
    price = robust_bounds.negatives_price(0.5, np.array([1, 24, 25, 1022]))
    assert np.all(price[:2] == robust_bounds.reverse_jensen(2.0))
    assert np.allclose(price[2:], np.expm1(2.0) ** 2 / np.array([25, 1022]))
    assert np.isclose(robust_bounds.allowance(0.5, 25, 3.0), price[2] - np.log(3))


def test_loss_range_and_floor_are_the_numbers_of_the_official_setting():
    assert np.allclose(robust_bounds.loss_range(0.5, 1022.0), [2.98, 10.93], atol=5e-3)
    table = robust_bounds.floor(np.array([[0.2], [0.5]]), np.array([10, 100])) / np.log(2)
    assert np.allclose(table, [[0.049, 0.709], [0.982, 3.82]], atol=3e-3)


def test_expected_log_mean_is_the_sum_over_draws():
    rng = np.random.default_rng(0)
    values, share = np.exp(rng.uniform(-2, 2, (5, 2))), rng.uniform(0.1, 0.9, 5)
    masses = np.stack([share, 1 - share], axis=1)
    extra, scale = np.exp(rng.uniform(-2, 2, (5, 3))), np.linspace(0.1, 9, 5)
    for count in (1, 3, 40):
        many = np.arange(count + 1)
        mean = (many * values[:, :1] + (count - many) * values[:, 1:]) / count
        law = stats.binom.pmf(many, count, share[:, None])
        assert np.allclose(
            finite_samples.expected_log_mean(values, masses, count), (law * np.log(mean)).sum(1), atol=1e-12
        )
        both = np.log(extra[:, :, None] + scale[:, None, None] * mean[:, None])
        found = finite_samples.expected_log_mean(
            values, masses, count, scale=scale, extra=extra, extra_masses=np.full((5, 3), 1 / 3)
        )
        assert np.allclose(found, np.einsum("wev,wv->w", both, law) / 3, atol=1e-12)


def test_robust_minimum_without_moves_is_logistic_regression():
    rng = np.random.default_rng(1)
    features, mass = rng.normal(size=(6, 2)), rng.dirichlet(np.ones(18)).reshape(3, 6)

    def smooth(variables):
        logits = np.c_[features, np.ones(6)] @ variables.reshape(3, 3).T
        return (mass.T * (special.logsumexp(logits, axis=1, keepdims=True) - logits)).sum()

    value, weights, bias = robust_bounds.robust_linear_minimum(features, mass, np.eye(6))
    assert np.isclose(value, optimize.minimize(smooth, np.zeros(9)).fun, atol=1e-6)
    assert weights.shape == (3, 2)
    assert bias.shape == (3,)


def test_robust_minimum_of_classes_that_can_swap_is_the_entropy():
    value, _, _ = robust_bounds.robust_linear_minimum([[1.0], [-1.0]], np.eye(2) / 2, np.ones((2, 2)))
    assert np.isclose(value, np.log(2), atol=1e-9)


def test_robustness_refuses_what_it_cannot_use():
    with pytest.raises(ValueError, match=r"spread is 0\.0"):
        robust_bounds.reverse_jensen(0.0)
    with pytest.raises(ValueError, match=r"temperature is -1\.0"):
        robust_bounds.negatives_price(-1.0, 5)
    with pytest.raises(ValueError, match="negatives is 0"):
        robust_bounds.negatives_price(0.5, 0)
    with pytest.raises(ValueError, match="classes is 1"):
        robust_bounds.floor(0.5, 1)
    with pytest.raises(ValueError, match=r"masses must be probabilities; a row sums to 0\.7"):
        finite_samples.expected_log_mean([1.0, 2.0], [0.5, 0.2], 3)
    with pytest.raises(ValueError, match=r"values is -1\.0"):
        finite_samples.expected_log_mean([1.0, -1.0], [0.5, 0.5], 3)
    with pytest.raises(ValueError, match=r"moves has shape \(2, 3\), expected \(2, 2\)"):
        robust_bounds.robust_linear_minimum([[1.0], [-1.0]], np.eye(2) / 2, np.ones((2, 3)))
    with pytest.raises(RuntimeError, match="did not converge"):
        robust_bounds.robust_linear_minimum([[1.0], [-0.5], [0.2]], np.ones((2, 2)) / 4, np.ones((2, 3)), iterations=1)
