"""Two modalities with a shared signal: spiked data with wrong pairs, cross-covariances, their SVD, and its error.

After Nakada et al. (2023). Rows are samples, ``left`` is the first modality and ``right`` the second; observed pairs
stand in equal rows. Batch axes lead everywhere, everything is float64 NumPy, and no n by n matrix is formed except
where a softmax needs one.
"""

from dataclasses import dataclass

import numpy as np

from helpers.spectral import subspaces
from helpers.validation import require_positive

LAWS = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "rademacher": lambda rng, shape: 2.0 * rng.integers(0, 2, size=shape) - 1.0,
    "uniform": lambda rng, shape: rng.uniform(-np.sqrt(3), np.sqrt(3), size=shape),
}


# -- the model ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class SpikedModel:
    """Two signal subspaces, the variances of the signal along them, and the covariances of the noise.

    ``x = left_basis sqrt(left_signal) w + noise`` and ``y = right_basis sqrt(right_signal) w' + noise'``, with
    ``w = w'`` for a true pair; coordinates of w are independent with mean 0 and variance 1.

    Attributes
    ----------
    left_basis, right_basis : ndarray, shapes (..., p, r) and (..., q, r)
        Orthonormal columns.
    left_signal, right_signal : ndarray, shape (r,)
        Variances (not standard deviations) of the signal; the theory wants them decreasing from 1.
    left_noise, right_noise : float or ndarray, shape (p,), (p, p) and (q,), (q, q)
        Variance of every coordinate, variances of the coordinates, or a covariance matrix.
    """

    left_basis: np.ndarray
    right_basis: np.ndarray
    left_signal: np.ndarray
    right_signal: np.ndarray
    left_noise: float | np.ndarray
    right_noise: float | np.ndarray

    @property
    def rank(self):
        """Dimension r of the shared signal."""
        return self.left_basis.shape[-1]

    @property
    def strengths(self):
        """``sqrt(left_signal * right_signal)``, shape (r,): the singular values of :attr:`signal`."""
        return np.sqrt(self.left_signal * self.right_signal)

    @property
    def signal(self):
        """Cross-covariance ``left_basis diag(strengths) right_basis^T`` of a true pair, shape (..., p, q)."""
        return (self.left_basis * self.strengths) @ np.swapaxes(self.right_basis, -1, -2)

    @property
    def swapped(self):
        """The same model with the second modality first."""
        sides = (self.right_basis, self.left_basis), (self.right_signal, self.left_signal)
        return SpikedModel(*sides[0], *sides[1], self.right_noise, self.left_noise)


def random_frames(rng, rows, columns, *, shape=()):
    """Orthonormal columns, uniform over all frames (Haar): shape (*shape, rows, columns).

    >>> frames = random_frames(np.random.default_rng(0), 5, 2, shape=(3,))
    >>> bool(np.allclose(np.swapaxes(frames, -1, -2) @ frames, np.eye(2)))
    True
    """
    if not 1 <= columns <= rows:
        raise ValueError(f"columns is {columns}, expected 1 to {rows}")
    frame, triangle = np.linalg.qr(rng.standard_normal((*shape, rows, columns)))
    return frame * np.sign(np.diagonal(triangle, axis1=-2, axis2=-1))[..., None, :]


def spiked_model(rng, *, dimensions, rank, noise, signals=None, shape=()):
    """A model with Haar subspaces.

    Parameters
    ----------
    rng : numpy.random.Generator
    dimensions : (int, int)
        p and q.
    rank : int
    noise : (float or array, float or array)
        Left and right noise **variances** or covariances, as in :class:`SpikedModel`.
    signals : (array_like, array_like), optional
        Left and right signal variances, shape (rank,); all 1 by default.
    shape : tuple of int
        Leading axes: one pair of subspaces for each.

    Returns
    -------
    SpikedModel
    """
    left_signal, right_signal = (np.ones(rank), np.ones(rank)) if signals is None else map(np.asarray, signals)
    if left_signal.shape != (rank,) or right_signal.shape != (rank,):
        raise ValueError(f"signals have shapes {left_signal.shape} and {right_signal.shape}, expected ({rank},) twice")
    frames = [random_frames(rng, dimension, rank, shape=shape) for dimension in dimensions]
    return SpikedModel(*frames, left_signal.astype(float), right_signal.astype(float), *noise)


