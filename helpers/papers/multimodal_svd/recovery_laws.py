"""What theory promises for the recovery of signal subspaces: the published bound, and the next term of the sharp law.

The sharp law itself is ``spiked_model.first_order_error``; here stand the uniform bound of theorem 3.1 of Nakada et al.
(2023) with its hidden constant set to 1, the relative size of what the first order leaves out, and a family of random
instances on which a bound can be tried.
"""

import itertools
from dataclasses import replace

import numpy as np

from . import concentration, spiked_model


def uniform_bound(model, n, *, share):
    """Right side of theorem 3.1 with constant 1: ``sqrt r ^ sqrt r e (1 + e)`` with ``e = eps_n / (1 - share)``.

    Parameters
    ----------
    model : spiked_model.SpikedModel
    n : int or ndarray
    share : float or ndarray, below 1

    Returns
    -------
    float or ndarray
        A bound, up to a constant that the theorem does not specify, of both Frobenius sin-theta errors.

    >>> model = spiked_model.spiked_model(np.random.default_rng(0), dimensions=(6, 5), rank=2, noise=(0.1, 0.1))
    >>> bool(uniform_bound(model, 10**6, share=0.5) > uniform_bound(model, 10**6, share=0.0))
    True
    """
    scaled = spiked_model.deviation_scale(model, n) / (1 - np.asarray(share))
    return np.sqrt(model.rank) * np.minimum(1.0, scaled * (1 + scaled))


def next_order(model, n, *, share):
    """Relative next-order term of the squared error of the left subspace, for unit signals and isotropic noise.

    Obtained from the third-order expansion of the singular subspace: ``E|sin|^2 = first order * (1 + this)``, up to
    terms of the order of its square. The last term comes from the centring: n pairs count as n - 1, and the negatives
    hold the unobserved true pairs, so that the signal is ``1 - share n / (n - 1)`` and not ``1 - share``.

    Parameters
    ----------
    model : spiked_model.SpikedModel
        Unit signal variances, scalar noise variances, Gaussian data.
    n : int or ndarray
    share : float or ndarray, below 1

    Returns
    -------
    float or ndarray

    Raises
    ------
    ValueError
        If the signals are not all 1 or a noise is not a scalar variance.
    """
    if np.any(model.strengths != 1) or np.ndim(model.left_noise) or np.ndim(model.right_noise):
        raise ValueError("next_order holds for unit signal variances and scalar noise variances only")
    r, a, b = model.rank, model.left_noise, model.right_noise
    p, q = model.left_basis.shape[-2], model.right_basis.shape[-2]
    right, seen = 1 - np.asarray(share), (1 + a) * (1 + b)
    noise = (q - r) * b * (b * (1 + a) / (1 + b) - 2) - (p + 1) * a * (1 + b)
    inside = r * seen + right + 2 * seen + 2 * r * right
    centring = (2 - right) / right
    return ((noise + inside) / right**2 + 2 * (q - r) * b / (1 + b) - 2 * (r + 1) + centring) / n


def sweep(models, sizes, shares):
    """The points of a sweep, as a list of (model, n, share); what is not a sequence is the same at every point.

    Parameters
    ----------
    models : spiked_model.SpikedModel or sequence of them
    sizes, shares : number or sequence
        At least one of the three is a sequence; all sequences are equally long. Sizes are rounded down to integers.

    Raises
    ------
    ValueError
        If the sequences have different lengths or none is given.

    >>> [(n, share) for _, n, share in sweep(None, [10, 20], 0.5)]
    [(10, 0.5), (20, 0.5)]
    """
    sides = [side if isinstance(side, (list, tuple, np.ndarray)) else None for side in (models, sizes, shares)]
    lengths = {len(side) for side in sides if side is not None}
    if len(lengths) != 1:
        raise ValueError(f"the sequences have lengths {sorted(lengths)}, expected one length")
    points = lengths.pop()
    full = [
        side if side is not None else [value] * points
        for side, value in zip(sides, (models, sizes, shares), strict=True)
    ]
    return [(model, int(n), float(share)) for model, n, share in zip(*full, strict=True)]


