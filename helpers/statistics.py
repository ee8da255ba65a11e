"""Slopes with intervals and Monte-Carlo means with standard errors.

Everything a statistical check needs besides the verdict, which is the ledger's business.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class Fit:
    """A straight line fitted to log y against log x.

    Attributes
    ----------
    slope, intercept : float
        ``log y = intercept + slope * log x``.
    standard_error : float
        Of the slope, from the residuals.
    points : int
        Number of fitted points.
    """

    slope: float
    intercept: float
    standard_error: float
    points: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided confidence interval of the slope (Student's t, ``points - 2`` degrees of freedom)."""
        half = stats.t.isf((1 - level) / 2, self.points - 2) * self.standard_error
        return self.slope - half, self.slope + half


@dataclass(frozen=True)
class Mean:
    """A Monte-Carlo mean: ``value``, its ``standard_error`` and the number of independent ``trials`` behind it."""

    value: np.ndarray
    standard_error: np.ndarray
    trials: int


def loglog_slope(x: ArrayLike, y: ArrayLike) -> Fit:
    """Ordinary least squares of log y on log x.

    Parameters
    ----------
    x, y : array_like, shape (points,), positive
        At least three points.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        For fewer than three points, unequal shapes or a value that is not positive and finite.

    >>> x = np.array([1.0, 2.0, 4.0, 8.0])
    >>> round(loglog_slope(x, 3 * x**-0.5).slope, 12)
    -0.5
    """
    x, y = _positive("x", x), _positive("y", y)
    if x.shape != y.shape or x.ndim != 1 or x.size < 3:
        raise ValueError(f"x has shape {x.shape} and y {y.shape}, expected one axis of at least 3 points")
    fit = stats.linregress(np.log(x), np.log(y))
    return Fit(float(fit.slope), float(fit.intercept), float(fit.stderr), x.size)


def slope_bias(x: ArrayLike, relative_correction: ArrayLike) -> float:
    """How far a relative correction can move a log-log slope: ``sum_k |w_k| |log(1 + r_k)|``.

    If y = c x^s (1 + e(x)) with |log(1 + e_k)| <= |log(1 + r_k)|, the least-squares slope over the points x differs
    from s by at most this number (w are the least-squares weights). Use it with r = the next-order term divided by
    the leading one.

    Parameters
    ----------
    x : array_like, shape (points,), positive
    relative_correction : array_like, shape (points,) or scalar, > -1

    Returns
    -------
    float
    """
    log_x = np.log(_positive("x", x))
    centred = log_x - log_x.mean()
    correction = np.broadcast_to(np.asarray(relative_correction, float), log_x.shape)
    if np.any(correction <= -1):
        raise ValueError("relative_correction must exceed -1: the expansion has no meaning there")
    return float(np.sum(np.abs(centred) * np.abs(np.log1p(correction))) / np.sum(centred**2))


def mean_se(values: ArrayLike, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Mean and its standard error over independent values along one axis.

    Parameters
    ----------
    values : array_like
        At least two along `axis`, all finite.
    axis : int

    Returns
    -------
    mean, standard_error : ndarray
        Without that axis; the error is ``std / sqrt n`` with n - 1 degrees of freedom.

    Raises
    ------
    ValueError
        For fewer than two values, or one that is not finite.

    >>> [round(float(part), 6) for part in mean_se([1.0, 2.0, 6.0])]
    [3.0, 1.527525]
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[axis] if values.ndim else 0
    if count < 2:
        raise ValueError(f"values have shape {values.shape}, expected at least 2 along axis {axis}")
    if not np.isfinite(values).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(values))} of {values.size} values are not finite")
    return values.mean(axis), values.std(axis, ddof=1) / math.sqrt(count)


def monte_carlo_mean(samples: ArrayLike, axis: int = 0) -> Mean:
    """Mean over independent trials with its standard error.

    Parameters
    ----------
    samples : array_like
        At least two trials along ``axis``.
    axis : int

    Returns
    -------
    Mean

    Raises
    ------
    ValueError
        As :func:`mean_se`.
    """
    return Mean(*mean_se(samples, axis), np.shape(samples)[axis])


def _positive(name, values):
    values = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise ValueError(f"{name} holds a value that is not positive and finite")
    return values


@dataclass(frozen=True)
class Differences:
    """Mean paired differences to a baseline.

    Attributes
    ----------
    mean, standard_error, low, high : ndarray, shape (...,)
        The standard error is over seeds; ``low`` and ``high`` bound the interval.
    """

    mean: np.ndarray
    standard_error: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def clear(self):
        """Whether the interval leaves zero out: -1 all below, +1 all above, 0 otherwise; shape (...,)."""
        return np.where(self.low > 0, 1, np.where(self.high < 0, -1, 0))


def against(
    values: ArrayLike, baseline: ArrayLike, *, level: float = 0.95, comparisons: int | None = None
) -> Differences:
    """Paired differences of treatments to a baseline with intervals that hold jointly.

    Differences of one treatment are taken as independent normal numbers over the seeds (Student's t); over the
    comparisons the level is corrected by Bonferroni's inequality, whatever their dependence.

    Parameters
    ----------
    values : array_like, shape (..., seeds)
    baseline : array_like, shape (seeds,)
        In the same order of seeds.
    level : float
        Chance that all intervals hold.
    comparisons : int, optional
        How many intervals are to hold jointly; all differences by default.

    Returns
    -------
    Differences

    Raises
    ------
    ValueError
        If the numbers of seeds differ or there are fewer than two, a value is not finite, or the level or the number
        of comparisons makes no sense.

    >>> found = against([[2.0, 3.0, 4.0]], [1.0, 2.0, 2.0], level=0.95)
    >>> found.mean.round(3).tolist(), found.low.round(3).tolist(), found.clear.tolist()
    ([1.333], [-0.101], [0])
    """
    values, baseline = np.asarray(values, float), np.asarray(baseline, float)
    if baseline.ndim != 1 or values.shape[-1:] != baseline.shape or len(baseline) < 2:
        raise ValueError(
            f"values and baseline have shapes {values.shape} and {baseline.shape}, expected (..., seeds) and (seeds,) "
            "with at least two seeds"
        )
    seeds = len(baseline)
    comparisons = values[..., 0].size if comparisons is None else comparisons
    if not 0 < level < 1 or comparisons < 1:
        raise ValueError(f"level is {level} and comparisons {comparisons}, expected a level in (0, 1) and at least one")
    differences = values - baseline
    if not np.isfinite(differences).all():
        raise ValueError(f"{np.count_nonzero(~np.isfinite(differences))} of the differences are not finite")
    mean, error = mean_se(differences)
    half = stats.t.isf((1 - level) / (2 * comparisons), seeds - 1) * error
    return Differences(mean, error, mean - half, mean + half)
