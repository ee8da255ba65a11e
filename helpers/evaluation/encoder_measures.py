"""Numbers said to measure an encoder without a classifier: alignment, uniformity, tolerance, certified accuracy.

The information that enters a certificate is read by ``critics``. Features are arrays (n, d); all are scaled to unit
length where a measure lives on the sphere.
"""

import numpy as np
from scipy import stats
from scipy.spatial import distance


def alignment(first, second):
    """Mean squared distance of positive pairs on the unit sphere (Wang and Isola 2020, exponent 2); 0 is best.

    Parameters
    ----------
    first, second : array_like, shape (n, d)
        Rows correspond; scaled to unit length here.

    Returns
    -------
    float, from 0 to 4

    Raises
    ------
    ValueError
        If shapes differ or a row is zero.

    >>> alignment([[1.0, 0.0]], [[0.0, 3.0]])
    2.0
    """
    first, second = _unit(first), _unit(second)
    if first.shape != second.shape:
        raise ValueError(f"first has shape {first.shape} and second {second.shape}: pairs correspond")
    return float(((first - second) ** 2).sum(axis=1).mean())


def uniformity(features, *, scale=2.0):
    """``log mean exp(-scale |u - v|^2)`` over distinct rows, on the unit sphere (Wang and Isola 2020); low is uniform.

    Parameters
    ----------
    features : array_like, shape (n, d), n >= 2
    scale : float

    Returns
    -------
    float, at most 0

    >>> uniformity([[1.0, 0.0], [-2.0, 0.0]])
    -8.0
    """
    features = _unit(features)
    if len(features) < 2:
        raise ValueError(f"features has {len(features)} row, expected at least 2")
    return float(np.log(np.mean(np.exp(-scale * distance.pdist(features, "sqeuclidean")))))


def tolerance(features, labels):
    """Mean cosine of two distinct objects of one class (after Wang and Liu 2021, there up to a constant factor).

    Parameters
    ----------
    features : array_like, shape (n, d)
    labels : array_like, shape (n,)

    Returns
    -------
    float, from -1 to 1

    Raises
    ------
    ValueError
        If no class holds two objects.

    >>> tolerance([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]], [0, 0, 1])
    1.0
    """
    features, labels = _unit(features), np.asarray(labels)
    same = (labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool)
    if len(features) != len(labels) or not same.any():
        raise ValueError(f"{len(features)} features, {len(labels)} labels: expected a class with two objects")
    return float((features @ features.T)[same].mean())


def certified_accuracy(nats, classes):
    """Accuracy that same-class information certifies for equiprobable classes: ``exp(I) / C``.

    The Bayes accuracy from Z is at least this if ``nats`` is at most I(Z; Z') of same-class pairs.

    Parameters
    ----------
    nats : array_like
    classes : int >= 1

    Returns
    -------
    ndarray or float

    >>> round(float(certified_accuracy(2.0, 10)), 3)
    0.739
    """
    if classes < 1:
        raise ValueError(f"classes is {classes}, expected at least 1")
    return np.exp(np.asarray(nats, float)) / classes


def rank_correlation(first, second):
    """Kendall's tau-b of two measures over encoders, row by row.

    Parameters
    ----------
    first, second : array_like, shape (rows, encoders)

    Returns
    -------
    ndarray, shape (rows,)

    Raises
    ------
    ValueError
        If shapes differ, or a row is constant: its ranks are undefined.

    >>> rank_correlation([[1.0, 2.0, 3.0]], [[10.0, 30.0, 20.0]]).round(4).tolist()
    [0.3333]
    """
    return _row_by_row(lambda *rows: stats.kendalltau(*rows).statistic, first, second)


def linear_correlation(first, second):
    """Pearson's correlation of two measures over encoders, row by row; as :func:`rank_correlation`.

    >>> linear_correlation([[1.0, 2.0, 3.0]], [[-2.0, -4.0, -6.0]]).round(4).tolist()
    [-1.0]
    """

    def pearson(one, two):
        one, two = one - one.mean(), two - two.mean()
        size = np.sqrt(one @ one * (two @ two))
        return one @ two / size if size else np.nan

    return _row_by_row(pearson, first, second)


def _row_by_row(correlation, first, second):
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(f"shapes are {first.shape} and {second.shape}, expected (rows, encoders) twice")
    found = np.array([correlation(*rows) for rows in zip(first, second, strict=True)])
    if not np.all(np.isfinite(found)):
        raise ValueError(f"{np.count_nonzero(~np.isfinite(found))} of {len(found)} rows are constant: no correlation")
    return found


def _unit(features):
    features = np.asarray(features, float)
    norms = np.linalg.norm(features, axis=-1, keepdims=True)
    if features.ndim != 2 or not np.all(norms > 0):
        raise ValueError(f"features has shape {features.shape} and smallest norm {norms.min(initial=np.inf):g}")
    return features / norms
