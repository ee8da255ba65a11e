"""Contrastive learning from one modality with random masks: what the masks leave of the covariance, and its bias.

Two views of a sample are ``A x`` and ``(I - A) x`` with a random diagonal 0/1 matrix A. On average the masks delete the
diagonal of the covariance, and the deletion costs a bias that no amount of data removes. After section 3.2 of Nakada et
al. (2023) and Ji et al. (2023); the closed forms are derived here. Columns span subspaces, batch axes lead, NumPy.
"""

import numpy as np
from scipy import linalg, optimize

from helpers.spectral import subspaces
from helpers.validation import require_positive

from . import gaussian_sampling, spiked_model


def without_diagonal(matrix):
    """The matrix with its diagonal set to zero, shape (..., d, d).

    >>> without_diagonal([[1.0, 2.0], [3.0, 4.0]]).tolist()
    [[0.0, 2.0], [3.0, 0.0]]
    """
    matrix = np.asarray(matrix, dtype=float)
    return np.where(np.eye(matrix.shape[-1], dtype=bool), 0.0, matrix)


def shared_masks(covariance):
    """Mean of ``A C (I - A)`` over masks with independent fair coins: a quarter of C without its diagonal."""
    return without_diagonal(covariance) / 4


def separate_masks(samples):
    """Mean contrastive covariance when every sample has its own masks: only the positive pairs lose their diagonal.

    ``(1/4) [offdiag((1/n) X^T X) - 1/(n(n-1)) sum_{i != j} x_i x_j^T]``.

    Parameters
    ----------
    samples : array_like, shape (..., n, d)

    Returns
    -------
    ndarray, shape (..., d, d)
    """
    samples = np.asarray(samples, dtype=float)
    n, total = samples.shape[-2], samples.sum(axis=-2)
    products = np.swapaxes(samples, -1, -2) @ samples
    strangers = (total[..., :, None] * total[..., None, :] - products) / (n * (n - 1))
    return (without_diagonal(products / n) - strangers) / 4


def learnt_frame(matrix, rank):
    """Directions that one shared encoder keeps: eigenvectors of the largest *positive* eigenvalues.

    Parameters
    ----------
    matrix : array_like, shape (..., d, d), symmetric
        What the encoder is trained on, such as the covariance without its diagonal.
    rank : int

    Returns
    -------
    ndarray, shape (..., d, rank)
        Orthonormal columns; a column is zero where there is no further positive eigenvalue (beyond rounding).
    """
    values, vectors = subspaces.top_eigenvectors(matrix, rank)
    rounding = 64 * np.finfo(float).eps * np.shape(matrix)[-1] * np.abs(np.asarray(matrix)).max(initial=1.0)
    return vectors * (values > rounding)[..., None, :]


def recovery_errors(covariance, basis):
    """Sin-theta distance of what masked learning keeps of a covariance to the true subspace, shape (...,).

    Within [0, sqrt r]; sqrt r if nothing is learnt.

    >>> float(recovery_errors(np.diag([2.0, 1.0, 1.0]), np.eye(3)[:, :1]))  # a diagonal covariance: nothing left
    1.0
    """
    basis = np.asarray(basis, dtype=float)
    return subspaces.sin_theta(learnt_frame(without_diagonal(covariance), basis.shape[-1]), basis)


def population_bias(basis, *, steps=60):
    """Error for infinitely many samples with unit signal and noise that is independent between coordinates.

    Orthogonal iteration on ``U U^T - diag(|u_i|^2)``, which needs no d by d matrix.

    Parameters
    ----------
    basis : ndarray, shape (..., d, r)
        Orthonormal columns U, incoherent: every row norm well below 1.
    steps : int

    Returns
    -------
    ndarray, shape (...)

    Raises
    ------
    ValueError
        If a squared row norm (leverage) is 1/2 or more, or the iteration has not converged: too coherent.
    """
    basis = np.asarray(basis, dtype=float)
    leverage, frame, change = np.sum(basis**2, axis=-1, keepdims=True), basis, np.inf
    if leverage.max() >= 0.5:
        raise ValueError(f"the largest leverage is {leverage.max():g}, expected below 1/2")
    for _ in range(steps):
        previous = frame
        frame = np.linalg.qr(basis @ (np.swapaxes(basis, -1, -2) @ frame) - leverage * frame)[0]
        change = subspaces.sin_theta(previous, frame).max()
        if change <= 64 * np.finfo(float).eps * frame.shape[-1]:
            return subspaces.sin_theta(basis, frame)
    raise ValueError(f"no convergence in {steps} steps: largest leverage {leverage.max():g}, last change {change:.2g}")


