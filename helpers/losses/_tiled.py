"""Contrastive losses of inner products whose gradient is formed tile by tile, never holding an n by n matrix.

Three ideas carry the room.

* A scalar loss lets the gradient be formed in the forward pass, while a block of scores is at hand.
* The positive stays out of every sum. With ``u`` the sum of the others relative to the positive, the loss is
  ``log(1 + u)`` and the positive's weight is minus the sum of the others' weights, so nothing cancels at low
  temperature.
* Exponents are to base 2, ``log2(e) / temperature`` being folded into the features once. They need no maximum taken
  off where norms bound them (`SAFE_EXPONENT`); where norms do not, each anchor has its own reference.

Features of half precision are summed in float32; sums over candidates are kept in float64. The public entries, with
their conventions, are in :mod:`helpers.losses`.
"""

import math
import os

import torch
from torch.autograd import forward_ad

from . import _precision

# A float32 exponential neither overflows nor loses digits while |exponent| is at most this, products of two included.
SAFE_EXPONENT = 60.0
# Up to here a second derivative may take the n by n scores.
TWICE_DIFFERENTIABLE = 1024
# Bytes of one block of scores: it should stay in a core's cache, or fill a card.
CPU_BYTES, CUDA_BYTES = 2**22, 2**29
LOG2E, LN2 = math.log2(math.e), math.log(2.0)
FORWARD_MODE = "a forward-mode derivative or a transform of torch.func"


# -- the three sweeps ---------------------------------------------------------------------------------------
def one_direction(anchors, candidates, temperature, *, positive_in_denominator, scale, derivatives=True):
    """Sum of InfoNCE over anchors and its gradients, in strips of rows: three matrix products.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), float32 or float64, free of autograd
    temperature : float
    positive_in_denominator : bool
    scale : float
        Multiplies the sum: ``1 / n`` for the mean.
    derivatives : bool
        Whether the gradients are wanted.

    Returns
    -------
    tuple of Tensor
        Value (float64 scalar) and the gradients with respect to anchors and candidates (meaningless if not wanted).
    """
    n, exponents = len(anchors), anchors * (LOG2E / temperature)
    positive = _row_products(exponents, candidates)
    bounded = bound(exponents, candidates) <= SAFE_EXPONENT
    of_rows = torch.empty_like(anchors)
    of_columns = candidates.new_zeros(candidates.shape[::-1])  # transposed: BLAS adds to long rows faster
    value = positive.new_zeros((), dtype=torch.float64)
    height = rows_of_a_block(n, anchors)
    block = anchors.new_empty(min(height, n) * n)
    for start in range(0, n, height):
        rows = slice(start, min(start + height, n))
        strip = torch.mm(exponents[rows], candidates.T, out=block[: (rows.stop - start) * n].view(-1, n))
        own = strip.diagonal(start)
        reference = None
        if not bounded:
            own.fill_(-math.inf)
            reference = _references(strip.amax(1), positive[rows], positive_in_denominator)
            strip.sub_(reference[:, None])
        strip.exp2_()
        own.zero_()
        loss, weight, share = _anchor_terms(
            strip.sum(1).double(), positive[rows], reference, positive_in_denominator=positive_in_denominator
        )
        value += loss.sum()
        if derivatives:
            weight, share = (column.to(anchors.dtype)[:, None] * (scale / temperature) for column in (weight, share))
            of_rows[rows] = torch.mm(strip, candidates).mul_(weight).addcmul_(candidates[rows], share, value=-1)
            of_columns.addmm_((anchors[rows] * weight).T, strip)
            of_columns[:, rows].addcmul_(anchors[rows].T, share.T, value=-1)
    return value * scale, of_rows, of_columns.T


