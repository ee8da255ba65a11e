"""How positive pairs are made, and the exact joint law each way has: same class, same image, shared factors, channels.

The law of the pair decides the true mutual information; this room holds the laws (tables as in ``information``) and the
samplers. Images whose factors can be read off are in ``factor_images``. NumPy; randomness comes in as ``rng``.
"""

import hashlib
import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats


class ClassModel(NamedTuple):
    """A class and two views that are independent given the class; leading axes are a batch.

    Attributes
    ----------
    prior : ndarray, shape (..., classes)
    first, second : ndarray, shapes (..., classes, x) and (..., classes, y)
        Rows are the laws of either view in a class.
    """

    prior: np.ndarray
    first: np.ndarray
    second: np.ndarray


def random_class_model(rng, count, classes, values, *, disjoint, shape=1.0):
    """Random class models: gamma weights, normalised.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, classes, values : int
        Number of models, of classes, and of values of either view.
    disjoint : bool
        Every value belongs to one class only (at random, at least one value a class): the class can be read off
        either view. Needs ``values >= classes``.
    shape : float > 0
        Of the gamma law; small values make peaked laws.

    Returns
    -------
    ClassModel

    Raises
    ------
    ValueError
        If the supports are to be disjoint and there are fewer values than classes.

    >>> model = random_class_model(np.random.default_rng(0), 4, 3, 7, disjoint=True)
    >>> bool(np.all((model.first > 0).sum(axis=1) == 1))
    True
    """
    if disjoint and values < classes:
        raise ValueError(f"{values} values cannot be shared out among {classes} classes, expected at least one each")
    prior = rng.gamma(shape, size=(count, classes)) + np.finfo(float).tiny
    views = []
    for _ in range(2):
        weights = rng.gamma(shape, size=(count, classes, values)) + np.finfo(float).tiny
        if disjoint:
            owner = np.concatenate([np.arange(classes), rng.integers(classes, size=values - classes)])
            owner = rng.permuted(np.broadcast_to(owner, (count, values)), axis=-1)
            weights = np.where(owner[:, None, :] == np.arange(classes)[:, None], weights, 0.0)
        views.append(weights / weights.sum(axis=-1, keepdims=True))
    return ClassModel(prior / prior.sum(axis=-1, keepdims=True), *views)


def same_class_table(model):
    """Law of (C, X, Y) when both views are drawn independently from the class: ``p(c) p(x|c) p(y|c)``.

    Parameters
    ----------
    model : ClassModel

    Returns
    -------
    ndarray, shape (..., classes, x, y)

    >>> same_class_table(ClassModel(np.array([0.5, 0.5]), np.eye(2), np.eye(2))).tolist()
    [[[0.5, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.5]]]
    """
    return np.einsum("...c,...cx,...cy->...cxy", *model)


def pair_table(model):
    """Law of (X, Y): :func:`same_class_table` with the class summed out, ``sum_c p(c) p(x|c) p(y|c)``.

    Parameters
    ----------
    model : ClassModel

    Returns
    -------
    ndarray, shape (..., x, y)

    >>> pair_table(ClassModel(np.array([0.5, 0.5]), np.eye(2), np.full((2, 2), 0.5))).tolist()
    [[0.25, 0.25], [0.25, 0.25]]
    """
    return np.einsum("...c,...cx,...cy->...xy", *model)


def augmentation_model(views):
    """Augmentation pairing as same-class sampling with one class per image: images equiprobable, views independent.

    Parameters
    ----------
    views : array_like, shape (..., images, values)
        Law of the augmented view of each image.

    Returns
    -------
    ClassModel
        Its classes are the images.

    >>> augmentation_model(np.eye(4)).prior.tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    views = np.asarray(views, float)
    return ClassModel(np.full(views.shape[:-1], 1 / views.shape[-2]), views, views)


def pool_table(sizes, *, prior, include_self):
    """Exact law of a same-class pair from a finite pool: class from the prior, both images uniform in the class.

    Parameters
    ----------
    sizes : sequence of int
        Images of each class; images are numbered class by class.
    prior : array_like, shape (classes,)
    include_self : bool
        True: two independent draws with replacement. False: the partner differs from the anchor.

    Returns
    -------
    ndarray, shape (images, images)

    Raises
    ------
    ValueError
        If there is no other image to draw, or the prior does not have one entry a class.

    >>> pool_table([2], prior=[1.0], include_self=False).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    sizes, prior = np.asarray(sizes), np.asarray(prior, float)
    least = 1 if include_self else 2
    if prior.shape != sizes.shape or np.any(sizes < least):
        raise ValueError(f"sizes are {sizes} and prior {prior}, expected one entry a class and sizes >= {least}")
    labels = np.repeat(np.arange(len(sizes)), sizes)
    allowed = labels[:, None] == labels
    if not include_self:
        allowed &= ~np.eye(len(labels), dtype=bool)
    partners = sizes if include_self else sizes - 1
    return np.where(allowed, (prior / (sizes * partners))[labels][:, None], 0.0)


