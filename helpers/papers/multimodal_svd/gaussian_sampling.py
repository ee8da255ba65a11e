"""Sample covariances of Gaussian paired data, drawn exactly in law without drawing the data.

For Gaussian noise the sample covariances depend on an n by d noise matrix only through d by d Gaussian and Wishart
matrices, and these can be drawn directly (Bartlett's decomposition). Only the r signal coordinates of every sample are
drawn one by one, because wrong pairs mix them. A sweep to n = 100,000 then costs what one to n = 1,000 would.
"""

import numpy as np

from helpers.spectral import subspaces

from . import recovery_laws, spiked_model


def wishart_root(rng, count, dimension, *, freedom):
    """Lower triangular T with ``T T^T`` Wishart of identity scale (Bartlett 1933).

    Parameters
    ----------
    rng : numpy.random.Generator
    count, dimension : int
    freedom : int
        Degrees of freedom: ``T T^T`` has the law of ``G^T G`` for G of shape (freedom, dimension), standard normal.

    Returns
    -------
    ndarray, shape (count, dimension, dimension)

    Raises
    ------
    ValueError
        If there are fewer degrees of freedom than dimensions: the matrix would be singular.

    >>> root = wishart_root(np.random.default_rng(0), 2000, 3, freedom=10)
    >>> bool(np.allclose((root @ np.swapaxes(root, 1, 2)).mean(axis=0), 10 * np.eye(3), atol=0.7))
    True
    """
    if freedom < dimension:
        raise ValueError(f"freedom is {freedom}, expected at least the dimension {dimension}")
    root = np.tril(rng.standard_normal((count, dimension, dimension)), -1)
    diagonal = np.arange(dimension)
    root[:, diagonal, diagonal] = np.sqrt(rng.chisquare(freedom - diagonal, size=(count, dimension)))
    return root


def sample_covariances(model, pairing, rng, *, draws):
    """Sample covariance of the first modality and sample cross-covariance of the pairs, for Gaussian data.

    The joint law is that of ``spiked_model.draw``, centring and products. With Q an orthonormal basis of the centred
    signals and Q' of the part of the left noise outside it, all products are products of coefficients in the basis
    (Q, Q'), and those are standard normal, chi or known.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        Its subspaces may carry a leading axis of length `draws`.
    pairing : ndarray, shape (n,), int
        Row i of the second modality belongs to row ``pairing[i]`` of the first, in every draw; n >= p + 2 r + 1.
    rng : numpy.random.Generator
    draws : int

    Returns
    -------
    left : ndarray, shape (draws, p, p)
    cross : ndarray, shape (draws, p, q)
        Both divided by n - 1.

    Raises
    ------
    ValueError
        If n is too small for a Wishart matrix of full rank.

    >>> rng = np.random.default_rng(0)
    >>> model = spiked_model.spiked_model(rng, dimensions=(6, 5), rank=2, noise=(0.1, 0.1))
    >>> [c.shape for c in sample_covariances(model, one_cycle(1000, 0.5), rng, draws=3)]
    [(3, 6, 6), (3, 6, 5)]
    """
    n, rank = len(pairing), model.rank
    p, q = model.left_basis.shape[-2], model.right_basis.shape[-2]
    latent = rng.standard_normal((draws, n, rank))
    latent -= latent.mean(axis=1, keepdims=True)
    mates = np.swapaxes(latent, -1, -2) @ latent  # of the partners too: they are the same rows
    cross = np.swapaxes(latent, -1, -2) @ np.take(latent, pairing, axis=1)
    scale = np.sqrt(np.concatenate([model.left_signal, model.right_signal]))
    gram = np.block([[mates, cross], [np.swapaxes(cross, -1, -2), mates]]) * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(gram)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]  # coefficients of the 2r signals in Q
    left_root, right_root = _root(model.left_noise, p), _root(model.right_noise, q)
    inside = model.left_basis @ root[..., :rank, :] + left_root @ rng.standard_normal((draws, p, 2 * rank))
    outside = left_root @ wishart_root(rng, draws, p, freedom=n - 1 - 2 * rank)
    noise = inside @ rng.standard_normal((draws, 2 * rank, q)) + outside @ rng.standard_normal((draws, p, q))
    cross = inside @ np.swapaxes(model.right_basis @ root[..., rank:, :], -1, -2) + noise @ right_root
    left = inside @ np.swapaxes(inside, -1, -2) + outside @ np.swapaxes(outside, -1, -2)
    return left / (n - 1), cross / (n - 1)


