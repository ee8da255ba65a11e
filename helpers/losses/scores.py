"""Contrastive losses from scores: a vector over anchors, in nats.

Convention of the package: anchors are rows, candidates are columns. What a denominator holds is said by the caller:
``positive_in_denominator`` (van den Oord et al. 2018 count the positive; the decoupled form of Yeh et al. 2022 does
not) and, where anchors and candidates are the same objects, ``include_self``. Neither has a default.

A score is a log-kernel or a similarity; ``temperature`` divides it, and a tensor of temperatures belongs to the
anchors. A kernel whose log already holds its temperature enters with ``temperature=1``: that is Kernel-InfoNCE (Tan et
al. 2024).

Plain torch, batch dimensions first, differentiable twice, usable inside ``torch.func``; half precision is summed, and
comes out, in float32. A score of -inf leaves the pair out. The same losses from features, in time and memory that a
batch of 65,536 pairs allows, are in :mod:`.features`, those of a population in :mod:`.population_losses`.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from . import _anchors, _checks, _precision
from ._checks import Number


def infonce_from_scores(scores: Tensor, *, temperature: Number, positive_in_denominator: bool) -> Tensor:
    """InfoNCE of every anchor; one direction only.

    Parameters
    ----------
    scores : Tensor, shape (..., n, n), floating
        Entry (i, j) compares anchor i with candidate j; positives on the diagonal.
    temperature : float or Tensor, > 0
        Divides every score, positives included; a tensor broadcasts over anchors, (..., n).
    positive_in_denominator : bool
        True: van den Oord et al. (2018), eq. (4). False: the decoupled form, which can be negative.

    Returns
    -------
    Tensor, shape (..., n)
        ``logsumexp_j(s_ij / t) - s_ii / t`` in nats; ``log n`` if all scores are equal and the positive counts.

    Raises
    ------
    ValueError
        If `scores` is empty, not square or holds a NaN or +inf, `temperature` is not positive, or nothing is left in
        the denominator of an anchor (named), be it that all its scores are -inf.
    TypeError
        If `scores` is no tensor.

    >>> round(infonce_from_scores(torch.zeros(8, 8), temperature=1.0, positive_in_denominator=True)[0].item(), 4)
    2.0794
    """
    _checks.require_square("scores", scores)
    _checks.require_positive("temperature", temperature)
    logits = _precision.full(scores) / _per_anchor(temperature)
    positive = logits.diagonal(dim1=-2, dim2=-1)
    if not positive_in_denominator:
        _checks.require_candidates(scores.shape[-1], 1)
        logits = _without(logits, torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device))
    return _log_denominators(logits) - positive


def ntxent_from_scores(
    scores: Tensor, *, temperature: Number, positive_in_denominator: bool, include_self: bool
) -> Tensor:
    """NT-Xent over 2B views: view i and view i + B (modulo 2B) come from the same object.

    Parameters
    ----------
    scores : Tensor, shape (..., 2B, 2B), floating
        Entry (i, j) compares view i with view j; the B first views come first, then the B second views.
    temperature : float or Tensor, > 0
    positive_in_denominator : bool
    include_self : bool
        Whether the anchor is a candidate of its own denominator. False: Chen et al. (2020), eq. (1).

    Returns
    -------
    Tensor, shape (..., 2B)
        In nats; its mean is the loss of Chen et al. (2020).

    Raises
    ------
    ValueError
        As :func:`infonce_from_scores`, or if the number of views is odd.

    >>> loss = ntxent_from_scores(torch.zeros(6, 6), temperature=1.0, positive_in_denominator=True, include_self=False)
    >>> round(loss.mean().exp().item(), 4)
    5.0
    """
    _checks.require_square("scores", scores)
    _checks.require_positive("temperature", temperature)
    views = scores.shape[-1]
    _checks.require_views(scores)
    same = torch.eye(views, dtype=torch.bool, device=scores.device)
    partner = same.roll(views // 2, dims=1)
    _checks.require_candidates(views, (not positive_in_denominator) + (not include_self))
    logits = _precision.full(scores) / _per_anchor(temperature)
    positive = logits.diagonal(views // 2, dim1=-2, dim2=-1), logits.diagonal(-(views // 2), dim1=-2, dim2=-1)
    if not include_self:
        logits = _without(logits, same)
    if not positive_in_denominator:
        logits = _without(logits, partner)
    return _log_denominators(logits) - torch.cat(positive, dim=-1)


def clip_from_scores(scores: Tensor, *, temperature: Number, positive_in_denominator: bool) -> Tensor:
    """The symmetric two-direction loss of CLIP (Radford et al. 2021): rows as anchors, then columns as anchors.

    Parameters
    ----------
    scores : Tensor, shape (..., n, n), floating
        Entry (a, b) compares object a of the first modality with object b of the second; pairs on the diagonal.
    temperature : float or Tensor, > 0
    positive_in_denominator : bool

    Returns
    -------
    Tensor, shape (..., 2n)
        First the n anchors of the first modality, then the n of the second; its mean is CLIP's loss.

    Raises
    ------
    ValueError
        As :func:`infonce_from_scores`.

    >>> clip_from_scores(torch.zeros(4, 4), temperature=1.0, positive_in_denominator=True).shape
    torch.Size([8])
    """
    _checks.require_square("scores", scores)
    options = {"temperature": temperature, "positive_in_denominator": positive_in_denominator}
    return torch.cat([infonce_from_scores(s, **options) for s in (scores, scores.transpose(-2, -1))], dim=-1)


def bank_infonce_from_scores(
    positive: Tensor, negatives: Tensor, *, temperature: Number, positive_in_denominator: bool
) -> Tensor:
    """InfoNCE of anchors that have a positive each and their own row of negatives (a memory bank).

    Parameters
    ----------
    positive : Tensor, shape (..., n), floating
        Score of each anchor's positive.
    negatives : Tensor, shape (..., n, m), floating
    temperature : float or Tensor, > 0
    positive_in_denominator : bool
        True: He et al. (2020), eq. (1). False: only the bank, which can be negative.

    Returns
    -------
    Tensor, shape (..., n)
        In nats.

    Raises
    ------
    ValueError
        If a shape does not fit, there is no negative, a NaN comes in, or `temperature` is not positive.

    >>> equal = torch.zeros(2), torch.zeros(2, 7)
    >>> round(bank_infonce_from_scores(*equal, temperature=1.0, positive_in_denominator=True)[0].exp().item(), 4)
    8.0
    """
    _checks.require_tensors(positive=positive, negatives=negatives)
    if negatives.ndim < 2 or negatives.shape[:-1] != positive.shape or 0 in negatives.shape:
        raise ValueError(
            f"positive has shape {tuple(positive.shape)} and negatives {tuple(negatives.shape)}, "
            "expected (..., n) and (..., n, m) with n, m >= 1"
        )
    _checks.require_numbers("positive", positive)
    _checks.require_numbers("negatives", negatives)
    _checks.require_positive("temperature", temperature)
    candidates = torch.cat([positive[..., None], negatives], dim=-1) if positive_in_denominator else negatives
    log_denominators = _log_denominators(_precision.full(candidates) / _per_anchor(temperature))
    return log_denominators - _precision.full(positive) / temperature


def mixture_from_scores(
    scores: Tensor, weights: Sequence[float] | Tensor, *, temperature: Number, positive_in_denominator: bool
) -> Tensor:
    """Weighted sum of InfoNCE losses, one a kernel: ``sum_m w_m InfoNCE(scores[m])``.

    Not the loss of the summed kernel: for that, take ``kernels.log_sum`` of the log-kernels and one InfoNCE.

    Parameters
    ----------
    scores : Tensor, shape (m, ..., n, n), floating
    weights : sequence of float, length m
    temperature, positive_in_denominator
        As in :func:`infonce_from_scores`; the same for every kernel.

    Returns
    -------
    Tensor, shape (..., n)

    Raises
    ------
    ValueError
        If there are not as many weights as kernels.

    >>> two = torch.zeros(2, 4, 4)
    >>> mixed = mixture_from_scores(two, [0.3, 0.7], temperature=1.0, positive_in_denominator=True)
    >>> round(mixed[0].exp().item(), 4)
    4.0
    """
    _checks.require_tensors(scores=scores)
    weights = torch.as_tensor(weights, dtype=_precision.summed(scores.dtype), device=scores.device)
    if scores.ndim < 3 or weights.shape != scores.shape[:1]:
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} and weights {tuple(weights.shape)}, "
            "expected (m, ..., n, n) and (m,)"
        )
    each = infonce_from_scores(scores, temperature=temperature, positive_in_denominator=positive_in_denominator)
    return (weights.reshape(-1, *(1,) * (each.ndim - 1)) * each).sum(0)


def supcon_from_scores(
    scores: Tensor,
    positives: Tensor,
    *,
    form: str,
    temperature: Number,
    positive_in_denominator: bool,
    weights: Tensor | None = None,
) -> Tensor:
    """InfoNCE with any number of positives an anchor (Khosla et al. 2020) and a weight for every other pair.

    Parameters
    ----------
    scores : Tensor, shape (..., n, m), floating
        Entry (i, j) compares anchor i with candidate j.
    positives : Tensor, shape (n, m), bool
        Which candidates are positives of an anchor. A pair that is not even a candidate (the anchor itself, say) is no
        positive and has weight 0.
    form : {"out", "in"}
        Khosla et al. (2020), eq. (2): mean over the positives of ``log D - s / t``, or eq. (3): ``log D`` minus the
        log of the mean of ``exp(s / t)``. With one positive they are the same.
    temperature : float or Tensor, > 0
        As in :func:`infonce_from_scores`.
    positive_in_denominator : bool
        Whether D counts the positives, all of them, besides the others.
    weights : Tensor, shape (n, m), bool or floating >= 0, optional
        Multiply the others in D; 0 leaves a pair out. The positives weigh 1.

    Returns
    -------
    Tensor, shape (..., n)
        In nats; 0 for an anchor without a positive.

    Raises
    ------
    ValueError
        If a shape or dtype does not fit, `form` is another word, or D is empty for an anchor with a positive.

    >>> pairs = torch.tensor([[True, True, False], [False, True, False]])
    >>> options = {"form": "out", "temperature": 1.0, "positive_in_denominator": True}
    >>> [round(value, 4) for value in supcon_from_scores(torch.zeros(2, 3), pairs, **options).exp().tolist()]
    [3.0, 3.0]
    """
    _anchors.require_form(form)
    _check_pairs(scores, positives)
    _checks.require_positive("temperature", temperature)
    if weights is not None:
        weights = _checks.require_weights("weights", weights, scores.shape[-2:])
    logits = _precision.full(scores) / _per_anchor(temperature)
    sums = _anchors.sums(logits, positives, weights)
    if not positive_in_denominator:
        _checks.require_denominators(sums.others.masked_fill(sums.count == 0, 0.0))
    return _anchors.loss(sums, form=form, positive_in_denominator=positive_in_denominator)


def siglip_from_scores(
    scores: Tensor, positives: Tensor, *, scale: Number, bias: Number, weights: Tensor | None = None
) -> Tensor:
    """The sigmoid loss of Zhai et al. (2023): every pair is a decision of its own.

    Parameters
    ----------
    scores : Tensor, shape (..., n, m), floating
    positives : Tensor, shape (n, m), bool
    scale, bias : float or Tensor, scalar
        Of the logits ``scale * s + bias``; tensors may be learnt.
    weights : Tensor, shape (n, m), bool or floating >= 0, optional
        Multiply the terms; 0 leaves a pair out.

    Returns
    -------
    Tensor, shape (..., n)
        ``sum_j -log sigmoid(z_ij (scale s_ij + bias))`` with z = 1 for positives and -1 else; its mean over the n
        anchors is the published loss.

    >>> siglip_from_scores(torch.zeros(2, 3), torch.eye(2, 3).bool(), scale=1.0, bias=0.0).exp().round().tolist()
    [8.0, 8.0]
    """
    _check_pairs(scores, positives)
    logits = _precision.full(scores) * scale + bias
    each = -torch.nn.functional.logsigmoid(torch.where(positives, logits, -logits))
    if weights is not None:
        each = each * _checks.require_weights("weights", weights, scores.shape[-2:])
    return each.sum(-1)


def spectral_contrastive_from_scores(scores: Tensor) -> Tensor:
    """The spectral contrastive loss of HaoChen et al. (2021) on a batch, one anchor a row.

    Parameters
    ----------
    scores : Tensor, shape (..., n, n), floating, n >= 2
        Inner products of unnormalised features; positives on the diagonal. No temperature: rescale the features.

    Returns
    -------
    Tensor, shape (..., n)
        ``-2 s_ii + mean_{j != i} s_ij^2``, a pure number; the positive is not among the negatives.

    Raises
    ------
    ValueError
        If `scores` is not square, holds a NaN, or has no off-diagonal entry.

    >>> spectral_contrastive_from_scores(torch.eye(3)).tolist()
    [-2.0, -2.0, -2.0]
    """
    _checks.require_square("scores", scores)
    _checks.require_candidates(scores.shape[-1], 1)
    scores = _precision.full(scores)
    positive = scores.diagonal(dim1=-2, dim2=-1)
    return -2 * positive + (scores.square().sum(-1) - positive.square()) / (scores.shape[-1] - 1)


def _check_pairs(scores, positives):
    _checks.require_numbers("scores", scores)
    if scores.ndim < 2 or 0 in scores.shape:
        raise ValueError(f"scores has shape {tuple(scores.shape)}, expected (..., n, m) with n, m >= 1")
    if positives.dtype != torch.bool or positives.shape != scores.shape[-2:]:
        raise ValueError(
            f"positives is {positives.dtype} of shape {tuple(positives.shape)}, "
            f"expected torch.bool of shape {tuple(scores.shape[-2:])}"
        )


def _per_anchor(temperature):
    return temperature[..., None] if isinstance(temperature, torch.Tensor) else temperature


def _log_denominators(logits):
    found = logits.logsumexp(-1)
    _checks.require_denominators(found)
    return found


def _without(logits, mask):
    return logits.masked_fill(mask, -math.inf)