def two_directions(first, second, temperature, *, positive_in_denominator, scale, derivatives=True):
    """Sum of CLIP's loss over the anchors of both sides and its gradients, in two sweeps of tiles: four products.

    Arguments and results as in :func:`one_direction`; the first sweep sums both denominators, the second weighs.
    """
    exponents = first * (LOG2E / temperature)
    positive = _row_products(exponents, second)
    sweep = _Sweep(exponents, second, removed=(0,), triangle=False)
    options = {"positive_in_denominator": positive_in_denominator}
    forth, back = sweep.denominators(positive, positive, **options)
    value = (forth[0].sum() + back[0].sum()) * scale
    if not derivatives:
        return value, None, None
    gradients = sweep.weighted(forth[1], back[1], first, second)
    share = (forth[2] + back[2]).to(first.dtype)[:, None]
    for gradient, other in zip(gradients, (second, first), strict=True):
        gradient.addcmul_(other, share, value=-1).mul_(scale / temperature)
    return value, *gradients


def all_views(features, temperature, *, positive_in_denominator, include_self, scale, derivatives=True):
    """Sum of NT-Xent over 2B views and its gradient, on the upper triangle of the similarity matrix: two products.

    `features` has shape (2B, d); arguments otherwise as in :func:`one_direction`. Returns value and
    gradient.
    """
    half = len(features) // 2
    first, second = features[:half], features[half:]
    exponents = features * (LOG2E / temperature)
    positive = _row_products(exponents[:half], second).repeat(2)
    itself = _row_products(exponents, features) if include_self else None
    sweep = _Sweep(exponents, features, removed=(0, half, -half), triangle=True)
    loss, weight, share = sweep.denominators(
        positive, positive, positive_in_denominator=positive_in_denominator, itself=itself
    )[0]
    value = loss.sum() * scale
    if not derivatives:
        return value, None
    gradient = sweep.weighted(weight, weight, features, features)[0]
    both_shares = (share[:half] + share[half:]).to(features.dtype)[:, None]
    gradient[:half].addcmul_(second, both_shares, value=-1)
    gradient[half:].addcmul_(first, both_shares, value=-1)
    if include_self:
        gradient.addcmul_(features, (2 * sweep.of_itself(itself, weight)).to(features.dtype)[:, None])
    return value, gradient.mul_(scale / temperature)


