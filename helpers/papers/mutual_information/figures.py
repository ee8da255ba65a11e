"""Pictures about information that need more than a line a curve. Draws on axes it is given, as ``drawing`` does.

What a function draws it also returns, as curves for ``seed_curves.columns``: what is stored is what is drawn.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors

from helpers.evaluation import encoder_measures

from . import class_counts, partitions

BLUE, ORANGE, GREEN, PINK, AMBER, SKY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"
GREY = "#999999"
TILES = colors.ListedColormap(["#8fb8d8", "#f3d19b", "#3b5268"])


def colourings(axes, squares, names, *, columns, marked):
    """A sheet of small squares in three colours, some of them framed.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    squares : array_like of int, shape (count, side, side), codes 0 to 2
    names : array_like of str, shape (count,)
    columns : int
        Squares in a row.
    marked : dict of str to str
        Colour of the frame around squares of that name; others get none.

    Returns
    -------
    list of str
        Each square's codes, row by row, such as ``"001122..."``.
    """
    image, corners = partitions.sheet(squares, columns=columns)
    axes.imshow(image, cmap=TILES)
    side = np.shape(squares)[1]
    for name, colour in marked.items():
        for k, (row, column) in enumerate(corners[np.asarray(names) == name] - 1):
            label = None if k else name
            frame = {"fill": False, "edgecolor": colour, "linewidth": 3, "label": label}
            axes.add_patch(plt.Rectangle((column, row), side + 1, side + 1, **frame))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=len(marked))
    axes.set_axis_off()
    return ["".join(map(str, np.ravel(square))) for square in squares]


def batch_sizes(top, bottom, table, *, pairing, numbers, baselines, ceilings, read_candidates=512):
    """Training value, post-training information (top) and accuracy (bottom) against K, over recorded seeds.

    Parameters
    ----------
    top, bottom : matplotlib.axes.Axes
    table : recorded.Recording
        With ``pairing`` and ``candidates`` as settings.
    pairing : str
    numbers : sequence of int
        K.
    baselines : sequence of str
        Values of ``candidates`` that are drawn as grey lines; they have no training value.
    ceilings : dict of str to callable
        Curves of K, drawn in black.
    read_candidates : int
        K of the post-training reading.

    Returns
    -------
    dict of str to (array_like, ndarray)
        Curves over K with the values of all seeds; K = 0 stands for a baseline.
    """
    curves, grid = {}, np.unique(np.round(np.geomspace(2, max(numbers), 60)).astype(int))
    for (name, curve), style in zip(ceilings.items(), (":", "-", "--"), strict=False):
        values = np.array([float(curve(K)) for K in grid])
        top.plot(grid, values, style, color="black", linewidth=1.2, label=name)
        curves[f"{pairing}: {name}"] = grid, values
    rows = (
        (top, "training_value", "training value", ORANGE),
        (top, "information", f"post-training, K = {read_candidates}", BLUE),
        (bottom, "accuracy", "probe accuracy", GREEN),
    )
    for axes, key, name, colour in rows:
        found = np.array([table.values(key, pairing=pairing, candidates=K) for K in numbers])
        _points(axes, numbers, found, colour, name)
        curves[f"{pairing}: {name}"] = numbers, found
        for baseline, style in zip(baselines if key != "training_value" else (), ("--", ":"), strict=False):
            value = table.values(key, pairing=pairing, candidates=baseline)
            axes.axhline(value.mean(), color=GREY, linestyle=style, label=f"{name}, {baseline}")
            curves[f"{pairing}: {name}, {baseline}"] = [0], value[None]
    bottom.set(xscale="log", xlabel="candidates K in training", xticks=numbers, xticklabels=numbers)
    bottom.minorticks_off()
    return curves


def measures(axes, values, family, titles, *, accuracy, classes):
    """Accuracy against each measure, a marker a family; the first panel holds the certified accuracy.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
        As many as titles, at least two.
    values : dict of str to ndarray, shape (encoders, seeds)
    family : ndarray of str, shape (encoders,)
    titles : dict of str to str
        Measures to draw, with their axis labels.
    accuracy : str
        Name of the accuracy in ``values``.
    classes : int

    Returns
    -------
    dict of str to (ndarray, ndarray)
        Curves ``title: family`` and ``certified``: accuracy over the measure.
    """
    curves = {}
    for panel, (key, title) in zip(axes, titles.items(), strict=True):
        styles = zip(dict.fromkeys(family), "sPoDv^", (BLUE, ORANGE, GREEN, PINK, AMBER, SKY), strict=False)
        for name, marker, colour in styles:
            x, y = (values[k][family == name].mean(axis=1) for k in (key, accuracy))
            panel.plot(x, y, marker, color=colour, label=name, alpha=0.8)
            curves[f"{title}: {name}"] = x, y
        panel.set(xlabel=title, ylim=(0, 1.03))
    nats = np.linspace(0, np.log(classes), 100)
    certified = encoder_measures.certified_accuracy(nats, classes)
    axes[0].plot(nats, certified, color="black", label=f"certified, exp(I) / {classes}")
    axes[1].legend(*axes[0].get_legend_handles_labels(), loc="lower right", fontsize=7)
    return curves | {"certified": (nats, certified)}


def correlations(axes, table, labels):
    """Mean and standard deviation over seeds of rank correlations, a row a measure, a colour a target.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    table : dict of str to array_like, shape (measures, seeds)
        One entry a target.
    labels : sequence of str

    Returns
    -------
    dict of str to (ndarray, ndarray)
        Curves over the number of the measure, with the values of all seeds.
    """
    for k, ((target, rows), colour) in enumerate(zip(table.items(), (AMBER, SKY), strict=False)):
        rows, place = np.asarray(rows), np.arange(len(labels)) + 0.2 * k - 0.1
        form = {"fmt": "o", "capsize": 3, "color": colour, "label": target}
        axes.errorbar(rows.mean(axis=1), place, xerr=rows.std(axis=1, ddof=1), **form)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(yticks=range(len(labels)), yticklabels=labels, ylim=(len(labels) - 0.5, -0.9), xlim=(-1, 1))
    axes.legend(loc="upper left", ncols=2, fontsize=7, columnspacing=0.8, handletextpad=0.3)
    return {f"correlation: {target}": (np.arange(len(labels)), np.asarray(rows)) for target, rows in table.items()}


def factor_probes(axes, found, sets):
    """Probe accuracies of several factors for encoders whose views share sets of them; the first set is a baseline.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    found : dict of str to ndarray, shape (sets, seeds)
        Accuracies, one entry a factor.
    sets : sequence of str
        Factor names joined by "+"; filled markers where a factor is in the set.

    Returns
    -------
    dict of str to (ndarray, ndarray)
        Curves over the number of the set, with the values of all seeds.
    """
    for k, ((name, values), colour) in enumerate(zip(found.items(), (BLUE, ORANGE, GREEN), strict=True)):
        inside, place = np.array([name in shared.split("+") for shared in sets]), np.arange(len(sets)) + 0.22 * (k - 1)
        for chosen, face, label in ((inside, colour, f"{name} probe"), (~inside, "white", None)):
            form = {"fmt": "o", "color": colour, "markerfacecolor": face, "capsize": 2, "label": label}
            spread = values[chosen].std(axis=1, ddof=1)
            axes.errorbar(values[chosen].mean(axis=1), place[chosen], xerr=spread, **form)
        axes.axvline(values[0].mean(), color=colour, linestyle=":", linewidth=1)
    axes.set(yticks=range(len(sets)), yticklabels=[shared.replace("+", " + ") for shared in sets])
    axes.set(ylim=(len(sets) - 0.4, -0.6), xlabel="probe accuracy (fraction)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=len(found))
    return {f"{name} probe": (np.arange(len(sets)), values) for name, values in found.items()}


def readings_against_truth(axes, truth, readings, *, candidates):
    """Readings of information against the true value, between the truth and the best value at K for equal classes.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    truth : ndarray, shape (pairs,)
        Nats.
    readings : dict of str to ndarray, shape (pairs, seeds)
    candidates : int
        K of the ceiling drawn: the best value for exp(truth) equiprobable classes.

    Returns
    -------
    dict of str to (ndarray, ndarray)
        Curves over the truth in nats, readings with the values of all seeds.
    """
    grid = np.linspace(truth.min() - 0.2, truth.max() + 0.2, 60)
    axes.plot(grid, grid, color="black", linewidth=1.2, label="truth")
    ceiling = class_counts.best_value_uniform(candidates, np.exp(grid))
    axes.plot(grid, ceiling, "--", color="black", linewidth=1.2, label=f"best value at K = {candidates}")
    for (name, values), colour in zip(readings.items(), (BLUE, ORANGE), strict=False):
        _points(axes, truth, values, colour, name)
    axes.set(xlabel="true information of the pair (nats)", ylabel="read (nats)")
    axes.legend(loc="upper left")
    curves = {"truth": (grid, grid), f"best value at K = {candidates}": (grid, ceiling)}
    return curves | {name: (truth, values) for name, values in readings.items()}


def _points(axes, x, values, colour, label):
    spread = values.std(axis=1, ddof=1)
    axes.errorbar(x, values.mean(axis=1), spread, fmt="o", capsize=3, color=colour, label=label)
