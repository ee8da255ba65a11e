"""Reading the table of nine losses on Fashion-MNIST: its rows by name, paired differences, and the printed form."""

from helpers import statistics

LOSSES = {
    "quadratic": "quadratic",
    "inverse": "r_γ as released, k = 2",
    "infonce": "InfoNCE, ε = 1",
    "decoupled": "InfoNCE, ε = 0",
    "entropy": "r_H",
    "entropy, backprop": "r_H, gradient through α",
    "direct": "direct, p = 4",
    "direct, normalised": "direct, p = 4, row sum 1",
    "square": "r_s",
}
BASELINES = ("untrained", "raw pixels")
BASE = "infonce"
LABELS = LOSSES | {name: name for name in BASELINES}
COMPARED = [loss for loss in LABELS if loss not in (BASE, "raw pixels")]
MEASURED = {
    "probe": "linear probe (%)",
    "neighbours": "5-NN on z (%)",
    "rank": "rank of z",
    "feature_rank": "rank of h",
}


def compared(recording, measured):
    """Paired differences to InfoNCE of the other losses and of no training, with joint 95 % intervals.

    Parameters
    ----------
    recording : recorded.Recording
    measured : str

    Returns
    -------
    statistics.Differences
        In the order of ``COMPARED``.
    """
    values = [recording.values(measured, loss=loss) for loss in COMPARED]
    return statistics.against(values, recording.values(measured, loss=BASE))


def sides(recording, measured):
    """Labels of what lies clearly above InfoNCE, and of what lies clearly below: its joint interval leaves zero out."""
    clear = compared(recording, measured).clear
    return tuple([LABELS[loss] for loss, side in zip(COMPARED, clear, strict=True) if side == sign] for sign in (1, -1))


def summary(recording):
    """Heading and rows of the table: means over the seeds with standard errors, and differences to InfoNCE.

    Returns
    -------
    header : list of str
    rows : list of list of str
        Standard errors in brackets; after the paired differences half the width of their joint interval, and a star
        where it leaves zero out.
    """
    header, columns = ["loss"], [list(LABELS.values())]
    for measured, title in MEASURED.items():
        unit, found = 100 if "%" in title else 1, compared(recording, measured)
        values = [unit * recording.values(measured, loss=loss) for loss in LABELS]
        half = zip(unit * found.mean, unit * (found.high - found.mean), found.clear, strict=True)
        steps = dict(zip(COMPARED, (f"{m:+.2f} ± {h:.2f}{' *' if clear else ''}" for m, h, clear in half), strict=True))
        header += [title, "minus InfoNCE"]
        columns.append([f"{v.mean():.2f} ({v.std(ddof=1) / len(v) ** 0.5:.2f})" for v in values])
        columns.append([steps.get(loss, "") for loss in LABELS])
    return header, [list(row) for row in zip(*columns, strict=True)]