def next_orders(models, sizes, shares):
    """:func:`next_order` at every point of a :func:`sweep`, shape (points,)."""
    return np.array([next_order(model, n, share=share) for model, n, share in sweep(models, sizes, shares)])


def random_instance(rng, *, sizes=(100, 2000), largest_share=0.7):
    """One random instance of the model with signal-to-noise ratio at least 1.

    Dimensions 8 to 40, rank 1 to 4, signal variances from 0.5 to 1, noise variances different in every coordinate.

    Parameters
    ----------
    rng : numpy.random.Generator
    sizes : (int, int)
        Range of the number of pairs, on a logarithmic scale.
    largest_share : float
        Of wrong pairs; shares are multiples of 0.1.

    Returns
    -------
    model : spiked_model.SpikedModel
    n : int
    share : float
    """
    rank, dimensions = int(rng.integers(1, 5)), rng.integers(8, 41, size=2)
    signals = [np.sort(rng.uniform(0.5, 1, size=rank))[::-1] for _ in range(2)]
    signals = [signal / signal[0] for signal in signals]
    noise = tuple(rng.uniform(0.05, 1) * rng.uniform(0.1, 1, size=dimension) for dimension in dimensions)
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=noise, signals=signals)
    n, tenths = int(np.exp(rng.uniform(*np.log(sizes)))), int(rng.integers(round(10 * largest_share) + 1))
    return model, n, tenths / 10


def with_noise(model, *, left=None, right=None):
    """The same subspaces and signals with other noise (variances or covariances)."""
    return replace(
        model,
        left_noise=model.left_noise if left is None else left,
        right_noise=model.right_noise if right is None else right,
    )


