"""What theory promises for the recovery of signal subspaces: the published bound, and the next term of the sharp law.

The sharp law itself is ``spiked_model.first_order_error``; here stand the uniform bound of theorem 3.1 of Nakada et al.
(2023) with its hidden constant set to 1, the relative size of what the first order leaves out, and a family of random
instances on which a bound can be tried.
"""

from dataclasses import replace

import numpy as np

from . import spiked_model


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


def rotated_noise(rng, dimension, low, high):
    """A covariance with random axes and variances from low to high, shape (dimension, dimension)."""
    axes = spiked_model.random_frames(rng, dimension, dimension)
    return (axes * rng.uniform(low, high, size=dimension)) @ axes.T