def wrong_count(n, share):
    """``round(share * n)`` wrong pairs of n; exactly one is impossible, since a permutation cannot move one item.

    >>> wrong_count(10, 0.25)
    2
    """
    wrong = round(share * n)
    if wrong == 1 or not 0 <= wrong <= n:
        raise ValueError(f"share {share} of {n} pairs is {wrong} wrong pairs, expected 0 or 2 to {n}")
    return wrong


def pairings(rng, problems, n, *, share):
    """Permutations with exactly ``wrong_count(n, share)`` moved items, which form one cycle.

    Parameters
    ----------
    rng : numpy.random.Generator
    problems, n : int
    share : float
        Share of wrong pairs, within [0, 1].

    Returns
    -------
    ndarray, shape (problems, n), int
        Row i of the second modality truly belongs to row ``pairing[i]`` of the first; fixed points are right pairs.

    >>> pairings(np.random.default_rng(0), 1, 4, share=0.0)
    array([[0, 1, 2, 3]])
    """
    wrong = wrong_count(n, share)
    pairing = np.tile(np.arange(n), (problems, 1))
    moved = rng.permuted(pairing, axis=1)[:, :wrong]
    np.put_along_axis(pairing, moved, np.roll(moved, 1, axis=1), axis=1)
    return pairing


def draw(model, pairing, rng, *, law="gaussian"):
    """Samples of both modalities, observed pairs in equal rows.

    Parameters
    ----------
    model : SpikedModel
    pairing : ndarray, shape (..., n), int
        As :func:`pairings` gives it; its leading axes are the batch.
    rng : numpy.random.Generator
    law : str
        Law of every coordinate of signal and noise: a key of ``LAWS``, all of mean 0 and variance 1.

    Returns
    -------
    left : ndarray, shape (..., n, p)
    right : ndarray, shape (..., n, q)
        ``right[i]`` carries the signal of ``left[pairing[i]]``.

    Raises
    ------
    ValueError
        For an unknown law.

    >>> rng = np.random.default_rng(0)
    >>> model = spiked_model(rng, dimensions=(5, 4), rank=2, noise=(0.1, 0.1))
    >>> [side.shape for side in draw(model, pairings(rng, 7, 20, share=0.5), rng)]
    [(7, 20, 5), (7, 20, 4)]
    """
    if law not in LAWS:
        raise ValueError(f"law is {law!r}, expected one of {', '.join(LAWS)}")
    latent = LAWS[law](rng, (*pairing.shape, model.rank))
    partner = np.take_along_axis(latent, pairing[..., None], axis=-2)
    sides = []
    for basis, signal, noise, source in (
        (model.left_basis, model.left_signal, model.left_noise, latent),
        (model.right_basis, model.right_signal, model.right_noise, partner),
    ):
        clean = (source * np.sqrt(signal)) @ np.swapaxes(basis, -1, -2)
        sides.append(clean + _coloured(LAWS[law](rng, clean.shape), noise))
    return tuple(sides)


# -- cross-covariances --------------------------------------------------------------------------------------
def contrastive_cross_covariance(left, right):
    """What the linear contrastive loss sees: mean product of the pairs minus mean product of all non-pairs.

    ``(1/n) sum_i x_i y_i^T - 1/(n(n-1)) sum_{i != j} x_i y_j^T``, computed as the centred product
    ``sum_i (x_i - mean)(y_i - mean)^T / (n - 1)``, to which it is equal (Nakada et al. 2023, remark 2.1).

    Parameters
    ----------
    left, right : array_like, shapes (..., n, p) and (..., n, q), n >= 2

    Returns
    -------
    ndarray, shape (..., p, q)

    >>> contrastive_cross_covariance([[0.0], [2.0]], [[1.0], [5.0]])
    array([[4.]])
    """
    left, right = _paired(left, right)
    return np.swapaxes(subspaces.centre(left), -1, -2) @ right / (left.shape[-2] - 1)


