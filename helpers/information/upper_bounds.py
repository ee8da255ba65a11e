"""Upper bounds of mutual information for a known conditional law: leave one out, and CLUB.

One interface with ``estimators``: a batch holds K independent pairs and ``scores[i, j] = ln p(y_j | x_i)``, the pairs'
own values on the diagonal. A function of y alone may be added to the scores (``ln r`` does as well as ``ln p(y | x)``):
both estimates compare values of one y, summed over a batch. Torch, nats, differentiable.

===============  ==================================================  =======================================
estimate         value of one batch                                  expectation with the exact conditional
===============  ==================================================  =======================================
leave_one_out    mean_i (s_ii - ln mean_{j != i} exp(s_ji))          I - E ln mean of K - 1 ratios r
club             mean_i s_ii - mean_{i != j} s_ij                    I + KL(p(x) p(y) || p(x, y))
===============  ==================================================  =======================================

With another conditional neither need be above I.
"""

import math

import torch
from torch import Tensor

from helpers import validation


def leave_one_out(scores: Tensor) -> Tensor:
    """The marginal of y_i replaced by the mean of its conditionals given the *other* x (Poole et al. 2019).

    Parameters
    ----------
    scores : Tensor, shape (..., K, K), floating
        ``ln p(y_j | x_i)``; K >= 2. Leading dimensions are batches.

    Returns
    -------
    Tensor, shape (...)
        Infinite where all others give a y no chance.

    Raises
    ------
    ValueError
        If the scores are not square, hold a NaN, or K < 2.

    >>> leave_one_out(torch.zeros(3, 3)).item()
    0.0
    """
    count = _pairs(scores)
    itself = torch.eye(count, dtype=torch.bool, device=scores.device)
    others = scores.masked_fill(itself, -torch.inf).logsumexp(-2) - math.log(count - 1)
    return (scores.diagonal(dim1=-2, dim2=-1) - others).mean(-1)


def club(scores: Tensor) -> Tensor:
    """Mean score of the pairs less that of the other K (K - 1) places (Cheng et al. 2020, arXiv 2006.12013).

    Parameters
    ----------
    scores : Tensor, shape (..., K, K), floating
        ``ln p(y_j | x_i)``; K >= 2. Leading dimensions are batches.

    Returns
    -------
    Tensor, shape (...)

    Raises
    ------
    ValueError
        If the scores are not square, hold a NaN, or K < 2.

    >>> club(torch.eye(3)).item()
    1.0
    """
    count = _pairs(scores)
    itself = torch.eye(count, dtype=torch.bool, device=scores.device)
    others = scores.masked_fill(itself, 0.0).sum((-2, -1)) / (count * (count - 1))
    return scores.diagonal(dim1=-2, dim2=-1).mean(-1) - others


def _pairs(scores):
    validation.require_square("scores", scores)
    if scores.shape[-1] < 2:
        raise ValueError(f"scores has shape {tuple(scores.shape)}: one pair has no other")
    return scores.shape[-1]
