"""Retrieval across two sets of features: whether the partner of an item is its nearest neighbour by cosine."""

import numpy as np
import torch
from torch.nn import functional


def retrieved(left, right, *, candidates):
    """For every left item, whether its own right item has the largest cosine in its block of ``candidates`` items.

    Parameters
    ----------
    left, right : ndarray, shape (n, d)
        Equal rows belong together; no row is zero.
    candidates : int
        Items of a block, 2 to n.

    Returns
    -------
    ndarray of bool, shape (n,)
        Items beyond the last full block are left out.

    Raises
    ------
    ValueError
        If there is no full block.

    >>> retrieved(np.eye(4), 3 * np.eye(4), candidates=2).tolist()
    [True, True, True, True]
    """
    if not 1 < candidates <= len(left):
        raise ValueError(f"candidates is {candidates} for {len(left)} items, expected 2 to {len(left)}")
    left, right = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right))
    own, starts = np.arange(candidates), range(0, len(left) - candidates + 1, candidates)
    blocks = [left[k : k + candidates] @ right[k : k + candidates].T for k in starts]
    return np.concatenate([block.argmax(axis=1) == own for block in blocks])


def most_similar(left, right, *, block=2048):
    """For every left item the index of the right item of largest cosine among all, in float32.

    Parameters
    ----------
    left, right : ndarray, shapes (n, d) and (m, d)
    block : int
        Left items at a time; bounds the memory.

    Returns
    -------
    ndarray, shape (n,), int

    >>> most_similar(np.eye(3)[[2, 0]], np.eye(3)).tolist()
    [2, 0]
    """
    left, right = (functional.normalize(torch.from_numpy(side).float(), dim=1) for side in (left, right))
    return torch.cat([(part @ right.mT).argmax(dim=1) for part in left.split(block)]).numpy()