def softmax_weights(scores, *, temperature):
    """``B = (P + Q) / 2``: P the softmax of every row of scores / temperature, Q that of every column.

    Parameters
    ----------
    scores : array_like, shape (..., n, n)
        Entry (i, j) compares row i of the first modality with row j of the second.
    temperature : float > 0

    Returns
    -------
    ndarray, shape (..., n, n)
        Non-negative, total n; its row sums are 1 only on average.

    >>> softmax_weights(np.zeros((2, 2)), temperature=1.0)
    array([[0.5, 0.5],
           [0.5, 0.5]])
    """
    require_positive("temperature", temperature)
    scores = np.asarray(scores, dtype=float) / temperature
    if scores.ndim < 2 or scores.shape[-1] != scores.shape[-2]:
        raise ValueError(f"scores has shape {scores.shape}, expected (..., n, n)")
    rows = np.exp(scores - scores.max(axis=-1, keepdims=True))
    columns = np.exp(scores - scores.max(axis=-2, keepdims=True))
    return (rows / rows.sum(axis=-1, keepdims=True) + columns / columns.sum(axis=-2, keepdims=True)) / 2


def clip_cross_covariance(left, right, scores, *, temperature, positive_weight):
    """What CLIP sees at given scores: ``S = X^T (nu I - B) Y / n`` with B of :func:`softmax_weights`.

    Parameters
    ----------
    left, right : array_like, shapes (..., n, p) and (..., n, q)
    scores : array_like, shape (..., n, n)
    temperature : float > 0
    positive_weight : float
        nu: factor of the pairs' own similarity in the loss; CLIP itself has 1.

    Returns
    -------
    ndarray, shape (..., p, q)
    """
    left, right = _paired(left, right)
    weights = softmax_weights(scores, temperature=temperature)
    if weights.shape[-1] != left.shape[-2]:
        raise ValueError(f"scores has shape {weights.shape}, expected ({left.shape[-2]},) twice")
    return np.swapaxes(left, -1, -2) @ (positive_weight * right - weights @ right) / left.shape[-2]


# -- estimators ---------------------------------------------------------------------------------------------
def best_coupling(cross_covariance, *, rank, penalty):
    """``G1^T G2`` that maximises ``tr(G1 S G2^T) - penalty/2 |G1^T G2|^2``: the best rank-r part of S over penalty.

    Parameters
    ----------
    cross_covariance : array_like, shape (..., p, q)
    rank : int
    penalty : float or ndarray, shape (...), > 0
        rho.

    Returns
    -------
    ndarray, shape (..., p, q)

    >>> best_coupling(np.diag([3.0, 1.0]), rank=1, penalty=0.5)
    array([[6., 0.],
           [0., 0.]])
    """
    left, values, right = _scaled_svd(cross_covariance, rank, penalty)
    return (left * values[..., None, :]) @ np.swapaxes(right, -1, -2)


def best_encoders(cross_covariance, *, rank, penalty):
    """The balanced pair (G1 G1^T = G2 G2^T) behind :func:`best_coupling`: shapes (..., r, p) and (..., r, q)."""
    left, values, right = _scaled_svd(cross_covariance, rank, penalty)
    root = np.sqrt(values)[..., None]
    return root * np.swapaxes(left, -1, -2), root * np.swapaxes(right, -1, -2)


def recovery_errors(cross_covariance, left_basis, right_basis):
    """Frobenius sin-theta distances of the leading singular subspaces to the true ones.

    Parameters
    ----------
    cross_covariance : array_like, shape (..., p, q)
    left_basis, right_basis : array_like, shapes (..., p, r) and (..., q, r)
        Orthonormal columns.

    Returns
    -------
    left, right : ndarray, shape (...,)
        Within [0, sqrt(min(r, dimension - r))].
    """
    left, _, right = subspaces.truncated_svd(cross_covariance, np.shape(left_basis)[-1])
    left_basis, left = np.broadcast_arrays(left_basis, left)
    right_basis, right = np.broadcast_arrays(right_basis, right)
    return subspaces.sin_theta(left_basis, left), subspaces.sin_theta(right_basis, right)


# -- what to expect -----------------------------------------------------------------------------------------
def random_level(rank, dimension):
    """Root mean square sin-theta of two independent Haar subspaces: ``sqrt(r (1 - r / d))``.

    >>> round(float(random_level(10, 40)), 2)
    2.74
    """
    return np.sqrt(rank * (1 - rank / dimension))


