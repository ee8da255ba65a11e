"""The losses of :mod:`._tiled` where all scores fit into one block: the same arithmetic without its bookkeeping.

Below a few hundred rows the operations that keep account of tiles cost more than the products. Here the temperature is
folded into the one product, and the block is turned in place into the derivative of the loss in the scores, from which
the backward pass takes the gradients. The positive's entry is minus the sum of the others, so nothing cancels here
either. One direction takes its weights from a softmax; for two directions the same powers serve both sides. Whether
there is room for that, and whether the features were finite, is seen in the losses or in the scores.

A rule maps features and a temperature to the losses of the anchors and that derivative, of their sum in the scores over
the temperature.
"""

import math

import torch

from . import _checks, _precision, _tiled
from ._tiled import LN2, LOG2E

# Where this form still gains, in bytes of all scores.
BYTES = 2**21
# As SAFE_EXPONENT of the tiles, for the ratio of a sum of powers to a power.
SAFE_EXPONENT = 52.0
# The ratio of the others' sum to the positive's power, and its inverse, stay clear of underflow up to here, in nats.
SAFE_LOSS = 60.0
LARGEST = {dtype: torch.finfo(dtype).max for dtype in (torch.float32, torch.float64)}


def fits(n, like):
    """Whether the scores of n anchors with n candidates are one block."""
    return n * n * like.element_size() <= BYTES


# -- the three rules ----------------------------------------------------------------------------------------
def one_direction(anchors, candidates, temperature, *, positive_in_denominator, derivatives=True):
    """InfoNCE over anchors; see :func:`._tiled.one_direction`."""
    factor = _within(1 / temperature, anchors)
    block = torch.addmm(anchors.new_empty(()), anchors, candidates.T, beta=0, alpha=factor)
    own = torch.softmax(block, 1, out=block).diagonal()
    positive = own.clone()
    own.zero_()
    share = block.sum(1)
    losses = torch.div(share, positive)
    losses = losses.log1p_() if positive_in_denominator else losses.log_()
    if not torch.linalg.vector_norm(losses, math.inf).item() <= SAFE_LOSS:  # a power underflowed, or a row was bad
        return _far_direction(anchors, candidates, temperature, positive_in_denominator)
    if derivatives:
        if not positive_in_denominator:
            block.div_(share[:, None])
            share.fill_(1.0)
        torch.neg(share, out=own)
    return losses, block


def _far_direction(anchors, candidates, temperature, positive_in_denominator):
    """InfoNCE where a softmax has too little room."""
    block, _ = _exponents(anchors, candidates, temperature)
    own = block.diagonal()
    level = own.to(torch.float64, copy=True)
    reference = _reference(block, (own,), 1, level, positive_in_denominator)
    block.sub_(reference[:, None]).exp2_()
    losses, weight, share = _far_terms(block.sum(1), level - reference, positive_in_denominator)
    block.mul_(weight[:, None])
    torch.neg(share, out=own)
    return losses, block


def two_directions(first, second, temperature, *, positive_in_denominator, derivatives=True):
    """CLIP over the anchors of both sides; see :func:`._tiled.two_directions`."""
    block, bounded = _exponents(first, second, temperature)
    own = block.diagonal()
    if bounded:
        block.exp2_()
        positive = own.clone()
        own.zero_()
        sums = torch.stack([block.sum(1), block.sum(0)])
        losses, weight, share = _terms(sums, positive, positive_in_denominator)
        if derivatives:
            block.mul_(torch.add(weight[0][:, None], weight[1]))
    else:
        level = own.to(torch.float64, copy=True)
        references = [_reference(block, (own,), side, level, positive_in_denominator) for side in (1, 0)]
        forth, block = (block - references[0][:, None]).exp2_(), block.sub_(references[1]).exp2_()
        sums = torch.stack([forth.sum(1), block.sum(0)])
        losses, weight, share = _far_terms(sums, level - torch.stack(references), positive_in_denominator)
        if derivatives:
            block.mul_(weight[1]).addcmul_(forth, weight[0][:, None])
    if derivatives:
        torch.neg(share.sum(0), out=own)
    return losses, block


def all_views(features, temperature, *, positive_in_denominator, include_self, derivatives=True):
    """NT-Xent over 2B views; see :func:`._tiled.all_views`. The derivative is that of both sides together."""
    half = len(features) // 2
    block, bounded = _exponents(features, features, temperature)
    partners = block.diagonal(half), block.diagonal(-half)
    removed = partners if include_self else (*partners, block.diagonal())
    if bounded:
        block.exp2_()
        positive = torch.cat(partners)
        for diagonal in removed:
            diagonal.zero_()
        losses, weight, share = _terms(block.sum(1), positive, positive_in_denominator)
        if derivatives:
            block.mul_(torch.add(weight[:, None], weight))
    else:
        level = torch.cat(partners).double()
        reference = _reference(block, removed, 1, level, positive_in_denominator)
        block.sub_(reference[:, None]).exp2_()
        losses, weight, share = _far_terms(block.sum(1), level - reference, positive_in_denominator)
        if derivatives:
            block.mul_(weight[:, None])
            block = block + block.T
    if derivatives:
        both_shares = share[:half] + share[half:]
        for offset in (half, -half):
            torch.neg(both_shares, out=block.diagonal(offset))
    return losses, block


