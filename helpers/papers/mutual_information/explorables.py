"""Tables behind the sliders of the site: an assumption is turned, and the error of a check moves with it."""

import numpy as np

from . import class_counts

CLASSES = (2, 10, 100, 1000)


def tables(rng):
    """All tables of this paper, by name; nothing random is in them."""
    del rng
    return {"batch": batch()}


def batch():
    """What the best critic reads with K candidates, its two ceilings, and the reading corrected once and twice.

    Returns
    -------
    dict of str to list
        ``classes``, ``candidates`` (K), all others in nats: ``best`` (exact), ``log_K``, ``entropy`` (log C),
        ``once`` (plus (C - 1)/2K), ``twice`` (plus (C^2 - 1)/12K^2), and ``missing``, ``missing_once`` and
        ``missing_twice``: the distances to the entropy, at least 1e-9 so that they can be drawn on a log axis.
    """
    K = np.unique(np.geomspace(1, 16384, 43).round().astype(int))
    names = ("classes", "candidates", "best", "log_K", "entropy", "once", "twice")
    names += ("missing", "missing_once", "missing_twice")
    columns = {name: [] for name in names}
    for classes in CLASSES:
        best = class_counts.best_value_uniform(K, classes)
        once = best + (classes - 1) / (2 * K)
        twice = once + (classes**2 - 1) / (12 * K.astype(float) ** 2)
        same = np.full(len(K), np.log(classes))
        missing = [np.maximum(np.abs(value - same), 1e-9) for value in (best, once, twice)]
        found = ([classes] * len(K), K, best, np.log(K), same, once, twice, *missing)
        for name, values in zip(names, found, strict=True):
            columns[name] += list(values)
    return columns
