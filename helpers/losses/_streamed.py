"""Losses of every anchor, from features, for any choice of positives, weights and candidates: strip by strip.

A strip holds the scores of some anchors with all candidates. Its losses come from a few sums an anchor, and the strip
turns in place into the derivative of the losses in the scores, so the gradient takes two products more. A sum over
anchors has its gradient formed in the forward pass; a vector computes the strips again in the backward pass. No n by m
matrix is ever held. Sums are kept in float64.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import _anchors, _checks, _precision, _tiled
from ._tiled import LN2, LOG2E
from .scores import siglip_from_scores, supcon_from_scores

TINY = 1e-300  # stands in for a sum of powers that is 0
CHUNK = 64  # rows of a block that are changed together where that takes memory


# -- who is compared with whom ------------------------------------------------------------------------------
@dataclass(frozen=True)
class Pattern:
    """Which candidates an anchor has, as functions of their numbers.

    Attributes
    ----------
    positive : Tensor, shape (n,), or None
        Number of the candidate that is the positive of each anchor. Without it and `labels` nobody has a positive.
    labels : pair of Tensor, shapes (n,) and (m,), or None
        Candidates with the label of an anchor are its positives.
    own : Tensor, shape (n,), or None
        Number of the candidate that is the anchor itself: never its own positive.
    include_self : bool
        Whether that candidate counts in the denominator.
    weights : callable or None
        Maps anchor numbers (h, 1) and candidate numbers (1, w) to weights that broadcast to (h, w).
    first : int
        Number of the first anchor for `weights`.
    """

    positive: Tensor | None = None
    labels: tuple[Tensor, Tensor] | None = None
    own: Tensor | None = None
    include_self: bool = False
    weights: Callable[[Tensor, Tensor], Tensor] | None = None
    first: int = 0

    def pairs(self, rows, kept, device):
        """Positive pairs of a strip: anchors, counted from its first, and candidates; `kept` are the strip's weights.

        A pair of equal labels that is left out is nobody's positive.
        """
        if self.labels is None:
            positive = (
                torch.empty(0, dtype=torch.int64, device=device) if self.positive is None else self.positive[rows]
            )
            return torch.arange(len(positive), device=device), positive
        order, starts, counts = (part if number == 0 else part[rows] for number, part in enumerate(self._classes))
        anchors = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
        within = torch.arange(len(anchors), device=counts.device) - (counts.cumsum(0) - counts)[anchors]
        candidates = order[starts[anchors] + within]
        if self.own is None and kept is None:
            return anchors, candidates
        counted = True if self.own is None else candidates != self.own[rows][anchors]
        if kept is not None:
            counted = counted & (kept[anchors, candidates] != 0)
        return anchors[counted], candidates[counted]

    @functools.cached_property
    def _classes(self):
        """Candidates sorted by label, and where in this order the positives of every anchor start, and their number."""
        labels, order = self.labels[1].long().sort()
        starts, ends = (torch.searchsorted(labels, self.labels[0].long(), right=right) for right in (False, True))
        return order, starts, ends - starts

    @property
    def symmetric(self):
        """Whether, among the same rows, a positive is one both ways and all pairs weigh the same."""
        return self.labels is not None and self.labels[0] is self.labels[1] and self.weights is None

    def kept(self, rows, candidates, device):
        """Weights (h, m) of the anchors `rows` with so many candidates, or None."""
        if self.weights is None:
            return None
        with torch.no_grad():
            anchors = torch.arange(self.first + rows.start, self.first + rows.stop, device=device)
            found = self.weights(anchors[:, None], torch.arange(candidates, device=device)[None])
        return _checks.require_weights("weights", found, (len(anchors), candidates))

    def left_out(self, rows):
        """Number of the candidate that every anchor of a strip leaves out because it is the anchor itself, or None."""
        return None if self.own is None or self.include_self else self.own[rows]

    def matrices(self, n, candidates, device):
        """Positives (n, m), boolean, and weights (n, m) or None, of all anchors."""
        everybody = slice(0, n)
        kept, left_out = self.kept(everybody, candidates, device), self.left_out(everybody)
        positives = torch.zeros(n, candidates, dtype=torch.bool, device=device)
        positives[self.pairs(everybody, kept, device)] = True
        if left_out is not None:
            kept = torch.ones_like(positives) if kept is None else kept.clone()
            kept[torch.arange(n, device=device), left_out] = 0
        return positives, kept


# -- the losses ---------------------------------------------------------------------------------------------
def softmax_losses(
    anchors,
    candidates,
    temperature,
    pattern,
    *,
    form,
    positive_in_denominator,
    together,
    learnt=None,
    scores=None,
):
    """Losses of anchors with any number of positives each, and these numbers.

    Parameters
    ----------
    anchors, candidates : Tensor, shapes (n, d) and (m, d), float32 or float64
    together : bool
        Whether the sum of the losses is wanted, instead of the losses (n,).
    learnt : int, optional
        Number of the first candidates whose gradients are wanted; all by default.
    scores : callable, optional
        Maps anchors and candidates to scores; inner products by default.

    Returns
    -------
    tuple of Tensor
        Losses, or their sum, in the dtype of the features, and numbers of positives (n,).
    """
    options = {"form": form, "positive_in_denominator": positive_in_denominator}
    losses, count = _softmax(
        functools.partial(_anchors.loss, **options),
        functools.partial(_anchors.slopes, **options),
        (anchors, candidates, 1 / temperature),
        pattern,
        together=together,
        refused=not positive_in_denominator,
        symmetric=candidates is anchors and pattern.symmetric,
        learnt=learnt,
        scores=scores,
    )
    return losses.to(anchors.dtype), count


def bank_losses(anchors, bank, positives, temperature, weights, *, positive_in_denominator):
    """Losses (n,) of anchors with one positive each, a row of `positives` that is not among the candidates."""
    pattern = Pattern(weights=weights)
    others, _ = _softmax(
        lambda sums: sums.others,
        lambda sums: (torch.ones_like(sums.others), *[torch.zeros_like(sums.others)] * 2),
        (anchors, bank, 1 / temperature),
        pattern,
        together=False,
    )
    positive = (anchors * positives).sum(-1) / temperature  # elementwise: out of autocast's reach
    return _anchors.single(others, positive, positive_in_denominator=positive_in_denominator).to(anchors.dtype)


def sigmoid_losses(anchors, candidates, scale, bias, pattern, *, together):
    """Sums (n,) of the sigmoid losses of every anchor's pairs, or the sum of all."""

    def dense(near, far, scale, bias):
        positives, kept = pattern.matrices(len(near), len(far), near.device)
        return siglip_from_scores(near @ far.T, positives, scale=scale, bias=bias, weights=kept), positives.sum(1)

    strip = functools.partial(_sigmoid_strip, pattern=pattern)
    dense = _named(dense, siglip_from_scores)
    return _losses(strip, dense, (anchors, candidates, scale, bias), together=together)[0].to(anchors.dtype)


