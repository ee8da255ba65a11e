"""Kernels on embeddings as log-kernels: Gaussian, exponential family, and their mixtures.

Everything is a logarithm, because a kernel enters every loss through ``log k`` and a log-sum-exp; ``exp`` is taken
only by a caller who wants the Gram matrix. Inputs are torch tensors, differentiable, batch dimensions first.

Two scales, never mixed: the Gaussian takes ``temperature`` and is exp(-d^2 / (2 temperature)), so that on the unit
sphere it is the cosine softmax at that temperature; the exponential family takes ``scale`` and is
exp(-d^exponent / scale). At exponent 2 they agree for scale = 2 * temperature.
"""

import torch
from torch import Tensor

from . import _checks, _precision
from ._checks import Number


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances between the rows of two sets of points, formed from the differences.

    Differences keep full relative precision for points that are close together (the expansion
    |x|^2 + |y|^2 - 2 x.y does not) at the price of an intermediate array of size n * m * d.

    Parameters
    ----------
    x : Tensor, shape (..., n, d), floating
    y : Tensor, shape (..., m, d), floating

    Returns
    -------
    Tensor, shape (..., n, m)
        Unit: that of x, squared; float32 for half precision.

    Raises
    ------
    ValueError
        If the last dimensions differ, either has fewer than two dimensions, or an integer dtype.
    TypeError
        If either is no tensor.

    >>> squared_distances(torch.tensor([[0.0], [3.0]]), torch.tensor([[1.0]])).tolist()
    [[1.0], [4.0]]
    """
    _checks.require_tensors(x=x, y=y)
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}, expected (..., n, d) and (..., m, d)")
    return (_precision.full(x)[..., :, None, :] - _precision.full(y)[..., None, :, :]).square().sum(-1)


def log_gaussian(squared: Tensor, *, temperature: Number) -> Tensor:
    """Log of the Gaussian kernel, -d^2 / (2 temperature) (Tan et al. 2024, the kernel of Theorem 3.1).

    Parameters
    ----------
    squared : Tensor, any shape
        Squared distances.
    temperature : float or Tensor, > 0
        Unit of `squared`; a tensor broadcasts.

    Returns
    -------
    Tensor, shape of `squared`

    Raises
    ------
    ValueError
        If `temperature` is not positive and finite.

    >>> log_gaussian(torch.tensor(4.0), temperature=0.5).item()
    -4.0
    """
    _checks.require_tensors(squared=squared)
    _checks.require_positive("temperature", temperature)
    return -squared / (2 * temperature)


def log_exponential(squared: Tensor, *, exponent: float, scale: Number) -> Tensor:
    """Log of the exponential family, -d^exponent / scale (Tan et al. 2024, Section 5).

    Exponent 1 is the Laplacian kernel, 2 the Gaussian with scale = 2 * temperature. Positive definite in every
    dimension iff exponent <= 2 (Schoenberg 1938). For exponent != 2 the derivative at d = 0 does not exist or
    vanishes; it is set to zero there, in every direction alike.

    Parameters
    ----------
    squared : Tensor, any shape
        Squared distances d^2.
    exponent : float > 0
        Of the distance, not of its square.
    scale : float or Tensor, > 0
        Unit of d^exponent; a tensor broadcasts.

    Returns
    -------
    Tensor, shape of `squared`

    Raises
    ------
    ValueError
        If `exponent` or `scale` is not positive and finite.

    >>> log_exponential(torch.tensor(9.0), exponent=1, scale=2.0).item()
    -1.5
    """
    _checks.require_tensors(squared=squared)
    _checks.require_positive("exponent", exponent)
    _checks.require_positive("scale", scale)
    if exponent == 2:
        return -squared / scale
    apart = squared > 0
    power = torch.where(apart, squared, torch.ones_like(squared)) ** (exponent / 2)
    return torch.where(apart, -power / scale, torch.zeros_like(power))


def log_sum(*log_kernels: Tensor) -> Tensor:
    """Log of a sum of kernels, ``log sum_m exp(log k_m)``: the "simple sum" of Tan et al. (2024).

    Parameters
    ----------
    *log_kernels : Tensor
        At least one; shapes broadcast.

    Returns
    -------
    Tensor

    >>> round(log_sum(torch.tensor(0.0), torch.tensor(0.0)).item(), 4)
    0.6931
    """
    if not log_kernels:
        raise ValueError("log_sum got no kernel, expected at least one")
    return torch.stack(torch.broadcast_tensors(*log_kernels)).logsumexp(0)


def log_concatenation(x: Tensor, y: Tensor, *, temperature: Number, scale: Number) -> Tensor:
    """Log of the "concatenation sum" of Tan et al. (2024): Gaussian on the first half of the coordinates plus
    Laplacian (exponent 1) on the second half.

    Parameters
    ----------
    x, y : Tensor, shapes (..., n, d) and (..., m, d), d even
    temperature : float > 0
        Of the Gaussian half.
    scale : float > 0
        Of the Laplacian half.

    Returns
    -------
    Tensor, shape (..., n, m)

    Raises
    ------
    ValueError
        If d is odd, or a scale is not positive.

    >>> points = torch.zeros(3, 4)
    >>> round(log_concatenation(points, points, temperature=1.0, scale=1.0)[0, 0].item(), 4)
    0.6931
    """
    _checks.require_tensors(x=x, y=y)
    if x.shape[-1] % 2:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected an even last dimension: one half for each kernel")
    half = x.shape[-1] // 2
    gaussian = log_gaussian(squared_distances(x[..., :half], y[..., :half]), temperature=temperature)
    laplacian = log_exponential(squared_distances(x[..., half:], y[..., half:]), exponent=1, scale=scale)
    return log_sum(gaussian, laplacian)
