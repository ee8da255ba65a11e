"""Worlds of instances with a few views each, and small encoders trained on them until their features are known exactly.

Instance i has the points ``i * views, ..., i * views + views - 1``; the first half of the instances is class 0, the
second half class 1. A pair of views is two independent draws of one instance, uniform over its points.
"""

from itertools import product

import numpy as np
import torch
from torch import nn

from helpers import training
from helpers.losses import population_losses

from . import ensemble


def points(rng, *, instances, views, dimension):
    """Inputs (instances * views, dimension): class centre at distance 1, instances (sd 1), views (sd 0.3)."""
    centre = np.zeros(dimension)
    centre[0] = 1
    side = np.repeat([1.0, -1.0], instances // 2)
    own = side[:, None] * centre + rng.normal(size=(instances, dimension))
    return (own[:, None] + 0.3 * rng.normal(size=(instances, views, dimension))).reshape(-1, dimension)


def same_group(groups):
    """Law of a pair (n, n): a uniform point, then a uniform point of its group. ``groups`` is an array of int (n,)."""
    same = groups[:, None] == groups
    return same / same.sum(axis=1, keepdims=True) / len(groups)


def trained(inputs, pairs, *, seeds, steps, temperature, width=3):
    """Unit features after full-batch Adam on the contrastive loss with ever more negatives: nothing is sampled.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
    pairs : ndarray, shape (networks, n, n)
        Law of (anchor, positive) of every network; all anchors equally likely.
    seeds : sequence of int
        One a network, of its start.
    steps : int
    temperature : float
    width : int
        Of the features.

    Returns
    -------
    ndarray, shape (networks, n, width), float64
    """
    start = ensemble.initial((inputs.shape[1], 16, width), seeds)
    population = nn.ParameterList([nn.Parameter(layer.detach().double()) for layer in start])
    x, drawn = torch.tensor(inputs).expand(len(seeds), -1, -1), torch.tensor(pairs) * len(inputs)

    def objective(layers, *_):
        z = ensemble.features(list(layers), x)
        return population_losses.infonce(drawn, z @ z.mT / temperature, include_self=True).mean(dim=-1).sum()

    if steps:
        training.fit(population, objective, lambda _: None, epochs=steps, learning_rate=0.02, seed=0)
    z = ensemble.features(list(population), x).detach().numpy()
    return z / np.linalg.norm(z, axis=-1, keepdims=True)


def batches(instances, views, size):
    """All batches of ``size`` pairs: instances (batches, size) and points of both views (batches, 2 * size).

    Row k and row ``size + k`` of a batch are the two views of its k-th pair; instances may repeat.

    >>> [part.shape for part in batches(2, 2, 2)]
    [(64, 2), (64, 4)]
    """
    pairs = np.array(list(product(range(instances), range(views), range(views))))
    chosen = pairs[np.array(list(product(range(len(pairs)), repeat=size)))]
    own = chosen[..., 0]
    return own, np.concatenate([own * views + chosen[..., 1], own * views + chosen[..., 2]], axis=1)


def batch_losses(scores, rows):
    """NT-Xent of every batch, from its definition: mean over its 2B anchors, with K = beta = 2B - 2 negatives.

    Parameters
    ----------
    scores : ndarray, shape (n, n)
        Divided by the temperature.
    rows : ndarray of int, shape (batches, 2B)
        Points of the batch, as :func:`batches` gives them.

    Returns
    -------
    ndarray, shape (batches,)
    """
    size = rows.shape[1]
    score = scores[rows[:, :, None], rows[:, None, :]]
    here = np.arange(size)
    positive = score[:, here, (here + size // 2) % size]
    total = np.exp(score).sum(axis=2) - np.exp(score[:, here, here])
    return (np.log(total) - positive).mean(axis=1)