def any_kernel(anchors, candidates, _, *, log_kernel, positive_in_denominator, scale, derivatives=True):
    """Sum of Kernel-InfoNCE over anchors and its gradients, in strips that autograd sees one at a time.

    `log_kernel` maps (m, d) and (n, d) to (m, n); other arguments and results as in :func:`one_direction`.
    """
    n = len(anchors)
    require_kernel(log_kernel, anchors, candidates)
    gradients = [torch.zeros_like(features) for features in (anchors, candidates)] if derivatives else (None, None)
    value = anchors.new_zeros((), dtype=torch.float64)
    height = max(1, rows_of_a_block(n, anchors) // 4)  # autograd keeps a few blocks
    for start in range(0, n, height):
        rows = slice(start, min(start + height, n))
        with torch.set_grad_enabled(derivatives):
            near, far = anchors[rows].requires_grad_(derivatives), candidates.detach().requires_grad_(derivatives)
            relative = log_kernel(near, far)
            relative = relative - relative.diagonal(start)[:, None]
            itself = torch.zeros_like(relative, dtype=torch.bool)
            itself.diagonal(start).fill_(True)
            others = relative.masked_fill(itself, -math.inf).logsumexp(1)
            each = torch.logaddexp(others, torch.zeros_like(others)) if positive_in_denominator else others
            loss = each.sum() * scale
        value += loss.detach()
        if derivatives:
            found = torch.autograd.grad(loss, (near, far))
            gradients[0][rows] = found[0]
            gradients[1] += found[1]
    return value, *gradients


def require_kernel(log_kernel, anchors, candidates):
    """Raise ``ValueError`` for a kernel that gives another shape, or holds learnt numbers."""
    with torch.enable_grad():
        sample = log_kernel(anchors[:1].detach(), candidates.detach())
    if sample.shape != (1, len(candidates)):
        raise ValueError(
            f"log_kernel gives {tuple(sample.shape)} for one anchor and {len(candidates)} candidates, "
            f"expected (1, {len(candidates)})"
        )
    if sample.requires_grad:
        raise ValueError("log_kernel holds learnt numbers, which get no gradient here: take infonce_from_scores")


class _Sweep:
    """Tiles of ``2 ** (exponents @ candidates.T)`` with some diagonals left out, over a rectangle or a triangle.

    Over a triangle, rows and columns are the same anchors; a tile off the diagonal stands for its mirror image too.
    """

    def __init__(self, exponents, candidates, *, removed, triangle):
        self.exponents, self.candidates, self.removed, self.triangle = exponents, candidates, removed, triangle
        self.height, self.width = tile_sides(len(exponents), exponents)
        self.buffers = exponents.new_empty(2, self.height * self.width)
        self.bounded = bound(exponents, candidates) <= SAFE_EXPONENT
        self.references = None

    def _ranges(self):
        n = len(self.exponents)
        for top in range(0, n, self.height):
            rows = slice(top, min(top + self.height, n))
            if self.triangle:
                yield rows, rows
            for left in range(rows.stop if self.triangle else 0, n, self.width):
                yield rows, slice(left, min(left + self.width, n))

    def _tiles(self):
        for rows, columns in self._ranges():
            shape = rows.stop - rows.start, columns.stop - columns.start
            tile = self.buffers[0, : shape[0] * shape[1]].view(shape)
            torch.mm(self.exponents[rows], self.candidates[columns].T, out=tile)
            diagonals = [tile.diagonal(rows.start - columns.start + offset) for offset in self.removed]
            if self.bounded:
                tile.exp2_()
            for diagonal in diagonals:
                diagonal.fill_(0.0 if self.bounded else -math.inf)
            yield rows, columns, tile

    def _both_ways(self, rows, columns, tile):
        """The tile relative to its rows' references and to its columns' (the same tile where none is needed)."""
        if self.bounded:
            return tile, tile
        other = torch.sub(tile, self.references[1][columns], out=self.buffers[1, : tile.numel()].view_as(tile))
        return tile.sub_(self.references[0][rows, None]).exp2_(), other.exp2_()

    def _find_references(self, positives, positive_in_denominator, itself):
        largest = [torch.full_like(positive, -math.inf) for positive in positives]
        if itself is not None:
            largest[0] = itself.clone()
        if self.triangle:
            largest[1] = largest[0]
        for rows, columns, tile in self._tiles():
            largest[0][rows] = torch.maximum(largest[0][rows], tile.amax(1))
            if not self._mirrored_in_itself(rows, columns):
                largest[1][columns] = torch.maximum(largest[1][columns], tile.amax(0))
        self.references = [
            _references(top, positive, positive_in_denominator)
            for top, positive in zip(largest, positives, strict=True)
        ]

    def _mirrored_in_itself(self, rows, columns):
        return self.triangle and rows == columns

    def denominators(self, *positives, positive_in_denominator, itself=None):
        """Loss, weight of a unit of the sums, and share of the others, per anchor: of the rows, of the columns."""
        if not self.bounded:
            self._find_references(positives, positive_in_denominator, itself)
        sums = [torch.zeros_like(positive, dtype=torch.float64) for positive in positives]
        if self.triangle:
            sums[1] = sums[0]
        for rows, columns, tile in self._tiles():
            forth, back = self._both_ways(rows, columns, tile)
            sums[0][rows] += forth.sum(1)
            if not self._mirrored_in_itself(rows, columns):
                sums[1][columns] += back.sum(0)
        if itself is not None:
            sums[0] += self.of_itself(itself, 1.0)
        return [
            _anchor_terms(
                total,
                positive,
                None if self.bounded else self.references[side],
                positive_in_denominator=positive_in_denominator,
            )
            for side, (total, positive) in enumerate(zip(sums, positives, strict=True))
        ]

    def of_itself(self, itself, weight):
        """Every anchor's own entry, in the units of its sum, times its weight."""
        return torch.exp2((itself if self.bounded else itself - self.references[0]).double()) * weight

    def weighted(self, row_weights, column_weights, first, second):
        """``W @ second`` and ``W.T @ first``, W the weights of both directions together; over a triangle their sum."""
        row_weights, column_weights = (weight.to(first.dtype) for weight in (row_weights, column_weights))
        of_rows = torch.zeros_like(first)
        of_columns = of_rows if self.triangle else torch.zeros_like(second)
        for rows, columns, tile in self._tiles():
            forth, back = self._both_ways(rows, columns, tile)
            both = self.buffers[1, : tile.numel()].view_as(tile)
            torch.mul(back, column_weights[columns], out=both)
            both.addcmul_(forth, row_weights[rows, None])
            of_rows[rows].addmm_(both, second[columns])
            if not self._mirrored_in_itself(rows, columns):
                of_columns[columns].addmm_(both.T, first[rows])
        return of_rows, of_columns


def _anchor_terms(sums, positive, reference, *, positive_in_denominator):
    """Loss, weight and share of the others from each anchor's sum over the others, all in float64."""
    relative = -positive.double() if reference is None else reference.double() - positive.double()
    log_sums = sums.log()
    log_others = log_sums + LN2 * relative
    if not positive_in_denominator:
        return log_others, 1 / sums, torch.ones_like(sums)
    weight = torch.exp(-torch.logaddexp(log_sums, -LN2 * relative))
    return torch.logaddexp(log_others, torch.zeros_like(log_others)), weight, torch.sigmoid(log_others)


def _references(largest, positive, positive_in_denominator):
    return torch.maximum(largest, positive) if positive_in_denominator else largest


def bound(exponents, candidates):
    """The largest size that an exponent may have, by the norms; raises ``ValueError`` if it is not finite."""
    norms = [torch.linalg.vector_norm(features, dim=1).max() for features in (exponents, candidates)]
    bound = float(norms[0] * norms[1])
    require_range(bound, candidates.dtype)
    return bound


def require_range(bound, dtype):
    """Raise ``ValueError`` if exponents are not finite."""
    if not math.isfinite(bound):
        raise ValueError(f"inner products divided by the temperature leave the range of {dtype}")


def _row_products(first, second):
    return torch.linalg.vecdot(first, second)


# -- sizes of blocks ----------------------------------------------------------------------------------------
def rows_of_a_block(n, like):
    """Rows of a strip of n columns that fit the block's bytes on the tensor's device; at least one."""
    return max(1, min(n, _bytes_at_hand(like) // (n * like.element_size())))


def tile_sides(n, like):
    """Height and width of a tile, about one to two, within the block's bytes; never more than n."""
    height = max(1, math.isqrt(_bytes_at_hand(like) // (8 * like.element_size())))
    return min(n, height), min(n, 2 * height)


def _bytes_at_hand(like):
    """The wanted size of a block, but no more than an eighth of the memory that is free."""
    if like.is_cuda:
        return min(CUDA_BYTES, torch.cuda.mem_get_info(like.device)[0] // 8)
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # a system that does not say
        return CPU_BYTES
    return min(CPU_BYTES, free // 8)


# -- autograd -----------------------------------------------------------------------------------------------
def scalar(sweep, dense, features, temperature, scale):
    """A loss of features whose gradients are formed while it is computed, as a differentiable scalar.

    Parameters
    ----------
    sweep : callable
        ``sweep(*features, temperature, scale=, derivatives=)`` returns the value and the gradient of every input in
        turn.
    dense : callable
        ``dense(*features, temperature)``, the same value from the n by n scores: it gives second derivatives,
        forward-mode derivatives and the transforms of ``torch.func``, up to `TWICE_DIFFERENTIABLE` anchors.
    features : tuple of Tensor, shape (n, d)
        In float32 or float64.
    temperature : float or Tensor, scalar
        A tensor may be learnt.
    scale : float
        Multiplies the sum of the losses.

    Returns
    -------
    Tensor, scalar
        In the dtype of the features.

    Raises
    ------
    RuntimeError
        If one of these derivatives is asked for over more anchors than that; for a second derivative, from the
        backward pass.
    """
    inputs = (*features, temperature) if isinstance(temperature, torch.Tensor) else features
    if transformed(inputs):
        require_few(FORWARD_MODE, inputs, dense)
        return dense(*features, temperature)
    wanted = [value.requires_grad and torch.is_grad_enabled() for value in inputs]
    with torch.no_grad(), _precision.without_autocast(features[0]):
        plain = [value.detach().contiguous() for value in features]
        value, *gradients = sweep(*plain, float(temperature), scale=scale, derivatives=any(wanted))
        value = value.to(plain[0].dtype)
        if not any(wanted):
            return value
        if len(inputs) > len(features):
            # The loss depends on features / temperature along each side, so its slope is Euler's sum over both.
            slopes = [_row_products(gradient, side).sum() for gradient, side in zip(gradients, plain, strict=True)]
            gradients.append(-sum(slopes) / (2 * float(temperature)))
        gradients = [gradient if kept else None for gradient, kept in zip(gradients, wanted, strict=True)]
    rest = (temperature,)[: len(features) + 1 - len(inputs)]
    return Formed.apply(value, dense, rest, gradients, *inputs)


def transformed(inputs):
    """Whether somebody differentiates forwards or transforms the call: then only plain torch gives the right answer."""
    if torch._C._are_functorch_transforms_active():
        return True
    if forward_ad._current_level < 0:  # nobody has entered a level of dual numbers
        return False
    return any(forward_ad.unpack_dual(value).tangent is not None for value in inputs)


def require_few(what, inputs, dense):
    """Raise ``RuntimeError``, naming the form from scores, if all scores of these inputs are too many."""
    if len(inputs[0]) > TWICE_DIFFERENTIABLE:
        raise RuntimeError(
            f"{what} over {len(inputs[0])} anchors needs all their scores, which this form never holds: "
            f"take {dense.__name__} instead"
        )


class Formed(torch.autograd.Function):
    """A scalar whose gradients exist already."""

    @staticmethod
    def forward(ctx, value, dense, rest, gradients, *inputs):
        ctx.dense, ctx.rest, ctx.inputs = dense, rest, len(inputs)
        ctx.wanted = [gradient is not None for gradient in gradients]
        ctx.save_for_backward(*inputs, *(gradient for gradient in gradients if gradient is not None))
        return value.clone()

    @staticmethod
    def backward(ctx, upstream):
        saved = ctx.saved_tensors  # looked at once: the hooks of torch.utils.checkpoint answer one time only
        inputs, formed = saved[: ctx.inputs], iter(saved[ctx.inputs :])
        if torch.is_grad_enabled():  # somebody will differentiate this gradient
            found = by_scores(ctx.dense, (*inputs, *ctx.rest), ctx.wanted, upstream)
        else:
            found = [next(formed) * upstream if wanted else None for wanted in ctx.wanted]
        return None, None, None, None, *found


def by_scores(dense, inputs, wanted, upstream):
    """Gradients that can be differentiated again, of the wanted inputs among those of ``dense``, from all scores."""
    require_few("a second derivative", inputs, dense)
    kept = [value for value, chosen in zip(inputs, wanted, strict=False) if chosen]
    found = iter(torch.autograd.grad(dense(*inputs), kept, upstream, create_graph=True))
    return [next(found) if chosen else None for chosen in wanted]
