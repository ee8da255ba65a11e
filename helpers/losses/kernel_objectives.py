"""Kernel-InfoNCE as a training objective: NT-Xent on two views with the kernels of Tan et al. (2024, Table 1)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from . import _checks, _precision, kernels, scores

EXPONENTS = {"gaussian": 2, "laplacian": 1, "exponent 0.5": 0.5}
KERNELS = (*EXPONENTS, "sum of kernels", "sum of losses", "concatenation")


def objective(kernel: str, scale: float) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss on two views of a batch: NT-Xent with this kernel, exp(-d^exponent / scale) on unit-length outputs.

    All 2B views are candidates, the positive among them and the anchor not. For exponent 2 the cosine temperature is
    scale / 2. "Sum of kernels" (the paper's Simple Sum) and "sum of losses" (its released code) join the Gaussian and
    the Laplacian kernel at one scale, the latter by averaging; "concatenation" is the sum with the Gaussian on the
    first half of the outputs and the Laplacian on the second, each half of unit length: see :func:`output_width`.

    Parameters
    ----------
    kernel : str
        One of ``KERNELS``.
    scale : float > 0
        Unit of distance^exponent.

    Returns
    -------
    callable
        Maps two Tensors of shape (B, d) to a scalar, in nats; float32 for half precision.

    Raises
    ------
    ValueError
        If there is no such kernel; the message lists those there are.

    >>> loss = objective("gaussian", 0.2)(torch.eye(3), torch.eye(3))
    >>> round(loss.item(), 4)  # log of 1 + 4 exp(-2 / 0.2)
    0.0002
    """
    if kernel not in KERNELS:
        raise ValueError(f"no kernel is named {kernel!r}; there are {', '.join(KERNELS)}")

    def log_kernel(squared, exponent):
        return kernels.log_exponential(squared, exponent=exponent, scale=scale)

    def loss(first, second):
        _checks.require_tensors(first=first, second=second)
        with _precision.without_autocast(first):
            return of_points(_precision.full(torch.cat([first, second])))

    def of_points(points):
        if kernel == "concatenation":
            halves = [_squared(half) for half in points.chunk(2, dim=1)]
        else:
            halves = [_squared(points)] * 2
        if kernel in EXPONENTS:
            return _ntxent(log_kernel(halves[0], EXPONENTS[kernel]))
        pair = [log_kernel(squared, exponent) for squared, exponent in zip(halves, (2, 1), strict=True)]
        if kernel == "sum of losses":
            return (_ntxent(pair[0]) + _ntxent(pair[1])) / 2
        return _ntxent(kernels.log_sum(*pair))

    return loss


def output_width(kernel: str, width: int) -> int:
    """Outputs an encoder needs so that each kernel sees this many: twice as many for the concatenation.

    >>> output_width("gaussian", 64), output_width("concatenation", 64)
    (64, 128)
    """
    return 2 * width if kernel == "concatenation" else width


def _squared(points):
    unit = functional.normalize(points, dim=-1)
    return 2 - 2 * unit @ unit.T


def _ntxent(log_kernel):
    each = scores.ntxent_from_scores(log_kernel, temperature=1.0, positive_in_denominator=True, include_self=False)
    return each.mean()
