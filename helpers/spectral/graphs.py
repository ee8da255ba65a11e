"""Weighted directed graphs: transition matrices, the symmetrised Laplacian, components, block models, pair graphs.

Conventions: ``weights[i, j]`` is the weight of the edge from anchor i to candidate j; a *transition* matrix has rows
that sum to one; ``include_self`` says whether an anchor may be its own candidate (diagonal kept) or not (diagonal
set to zero). The Laplacian of a directed graph is that of its symmetrised weights. Arrays are float64 and may have
leading batch dimensions unless a docstring says otherwise.
"""

import numpy as np
from scipy.sparse import csgraph

from . import block_models


def without_diagonal(weights):
    """A copy of square matrices with zeros on the diagonal.

    Parameters
    ----------
    weights : array_like, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n, n), float64
    """
    matrix = _square(weights)
    return np.where(np.eye(matrix.shape[-1], dtype=bool), 0.0, matrix)


def row_stochastic(weights, *, include_self):
    """Divide every row by its sum: ``P = D^-1 pi``.

    Parameters
    ----------
    weights : array_like, shape (..., n, n), non-negative
    include_self : bool
        False: the diagonal is set to zero before the rows are normalised.

    Returns
    -------
    ndarray, shape (..., n, n), float64
        Rows sum to one.

    Raises
    ------
    ValueError
        For a matrix that is not square, a negative or non-finite weight, or a row without any weight.

    >>> row_stochastic([[5.0, 1.0, 1.0], [3.0, 9.0, 1.0], [0.0, 2.0, 7.0]], include_self=False)
    array([[0.  , 0.5 , 0.5 ],
           [0.75, 0.  , 0.25],
           [0.  , 1.  , 0.  ]])
    """
    matrix = _weights(weights) if include_self else without_diagonal(_weights(weights))
    sums = matrix.sum(axis=-1, keepdims=True)
    if np.any(sums == 0):
        row = int(np.argwhere(sums[..., 0] == 0)[0][-1])
        raise ValueError(f"row {row} of weights has no weight (include_self={include_self}), expected a positive sum")
    return matrix / sums


def symmetrised(weights):
    """``S = (W + W^T) / 2``.

    Parameters
    ----------
    weights : array_like, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n, n), float64
    """
    matrix = _square(weights)
    return (matrix + np.swapaxes(matrix, -1, -2)) / 2


