"""Views and encoders of a finite world as partitions of its states: all of them, and what they determine.

An encoder of n states with at most k codes is, up to the names of the codes, a partition of the states into at most k
blocks. For a handful of states all of them can be listed, so that "the best view" needs no search.
"""

import numpy as np

MOST_STATES = 10  # 115,975 partitions


def partitions(states, *, blocks=None):
    """Every partition of a set, each once.

    Parameters
    ----------
    states : int
        Size of the set, from 1 to 10.
    blocks : int, optional
        Largest number of blocks; any number by default.

    Returns
    -------
    ndarray, shape (count, states), int
        Row by row the code of each state. Codes appear in the order 0, 1, ... (restricted growth strings), so that a
        renaming of the codes is not a second partition. Without ``blocks`` the count is the Bell number.

    Raises
    ------
    ValueError
        If there are too many states or no block.

    >>> partitions(3).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]]
    >>> len(partitions(9, blocks=3))
    3281
    """
    blocks = states if blocks is None else blocks
    if not 1 <= states <= MOST_STATES or blocks < 1:
        raise ValueError(f"states is {states} and blocks {blocks}, expected 1 to {MOST_STATES} and at least 1")
    codes = np.zeros((1, 1), dtype=int)
    for _ in range(states - 1):
        choices = np.minimum(codes.max(axis=1) + 2, blocks)
        following = np.arange(choices.sum()) - np.repeat(np.cumsum(choices) - choices, choices)
        codes = np.column_stack([np.repeat(codes, choices, axis=0), following])
    return codes


def indicator(codes, *, width):
    """The deterministic channel of an encoder: entry (x, z) is 1 if state x has code z.

    Parameters
    ----------
    codes : array_like of int, shape (..., states), from 0 to ``width - 1``
    width : int
        Number of codes.

    Returns
    -------
    ndarray, shape (..., states, width), float64

    Raises
    ------
    ValueError
        If a code lies outside the range.

    >>> indicator([0, 1, 0], width=2).tolist()
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    """
    codes = np.asarray(codes)
    if codes.min() < 0 or codes.max() >= width:
        raise ValueError(f"codes run from {codes.min()} to {codes.max()}, expected 0 to {width - 1}")
    return (codes[..., None] == np.arange(width)).astype(float)


def minimal_sufficient(joint, *, tolerance=1e-9):
    """Codes of the minimal sufficient statistic of X for Y: states with the same law of Y get the same code.

    Parameters
    ----------
    joint : array_like, shape (n, m)
        Law of (X, Y); every state of X has positive probability.
    tolerance : float
        Two conditional laws count as the same if no entry differs by more. Rounding is smaller by orders, and laws
        that differ by less are not meant to be told apart.

    Returns
    -------
    ndarray, shape (n,), int
        Codes in the order of their first state.

    Raises
    ------
    ValueError
        If a state of X has no probability: its conditional law is undefined.

    >>> minimal_sufficient([[0.2, 0.1], [0.1, 0.2], [0.2, 0.1], [0.05, 0.05]]).tolist()
    [0, 1, 0, 2]
    """
    joint = np.asarray(joint, dtype=float)
    if joint.ndim != 2 or not np.all(joint.sum(axis=1) > 0):
        raise ValueError(f"joint has shape {joint.shape}, expected (n, m) with a positive sum in each row")
    conditional = joint / joint.sum(axis=1, keepdims=True)
    same = np.abs(conditional[:, None] - conditional).max(axis=-1) <= tolerance
    return np.unique(same.argmax(axis=1), return_inverse=True)[1]


def random_task(rng, *, kind, states=6, labels=5):
    """Law of (x, T): a random prior on the states and a random task that sees them through a random partition.

    Parameters
    ----------
    rng : numpy.random.Generator
    kind : {"function", "readable", "noisy"}
        "function": T is the block of x. "readable": T is drawn at random, but the laws of different blocks have
        disjoint supports, so that T tells the block. "noisy": the laws of the blocks overlap.
    states, labels : int
        ``labels`` is at least 4.

    Returns
    -------
    ndarray, shape (states, labels)

    Raises
    ------
    ValueError
        For another kind, or too few labels.
    """
    if kind not in ("function", "readable", "noisy") or labels < 4:
        raise ValueError(f"kind is {kind!r} and labels {labels}, expected function, readable or noisy and at least 4")
    prior = rng.dirichlet(np.full(states, 3.0))
    blocks = labels if kind != "readable" else labels // 2
    block = rng.permutation(np.append(np.arange(2), rng.integers(0, blocks, states - 2)))  # never a single block
    if kind == "function":
        return prior[:, None] * indicator(block, width=labels)
    laws = rng.dirichlet(np.ones(labels), size=blocks)
    if kind == "readable":
        laws = laws * (np.arange(labels) // 2 == np.arange(blocks)[:, None])
        laws /= laws.sum(axis=1, keepdims=True)
    return prior[:, None] * laws[block]


def sheet(squares, *, columns):
    """Many small squares of codes laid out side by side on one sheet, for a picture.

    Parameters
    ----------
    squares : array_like of int, shape (count, side, side)
    columns : int
        Squares in a row of the sheet.

    Returns
    -------
    image : ndarray of float
        The codes; NaN in the gaps of one pixel around every square.
    corners : ndarray of int, shape (count, 2)
        Row and column of each square's first pixel.

    Raises
    ------
    ValueError
        If there is nothing to lay out or no column.

    >>> image, corners = sheet(np.zeros((3, 2, 2), int), columns=2)
    >>> image.shape, corners.tolist()
    ((7, 7), [[1, 1], [1, 4], [4, 1]])
    """
    squares = np.asarray(squares)
    if squares.ndim != 3 or 0 in squares.shape or columns < 1:
        raise ValueError(f"squares has shape {squares.shape} and columns is {columns}, expected (count, side, side)")
    count, side = len(squares), squares.shape[1]
    rows = -(-count // columns)
    image = np.full((rows * (side + 1) + 1, columns * (side + 1) + 1), np.nan)
    corners = np.stack(np.divmod(np.arange(count), columns), axis=1) * (side + 1) + 1
    for square, (row, column) in zip(squares, corners, strict=True):
        image[row : row + side, column : column + side] = square
    return image, corners
