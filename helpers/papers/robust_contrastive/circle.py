"""Classes on a circle: the robust decomposition by quadrature, with arcs as the attack.

The encoder is f(x) = x/|x| in the plane, so a latent is an angle on a grid; class c has a density proportional to
exp(concentration * cos(angle - 2 pi c / classes)); an l_2 ball of radius r around x reaches an arc of half width
arcsin(r/|x|). :func:`world` gives this laboratory as a finite world with one place and one point per grid angle, so
that every function of ``finite_worlds`` that does not enumerate negatives applies, and ``many_negatives`` does the
rest; the tuple attack with finitely many negatives is sampled here.
"""

from typing import NamedTuple

import numpy as np
from scipy import optimize

from helpers.information import divergences

from . import decomposition, finite_worlds


def densities(*, size=720, classes=2, concentration=8.0):
    """Class-conditional probabilities of the grid angles ``2 pi k / size``.

    Parameters
    ----------
    size : int
    classes : int
    concentration : float >= 0

    Returns
    -------
    ndarray, shape (classes, size)
        Rows sum to one.

    >>> densities(size=4, concentration=0.0)[0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    angle = 2 * np.pi * np.arange(size) / size
    centre = 2 * np.pi * np.arange(classes)[:, None] / classes
    weight = np.exp(concentration * (np.cos(angle - centre) - 1))
    return weight / weight.sum(axis=1, keepdims=True)


def world(degrees, *, size=720, classes=2, concentration=8.0, temperature=0.5, weight=1.0, negatives=1):
    """The circle as a finite world with an attack of ``degrees`` to either side.

    Parameters
    ----------
    degrees : float in [0, 180]
        Half width of the arc; a whole number of grid steps.
    size, classes : int
    concentration, temperature, weight : float
    negatives : int
        Too many to enumerate: for ``many_negatives`` and `sampled_tuples`.

    Returns
    -------
    finite_worlds.World
        One world, uniform prior.

    Raises
    ------
    ValueError
        If the half width is not a whole number of grid steps, or not within [0, 180].
    """
    steps = degrees * size / 360
    if not 0 <= degrees <= 180 or abs(steps - round(steps)) > 1e-9:
        raise ValueError(f"degrees is {degrees}, expected a whole number of steps of {360 / size} in [0, 180]")
    angle = 2 * np.pi * np.arange(size) / size
    away = np.abs(np.arange(size)[:, None] - np.arange(size))
    return finite_worlds.make_worlds(
        np.stack([np.cos(angle), np.sin(angle)], axis=1),
        np.full(classes, 1 / classes),
        densities(size=size, classes=classes, concentration=concentration),
        moves=np.minimum(away, size - away) <= round(steps),
        temperature=temperature,
        weight=weight,
        negatives=negatives,
    )


def sampled_tuples(rng, circle, *, tuples):
    """Tuple attack by sampled tuples, each attacked exactly: pairs of (attacked, benign) losses.

    Parameters
    ----------
    rng : numpy.random.Generator
    circle : finite_worlds.World
        As made by :func:`world`.
    tuples : int

    Returns
    -------
    ndarray, shape (2, tuples)
        Worst loss over the arc of the anchor, and loss at the anchor.
    """
    label = rng.integers(circle.prior.shape[1], size=tuples)
    cumulative = circle.conditional[0].cumsum(axis=1)
    anchor, positive = (
        np.array([np.searchsorted(cumulative[c][:-1], u) for c, u in zip(label, rng.random(tuples), strict=True)])
        for _ in range(2)
    )
    counts = rng.multinomial(circle.negatives, circle.points[0], size=tuples)
    score = finite_worlds.scores(circle)[0]
    negative = np.log(circle.weight[0] * (counts @ np.exp(score)) / circle.negatives)
    losses = np.logaddexp(score[positive], negative) - score[positive]
    worst = np.where(circle.moves[0, anchor], losses, -np.inf).max(axis=1)
    return np.stack([worst, losses[np.arange(tuples), anchor]])


class Row(NamedTuple):
    """One line of the circle's table: see :func:`row`."""

    robust: float
    class_aware_bound: float
    label_free_bound: float
    local_shift: float
    global_shift: float
    total_variation: float
    variation_bound: float
    transport_bound: float


def row(circle, degrees):
    """Robust loss and the competing bounds in the limit of ever more negatives of ever more weight.

    Parameters
    ----------
    circle : finite_worlds.World
        As made by :func:`world` with the same ``degrees``.
    degrees : float
        Half width of the attacked arc.

    Returns
    -------
    Row
        ``robust``: robust loss of the mean classifier. ``class_aware_bound``: from the contrastive attack that knows
        the class; ``label_free_bound``: from the one that knows the tuple and no label. Shifts and
        ``total_variation`` (of the marginals): for the strongest supervised attack. ``variation_bound``: benign bound
        + local shift + oscillation of the log-partition times total variation. ``transport_bound``: benign bound +
        (2/temperature) times the chord of the arc.
    """
    losses, partition = finite_worlds.limit_losses(circle), finite_worlds.log_partition(circle)
    supervised, adversary = finite_worlds.cross_entropy(circle), finite_worlds.supervised_attack(circle)
    stay, entropy = finite_worlds.stay(circle), circle.entropy
    benign = finite_worlds.expectation(circle, losses, stay) + entropy
    local = decomposition.pair_score(circle) - decomposition.pair_score(circle, adversary)
    shift = finite_worlds.expectation(circle, partition, adversary) - finite_worlds.expectation(circle, partition, stay)
    distance = divergences.total_variation(circle.points, finite_worlds.marginal_law(circle, adversary))
    values = (
        finite_worlds.worst_case(circle, supervised),
        finite_worlds.worst_case(circle, losses) + entropy,
        decomposition.limit_tuple_attack(circle) + entropy,
        local,
        shift,
        distance,
        benign + local + np.ptp(partition, axis=1) * distance,
        benign + 4 * np.sin(np.deg2rad(degrees) / 2) / circle.temperature,
    )
    return Row(*(float(value[0]) for value in values))


def best_classifier(circle):
    """Robust loss of the best linear classifier for two antipodal classes, and its norm.

    By symmetry and convexity the best classifier has weights (w, 0) against (-w, 0) and no bias, which leaves one
    convex search: ``min_w E log(1 + exp(-2 w t))`` with t the smallest cosine to the class axis on the attacked arc.

    Parameters
    ----------
    circle : finite_worlds.World
        Two classes and a uniform prior.

    Returns
    -------
    tuple of float
        ``inf_W R(W)`` and w.

    Raises
    ------
    ValueError
        For another number of classes or another prior.
    """
    if circle.prior.shape[1] != 2:
        raise ValueError(f"the circle has {circle.prior.shape[1]} classes, expected 2")
    if not np.allclose(circle.prior, 0.5):
        raise ValueError(f"the prior is {circle.prior[0]}, expected a uniform prior")
    cosine = np.where(circle.moves[0], circle.features[0, :, 0], np.inf).min(axis=1)
    mass = circle.conditional[0, 0]
    found = optimize.minimize_scalar(
        lambda w: mass @ np.logaddexp(0, -2 * w * cosine), bounds=(0, 200), method="bounded", options={"xatol": 1e-9}
    )
    return float(found.fun), float(found.x)