def first_order_error(model, n, *, share):
    """First-order law of the squared sin-theta error of the linear loss, for n pairs of which a share is wrong.

    ``n (1 - share)^2 E|sin|^2 = tr(U_perp^T C U_perp) tr(T^-1 (D + V^T E V) T^-1)``, with U and C the basis and the
    noise covariance of one side, V, D and E the basis, signal variances and noise covariance of the other one, and T
    the strengths. Sharp for n (1 - share)^2 well above p + q; the bound of theorem 3.1 of Nakada et al. lies above.

    Parameters
    ----------
    model : SpikedModel
    n : int or ndarray
    share : float or ndarray, below 1

    Returns
    -------
    left, right : float or ndarray
        Expected **squared** distances.
    """
    sides = [
        (model.left_basis, model.left_signal, covariance(model.left_noise, model.left_basis.shape[-2])),
        (model.right_basis, model.right_signal, covariance(model.right_noise, model.right_basis.shape[-2])),
    ]
    laws = []
    for (basis, _, noise), (other, signal, other_noise) in (sides, sides[::-1]):
        along = np.trace(_sandwich(basis, noise), axis1=-2, axis2=-1)
        outside = np.trace(noise) - along
        seen = signal + np.diagonal(_sandwich(other, other_noise), axis1=-2, axis2=-1)
        laws.append(outside * np.sum(seen / model.strengths**2, axis=-1) / (n * (1 - np.asarray(share)) ** 2))
    return tuple(laws)


def deviation_scale(model, n):
    """eps_n of the theory: ``sqrt((r + r(C) + r(E)) log(n + p + q) / n)``, r(.) the trace over the operator norm.

    A side without noise has r(.) = 0. The constant in front is not specified by the theory.
    """
    p, q = model.left_basis.shape[-2], model.right_basis.shape[-2]
    total = float(model.rank)
    for noise, dimension in ((model.left_noise, p), (model.right_noise, q)):
        matrix = covariance(noise, dimension)
        total += float(subspaces.intrinsic_dimension(matrix)) if np.any(matrix) else 0.0
    return np.sqrt(total * np.log(np.asarray(n) + p + q) / n)


def covariance(noise, dimension):
    """A noise argument (variance, variances or covariance) as a matrix, shape (dimension, dimension).

    >>> covariance(0.5, 2)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    noise = np.asarray(noise, dtype=float)
    if noise.shape not in ((), (dimension,), (dimension, dimension)):
        raise ValueError(f"noise has shape {noise.shape}, expected (), ({dimension},) or ({dimension}, {dimension})")
    return noise if noise.ndim == 2 else noise * np.eye(dimension)


# -- pieces -------------------------------------------------------------------------------------------------
def _sandwich(basis, matrix):
    return np.swapaxes(basis, -1, -2) @ matrix @ basis


def _scaled_svd(cross_covariance, rank, penalty):
    if not np.all(np.asarray(penalty) > 0):
        raise ValueError(f"penalty is {penalty}, expected a positive number")
    left, values, right = subspaces.truncated_svd(cross_covariance, rank)
    return left, values / np.asarray(penalty, dtype=float)[..., None], right


def _coloured(white, noise):
    """White noise, shape (..., d), with the covariance of a noise argument."""
    noise = np.asarray(noise, dtype=float)
    if noise.ndim < 2:
        return white * np.sqrt(covariance(noise, white.shape[-1]).diagonal())
    values, vectors = np.linalg.eigh(covariance(noise, white.shape[-1]))
    if values[0] < -64 * np.finfo(float).eps * len(values) * max(values[-1], 0.0):
        raise ValueError(f"noise has the eigenvalue {values[0]:g}, expected a positive semidefinite covariance")
    return white @ (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def _paired(left, right):
    left, right = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    if left.ndim < 2 or right.ndim < 2 or left.shape[:-1] != right.shape[:-1] or left.shape[-2] < 2:
        raise ValueError(f"samples have shapes {left.shape} and {right.shape}, expected (..., n, p) and (..., n, q)")
    return left, right
