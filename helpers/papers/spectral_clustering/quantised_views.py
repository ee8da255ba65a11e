"""A finite pair graph from real images: views are rounded to codewords, positive pairs are counted between them.

The population of contrastive learning is a graph on *views*. Real views are too many to enumerate, but after vector
quantisation their pair graph is finite, connected and known up to counting error, and every exact statement about
graphs can be looked at on real data.
"""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csgraph
from sklearn.cluster import KMeans

from helpers import evaluation
from helpers.spectral import embedding, graphs, subspaces

from . import population_minimisers


@dataclass(frozen=True)
class CodewordGraph:
    """Positive pairs counted between codewords.

    Attributes
    ----------
    weights : ndarray, shape (n, n), float64
        Symmetric, zero diagonal: half the number of counted pairs between codewords i and j, in either order.
    labels : ndarray, shape (n,), int64
        Most frequent image label among the views of each codeword.
    purity : float
        Fraction of views whose label is their codeword's.
    diagonal_share : float
        Fraction of pairs whose two views fell on one codeword; they were dropped.
    density : float
        Fraction of off-diagonal entries that are not zero.
    centres : ndarray, shape (n, pixels)
        The codewords themselves, as flattened images.
    """

    weights: np.ndarray
    labels: np.ndarray
    purity: float
    diagonal_share: float
    density: float
    centres: np.ndarray


def codeword_graph(images, labels, augment, *, codes, pairs, rng, components=None):
    """Quantise augmented views with k-means and count positive pairs.

    Codewords are fitted on 30 views a codeword (of random images), pairs are drawn afresh: two views of one
    image make a pair, every image gets equally many, rounded up.

    Parameters
    ----------
    images : ndarray, shape (n, height, width), float32
    labels : ndarray, shape (n,), int
        Used only to name the codewords, never to build the graph.
    augment : callable
        Maps ``(images, generator)`` to views, see ``augmentations.compose``.
    codes : int
        Number of codewords; those no pair falls on, and those outside the largest component, are dropped.
    pairs : int
        Number of positive pairs to count (rounded up to a multiple of the number of images).
    rng : numpy.random.Generator
    components : int, optional
        Project views on this many principal components of the fitted views before quantising.

    Returns
    -------
    CodewordGraph
        Connected.

    Raises
    ------
    ValueError
        If a size is out of range, the labels do not fit, or no pair connects two codewords.
    """
    if not 2 <= codes <= len(images) or pairs < 1:
        raise ValueError(
            f"codes is {codes} and pairs {pairs}: expected 2 to {len(images)} codes (images) and pairs >= 1"
        )
    if len(labels) != len(images):
        raise ValueError(f"{len(labels)} labels for {len(images)} images")
    batch = torch.as_tensor(images)
    generator = torch.Generator().manual_seed(int(rng.integers(2**62)))

    def view():
        return augment(batch, generator).flatten(1).double().numpy()

    fitted = np.concatenate([view() for _ in range(-(-30 * codes // len(images)))])
    fitted = fitted[rng.permutation(len(fitted))[: 30 * codes]]
    mean, axes = _principal_axes(fitted, components)
    quantiser = KMeans(codes, n_init=1, random_state=int(rng.integers(2**31)))
    quantiser.fit((fitted - mean) @ axes)

    counts = np.zeros((codes, codes))
    votes = np.zeros((codes, int(labels.max()) + 1))
    for _ in range(-(-pairs // len(images))):
        first, second = (quantiser.predict((view() - mean) @ axes) for _ in range(2))
        np.add.at(counts, (first, second), 1)
        for codewords in (first, second):
            np.add.at(votes, (codewords, labels), 1)

    symmetric = (counts + counts.T) / 2
    diagonal_share = float(np.trace(counts) / counts.sum())
    np.fill_diagonal(symmetric, 0)
    names = csgraph.connected_components(symmetric, directed=False)[1]
    kept = names == np.bincount(names).argmax()
    symmetric, votes = symmetric[np.ix_(kept, kept)], votes[kept]
    size = len(symmetric)
    if size < 2:
        raise ValueError(f"no pair connects two codewords (diagonal share {diagonal_share:g}): augment more strongly")
    return CodewordGraph(
        symmetric,
        votes.argmax(1),
        float(votes.max(1).sum() / votes.sum()),
        diagonal_share,
        float(np.count_nonzero(symmetric) / (size * (size - 1))),
        quantiser.cluster_centers_[kept] @ axes.T + mean,
    )


@dataclass(frozen=True)
class Comparison:
    """One embedding of a codeword graph beside the graph's own eigenvectors.

    Attributes
    ----------
    labels : evaluation.Score
        Adjusted Rand index of k-means on the embedding against the codewords' labels.
    spectral : evaluation.Score
        The same against spectral clustering of the graph.
    angles : ndarray, shape (dimension,)
        Principal angles, in degrees and ascending, between the embedding's principal axes and as many eigenvectors
        v_2, v_3, ... of the Laplacian.
    rank : float
        Effective rank of the embedding.
    """

    labels: evaluation.Score
    spectral: evaluation.Score
    angles: np.ndarray
    rank: float


def compare_with_spectral(graph, partition, *, geometry, dimension, temperature, rng, restarts=2):
    """Minimise population InfoNCE on a codeword graph and set the minimiser beside the Laplacian's eigenvectors.

    Anchors are not in their own denominator. Clusters are as many as there are different labels.

    Parameters
    ----------
    graph : CodewordGraph
    partition : ndarray, shape (n,), int
        Spectral clustering of the graph, see ``embedding.spectral_clustering``.
    geometry, dimension, temperature, restarts
        See ``population_minimisers.minimise``.
    rng : numpy.random.Generator

    Returns
    -------
    Comparison
    """
    transition = graphs.row_stochastic(graph.weights, include_self=False)
    count = len(np.unique(graph.labels))
    found = population_minimisers.minimise(
        transition,
        dimension=dimension,
        temperature=temperature,
        geometry=geometry,
        include_self=False,
        restarts=restarts,
        rng=rng,
        tolerance=1e-6,
    ).features
    vectors = embedding.laplacian_eigenvectors(graphs.laplacian(transition), dimension)[1]
    clusters = embedding.cluster(found, count, rng=rng)
    return Comparison(
        evaluation.agreement(clusters, graph.labels),
        evaluation.agreement(clusters, partition),
        np.degrees(subspaces.principal_angles(subspaces.leading_subspace(found, dimension), vectors)),
        float(subspaces.effective_rank(subspaces.variances(found))),
    )


def _principal_axes(views, components):
    """Mean and orthonormal axes (pixels, components) of a set of views; no projection if ``components`` is None."""
    if components is None:
        return np.zeros(views.shape[1]), np.eye(views.shape[1])
    if not 1 <= components <= views.shape[1]:
        raise ValueError(f"components is {components}, expected 1 to {views.shape[1]}")
    mean = views.mean(axis=0)
    spread = (views - mean).T @ (views - mean)
    return mean, np.ascontiguousarray(np.linalg.eigh(spread)[1][:, : -components - 1 : -1])