def one_cycle(n, share):
    """The pairing whose first ``spiked_model.wrong_count(n, share)`` rows form one cycle, shape (n,).

    Rows are exchangeable: for whatever does not depend on their order, it stands for all of ``spiked_model.pairings``.

    >>> one_cycle(5, 0.6).tolist()
    [2, 0, 1, 3, 4]
    """
    pairing, wrong = np.arange(n), spiked_model.wrong_count(n, share)
    pairing[:wrong] = np.roll(pairing[:wrong], 1)
    return pairing


def recovery(model, n, rng, *, share, draws, block=2_000_000):
    """Squared sin-theta errors of the linear contrastive loss on fresh Gaussian data, left and right.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        One model (no leading axes); all draws share it.
    n : int
        Pairs.
    rng : numpy.random.Generator
    share : float
        Share of wrong pairs, within [0, 1].
    draws : int
    block : int
        Signal coordinates drawn at a time; bounds the memory.

    Returns
    -------
    ndarray, shape (2, draws)
    """
    return pairing_recovery(model, one_cycle(n, share), rng, draws=draws, block=block)


def pairing_recovery(model, pairing, rng, *, draws, block=2_000_000):
    """:func:`recovery` for a given pairing, shape (n,), of any cycles: ndarray, shape (2, draws)."""
    size = max(1, block // (len(pairing) * model.rank))
    parts = []
    for start in range(0, draws, size):
        cross = sample_covariances(model, pairing, rng, draws=min(size, draws - start))[1]
        parts.append(np.square(spiked_model.recovery_errors(cross, model.left_basis, model.right_basis)))
    return np.concatenate(parts, axis=-1)


def root_mean_squares(models, sizes, rng, *, shares, draws):
    """Root mean square errors along a sweep: one model, number of pairs and share of wrong pairs for each point.

    Parameters
    ----------
    models : sequence of spiked_model.SpikedModel, or one for all points
    sizes, shares : sequence of int and of float, or one for all points
    rng : numpy.random.Generator
    draws : int
        At each point.

    Returns
    -------
    ndarray, shape (2, points)
        Left and right.

    >>> rng = np.random.default_rng(0)
    >>> model = spiked_model.spiked_model(rng, dimensions=(6, 5), rank=2, noise=(0.1, 0.1))
    >>> error = root_mean_squares(model, [100, 10000], rng, shares=0.5, draws=20)
    >>> bool(np.all(error[:, 1] < error[:, 0] / 5))
    True
    """
    along = recovery_laws.sweep(models, sizes, shares)
    squares = [recovery(model, n, rng, share=share, draws=draws).mean(axis=-1) for model, n, share in along]
    return np.sqrt(np.transpose(squares))


def grid(model, sizes, rng, *, shares, draws):
    """:func:`recovery` of the left subspace for every share and size: ndarray, shape (shares, sizes, draws)."""
    return np.array([
        [recovery(model, int(n), rng, share=share, draws=draws)[0] for n in sizes] for share in shares
    ])  # fmt: skip


def _root(noise, dimension):
    """Symmetric square root of a noise argument of ``spiked_model.SpikedModel``, shape (dimension, dimension)."""
    values, vectors = subspaces.top_eigenvectors(spiked_model.covariance(noise, dimension), dimension)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
