"""Keeping only the observed pairs that a teacher believes in, and what that is worth.

After Pareek, Oh and Du (2025), who filter pairs by the similarity a trained model gives them. The law below is for a
teacher that knows both signal subspaces, unit signal variances and isotropic Gaussian noise of given **variances**.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from . import spiked_model


def believed(left, right, encoders, *, threshold):
    """Which observed pairs a teacher keeps: those with ``<G1 x_i, G2 y_i>`` above the threshold.

    Parameters
    ----------
    left, right : ndarray, shapes (..., n, p) and (..., n, q)
        Observed pairs in equal rows.
    encoders : pair of ndarray, shapes (..., r, p) and (..., r, q)
    threshold : float

    Returns
    -------
    ndarray, shape (..., n), bool
    """
    codes = [side @ np.swapaxes(encoder, -1, -2) for side, encoder in zip((left, right), encoders, strict=True)]
    return np.sum(codes[0] * codes[1], axis=-1) > threshold


def kept_covariance(left, right, kept):
    """``(1/n) sum over kept i of x_i y_i^T``, shape (..., p, q); n counts all pairs, kept or not."""
    return np.swapaxes(left, -1, -2) @ (kept[..., None] * right) / left.shape[-2]


@dataclass(frozen=True)
class Kept:
    """Moments of one observed pair that count only where the teacher keeps it.

    Attributes
    ----------
    share : float
        Probability to be kept.
    signal : float
        c in ``E[U1^T x y^T U2; kept] = c I``.
    energy : float
        ``E[|U2^T y|^2; kept]``.
    """

    share: float
    signal: float
    energy: float


def kept_moments(rank, *, left_noise, right_noise, threshold, true_pair, nodes=200):
    """Moments of a true or a wrong pair under the perfect teacher, by quadrature.

    With R the length of ``U1^T x``, the part of ``U2^T y`` along it is normal: mean ``R/(1 + left_noise)`` and variance
    ``left_noise / (1 + left_noise) + right_noise`` for a true pair, mean 0 and variance ``1 + right_noise`` for a
    wrong one. The score is R times that part.

    Parameters
    ----------
    rank : int >= 2
    left_noise, right_noise : float >= 0
    threshold : float
    true_pair : bool

    Returns
    -------
    Kept

    >>> kept_moments(3, left_noise=0.2, right_noise=0.1, threshold=0.0, true_pair=False).share
    0.5...
    """
    x, weight = np.polynomial.legendre.leggauss(nodes)
    low, high = max(0.0, np.sqrt(rank) - 9), np.sqrt(rank) + 9
    chi = low + (high - low) * (x + 1) / 2
    log_density = (rank - 1) * np.log(chi) - chi**2 / 2 - (rank / 2 - 1) * np.log(2) - special.gammaln(rank / 2)
    weight = weight * (high - low) / 2 * np.exp(log_density)
    length = np.sqrt(1 + left_noise) * chi
    mean = length / (1 + left_noise) if true_pair else np.zeros_like(length)
    variance = left_noise / (1 + left_noise) + right_noise if true_pair else 1 + right_noise
    # moments of a normal variable above the cut threshold / length
    edge = (threshold / length - mean) / np.sqrt(variance)
    above, density = special.ndtr(-edge), np.exp(-(edge**2) / 2) / np.sqrt(2 * np.pi)
    first = mean * above + np.sqrt(variance) * density
    second = mean * first + variance * above + np.sqrt(variance) * density * threshold / length
    energy = second + (rank - 1) * variance * above
    return Kept(float(weight @ above), float(weight @ (length * first)) / rank, float(weight @ energy))


def filtered_error(model, n, *, share, threshold):
    """First-order law of the squared sin-theta error of the left subspace after filtering by a perfect teacher.

    ``n E|sin|^2 = (p - r) left_noise (right e1 + wrong e0) / (right c1 + wrong c0)^2`` with c and e the signal and the
    energy of :func:`kept_moments`: wrong pairs that pass by chance resemble each other, and carry signal too.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        Unit signal variances, scalar noise variances, Gaussian data.
    n : int
        Observed pairs before filtering.
    share : float or ndarray
        Share of wrong pairs, within [0, 1].
    threshold : float

    Returns
    -------
    float or ndarray
    """
    if np.any(model.strengths != 1) or np.ndim(model.left_noise) or np.ndim(model.right_noise):
        raise ValueError("filtered_error holds for unit signal variances and scalar noise variances only")
    noise = {"left_noise": model.left_noise, "right_noise": model.right_noise, "threshold": threshold}
    true, wrong = (kept_moments(model.rank, true_pair=flag, **noise) for flag in (True, False))
    share = np.asarray(share)
    signal = (1 - share) * true.signal + share * wrong.signal
    energy = (1 - share) * true.energy + share * wrong.energy
    return (model.left_basis.shape[-2] - model.rank) * model.left_noise * energy / (n * signal**2)


def compare(model, rng, n, *, share, threshold=0.0):
    """Squared sin-theta errors of the left subspace: without filter, with a perfect teacher, with a learnt one.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        With one leading axis: one pair of subspaces for each draw.
    rng : numpy.random.Generator
    n : int
        Observed pairs of every draw; the learnt teacher is the linear loss on n other pairs with the same share.
    share : float
        Of wrong pairs.
    threshold : float

    Returns
    -------
    ndarray, shape (3, draws)
    """
    draws = len(model.left_basis)
    data, other = (spiked_model.draw(model, spiked_model.pairings(rng, draws, n, share=share), rng) for _ in range(2))
    learnt = spiked_model.best_encoders(spiked_model.contrastive_cross_covariance(*other), rank=model.rank, penalty=1.0)
    perfect = np.swapaxes(model.left_basis, -1, -2), np.swapaxes(model.right_basis, -1, -2)
    covariances = [spiked_model.contrastive_cross_covariance(*data)]
    for teacher in (perfect, learnt):
        covariances.append(kept_covariance(*data, believed(*data, teacher, threshold=threshold)))
    return np.array([spiked_model.recovery_errors(S, model.left_basis, model.right_basis)[0] ** 2 for S in covariances])
