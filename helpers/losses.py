"""Contrastive losses, each with two entries: from scores (a vector over anchors, in nats) and from features.

Convention of the room: anchors are rows, candidates are columns. What a denominator holds is said by the caller:
``positive_in_denominator`` (van den Oord et al. 2018 count the positive; the decoupled form of Yeh et al. 2022 does
not) and, where anchors and candidates are the same objects, ``include_self``. Neither has a default.

A score is a log-kernel or a similarity; ``temperature`` divides it, and a tensor of temperatures belongs to the
anchors. A kernel whose log already holds its temperature enters with ``temperature=1``: that is Kernel-InfoNCE (Tan et
al. 2024).

From scores: plain torch, batch dimensions first, differentiable twice, usable inside ``torch.func``.
"""

import math

import torch

from helpers import refusals

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
    refusals.require_square("scores", scores)
    refusals.require_positive("temperature", temperature)
    logits = scores / _per_anchor(temperature)
    positive = logits.diagonal(dim1=-2, dim2=-1)
    if not positive_in_denominator:
        _check_others(scores.shape[-1], 1)
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
    refusals.require_square("scores", scores)
    refusals.require_positive("temperature", temperature)
    views = scores.shape[-1]
    if views % 2:
        raise ValueError(f"scores has shape {tuple(scores.shape)}, expected an even number of views (2B)")
    same = torch.eye(views, dtype=torch.bool, device=scores.device)
    partner = same.roll(views // 2, dims=1)
    _check_others(views, (not positive_in_denominator) + (not include_self))
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
    refusals.require_numbers("positive", positive)
    refusals.require_numbers("negatives", negatives)
    refusals.require_positive("temperature", temperature)
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
    refusals.require_square("scores", scores)
    _check_others(scores.shape[-1], 1)
    positive = scores.diagonal(dim1=-2, dim2=-1)
    return -2 * positive + (scores.square().sum(-1) - positive.square()) / (scores.shape[-1] - 1)


# -- populations --------------------------------------------------------------------------------------------
def population_infonce(transition, log_kernel, *, include_self):
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
    >>> round(population_infonce(uniform, torch.zeros(3, 3), include_self=False)[0].exp().item(), 4)
    2.0
    """
    refusals.require_square("transition", transition)
    refusals.require_square("log_kernel", log_kernel)
    n = log_kernel.shape[-1]
    if transition.shape[-1] != n:
        raise ValueError(f"transition has shape {tuple(transition.shape)}, log_kernel {tuple(log_kernel.shape)}")
    refusals.require_stochastic("transition", transition)
    if not include_self:
        _check_others(n, 1)
        if refusals.any_true(transition.diagonal(dim1=-2, dim2=-1) > 0):
            raise ValueError("transition has a positive diagonal entry, but include_self is False")
        log_kernel = _without(log_kernel, torch.eye(n, dtype=torch.bool, device=log_kernel.device))
    log_chance = log_kernel - log_kernel.logsumexp(-1, keepdim=True)
    return -torch.where(transition > 0, transition * log_chance, 0.0).sum(-1)


def population_clip(first_to_second, second_to_first, scores):
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

    >>> population_clip(torch.eye(2), torch.eye(2), torch.zeros(2, 2)).exp().tolist()
    [2.0, 2.0, 2.0, 2.0]
    """
    shapes = [tuple(x.shape) for x in (first_to_second, second_to_first, scores)]
    if scores.ndim < 2 or shapes[0][-2:] != shapes[2][-2:] or shapes[1][-2:] != shapes[2][:-3:-1]:
        raise ValueError(f"got shapes {shapes}, expected (..., n, m), (..., m, n) and (..., n, m)")
    refusals.require_numbers("scores", scores)
    refusals.require_stochastic("first_to_second", first_to_second)
    refusals.require_stochastic("second_to_first", second_to_first)
    forth = -(first_to_second * scores.log_softmax(-1)).sum(-1)
    back = -(second_to_first * scores.transpose(-2, -1).log_softmax(-1)).sum(-1)
    return torch.cat([forth, back], dim=-1)


def population_spectral_contrastive(joint, scores):
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

    >>> round(population_spectral_contrastive(torch.eye(2) / 2, 2 * torch.eye(2)).item(), 4)
    -2.0
    """
    if joint.shape[-2:] != scores.shape[-2:] or joint.ndim < 2:
        raise ValueError(f"joint has shape {tuple(joint.shape)}, scores {tuple(scores.shape)}; expected (..., n, m)")
    refusals.require_numbers("scores", scores)
    product = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    return (product * scores.square() - 2 * joint * scores).sum((-2, -1))


# -- from features ------------------------------------------------------------------------------------------
def infonce(anchors, candidates, *, temperature, positive_in_denominator, reduction):
    """InfoNCE of inner products, a scalar.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair. Normalise beforehand for the cosine form.
    temperature, positive_in_denominator
        As in :func:`infonce_from_scores`.
    reduction : {"mean", "sum"}
        Over anchors.

    Returns
    -------
    Tensor, scalar
        In nats.

    Raises
    ------
    ValueError
        If the shapes differ, or `reduction` is another word.

    >>> features = torch.zeros(5, 3)
    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "mean"}
    >>> round(infonce(features, features, **options).exp().item(), 4)
    5.0
    """
    scores = _inner_products(anchors, candidates)
    each = infonce_from_scores(scores, temperature=temperature, positive_in_denominator=positive_in_denominator)
    return _reduced(each, reduction)


def ntxent(features, *, temperature, positive_in_denominator, include_self, reduction):
    """NT-Xent of inner products over 2B views, a scalar; see :func:`ntxent_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False, "reduction": "mean"}
    >>> round(ntxent(torch.zeros(6, 2), **options).exp().item(), 4)
    5.0
    """
    scores = _inner_products(features, features)
    options = {"positive_in_denominator": positive_in_denominator, "include_self": include_self}
    return _reduced(ntxent_from_scores(scores, temperature=temperature, **options), reduction)


def clip(first, second, *, temperature, positive_in_denominator, reduction):
    """CLIP's two-direction loss of inner products, a scalar; see :func:`clip_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "sum"}
    >>> round(clip(torch.zeros(2, 3), torch.zeros(2, 3), **options).exp().item(), 4)
    16.0
    """
    scores = _inner_products(first, second)
    each = clip_from_scores(scores, temperature=temperature, positive_in_denominator=positive_in_denominator)
    return _reduced(each, reduction)


def kernel_infonce(anchors, candidates, log_kernel, *, positive_in_denominator, reduction):
    """Kernel-InfoNCE (Tan et al. 2024): InfoNCE with any positive kernel, a scalar.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair.
    log_kernel : callable
        Maps two sets of points, (n, d) and (m, d), to the log-kernel (n, m); it holds its own temperature.
    positive_in_denominator, reduction
        As in :func:`infonce`.

    Returns
    -------
    Tensor, scalar
        In nats.

    >>> from helpers import kernels
    >>> def laplacian(x, y):
    ...     return kernels.log_exponential(kernels.squared_distances(x, y), exponent=1, scale=0.5)
    >>> points, options = torch.ones(4, 2), {"positive_in_denominator": True, "reduction": "mean"}
    >>> round(kernel_infonce(points, points, laplacian, **options).exp().item(), 4)
    4.0
    """
    _check_pair(anchors, candidates)
    scores = log_kernel(anchors, candidates)
    return _reduced(
        infonce_from_scores(scores, temperature=1.0, positive_in_denominator=positive_in_denominator), reduction
    )


def spectral_contrastive(anchors, candidates, *, reduction):
    """Spectral contrastive loss of inner products, a scalar; see :func:`spectral_contrastive_from_scores`.

    >>> spectral_contrastive(torch.eye(3), torch.eye(3), reduction="mean").item()
    -2.0
    """
    return _reduced(spectral_contrastive_from_scores(_inner_products(anchors, candidates)), reduction)


def _per_anchor(temperature):
    return temperature[..., None] if isinstance(temperature, torch.Tensor) else temperature


def _without(logits, mask):
    return logits.masked_fill(mask, -math.inf)


def _inner_products(first, second):
    _check_pair(first, second)
    return first @ second.transpose(-2, -1)


def _check_pair(first, second):
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(f"features have shapes {tuple(first.shape)} and {tuple(second.shape)}, expected (n, d) twice")


def _check_others(candidates, removed):
    if candidates <= removed:
        raise ValueError(f"{candidates} candidate(s) of which {removed} do not count: the denominator is empty")


def _reduced(each, reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    return each.mean() if reduction == "mean" else each.sum()