def _exponents(near, far, temperature):
    """Scores over the temperature, to base 2, and whether their powers stay in range without a reference."""
    factor = _within(LOG2E / temperature, near)
    block = torch.addmm(near.new_empty(()), near, far.T, beta=0, alpha=factor)
    low, high = (end.item() for end in torch.aminmax(block))
    if not math.isfinite(high - low):
        for name, features in (("first", near), ("second", far)):
            _checks.require_finite_rows(f"the {name} features", features)
        _tiled.require_range(high - low, near.dtype)
    return block, max(-low, high) <= SAFE_EXPONENT


def _within(factor, like):
    """The factor; raises ``ValueError`` if it is infinite in the precision of a tensor."""
    if factor > LARGEST[like.dtype]:
        _tiled.require_range(math.inf, like.dtype)
    return factor


def _reference(block, removed, side, positive, positive_in_denominator):
    """The largest exponent that counts along a side; the removed diagonals become -inf."""
    for diagonal in removed:
        diagonal.fill_(-math.inf)
    largest = block.amax(side)
    return torch.maximum(largest, positive.to(block.dtype)) if positive_in_denominator else largest


def _terms(sums, positive, positive_in_denominator):
    """Losses, weight of a unit of the sums over the others, and share of all the others, given the positive's power."""
    if positive_in_denominator:
        weight = (sums + positive).reciprocal_()
        return torch.log1p(sums / positive), weight, weight * sums
    return torch.log(sums / positive), sums.reciprocal(), torch.ones_like(sums)


def _far_terms(sums, level, positive_in_denominator):
    """The same where powers overflow: `level` is the positive as an exponent to base 2, in the unit of the sums."""
    dtype, sums = sums.dtype, sums.double()
    log_others = sums.log().add_(level, alpha=-LN2)
    if positive_in_denominator:
        weight = torch.exp2(level).add_(sums).reciprocal_()
        found = torch.nn.functional.softplus(log_others, threshold=40), weight, weight * sums  # exp(-40) is no digit
    else:
        found = log_others, sums.reciprocal(), torch.ones_like(sums)
    return [value.to(dtype) for value in found]


# -- autograd -----------------------------------------------------------------------------------------------
def scalar(rule, dense, features, temperature, scale):
    """`scale` times the sum of the losses by a rule of this module; otherwise as :func:`._tiled.scalar`."""
    inputs = (*features, temperature) if isinstance(temperature, torch.Tensor) else features
    if _tiled.transformed(inputs):
        _tiled.require_few(_tiled.FORWARD_MODE, inputs, dense)
        return dense(*features, temperature)
    if torch.is_grad_enabled() and any(value.requires_grad for value in inputs):
        return _Scalar.apply(rule, dense, temperature, scale, len(features), *inputs)
    with torch.no_grad(), _precision.without_autocast(features[0]):
        return rule(*features, float(temperature), derivatives=False)[0].sum() * scale


class _Scalar(torch.autograd.Function):
    """A scalar whose derivative in the scores is formed with it."""

    @staticmethod
    def forward(ctx, rule, dense, temperature, scale, features, *inputs):
        ctx.dense, ctx.scale = dense, scale
        ctx.temperature = None if len(inputs) > features else temperature
        with _precision.without_autocast(inputs[0]):
            losses, slopes = rule(*inputs[:features], float(temperature))
        ctx.save_for_backward(slopes, *inputs)
        return losses.sum().mul_(scale)

    @staticmethod
    def backward(ctx, upstream):
        slopes, *inputs = ctx.saved_tensors  # looked at once: the hooks of torch.utils.checkpoint answer one time only
        arguments = inputs if ctx.temperature is None else [*inputs, ctx.temperature]
        wanted = ctx.needs_input_grad[5:]
        if torch.is_grad_enabled():  # somebody will differentiate this gradient
            return None, None, None, None, None, *_tiled.by_scores(ctx.dense, arguments, wanted, upstream)
        *features, temperature = arguments
        factor = _factor(upstream, ctx.scale, temperature)
        with _precision.without_autocast(slopes):
            return None, None, None, None, None, *_gradients(slopes, features, temperature, wanted, factor)


def _factor(upstream, scale, temperature):
    """What multiplies the derivative in the scores: a number where looking at one does not wait for a GPU."""
    if not upstream.is_cuda:
        number = upstream.item() * scale / float(temperature)
        if abs(number) <= LARGEST[upstream.dtype]:
            return number
    return upstream * (scale / temperature)


def _product(left, right, factor):
    """``factor * left @ right``, a number being multiplied within the product."""
    if isinstance(factor, torch.Tensor):
        return torch.mm(left, right).mul_(factor)
    return torch.addmm(left.new_empty(()), left, right, beta=0, alpha=factor)


def _gradients(slopes, features, temperature, wanted, factor):
    """Gradients of the wanted inputs: features, and the temperature if it is one of them."""
    learnt = len(wanted) > len(features) and wanted[-1]
    found = [_product(slopes, features[-1], factor) if wanted[0] or learnt else None]
    if len(features) == 2:
        found.append(_product(slopes.T, features[0], factor) if wanted[1] or learnt else None)
    if len(wanted) == len(features):
        return found
    if not learnt:
        return [*found, None]
    # The loss depends on features / temperature along each side, so its slope is Euler's sum over both.
    sums = [torch.linalg.vecdot(slope, side).sum() for slope, side in zip(found, features, strict=True)]
    of_features = [slope if chosen else None for slope, chosen in zip(found, wanted, strict=False)]
    return [*of_features, -sum(sums) / (2 * temperature)]
