"""The circle of ``circle`` without its grid: von Mises classes have closed forms in Bessel functions.

Second route to ``circle``. Classes of density proportional to ``exp(concentration * cos(angle - centre))``, equal
priors; ``inverse`` is 1/temperature. Angles in radians, nats, NumPy float64.
"""

from typing import NamedTuple

import numpy as np
from scipy import integrate, special

CENTRES = np.array([0.0, np.pi])


def log_bessel(size):
    """``log I_0(size)`` for any size, array in and out."""
    return np.log(special.ive(0, size)) + np.abs(size)


def mean_length(concentration):
    """Length of a class mean, ``I_1 / I_0``."""
    return special.ive(1, concentration) / special.ive(0, concentration)


def partition(angle, centres, *, concentration, inverse):
    """Log-partition ``G`` of the mean classifier at the given angles, shape as ``angle``."""
    pull = inverse * mean_length(concentration) * np.cos(angle[..., None] - centres)
    return special.logsumexp(pull, axis=-1) - np.log(len(centres))


def label_free_partition(angle, centres, *, concentration, inverse):
    """``G_un`` at the given angles, shape as ``angle``: exp of a cosine under a von Mises law is a Bessel function."""
    length = np.sqrt(concentration**2 + inverse**2 + 2 * concentration * inverse * np.cos(angle[..., None] - centres))
    return special.logsumexp(log_bessel(length), axis=-1) - np.log(len(centres)) - log_bessel(concentration)


class Integrals(NamedTuple):
    """What :func:`integrals` finds, in nats but for ``total_variation``."""

    robust: float
    local_shift: float
    global_shift: float
    benign_bound: float
    oscillation: float
    total_variation: float


def integrals(half, *, concentration=8.0, inverse=2.0):
    """Two opposite classes under arcs of half width ``half`` (radians), by adaptive integrals; K and weight infinite.

    The worst attack moves every point away from its centre, at most to the opposite point.
    """
    form = {"concentration": concentration, "inverse": inverse}
    length = inverse * mean_length(concentration)
    total, _ = integrate.quad(lambda angle: np.exp(concentration * (np.cos(angle) - 1)), 0, np.pi)
    kinks = {"points": sorted({half, np.pi - half} - {0.0, np.pi}) or None, "limit": 400}

    def density(angle):  # of the distance of a point to its centre
        return np.exp(concentration * (np.cos(angle) - 1)) / total

    def mean(function):
        return integrate.quad(lambda angle: density(angle) * function(angle), 0, np.pi, **kinks)[0]

    def moved(angle):
        return min(angle + half, np.pi)

    def at(function, angle):
        return float(function(np.array(angle), CENTRES, **form))

    def apart(angle):  # difference of the densities of all points before and after, distance to centre 0
        before = (density(angle) + density(np.pi - angle)) / 2
        own = density(angle - half) if angle > half else 0.0
        other = density(np.pi - angle - half) if angle < np.pi - half else 0.0
        return abs(before - (own + other) / 2)

    piled = integrate.quad(density, np.pi - half, np.pi)[0]  # mass that reaches the opposite point
    shift = mean(lambda angle: at(partition, moved(angle)) - at(partition, angle))
    return Integrals(
        robust=mean(lambda angle: np.logaddexp(0, -2 * length * np.cos(moved(angle)))),
        local_shift=length * mean(lambda angle: np.cos(angle) - np.cos(moved(angle))),
        global_shift=shift,
        benign_bound=mean(lambda angle: at(label_free_partition, angle) - length * np.cos(angle)) + np.log(2),
        oscillation=at(partition, 0.0) - at(partition, np.pi / 2),
        total_variation=(integrate.quad(apart, 0, np.pi, **kinks)[0] + piled) / 2,
    )