def _softmax(loss, slopes, inputs, pattern, *, scores=None, **options):
    """Losses by a function of the :class:`._anchors.Sums` and its derivatives in the first three of them."""

    def dense(near, far, scale):
        positives, kept = pattern.matrices(len(near), len(far), near.device)
        found = near @ far.T if scores is None else scores(near, far)
        sums = _anchors.sums(found * scale, positives, kept)
        return loss(sums), sums.count

    strip = functools.partial(_softmax_strip, loss=loss, slopes=slopes, pattern=pattern)
    dense = _named(dense, supcon_from_scores)
    return _losses(strip, dense, inputs, unit=LOG2E, scores=scores, **options)


def _named(dense, from_scores):
    """What needs all scores, under the name of what a caller may take instead."""
    dense.__name__ = from_scores.__name__
    return dense


# -- one strip ----------------------------------------------------------------------------------------------
def _softmax_strip(block, rows, upstream, *, bounded, symmetric, loss, slopes, pattern):
    """Losses (h,) in float64 and numbers of positives of a strip of logits to base 2, (h, m).

    With an `upstream` (h,), the strip becomes the derivative of its product with the losses, in natural logits; where
    rows and columns are the same (`symmetric`), that derivative plus its transpose.

    Parameters
    ----------
    bounded : bool
        Whether the powers stay in range without a reference.
    """
    height, width = block.shape
    kept, left_out = pattern.kept(rows, width, block.device), pattern.left_out(rows)
    anchors, candidates = pattern.pairs(rows, kept, block.device)
    flat, places = block.view(-1), anchors * width + candidates
    positive = flat[places].double() * LN2
    flat[places] = -math.inf
    if kept is not None:
        block.add_(kept.to(block.dtype).log2()) if kept.is_floating_point() else block.masked_fill_(~kept, -math.inf)
    if left_out is not None:
        block.scatter_(1, left_out[:, None], -math.inf)
    reference = block.new_zeros(height)
    if not bounded or (kept is not None and kept.is_floating_point()):
        reference = block.amax(1)
        reference.masked_fill_(reference == -math.inf, 0.0)
        block.sub_(reference[:, None])
    powers = block.exp2_().sum(1).double()
    top = powers.new_full((height,), -math.inf).scatter_reduce_(0, anchors, positive, "amax")
    top = top.masked_fill_(top == -math.inf, 0.0)
    shares = torch.exp(positive - top[anchors])  # of the positives, in units of the largest
    of_positives = torch.zeros_like(powers).index_add_(0, anchors, shares)
    count = torch.bincount(anchors, minlength=height).double()
    total = torch.zeros_like(powers).index_add_(0, anchors, positive)
    sums = _anchors.Sums(powers.log() + LN2 * reference, of_positives.log() + top, total, count)
    losses = loss(sums)
    if upstream is None:
        return losses, count
    slopes = [slope * upstream for slope in slopes(sums)]
    of_others = (slopes[0] / powers.clamp(min=TINY)).to(block.dtype)
    of_pairs = shares * (slopes[1] / of_positives.clamp(min=TINY))[anchors] + slopes[2][anchors]
    of_pairs = of_pairs.to(block.dtype)
    if symmetric:  # so are the powers and the pairs
        for part, of_part in zip(block.split(CHUNK), of_others.split(CHUNK), strict=True):
            part.mul_(of_part[:, None] + of_others)
        flat[places] = of_pairs
        of_pairs = of_pairs + flat[candidates * width + anchors]
    else:
        block.mul_(of_others[:, None])
    flat[places] = of_pairs
    return losses, count


