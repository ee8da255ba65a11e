"""Every term of the robust contrastive decomposition as a finite sum, for a batch of finite worlds.

A negative is a point drawn from the mixture of the classes. Expectations over K negatives run over all multinomial
count vectors (v of them), so nothing is sampled and identities hold to rounding. The loss of one tuple is

    -s_+ + log(exp(s_+) + weight/K * sum_k exp(s_k)),

all scores divided by the temperature. Shapes as in ``finite_worlds``: w worlds, c classes, n points, u places.
"""

from functools import lru_cache
from itertools import combinations_with_replacement
from typing import NamedTuple

import numpy as np
from scipy import special

from . import finite_worlds


class Terms(NamedTuple):
    """Terms of the decomposition for one adversary, each of shape (worlds,); see :func:`terms`."""

    supervised: np.ndarray
    contrastive: np.ndarray
    jensen: np.ndarray
    positive: np.ndarray
    spread: np.ndarray
    local_shift: np.ndarray
    global_shift: np.ndarray
    label_free_shift: np.ndarray
    entropy: np.ndarray
    temperature: np.ndarray
    weight: np.ndarray
    negatives: np.ndarray
    magnitude: np.ndarray


@lru_cache(maxsize=32)
def count_vectors(points, negatives):
    """All ways to draw K negatives from n points, as counts, with the multinomial coefficients.

    Returns
    -------
    tuple of ndarray
        Counts (v, n) and coefficients (v,), v = (n + K - 1)! / (K! (n - 1)!).

    >>> count_vectors(2, 2)[0].tolist(), count_vectors(2, 2)[1].tolist()
    ([[2, 0], [1, 1], [0, 2]], [1.0, 2.0, 1.0])
    """
    draws = np.array(list(combinations_with_replacement(range(points), negatives)))
    counts = (draws[:, :, None] == np.arange(points)).sum(axis=1)
    coefficients = special.factorial(negatives) / special.factorial(counts).prod(axis=1)
    return counts, coefficients


def negatives_law(world):
    """Probability of every count vector, shape (w, v)."""
    counts, coefficients = count_vectors(world.conditional.shape[2], world.negatives)
    return coefficients * np.prod(world.points[:, None] ** counts, axis=2)


def log_average(world):
    """``log (1/K sum_k exp(score of negative k))`` at every place and count vector, shape (w, u, v)."""
    counts, _ = count_vectors(world.conditional.shape[2], world.negatives)
    return np.log(np.exp(finite_worlds.scores(world)) @ counts.T / world.negatives)


def tuple_losses(world, *, positives="points"):
    """Loss of every anchor place, positive and count vector, from its definition.

    Parameters
    ----------
    world : World
    positives : str
        "points": clean positives only; "places": attacked positives too.

    Returns
    -------
    ndarray, shape (w, u, n or u, v)
        ``-s_+ + log(exp(s_+) + weight/K sum_k exp(s_k))``.

    Raises
    ------
    ValueError
        For another word.
    """
    if positives not in ("points", "places"):
        raise ValueError(f"positives is {positives!r}, expected 'points' or 'places'")
    others = world.features if positives == "places" else world.features[:, : world.conditional.shape[2]]
    score = world.features @ others.swapaxes(1, 2) / world.temperature[:, None, None]
    negative = np.log(world.weight)[:, None, None] + log_average(world)
    return np.logaddexp(score[..., None], negative[:, :, None]) - score[..., None]


def class_losses(world):
    """Contrastive loss of every place as anchor, averaged over positives of a label and negatives, shape (w, c, u).

    Its mean over benign anchors is the benign loss, over attacked anchors the attacked loss, and its worst place
    the class-aware contrastive attack.
    """
    averaged = np.einsum("wupv,wv->wup", tuple_losses(world), negatives_law(world), optimize=True)
    return np.einsum("wcp,wup->wcu", world.conditional, averaged)


def tuple_attack(world, *, attack_positive=False):
    """Adversarial contrastive loss, shape (w,): the attack sees anchor, positive and negatives, but no label.

    Parameters
    ----------
    world : World
    attack_positive : bool
        Whether the positive is moved as well (the two-view attack).
    """
    losses = tuple_losses(world, positives="places" if attack_positive else "points")
    if attack_positive:
        losses = finite_worlds.attack(world, losses, axis=2)
    pairs = np.einsum("wc,wcxp->wxp", world.prior, world.pairs)
    return np.einsum(
        "wxp,wxpv,wv->w", pairs, finite_worlds.attack(world, losses, axis=1), negatives_law(world), optimize=True
    )


