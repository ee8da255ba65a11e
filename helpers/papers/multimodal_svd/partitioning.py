"""Pair graphs between two modalities: wrong edges, spectral partitioning, and where partitioning stops to work.

Vertices of the first modality are rows, of the second columns; an edge is an observed pair. Everything is NumPy.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import svds

from helpers.spectral import embedding, subspaces


@dataclass(frozen=True)
class Partition:
    """Labels of the vertices of both modalities, shapes (n1,) and (n2,), with a common numbering of the clusters."""

    left: np.ndarray
    right: np.ndarray


def same_class(left, right):
    """Whether two items are of one class: the clean pair graph.

    Parameters
    ----------
    left, right : array_like of labels, shapes (n1,) and (n2,)

    Returns
    -------
    ndarray of bool, shape (n1, n2)
    """
    return np.asarray(left)[:, None] == np.asarray(right)


def noisy_edges(clean, noise, rng):
    """Flip every entry of a pair graph independently: edges are lost and non-edges added (Nakada et al., section 5.1).

    Parameters
    ----------
    clean : ndarray of bool, shape (n1, n2)
    noise : float in [0, 1]
        Probability of a flip, the paper's p'.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, shape (n1, n2)
    """
    if not 0 <= noise <= 1:
        raise ValueError(f"noise is {noise}, expected a probability")
    return np.asarray(clean, bool) ^ (rng.random(np.shape(clean)) < noise)


def wrong_fraction(noise, classes):
    """Expected share of wrong edges among the observed ones, for equal classes: the p_n that p' stands for.

    >>> round(wrong_fraction(0.1, 10), 12)
    0.5
    """
    return noise * (classes - 1) / ((1 - noise) + noise * (classes - 1))


def signal_to_noise(n, classes, noise):
    """Singular value of the class structure in units of the noise: ``(n/k)(1 - 2p') / sqrt(n p'(1 - p'))``.

    The expected pair graph of n + n items in k equal classes has k - 1 singular values (n/k)(1 - 2p') besides the
    constant direction; its n^2 independent entries have variance p'(1 - p').

    Parameters
    ----------
    n, classes : int
        Items a modality, classes.
    noise : float in (0, 1/2)

    Returns
    -------
    float
        The structure is visible in the singular vectors, for large n, iff this exceeds 1.
    """
    return (n / classes) * (1 - 2 * noise) / np.sqrt(n * noise * (1 - noise))


def threshold(n, classes):
    """The noise p'_c at which :func:`signal_to_noise` is 1: ``(1 - 1 / sqrt(1 + 4 n / k^2)) / 2``.

    >>> round(threshold(500, 10), 3)
    0.391
    """
    return float((1 - 1 / np.sqrt(1 + 4 * n / classes**2)) / 2)


def noise_unit(n, classes, noise):
    """What a singular value of size ``sqrt(n p'(1 - p'))`` becomes when divided by the mean degree."""
    return np.sqrt(n * noise * (1 - noise)) / (n * noise + n / classes * (1 - 2 * noise))


def normalised(adjacency):
    """``D1^(-1/2) A D2^(-1/2)`` with the degrees of both sides (Dhillon 2001).

    Parameters
    ----------
    adjacency : array_like, shape (n1, n2), non-negative

    Returns
    -------
    ndarray, shape (n1, n2)
        Largest singular value 1.

    Raises
    ------
    ValueError
        If a vertex has no edge.
    """
    rows, columns = degrees(adjacency)
    return np.asarray(adjacency, float) / np.sqrt(rows[:, None] * columns)


def degrees(adjacency):
    """Degrees of the rows and of the columns, shapes (n1,) and (n2,); refuses vertices without an edge."""
    adjacency = np.asarray(adjacency, float)
    rows, columns = adjacency.sum(1), adjacency.sum(0)
    if min(rows.min(), columns.min()) <= 0:
        raise ValueError(f"{np.sum(rows <= 0)} rows and {np.sum(columns <= 0)} columns have no edge")
    return rows, columns


def coordinates(adjacency, count):
    """Rows of Z: the scaled singular vectors 2 to ``count + 1`` of the normalised graph, of both modalities.

    Parameters
    ----------
    adjacency : array_like, shape (n1, n2)
    count : int
        Number l of vectors; the paper says log2 k, its code k - 1.

    Returns
    -------
    left, right : ndarray, shapes (n1, count) and (n2, count)
        ``D1^(-1/2) U`` and ``D2^(-1/2) V``.
    """
    rows, columns = degrees(adjacency)
    left, _, right = subspaces.truncated_svd(normalised(adjacency), count + 1)
    return left[:, 1:] / np.sqrt(rows)[:, None], right[:, 1:] / np.sqrt(columns)[:, None]


def partition(adjacency, clusters, *, vectors, rng):
    """Bipartite spectral graph multi-partitioning (Dhillon 2001): k-means on the rows of Z.

    Parameters
    ----------
    adjacency : array_like, shape (n1, n2)
    clusters : int
    vectors : int
        See :func:`coordinates`.
    rng : numpy.random.Generator
        Seeds k-means.

    Returns
    -------
    Partition

    >>> graph = same_class([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    >>> graph[0, 0] = True  # one wrong edge
    >>> found = partition(graph, 2, vectors=1, rng=np.random.default_rng(0))
    >>> bool((found.left[:3] == found.right[3:]).all() and (found.left[3:] == found.right[:3]).all())
    True
    """
    left, right = coordinates(adjacency, vectors)
    labels = embedding.cluster(np.concatenate([left, right]), clusters, rng=rng)
    return Partition(labels[: len(left)], labels[len(left) :])


def within(adjacency, found, *, completed=False):
    """The pair graph with the edges between clusters dropped.

    Parameters
    ----------
    adjacency : ndarray of bool, shape (n1, n2)
    found : Partition
    completed : bool
        Also add all pairs inside a cluster, as the released code does.

    Returns
    -------
    ndarray of bool, shape (n1, n2)
    """
    inside = same_class(found.left, found.right)
    return inside if completed else inside & np.asarray(adjacency, bool)


def class_structure(adjacency, labels):
    """What the leading singular triples of a noisy graph know about k classes, without a full decomposition.

    Parameters
    ----------
    adjacency : array_like, shape (n, n2)
        With noise in it: the iteration (ARPACK, fixed start) may miss copies of a repeated singular value.
    labels : array_like, shape (n,)
        Classes of the rows.

    Returns
    -------
    values : ndarray, shape (k - 1,)
        Singular values 2 to k of :func:`normalised`, descending.
    share : float
        :func:`overlap` of their left singular vectors with the classes.
    """
    classes = len(np.unique(labels))
    matrix = normalised(adjacency)
    start = np.random.default_rng(0).standard_normal(min(matrix.shape))
    vectors, values, _ = svds(matrix, classes, v0=start)
    order = np.argsort(-values)[1:]
    return values[order], overlap(vectors[:, order], labels)


def overlap(vectors, labels):
    """Mean squared cosine between orthonormal columns and the space of centred class indicators, within [0, 1]."""
    indicators = subspaces.centre(same_class(labels, np.unique(labels)))
    basis = subspaces.truncated_svd(indicators, len(np.unique(labels)) - 1)[0]
    return float(np.sum((basis.T @ vectors) ** 2) / vectors.shape[1])


def sample_structure(n, classes, noise, rng, *, graphs):
    """Draw noisy class-pair graphs of n + n items and measure what their leading singular triples know.

    Parameters
    ----------
    n, classes : int
    noise : float
    rng : numpy.random.Generator
    graphs : int

    Returns
    -------
    dict of str to ndarray, shape (graphs,)
        ``spike``: mean of the singular values 2 to k, in units of :func:`noise_unit`; ``share``: their overlap with the
        classes, see :func:`class_structure`; ``edges``: number of edges; ``wrong``: share of wrong edges among them.
    """
    labels = np.arange(n) % classes
    clean = same_class(labels, labels)
    rows = []
    for _ in range(graphs):
        graph = noisy_edges(clean, noise, rng)
        values, share = class_structure(graph, labels)
        edges = graph.sum()
        rows.append((values.mean() / noise_unit(n, classes, noise), share, edges, (graph & ~clean).sum() / edges))
    return dict(zip(("spike", "share", "edges", "wrong"), np.transpose(rows), strict=True))
