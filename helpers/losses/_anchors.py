"""What a softmax loss needs to know about an anchor: log-sums over its positives and over the others.

The positives stay out of the other sum, so that nothing cancels where the others hardly count. Plain torch.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from . import _checks

FORMS = ("out", "in")


class Sums(NamedTuple):
    """Sums over the candidates of every anchor, each of shape (..., n).

    Attributes
    ----------
    others : Tensor
        ``log sum_j w_j exp(l_j)`` over the candidates that are no positives; -inf if there are none.
    positives : Tensor
        ``log sum_p exp(l_p)``; -inf if there are none.
    total : Tensor
        ``sum_p l_p``.
    count : Tensor
        Number of positives, in the dtype of the logits.
    """

    others: Tensor
    positives: Tensor
    total: Tensor
    count: Tensor


def log_sum(logits, dim=-1):
    """Log-sum-exp that is -inf, with gradient zero, where every logit is -inf; torch's has a NaN there.

    >>> log_sum(torch.tensor([[0.0, 0.0], [-torch.inf, -torch.inf]])).exp().tolist()
    [2.0, 0.0]
    """
    largest = logits.detach().amax(dim, keepdim=True)
    empty = largest == -math.inf
    largest = largest.masked_fill(empty, 0.0)
    total = (logits - largest).exp().sum(dim, keepdim=True).masked_fill(empty, 1.0)
    return (total.log() + largest).masked_fill(empty, -math.inf).squeeze(dim)


def weighted(logits, weights):
    """Logits plus the log of constant weights: boolean weights leave pairs out.

    >>> weighted(torch.zeros(1, 2), torch.tensor([[True, False]])).tolist()
    [[0.0, -inf]]
    """
    if weights.dtype == torch.bool:
        return logits.masked_fill(~weights, -math.inf)
    return logits + weights.to(logits.dtype).log()


def sums(logits, positives, weights):
    """:class:`Sums` of logits of shape (..., n, m), given the positives as a boolean matrix and weights or None."""
    others = logits if weights is None else weighted(logits, weights)
    return Sums(
        log_sum(others.masked_fill(positives, -math.inf)),
        log_sum(logits.masked_fill(~positives, -math.inf)),
        logits.masked_fill(~positives, 0.0).sum(-1),
        positives.expand_as(logits).sum(-1, dtype=logits.dtype),
    )


def loss(sums, *, form, positive_in_denominator):
    """Loss of every anchor by its sums, in one of the two forms of Khosla et al. (2020); 0 without a positive.

    "out" is the mean over the positives of ``log D - l_p``, "in" is ``log D`` minus the log of the mean of
    ``exp(l_p)``; D sums the others, and the positives if they count. It is -inf where D is empty: callers refuse that.
    """
    alone, lonely = sums.count == 1, sums.count == 0
    mean = sums.total / sums.count.clamp(min=1)
    positives = sums.positives.masked_fill(lonely, 0.0)
    spread = torch.where(alone, 0.0, positives - mean)  # of one positive it is 0, and must not pass rounding on
    value = sums.others - torch.where(alone, mean, positives)
    if positive_in_denominator:
        value = torch.logaddexp(value, torch.zeros_like(value))
    value = value + (spread if form == "out" else sums.count.clamp(min=1).log())
    return value.masked_fill(lonely, 0.0)


def slopes(sums, *, form, positive_in_denominator):
    """Derivatives of :func:`loss` in the log-sums of the others and of the positives, and in the total."""
    alone, lonely = sums.count == 1, sums.count == 0
    some = (~lonely).to(sums.others.dtype)
    share = some  # of the others in D
    if positive_in_denominator:
        positives = torch.where(alone, sums.total, sums.positives.masked_fill(lonely, 0.0))
        share = torch.sigmoid(sums.others - positives) * some
    of_positives, of_total = some - share, -some / sums.count.clamp(min=1)
    if form == "in":
        of_positives, of_total = -share, torch.zeros_like(share)
    return share, of_positives.masked_fill(alone, 0.0), torch.where(alone, -share, of_total)


def single(others, positive, *, positive_in_denominator):
    """Loss of every anchor with one positive: ``log(1 + exp(others - positive))``, or the difference itself.

    >>> single(torch.zeros(1), torch.zeros(1), positive_in_denominator=False).item()
    0.0
    """
    relative = others - positive
    if positive_in_denominator:
        return torch.logaddexp(relative, torch.zeros_like(relative))
    _checks.require_denominators(others)
    return relative


def require_form(form):
    """Raise ``ValueError`` for a form that Khosla et al. (2020) do not have."""
    if form not in FORMS:
        raise ValueError(f"form is {form!r}, expected one of {', '.join(FORMS)}")
