"""Slopes, their bias, and Monte-Carlo means, against laws known exactly."""

import numpy as np
import pytest
from scipy import stats

from helpers import statistics


def test_slope_and_interval_agree_with_scipy():
    rng = np.random.default_rng(0)
    x = np.geomspace(1, 100, 20)
    y = 3 * x**-1.5 * np.exp(0.1 * rng.normal(size=20))
    fit, reference = statistics.loglog_slope(x, y), stats.linregress(np.log(x), np.log(y))
    assert fit.slope == pytest.approx(reference.slope)
    assert np.exp(fit.intercept) == pytest.approx(3, rel=0.3)
    low, high = fit.interval(0.95)
    assert low < fit.slope < high
    assert high - low == pytest.approx(2 * stats.t.isf(0.025, 18) * reference.stderr)


def test_the_interval_covers_at_its_level():
    rng = np.random.default_rng(1)
    x = np.geomspace(1, 10, 8)
    covered = 0
    for _ in range(1000):
        low, high = statistics.loglog_slope(x, x**-1.0 * np.exp(rng.normal(size=8))).interval(0.9)
        covered += low < -1 < high
    assert abs(covered - 900) < 5 * np.sqrt(1000 * 0.9 * 0.1)


def test_slope_bias_bounds_the_slope_of_every_corrected_power_law():
    rng = np.random.default_rng(2)
    x = np.geomspace(10, 1000, 9)
    size = 5 / x
    bound = statistics.slope_bias(x, size)
    for _ in range(200):
        wiggle = np.exp(np.log1p(size) * rng.uniform(-1, 1, size=9))
        assert abs(statistics.loglog_slope(x, x**-2 * wiggle).slope + 2) <= bound
    logs = np.log(x)
    worst = np.exp(np.log1p(size) * np.sign(logs - logs.mean()))
    assert statistics.loglog_slope(x, x**-2 * worst).slope + 2 == pytest.approx(bound, rel=1e-12)  # and it is reached


@pytest.mark.parametrize(
    ("x", "y"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, -3], [1, 2, 3]), ([1, 2, 3], [1, np.nan, 3])]
)
def test_unusable_points_are_refused(x, y):
    with pytest.raises(ValueError, match=r"expected one axis|not positive"):
        statistics.loglog_slope(x, y)


def test_a_correction_below_minus_one_is_refused():
    with pytest.raises(ValueError, match="must exceed -1"):
        statistics.slope_bias([1.0, 2.0, 3.0], -1.0)


def test_monte_carlo_mean_along_an_axis():
    samples = np.random.default_rng(3).normal(2.0, 3.0, size=(4, 10_000))
    mean = statistics.monte_carlo_mean(samples, axis=1)
    assert mean.value.shape == (4,)
    assert mean.trials == 10_000
    assert np.allclose(mean.standard_error, 0.03, rtol=0.05)
    assert np.all(np.abs(mean.value - 2) < 5 * mean.standard_error)


def test_the_standard_error_is_the_spread_of_means():
    """Means of 9 draws spread as their stated errors say: 4,000 of them, so to 5 / sqrt(8000) of it."""
    draws = np.random.default_rng(4).normal(1.0, 2.0, size=(4_000, 9))
    means, errors = statistics.mean_se(draws)
    assert abs((errors**2).mean() / means.var(ddof=1) - 1) < 5 * np.sqrt(2 / 4_000 * (1 + 1 / 8))
    transposed = statistics.mean_se(draws.T, axis=0)
    assert np.allclose(transposed[0], means, rtol=1e-14)
    assert np.allclose(transposed[1], errors, rtol=1e-14)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (1.0, r"shape \(\), expected at least 2 along axis -1"),
        ([[1.0], [2.0]], r"shape \(2, 1\), expected at least 2"),
        ([1.0, np.inf], "1 of 2 values are not finite"),
    ],
)
def test_a_mean_without_an_error_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        statistics.mean_se(values)


def test_means_of_one_trial_or_of_nan_are_refused():
    with pytest.raises(ValueError, match="expected at least 2"):
        statistics.monte_carlo_mean([1.0])
    with pytest.raises(ValueError, match="not finite"):
        statistics.monte_carlo_mean([1.0, np.nan])
