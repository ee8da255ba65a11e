"""Slopes with intervals and Monte-Carlo means with standard errors.

Everything a statistical check needs besides the verdict, which is the ledger's business.
"""

import math
from dataclasses import dataclass

import numpy as np
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

    def interval(self, level=0.95):
        """Two-sided confidence interval of the slope (Student's t, ``points - 2`` degrees of freedom)."""
        half = stats.t.isf((1 - level) / 2, self.points - 2) * self.standard_error
        return self.slope - half, self.slope + half


@dataclass(frozen=True)
class Mean:
    """A Monte-Carlo mean: ``value``, its ``standard_error`` and the number of independent ``trials`` behind it."""

    value: np.ndarray
    standard_error: np.ndarray
    trials: int


def loglog_slope(x, y):
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


def slope_bias(x, relative_correction):
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


def monte_carlo_mean(samples, axis=0):
    """Mean over independent trials with its standard error.

    Parameters
    ----------
    samples : array_like
        At least two trials along ``axis``.
    axis : int

    Returns
    -------
    Mean
    """
    samples = np.asarray(samples, dtype=float)
    trials = samples.shape[axis]
    if trials < 2:
        raise ValueError(f"samples has {trials} trial(s) along axis {axis}, expected at least 2")
    if not np.all(np.isfinite(samples)):
        raise ValueError("samples holds a value that is not finite")
    return Mean(samples.mean(axis), samples.std(axis, ddof=1) / math.sqrt(trials), trials)


def _positive(name, values):
    values = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(values)) or np.any(values <= 0):
        raise ValueError(f"{name} holds a value that is not positive and finite")
    return values