def limit_tuple_attack(world):
    """Limit of ``tuple_attack - log weight`` for ever more negatives of ever more weight, shape (w,).

    The attack sees anchor and positive; the negatives have become ``G_un``. No label enters.
    """
    values = finite_worlds.label_free_log_partition(world)[:, :, None] - finite_worlds.scores(world)
    pairs = np.einsum("wc,wcxp->wxp", world.prior, world.pairs)
    return (pairs * finite_worlds.attack(world, values, axis=1)).sum(axis=(1, 2))


def hard_positive_shift(world):
    """Label-free local shift ``E max (f(x) - f(x')) . f(x+) / temperature``, shape (w,).

    The attack sees the anchor and its positive, no label: the hard-positive attack.
    """
    score = finite_worlds.scores(world)
    fall = score[:, : score.shape[2]] + finite_worlds.attack(world, -score, axis=1)
    return (np.einsum("wc,wcxp->wxp", world.prior, world.pairs) * fall).sum(axis=(1, 2))


def pair_law(world, adversary=None, *, pairs=None):
    """Joint law of (place of the anchor after the attack, positive point), shape (w, u, n)."""
    adversary = finite_worlds.stay(world) if adversary is None else adversary
    pairs = world.pairs if pairs is None else pairs
    arrives = (adversary[..., None] == np.arange(world.features.shape[1])).astype(float)
    return np.einsum("wc,wcxp,wcxu->wup", world.prior, pairs, arrives, optimize=True)


def pair_score(world, adversary=None, *, pairs=None):
    """Mean score between the (attacked) anchor and its positive, shape (w,)."""
    return (pair_law(world, adversary, pairs=pairs) * finite_worlds.scores(world)).sum(axis=(1, 2))


def terms(world, adversary=None, *, pairs=None):
    """Every term of the decomposition for one adversary, each from its own definition.

    Parameters
    ----------
    world : World
    adversary : ndarray of int, shape (w, c, n), optional
        No attack by default.
    pairs : ndarray, shape (w, c, n, n), optional
        Law of (x, x+) given the class; independent draws of the class by default. Its marginals must be the
        class-conditional laws.

    Returns
    -------
    Terms
        ``supervised``: cross-entropy of the mean classifier with prior bias. ``contrastive``: contrastive loss with
        attacked anchors, clean positives and negatives. ``jensen``, ``positive``, ``spread``: the slacks of
        finitely many negatives, of the positive in the denominator, of the spread inside classes. ``local_shift``:
        loss of score between anchor and positive. ``global_shift``: gain of the mean log-partition,
        ``label_free_shift``: the same for its label-free counterpart.
    """
    adversary = finite_worlds.stay(world) if adversary is None else adversary
    law = pair_law(world, adversary, pairs=pairs)
    average, negatives = log_average(world), negatives_law(world)
    gap = finite_worlds.scores(world)[..., None] - (np.log(world.weight)[:, None, None] + average)[:, :, None]
    free, partition = finite_worlds.label_free_log_partition(world), finite_worlds.log_partition(world)

    def attacked(values):
        return finite_worlds.expectation(world, values, adversary)

    def benign(values):
        return finite_worlds.expectation(world, values, finite_worlds.stay(world))

    def over_tuples(values):
        return np.einsum("wup,wupv,wv->w", law, values, negatives, optimize=True)

    return Terms(
        supervised=attacked(finite_worlds.cross_entropy(world)),
        contrastive=over_tuples(tuple_losses(world)),
        jensen=attacked(free - np.einsum("wuv,wv->wu", average, negatives)),
        positive=over_tuples(np.logaddexp(0, gap)),
        spread=attacked(free - partition),
        local_shift=pair_score(world, pairs=pairs) - (law * finite_worlds.scores(world)).sum(axis=(1, 2)),
        global_shift=attacked(partition) - benign(partition),
        label_free_shift=attacked(free) - benign(free),
        entropy=world.entropy,
        temperature=world.temperature,
        weight=world.weight,
        negatives=np.full(len(world.prior), world.negatives),
        magnitude=world.magnitude,
    )


def gather(results):
    """Join the terms of several batches (say, of several numbers of negatives) into one."""
    return Terms(*(np.concatenate(column) for column in zip(*results, strict=True)))