def coded_pool(codes, labels):
    """Same-class pairs of codes from a finite labelled pool: two images of a class, with replacement, both encoded.

    Rows that are equal are one value, so :func:`pair_table` is the exact law of the pair of codes.

    Parameters
    ----------
    codes : array_like, shape (images, d)
    labels : array_like of int, shape (images,)
        Classes 0..C-1, each present; their frequencies are the prior.

    Returns
    -------
    ClassModel
        Columns of ``first`` and ``second`` (one array) are the distinct codes.

    Raises
    ------
    ValueError
        If there is not one label an image, or a class is empty.

    >>> coded_pool([[0.0], [0.0], [1.0], [2.0]], [0, 0, 1, 1]).first.tolist()
    [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]
    """
    codes, labels = np.asarray(codes), np.asarray(labels)
    sizes = np.bincount(labels)
    if len(codes) != len(labels) or np.any(sizes == 0):
        raise ValueError(f"{len(codes)} codes, classes of {sizes} images: expected one label each and no empty class")
    place = np.unique(codes, axis=0, return_inverse=True)[1].ravel()
    law = np.zeros((len(sizes), place.max() + 1))
    np.add.at(law, (labels, place), 1 / sizes[labels])
    return ClassModel(sizes / sizes.sum(), law, law)


