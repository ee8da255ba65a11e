"""The circle of ``circle`` without its grid: von Mises classes have closed forms in Bessel functions.

Second route to ``circle``. Classes of density proportional to ``exp(concentration * cos(angle - centre))``, equal
priors; ``inverse`` is 1/temperature. Angles in radians, nats, NumPy float64.
"""

import numpy as np
from scipy import special


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
