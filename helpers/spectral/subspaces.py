"""Eigenvectors, subspaces and spectra: which directions a matrix prefers, and how far apart two subspaces lie.

Angles are in radians, columns span subspaces, batch axes lead, everything is float64 NumPy.
"""

import numpy as np

from .embedding import cluster as cluster
from .embedding import laplacian_eigenvectors as laplacian_eigenvectors

SIN_THETA_FORMULAS = ("residual", "complement", "overlap", "angles", "projectors")


def centre(features):
    """Subtract the mean row.

    Parameters
    ----------
    features : array_like, shape (..., n, d)

    Returns
    -------
    ndarray, shape (..., n, d)
        Every column sums to zero.
    """
    features = np.asarray(features, dtype=float)
    return features - features.mean(axis=-2, keepdims=True)


def top_eigenvectors(matrix, count):
    """Largest eigenpairs of a symmetric matrix.

    Parameters
    ----------
    matrix : array_like, shape (..., n, n), symmetric
    count : int

    Returns
    -------
    values : ndarray, shape (..., count)
        Descending.
    vectors : ndarray, shape (..., n, count)
        Orthonormal columns.

    >>> top_eigenvectors(np.diag([1.0, 3.0, 2.0]), 2)[0]
    array([3., 2.])
    """
    matrix = _square("matrix", matrix)
    if not 1 <= count <= matrix.shape[-1]:
        raise ValueError(f"count is {count}, expected 1 to {matrix.shape[-1]}")
    values, vectors = np.linalg.eigh(matrix)
    return values[..., ::-1][..., :count], vectors[..., ::-1][..., :count]


def top_eigenvalue(matrix):
    """Largest eigenvalue of a symmetric matrix, shape (...,).

    >>> float(top_eigenvalue(np.diag([1.0, 3.0, 2.0])))
    3.0
    """
    return top_eigenvectors(matrix, 1)[0][..., 0]


def positive_part(matrix, rank):
    """Best positive semidefinite approximation of rank at most ``rank``: [M]_{rank,+}.

    Parameters
    ----------
    matrix : array_like, shape (..., n, n), symmetric
    rank : int

    Returns
    -------
    ndarray, shape (..., n, n)
        The top eigenpairs, negative eigenvalues replaced by zero (Frobenius-optimal).
    """
    values, vectors = top_eigenvectors(matrix, rank)
    return (vectors * np.maximum(values, 0.0)[..., None, :]) @ np.swapaxes(vectors, -1, -2)


def truncated_svd(matrix, rank):
    """Leading singular triples: ``matrix ~ left @ diag(values) @ right.T`` (Eckart-Young).

    Parameters
    ----------
    matrix : array_like, shape (..., m, n)
    rank : int, 1 <= rank <= min(m, n)

    Returns
    -------
    left : ndarray, shape (..., m, rank)
    values : ndarray, shape (..., rank)
        Descending.
    right : ndarray, shape (..., n, rank)

    >>> truncated_svd(np.diag([1.0, 3.0]), 1)[1]
    array([3.])
    """
    matrix = np.asarray(matrix, dtype=float)
    if not 1 <= rank <= min(matrix.shape[-2:]):
        raise ValueError(f"rank is {rank}, expected 1 to {min(matrix.shape[-2:])}")
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return left[..., :rank], values[..., :rank], np.swapaxes(right, -1, -2)[..., :rank]


def orthonormal_basis(columns):
    """Orthonormal basis of the span of linearly independent columns.

    Parameters
    ----------
    columns : array_like, shape (..., n, r), r <= n

    Returns
    -------
    ndarray, shape (..., n, r)

    Raises
    ------
    ValueError
        If the columns are linearly dependent up to rounding: their span then has no r-dimensional basis.
    """
    columns = np.asarray(columns, dtype=float)
    left, values, _ = np.linalg.svd(columns, full_matrices=False)
    rounding = max(columns.shape[-2:]) * np.finfo(float).eps
    if columns.shape[-1] > columns.shape[-2] or np.any(values[..., -1] <= rounding * values[..., 0]):
        raise ValueError(f"the {columns.shape[-1]} columns are linearly dependent: they span a smaller subspace")
    return left


def leading_subspace(features, count):
    """Orthonormal basis of the ``count`` leading principal axes of the centred features, in sample space.

    Parameters
    ----------
    features : array_like, shape (..., n, d)
    count : int

    Returns
    -------
    ndarray, shape (..., n, count)
        Left singular vectors of the centred features; for count = d a basis of the span of the centred columns.
    """
    return truncated_svd(centre(features), count)[0]


def principal_angles(left, right):
    """Principal angles between the spans of two sets of columns, in radians, ascending.

    Small angles come from the sine form (the part of one basis outside the other span), large ones from the cosine
    form, so that every angle is good to rounding (Bjorck and Golub 1973).

    Parameters
    ----------
    left, right : array_like, shapes (..., n, p) and (..., n, q)
        Linearly independent columns, orthonormal or not.

    Returns
    -------
    ndarray, shape (..., min(p, q))
        Within [0, pi/2]; the last one is the largest.

    >>> float(np.degrees(principal_angles([[1.0], [0.0]], [[1.0], [1.0]])[0]).round(9))
    45.0
    """
    left, right = orthonormal_basis(left), orthonormal_basis(right)
    if left.shape[-2] != right.shape[-2]:
        raise ValueError(f"columns have lengths {left.shape[-2]} and {right.shape[-2]}: not in one space")
    if left.shape[-1] < right.shape[-1]:
        left, right = right, left
    overlap = np.swapaxes(left, -1, -2) @ right
    cosines = np.clip(np.linalg.svd(overlap, compute_uv=False), 0.0, 1.0)
    sines = np.clip(np.linalg.svd(right - left @ overlap, compute_uv=False), 0.0, 1.0)[..., ::-1]
    return np.where(cosines**2 < 0.5, np.arccos(cosines), np.arcsin(sines))