def contest(model, n, rng, *, share, draws, block=2_000_000):
    """Squared errors of masked learning and of two modalities on the same samples, Gaussian data.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        Its subspaces may carry a leading axis of length `draws`.
    n : int
        Samples of the first modality, and pairs.
    rng : numpy.random.Generator
    share : float
        Share of wrong pairs; masked learning does not see it.
    draws : int
    block : int
        Signal coordinates drawn at a time, for models without a leading axis.

    Returns
    -------
    masked, paired : ndarray, shape (draws,)
        Squared sin-theta errors of the first modality's subspace.
    """
    pairing = gaussian_sampling.one_cycle(n, share)
    size = draws if model.left_basis.ndim == 3 else max(1, block // (n * model.rank))
    masked, paired = [], []
    for start in range(0, draws, size):
        own, cross = gaussian_sampling.sample_covariances(model, pairing, rng, draws=min(size, draws - start))
        masked.append(np.square(recovery_errors(own, model.left_basis)))
        paired.append(np.square(spiked_model.recovery_errors(cross, model.left_basis, model.right_basis)[0]))
    return np.concatenate(masked), np.concatenate(paired)


def contests(model, sizes, rng, *, shares, draws):
    """:func:`contest` for several shares of wrong pairs, each with its own numbers of samples.

    Parameters
    ----------
    model : spiked_model.SpikedModel
    sizes : array_like of int, shape (shares, sizes)
    rng : numpy.random.Generator
    shares : sequence of float
    draws : int

    Returns
    -------
    ndarray, shape (shares, sizes, 2, draws)
        Squared errors; masked learning, then two modalities.
    """
    return np.array([
        [contest(model, int(n), rng, share=share, draws=draws) for n in row]
        for row, share in zip(sizes, shares, strict=True)
    ])  # fmt: skip


def minimise_from_random_starts(matrix, rng, *, rank, penalty, starts):
    """Minimise ``-tr(G A G^T) + penalty/2 |G^T G|^2`` over G of shape (rank, d), by BFGS.

    Parameters
    ----------
    matrix : ndarray, shape (d, d), symmetric
        A.
    rng : numpy.random.Generator
    rank, starts : int
    penalty : float > 0

    Returns
    -------
    products : ndarray, shape (starts, d, d)
        ``G^T G`` at the ends.
    gradients : ndarray, shape (starts,)
        Gradient norms there.
    """
    dimension = len(matrix)

    def loss(flat):
        encoder = flat.reshape(rank, dimension)
        product = encoder.T @ encoder
        value = -np.trace(encoder @ matrix @ encoder.T) + penalty / 2 * np.sum(product**2)
        return value, 2 * (penalty * encoder @ product - encoder @ matrix).ravel()

    options = {"gtol": 1e-9}
    ends = [
        optimize.minimize(loss, rng.standard_normal(rank * dimension), jac=True, method="BFGS", options=options).x
        for _ in range(starts)
    ]
    encoders = np.reshape(ends, (starts, rank, dimension))
    return np.swapaxes(encoders, 1, 2) @ encoders, np.array([np.linalg.norm(loss(end)[1]) for end in ends])


def haar_biases(rng, rank, dimensions, *, draws):
    """:func:`population_bias` of uniformly random subspaces, shape (len(dimensions), draws)."""
    frames = (spiked_model.random_frames(rng, dimension, rank, shape=(draws,)) for dimension in dimensions)
    return np.array([population_bias(frame) for frame in frames])


def isotropic_model(basis, rng, *, noise):
    """Unit signals along given directions, a Haar subspace of equal size beside it, isotropic noise in both.

    Parameters
    ----------
    basis : ndarray, shape (d, r)
        Orthonormal columns: the first modality's signal.
    rng : numpy.random.Generator
    noise : (float, float)
        Noise variances of the two modalities.

    Returns
    -------
    spiked_model.SpikedModel
    """
    dimension, rank = basis.shape
    other, unit = spiked_model.random_frames(rng, dimension, rank), np.ones(rank)
    return spiked_model.SpikedModel(basis, other, unit, unit, *noise)


# -- closed forms -------------------------------------------------------------------------------------------
def haar_bias(rank, dimension):
    """``sqrt(2 r^2 + 4 r) / d``: bias for a uniformly random subspace, d >> r^2.

    >>> round(float(haar_bias(4, 100)), 4)
    0.0693
    """
    return np.sqrt(2 * np.square(rank) + 4 * rank) / np.asarray(dimension)


def two_level_frame(rank, dimension, *, upper=0.75):
    """A subspace with two values of the leverage, in two halves of the coordinates (Hadamard columns).

    Parameters
    ----------
    rank, dimension : int
        The dimension is a power of 2, at least 2 rank.
    upper : float in (0, 1)
        Share of every column's squared norm in the first half.

    Returns
    -------
    ndarray, shape (dimension, rank)

    Raises
    ------
    ValueError
        If the dimension is no power of two or too small.

    >>> two_level_frame(1, 4, upper=0.5).ravel().tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    half = dimension // 2
    if dimension < 2 * rank or dimension & (dimension - 1):
        raise ValueError(f"dimension is {dimension}, expected a power of 2 and at least {2 * rank}")
    columns = linalg.hadamard(half)[:, :rank] / np.sqrt(half)
    return np.concatenate([np.sqrt(upper) * columns, np.sqrt(1 - upper) * columns])


def two_level_bias(rank, dimension, *, upper=0.75):
    """Exact bias of :func:`two_level_frame`: r times the same angle, that of a 2 by 2 problem.

    Parameters
    ----------
    rank, dimension : int
    upper : float

    Returns
    -------
    float
        About ``(sqrt 3 / 4) r^(3/2) / d`` for upper = 3/4.

    >>> round(float(two_level_bias(4, 512) * 512 / 8), 3)
    0.435
    """
    shares = np.array([upper, 1 - upper])
    small = np.sqrt(np.outer(shares, shares)) - np.diag(2 * rank * shares / dimension)
    top = subspaces.top_eigenvectors(small, 1)[1]
    return np.sqrt(rank) * subspaces.sin_theta(np.sqrt(shares)[:, None], top)


def masked_error(rank, dimension, n, *, noise, bias):
    """Squared error of masked learning with n samples, first order: ``bias^2 + r (d - r) s (1 + s) / n``.

    ``noise`` is the variance s of every coordinate's noise; signals have unit variance.
    """
    return np.square(bias) + rank * (dimension - rank) * noise * (1 + noise) / np.asarray(n)


def break_even(rank, dimension, *, noise, other_noise, share, bias):
    """Number of pairs beyond which two modalities with wrong pairs beat one modality with masks: n*(share).

    ``n* = r (d - r) s [(1 + s')/(1 - share)^2 - (1 + s)] / bias^2``, for unit signals and isotropic noise.

    Parameters
    ----------
    rank : int
    dimension : int or ndarray
        d, of the modality of interest.
    noise, other_noise : float
        Noise **variances** s of that modality and s' of the other one.
    share : float or ndarray, below 1
        Share of wrong pairs.
    bias : float or ndarray, > 0
        Of masked learning.

    Returns
    -------
    float or ndarray
        Negative or zero: two modalities always win.

    >>> float(break_even(4, 32, noise=0.25, other_noise=0.25, share=0.0, bias=0.1))
    0.0
    """
    require_positive("bias", float(np.min(bias)))
    price = (1 + other_noise) / (1 - np.asarray(share)) ** 2 - (1 + noise)
    return rank * (dimension - rank) * noise * price / bias**2
