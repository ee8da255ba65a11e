"""Bottom of the normalised Laplacian of a large sparse graph, by Lanczos without a factorisation.

The smallest eigenvalues of ``I - D^(-1/2) A D^(-1/2)`` are the largest of the normalised adjacency, which Lanczos finds
by products with a vector alone. Random graphs are expanders: a factorisation, as shift-invert needs, fills in.

The eigenvalue zero is not left to Lanczos. Its multiplicity is the number of connected components and its vectors are
known, so they are written down and taken out. NumPy, SciPy.
"""

import dataclasses

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph, linalg


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Bottom eigenpairs of a normalised Laplacian.

    Attributes
    ----------
    values : ndarray, shape (count,)
        Ascending; exactly zero once for each component.
    vectors : ndarray, shape (n, count)
        Orthonormal columns.
    residual : float
        Largest norm of ``L v - value v``.
    components : int
        Connected components of the graph; an isolated node is one.
    """

    values: np.ndarray
    vectors: np.ndarray
    residual: float
    components: int


def bottom(adjacency, count, *, tolerance=1e-6, rng, sweeps=20_000):
    """Smallest eigenpairs of the normalised Laplacian of an undirected graph.

    Parameters
    ----------
    adjacency : sparse array or matrix, shape (n, n)
        Symmetric, nonnegative weights.
    count : int
        Number of eigenpairs, 1 <= count < n.
    tolerance : float > 0
        Largest residual allowed; the Laplacian has norm at most 2.
    rng : numpy.random.Generator
        Draws the start of the iteration.
    sweeps : int
        Restarts of Lanczos before it gives up; near the detectability threshold it needs more.

    Returns
    -------
    Embedding

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and nonnegative, holds a NaN, or `count` is out of range.
    ArithmeticError
        If the residual stays above the tolerance; the message says what was reached.

    >>> path = sparse.diags_array([np.ones(3), np.ones(3)], offsets=[-1, 1])
    >>> bottom(path, 2, rng=np.random.default_rng(0)).values.round(6).tolist()
    [0.0, 0.5]
    """
    adjacency = _checked(adjacency)
    n = adjacency.shape[0]
    if not 1 <= count < n:
        raise ValueError(f"count is {count}, expected 1 to {n - 1}")
    degrees = np.asarray(adjacency.sum(axis=1)).ravel()
    components, labels = csgraph.connected_components(adjacency, directed=False)
    null = _Null(labels, np.where(degrees > 0, degrees, 1.0), components)
    known = null.vectors(min(count, components))
    if count <= components:
        return Embedding(np.zeros(count), known, 0.0, components)
    inverse_roots = 1 / np.sqrt(np.where(degrees > 0, degrees, np.inf))

    def normalised(vector):  # the scaled matrix itself would cost more than scaling a few vectors
        return inverse_roots * (adjacency @ (inverse_roots * vector))

    values, vectors = _largest(normalised, null, n, count - components, tolerance, rng, sweeps)
    pairs = zip(values, vectors.T, strict=True)
    residual = max(np.linalg.norm(normalised(vector) - value * vector) for value, vector in pairs)
    if residual > tolerance:
        raise ArithmeticError(f"residual {residual:.1e} after Lanczos, asked for {tolerance:.1e}")
    return Embedding(
        np.concatenate([np.zeros(components), 1 - values]), np.hstack([known, vectors]), float(residual), components
    )


class _Null:
    """The eigenvectors of eigenvalue zero: on each component, the root of the degrees."""

    def __init__(self, labels, degrees, components):
        self.labels, self.components = labels, components
        self.entries = np.sqrt(degrees / np.bincount(labels, degrees)[labels])

    def project(self, vector):
        if self.components == 1:
            return self.entries * (self.entries @ vector)
        return self.entries * np.bincount(self.labels, self.entries * vector, self.components)[self.labels]

    def vectors(self, count):
        return np.where(self.labels[:, None] == np.arange(count), self.entries[:, None], 0.0)


def _largest(normalised, null, n, count, tolerance, rng, sweeps):
    """Largest eigenpairs of the normalised adjacency, the known ones moved from 1 to -1, descending."""

    def product(vector):
        vector = vector.ravel()
        return normalised(vector) - 2 * null.project(vector)

    room = 2 * count + 2  # a short Lanczos run is checked often, so it stops soon after the tolerance is met
    if n <= 2 * room:
        dense = np.column_stack([product(column) for column in np.eye(n)])
        values, vectors = np.linalg.eigh((dense + dense.T) / 2)
        return values[::-1][:count], vectors[:, ::-1][:, :count]
    start = rng.standard_normal(n)
    operator = linalg.LinearOperator((n, n), matvec=product, dtype=float)
    options = {"which": "LA", "ncv": room, "tol": tolerance / 2, "maxiter": sweeps}
    try:
        values, vectors = linalg.eigsh(operator, count, v0=start - null.project(start), **options)
    except linalg.ArpackNoConvergence as error:
        raise ArithmeticError(
            f"Lanczos found {len(error.eigenvalues)} of {count} eigenpairs to {tolerance:.1e} in {sweeps} restarts"
        ) from error
    return values[::-1], vectors[:, ::-1]


def _checked(adjacency):
    if not sparse.issparse(adjacency) or adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1]:
        kind, shape = type(adjacency).__name__, np.shape(adjacency)
        raise ValueError(f"adjacency is a {kind} of shape {shape}, expected a sparse array, (n, n)")
    adjacency = sparse.csr_array(adjacency, dtype=float)
    if not adjacency.data.all():
        adjacency = adjacency.copy()
        adjacency.eliminate_zeros()  # a stored zero is no edge
    if not np.isfinite(adjacency.data).all() or (adjacency.data < 0).any():
        raise ValueError("adjacency holds a negative weight, a NaN or an infinity")
    if not adjacency.has_sorted_indices:
        adjacency = adjacency.sorted_indices()
    mirrored = adjacency.T.tocsr()
    parts = (adjacency.indptr, mirrored.indptr), (adjacency.indices, mirrored.indices), (adjacency.data, mirrored.data)
    if not all(np.array_equal(mine, theirs) for mine, theirs in parts):
        raise ValueError("adjacency is not symmetric: symmetrise the weights first")
    return adjacency
