"""What the torch packages refuse: matrices that are not square, NaN, scales that are not positive.

Every message repeats what came in. Inside ``torch.func.vmap`` no value can be looked at: only shapes are checked there.
"""

import math

import torch


def require_positive(name, value):
    """Raise ``ValueError`` unless a number, or every entry of a tensor, is positive and finite.

    >>> require_positive("temperature", 0.5)
    """
    if isinstance(value, torch.Tensor):
        bad = any_true(~((value > 0) & torch.isfinite(value)))
    else:
        bad = not (value > 0 and math.isfinite(value))
    if bad:
        raise ValueError(f"{name} is {value}, expected a positive finite number")


def require_square(name, matrix):
    """Raise ``ValueError`` unless a tensor has shape (..., n, n) with n >= 1 and holds floating numbers, no NaN."""
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or 0 in matrix.shape:
        raise ValueError(f"{name} has shape {tuple(matrix.shape)}, expected (..., n, n) with n >= 1")
    require_numbers(name, matrix)


def require_numbers(name, values):
    """Raise ``ValueError`` for an integer dtype or a NaN; infinities pass (log 0 is one)."""
    if not values.is_floating_point():
        raise ValueError(f"{name} has dtype {values.dtype}, expected a floating type")
    if any_true(torch.isnan(values)):
        raise ValueError(f"{name} holds a NaN")


def any_true(condition):
    """Whether any entry of a boolean tensor is true; False inside ``torch.func.vmap``, where that is unknowable."""
    try:
        return bool(condition.any())
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return False
