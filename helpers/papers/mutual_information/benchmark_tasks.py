"""Pairs of vectors with known information, after the benchmark of Czyz et al. 2023 (arXiv 2306.11078)."""

import numpy as np
from scipy import special


def gaussian_information(covariance, first):
    """``(log det S_x + log det S_y - log det S) / 2`` of jointly Gaussian vectors, in nats.

    Parameters
    ----------
    covariance : array_like, shape (d, d)
        Positive definite; the first ``first`` coordinates are x, the others y.
    first : int

    Returns
    -------
    float

    >>> round(gaussian_information([[1.0, 0.5], [0.5, 1.0]], 1), 4)  # -log(3/4) / 2
    0.1438
    """
    covariance = np.asarray(covariance, float)
    if covariance.ndim != 2 or len(covariance) != len(covariance.T) or not 0 < first < len(covariance):
        raise ValueError(f"covariance has shape {covariance.shape}, first is {first}: expected (d, d), 0 < first < d")
    blocks = covariance[:first, :first], covariance[first:, first:], covariance
    signs, logs = zip(*(np.linalg.slogdet(block) for block in blocks), strict=True)
    if min(signs) <= 0:
        raise ValueError(f"covariance has determinants of signs {signs}, expected positive definite")
    return float(logs[0] + logs[1] - logs[2]) / 2


def student_excess(first, second, freedom):
    """What Student-t vectors share beyond Gaussian ones of the same dispersion: ``h(d_x) + h(d_y) - h(d_x + d_y)``.

    h(k) is the entropy of the standard Student-t law in k dimensions, up to terms that cancel. After Arellano-Valle,
    Contreras-Reyes and Genton 2013. Grows as the degrees of freedom fall: the radius is shared.

    Parameters
    ----------
    first, second : int
        Dimensions of the two vectors.
    freedom : float > 0

    Returns
    -------
    float

    >>> 0 < student_excess(1, 1, 30) < student_excess(1, 1, 3)
    True
    """
    if min(first, second) < 1 or not freedom > 0:
        raise ValueError(f"dimensions {first} and {second}, freedom {freedom}: expected at least 1 and above 0")

    def entropy(dimension):
        half, own = (freedom + dimension) / 2, freedom / 2
        spread = special.gammaln(own) - special.gammaln(half) + dimension * np.log(freedom * np.pi) / 2
        return spread + half * (special.digamma(half) - special.digamma(own))

    return float(entropy(first) + entropy(second) - entropy(first + second))


def spiral(points, speed):
    """Points of the plane turned by an angle ``speed * |x|^2``: invertible, and of Jacobian determinant 1.

    Parameters
    ----------
    points : array_like, shape (..., 2)
    speed : float

    Returns
    -------
    ndarray, shape (..., 2)

    >>> spiral([1.0, 0.0], np.pi / 2).round(12).tolist()
    [0.0, 1.0]
    """
    points = np.asarray(points, float)
    if points.shape[-1:] != (2,):
        raise ValueError(f"points has shape {points.shape}, expected (..., 2)")
    turned = (points[..., 0] + 1j * points[..., 1]) * np.exp(1j * speed * (points**2).sum(-1))
    return np.stack([turned.real, turned.imag], axis=-1)