def _sigmoid_strip(block, rows, upstream, *, pattern, **_):
    """As :func:`_softmax_strip`, of natural logits, whose size does not matter."""
    kept = pattern.kept(rows, block.shape[1], block.device)
    places = pattern.pairs(rows, kept, block.device)
    block[places] = -block[places]
    losses = torch.nn.functional.logsigmoid(-block)
    losses = -(losses if kept is None else losses * kept).sum(1).double()
    if upstream is not None:
        block.sigmoid_().mul_(upstream.to(block.dtype)[:, None])
        if kept is not None:
            block.mul_(kept)
        block[places] = -block[places]
    return losses, torch.ones_like(losses)


# -- all strips ---------------------------------------------------------------------------------------------
def _losses(strip, dense, inputs, *, together, refused=False, symmetric=False, **options):
    """Losses (n,), or their sum, in float64 or that of the scores, and counts (n,), with any derivative.

    Parameters
    ----------
    strip : callable
        As :func:`_softmax_strip`.
    dense : callable
        ``dense(*inputs)``, the same losses and counts from all scores.
    inputs : tuple
        Anchors, candidates and the factor of their scores, perhaps a bias; a tensor among the numbers may be learnt.
    refused : bool
        Whether a loss of -inf, that of an empty denominator, is an error.
    symmetric, options
        As in :func:`_sweep`.
    """
    anchors, candidates, *numbers = inputs
    numbers = [torch.as_tensor(value, dtype=anchors.dtype, device=anchors.device) for value in numbers]
    inputs = anchors, candidates, *numbers
    sweep = functools.partial(_sweep, strip, symmetric=symmetric, **options)

    def from_scores(*inputs):
        with _precision.without_autocast(inputs[0]):
            losses, count = dense(*inputs)
        if refused:
            _checks.require_denominators(losses)
        return (losses.sum() if together else losses), count

    single = _named(lambda *inputs: from_scores(*inputs)[0], dense)
    if _tiled.transformed(inputs):
        _tiled.require_few(_tiled.FORWARD_MODE, inputs, dense)
        return from_scores(*inputs)
    wanted = [torch.is_grad_enabled() and value.requires_grad for value in inputs]
    formed = together and any(wanted)
    losses, count, gradients = sweep(*inputs, wanted=wanted, upstream=_ones(anchors) if formed else None)
    if refused:
        _checks.require_denominators(losses)
    losses = losses.sum() if together else losses
    if formed:
        losses = _tiled.Formed.apply(losses, single, (), gradients, *inputs)
    elif any(wanted):
        losses = _Each.apply(losses, sweep, single, *inputs)
    return losses, count


