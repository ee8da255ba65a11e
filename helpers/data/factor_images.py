"""Small images whose factors are known: colour, glyph of a digit and place on a grid, two views sharing some of them.

An image has shape (3, 14, 10): one 7 x 5 digit in one of eight colours in one quarter, black elsewhere, plus noise.
Factors are rows (colour, digit, position) of integers below ``SIZES``; all are independent and uniform.
"""

import numpy as np

SIZES = (8, 10, 4)
NAMES = ("colour", "digit", "position")
SHAPE = (3, 14, 10)

# Rows of each 7 x 5 digit, as binary numbers.
_GLYPHS = (
    (14, 17, 19, 21, 25, 17, 14),
    (4, 12, 4, 4, 4, 4, 14),
    (14, 17, 1, 2, 4, 8, 31),
    (31, 2, 4, 2, 1, 17, 14),
    (2, 6, 10, 18, 31, 2, 2),
    (31, 16, 30, 1, 1, 17, 14),
    (6, 8, 16, 30, 17, 17, 14),
    (31, 1, 2, 4, 8, 8, 8),
    (14, 17, 17, 14, 17, 17, 14),
    (14, 17, 17, 15, 1, 2, 12),
)
_DARK = 0.3  # a colour is bright (1) or dark in each channel; no colour is black


def every_combination():
    """All 320 factor combinations, in C order (the order of ``pair_laws.factor_table``).

    >>> every_combination()[[0, -1]].tolist()
    [[0, 0, 0], [7, 9, 3]]
    """
    return np.indices(SIZES).reshape(len(SIZES), -1).T


def templates(factors):
    """Images without noise.

    Parameters
    ----------
    factors : array_like of int, shape (n, 3)
        Columns colour, digit, position.

    Returns
    -------
    ndarray, shape (n, 3, 14, 10), float32 in [0, 1]

    Raises
    ------
    ValueError
        If a factor is out of range.

    >>> float(templates([[7, 1, 0]])[0, 0, :7, :5].sum())
    10.0
    """
    factors = np.asarray(factors)
    if factors.ndim != 2 or factors.shape[1] != len(SIZES) or np.any((factors < 0) | (factors >= SIZES)):
        raise ValueError(f"factors have shape {factors.shape}, expected (n, 3) with entries below {SIZES}")
    colour, digit, position = factors.T
    tint = np.where((colour[:, None] >> np.arange(3)) & 1, 1.0, _DARK)
    glyph = (np.array(_GLYPHS)[digit][:, :, None] >> np.arange(4, -1, -1)) & 1
    images = np.zeros((len(factors), 3, 2, 7, 2, 5), np.float32)
    images[np.arange(len(factors)), :, position // 2, :, position % 2, :] = tint[:, :, None, None] * glyph[:, None]
    return images.reshape(-1, *SHAPE)


def render(factors, rng, *, noise=0.05):
    """Images with independent normal noise of a given standard deviation in every pixel and channel.

    Parameters
    ----------
    factors : array_like of int, shape (n, 3)
    rng : numpy.random.Generator
    noise : float >= 0

    Returns
    -------
    ndarray, shape (n, 3, 14, 10), float32

    >>> render([[0, 0, 0]], np.random.default_rng(0)).shape
    (1, 3, 14, 10)
    """
    images = templates(factors)
    return images + noise * rng.standard_normal(images.shape, dtype=np.float32)


def decode(images):
    """Factors of the nearest template, by squared distance over all 320 of them.

    Parameters
    ----------
    images : array_like, shape (n, 3, 14, 10)

    Returns
    -------
    ndarray of int, shape (n, 3)

    Raises
    ------
    ValueError
        If the images have another shape.

    >>> decode(templates([[3, 7, 2]])).tolist()
    [[3, 7, 2]]
    """
    images = np.asarray(images)
    if images.shape[1:] != SHAPE:
        raise ValueError(f"images have shape {images.shape}, expected (n, *{SHAPE})")
    combinations = every_combination()
    known = templates(combinations).reshape(len(combinations), -1)
    distance = (known**2).sum(axis=1) - 2 * images.reshape(len(images), -1) @ known.T
    return combinations[distance.argmin(axis=1)]


def two_views(rng, count, shared):
    """Factors of pairs of views that share some factors and draw the others afresh.

    Parameters
    ----------
    rng : numpy.random.Generator
    count : int
    shared : collection of str
        From ``NAMES``; may be empty.

    Returns
    -------
    tuple of ndarray of int, shape (count, 3)

    Raises
    ------
    ValueError
        For an unknown name.

    >>> first, second = two_views(np.random.default_rng(0), 50, {"digit"})
    >>> bool(np.all(first[:, 1] == second[:, 1]))
    True
    """
    if unknown := set(shared) - set(NAMES):
        raise ValueError(f"shared holds {sorted(unknown)}, expected names from {NAMES}")
    first, second = rng.integers(SIZES, size=(2, count, len(SIZES)))
    kept = [name in shared for name in NAMES]
    return first, np.where(kept, first, second)
