"""Kernels compared in a recorded table: each at the scale that validation chose, differences to the Gaussian paired."""

from dataclasses import dataclass

import numpy as np

from helpers import statistics
from helpers.losses import kernel_objectives

BASE = "gaussian"
LEVEL = 0.99  # chance that the intervals of all kernels hold, for one measured number


@dataclass(frozen=True)
class Comparison:
    """What is compared, in per cent.

    Attributes
    ----------
    scales : dict of str to float
        By kernel; what was not trained with a kernel is absent.
    values : dict of str to ndarray, shape (seeds,)
        By kernel, and by baseline without a kernel.
    differences : statistics.Differences
        Of all but the Gaussian to the Gaussian, in the order of ``others``, then of ``baselines``; the intervals of
        the other kernels hold jointly.
    """

    scales: dict
    values: dict
    differences: statistics.Differences

    @property
    def others(self):
        """The kernels but the Gaussian."""
        return [kernel for kernel in self.scales if kernel != BASE]

    @property
    def baselines(self):
        """What was not trained with a kernel."""
        return [name for name in self.values if name not in self.scales]

    def clear(self, sign):
        """The kernels whose interval lies above (``sign`` 1) or below (-1) zero."""
        return [kernel for kernel, side in zip(self.others, self.differences.clear, strict=False) if side == sign]

    def rows(self):
        """By row of a printed table: name, mean ± standard error, difference ± standard error, scale."""
        names = [BASE, *self.others, *self.baselines]
        found = [["", ""], *np.transpose([self.differences.mean, self.differences.standard_error]).tolist()]
        rows = {}
        for name, (mean, error) in zip(names, found, strict=True):
            values = self.values[name]
            rows[name] = [f"{values.mean():.2f} ± {values.std(ddof=1) / len(values) ** 0.5:.2f}"]
            rows[name] += ["" if name == BASE else f"{mean:+.2f} ± {error:.2f}"]
            rows[name] += [f"{self.scales[name]:g}" if name in self.scales else ""]
        return rows


def compared(recording, measured, *, by):
    """Every kernel at the scale with the best mean of ``by``, and its paired differences to the Gaussian.

    Parameters
    ----------
    recording : recorded.Recording
        Rows have ``kernel``, and ``scale`` where a kernel was used.
    measured, by : str
        What is reported, and what chooses the scale: two numbers on different images.

    Returns
    -------
    Comparison
    """
    names = dict.fromkeys(row["kernel"] for row in recording.rows)
    kernels = [name for name in names if name in kernel_objectives.KERNELS]
    scales = {kernel: recording.best("scale", by=by, kernel=kernel) for kernel in kernels}
    values = {
        name: 100 * recording.values(measured, kernel=name, **({"scale": scales[name]} if name in scales else {}))
        for name in names
    }
    others = [name for name in names if name != BASE]
    differences = statistics.against(
        [values[name] for name in others], values[BASE], level=LEVEL, comparisons=len(kernels) - 1
    )
    return Comparison(scales, values, differences)


def printed(comparisons, titles):
    """A table of several measured numbers side by side.

    Parameters
    ----------
    comparisons : dict of str to Comparison
        By measured number, of the same kernels and baselines.
    titles : dict of str to str

    Returns
    -------
    header : list of str
    rows : list of list of str
        As ``figures.show_table`` takes them.
    """
    header, rows = ["kernel"], {name: [name] for name in next(iter(comparisons.values())).rows()}
    for measured, comparison in comparisons.items():
        header += [f"{titles[measured]}, % ± s.e.", "minus Gaussian ± s.e.", "scale"]
        for name, found in comparison.rows().items():
            rows[name] += found
    return header, list(rows.values())


def verdicts(comparisons, titles):
    """One line a measured number: which kernels are better and which worse than the Gaussian beyond their interval."""
    return [
        f"{titles[measured]}: better than the Gaussian beyond noise: {comparison.clear(1) or 'none'}; "
        f"worse: {comparison.clear(-1) or 'none'}"
        for measured, comparison in comparisons.items()
    ]
