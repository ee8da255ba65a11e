"""The chains of slacks that the waterfalls show, for one finite world (or the circle) and any number of negatives."""

import numpy as np

from helpers.information import divergences

from . import decomposition, finite_worlds, many_negatives, robust_bounds


def six_points(*, temperature=0.7, weight=6, negatives=6):
    """A world of two classes of six points on 18 places of a circle, moves of up to 40 degrees."""
    order = [0, 17, 2, 9, 8, 11, 1, 3, 4, 5, 6, 7, 10, 12, 13, 14, 15, 16]  # the points come first
    angle = np.array(order) * np.pi / 9
    places = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    law = np.array([[0.4, 0.3, 0.2, 0, 0.1, 0], [0, 0.1, 0, 0.4, 0.2, 0.3]])
    options = {"moves": places[:6] @ places.T > np.cos(0.8), "temperature": temperature}
    return finite_worlds.make_worlds(places, [0.5, 0.5], law, weight=weight, negatives=negatives, **options)


def climb(world, *, tuples, best):
    """From the robust loss of the best classifier to the bound of RC-T2, rows as ``figures.CLIMB``.

    Parameters
    ----------
    world : finite_worlds.World
        One world.
    tuples : float
        Adversarial InfoNCE under the tuple attack.
    best : float
        Robust loss of the best linear classifier.
    """
    attack = finite_worlds.supervised_attack(world)
    base = (world.entropy - np.log(world.weight))[0]
    robust, attacked, spread, jensen, positive = _slacks(world, attack)
    price = robust_bounds.negatives_price(world.temperature[0], world.negatives)
    ends = [best, robust - best, robust], [attacked + base, tuples - attacked, price, tuples + base + price]
    return [*ends[0], spread, positive, -jensen, *ends[1]]


def bridge(world):
    """From the benign contrastive loss over the robust loss to the divergence bound, rows as ``figures.BRIDGE``."""
    attack, stay = finite_worlds.supervised_attack(world), finite_worlds.stay(world)
    base, partition = (world.entropy - np.log(world.weight))[0], finite_worlds.log_partition(world)
    clean, benign, spread, jensen, positive = _slacks(world, stay)
    local = (decomposition.pair_score(world) - decomposition.pair_score(world, attack))[0]
    shift = [finite_worlds.expectation(world, partition, side)[0] for side in (attack, stay)]
    before, after = (finite_worlds.marginal_law(world, side) for side in (stay, attack))
    widest = (np.ptp(partition) * divergences.total_variation(before, after))[0]
    glob, hard = shift[0] - shift[1], decomposition.hard_positive_shift(world)[0]
    robust = clean + local + glob
    first = [benign + base, jensen, -positive, -spread, clean]
    return [*first, local, glob, robust, hard - local, widest - glob, clean + hard + widest]


def _slacks(world, adversary):
    """Cross-entropy, contrastive loss, S4, J and S1 of the anchors of one adversary."""
    spread = finite_worlds.label_free_log_partition(world) - finite_worlds.log_partition(world)
    values = (
        finite_worlds.cross_entropy(world),
        many_negatives.class_losses(world),
        spread,
        many_negatives.jensen_gap(world),
        many_negatives.positive_gap(world),
    )
    return [finite_worlds.expectation(world, value, adversary)[0] for value in values]
