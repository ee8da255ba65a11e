"""Contrastive losses in the population: the positive of an object is drawn by a law, every object is a candidate.

The batch forms of the same losses, and the conventions, are in :mod:`helpers.losses`.
"""

import math

import torch
from torch import Tensor

from . import _checks


def infonce(transition: Tensor, log_kernel: Tensor, *, include_self: bool) -> Tensor:
    """Population InfoNCE of every object, positives drawn by a transition matrix, all objects in the denominator.

    Its sum over anchors is the cross-entropy H of Tan et al. (2024): the law of the subgraphs of the pair graph
    against the law of those of the Gram matrix.

    Parameters
    ----------
    transition : Tensor, shape (..., n, n), floating
        Row-stochastic; entry (i, j) is the chance that j is drawn as the positive of i.
    log_kernel : Tensor, shape (..., n, n), floating
        ``log k(z_i, z_j)``; -inf (never a candidate) is allowed where the transition is zero.
    include_self : bool
        Whether object i is a candidate of its own denominator. If False, `transition` must have a zero diagonal.

    Returns
    -------
    Tensor, shape (..., n)
        ``- sum_j P_ij log Q_ij`` in nats, with Q the row-normalised kernel; terms with P_ij = 0 are skipped.

    Raises
    ------
    ValueError
        If a shape does not fit, a row of `transition` is no probability vector, a NaN comes in, or the two
        sides use different diagonals.

    >>> uniform = (torch.ones(3, 3) - torch.eye(3)) / 2
    >>> round(infonce(uniform, torch.zeros(3, 3), include_self=False)[0].exp().item(), 4)
    2.0
    """
    _checks.require_square("transition", transition)
    _checks.require_square("log_kernel", log_kernel)
    n = log_kernel.shape[-1]
    if transition.shape[-1] != n:
        raise ValueError(f"transition has shape {tuple(transition.shape)}, log_kernel {tuple(log_kernel.shape)}")
    _checks.require_stochastic("transition", transition)
    if not include_self:
        _checks.require_candidates(n, 1)
        if _checks.any_true(transition.diagonal(dim1=-2, dim2=-1) > 0):
            raise ValueError("transition has a positive diagonal entry, but include_self is False")
        log_kernel = log_kernel.masked_fill(torch.eye(n, dtype=torch.bool, device=log_kernel.device), -math.inf)
    log_chance = log_kernel - log_kernel.logsumexp(-1, keepdim=True)
    return -torch.where(transition > 0, transition * log_chance, 0.0).sum(-1)


def clip(first_to_second: Tensor, second_to_first: Tensor, scores: Tensor) -> Tensor:
    """Population form of CLIP's symmetric loss, object by object: the cross-entropy H on a bipartite pair graph.

    Parameters
    ----------
    first_to_second : Tensor, shape (..., n, m), floating
        ``p(b | a)``, rows sum to one.
    second_to_first : Tensor, shape (..., m, n), floating
        ``p(a | b)``, rows sum to one.
    scores : Tensor, shape (..., n, m), floating
        ``log k(z_a, z_b)``; its temperature is inside.

    Returns
    -------
    Tensor, shape (..., n + m)
        ``- sum_b p(b|a) log Q(b|a)`` for the n objects of the first modality, then the same for the m of the second.

    Raises
    ------
    ValueError
        If a shape does not fit, a row is no probability vector, or a NaN comes in.

    >>> clip(torch.eye(2), torch.eye(2), torch.zeros(2, 2)).exp().tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    shapes = [tuple(x.shape) for x in (first_to_second, second_to_first, scores)]
    if scores.ndim < 2 or shapes[0][-2:] != shapes[2][-2:] or shapes[1][-2:] != shapes[2][:-3:-1]:
        raise ValueError(f"got shapes {shapes}, expected (..., n, m), (..., m, n) and (..., n, m)")
    _checks.require_numbers("scores", scores)
    _checks.require_stochastic("first_to_second", first_to_second)
    _checks.require_stochastic("second_to_first", second_to_first)
    forth = -(first_to_second * scores.log_softmax(-1)).sum(-1)
    back = -(second_to_first * scores.transpose(-2, -1).log_softmax(-1)).sum(-1)
    return torch.cat([forth, back], dim=-1)


def spectral_contrastive(joint: Tensor, scores: Tensor) -> Tensor:
    """Population form of the spectral contrastive loss (HaoChen et al. 2021), a scalar for each problem.

    Parameters
    ----------
    joint : Tensor, shape (..., n, m), floating
        Joint law of positive pairs, summing to one; rectangular for two modalities.
    scores : Tensor, shape (..., n, m), floating
        Inner products f(x).g(x') of the features.

    Returns
    -------
    Tensor, shape (...)
        ``-2 sum p_ij s_ij + sum p_i p_j s_ij^2`` with the marginals of `joint`.

    >>> round(spectral_contrastive(torch.eye(2) / 2, 2 * torch.eye(2)).item(), 4)
    -2.0
    """
    if joint.shape[-2:] != scores.shape[-2:] or joint.ndim < 2:
        raise ValueError(f"joint has shape {tuple(joint.shape)}, scores {tuple(scores.shape)}; expected (..., n, m)")
    _checks.require_numbers("scores", scores)
    product = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    return (product * scores.square() - 2 * joint * scores).sum((-2, -1))