def stream_p_values(cells, law):
    """Does a stream have a law, and are its neighbours independent draws from it? Two chi-square tests.

    Parameters
    ----------
    cells : array_like of int, shape (n,)
        What was drawn, in the order of drawing; codes 0..m-1. Any other code is an impossible draw.
    law : array_like, shape (m,), positive

    Returns
    -------
    marginal, neighbours : float
        p-values of the counts of cells, and of the counts of (cell 2t, cell 2t + 1) against the product law; 0 if
        something impossible was drawn.

    Raises
    ------
    ValueError
        If the law is not positive.

    >>> marginal, neighbours = stream_p_values(np.arange(1000) % 2, [0.5, 0.5])
    >>> marginal > 0.9, neighbours < 1e-6
    (True, True)
    """
    cells, law = np.asarray(cells), np.asarray(law, float)
    if law.ndim != 1 or np.any(law <= 0):
        raise ValueError(f"law is {law}, expected positive probabilities, shape (m,)")
    if cells.min() < 0 or cells.max() >= law.size:
        return 0.0, 0.0
    pairs = cells[: cells.size // 2 * 2].reshape(-1, 2) @ [law.size, 1]
    found = []
    for seen, expected in ((cells, law), (pairs, np.outer(law, law).ravel())):
        counts = np.bincount(seen, minlength=expected.size)
        found.append(float(stats.chisquare(counts, seen.size * expected / expected.sum()).pvalue))
    return tuple(found)


def chi_square_resolution(draws, cells, *, level=1e-6):
    """Total variation that a chi-square test rejects about every other time: ``sqrt((q - df)/n)/2``, q its quantile.

    For a law that is off by the same share everywhere, half of the cells up and half down, the worst case to notice.

    >>> round(chi_square_resolution(100_000, 15), 3)
    0.01
    """
    freedom = cells - 1
    return math.sqrt((stats.chi2.isf(level, freedom) - freedom) / draws) / 2


def sample_table(rng, joint, count):
    """Independent draws from a table of any number of axes.

    Parameters
    ----------
    rng : numpy.random.Generator
    joint : array_like, shape (m_1, ..., m_k), sums to one
    count : int

    Returns
    -------
    tuple of ndarray of int, shape (count,), one for each axis

    >>> [side.tolist() for side in sample_table(np.random.default_rng(0), [[0.0, 1.0]], 2)]
    [[0, 0], [1, 1]]
    """
    joint = np.asarray(joint, float)
    return np.unravel_index(rng.choice(joint.size, size=count, p=joint.ravel()), joint.shape)


def factor_table(law, shared):
    """Exact law of two views that share some factors and draw the others afresh, given the shared ones.

    Parameters
    ----------
    law : array_like, shape (m_1, ..., m_k)
        Joint law of the factors (an outer product if they are independent).
    shared : sequence of int
        Axes of the factors that both views have in common; may be empty.

    Returns
    -------
    ndarray, shape (m_1 ... m_k, m_1 ... m_k)
        Rows and columns are the factor combinations in C order.

    >>> from helpers import information
    >>> float(information.mutual_information(factor_table(np.full((2, 3), 1 / 6), [1])).round(4))
    1.0986
    """
    law, shared = np.asarray(law, float), sorted(shared)
    others = tuple(axis for axis in range(law.ndim) if axis not in shared)
    mass = np.broadcast_to(law.sum(axis=others, keepdims=True), law.shape).ravel()
    places = np.indices(law.shape).reshape(law.ndim, -1)[shared]
    same = np.all(places[:, :, None] == places[:, None, :], axis=0)
    density = np.outer(law.ravel(), np.divide(law.ravel(), mass, out=np.zeros(law.size), where=mass > 0))
    return np.where(same, density, 0.0)


def copy_table(values, keep):
    """A uniform factor that the second view copies with probability ``keep`` and redraws uniformly otherwise.

    A redrawn factor can come out the same: it *changes* with probability ``(1 - keep) (1 - 1/values)`` only.

    Parameters
    ----------
    values : int >= 2
    keep : array_like in [0, 1], shape (...)

    Returns
    -------
    ndarray, shape (..., values, values)

    >>> copy_table(2, 0.5).tolist()
    [[0.375, 0.125], [0.125, 0.375]]
    """
    keep = np.asarray(keep, float)[..., None, None]
    return (keep * np.eye(values) + (1 - keep) / values) / values


def copy_probability(values, nats):
    """The ``keep`` at which :func:`copy_table` has a given mutual information, by a root finder (no grid).

    Parameters
    ----------
    values : int >= 2
    nats : float in [0, log values]

    Returns
    -------
    float in [0, 1]

    Raises
    ------
    ValueError
        If the target exceeds the factor's entropy.

    >>> from helpers import information
    >>> keep = copy_probability(4, 0.5)
    >>> round(float(information.mutual_information(copy_table(4, keep))), 9)
    0.5
    """
    ceiling = math.log(values)
    if not 0 <= nats <= ceiling:
        raise ValueError(f"the target is {nats} nats, expected 0 to log {values} = {ceiling:g}")
    if nats in (0, ceiling):
        return float(nats > 0)

    def surplus(keep):  # log m - H(Y | X), the conditional law being (same, other, ..., other)
        other = (1 - keep) / values
        return ceiling - special.entr(keep + other) - (values - 1) * special.entr(other) - nats

    return float(optimize.brentq(surplus, 0.0, 1.0, xtol=1e-15, rtol=1e-14))


def gaussian_correlation(nats, *, dimension):
    """Correlation of each of ``dimension`` independent coordinate pairs that together carry a given information.

    ``rho = sqrt(1 - exp(-2 I / d))``, the inverse of ``I = -(d / 2) log(1 - rho^2)``.

    >>> round(float(gaussian_correlation(0.5 * np.log(4 / 3), dimension=1)), 12)
    0.5
    """
    return np.sqrt(-np.expm1(-2 * np.asarray(nats, float) / dimension))


def gaussian_pairs(rng, count, *, dimension, correlation):
    """Standard normal views whose coordinates are correlated pair by pair.

    Returns
    -------
    tuple of ndarray, shape (count, dimension)

    >>> gaussian_pairs(np.random.default_rng(0), 5, dimension=2, correlation=0.5)[1].shape
    (5, 2)
    """
    first, fresh = rng.normal(size=(2, count, dimension))
    return first, correlation * first + np.sqrt(1 - correlation**2) * fresh


def gaussian_table(correlation, *, bins, reach=8.0):
    """A bivariate normal on a square grid of midpoints, normalised: a finite law close to the Gaussian one.

    Parameters
    ----------
    correlation : float in (-1, 1)
    bins : int
        A side; bin i is the mirror image of bin ``bins - 1 - i``.
    reach : float
        The grid covers [-reach, reach].

    Returns
    -------
    ndarray, shape (bins, bins)

    >>> table = gaussian_table(0.5, bins=80)
    >>> bool(np.allclose(table, table[::-1, ::-1], rtol=0, atol=1e-15))
    True
    """
    points = (np.arange(bins) + 0.5) / bins * 2 * reach - reach
    places = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1)
    density = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).pdf(places)
    return density / density.sum()


def hash_codes(images, *, dimension, salt=0):
    """A random code of every image that depends on all its bytes and on nothing else: injective, and useless.

    Images that differ in one pixel have independent standard normal codes; equal images have equal codes.

    Parameters
    ----------
    images : ndarray, shape (n, ...)
    dimension : int
    salt : int >= 0
        Another salt is another hash function.

    Returns
    -------
    ndarray, shape (n, dimension), float32

    >>> codes = hash_codes(np.array([[0.0], [1.0], [0.0]]), dimension=4)
    >>> bool(np.all(codes[0] == codes[2]) and np.all(codes[0] != codes[1]))
    True
    """
    seeds = [[salt, *hashlib.sha256(np.ascontiguousarray(image).tobytes()).digest()] for image in images]
    return np.stack([np.random.default_rng(seed).standard_normal(dimension, dtype=np.float32) for seed in seeds])
