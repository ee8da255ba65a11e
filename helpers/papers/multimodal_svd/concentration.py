"""Small exact worlds for concentration inequalities: all sign vectors, Gaussian quadrature, and the deviation scales.

Probabilities over Rademacher variables are exact by enumeration and moments of Gaussians exact by quadrature, so that
inequalities can be tested without sampling noise. NumPy.
"""

import itertools

import numpy as np

from helpers.spectral import subspaces

from . import spiked_model


def sign_vectors(dimension):
    """All Rademacher outcomes, equally likely: shape (2**dimension, dimension).

    >>> sign_vectors(2).tolist()
    [[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]]
    """
    return np.array(list(itertools.product((-1.0, 1.0), repeat=dimension)))


def gaussian_quadrature(dimension, nodes):
    """Nodes and weights that integrate every polynomial of degree below ``2 nodes`` (in each variable) exactly.

    Parameters
    ----------
    dimension, nodes : int
        ``nodes**dimension`` points for the standard normal law in R^dimension.

    Returns
    -------
    points : ndarray, shape (nodes**dimension, dimension)
    weights : ndarray, shape (nodes**dimension,)
        Positive, sum 1.

    >>> points, weights = gaussian_quadrature(2, 4)
    >>> float(round(weights @ points[:, 0] ** 6, 10))
    15.0
    """
    places, masses = np.polynomial.hermite_e.hermegauss(nodes)
    points = np.array(list(itertools.product(places, repeat=dimension)))
    weights = np.array(list(itertools.product(masses / masses.sum(), repeat=dimension))).prod(axis=1)
    return points, weights


def hanson_wright(matrix, level):
    """``|A|_F sqrt t v |A| t``: the scale of a quadratic or bilinear form in standard sub-Gaussian vectors.

    Parameters
    ----------
    matrix : array_like, shape (..., p, q)
    level : float or ndarray
        t; the deviation exceeds a constant times this scale with probability at most exp(-t), for t >= 1.

    Returns
    -------
    ndarray, shape (...)

    >>> float(hanson_wright(np.eye(4), 1.0))
    2.0
    """
    frobenius, operator = np.linalg.norm(matrix, axis=(-2, -1)), np.linalg.norm(matrix, ord=2, axis=(-2, -1))
    return np.maximum(frobenius * np.sqrt(level), operator * level)


def product_deviation(left, right, n, *, level):
    """Scale of the deviation of a mean of n products ``X_i Y_i^T`` from its expectation (proposition 9.1).

    Parameters
    ----------
    left, right : array_like, shapes (p, p) and (q, q)
        Covariances C and D of X and Y.
    n : int or ndarray
    level : float
        t; adds to log(p + q).

    Returns
    -------
    first, second : ndarray
        ``sqrt(tr D |C| v tr C |D|) sqrt((t + log(p+q)) / n)`` and ``sqrt(tr C tr D) (t + log(p+q)) / n``; the bound
        is a constant times the larger one.

    >>> [round(float(term), 3) for term in product_deviation(np.eye(2), np.eye(2), 100, level=1.0)]
    [0.218, 0.048]
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    share = (level + np.log(len(left) + len(right))) / np.asarray(n)
    traces = np.trace(left), np.trace(right)
    norms = subspaces.top_eigenvalue(left), subspaces.top_eigenvalue(right)
    first = np.sqrt(max(traces[1] * norms[0], traces[0] * norms[1]) * share)
    return first, np.sqrt(traces[0] * traces[1]) * share


def power_bound(left, right, power, *, constant):
    """``((2k)!/2) L^(2k-2) s^2`` of lemma 9.5 for the k-th power of ``B B^T``, ``B = X Y^T - E X Y^T``.

    Parameters
    ----------
    left, right : array_like
        Covariances C and D of X and Y.
    power : int >= 1
        k.
    constant : float > 0
        ``c1 c2 ^ 1``: product of the two constants that compare a variance with a squared sub-Gaussian norm, at most 1.

    Returns
    -------
    float
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    traces = np.trace(left), np.trace(right)
    norms = subspaces.top_eigenvalue(left), subspaces.top_eigenvalue(right)
    factorial = np.prod(np.arange(1.0, 2 * power + 1))
    scale = 8 * np.e * np.sqrt(traces[0] * traces[1] / constant)
    spread = 65 * 16 * np.e**2 / constant * max(traces[1] * norms[0], traces[0] * norms[1])
    return float(factorial / 2 * scale ** (2 * power - 2) * spread)