def sampled_recovery(model, n, rng, *, share, draws, law, block=1_000_000):
    """Squared sin-theta errors of the linear contrastive loss on drawn data of any law, left and right.

    The slow sibling of ``gaussian_sampling.recovery``: it draws every sample.

    Parameters
    ----------
    model : spiked_model.SpikedModel
    n : int
    rng : numpy.random.Generator
    share : float
    draws : int
    law : str
        A key of ``spiked_model.LAWS``.
    block : int
        Numbers drawn at a time for one modality.

    Returns
    -------
    ndarray, shape (2, draws)
    """
    size, parts = max(1, block // (n * model.left_basis.shape[-2])), []
    for start in range(0, draws, size):
        pairing = spiked_model.pairings(rng, min(size, draws - start), n, share=share)
        cross = spiked_model.contrastive_cross_covariance(*spiked_model.draw(model, pairing, rng, law=law))
        parts.append(np.square(spiked_model.recovery_errors(cross, model.left_basis, model.right_basis)))
    return np.concatenate(parts, axis=-1)


def isotropic(rng, *, left=40, right=40, rank=3, left_level=0.5, right_level=0.5, signals=None):
    """A model with noise of the same *level* (standard deviation) in every coordinate of a side.

    Parameters
    ----------
    rng : numpy.random.Generator
    left, right : int
        Dimensions.
    rank : int
    left_level, right_level : float
        Their squares are the noise variances.
    signals : array_like, optional
        Signal variances of both sides, shape (rank,); 1 by default.

    Returns
    -------
    spiked_model.SpikedModel

    >>> isotropic(np.random.default_rng(0), left_level=0.1).left_noise
    0.010000000000000002
    """
    signals = None if signals is None else (signals, signals)
    noise = (left_level**2, right_level**2)
    return spiked_model.spiked_model(rng, dimensions=(left, right), rank=rank, noise=noise, signals=signals)


def first_order_sines(basis, values, other, perturbation):
    """``|U_perp^T E V C^-1|_F``: sin-theta error of the left subspace of ``U C V^T + E``, to first order in E.

    Parameters
    ----------
    basis, other : ndarray, shapes (..., p, r) and (..., q, r)
        U and V, orthonormal columns.
    values : ndarray, shape (..., r)
        Singular values C.
    perturbation : ndarray, shape (..., p, q)

    Returns
    -------
    ndarray, shape (...)
    """
    moved = perturbation @ (other / values[..., None, :])
    return np.linalg.norm(moved - basis @ (np.swapaxes(basis, -1, -2) @ moved), axis=(-2, -1))


def split_norms(model, n, rng, *, share, draws, shift=0.0):
    """Root mean square operator norms of what right and what wrong pairs contribute to the mean product.

    Parameters
    ----------
    model : spiked_model.SpikedModel
    n : int
    rng : numpy.random.Generator
    share : float
        Share of wrong pairs.
    draws : int
    shift : float
        Added to every coordinate of the data, which the theory assumes centred.

    Returns
    -------
    ndarray, shape (3,)
        Of ``T - (1 - share) M``, of Q and of T, with T and Q the sums over right and wrong pairs, divided by n.
    """
    pairing = spiked_model.pairings(rng, draws, n, share=share)
    left, right = (side + shift for side in spiked_model.draw(model, pairing, rng))
    own = (pairing == np.arange(n))[..., None]
    right_part, wrong_part = (np.swapaxes(left * kept, 1, 2) @ right / n for kept in (own, ~own))
    terms = right_part - own[0].mean() * model.signal, wrong_part, right_part
    return np.sqrt([np.mean(np.linalg.norm(term, ord=2, axis=(1, 2)) ** 2) for term in terms])


def split_sweep(model, sizes, rng, *, shares, draws, shift=0.0):
    """:func:`split_norms` at every point of a :func:`sweep`, shape (3, points)."""
    along = sweep(model, sizes, shares)
    return np.transpose([split_norms(m, n, rng, share=share, draws=draws, shift=shift) for m, n, share in along])


def cycle_energy(pairing, rng, *, rank, level, draws):
    """Energy of the mean product of wrong pairs inside the signal subspaces, relative to independent terms.

    Parameters
    ----------
    pairing : ndarray, shape (n,), int
        Without fixed points.
    rng : numpy.random.Generator
    rank : int
    level : float
        Noise level of both sides.
    draws : int

    Returns
    -------
    ndarray, shape (draws,)
        ``n |U^T Q V|_F^2 / (r^2 (1 + level^2)^2)``, of mean 1 if the n terms were independent.
    """
    model = isotropic(rng, left=rank, right=rank, rank=rank, left_level=level, right_level=level)
    left, right = spiked_model.draw(model, np.broadcast_to(pairing, (draws, len(pairing))), rng)
    energy = np.sum((np.swapaxes(left, 1, 2) @ right) ** 2, axis=(1, 2)) / len(pairing)
    return energy / (rank * (1 + level**2)) ** 2


def head_predictions(features, targets, *, ridge):
    """Predictions of the linear least-squares head with penalty ``ridge |weights|^2``, on its own training samples.

    Parameters
    ----------
    features : ndarray, shape (..., n, r)
    targets : ndarray, shape (..., n, outputs)
    ridge : float >= 0

    Returns
    -------
    ndarray, shape (..., n, outputs)

    >>> head_predictions(np.array([[1.0], [1.0]]), np.array([[0.0], [2.0]]), ridge=0.0).round(9).tolist()
    [[1.0], [1.0]]
    """
    left, values, _ = np.linalg.svd(features, full_matrices=False)
    return left @ ((values**2 / (values**2 + ridge))[..., None] * (np.swapaxes(left, -1, -2) @ targets))


def random_recoveries(rng, count, *, sizes=(500, 10_000)):
    """Errors of the linear loss on random instances of the model, each with one of the three laws, beside their bounds.

    Instances whose bound has reached its cap ``sqrt r``, which no error can exceed, say nothing and are drawn again.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
    sizes : (int, int)
        Range of the number of pairs, on a logarithmic scale.

    Returns
    -------
    errors, bounds : ndarray, shape (count,)
        The larger sin-theta error of both sides, and :func:`uniform_bound` with constant 1.
    """
    errors, bounds = [], []
    laws = itertools.cycle(spiked_model.LAWS)
    while len(errors) < count:
        model, n, share = random_instance(rng, sizes=sizes)
        bound = uniform_bound(model, n, share=share)
        if bound < np.sqrt(model.rank):
            errors.append(np.sqrt(sampled_recovery(model, n, rng, share=share, draws=1, law=next(laws)).max()))
            bounds.append(bound)
    return np.array(errors), np.array(bounds)


def extrapolated_ratios(model, n, rng, *, share, draws, law):
    """Squared error over its first-order law, extrapolated from n and 2n pairs: ``2 R(2n) - R(n)``, of mean about 1.

    The extrapolation removes whatever falls like 1/n, so no next-order term has to be known.

    Parameters
    ----------
    model, n, rng, share, draws, law
        As for :func:`sampled_recovery`; both sizes are drawn independently.

    Returns
    -------
    ndarray, shape (2, draws)
        Left and right.
    """
    few, many = (
        sampled_recovery(model, size, rng, share=share, draws=draws, law=law)
        / np.array(spiked_model.first_order_error(model, size, share=share))[:, None]
        for size in (n, 2 * n)
    )
    return 2 * many - few


def mean_over_signs(pairing):
    """Exact mean of the contrastive cross-covariance (1 by 1) of Rademacher latents without noise, over all signs.

    Parameters
    ----------
    pairing : sequence of int, shape (n,)
        Row i of the second modality truly belongs to row ``pairing[i]`` of the first.

    Returns
    -------
    float

    >>> mean_over_signs([0, 1, 2]), mean_over_signs([1, 2, 0])
    (1.0, -0.5)
    """
    signs = concentration.sign_vectors(len(pairing))[..., None]
    return float(spiked_model.contrastive_cross_covariance(signs, signs[:, list(pairing)]).mean())


def mean_norms(model, n, rng, *, draws, law):
    """Squared norms of the sample means of both modalities, shape (2, draws), from data drawn in full (right pairs)."""
    pairing = np.broadcast_to(np.arange(n), (draws, n))
    return np.array(
        [np.sum(side.mean(axis=1) ** 2, axis=-1) for side in spiked_model.draw(model, pairing, rng, law=law)]
    )


def truncation_ratios(matrix, sample, *, rank):
    """``|SVD_r(S) - M| / |S - M|`` in operator norm: what truncation makes of an error.

    Parameters
    ----------
    matrix, sample : ndarray, shape (..., p, q)
        M and S.
    rank : int

    Returns
    -------
    ndarray, shape (...)

    >>> float(truncation_ratios(np.diag([1.0, 0.0]), np.diag([0.25, 0.5]), rank=1).round(9))
    1.333333333
    """
    error = spiked_model.best_coupling(sample, rank=rank, penalty=1.0) - matrix
    return np.linalg.norm(error, ord=2, axis=(-2, -1)) / np.linalg.norm(sample - matrix, ord=2, axis=(-2, -1))


def random_perturbations(rng, count, *, rows, columns):
    """Rank-two matrices ``U diag(1, c) V^T`` with c from 0.02 to 1, and perturbations from 1e-5 c to c an entry.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, rows, columns : int

    Returns
    -------
    left, right : ndarray, shapes (count, rows, 2) and (count, columns, 2)
        U and V.
    values : ndarray, shape (count, 2)
        1 and c.
    perturbation : ndarray, shape (count, rows, columns)
    """
    left, right = (spiked_model.random_frames(rng, size, 2, shape=(count,)) for size in (rows, columns))
    values = np.stack([np.ones(count), np.geomspace(0.02, 1, count)], axis=1)
    size = rng.permutation(np.geomspace(1e-5, 1, count)) * values[:, 1]
    return left, right, values, rng.standard_normal((count, rows, columns)) * size[:, None, None]


def random_isotropic(rng, rank):
    """An isotropic model of random dimensions, 15 to 45, and random noise levels, 0.3 to 0.7, of either side."""
    (left, right), levels = rng.integers(15, 46, size=2), rng.uniform(0.3, 0.7, size=2)
    return isotropic(rng, left=left, right=right, rank=rank, left_level=levels[0], right_level=levels[1])


def uneven_model(rng, *, dimensions, signals):
    """A model with correlated noise: variances from 0.05 to 0.4 along randomly rotated axes; signals as given."""
    turns = [spiked_model.random_frames(rng, dimension, dimension) for dimension in dimensions]
    noise = tuple((turn * rng.uniform(0.05, 0.4, size=len(turn))) @ turn.T for turn in turns)
    return spiked_model.spiked_model(rng, dimensions=dimensions, rank=len(signals[0]), noise=noise, signals=signals)
