"""Losses of every anchor, from features, for any choice of positives, weights and candidates: tile by tile.

A tile of scores becomes a few numbers an anchor, and these join over the tiles of a row. Tiles are checkpointed: the
backward pass computes them again, so that no n by m matrix is ever held, and every derivative is plain torch's.
"""

import functools
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from . import _anchors, _checks, _precision, _tiled


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
    weights: object = None
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
    tile = functools.partial(softmax_tile, scores=scores)
    found = _over_tiles(tile, _anchors.joined, anchors, candidates, (1 / temperature,), pattern)
    sums = _anchors.Sums(*found)
    return _anchors.loss(sums, form=form, positive_in_denominator=positive_in_denominator), sums.count


def single_losses(anchors, candidates, positives, temperature, pattern, *, positive_in_denominator):
    """Losses (n,) of anchors with one positive each, whose features are the rows of `positives`."""

    def join(pieces):
        return (_anchors.log_sum(torch.stack([others for (others,) in pieces]), 0),)

    (others,) = _over_tiles(others_tile, join, anchors, candidates, (1 / temperature,), pattern)
    with _precision.without_autocast(anchors):
        positive = (anchors * positives).sum(-1) / temperature
        return _anchors.single(others, positive, positive_in_denominator=positive_in_denominator)


def sigmoid_losses(anchors, candidates, scale, bias, pattern):
    """Sums (n,) of the sigmoid losses of every anchor's pairs."""

    def join(pieces):
        return (torch.stack([each for (each,) in pieces]).sum(0),)

    return _over_tiles(sigmoid_tile, join, anchors, candidates, (scale, bias), pattern)[0]


def _over_tiles(tile, join, anchors, candidates, scalars, pattern):
    height, width = _tiled.tile_sides(max(len(anchors), len(candidates)), anchors)
    with _precision.without_autocast(anchors):
        strips, chunks = anchors.split(height), candidates.split(width)
        found = []
        for row, strip in enumerate(strips):
            rows = slice(row * height, row * height + len(strip))
            pieces = []
            for column, chunk in enumerate(chunks):
                columns = slice(column * width, column * width + len(chunk))
                one = functools.partial(tile, pattern=pattern, rows=rows, columns=columns)
                if len(strips) == len(chunks) == 1 or _tiled.transformed((anchors, candidates)):
                    pieces.append(one(strip, chunk, *scalars))
                else:
                    pieces.append(
                        checkpoint(one, strip, chunk, *scalars, use_reentrant=False, preserve_rng_state=False)
                    )
            found.append(join(pieces))
        return [torch.cat(values) for values in zip(*found, strict=True)]
