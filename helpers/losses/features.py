"""Contrastive losses from features, without an n by m matrix.

The conventions are those of :mod:`.scores`: anchors are rows, what a denominator holds is said by the caller. A mean or
sum over the plain batch has its gradient formed tile by tile in the forward pass (:mod:`._tiled`), so that 65,536 pairs
fit, and with a queue, weights, labels or several processes strip by strip (:mod:`._streamed`); with
``reduction="none"`` the backward pass computes the strips again. Second derivatives, forward mode and ``torch.func``
hold all scores.

Options that several losses share:

* ``reduction`` -- "mean" or "sum" over anchors, or "none" for the vector.
* ``queue`` -- Tensor (q, d), q >= 0, in any floating dtype: further candidates, after the batch's, that are nobody's
  positive (He et al. 2020).
* ``weights`` -- callable that maps anchor numbers, (h, 1), and candidate numbers, (1, w), to constant weights that
  broadcast to (h, w), boolean or >= 0. They multiply the candidate's exponential in the denominator; 0 leaves the pair
  out. A designated positive weighs 1. See :func:`unequal`.
* ``gather_distributed`` -- each process of a ``torch.distributed`` group holds its part of the batch (as many rows as
  any other) and computes the loss of its own anchors against the candidates of all. Averaged over processes, value and
  gradients are those of one process with the whole batch; numbers of anchors and candidates count all rows in the
  order of ranks. The queue is the same everywhere and is not gathered.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor

from . import _anchors, _block, _checks, _precision, _processes, _streamed, _tiled
from ._checks import Number
from .scores import clip_from_scores, infonce_from_scores, ntxent_from_scores

REDUCTIONS = ("mean", "sum", "none")
Weights = Callable[[Tensor, Tensor], Tensor]


# -- one positive an anchor ---------------------------------------------------------------------------------
def infonce(
    anchors: Tensor,
    candidates: Tensor,
    *,
    temperature: Number,
    positive_in_denominator: bool,
    reduction: str,
    positive: Tensor | None = None,
    queue: Tensor | None = None,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """InfoNCE of inner products.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair. Normalise beforehand for the cosine form.
    temperature : float or Tensor, scalar > 0
        A tensor may be learnt.
    positive_in_denominator
        As in :func:`infonce_from_scores`.
    positive : Tensor, shape (n,), int64, optional
        Number of each anchor's positive among the candidates, whose shape may then be (m, d).
    reduction, queue, weights, gather_distributed
        See :mod:`.features`.

    Returns
    -------
    Tensor, scalar, or (n,) for "none"
        In nats; float32 for half precision.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices differ, the batch is empty, a row holds a NaN or an infinity (the rows are named),
        `temperature` is no positive number, or `reduction` is another word.
    TypeError
        If the features are no tensors.
    RuntimeError
        If a second derivative (from the backward pass), a forward-mode derivative or ``torch.func`` asks for all the
        scores of more than ``_tiled.TWICE_DIFFERENTIABLE`` anchors.

    >>> features = torch.zeros(5, 3)
    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "mean"}
    >>> round(infonce(features, features, **options).exp().item(), 4)
    5.0
    >>> round(infonce(features, features, queue=torch.zeros(7, 3), **options).exp().item(), 4)
    12.0
    """
    plain = positive is None and _plain(reduction, queue, weights, gather_distributed)
    anchors, candidates = _features(anchors, candidates, paired=positive is None, plain=plain)
    temperature = _scalar("temperature", temperature)
    options = {"positive_in_denominator": positive_in_denominator}
    if plain:
        _checks.require_candidates(len(anchors), not positive_in_denominator)
        rule, dense = _rule(anchors), _dense(infonce_from_scores, reduction, **options)
        scale, sweep = _scale(reduction, len(anchors)), functools.partial(rule.one_direction, **options)
        return rule.scalar(sweep, dense, (anchors, candidates), temperature, scale)
    if positive is not None:
        _checks.require_numbering("positive", positive, len(anchors), len(candidates))
    own = _numbers(anchors) if positive is None else positive
    everyone, first = _everyone(candidates, gather_distributed)
    pattern = _streamed.Pattern(positive=first + own, weights=weights, first=_first(anchors, gather_distributed))
    options["learnt"] = _learnt(everyone, queue)
    everyone = _with_queue(everyone, queue)
    _checks.require_candidates(len(everyone), not positive_in_denominator)
    return _single(anchors, everyone, temperature, pattern, reduction, **options)


def bank_infonce(
    anchors: Tensor,
    positives: Tensor,
    bank: Tensor,
    *,
    temperature: Number,
    positive_in_denominator: bool,
    reduction: str,
    weights: Weights | None = None,
) -> Tensor:
    """InfoNCE against a memory bank alone (He et al. 2020): the batch's other rows are no negatives.

    Parameters
    ----------
    anchors, positives : Tensor, shape (n, d), floating
    bank : Tensor, shape (m, d), floating
    temperature, positive_in_denominator, reduction, weights
        As in :func:`infonce`; see :func:`bank_infonce_from_scores`.

    Returns
    -------
    Tensor, scalar, or (n,) for "none"

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "mean"}
    >>> round(bank_infonce(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(7, 3), **options).exp().item(), 4)
    8.0
    """
    (anchors, positives), (_, bank) = _features(anchors, positives), _features(anchors, bank, paired=False)
    temperature = _scalar("temperature", temperature)
    require_reduction(reduction)
    options = {"positive_in_denominator": positive_in_denominator}
    return _reduced(_streamed.bank_losses(anchors, bank, positives, temperature, weights, **options), reduction)


def ntxent(
    features: Tensor,
    *,
    temperature: Number,
    positive_in_denominator: bool,
    include_self: bool,
    reduction: str,
    queue: Tensor | None = None,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """NT-Xent of inner products over 2B views; see :func:`ntxent_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False, "reduction": "mean"}
    >>> round(ntxent(torch.zeros(6, 2), **options).exp().item(), 4)
    5.0
    """
    plain = _plain(reduction, queue, weights, gather_distributed)
    features, _ = _features(features, features, plain=plain)
    _checks.require_views(features)
    temperature = _scalar("temperature", temperature)
    options, left_out = {"positive_in_denominator": positive_in_denominator}, not include_self
    if plain:
        _checks.require_candidates(len(features), (not positive_in_denominator) + left_out)
        options["include_self"] = include_self
        rule, dense = _rule(features), _dense(ntxent_from_scores, reduction, **options)
        scale, sweep = _scale(reduction, len(features)), functools.partial(rule.all_views, **options)
        return rule.scalar(sweep, dense, (features,), temperature, scale)
    everyone, first = _everyone(features, gather_distributed)
    own = first + _numbers(features)
    pattern = _streamed.Pattern(
        positive=own.roll(len(features) // 2), own=own, include_self=include_self, weights=weights, first=first
    )
    options["learnt"] = _learnt(everyone, queue)
    everyone = _with_queue(everyone, queue)
    _checks.require_candidates(len(everyone), (not positive_in_denominator) + left_out)
    return _single(features, everyone, temperature, pattern, reduction, **options)


def clip(
    first: Tensor,
    second: Tensor,
    *,
    temperature: Number,
    positive_in_denominator: bool,
    reduction: str,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """CLIP's two-direction loss of inner products; see :func:`clip_from_scores` and :func:`infonce`.

    ``weights`` maps numbers of the first modality and of the second, in this order, for both directions; "none" gives
    the n anchors of the first modality, then those of the second.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "sum"}
    >>> round(clip(torch.zeros(2, 3), torch.zeros(2, 3), **options).exp().item(), 4)
    16.0
    """
    plain = _plain(reduction, None, weights, gather_distributed)
    first, second = _features(first, second, plain=plain)
    temperature = _scalar("temperature", temperature)
    options = {"positive_in_denominator": positive_in_denominator}
    if plain:
        _checks.require_candidates(len(first), not positive_in_denominator)
        rule, dense = _rule(first), _dense(clip_from_scores, reduction, **options)
        scale, sweep = _scale(reduction, 2 * len(first)), functools.partial(rule.two_directions, **options)
        return rule.scalar(sweep, dense, (first, second), temperature, scale)
    turned = weights if weights is None else lambda rows, columns: weights(columns, rows)
    each = []
    for anchors, candidates, chosen in ((first, second, weights), (second, first, turned)):
        everyone, start = _everyone(candidates, gather_distributed)
        _checks.require_candidates(len(everyone), not positive_in_denominator)
        pattern = _streamed.Pattern(positive=start + _numbers(anchors), weights=chosen, first=start)
        each.append(
            _single(anchors, everyone, temperature, pattern, "none" if reduction == "none" else "sum", **options)
        )
    return torch.cat(each) if reduction == "none" else sum(each) * _scale(reduction, 2 * len(first))


def kernel_infonce(
    anchors: Tensor,
    candidates: Tensor,
    log_kernel: Callable[[Tensor, Tensor], Tensor],
    *,
    positive_in_denominator: bool,
    reduction: str,
) -> Tensor:
    """Kernel-InfoNCE (Tan et al. 2024): InfoNCE with any positive kernel.

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
    Tensor, scalar, or (n,) for "none"
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
    anchors, candidates = _features(anchors, candidates)
    _checks.require_candidates(len(anchors), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    if _plain(reduction, None, None, False):
        scale, dense = (
            _scale(reduction, len(anchors)),
            _dense(infonce_from_scores, reduction, scores=log_kernel, **options),
        )
        sweep = functools.partial(_tiled.any_kernel, log_kernel=log_kernel, **options)
        return _tiled.scalar(sweep, dense, (anchors, candidates), 1.0, scale)
    _tiled.require_kernel(log_kernel, anchors, candidates)
    pattern = _streamed.Pattern(positive=_numbers(anchors))
    return _single(anchors, candidates, 1.0, pattern, reduction, scores=log_kernel, **options)


def spectral_contrastive(anchors: Tensor, candidates: Tensor, *, reduction: str) -> Tensor:
    """Spectral contrastive loss of inner products; see :func:`spectral_contrastive_from_scores`.

    The sums of the squared scores come from the d by d second moments, so time and memory grow like n; any derivative
    may be taken.

    >>> spectral_contrastive(torch.eye(3), torch.eye(3), reduction="mean").item()
    -2.0
    """
    anchors, candidates = _features(anchors, candidates)
    require_reduction(reduction)
    _checks.require_candidates(len(anchors), 1)
    with _precision.without_autocast(anchors):
        positive, moments = torch.linalg.vecdot(anchors, candidates), candidates.T @ candidates
        if reduction == "none":
            squares = torch.linalg.vecdot(anchors @ moments, anchors)
            return (squares - positive.square()) / (len(anchors) - 1) - 2 * positive
        squares = ((anchors.T @ anchors) * moments).sum()
        total = (squares - positive.square().sum()) / (len(anchors) - 1) - 2 * positive.sum()
        return total * _scale(reduction, len(anchors))


# -- any number of positives --------------------------------------------------------------------------------
def supcon(
    features: Tensor,
    labels: Tensor,
    *,
    form: str,
    temperature: Number,
    positive_in_denominator: bool,
    include_self: bool,
    reduction: str,
    queue: Tensor | None = None,
    queue_labels: Tensor | None = None,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """Supervised contrastive loss (Khosla et al. 2020): the positives of a row are the other rows with its label.

    Parameters
    ----------
    features : Tensor, shape (n, d), floating
        Views in any order, as many of an object as there are.
    labels : Tensor, shape (n,), whole numbers
    form : {"out", "in"}
        See :func:`supcon_from_scores`.
    temperature, positive_in_denominator
        See :func:`supcon_from_scores`.
    include_self : bool
        Whether a row counts in its own denominator. False: Khosla et al. (2020).
    queue, queue_labels : Tensor, shapes (q, d) and (q,), optional
        Further candidates, positives where the label is the same.
    reduction, weights, gather_distributed
        See :mod:`.features`. The mean is over the anchors that have a positive. A pair with weight 0 is left out of the
        positives too.

    Returns
    -------
    Tensor, scalar, or (n,) for "none"
        In nats; 0 for an anchor, and for a batch, without positives.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False, "reduction": "mean"}
    >>> round(supcon(torch.zeros(6, 2), torch.tensor([0, 0, 0, 1, 1, 2]), form="out", **options).exp().item(), 4)
    5.0
    """
    features, _ = _features(features, features)
    _checks.require_labels("labels", labels, len(features))
    everyone, first = _everyone(features, gather_distributed)
    known = _processes.gather(labels) if gather_distributed else labels
    if (queue is None) != (queue_labels is None):
        raise ValueError("queue and queue_labels come together, got one of them")
    if queue is not None:
        _checks.require_labels("queue_labels", queue_labels, len(queue))
        known = torch.cat([known, queue_labels])
    pattern = _streamed.Pattern(
        labels=(labels, known), own=first + _numbers(features), include_self=include_self, weights=weights, first=first
    )
    options = {"form": form, "temperature": temperature, "positive_in_denominator": positive_in_denominator}
    options["learnt"] = _learnt(everyone, queue)
    return _supcon(features, _with_queue(everyone, queue), pattern, reduction, gather_distributed, **options)


def supcon_across(
    anchors: Tensor,
    candidates: Tensor,
    labels: Tensor,
    candidate_labels: Tensor,
    *,
    form: str,
    temperature: Number,
    positive_in_denominator: bool,
    reduction: str,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """:func:`supcon` of anchors against other candidates, in any number: two modalities, or a bank with labels.

    Parameters
    ----------
    anchors, candidates : Tensor, shapes (n, d) and (m, d), floating
    labels, candidate_labels : Tensor, shapes (n,) and (m,), whole numbers
        No anchor is a candidate: every candidate with its label is its positive.

    >>> options = {"form": "in", "temperature": 1.0, "positive_in_denominator": True, "reduction": "sum"}
    >>> zeros, labels = torch.zeros, torch.tensor
    >>> found = supcon_across(zeros(1, 2), zeros(4, 2), labels([1]), labels([1, 0, 1, 2]), **options)
    >>> round(found.exp().item(), 4)  # 4 candidates over a mean of 1
    4.0
    """
    anchors, candidates = _features(anchors, candidates, paired=False)
    _checks.require_labels("labels", labels, len(anchors))
    _checks.require_labels("candidate_labels", candidate_labels, len(candidates))
    everyone, _ = _everyone(candidates, gather_distributed)
    known = _processes.gather(candidate_labels) if gather_distributed else candidate_labels
    pattern = _streamed.Pattern(labels=(labels, known), weights=weights, first=_first(anchors, gather_distributed))
    options = {"form": form, "temperature": temperature, "positive_in_denominator": positive_in_denominator}
    return _supcon(anchors, everyone, pattern, reduction, gather_distributed, **options)


def _supcon(anchors, everyone, pattern, reduction, gather_distributed, *, form, temperature, **options):
    _anchors.require_form(form)
    require_reduction(reduction)
    options |= {"form": form, "together": reduction != "none"}
    each, count = _streamed.softmax_losses(anchors, everyone, _scalar("temperature", temperature), pattern, **options)
    if reduction != "mean":
        return each
    with_positive = (count > 0).sum()
    if gather_distributed and _processes.processes() > 1:  # of all processes, for their average to be the mean
        return each * _processes.processes() / _processes.gather(with_positive[None]).sum().clamp(min=1)
    return each / with_positive.clamp(min=1)


# -- a decision for every pair ------------------------------------------------------------------------------
def siglip(
    first: Tensor,
    second: Tensor,
    *,
    scale: Number,
    bias: Number,
    reduction: str,
    weights: Weights | None = None,
    gather_distributed: bool = False,
) -> Tensor:
    """The sigmoid loss of Zhai et al. (2023) of inner products; see :func:`siglip_from_scores`.

    Parameters
    ----------
    first, second : Tensor, shape (n, d), floating
        Row i of both is a pair.
    scale, bias : float or Tensor, scalar
        Tensors may be learnt.
    reduction, weights, gather_distributed
        See :mod:`.features`; anchors are the rows of the first, and weights multiply the terms.

    Returns
    -------
    Tensor, scalar, or (n,) for "none"

    >>> zeros = torch.zeros(3, 2)
    >>> siglip(zeros, zeros, scale=10.0, bias=0.0, reduction="mean").exp().round().item()  # log 2 for each of 3
    8.0
    """
    first, second = _features(first, second)
    require_reduction(reduction)
    for name, value in (("scale", scale), ("bias", bias)):
        _checks.require_finite(name, _one(name, value))
    everyone, start = _everyone(second, gather_distributed)
    pattern = _streamed.Pattern(positive=start + _numbers(first), weights=weights, first=start)
    together = reduction != "none"
    return _streamed.sigmoid_losses(first, everyone, scale, bias, pattern, together=together) * _scale(
        reduction, len(first)
    )


# -- weights ------------------------------------------------------------------------------------------------
def unequal(identities: Tensor, candidate_identities: Tensor | None = None) -> Weights:
    """Weights that leave out the pairs of the same object: duplicates in a batch, or further views of an instance.

    Parameters
    ----------
    identities : Tensor, shape (n,), whole numbers
        What each anchor shows.
    candidate_identities : Tensor, shape (m,), optional
        What each candidate shows, queue included; the anchors' by default.

    Returns
    -------
    callable
        For ``weights=``; see :mod:`.features`.

    >>> unequal(torch.tensor([7, 8]))(torch.tensor([[0], [1]]), torch.tensor([[0, 1]])).tolist()
    [[False, True], [True, False]]
    """
    others = identities if candidate_identities is None else candidate_identities
    return lambda rows, columns: identities[rows] != others[columns]


# -- pieces -------------------------------------------------------------------------------------------------
def _plain(reduction, queue, weights, gather_distributed):
    """Whether the gradient can be formed in the forward pass: a scalar of the plain batch."""
    require_reduction(reduction)
    shared = gather_distributed and _processes.processes() > 1
    return reduction != "none" and queue is None and weights is None and not shared


def _rule(anchors):
    """Where the sweeps are: one block for few anchors, tiles for many."""
    return _block if _block.fits(len(anchors), anchors) else _tiled


def _single(anchors, everyone, temperature, pattern, reduction, **options):
    """Losses of anchors with one positive each, reduced."""
    chosen = {"form": "out", "together": reduction != "none", **options}
    return _streamed.softmax_losses(anchors, everyone, temperature, pattern, **chosen)[0] * _scale(
        reduction, len(anchors)
    )


def _everyone(rows, gather_distributed):
    """The rows of all processes, and the number of the first own one."""
    if not gather_distributed:
        return rows, 0
    return _processes.gather(rows), _processes.rank() * len(rows)


def _first(anchors, gather_distributed):
    return _processes.rank() * len(anchors) if gather_distributed else 0


def _with_queue(candidates, queue):
    if queue is None:
        return candidates
    _checks.require_tensors(queue=queue)
    if queue.shape == (0, candidates.shape[1]):  # nobody has been put into it yet
        return candidates
    _, queue = _features(candidates, queue.to(candidates.dtype), paired=False)
    return torch.cat([candidates, queue])


def _learnt(candidates, queue):
    """How many of the candidates before and in a queue may want gradients, or None for all."""
    return None if queue is None or queue.requires_grad else len(candidates)


def _numbers(rows):
    return torch.arange(len(rows), device=rows.device)


def _reduced(each, reduction):
    return each if reduction == "none" else each.mean() if reduction == "mean" else each.sum()


def _dense(from_scores, reduction, *, scores=None, **options):
    """The same scalar from all the scores of the features; a last argument is the temperature."""

    def dense(first, *rest):
        *second, temperature = rest
        with _precision.without_autocast(first):
            found = scores(first, *second) if scores else first @ (second[0] if second else first).T
            return _reduced(from_scores(found, temperature=temperature, **options), reduction)

    dense.__name__ = from_scores.__name__
    return dense


def _scalar(name, value):
    _checks.require_positive(name, value)
    return _one(name, value)


def _one(name, value):
    if isinstance(value, torch.Tensor) and value.ndim:
        raise ValueError(
            f"{name} has shape {tuple(value.shape)}, expected one number: several need the form from scores"
        )
    return value


def require_reduction(reduction):
    """Raise ``ValueError`` for a word that is not among ``REDUCTIONS``."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")


def _scale(reduction, anchors):
    return 1 / anchors if reduction == "mean" else 1.0


def _features(first, second, *, paired=True, plain=False):
    """Two sets of rows, checked, in the precision of their sums: from here on gradients add up in it.

    Of a plain batch that is one block the scores tell whether the rows are finite.
    """
    _checks.require_tensors(first_argument=first, second_argument=second)
    fitting = first.ndim == second.ndim == 2 and first.shape[1] == second.shape[1] and 0 not in first.shape
    if not fitting or 0 in second.shape or (paired and len(first) != len(second)):
        expected = "(n, d) twice with n, d >= 1" if paired else "(n, d) and (m, d) with n, m, d >= 1"
        raise ValueError(f"features have shapes {tuple(first.shape)} and {tuple(second.shape)}, expected {expected}")
    if first.dtype != second.dtype or first.device != second.device:
        raise ValueError(
            f"features are {first.dtype} on {first.device} and {second.dtype} on {second.device}, expected one of each"
        )
    first, second = _precision.full(first), _precision.full(second)
    if not (plain and _block.fits(len(first), first)):
        _checks.require_finite_rows("the first features", first)
        _checks.require_finite_rows("the second features", second)
    return first, second
