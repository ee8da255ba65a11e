"""Reading a recording of encoders on halves of images with wrong pairs: one curve or several, and at which exponent.

Errors are compared by their logarithm, retrieval by its log odds; means over seeds have Student's intervals, joint over
what is compared.
"""

import numpy as np

from helpers import statistics

from .. import scaling_collapse

ARMS = ("paired only", "aligned", "shuffled", "whole set", "oracle")
GUESSING = ARMS[1:4]
STRENGTHS = 12  # singular values that are kept
COMPARED = {
    "stopped hit": "retrieval, stopped",
    "hit": "retrieval, last step",
    "stopped error": "probe error, stopped",
    "error": "probe error, last step",
    "linear hit": "retrieval, linear",
}


def cells(recording):
    """Sizes and shares of the task "wrong", two ndarrays of shape (cells,)."""
    found = dict.fromkeys((row["n"], row["share"]) for row in recording.rows if row["task"] == "wrong")
    return tuple(np.array(each) for each in zip(*found, strict=True))


def values(recording, measured):
    """A measured number of the task "wrong", shape (seeds, cells), in the order of :func:`cells`."""
    found = zip(*cells(recording), strict=True)
    return np.stack([recording.values(measured, task="wrong", n=int(n), share=p) for n, p in found], axis=1)


def scale(recording, measured):
    """The number in the scale in which rows are compared: log odds of retrieval, logarithm of an error."""
    found = values(recording, measured)
    return np.log(found) - np.log1p(-found) if measured.endswith("hit") else np.log(found)


def exponents(recording, measured):
    """At which exponent a number is one function of ``n (1 - p)^exponent``, a parabola in log n; shape (seeds,)."""
    return scaling_collapse.collapse_exponent(scale(recording, measured), *cells(recording))


def size_table(recording):
    """Header and rows: what is compared, share of wrong pairs, mean and standard error for every n ("" if not run)."""
    (n, share), rows = cells(recording), []
    for measured, label in COMPARED.items():
        found = values(recording, measured)
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / len(found) ** 0.5
        for p in np.unique(share):
            shown = {n[k]: f"{mean[k]:.3f} ± {error[k]:.3f}" for k in np.flatnonzero(share == p)}
            rows.append([label, f"{p:.0%}", *(shown.get(size, "") for size in np.unique(n))])
    return ["score", "wrong", *(f"$n$ = {size:,}" for size in np.unique(n))], rows


def exponent_table(recording):
    """Header and rows: what is compared, its exponent with joint intervals, distances to one curve, matched cells.

    Returns
    -------
    list of str, list of list of str
        Label; exponent and standard error; 95 % interval, jointly over the rows; root mean square distance to one curve
        in n, n (1 - p) and n (1 - p)^2; ratio (of odds for retrieval) of cells with more to cells with fewer wrong
        pairs at the same n (1 - p)^2, with its interval.
    """
    (n, share), rows = cells(recording), []
    pairs = scaling_collapse.matched(n, share, exponent=2)
    for measured, label in COMPARED.items():
        found = scale(recording, measured)
        where = _interval(exponents(recording, measured))
        apart = [scaling_collapse.spread(found, n, share, exponent=power).mean() for power in (0, 1, 2)]
        ratio = _interval((found[:, pairs[:, 0]] - found[:, pairs[:, 1]]).mean(axis=1))
        row = [label, f"{where.mean:.2f} ± {where.standard_error:.2f}", f"{where.low:.2f} to {where.high:.2f}"]
        row += [f"{one:.3f}" for one in apart]
        rows.append([*row, "{:.2f} ({:.2f} to {:.2f})".format(*np.exp([ratio.mean, ratio.low, ratio.high]))])
    distances = ["r.m.s. distance to one curve in $n$", "in $n(1-p)$", "in $n(1-p)^2$"]
    last = "ratio at equal $n(1-p)^2$, more to fewer wrong pairs"
    return ["score", r"exponent $\gamma$", "95 % interval", *distances, last], rows


def arm_table(recording):
    """Header and rows: every way to use the unpaired images, its retrieval and error, and both against the start.

    Returns
    -------
    list of str, list of list of str
        Arm; share of right guesses; retrieval, paired difference of retrieval and of the probe error to the start, with
        95 % intervals, jointly over the arms.
    """
    rows, start = [], {name: recording.values(f"start {name}", task="unpaired") for name in ("hit", "error")}
    for arm in ARMS:
        hit = recording.values(f"{arm} hit", task="unpaired")
        row = [arm, "", f"{hit.mean():.3f} ± {hit.std(ddof=1) / len(hit) ** 0.5:.3f}"]
        if arm in GUESSING:
            row[1] = f"{recording.values(f'{arm} guessed', task='unpaired').mean():.3f}"
        for name, baseline in start.items():
            change = recording.values(f"{arm} {name}", task="unpaired")
            change = statistics.against(change, baseline, comparisons=len(ARMS))
            ends = (np.round(each, 3) + 0.0 for each in (change.mean, change.low, change.high))  # no minus zero
            row.append("{:+.3f} ({:+.3f} to {:+.3f})".format(*ends))
        rows.append(row)
    differences = ["retrieval against the start", "probe error against the start"]
    return ["unpaired images", "right guesses", "retrieval", *differences], rows


def memorised(recording, *, share=0.5):
    """Mean share of the wrong training pairs that are retrieved after the last step, by n: dict of int to float."""
    (n, shares), found = cells(recording), values(recording, "fitted wrong").mean(axis=0)
    return {int(n[k]): float(found[k]) for k in np.flatnonzero(shares == share)}


def _interval(found):
    return statistics.against(found, np.zeros(len(found)), comparisons=len(COMPARED))


def plotted(recording):
    """All curves of the pictures, by panel: a dict of dicts of name to (x, values), see ``seed_curves``.

    The panels of retrieval and error hold n as x; the axis n (1 - p)^2 follows from the share in the name.
    """
    n, share = cells(recording)
    panels = {}
    for measured in ("stopped hit", "stopped error", "hit", "error"):
        found = values(recording, measured).T
        panels[measured] = {f"{p:.0%} wrong": (n[share == p], found[share == p]) for p in np.unique(share)}
    panels["exponent"] = {label: ([0], exponents(recording, measured)[None]) for measured, label in COMPARED.items()}
    places, largest = np.arange(1, STRENGTHS + 1), {"task": "wrong", "n": int(n.max())}
    for p in np.unique(share):
        strengths = [recording.values(f"strength {k}", share=p, **largest) for k in places]
        panels.setdefault("strength", {})[f"{p:.0%} wrong"] = places, np.array(strengths)
    arms = {arm: recording.values(f"{arm} hit", task="unpaired") for arm in ("start", *ARMS)}
    return panels | {"unpaired": {arm: ([0], found[None]) for arm, found in arms.items()}}
