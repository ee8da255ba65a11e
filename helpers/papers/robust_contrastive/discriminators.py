"""Discriminators between two finite laws: balanced binary cross-entropy and its minimum over linear logits.

``p`` are the benign features (label 1), ``q`` the attacked ones (label 0); both are laws on the same atoms, arrays of
shape (..., atoms) with a batch in front. The discriminator is ``D = sigmoid(logit)``, and half of all examples come
from each law, as in adversarial training with equally many benign and attacked examples. NumPy float64, nats.
"""

import numpy as np
from scipy import special


def cross_entropy(logits, p, q):
    """``-1/2 E_p log D - 1/2 E_q log(1 - D)`` with D = sigmoid(logit).

    Parameters
    ----------
    logits, p, q : array_like, shape (..., atoms)

    Returns
    -------
    ndarray
        log 2 for zero logits; its minimum over all logits is ``log 2 - JS(p, q)``.

    >>> float(cross_entropy([0.0, 0.0], [1.0, 0.0], [0.0, 1.0]).round(4))
    0.6931
    """
    logits = np.asarray(logits, float)
    return (p * np.logaddexp(0, -logits) + q * np.logaddexp(0, logits)).sum(axis=-1) / 2


def fit(features, p, q, *, start, tolerance=1e-9, iterations=300):
    """Minimise :func:`cross_entropy` over linear logits ``features @ weights``, by damped Newton steps.

    Append a constant column for a bias, products of columns for a quadratic discriminator, or pass the identity for
    the set of all discriminators. The problem is convex.

    Parameters
    ----------
    features : array_like, shape (..., atoms, d)
    p, q : array_like, shape (..., atoms)
    start : array_like, shape (..., d)
    tolerance : float
        On the Euclidean norm of the gradient.
    iterations : int

    Returns
    -------
    tuple of ndarray
        Weights (..., d) and the values (...).

    Raises
    ------
    RuntimeError
        If a gradient stays above the tolerance, as for laws the features separate: their infimum is not attained.

    >>> _, value = fit(np.eye(2), np.array([0.75, 0.25]), np.array([0.25, 0.75]), start=np.zeros(2))
    >>> float(value.round(4))
    0.5623
    """
    features = np.asarray(features, float)
    weights = np.array(start, float)
    value, damping = cross_entropy(_logits(features, weights), p, q), np.ones(weights.shape[:-1])
    for _ in range(iterations):
        gradient, hessian = _derivatives(features, weights, p, q)
        size = np.linalg.norm(gradient, axis=-1)
        if np.all(size <= tolerance):
            return weights, value
        damped = hessian + damping[..., None, None] * np.eye(weights.shape[-1])
        trial = weights - np.linalg.solve(damped, gradient[..., None])[..., 0]
        reached = cross_entropy(_logits(features, trial), p, q)
        better = reached <= value + 1e-14  # up to rounding
        weights, value = np.where(better[..., None], trial, weights), np.where(better, reached, value)
        damping = np.clip(np.where(better, damping / 4, damping * 8), 1e-14, 1e3)
    raise RuntimeError(
        f"a gradient norm is {size.max():.1e} after {iterations} steps, expected at most {tolerance:.1e}"
    )


def _logits(features, weights):
    return (features @ weights[..., None])[..., 0]


def _derivatives(features, weights, p, q):
    share = special.expit(_logits(features, weights))
    slope = (q * share - p * (1 - share)) / 2
    bend = (p + q) * share * (1 - share) / 2
    gradient = (slope[..., None] * features).sum(axis=-2)
    return gradient, np.swapaxes(features, -1, -2) @ (bend[..., None] * features)


def same_mean(features, p):
    """Laws q, as far from p as one direction allows (nine tenths of the way), with the same mean of the features.

    Parameters
    ----------
    features : ndarray, shape (..., atoms, d)
        Include a constant column, so that q keeps its total mass; more atoms than columns.
    p : ndarray, shape (..., atoms), > 0

    Returns
    -------
    ndarray, shape (..., atoms)

    Raises
    ------
    ValueError
        If there are not more atoms than columns: nothing can be moved then.
    """
    atoms, columns = features.shape[-2:]
    if atoms <= columns:
        raise ValueError(f"features has {atoms} atoms and {columns} columns, expected more atoms than columns")
    free = np.linalg.svd(np.swapaxes(features, -1, -2))[2][..., columns, :]  # orthogonal to every column
    room = np.where(free < 0, p / np.maximum(np.abs(free), 1e-300), np.inf).min(axis=-1, keepdims=True)
    return p + 0.9 * room * free
