"""Losses of every anchor, from features, for any choice of positives, weights and candidates: tile by tile.

A tile of scores becomes a few sums an anchor, and these add up over the tiles of a row. The backward pass computes the
tiles again, so that no n by m matrix is ever held. Sums are kept in float64.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import _anchors, _checks, _precision, _tiled
from .scores import supcon_from_scores

LOG, PLAIN = "logaddexp", "add"  # how sums over parts of the candidates become sums over all of them


@dataclass(frozen=True)
class Pattern:
    """Which candidates an anchor has, as functions of their numbers.

    Attributes
    ----------
    positive : Tensor, shape (n,), or None
        Number of the candidate that is the positive of each anchor. Either this or `labels` is given.
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

    def of_tile(self, rows, columns, like):
        """Positives (h, w), boolean, and weights (h, w) or None, of a block of anchors and candidates."""
        numbers = torch.arange(columns.start, columns.stop, device=like.device)
        if self.labels is None:
            positives = self.positive[rows, None] == numbers
        else:
            positives = self.labels[0][rows, None] == self.labels[1][columns]
        kept = self._weights(rows, columns, positives.shape, like)
        if self.labels is not None and kept is not None:
            positives = positives & (kept != 0)  # a pair that is left out is nobody's positive
        if self.own is not None:
            itself = self.own[rows, None] == numbers
            if self.labels is not None:
                positives = positives & ~itself
            if not self.include_self:
                kept = ~itself if kept is None else kept * ~itself
        return positives, kept

    def _weights(self, rows, columns, shape, like):
        if self.weights is None:
            return None
        with torch.no_grad():
            numbers = (torch.arange(part.start, part.stop, device=like.device) for part in (rows, columns))
            anchors, candidates = numbers
            found = self.weights(self.first + anchors[:, None], candidates[None])
        return _checks.require_weights("weights", found, shape)


def softmax_tile(near, far, scale, *, pattern, rows, columns, scores=None):
    """:class:`._anchors.Sums` of one tile of inner products, or of other scores."""
    found = near @ far.T if scores is None else scores(near, far)
    return _anchors.sums(found * scale, *pattern.of_tile(rows, columns, near))


def others_tile(near, far, scale, *, pattern, rows, columns):
    """Log-sum over the candidates of one tile that are not the anchor's positive: all that one positive leaves open."""
    positives, weights = pattern.of_tile(rows, columns, near)
    logits = near @ far.T * scale
    others = logits if weights is None else _anchors.weighted(logits, weights)
    return (_anchors.log_sum(others.masked_fill(positives, -torch.inf)),)


def sigmoid_tile(near, far, scale, bias, *, pattern, rows, columns):
    """Sum over the candidates of one tile of ``-w log sigmoid(z (scale s + bias))``."""
    positives, weights = pattern.of_tile(rows, columns, near)
    logits = near @ far.T * scale + bias
    each = -torch.nn.functional.logsigmoid(torch.where(positives, logits, -logits))
    return ((each if weights is None else each * weights).sum(-1),)


def softmax_losses(anchors, candidates, temperature, pattern, *, form, positive_in_denominator, scores=None):
    """Losses (n,) and numbers of positives (n,) of anchors with any number of positives each."""
    tile = functools.partial(softmax_tile, pattern=pattern, scores=scores)
    sums = _anchors.Sums(*_over_tiles(tile, (LOG, LOG, PLAIN, PLAIN), anchors, candidates, 1 / temperature))
    losses = _anchors.loss(sums, form=form, positive_in_denominator=positive_in_denominator)
    return losses.to(anchors.dtype), sums.count


def single_losses(anchors, candidates, positives, temperature, pattern, *, positive_in_denominator):
    """Losses (n,) of anchors with one positive each, whose features are the rows of `positives`."""
    tile = functools.partial(others_tile, pattern=pattern)
    (others,) = _over_tiles(tile, (LOG,), anchors, candidates, 1 / temperature)
    positive = (anchors * positives).sum(-1) / temperature  # elementwise: out of autocast's reach
    return _anchors.single(others, positive, positive_in_denominator=positive_in_denominator).to(anchors.dtype)


def sigmoid_losses(anchors, candidates, scale, bias, pattern):
    """Sums (n,) of the sigmoid losses of every anchor's pairs."""
    (losses,) = _over_tiles(
        functools.partial(sigmoid_tile, pattern=pattern), (PLAIN,), anchors, candidates, scale, bias
    )
    return losses.to(anchors.dtype)