def _ones(rows):
    return torch.ones(len(rows), dtype=torch.float64, device=rows.device)


@torch.no_grad()
def _sweep(
    strip,
    anchors,
    candidates,
    scale,
    bias=None,
    *,
    wanted,
    upstream,
    symmetric=False,
    unit=1.0,
    learnt=None,
    scores=None,
):
    """Losses (n,), counts (n,) and, given an upstream (n,), gradients of the wanted inputs, from strip after strip.

    Parameters
    ----------
    symmetric : bool
        Whether anchors and candidates are the same rows, and a candidate is an anchor's positive if the other way round
        too: then the gradient of both sides, if it comes from one strip, is given as that of the anchors.
    unit : float
        Multiplies the logits of a strip.
    learnt, scores
        As in :func:`softmax_losses`.
    """
    anchors, candidates = anchors.detach().contiguous(), candidates.detach().contiguous()
    factor, offset = float(scale), anchors.new_zeros(()) if bias is None else bias.detach()
    height = min(len(anchors), _tiled.rows_of_a_block(len(candidates), anchors))
    buffer = anchors.new_empty(height, len(candidates))
    losses, count = _ones(anchors), _ones(anchors)
    of_anchors = torch.empty_like(anchors)
    of_candidates = candidates.new_zeros(candidates.shape[::-1])  # transposed: BLAS adds to long rows faster
    of_bias = 0.0
    with _precision.without_autocast(anchors):
        bounded = scores is None and _tiled.bound(anchors * (factor * unit), candidates) <= _tiled.SAFE_EXPONENT
        symmetric = symmetric and bounded and height == len(anchors)
        for start in range(0, len(anchors), height):
            rows = slice(start, min(start + height, len(anchors)))
            near, block = anchors[rows], buffer[: len(anchors) - start]
            if scores is None:
                torch.addmm(offset, near, candidates.T, beta=bias is not None, alpha=factor * unit, out=block)
            else:
                with torch.enable_grad():
                    sides = [side.detach().requires_grad_() for side in (near, candidates)]
                    graph = scores(*sides)
                torch.mul(graph.detach(), factor * unit, out=block)
            of_rows = None if upstream is None else upstream[rows]
            losses[rows], count[rows] = strip(block, rows, of_rows, bounded=bounded, symmetric=symmetric)
            if upstream is None:
                continue
            if scores is not None:
                of_anchors[rows], found = torch.autograd.grad(graph, sides, block)
                of_candidates += found.T
                continue
            torch.mm(block, candidates, out=of_anchors[rows])
            if wanted[1] and not symmetric:
                of_candidates[:, :learnt].addmm_(near.T, block[:, :learnt])
            if bias is not None:
                of_bias += block.sum(dtype=torch.float64)
    if upstream is None:
        return losses, count, None
    # The loss depends on the scores times the scale, so its slope is Euler's sum over one side.
    of_scale = torch.linalg.vecdot(of_anchors, anchors).sum() / (1 + symmetric) if wanted[2] else None
    found = of_anchors.mul_(factor), None if symmetric else of_candidates.mul_(factor).T, of_scale, of_bias
    return losses, count, [value if chosen else None for value, chosen in zip(found, wanted, strict=False)]


class _Each(torch.autograd.Function):
    """Losses that exist already; their gradients come from the strips computed again."""

    @staticmethod
    def forward(ctx, losses, sweep, dense, *inputs):
        ctx.sweep, ctx.dense = sweep, dense
        ctx.save_for_backward(*inputs)
        return losses.clone()

    @staticmethod
    def backward(ctx, upstream):
        inputs, wanted = ctx.saved_tensors, ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # somebody will differentiate this gradient
            found = _tiled.by_scores(ctx.dense, inputs, wanted, upstream)
        else:
            found = ctx.sweep(*inputs, wanted=wanted, upstream=upstream)[-1]
        return None, None, None, *found
