"""Markov random fields over the subgraphs of a weighted graph, by enumeration.

A weighted graph A on n nodes defines a probability law over unweighted directed graphs W, ``P(W; A) = f(W)
prod_ij A_ij^W_ij / R`` with ``R`` the sum of the numerators (Van Assel et al. 2022; Tan et al. 2024, Section 2). The
restriction f is 0 or 1:

``out_degree_one``
    every node has exactly one outgoing edge;
``edge_count``
    the graph has n edges in all;
``None``
    every graph counts.

Everything here lists the graphs one by one. Nothing uses that rows are independent, so that results about rows can be
checked against it. `include_self` False leaves out every graph with a loop.
"""

from functools import lru_cache

import numpy as np
import torch

RESTRICTIONS = ("out_degree_one", "edge_count", None)
LARGEST = 4


@lru_cache(maxsize=16)
def enumerate_graphs(n, *, restriction, include_self):
    """All unweighted directed graphs on n nodes that a restriction admits.

    Parameters
    ----------
    n : int
        Number of nodes, at most 4: all 2^(n n) graphs are looked at.
    restriction : {"out_degree_one", "edge_count", None}
    include_self : bool
        False: graphs with a loop are left out.

    Returns
    -------
    ndarray, shape (graphs, n, n), bool, read-only
        ``n^n`` graphs for ``out_degree_one`` with loops, ``(n-1)^n`` without.

    Raises
    ------
    ValueError
        For more than 4 nodes or an unknown restriction.

    >>> enumerate_graphs(3, restriction="out_degree_one", include_self=False).shape
    (8, 3, 3)
    """
    if not 1 <= n <= LARGEST:
        raise ValueError(f"n is {n}, expected 1 to {LARGEST}: there are 2^(n n) graphs to list")
    if restriction not in RESTRICTIONS:
        raise ValueError(f"restriction is {restriction!r}, expected one of {RESTRICTIONS}")
    codes = np.arange(2 ** (n * n), dtype=np.int64)
    listed = ((codes[:, None] >> np.arange(n * n)) & 1).astype(bool).reshape(-1, n, n)
    admitted = np.ones(len(listed), dtype=bool)
    if restriction == "out_degree_one":
        admitted &= (listed.sum(axis=2) == 1).all(axis=1)
    if restriction == "edge_count":
        admitted &= listed.sum(axis=(1, 2)) == n
    if not include_self:
        admitted &= ~np.diagonal(listed, axis1=1, axis2=2).any(axis=1)
    members = listed[admitted]
    members.flags.writeable = False
    return members


def scores(weights, *, restriction, include_self):
    """Unnormalised probability ``prod_ij A_ij^W_ij`` of every admitted graph, with ``0^0 = 1``.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
    restriction, include_self
        As in :func:`enumerate_graphs`.

    Returns
    -------
    ndarray, shape (..., graphs), float64

    Raises
    ------
    ValueError
        For a matrix that is not square or a weight that is negative or not finite.
    """
    matrix = _weights(weights)
    members = enumerate_graphs(matrix.shape[-1], restriction=restriction, include_self=include_self)
    product = np.ones((*matrix.shape[:-2], len(members)))
    for i in range(matrix.shape[-1]):
        for j in range(matrix.shape[-1]):
            product *= np.where(members[:, i, j], matrix[..., i, j, None], 1.0)
    return product


def partition_function(weights, *, restriction, include_self):
    """``R``, the sum of the scores over all admitted graphs.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
    restriction, include_self
        As in :func:`enumerate_graphs`.

    Returns
    -------
    ndarray, shape (...), float64

    >>> float(partition_function([[1.0, 2.0], [3.0, 4.0]], restriction="out_degree_one", include_self=True))
    21.0
    """
    return scores(weights, restriction=restriction, include_self=include_self).sum(axis=-1)


def law(weights, *, restriction, include_self):
    """Probability ``P(W; A)`` of every admitted graph.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
    restriction, include_self
        As in :func:`enumerate_graphs`.

    Returns
    -------
    ndarray, shape (..., graphs), float64
        In the order of :func:`enumerate_graphs`; sums to one.

    Raises
    ------
    ValueError
        If no admitted graph has a positive score.

    >>> law([[1.0, 3.0], [1.0, 1.0]], restriction="out_degree_one", include_self=True).tolist()
    [0.125, 0.375, 0.125, 0.375]
    """
    unnormalised = scores(weights, restriction=restriction, include_self=include_self)
    total = unnormalised.sum(axis=-1, keepdims=True)
    if np.any(total == 0):
        raise ValueError("weights give every admitted graph the score zero, expected at least one positive score")
    return unnormalised / total