def largest_angle(left, right):
    """Largest principal angle in degrees, shape (...,); see :func:`principal_angles`."""
    return np.degrees(principal_angles(left, right)[..., -1])


def sin_theta(left, right, *, formula="residual"):
    """Frobenius sin-theta distance of two r-dimensional subspaces, within [0, sqrt(min(r, n - r))].

    Five equal expressions for orthonormal columns U, V:
    ``complement`` |U_perp^T V|, ``overlap`` sqrt(r - |U^T V|^2), ``angles`` sqrt(sum sin^2 theta_i),
    ``projectors`` |U U^T - V V^T| / sqrt 2 and ``residual`` |V - U U^T V|, the one that does not cancel.

    Parameters
    ----------
    left, right : array_like, shape (..., n, r)
        Orthonormal columns, used as they are: without orthonormality the five expressions differ.
    formula : str
        One of ``SIN_THETA_FORMULAS``.

    Returns
    -------
    ndarray, shape (...,)

    >>> float(sin_theta([[1.0], [0.0]], [[0.0], [1.0]], formula="projectors"))
    1.0
    """
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.shape[-2:] != right.shape[-2:]:
        raise ValueError(f"left has shape {left.shape} and right {right.shape}, expected equal frames (..., n, r)")
    transposed = np.swapaxes(left, -1, -2)
    if formula == "residual":
        return np.linalg.norm(right - left @ (transposed @ right), axis=(-2, -1))
    if formula == "complement":
        full = np.linalg.svd(left, full_matrices=True)[0]
        return np.linalg.norm(np.swapaxes(full[..., left.shape[-1] :], -1, -2) @ right, axis=(-2, -1))
    if formula == "overlap":
        squared = left.shape[-1] - np.sum((transposed @ right) ** 2, axis=(-2, -1))
        return np.sqrt(np.maximum(squared, 0.0))
    if formula == "angles":
        return np.sqrt(np.sum(np.sin(principal_angles(left, right)) ** 2, axis=-1))
    if formula == "projectors":
        difference = left @ transposed - right @ np.swapaxes(right, -1, -2)
        return np.linalg.norm(difference, axis=(-2, -1)) / np.sqrt(2)
    raise ValueError(f"formula is {formula!r}, expected one of {', '.join(SIN_THETA_FORMULAS)}")


def planted_signal(rng, n, eigenvalues):
    """A random symmetric matrix with given non-zero eigenvalues, orthogonal to the constant vector.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
    eigenvalues : sequence of float
        At most n - 1 of them; only their ratios count.

    Returns
    -------
    signal : ndarray, shape (n, n)
        M with rows summing to zero, scaled to ``n * max |M_ij| = 1``, so that J/n + epsilon M is a transition matrix
        for every epsilon in [0, 1).
    values : ndarray, shape (count,)
        Its eigenvalues, in the given order.
    vectors : ndarray, shape (n, count)
        Orthonormal, each summing to zero; bounded entries (from uniform draws), so that the scale is not lost on a
        single row.
    """
    vectors = orthonormal_basis(centre(rng.uniform(-1, 1, size=(n, len(eigenvalues)))))
    signal = (vectors * np.asarray(eigenvalues, dtype=float)) @ vectors.T
    signal = (signal + signal.T) / 2
    scale = n * np.abs(signal).max()
    return signal / scale, np.asarray(eigenvalues, dtype=float) / scale, vectors


def variances(features):
    """Squared singular values of the centred features, descending, shape (..., min(n, d))."""
    return np.linalg.svd(centre(features), compute_uv=False) ** 2


def effective_rank(weights):
    """Exponential of the entropy of the normalised weights (Roy and Vetterli 2007).

    Parameters
    ----------
    weights : array_like, shape (..., d), non-negative, not all zero
        A spectrum: eigenvalues or squared singular values.

    Returns
    -------
    ndarray, shape (...,)
        Between 1 and the number of non-zero weights.

    >>> float(effective_rank([1.0, 1.0, 0.0]).round(12))
    2.0
    """
    share = _shares(weights)
    logarithm = np.log(np.where(share > 0, share, 1.0))
    return np.exp(-np.sum(share * logarithm, axis=-1))


def participation_ratio(weights):
    """``(sum w)^2 / sum w^2``: another effective rank, never above :func:`effective_rank`.

    >>> float(participation_ratio([1.0, 1.0, 0.0]))
    2.0
    """
    return 1.0 / np.sum(_shares(weights) ** 2, axis=-1)


def intrinsic_dimension(matrix):
    """Trace over operator norm of a positive semidefinite matrix, r(A), within [1, rank A].

    >>> float(intrinsic_dimension(np.diag([2.0, 1.0, 1.0])))
    2.0
    """
    matrix = _square("matrix", matrix)
    return np.trace(matrix, axis1=-2, axis2=-1) / top_eigenvalue(matrix)


def _shares(weights):
    weights = np.asarray(weights, dtype=float)
    if np.any(weights < 0) or np.any(weights.sum(-1) <= 0):
        raise ValueError(f"weights must be non-negative and not all zero, the smallest is {weights.min():.3g}")
    return weights / weights.sum(-1, keepdims=True)


def _square(name, matrix):
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"{name} has shape {matrix.shape}, expected (..., n, n)")
    return matrix
