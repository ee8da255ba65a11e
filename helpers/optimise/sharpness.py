"""Steps of sharpness-aware minimisation: to the worst weights of a ball, and the gradient there.

Torch, any dtype and device.
"""

import torch

from helpers import validation

from . import scaling


def sam_step(gradient, radius):
    """Worst step of the linearised loss in the ball |e| <= radius: ``radius * g / |g|``.

    Parameters
    ----------
    gradient : Tensor, shape (..., T)
        Of any size: only its direction counts.
    radius : float, or Tensor that broadcasts against (..., 1); >= 0

    Returns
    -------
    Tensor, shape (..., T)

    Raises
    ------
    ValueError
        If a gradient is zero (every step is then as good), NaN or infinite, or the radius is negative or NaN.

    >>> sam_step(torch.tensor([3.0, 4.0]), 1.0)
    tensor([0.6000, 0.8000])
    """
    _check_step(gradient, radius)
    direction = gradient / scaling.power_of_two(gradient)
    return radius * direction / _length(direction)


def asam_step(gradient, parameters, radius):
    """Worst step of the linearised loss in the ellipsoid |e / |theta|| <= radius: ``radius theta^2 g / ||theta| g|``.

    Parameters
    ----------
    gradient, parameters : Tensor, shape (..., T)
    radius : float, or Tensor that broadcasts against (..., 1); >= 0

    Returns
    -------
    Tensor, shape (..., T)

    Raises
    ------
    ValueError
        If ``|theta| g`` is zero, an entry is NaN or infinite, or the radius is negative or NaN.

    >>> asam_step(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 0.0]), 2.0)
    tensor([2., 0.])
    """
    _check_step(gradient, radius)
    if validation.any_true(~torch.isfinite(parameters)):
        raise ValueError("the parameters hold a NaN or an infinity")
    # The direction for every size of the numbers; and the formula as it stands, where its squares are in range.
    weighted = parameters.abs() / scaling.power_of_two(parameters) * (gradient / scaling.power_of_two(gradient))
    direction = weighted / scaling.power_of_two(weighted)
    always = radius * parameters.abs() * (direction / _length(direction))
    length = torch.linalg.vector_norm(parameters.abs() * gradient, dim=-1, keepdim=True)
    formula = radius * parameters**2 * gradient / length
    bounds = torch.finfo(length.dtype)
    low, high = bounds.tiny**0.5 / bounds.eps, bounds.max**0.5 * bounds.eps
    largest = parameters.abs().amax(-1, keepdim=True)
    in_range = (torch.minimum(length, largest) > low) & (torch.maximum(length, largest) < high)
    in_range &= formula.isfinite().all(-1, keepdim=True)
    return torch.where(in_range, formula, always)


def gradient_at_worst_neighbour(objective, parameters, radius, *, adaptive):
    """Gradient used by sharpness-aware minimisation: of the objective at the weights moved by one worst step.

    Parameters
    ----------
    objective : callable
        Takes no argument, reads `parameters` and returns a differentiable scalar. It is called twice.
    parameters : sequence of Tensor that require gradients
        One ball for all of them together. Their values are the same afterwards.
    radius : float
    adaptive : bool
        ASAM's ellipsoid instead of SAM's ball.

    Returns
    -------
    list of Tensor
        Shaped like the parameters; a parameter without influence gets zeros (never None).
    """
    parameters = list(parameters)
    before = [parameter.detach().clone() for parameter in parameters]
    gradient, flat = _flat(_gradients(objective, parameters)), _flat(before)
    step = asam_step(gradient, flat, radius) if adaptive else sam_step(gradient, radius)
    pieces = step.split([parameter.numel() for parameter in parameters])
    with torch.no_grad():
        for parameter, piece in zip(parameters, pieces, strict=True):
            parameter.add_(piece.reshape(parameter.shape))
    try:
        return _gradients(objective, parameters)
    finally:
        with torch.no_grad():
            for parameter, value in zip(parameters, before, strict=True):
                parameter.copy_(value)


def _gradients(objective, parameters):
    found = torch.autograd.grad(objective(), parameters, allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, found, strict=True)]


def _flat(tensors):
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def _length(vector):
    length = torch.linalg.vector_norm(vector, dim=-1, keepdim=True)
    if validation.any_true(length == 0):
        raise ValueError("the gradient is zero: no step is worse than another")
    return length


def _check_step(gradient, radius):
    if validation.any_true(~torch.isfinite(gradient)):
        raise ValueError("the gradient holds a NaN or an infinity")
    if validation.any_true(~(torch.as_tensor(radius) >= 0)):
        raise ValueError(f"radius is {radius}, expected a number >= 0")