def laplacian(weights):
    """Laplacian of the symmetrised graph, ``diag(S 1) - S`` with ``S = (W + W^T) / 2``.

    Satisfies ``sum_ij W_ij |z_i - z_j|^2 = 2 tr(Z^T L Z)`` for every directed W. The diagonal of W cancels.

    Parameters
    ----------
    weights : array_like, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n, n), float64
        Symmetric; positive semidefinite if the weights are non-negative; rows sum to zero.

    >>> laplacian([[0.0, 1.0], [0.0, 0.0]])
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    similarity = symmetrised(weights)
    return _diagonal(similarity.sum(axis=-1)) - similarity


def directed_laplacian(weights):
    """Out-degree Laplacian without symmetrisation, ``diag(W 1) - W``; the neighbouring convention.

    Parameters
    ----------
    weights : array_like, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n, n), float64
        Not symmetric in general, and then not positive semidefinite either.
    """
    matrix = _square(weights)
    return _diagonal(matrix.sum(axis=-1)) - matrix


def random_weights(rng, count, n, *, shape=1.0):
    """Random dense directed graphs: independent gamma weights, asymmetric almost surely.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, n : int
        Number of graphs and of nodes.
    shape : float > 0
        Of the gamma law; small values give rows dominated by a few edges.

    Returns
    -------
    ndarray, shape (count, n, n), float64, positive
    """
    return rng.gamma(shape, size=(count, n, n)) + np.finfo(float).tiny


def random_transition(rng, count, n, include_self, *, shape=1.0):
    """Random transition matrices: each row is a draw from a symmetric Dirichlet law over its candidates.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, n : int
        Number of graphs and of nodes.
    include_self : bool
        False: zero diagonal.
    shape : float > 0
        Concentration of the Dirichlet law; 1 is uniform on the simplex.

    Returns
    -------
    ndarray, shape (count, n, n), float64
        Asymmetric almost surely; rows sum to one.

    >>> random_transition(np.random.default_rng(0), 5, 4, include_self=False).shape
    (5, 4, 4)
    """
    return row_stochastic(random_weights(rng, count, n, shape=shape), include_self=include_self)


def components(weights):
    """Label the weakly connected components of one graph.

    Parameters
    ----------
    weights : array_like, shape (n, n)
        An edge is any entry that is not zero; its direction does not count.

    Returns
    -------
    ndarray, shape (n,), int
        Labels 0, 1, ...; ``components(w).max() + 1`` is the number of components.

    >>> components(np.kron(np.eye(2), np.ones((2, 2)))).tolist()
    [0, 0, 1, 1]
    """
    matrix = _square(weights)
    if matrix.ndim != 2:
        raise ValueError(f"weights has shape {matrix.shape}, expected one matrix (n, n)")
    return csgraph.connected_components(matrix != 0, directed=True, connection="weak")[1].astype(int)


def stochastic_block_model(sizes, p_in, p_out, seed):
    """Dense adjacency matrix and block labels of a stochastic block model; large ones: ``block_models``.

    Parameters
    ----------
    sizes : sequence of int
        Nodes a block.
    p_in, p_out : float in [0, 1]
        Chance of an edge inside a block and between blocks.
    seed : int or numpy.random.Generator

    Returns
    -------
    adjacency : ndarray, shape (n, n), float64, 0 or 1
        Symmetric, zero diagonal.
    labels : ndarray, shape (n,), int

    >>> adjacency, labels = stochastic_block_model([2, 2], 1.0, 0.0, seed=0)
    >>> adjacency.sum(axis=1).tolist(), labels.tolist()
    ([1.0, 1.0, 1.0, 1.0], [0, 0, 1, 1])
    """
    adjacency, labels = block_models.two_level(sizes, p_in, p_out, np.random.default_rng(seed))
    return adjacency.toarray(), labels


def block_weights(sizes, inside, between, *, include_self):
    """Ideal block graph: weight ``inside`` within a block and ``between`` across blocks.

    Parameters
    ----------
    sizes : sequence of int
    inside, between : float >= 0
    include_self : bool
        False: zero diagonal.

    Returns
    -------
    ndarray, shape (n, n), float64, symmetric

    >>> block_weights([1, 2], 3.0, 1.0, include_self=False).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 3.0], [1.0, 3.0, 0.0]]
    """
    labels = np.repeat(np.arange(len(sizes)), sizes)
    weights = np.where(labels[:, None] == labels, float(inside), float(between))
    return _weights(weights) if include_self else without_diagonal(_weights(weights))


def conditionals(joint):
    """Both conditional laws of a joint law of pairs.

    Parameters
    ----------
    joint : array_like, shape (..., a, b), non-negative
        Weight of the pair (object a of the first modality, object b of the second); no row or column is zero.

    Returns
    -------
    first_to_second : ndarray, shape (..., a, b)
        ``p(b | a)``, rows sum to one.
    second_to_first : ndarray, shape (..., b, a)
        ``p(a | b)``, rows sum to one.

    Raises
    ------
    ValueError
        For a negative or non-finite weight, or an object without any pair.
    """
    table = np.asarray(joint, dtype=float)
    if table.ndim < 2 or not np.all(np.isfinite(table)) or np.any(table < 0):
        raise ValueError(f"joint has shape {table.shape}, expected (..., a, b) with finite, non-negative weights")
    rows, columns = table.sum(axis=-1, keepdims=True), table.sum(axis=-2, keepdims=True)
    if np.any(rows == 0) or np.any(columns == 0):
        raise ValueError("joint has an object without any pair, expected every row and column to have weight")
    return table / rows, np.swapaxes(table / columns, -1, -2)


def bipartite(first_to_second, second_to_first):
    """Pair graph of two modalities: the block matrix ``[[0, P_AB], [P_BA, 0]]``.

    Parameters
    ----------
    first_to_second : array_like, shape (..., a, b)
    second_to_first : array_like, shape (..., b, a)

    Returns
    -------
    ndarray, shape (..., a + b, a + b), float64
        Nodes of the first modality come first.

    Raises
    ------
    ValueError
        If the two blocks do not fit each other.

    >>> bipartite(np.ones((1, 2)), np.ones((2, 1))).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """
    forth, back = np.asarray(first_to_second, dtype=float), np.asarray(second_to_first, dtype=float)
    if forth.ndim < 2 or forth.shape != np.swapaxes(back, -1, -2).shape:
        raise ValueError(f"blocks have shapes {forth.shape} and {back.shape}, expected (..., a, b) and (..., b, a)")
    a, b = forth.shape[-2:]
    pair = np.zeros((*forth.shape[:-2], a + b, a + b))
    pair[..., :a, a:], pair[..., a:, :a] = forth, back
    return pair


def random_joint(rng, count, a, b, *, shape=1.0):
    """Random joint laws of pairs: gamma weights, normalised to sum to one.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, a, b : int
        Number of laws and of objects in either modality.
    shape : float > 0
        Of the gamma law.

    Returns
    -------
    ndarray, shape (count, a, b), float64, positive
    """
    table = rng.gamma(shape, size=(count, a, b)) + np.finfo(float).tiny
    return table / table.sum(axis=(-1, -2), keepdims=True)


def entropy(transition):
    """``- sum_ij P_ij log P_ij`` in nats, summed over anchors: the least population InfoNCE any kernel can reach.

    Parameters
    ----------
    transition : array_like, shape (..., n, n)
        Non-negative; zero entries contribute nothing.

    Returns
    -------
    ndarray, shape (...,)

    >>> round(float(np.exp(entropy([[0.5, 0.5], [1.0, 0.0]]))), 12)
    2.0
    """
    matrix = _weights(transition)
    return -np.sum(matrix * np.log(np.where(matrix > 0, matrix, 1.0)), axis=(-2, -1))


def ideal_blocks(count, size, contrast):
    """Transition matrix of equal blocks without self-loops, and the mask of same-block pairs.

    Parameters
    ----------
    count, size : int
        Number of blocks and objects a block.
    contrast : float > 0
        Weight of a same-block pair over that of a cross-block pair.

    Returns
    -------
    transition : ndarray, shape (n, n), n = count * size
    same : ndarray, shape (n, n), bool
        Diagonal included.

    >>> transition, same = ideal_blocks(2, 2, 3.0)
    >>> transition[0].round(12).tolist(), same[0].tolist()
    ([0.0, 0.6, 0.2, 0.2], [True, True, False, False])
    """
    labels = np.repeat(np.arange(count), size)
    weights = block_weights([size] * count, contrast, 1.0, include_self=False)
    return row_stochastic(weights, include_self=False), labels[:, None] == labels


def _square(weights):
    matrix = np.asarray(weights, dtype=float)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"weights has shape {matrix.shape}, expected (..., n, n)")
    return matrix


def _weights(weights):
    matrix = _square(weights)
    if not np.all(np.isfinite(matrix)) or np.any(matrix < 0):
        raise ValueError(f"weights holds the value {_offender(matrix)}, expected finite and non-negative ones")
    return matrix


def _offender(matrix):
    return matrix[~np.isfinite(matrix) | (matrix < 0)].flat[0]


def _diagonal(values):
    return np.eye(values.shape[-1]) * values[..., None, :]
