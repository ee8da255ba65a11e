"""Spectral embedding of graphs: the bottom of a Laplacian, dense or by Lanczos, and clusters of its rows.

Lanczos works without a factorisation and finds every copy of a repeated eigenvalue.

The smallest eigenvalues of ``I - D^(-1/2) A D^(-1/2)`` are the largest of the normalised adjacency, which Lanczos finds
by products with a vector alone. Random graphs are expanders: a factorisation, as shift-invert needs, fills in.

The eigenvalue zero is not left to Lanczos. Its multiplicity is the number of connected components and its vectors are
known, so they are written down and taken out. Of any other repeated eigenvalue a Krylov space holds one direction
only, so one run may miss copies, whatever its tolerance. What a run found is therefore taken out, and another one
starts at random in what is left, until nothing there lies below the largest value found; a bound for Lanczos with a
random start says when that is so. Small graphs are solved densely. NumPy, SciPy, scikit-learn's k-means.
"""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg, sparse
from scipy.sparse import csgraph
from scipy.sparse import linalg as sparse_linalg
from sklearn.cluster import KMeans

SOLVERS = ("auto", "dense", "lanczos")
SMALL = 500  # nodes up to which the dense solver takes some hundredths of a second
SHIFT = 3.0  # makes the normalised adjacency positive definite, so that what is taken out (0) lies below everything


@dataclasses.dataclass(frozen=True)
class Embedding:
    """Bottom eigenpairs of a normalised Laplacian.

    Attributes
    ----------
    values : ndarray, shape (count,)
        Ascending, each as often as its multiplicity; exactly zero once for each component.
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


def bottom(
    adjacency: ArrayLike | sparse.sparray | sparse.spmatrix,
    count: int,
    *,
    tolerance: float = 1e-9,
    rng: np.random.Generator,
    sweeps: int = 20_000,
    solver: str = "auto",
) -> Embedding:
    """Smallest eigenpairs of the normalised Laplacian of an undirected graph.

    Parameters
    ----------
    adjacency : array_like, sparse array or sparse matrix, shape (n, n)
        Symmetric up to rounding, nonnegative weights; entries given twice are added up.
    count : int
        Number of eigenpairs, 1 <= count < n.
    tolerance : float > 0
        Largest residual allowed; the Laplacian has norm at most 2. No eigenvalue is missed that lies more than this
        below the largest one returned.
    rng : numpy.random.Generator
        Draws the starts of the iteration.
    sweeps : int
        Restarts of a Lanczos run before it gives up; near the detectability threshold it needs more.
    solver : str
        One of ``SOLVERS``: "dense" forms the n x n matrix, "lanczos" only multiplies with it, "auto" takes the first
        for small graphs and for more than a quarter of all eigenpairs.

    Returns
    -------
    Embedding

    Raises
    ------
    ValueError
        If the matrix is not square, symmetric and nonnegative, holds a NaN or complex numbers, or `count`,
        `tolerance` or `solver` is out of range.
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
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}, expected a positive number")
    if solver not in SOLVERS:
        raise ValueError(f"solver is {solver!r}, expected one of {', '.join(SOLVERS)}")
    degrees = np.asarray(adjacency.sum(axis=1)).ravel()
    components, labels = csgraph.connected_components(adjacency, directed=False)
    null = _Null(labels, np.where(degrees > 0, degrees, 1.0), components)
    known = null.vectors(min(count, components))
    if count <= components:
        return Embedding(np.zeros(count), known, 0.0, components)
    inverse_roots = 1 / np.sqrt(np.where(degrees > 0, degrees, np.inf))

    def normalised(vectors):  # the scaled matrix itself would cost more than scaling a few vectors
        scale = inverse_roots if vectors.ndim == 1 else inverse_roots[:, None]
        return scale * (adjacency @ (scale * vectors))

    def product(vector):
        vector = vector.ravel()
        return normalised(vector) + SHIFT * vector - (1 + SHIFT) * null.project(vector)

    missing = count - components
    if solver == "dense" or (solver == "auto" and (n <= SMALL or n < 4 * count)):
        vectors = _dense(product, n, missing)
    else:
        vectors = _every_copy(product, null, n, missing, tolerance, rng, sweeps)
    values = np.sum(vectors * normalised(vectors), axis=0)
    residual = np.linalg.norm(normalised(vectors) - vectors * values, axis=0).max()
    if residual > tolerance:
        raise ArithmeticError(f"residual {residual:.1e} after Lanczos, asked for {tolerance:.1e}")
    return Embedding(
        np.concatenate([np.zeros(components), 1 - values]), np.hstack([known, vectors]), float(residual), components
    )


