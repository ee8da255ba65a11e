"""Several treatments against one baseline, measured for the same seeds: paired differences with joint intervals."""

from dataclasses import dataclass

import numpy as np
from scipy import stats


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


def against(values, baseline, *, level=0.95, comparisons=None):
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
    mean, error = differences.mean(axis=-1), differences.std(axis=-1, ddof=1) / seeds**0.5
    half = stats.t.isf((1 - level) / (2 * comparisons), seeds - 1) * error
    return Differences(mean, error, mean - half, mean + half)