def row_covariance(weights, *, restriction, include_self):
    """Covariance of every edge with every edge of another node, ``E[W_ij W_kl] - E[W_ij] E[W_kl]`` for i != k.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
    restriction, include_self
        As in :func:`enumerate_graphs`.

    Returns
    -------
    ndarray, shape (..., n, n, n, n), float64
        Indices (i, j, k, l); zero for i = k. All zero if the rows of W are independent.

    >>> float(row_covariance(np.ones((2, 2)), restriction="edge_count", include_self=True)[0, 0, 1, 1])
    -0.0833...
    """
    matrix = _weights(weights)
    n = matrix.shape[-1]
    members = enumerate_graphs(n, restriction=restriction, include_self=include_self)
    flat = members.reshape(len(members), n * n).astype(float)
    probability = law(matrix, restriction=restriction, include_self=include_self)
    mean = probability @ flat
    second = (probability[..., None] * flat).swapaxes(-1, -2) @ flat
    covariance = (second - mean[..., :, None] * mean[..., None, :]).reshape(*matrix.shape[:-2], n, n, n, n)
    return np.where(np.eye(n, dtype=bool)[:, None, :, None], 0.0, covariance)


def cross_entropy(weights, log_kernel, *, restriction, include_self):
    """Cross-entropy of two fields, ``-sum_W P(W; A) log P(W; K)``, in nats; differentiable in the kernel.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
        The data graph A.
    log_kernel : Tensor, shape (..., n, n), float64
        Logarithm of the embedding graph K, finite everywhere (its diagonal is not read if `include_self` is False).
    restriction, include_self
        As in :func:`enumerate_graphs`; the same for both fields.

    Returns
    -------
    Tensor, shape (...), float64

    Raises
    ------
    ValueError
        If the two graphs have different numbers of nodes.

    >>> cross_entropy(np.ones((3, 3)), torch.zeros(3, 3), restriction="out_degree_one", include_self=True).item()
    3.2958...
    """
    matrix = _weights(weights)
    n = matrix.shape[-1]
    if log_kernel.shape[-2:] != (n, n):
        raise ValueError(f"log_kernel has shape {tuple(log_kernel.shape)}, expected (..., {n}, {n}) as the weights")
    members = enumerate_graphs(n, restriction=restriction, include_self=include_self)
    chosen = torch.from_numpy(members.reshape(len(members), n * n).astype(float))
    log_scores = log_kernel.to(torch.float64).flatten(-2) @ chosen.T
    log_law = log_scores - torch.logsumexp(log_scores, dim=-1, keepdim=True)
    probability = torch.from_numpy(law(matrix, restriction=restriction, include_self=include_self))
    return -(probability * log_law).sum(dim=-1)


def sample(rng, weights, size, *, include_self, proposals=20_000):
    """Draw graphs from the field in which every node has exactly one outgoing edge, for any number of nodes.

    Rejection: edges are drawn independently with chance ``A_ij / (1 + A_ij)``, which is the field without
    restriction, and the graph is kept if every out-degree is one. Rows of A are first scaled to sum to one, which
    leaves the law of the kept graphs as it is and keeps the acceptance near 0.4^n.

    Parameters
    ----------
    rng : numpy.random.Generator
    weights : array_like, shape (n, n), non-negative
    size : int
        Number of graphs wanted.
    include_self : bool
        False: edges i -> i are never drawn.
    proposals : int
        Graphs proposed at a time.

    Returns
    -------
    ndarray, shape (size, n, n), bool

    Raises
    ------
    ValueError
        If a node has no admitted outgoing edge of positive weight.

    >>> drawn = sample(np.random.default_rng(0), np.ones((3, 3)), 5, include_self=False)
    >>> drawn.sum(axis=2).tolist() == [[1, 1, 1]] * 5
    True
    """
    matrix = np.array(_weights(weights))
    n = matrix.shape[-1]
    if matrix.ndim != 2:
        raise ValueError(f"weights has shape {matrix.shape}, expected one matrix (n, n)")
    if not include_self:
        np.fill_diagonal(matrix, 0.0)
    sums = matrix.sum(axis=1, keepdims=True)
    if np.any(sums == 0):
        raise ValueError(f"node {int(np.argmin(sums))} has no admitted outgoing edge of positive weight")
    matrix /= sums
    chance = matrix / (1 + matrix)
    kept = np.empty((0, n, n), dtype=bool)
    while len(kept) < size:
        drawn = rng.random((proposals, n, n)) < chance
        kept = np.concatenate([kept, drawn[(drawn.sum(axis=2) == 1).all(axis=1)]])
    return kept[:size]


def _weights(weights):
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"weights has shape {matrix.shape}, expected (..., n, n)")
    if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
        raise ValueError("weights holds a negative or non-finite value, expected finite and non-negative ones")
    return matrix
