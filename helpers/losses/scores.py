"""Contrastive losses, each with two entries: from scores (a vector over anchors, in nats) and from features.

Convention of the room: anchors are rows, candidates are columns. What a denominator holds is said by the caller:
``positive_in_denominator`` (van den Oord et al. 2018 count the positive; the decoupled form of Yeh et al. 2022 does
not) and, where anchors and candidates are the same objects, ``include_self``. Neither has a default.

A score is a log-kernel or a similarity; ``temperature`` divides it, and a tensor of temperatures belongs to the
anchors. A kernel whose log already holds its temperature enters with ``temperature=1``: that is Kernel-InfoNCE (Tan et
al. 2024).

From scores: plain torch, batch dimensions first, differentiable twice, usable inside ``torch.func``. From features: one
scalar, in time and memory that a batch of 65,536 pairs allows. Populations have a room of their own,
:mod:`helpers.losses.population_losses`.
"""

import functools
import math

import torch

from helpers import validation

from . import _tiled

REDUCTIONS = ("mean", "sum")


# -- from scores --------------------------------------------------------------------------------------------
def infonce_from_scores(scores, *, temperature, positive_in_denominator):
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
        If `scores` is empty, not square or holds a NaN, `temperature` is not positive, or nothing is left in the
        denominator.

    >>> round(infonce_from_scores(torch.zeros(8, 8), temperature=1.0, positive_in_denominator=True)[0].item(), 4)
    2.0794
    """
    validation.require_square("scores", scores)
    validation.require_positive("temperature", temperature)
    logits = scores / _per_anchor(temperature)
    positive = logits.diagonal(dim1=-2, dim2=-1)
    if not positive_in_denominator:
        validation.require_candidates(scores.shape[-1], 1)
        logits = _without(logits, torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device))
    return logits.logsumexp(-1) - positive


def ntxent_from_scores(scores, *, temperature, positive_in_denominator, include_self):
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
    validation.require_square("scores", scores)
    validation.require_positive("temperature", temperature)
    views = scores.shape[-1]
    _check_views(scores)
    same = torch.eye(views, dtype=torch.bool, device=scores.device)
    partner = same.roll(views // 2, dims=1)
    validation.require_candidates(views, (not positive_in_denominator) + (not include_self))
    logits = scores / _per_anchor(temperature)
    positive = logits.diagonal(views // 2, dim1=-2, dim2=-1), logits.diagonal(-(views // 2), dim1=-2, dim2=-1)
    if not include_self:
        logits = _without(logits, same)
    if not positive_in_denominator:
        logits = _without(logits, partner)
    return logits.logsumexp(-1) - torch.cat(positive, dim=-1)


def clip_from_scores(scores, *, temperature, positive_in_denominator):
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
    options = {"temperature": temperature, "positive_in_denominator": positive_in_denominator}
    return torch.cat([infonce_from_scores(s, **options) for s in (scores, scores.transpose(-2, -1))], dim=-1)


def bank_infonce_from_scores(positive, negatives, *, temperature, positive_in_denominator):
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
    if negatives.ndim < 2 or negatives.shape[:-1] != positive.shape or 0 in negatives.shape:
        raise ValueError(
            f"positive has shape {tuple(positive.shape)} and negatives {tuple(negatives.shape)}, "
            "expected (..., n) and (..., n, m) with n, m >= 1"
        )
    validation.require_numbers("positive", positive)
    validation.require_numbers("negatives", negatives)
    validation.require_positive("temperature", temperature)
    candidates = torch.cat([positive[..., None], negatives], dim=-1) if positive_in_denominator else negatives
    return (candidates / _per_anchor(temperature)).logsumexp(-1) - positive / temperature


def mixture_from_scores(scores, weights, *, temperature, positive_in_denominator):
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
    weights = torch.as_tensor(weights, dtype=scores.dtype, device=scores.device)
    if scores.ndim < 3 or weights.shape != scores.shape[:1]:
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} and weights {tuple(weights.shape)}, "
            "expected (m, ..., n, n) and (m,)"
        )
    each = infonce_from_scores(scores, temperature=temperature, positive_in_denominator=positive_in_denominator)
    return torch.tensordot(weights, each, dims=1)


def spectral_contrastive_from_scores(scores):
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
    validation.require_square("scores", scores)
    validation.require_candidates(scores.shape[-1], 1)
    positive = scores.diagonal(dim1=-2, dim2=-1)
    return -2 * positive + (scores.square().sum(-1) - positive.square()) / (scores.shape[-1] - 1)


# -- from features ------------------------------------------------------------------------------------------
def infonce(anchors, candidates, *, temperature, positive_in_denominator, reduction):
    """InfoNCE of inner products, a scalar; no n by n matrix is held (see :mod:`helpers.losses._tiled`).

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair. Normalise beforehand for the cosine form.
    temperature : float or Tensor, scalar > 0
        A tensor may be learnt.
    positive_in_denominator
        As in :func:`infonce_from_scores`.
    reduction : {"mean", "sum"}
        Over anchors.

    Returns
    -------
    Tensor, scalar
        In nats; float32 for half precision.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices differ, the batch is empty, a row holds a NaN or an infinity (the rows are named),
        `temperature` is no positive number, or `reduction` is another word.
    RuntimeError
        From the backward pass: a second derivative over more than ``_tiled.TWICE_DIFFERENTIABLE`` anchors.

    >>> features = torch.zeros(5, 3)
    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "mean"}
    >>> round(infonce(features, features, **options).exp().item(), 4)
    5.0
    """
    _check_features(anchors, candidates)
    validation.require_candidates(len(anchors), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    sweep = functools.partial(_tiled.one_direction, scale=_scale(reduction, len(anchors)), **options)
    dense = _dense(infonce_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (anchors, candidates), _scalar(temperature))


def ntxent(features, *, temperature, positive_in_denominator, include_self, reduction):
    """NT-Xent of inner products over 2B views, a scalar; see :func:`ntxent_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False, "reduction": "mean"}
    >>> round(ntxent(torch.zeros(6, 2), **options).exp().item(), 4)
    5.0
    """
    _check_features(features, features)
    _check_views(features)
    validation.require_candidates(len(features), (not positive_in_denominator) + (not include_self))
    options = {"positive_in_denominator": positive_in_denominator, "include_self": include_self}
    sweep = functools.partial(_tiled.all_views, scale=_scale(reduction, len(features)), **options)
    dense = _dense(ntxent_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (features,), _scalar(temperature))


def clip(first, second, *, temperature, positive_in_denominator, reduction):
    """CLIP's two-direction loss of inner products, a scalar; see :func:`clip_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "sum"}
    >>> round(clip(torch.zeros(2, 3), torch.zeros(2, 3), **options).exp().item(), 4)
    16.0
    """
    _check_features(first, second)
    validation.require_candidates(len(first), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    sweep = functools.partial(_tiled.two_directions, scale=_scale(reduction, 2 * len(first)), **options)
    dense = _dense(clip_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (first, second), _scalar(temperature))


def kernel_infonce(anchors, candidates, log_kernel, *, positive_in_denominator, reduction):
    """Kernel-InfoNCE (Tan et al. 2024): InfoNCE with any positive kernel, a scalar.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair.
    log_kernel : callable
        Maps two sets of points, (m, d) and (n, d), to the log-kernel (m, n); it holds its own temperature and nothing
        that is learnt.
    positive_in_denominator, reduction
        As in :func:`infonce`.

    Returns
    -------
    Tensor, scalar
        In nats.

    Raises
    ------
    ValueError
        As :func:`infonce`, or if the kernel gives another shape or holds learnt numbers.

    >>> from helpers.losses import kernels
    >>> def laplacian(x, y):
    ...     return kernels.log_exponential(kernels.squared_distances(x, y), exponent=1, scale=0.5)
    >>> points, options = torch.ones(4, 2), {"positive_in_denominator": True, "reduction": "mean"}
    >>> round(kernel_infonce(points, points, laplacian, **options).exp().item(), 4)
    4.0
    """
    _check_features(anchors, candidates)
    validation.require_candidates(len(anchors), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    scale = _scale(reduction, len(anchors))
    sweep = functools.partial(_tiled.any_kernel, log_kernel=log_kernel, scale=scale, **options)
    dense = _dense(infonce_from_scores, reduction, scores=log_kernel, **options)
    return _tiled.scalar(sweep, dense, (anchors, candidates), 1.0)


def spectral_contrastive(anchors, candidates, *, reduction):
    """Spectral contrastive loss of inner products, a scalar; see :func:`spectral_contrastive_from_scores`.

    The sum of the squared scores is that of the two d by d second moments, so time and memory grow like n; any
    derivative may be taken.

    >>> spectral_contrastive(torch.eye(3), torch.eye(3), reduction="mean").item()
    -2.0
    """
    _check_features(anchors, candidates)
    validation.require_candidates(len(anchors), 1)
    positive = torch.linalg.vecdot(anchors, candidates)
    squares = ((anchors.T @ anchors) * (candidates.T @ candidates)).sum()
    total = (squares - positive.square().sum()) / (len(anchors) - 1) - 2 * positive.sum()
    return total * _scale(reduction, len(anchors))


def _dense(from_scores, reduction, *, scores=torch.inner, **options):
    """The same scalar from all the scores of the features; a last argument is the temperature."""

    def dense(first, *rest):
        *second, temperature = rest
        each = from_scores(scores(first, *second or (first,)), temperature=temperature, **options)
        return each.mean() if reduction == "mean" else each.sum()

    dense.__name__ = from_scores.__name__
    return dense


def _per_anchor(temperature):
    return temperature[..., None] if isinstance(temperature, torch.Tensor) else temperature


def _without(logits, mask):
    return logits.masked_fill(mask, -math.inf)


def _scalar(temperature):
    validation.require_positive("temperature", temperature)
    if isinstance(temperature, torch.Tensor) and temperature.ndim:
        raise ValueError(
            f"temperature has shape {tuple(temperature.shape)}, expected one number: several need the form from scores"
        )
    return temperature


def _scale(reduction, anchors):
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    return 1 / anchors if reduction == "mean" else 1.0


def _check_views(views):
    if views.shape[-2] % 2:
        raise ValueError(f"scores or features have shape {tuple(views.shape)}, expected an even number of views (2B)")


def _check_features(first, second):
    shapes = f"features have shapes {tuple(first.shape)} and {tuple(second.shape)}"
    if first.ndim != 2 or first.shape != second.shape or 0 in first.shape:
        raise ValueError(f"{shapes}, expected (n, d) twice with n, d >= 1")
    if first.dtype != second.dtype or first.device != second.device:
        raise ValueError(
            f"features are {first.dtype} on {first.device} and {second.dtype} on {second.device}, expected one of each"
        )
    for name, features in (("first", first), ("second", second)):
        validation.require_finite_rows(f"the {name} features", features)
