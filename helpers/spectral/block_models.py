"""Stochastic block models drawn by their edge counts: the same law as pair by pair, at the cost of the edges alone.

Between two blocks the edges are independent with one chance, so their number is binomial and, given the number, every
set of pairs is equally likely. NumPy, SciPy.
"""

import numpy as np
from scipy import sparse


def sample(sizes, chances, rng):
    """Adjacency matrix of a stochastic block model.

    Parameters
    ----------
    sizes : sequence of int >= 1, length k
        Nodes a block; nodes are numbered block by block.
    chances : array_like, shape (k, k), symmetric, in [0, 1]
        Chance of an edge between a node of one block and a node of another (or the same) block.
    rng : numpy.random.Generator

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n), float64
        Symmetric, entries 0 or 1, no self-loops.

    Raises
    ------
    ValueError
        If a size is not positive, or `chances` has another shape, is not symmetric, or leaves [0, 1].

    >>> sample([2, 3], [[1.0, 0.0], [0.0, 1.0]], np.random.default_rng(0)).sum(axis=1).tolist()
    [1.0, 1.0, 2.0, 2.0, 2.0]
    """
    sizes, chances = np.asarray(sizes), np.asarray(chances, dtype=float)
    _check(sizes, chances)
    sizes = sizes.astype(np.int64)  # products of narrow or unsigned integers would wrap around
    starts = np.concatenate([[0], np.cumsum(sizes)])
    ends = []
    for first in range(len(sizes)):
        for second in range(first, len(sizes)):
            pairs = _draw(_pair_count(sizes, first, second), chances[first, second], rng)
            rows, columns = _nodes(pairs, sizes, first, second)
            ends.append((starts[first] + rows, starts[second] + columns))
    index = np.int32 if starts[-1] < 2**31 else np.int64  # several libraries take 32-bit indices only
    rows, columns = (np.concatenate(side).astype(index) for side in zip(*ends, strict=True))
    both = np.concatenate([rows, columns]), np.concatenate([columns, rows])
    return sparse.csr_array((np.ones(len(both[0])), both), shape=(starts[-1], starts[-1]))


def two_level(sizes, p_in, p_out, rng):
    """Adjacency matrix (sparse) and block labels of the model with one chance inside blocks and one between them.

    >>> adjacency, labels = two_level([2, 2], 1.0, 0.0, np.random.default_rng(0))
    >>> adjacency.sum(axis=1).tolist(), labels.tolist()
    ([1.0, 1.0, 1.0, 1.0], [0, 0, 1, 1])
    """
    chances = np.full((len(sizes), len(sizes)), float(p_out))
    np.fill_diagonal(chances, p_in)
    return sample(sizes, chances, rng), np.repeat(np.arange(len(sizes)), sizes)


def _pair_count(sizes, first, second):
    return (
        int(sizes[first]) * (int(sizes[first]) - 1) // 2 if first == second else int(sizes[first]) * int(sizes[second])
    )


def _draw(pairs, chance, rng):
    """Numbers of the pairs that become edges: a binomial count, then that many without replacement."""
    return rng.choice(pairs, size=rng.binomial(pairs, chance), replace=False, shuffle=False) if pairs else np.arange(0)


def _nodes(pairs, sizes, first, second):
    """Row and column inside their blocks of the pairs with these numbers."""
    if first != second:
        return np.divmod(pairs, sizes[second])
    # Pairs of one block are numbered along the columns of the upper triangle: column c starts at c (c - 1) / 2.
    columns = ((1 + np.sqrt(1 + 8.0 * pairs)) / 2).astype(np.int64)
    columns -= columns * (columns - 1) // 2 > pairs  # the square root may be rounded up ...
    columns += (columns + 1) * columns // 2 <= pairs  # ... or down
    return pairs - columns * (columns - 1) // 2, columns


def _check(sizes, chances):
    if sizes.ndim != 1 or len(sizes) == 0 or not np.issubdtype(sizes.dtype, np.integer) or (sizes < 1).any():
        raise ValueError(f"sizes is {sizes.tolist()}, expected positive integers")
    if chances.shape != (len(sizes), len(sizes)):
        raise ValueError(f"chances has shape {chances.shape} for {len(sizes)} blocks")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError(f"chances range from {chances.min():g} to {chances.max():g}, expected 0 to 1")
    if not (chances == chances.T).all():
        raise ValueError("chances is not symmetric")
