"""What the losses refuse: matrices that are not square, NaN, rows that are no law, scales that are not positive.

Every message repeats what came in. Inside ``torch.func.vmap`` no value can be looked at: only shapes are checked there.
The package has checks of its own because it can be lifted out as a folder, with torch alone beside it.
"""

import math

import torch

Number = float | torch.Tensor  # a scale: a number, or a tensor that may be learnt


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


def require_finite_rows(name, features):
    """Raise ``ValueError`` for a matrix that is not floating or has a NaN or an infinity, naming the first bad rows."""
    if not features.is_floating_point():
        raise ValueError(f"{name} have dtype {features.dtype}, expected a floating type")
    if not any_true(~torch.isfinite(features.detach().sum(dtype=torch.promote_types(features.dtype, torch.float32)))):
        return
    bad = (~torch.isfinite(features.detach()).all(-1)).nonzero().flatten().tolist()
    if bad:  # a sum may overflow over finite rows
        named = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise ValueError(f"{name} hold a NaN or an infinity in {len(bad)} of {len(features)} rows: {named}")


def require_candidates(candidates, removed):
    """Raise ``ValueError`` unless a denominator keeps somebody."""
    if candidates <= removed:
        raise ValueError(f"{candidates} candidate(s) of which {int(removed)} do not count: the denominator is empty")


def require_stochastic(name, transition):
    """Raise ``ValueError`` unless every row is a probability vector, up to rounding of its sum."""
    sums = transition.sum(-1)
    rounding = 64 * transition.shape[-1] * torch.finfo(transition.dtype).eps
    if any_true((transition < 0) | ((sums - 1).abs() > rounding)[..., None]):
        raise ValueError(
            f"{name} is not row-stochastic: row sums from {sums.min():g} to {sums.max():g}, "
            f"smallest entry {transition.min():g}"
        )


def any_true(condition):
    """Whether any entry of a boolean tensor is true; False inside ``torch.func.vmap``, where that is unknowable."""
    try:
        return bool(condition.any())
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return False


def require_views(views):
    if views.shape[-2] % 2:
        raise ValueError(f"scores or features have shape {tuple(views.shape)}, expected an even number of views (2B)")