def _over_tiles(tile, kinds, anchors, candidates, *scalars):
    """Sums over all candidates, (n,) each, of what `tile` gives for blocks of them; `kinds` says how they add up."""
    height, width = _tiled.tile_sides(max(len(anchors), len(candidates)), anchors)
    scalars = [torch.as_tensor(value, dtype=anchors.dtype, device=anchors.device) for value in scalars]
    inputs = anchors, candidates, *scalars
    if len(anchors) <= height and len(candidates) <= width:
        return _at_once(tile, inputs)
    if _tiled.transformed(inputs):
        _tiled.require_few(_tiled.FORWARD_MODE, inputs, supcon_from_scores)
        return _at_once(tile, inputs)
    return _Tiles.apply(tile, kinds, height, width, *inputs)


def _at_once(tile, inputs):
    with _precision.without_autocast(inputs[0]):
        return tile(*inputs, rows=slice(0, len(inputs[0])), columns=slice(0, len(inputs[1])))


class _Tiles(torch.autograd.Function):
    """Sums over the candidates, tile by tile, and their derivatives from the tiles computed again."""

    @staticmethod
    def forward(ctx, tile, kinds, height, width, *inputs):
        ctx.tile, ctx.kinds, ctx.sides = tile, kinds, (height, width)
        neutral = {LOG: -math.inf, PLAIN: 0.0}
        sums = [inputs[0].new_full((len(inputs[0]),), neutral[kind], dtype=torch.float64) for kind in kinds]
        with _precision.without_autocast(inputs[0]):
            for rows, columns in _blocks(inputs, height, width):
                found = tile(inputs[0][rows], inputs[1][columns], *inputs[2:], rows=rows, columns=columns)
                for kind, total, part in zip(kinds, sums, found, strict=True):
                    total[rows] = getattr(torch, kind)(total[rows], part.double())
        ctx.save_for_backward(*inputs, *sums)
        return tuple(sums)

    @staticmethod
    def backward(ctx, *upstream):
        saved = ctx.saved_tensors  # looked at once: the hooks of torch.utils.checkpoint answer one time only
        inputs, sums = saved[: -len(ctx.kinds)], saved[-len(ctx.kinds) :]
        wanted = ctx.needs_input_grad[4:]
        if torch.is_grad_enabled():  # somebody will differentiate this gradient
            return *[None] * 4, *_again(ctx.tile, inputs, wanted, upstream)
        gradients = [torch.zeros_like(value) if chosen else None for value, chosen in zip(inputs, wanted, strict=True)]
        with _precision.without_autocast(inputs[0]):
            for rows, columns in _blocks(inputs, *ctx.sides):
                parts = inputs[0][rows], inputs[1][columns], *inputs[2:]
                leaves = [part.detach().requires_grad_(chosen) for part, chosen in zip(parts, wanted, strict=True)]
                with torch.enable_grad():
                    found = ctx.tile(*leaves, rows=rows, columns=columns)
                slopes = [
                    _share(kind, part, total[rows], slope[rows])
                    for kind, part, total, slope in zip(ctx.kinds, found, sums, upstream, strict=True)
                ]
                kept = [(part, slope) for part, slope in zip(found, slopes, strict=True) if part.requires_grad]
                targets = [(number, leaf) for number, leaf in enumerate(leaves) if leaf.requires_grad]
                parts = torch.autograd.grad(
                    [part for part, _ in kept], [leaf for _, leaf in targets], [slope for _, slope in kept]
                )
                for (number, _), part in zip(targets, parts, strict=True):
                    place = {0: rows, 1: columns}.get(number, ...)
                    gradients[number][place] += part
        return *[None] * 4, *gradients


def _share(kind, part, total, upstream):
    """Upstream of the sum over a tile, given that of the sum over all: a log-sum passes on its part of the sum."""
    if kind == LOG:
        upstream = upstream * torch.exp(part.detach() - total.masked_fill(total == -math.inf, 0.0))
    return upstream.to(part.dtype)


def _again(tile, inputs, wanted, upstream):
    """Gradients that can be differentiated again, from all the scores at once."""
    _tiled.require_few("a second derivative", inputs, supcon_from_scores)
    found = [
        (part, slope.to(part.dtype))
        for part, slope in zip(_at_once(tile, inputs), upstream, strict=True)
        if part.requires_grad
    ]
    kept = [value for value, chosen in zip(inputs, wanted, strict=True) if chosen]
    gradients = iter(
        torch.autograd.grad([part for part, _ in found], kept, [slope for _, slope in found], create_graph=True)
    )
    return [next(gradients) if chosen else None for chosen in wanted]


def _blocks(inputs, height, width):
    for top in range(0, len(inputs[0]), height):
        for left in range(0, len(inputs[1]), width):
            yield slice(top, min(top + height, len(inputs[0]))), slice(left, min(left + width, len(inputs[1])))