def exceedances(matrices, left, right, *, level, constant):
    """How often bilinear form, quadratic form and norm deviate by more than a constant times their scale.

    Parameters
    ----------
    matrices : ndarray, shape (..., d, d)
        A.
    left, right : ndarray, shape (..., outcomes, d)
        Equally likely outcomes of X and Y, independent coordinates of variance 1.
    level : float
        t.
    constant : float

    Returns
    -------
    ndarray, shape (3, ...)
        Frequencies of ``|X^T A Y|`` and ``|X^T A X - tr A|`` above ``constant`` times :func:`hanson_wright`, and of
        ``| |AX| - |A|_F |`` above ``constant |A| sqrt t``.
    """
    moved = left @ matrices
    forms = (
        np.abs(np.sum(moved * right, axis=-1)),
        np.abs(np.sum(moved * left, axis=-1) - np.trace(matrices, axis1=-2, axis2=-1)[..., None]),
    )
    norms = np.linalg.norm(left @ np.swapaxes(matrices, -1, -2), axis=-1)
    spread = np.abs(norms - np.linalg.norm(matrices, axis=(-2, -1))[..., None])
    scale = constant * hanson_wright(matrices, level)[..., None]
    operator = constant * np.linalg.norm(matrices, ord=2, axis=(-2, -1))[..., None] * np.sqrt(level)
    return np.array([(forms[0] > scale).mean(-1), (forms[1] > scale).mean(-1), (spread > operator).mean(-1)])


def signal_terms(rng, *, n, rank, dimension, noise, condition, draws):
    """The norms and forms of lemma 9.1 for samples of the spiked model.

    Signal variances fall linearly from 1 to 1 / condition, the same in both modalities; isotropic noise in both.

    Parameters
    ----------
    rng : numpy.random.Generator
    n, rank, dimension, draws : int
    noise : (float, float)
        Variances of every coordinate of the two modalities.
    condition : float >= 1
        kappa squared.

    Returns
    -------
    norm, crossed, deviation, inside : ndarray, shape (draws, n)
        ``|x|``, the noise terms of the similarity of a true pair, the deviation of its signal term from the mean, and
        ``|U^T x|``; both forms without absolute value.
    """
    strength = np.linspace(1, 1 / condition, rank)  # singular values of Sigma, too
    latent, left, right = rng.standard_normal((3, draws, n, rank))
    signal, left, right = latent * np.sqrt(strength), left * np.sqrt(noise[0]), right * np.sqrt(noise[1])
    inside = np.linalg.norm(signal + left, axis=-1)
    norm = np.sqrt(inside**2 + noise[0] * rng.chisquare(dimension - rank, size=(draws, n)))
    crossed = np.sum(strength * (left * signal + signal * right + left * right), axis=-1)
    deviation = np.sum(strength * (signal**2 - strength), axis=-1)
    return norm, crossed, deviation, inside


def product_errors(model, weights, rng, *, draws):
    """Operator norms of ``(1/n) sum a_i x_i y_i^T`` minus its expectation, for right pairs of a spiked model.

    Parameters
    ----------
    model : spiked_model.SpikedModel
    weights : ndarray, shape (n,)
        a.
    rng : numpy.random.Generator
    draws : int

    Returns
    -------
    ndarray, shape (draws,)
    """
    n = len(weights)
    left, right = spiked_model.draw(model, np.broadcast_to(np.arange(n), (draws, n)), rng)
    mean = np.swapaxes(left * weights[:, None], 1, 2) @ right / n
    return np.linalg.norm(mean - weights.mean() * model.signal, ord=2, axis=(1, 2))


def model_covariances(model):
    """Covariances of both modalities of a spiked model, shapes (p, p) and (q, q)."""
    sides = (
        (model.left_basis, model.left_signal, model.left_noise),
        (model.right_basis, model.right_signal, model.right_noise),
    )
    return [(u * signal) @ u.T + spiked_model.covariance(noise, len(u)) for u, signal, noise in sides]


def gaussian_product_moments(left, right, powers, *, nodes=7):
    """Exact moments of ``B = X Y^T - E X Y^T`` for X and Y linear in one standard normal vector, by quadrature.

    Parameters
    ----------
    left, right : array_like, shapes (p, k) and (q, k)
        ``X = left g`` and ``Y = right g`` with g standard normal in R^k.
    powers : sequence of int
        Exact as long as ``4 power < 2 nodes``.
    nodes : int
        In each of the k directions.

    Returns
    -------
    list of (ndarray, ndarray)
        ``E (B B^T)^power`` and ``E (B^T B)^power`` for every power.

    >>> float(gaussian_product_moments([[1.0]], [[1.0]], [1])[0][0].round(9)[0, 0])  # E (g^2 - 1)^2
    2.0
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    points, weights = gaussian_quadrature(left.shape[1], nodes)
    product = (points @ left.T)[:, :, None] * (points @ right.T)[:, None, :] - left @ right.T
    squares = product @ np.swapaxes(product, 1, 2), np.swapaxes(product, 1, 2) @ product
    return [
        tuple(np.einsum("n,nij->ij", weights, np.linalg.matrix_power(square, power)) for square in squares)
        for power in powers
    ]


def student_fourth_moment(cut):
    """``E x^4 1(|x| < cut)`` of a Student-t(3) variable scaled to variance 1: about ``(4 / pi) cut``, without limit.

    >>> round(float(student_fourth_moment(1e6)) / 1e6, 3)
    1.273
    """
    return 4 / np.pi * (cut + cut / (2 * (1 + cut**2)) - 1.5 * np.arctan(cut))
