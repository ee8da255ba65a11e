"""Adversaries: exact projections, one-step and iterative attacks, random search, and closed-form worst cases.

Inputs are vectors along the last axis (flatten images first). A loss is a callable that maps inputs of shape
(..., d) to one value each, shape (...), and every attack *maximises* it; another shape is refused, so that neither a
mean nor unflattened images are attacked by mistake. Starts carry a leading axis, so that all restarts are one batch.
The allowed set is the ball of ``radius`` around each centre, cut with the data range [low, high] where one is given.
Attacks take gradients also where the caller has switched them off (``torch.no_grad``, ``torch.inference_mode``).
Torch, differentiable losses, any device and floating type.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from helpers import losses, validation
from helpers.optimise import scaling

NORMS = (2, math.inf)
Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Attack:
    """The worst points found.

    Attributes
    ----------
    points : Tensor, shape (..., d)
        Inside the allowed set.
    values : Tensor, shape (...)
        The loss there; NaN only if it is NaN at every point that was tried.
    """

    points: torch.Tensor
    values: torch.Tensor


# -- the allowed set ----------------------------------------------------------------------------------------------
def project(
    points: Tensor, centres: Tensor, radius: float, *, norm: float, low: float = -math.inf, high: float = math.inf
) -> Tensor:
    """Nearest allowed points, exactly: the Euclidean projection onto ball and data range together.

    For the l2 ball with a data range the projection is ``clamp(c + t (x - c))`` with the largest t in [0, 1] that
    lies in the ball; t is found by sorting, without iterations.

    Parameters
    ----------
    points : Tensor, shape (..., d)
    centres : Tensor, shape (..., d), broadcast against `points`
        Inside [low, high].
    radius : float >= 0
    norm : 2 or math.inf
    low, high : float
        Range of every coordinate.

    Returns
    -------
    Tensor, shape (..., d)

    Raises
    ------
    ValueError
        For another norm, a negative radius, or centres that are no floating Tensor, hold a NaN or leave the range.

    >>> project(torch.tensor([3.0, 4.0]), torch.zeros(2), 1.0, norm=2)
    tensor([0.6000, 0.8000])
    """
    return _projection(centres, radius, norm, low, high)(points)


def _projection(centres, radius, norm, low, high):
    """The projection as a function of the points, its checks and its box made once."""
    _check(centres, radius, norm, low, high)
    if norm == math.inf:
        box = (centres - radius).clamp(min=low), (centres + radius).clamp(max=high)
        return lambda points: points.clamp(*box)
    return lambda points: _onto_ball(points, centres, radius, low, high)


def _onto_ball(points, centres, radius, low, high):
    step, radius, range_of = points - centres, float(radius), torch.finfo(centres.dtype)
    if radius > range_of.max:
        return (centres + step).clamp(low, high)
    # Steps and lengths in units of powers of two near their sizes: squares stay in range and no digit changes.
    unit, own = 2.0 ** (math.frexp(max(radius, range_of.tiny))[1] - 1), scaling.power_of_two(step)
    whole, step, radius = step, step / own, radius / unit
    room = (torch.where(step > 0, high - centres, centres - low) + 0 * step) / unit
    size = step.abs()
    wall = torch.where(size > 0, room / torch.where(size > 0, size, 1.0), math.inf)  # coordinate stops at t = wall
    order = wall.argsort(dim=-1)
    wall_sorted, square = wall.gather(-1, order), (size**2).gather(-1, order)
    stopped = torch.where(wall_sorted.isfinite(), (room**2).gather(-1, order), 0.0).cumsum(dim=-1)
    moving = square.flip(-1).cumsum(dim=-1).flip(-1)
    before = torch.cat([torch.zeros_like(stopped[..., :1]), stopped[..., :-1]], dim=-1)
    # with the first k coordinates stopped, |y(t) - c|^2 = before_k + t^2 moving_k
    reached = torch.where(
        moving > 0, (radius**2 - before).clamp(min=0) / torch.where(moving > 0, moving, 1.0), math.inf
    )
    feasible = (reached.sqrt() <= wall_sorted).int()
    first = feasible.argmax(dim=-1, keepdim=True)
    found = torch.where(feasible.any(dim=-1, keepdim=True), reached.sqrt().gather(-1, first), math.inf)
    cut = torch.where(found * unit < own, unit * found * step, whole)  # t = 1 is the point itself
    return (centres + cut).clamp(low, high)


def steepest(gradient: Tensor, radius: float | Tensor, *, norm: float) -> Tensor:
    """The step of this length along which a linear function grows most; zero where the gradient is.

    Parameters
    ----------
    gradient : Tensor, shape (..., d)
        Of any size: only its direction counts.
    radius : float, or Tensor that broadcasts against (..., 1)
        Negative: the step along which the function falls most.
    norm : 1, 2 or math.inf
        Norm of the step; the growth is ``radius * dual_norm(gradient)``.

    Returns
    -------
    Tensor, shape (..., d)

    Raises
    ------
    ValueError
        For another norm, a radius that is NaN, or a gradient with a NaN or an infinity.

    >>> steepest(torch.tensor([3.0, -4.0]), 1.0, norm=1)
    tensor([ 0., -1.])
    """
    if norm not in (1, *NORMS):
        raise ValueError(f"norm is {norm}, expected 1, 2 or math.inf")
    if validation.any_true(torch.isnan(torch.as_tensor(radius))):
        raise ValueError(f"radius is {radius}, expected a number")
    if validation.any_true(~torch.isfinite(gradient)):
        raise ValueError("gradient holds a NaN or an infinity: no direction is steepest")
    if norm == math.inf:
        return radius * gradient.sign()
    if norm == 1:
        largest = torch.nn.functional.one_hot(gradient.abs().argmax(dim=-1), gradient.shape[-1])
        return radius * largest.to(gradient.dtype) * gradient.sign()
    gradient = gradient / scaling.power_of_two(gradient)
    length = torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
    return radius * gradient / torch.where(length > 0, length, 1.0)


def dual_norm(vectors: Tensor, norm: float) -> Tensor:
    """``max v.d`` over ``|d|_norm <= 1``: the q-norm with 1/p + 1/q = 1.

    >>> dual_norm(torch.tensor([3.0, -4.0]), math.inf).item()
    7.0
    """
    if not norm >= 1:
        raise ValueError(f"norm is {norm}, expected a number >= 1")
    dual = {1: math.inf, math.inf: 1}.get(norm) or norm / (norm - 1)
    scale = scaling.power_of_two(vectors)
    return scale[..., 0] * torch.linalg.vector_norm(vectors / scale, ord=dual, dim=-1)


def random_points(
    centres: Tensor,
    radius: float,
    *,
    norm: float,
    count: int,
    generator: torch.Generator,
    low: float = -math.inf,
    high: float = math.inf,
) -> Tensor:
    """Points drawn uniformly from the ball (then projected onto the range), drawn on the CPU and moved.

    Draw number r is the same whatever `count` is.

    Parameters
    ----------
    centres : Tensor, shape (..., d)
    radius : float
    norm : 2 or math.inf
    count : int
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor, shape (count, ..., d)
    """
    _check(centres, radius, norm, low, high)
    if count < 1:
        raise ValueError(f"count is {count}, expected at least one point")
    draws = [_unit_ball(centres, norm, generator) for _ in range(count)]
    return project(centres + radius * torch.stack(draws), centres, radius, norm=norm, low=low, high=high)


# -- attacks ------------------------------------------------------------------------------------------------------
def fgsm(
    loss: Loss, centres: Tensor, *, radius: float, norm: float, low: float = -math.inf, high: float = math.inf
) -> Tensor:
    """One steepest step of full length from the centre (Goodfellow et al. 2015; l2 as well as l_inf).

    Parameters
    ----------
    loss : callable
    centres : Tensor, shape (..., d)
    radius, norm, low, high
        As :func:`project`.

    Returns
    -------
    Tensor, shape (..., d)

    Raises
    ------
    ValueError
        If the loss does not give one value a point or does not depend on them, its gradient at a centre is not
        finite, or as :func:`project`.
    """
    _check(centres, radius, norm, low, high)
    step = steepest(_slope(loss, centres)[1], radius, norm=norm)
    return project(centres + step, centres, radius, norm=norm, low=low, high=high)


def pgd(
    loss: Loss,
    centres: Tensor,
    starts: Tensor,
    *,
    radius: float,
    norm: float,
    step_sizes: Sequence[float],
    low: float = -math.inf,
    high: float = math.inf,
) -> Attack:
    """Projected steepest ascent from every start at once (Madry et al. 2018); the best point of all is kept.

    The candidates are all starts and all iterates. A longer schedule with the same beginning, more starts, or a larger
    ball with the smaller ball's answer among the starts therefore never gives a smaller value. A NaN is worth less
    than any number, and a path ends at a point where the gradient is not finite; other starts go on.

    Parameters
    ----------
    loss : callable
    centres : Tensor, shape (..., d)
    starts : Tensor, shape (count, ..., d)
        Such as ``centres[None]``, :func:`random_points`, or the answer for a smaller radius; projected first.
    radius, norm, low, high
        As :func:`project`.
    step_sizes : sequence of float
        One a step; negative ones lead downhill, for controls.

    Returns
    -------
    Attack

    Raises
    ------
    ValueError
        If the starts do not fit the centres, a step size is not finite, the loss does not give one value a point
        or does not depend on them, or as :func:`project`.
    """
    nearest = _projection(centres, radius, norm, low, high)
    if starts.shape[1:] != centres.shape or len(starts) == 0:
        raise ValueError(f"starts has shape {tuple(starts.shape)}, expected (count >= 1, {tuple(centres.shape)})")
    if not all(math.isfinite(size) for size in step_sizes):
        raise ValueError(f"step_sizes are {list(step_sizes)}, expected finite numbers")
    points = nearest(starts).detach()
    best = None
    for size in step_sizes:
        values, gradient = _slope(loss, points)
        best = _better(best, points, values)
        gradient = torch.where(torch.isfinite(gradient).all(-1, keepdim=True), gradient, 0.0)
        points = nearest(points + steepest(gradient, size, norm=norm))
    return _best(*_better(best, points, _values(loss, points)))


def random_search(
    loss: Loss,
    centres: Tensor,
    *,
    radius: float,
    norm: float,
    draws: int,
    generator: torch.Generator,
    low: float = -math.inf,
    high: float = math.inf,
) -> Attack:
    """The best of `draws` random points: an attack without gradients.

    Parameters
    ----------
    loss : callable
    centres : Tensor, shape (..., d)
    radius, norm, low, high
        As :func:`project`.
    draws : int
        At least 1.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Attack

    Raises
    ------
    ValueError
        If the loss does not give one value a point, no point is to be drawn, or as :func:`project`.
    """
    ball = {"norm": norm, "low": low, "high": high}
    points = random_points(centres, radius, count=draws, generator=generator, **ball)
    return _best(points, _values(loss, points))


# -- what is attacked ---------------------------------------------------------------------------------------------
def supervised_losses(features: Tensor, labels: Tensor, weights: Tensor, bias: Tensor) -> Tensor:
    """Cross-entropy of a linear classifier.

    Parameters
    ----------
    features : Tensor, shape (..., n, m)
    labels : Tensor of int, shape (n,) or (..., n)
    weights : Tensor, shape (classes, m) or (..., classes, m)
    bias : Tensor, shape (classes,) or (..., 1, classes)

    Returns
    -------
    Tensor, shape (..., n)
        In nats.
    """
    logits = features @ weights.mT + bias
    chosen = logits.gather(-1, labels.expand(logits.shape[:-1])[..., None])[..., 0]
    return logits.logsumexp(dim=-1) - chosen


def anchor_losses(
    anchors: Tensor, positives: Tensor, negatives: Tensor, *, temperature: float, weight: float
) -> Tensor:
    """InfoNCE of attacked anchors; positives and negatives stay clean.

    ``-z.z+/t + log(exp(z.z+/t) + weight/K sum_k exp(z.z_k/t))``: the positive is in the denominator.

    Parameters
    ----------
    anchors, positives : Tensor, shape (..., n, m)
    negatives : Tensor, shape (..., K, m) shared by the anchors, or (..., n, K, m)
        The latter if it has one axis more than `positives`.
    temperature, weight : float > 0
        ``weight`` is the total weight of the negatives; K gives van den Oord et al. (2018), eq. (4).

    Returns
    -------
    Tensor, shape (..., n)
        In nats.
    """
    own = negatives.ndim > positives.ndim
    scores = (negatives @ anchors[..., None])[..., 0] if own else anchors @ negatives.mT
    share = temperature * math.log(weight / scores.shape[-1])
    positive = (anchors * positives).sum(dim=-1)
    return losses.bank_infonce_from_scores(
        positive, scores + share, temperature=temperature, positive_in_denominator=True
    )


# -- closed forms -------------------------------------------------------------------------------------------------
def cap_half_angle(radius: float, length: Tensor) -> Tensor:
    """Half angle of the cap ``(x + d)/|x + d|``, ``|d|_2 <= radius < |x|``: arcsin(radius / |x|).

    Raises
    ------
    ValueError
        If a ball holds the origin: every direction can then be reached.
    """
    length = torch.as_tensor(length)
    if torch.any(length <= radius):
        raise ValueError(f"radius is {radius} and the shortest vector {length.min().item()}: the ball holds the origin")
    return torch.arcsin(radius / length)


def cap_maximum(vectors: Tensor, axes: Tensor, half_angle: Tensor) -> Tensor:
    """Largest inner product with a unit vector within an angle of an axis: ``|v| cos(max(0, angle - half_angle))``.

    Parameters
    ----------
    vectors, axes : Tensor, shape (..., m)
        Axes need not have unit length.
    half_angle : Tensor, shape (...)
        In [0, pi], radians.

    Returns
    -------
    Tensor, shape (...)
    """
    axes = torch.nn.functional.normalize(axes, dim=-1)
    along = (vectors * axes).sum(dim=-1)
    across = torch.linalg.vector_norm(vectors - along[..., None] * axes, dim=-1)
    outside = (torch.atan2(across, along) - half_angle).clamp(min=0)
    return torch.linalg.vector_norm(vectors, dim=-1) * outside.cos()


def _slope(loss, points):
    with torch.inference_mode(False), torch.enable_grad():
        leaf = points.clone().detach().requires_grad_()  # a copy: what inference mode made takes no gradient
        values = _one_a_point(loss(leaf), leaf)
        if not values.requires_grad:
            raise ValueError("the loss does not depend on the points it is given: is its graph cut by a detach?")
        gradient = torch.autograd.grad(values.sum(), leaf, allow_unused=True)[0]
    if gradient is None:
        raise ValueError("the loss does not depend on the points it is given: is its graph cut by a detach?")
    return values.detach(), gradient


def _values(loss, points):
    with torch.no_grad():
        return _one_a_point(loss(points), points)


def _one_a_point(values, points):
    if not isinstance(values, torch.Tensor) or values.shape != points.shape[:-1]:
        found = f"shape {tuple(values.shape)}" if isinstance(values, torch.Tensor) else f"a {type(values).__name__}"
        raise ValueError(
            f"the loss gave {found} for points of shape {tuple(points.shape)}, expected one value a point, shape "
            f"{tuple(points.shape[:-1])}: points are vectors along the last axis, images have to be flattened"
        )
    return values


def _better(best, points, values):
    if best is None:
        return points, values
    wins = (values > best[1]) | (best[1].isnan() & ~values.isnan())
    if wins.all():  # nearly every step of an ascent: nothing to copy
        return points, values
    return torch.where(wins[..., None], points, best[0]), torch.where(wins, values, best[1])


def _best(points, values):
    """The best of several points, along the first axis; a NaN only where all are NaN."""
    winner = torch.where(values.isnan(), -math.inf, values).argmax(dim=0)
    index = winner[None, ..., None].expand(1, *points.shape[1:])
    return Attack(points.gather(0, index)[0], values.gather(0, winner[None])[0])


def _unit_ball(centres, norm, generator):
    if norm == math.inf:
        draw = 2 * torch.rand(centres.shape, generator=generator, dtype=centres.dtype) - 1
    else:
        direction = torch.nn.functional.normalize(
            torch.randn(centres.shape, generator=generator, dtype=centres.dtype), dim=-1
        )
        height = torch.rand(centres.shape[:-1], generator=generator, dtype=centres.dtype)
        draw = direction * height[..., None] ** (1 / centres.shape[-1])
    return draw.to(centres.device)


def _check(centres, radius, norm, low, high):
    if norm not in NORMS:
        raise ValueError(f"norm is {norm}, expected 2 or math.inf")
    if not radius >= 0:
        raise ValueError(f"radius is {radius}, expected a number >= 0")
    if not isinstance(centres, torch.Tensor) or not centres.is_floating_point():
        kind = f"dtype {centres.dtype}" if isinstance(centres, torch.Tensor) else f"type {type(centres).__name__}"
        raise ValueError(f"centres have {kind}, expected a Tensor of a floating type")
    if torch.any(torch.isnan(centres)):
        raise ValueError("a centre holds a NaN")
    if (math.isfinite(low) or math.isfinite(high)) and torch.any((centres < low) | (centres > high)):
        raise ValueError(f"a centre lies outside the data range [{low}, {high}]")