def laplacian_eigenvectors(laplacian: ArrayLike, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest eigenpairs of a graph Laplacian on the complement of the constant vector.

    The constant vector is removed exactly, by working in a basis of its complement. On a disconnected graph it
    would otherwise mix with the other eigenvectors of eigenvalue zero, and angles would mean nothing.

    Parameters
    ----------
    laplacian : array_like, shape (..., n, n), symmetric, rows summing to zero
    count : int
        Number of eigenpairs, 1 <= count <= n - 1.

    Returns
    -------
    values : ndarray, shape (..., count)
        lambda_2 <= lambda_3 <= ... (lambda_1 = 0 belongs to the constant vector).
    vectors : ndarray, shape (..., n, count)
        Orthonormal columns, each summing to zero.

    Raises
    ------
    ValueError
        If the matrix is not square and symmetric, its rows do not sum to zero, or `count` is out of range.

    >>> laplacian_eigenvectors(3 * np.eye(3) - 1, 2)[0].round(12)
    array([3., 3.])
    """
    laplacian = np.asarray(laplacian, dtype=float)
    if laplacian.ndim < 2 or laplacian.shape[-1] != laplacian.shape[-2]:
        raise ValueError(f"laplacian has shape {laplacian.shape}, expected (..., n, n)")
    n = laplacian.shape[-1]
    size = np.abs(laplacian).max(initial=1.0)
    rounding = 64 * np.finfo(float).eps * n * size
    if np.abs(laplacian - np.swapaxes(laplacian, -1, -2)).max() > rounding:
        raise ValueError("laplacian is not symmetric: symmetrise the weights first")
    if np.abs(laplacian.sum(-1)).max() > rounding:
        raise ValueError(
            f"rows of laplacian sum to {np.abs(laplacian.sum(-1)).max():.3g} in absolute value, expected 0"
        )
    if not 1 <= count <= n - 1:
        raise ValueError(f"count is {count}, expected 1 to {n - 1}")
    basis = linalg.helmert(n).T
    values, inner = np.linalg.eigh(basis.T @ laplacian @ basis)
    return values[..., :count], basis @ inner[..., :count]


def spectral_clustering(weights: ArrayLike, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """Normalised spectral clustering: k-means on the rows of the top eigenvectors of D^-1/2 w D^-1/2, rows of unit
    length (Ng, Jordan and Weiss 2002).

    Parameters
    ----------
    weights : array_like, shape (n, n), symmetric, non-negative
    count : int
        Number of clusters and of eigenvectors, 1 <= count <= n.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n,), int

    Raises
    ------
    ValueError
        If the weights are not square, symmetric and non-negative, hold a NaN or a node without any, or `count` is out
        of range.

    >>> labels = spectral_clustering(np.kron(np.eye(2), np.ones((3, 3))), 2, rng=np.random.default_rng(0))
    >>> bool((labels[:3] == labels[0]).all() and (labels[3:] == 1 - labels[0]).all())
    True
    """
    weights = np.asarray(weights, dtype=float)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"weights has shape {weights.shape}, expected (n, n)")
    if not 1 <= count <= len(weights):
        raise ValueError(f"count is {count}, expected 1 to {len(weights)}")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights holds a negative weight, a NaN or an infinity")
    if np.abs(weights - weights.T).max() > 64 * np.finfo(float).eps * weights.max():
        raise ValueError("weights is not symmetric: symmetrise the weights first")
    sums = weights.sum(axis=1)
    if (sums == 0).any():
        raise ValueError(f"{np.count_nonzero(sums == 0)} nodes have no weight: no direction is theirs")
    root = np.sqrt(sums)
    vectors = np.linalg.eigh(weights / np.outer(root, root))[1][:, ::-1][:, :count]
    return cluster(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), count, rng=rng)


def cluster(features: ArrayLike, count: int, *, rng: np.random.Generator) -> np.ndarray:
    """k-means labels of the rows: the last step of spectral clustering.

    Parameters
    ----------
    features : array_like, shape (n, d)
    count : int
        Number of clusters.
    rng : numpy.random.Generator
        Seeds the ten starts; the best one counts.

    Returns
    -------
    ndarray, shape (n,), int
    """
    return KMeans(count, n_init=10, random_state=int(rng.integers(2**31))).fit_predict(np.asarray(features, float))


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


def _dense(product, n, count):
    """Eigenvectors of the largest eigenvalues, descending, of a symmetric linear map."""
    matrix = np.column_stack([product(column) for column in np.eye(n)])
    return np.linalg.eigh((matrix + matrix.T) / 2)[1][:, ::-1][:, :count]


def _every_copy(product, null, n, count, tolerance, rng, sweeps):
    """Eigenvectors of the largest eigenvalues, descending, in the complement of the null space, no copy missing."""
    vectors, values, asked = np.empty((n, 0)), np.empty(0), count

    def deflated(vector):
        vector = vector.ravel()
        return product(vector) - vectors @ (values * (vectors.T @ vector))

    while True:
        if len(values) >= count:
            start = rng.standard_normal(n)
            start -= null.project(start) + vectors @ (vectors.T @ start)
            if _none_above(deflated, start, SHIFT - 1, values[count - 1] + tolerance):
                break
        fresh_values, fresh = _lanczos(deflated, n, asked, tolerance, rng, sweeps)
        if len(values) >= count and fresh_values.max() <= values[count - 1] + tolerance:
            break
        inside = fresh_values > SHIFT / 2  # the others come from what was taken out: nothing else is left
        asked = 2 * asked if len(values) else 1
        values, vectors, residuals = _ritz(product, np.column_stack([vectors, fresh[:, inside]]))
        sizes = np.linalg.norm(residuals, axis=0)
        if sizes.max() > tolerance / 2:  # rare: the library stopped early, where a Krylov space came to its end
            extended = np.column_stack([vectors, residuals[:, sizes > tolerance / 2]])
            values, vectors = (part[..., : len(values)] for part in _ritz(product, extended)[:2])
    return vectors[:, :count]


def _ritz(product, columns):
    """Ritz values (descending), vectors and residual vectors of a symmetric map on the span of columns."""
    basis = np.linalg.qr(columns)[0]
    images = np.column_stack([product(column) for column in basis.T])
    values, turn = np.linalg.eigh(basis.T @ images)
    values, turn = values[::-1], turn[:, ::-1]
    vectors = basis @ turn
    return values, vectors, images @ turn - vectors * values


def _none_above(product, start, low, cut, *, failure=1e-12, steps=2_000):
    """Whether a symmetric map has no eigenvalue above `cut`, but with a chance of `failure`; False also if undecided.

    Let t be the largest Ritz value after j steps of Lanczos from b, and T the Chebyshev polynomial of degree j - 1
    moved to [low, t]. The Rayleigh quotient of T(M) b is at most t: an eigenvalue m > t with the share s of |b|^2
    gives (m - t) T(m)^2 s <= t - low, because |T| <= 1 below t. A random b has a share below x with probability
    at most sqrt(2 n x / pi), whatever the gaps between eigenvalues.

    Parameters
    ----------
    product : callable
        All eigenvalues that `start` has a share in are at least `low`.
    start : ndarray, shape (n,)
        Gaussian, projected onto the invariant subspace that is asked about.
    low, cut : float
    failure : float
    steps : int
    """
    rare = np.log(np.pi / 2 * failure**2 / len(start))
    length = np.linalg.norm(start)
    if length == 0:
        return True  # nothing is left to ask about
    now, before, diagonal, beside = start / length, 0.0, [], [0.0]
    look = 8
    for step in range(1, steps + 1):
        image = product(now)
        diagonal.append(now @ image)
        image = image - diagonal[-1] * now - beside[-1] * before
        beside.append(np.linalg.norm(image))
        ended = beside[-1] <= len(start) * np.finfo(float).eps  # the Krylov space is invariant
        if step == look or ended:
            top = linalg.eigh_tridiagonal(
                diagonal, beside[1:step], eigvals_only=True, select="i", select_range=(step - 1, step - 1)
            )[0]
            if top > cut or ended:
                return bool(top <= cut)
            gap = (cut - top) / max(top - low, np.finfo(float).eps)
            if -np.log(gap) - 2 * ((step - 1) * np.arccosh(1 + 2 * gap) - np.log(2)) <= rare:
                return True
            look = step + max(4, step // 4)
        now, before = image / beside[-1], now
    return False


def _lanczos(product, n, count, tolerance, rng, sweeps):
    """Largest eigenpairs of a linear map of norm at most 4, as one Krylov space shows them."""
    # The tolerance of the library is relative, to values of up to 4, and residuals add up when copies are rotated.
    room = max(2 * count + 2, 10)  # a short run is checked often, so it stops soon after the tolerance is met
    operator = sparse_linalg.LinearOperator((n, n), matvec=product, dtype=float)
    options = {"which": "LA", "ncv": min(room, n), "tol": tolerance / 100, "maxiter": sweeps}
    try:
        return sparse_linalg.eigsh(operator, count, v0=product(rng.standard_normal(n)), **options)
    except sparse_linalg.ArpackNoConvergence as error:
        raise ArithmeticError(
            f"Lanczos found {len(error.eigenvalues)} of {count} eigenpairs to {tolerance:.1e} in {sweeps} restarts"
        ) from error


def _checked(adjacency):
    if not sparse.issparse(adjacency):
        adjacency = np.asarray(adjacency)
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1]:
        raise ValueError(f"adjacency has shape {adjacency.shape}, expected (n, n)")
    if adjacency.dtype.kind not in "buif":
        raise ValueError(f"adjacency has dtype {adjacency.dtype}, expected real weights")
    given, adjacency = adjacency, sparse.csr_array(adjacency, dtype=float)
    if not (adjacency.has_canonical_format and adjacency.data.all()):
        adjacency = sparse.csr_array(given, dtype=float, copy=True)  # the caller's matrix stays as it is
        adjacency.sum_duplicates()
        adjacency.eliminate_zeros()  # a stored zero is no edge
    if not np.isfinite(adjacency.data).all() or (adjacency.data < 0).any():
        raise ValueError("adjacency holds a negative weight, a NaN or an infinity")
    mirrored = adjacency.T.tocsr()
    parts = (adjacency.indptr, mirrored.indptr), (adjacency.indices, mirrored.indices), (adjacency.data, mirrored.data)
    if all(np.array_equal(mine, theirs) for mine, theirs in parts):
        return adjacency
    gap = abs(adjacency - mirrored).max()
    if gap > 64 * np.finfo(float).eps * adjacency.max():  # weights added up in another order differ by less
        raise ValueError(f"adjacency is not symmetric, entries differ by up to {gap:.3g}: symmetrise the weights first")
    return sparse.csr_array((adjacency + mirrored) / 2)
