"""Curves measured for several seeds: drawn as points with their mean, and written as one long table.

A curve is a pair ``(x, values)`` of arrays with shapes (points,) and (points, seeds); (points,) for a single one.
"""

import numpy as np


def from_recording(recording, measured, setting, **where):
    """The curve of one measured number of a recorded table over one setting.

    Parameters
    ----------
    recording : recorded.Recording
    measured : str
        Name of the number.
    setting : str
        Name of the setting on the x axis.
    **where
        All other settings that single the curve out.

    Returns
    -------
    x : ndarray, shape (points,)
        Ascending.
    values : ndarray, shape (points, seeds)

    Raises
    ------
    ValueError
        If no row matches.
    """
    rows = [row for row in recording.rows if all(row.get(key) == value for key, value in where.items())]
    x = sorted({row[setting] for row in rows})
    if not x:
        raise ValueError(f"{where} matches no row of {recording.record['table']}")
    return np.array(x), np.array([recording.values(measured, **{setting: place}, **where) for place in x])


def draw(axes, curve, form, *, colour, label, marker="."):
    """Draw the mean over the seeds as a line of the given form, and every seed as a faint point.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curve : (array_like, array_like)
    form : str
        Matplotlib's format of the mean, such as ``"o-"``.
    colour, label : str
    marker : str
        Of the single seeds.
    """
    x, values = (np.asarray(part) for part in curve)
    if values.ndim == 2:
        axes.plot(x, values, marker, color=colour, alpha=0.4, markersize=3.5)
        values = values.mean(axis=1)
    axes.plot(x, values, form, color=colour, label=label)


def columns(curves):
    """All curves in long form, for ``gallery.show``.

    Parameters
    ----------
    curves : dict of str to (array_like, array_like)

    Returns
    -------
    dict of str to list
        ``curve``, ``x`` and ``value``, one row a value.

    >>> columns({"a": ([1, 2], [[3.0, 4.0], [5.0, 6.0]])})["x"]
    [1, 1, 2, 2]
    """
    table = {"curve": [], "x": [], "value": []}
    for name, (x, values) in curves.items():
        values = np.asarray(values)
        repeats = values.shape[1] if values.ndim == 2 else 1
        table["curve"] += [name] * values.size
        table["x"] += np.repeat(x, repeats).tolist()
        table["value"] += values.ravel().tolist()
    return table
