"""Pictures of the notebook that reads one loss five ways: arrays in, figure out."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL, waterfall

CHAIN = (
    "mean loss of a batch - log(beta) + H",
    "J: finitely many negatives",
    "S1: the positive in its denominator",
    "S4: spread inside classes",
    "loss of the mean classifier",
    "attack",
    "robust loss of the mean classifier",
)


def chances(chance, labels, excess):
    """The matrix of chances of one direction, sorted by class, and how often every view is chosen too much.

    Parameters
    ----------
    chance : ndarray, shape (n, n)
        Row i: softmax of the scores of anchor i; partners on the diagonal.
    labels : ndarray of int, shape (n,)
    excess : ndarray, shape (2n,)
        Half of the sum of a view's column, less a half; the n anchors of the first view, then of the second.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.0), layout="constrained", width_ratios=(1, 1.15))
    order = np.argsort(labels, kind="stable")
    image = left.imshow(chance[np.ix_(order, order)], cmap="cividis", vmin=0)
    edges = np.flatnonzero(np.diff(labels[order])) + 0.5
    for low, high in zip([-0.5, *edges], [*edges, len(order) - 0.5], strict=True):
        square = [low, low, high, high, low], [low, high, high, low, low]
        left.plot(*square, color="white", linewidth=1.2)
    figure.colorbar(image, ax=left, label="chance $Q_{ij}$", shrink=0.85)
    left.set(xlabel="second view j, by class", ylabel="first view i (anchor)", xticks=[], yticks=[])
    n, number = len(order), np.arange(len(order))
    right.axhline(0, color="black", linewidth=0.8)
    right.plot(number, excess[n:][order], "o", color=COLOURS[0], label="second views")
    right.plot(number, excess[:n][order], "s", color=COLOURS[1], label="first views", markerfacecolor="none")
    right.set(xticks=number[::5], xlabel="pair, by class", ylabel="chosen more than it chooses")
    right.legend()
    return figure


def nats(values, marks, chain):
    """Values of many batches beside the ceilings, and the way from the mean loss to the robust supervised loss.

    Parameters
    ----------
    values : ndarray, shape (batches,)
        ``log n - loss`` of batches drawn anew.
    marks : dict of str to float
        Lines with their names, from left to right.
    chain : array_like, shape (7,)
        Rows as ``CHAIN``.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.0, 4.0), layout="constrained", width_ratios=(1, 1.2))
    left.hist(values, bins=40, density=True, color=CONTROL)
    top = left.get_ylim()[1]
    for step, (name, value) in enumerate(marks.items()):
        height = top * (1.02 + 0.1 * (step % 2))
        left.vlines(value, 0, height, color="black", linewidth=1.0)
        left.annotate(name, (value, height + 0.01 * top), ha="center", size=8)
    left.set(ylim=(0, top * 1.2), xlabel="log n - loss (nats)", ylabel="density over batches")
    waterfall(right, CHAIN, chain, totals={0, 4, 6})
    right.set(xlabel="nats")
    return figure
