"""What the losses refuse: matrices that are not square, NaN, rows that are no law, scales that are not positive.

Every message repeats what came in. Inside ``torch.func.vmap`` no value can be looked at: only shapes are checked there.
The package has checks of its own because it can be lifted out as a folder, with torch alone beside it.
"""

import math

import torch

from . import _precision

Number = float | torch.Tensor  # a scale: a number, or a tensor that may be learnt


def require_positive(name, value):
    """Raise ``ValueError`` unless a number, or every entry of a tensor, is positive and finite, ``TypeError`` else.

    >>> require_positive("temperature", 0.5)
    """
    _require_number(name, value, "a positive finite number", lambda x: x > 0)


def require_finite(name, value):
    """Raise ``ValueError`` unless a number, or every entry of a tensor, is finite, ``TypeError`` else.

    >>> require_finite("bias", -10)
    """
    _require_number(name, value, "a finite number", lambda x: x == x)


def _require_number(name, value, expected, accepted):
    if isinstance(value, torch.Tensor):
        bad = any_true(~(accepted(value) & torch.isfinite(value)))
    else:
        try:
            bad = not (accepted(value) and math.isfinite(value))
        except (TypeError, ValueError):
            raise TypeError(f"{name} is {value!r}, expected a number or a torch.Tensor") from None
    if bad:
        raise ValueError(f"{name} is {value}, expected {expected}")


def require_tensors(**values):
    """Raise ``TypeError`` for what is no tensor, ``ValueError`` for one that is not dense and floating."""
    for name, value in values.items():
        if not isinstance(value, torch.Tensor):
            kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
            raise TypeError(f"{name} is of type {kind}, expected a torch.Tensor of a floating type")
        if not value.is_floating_point():
            raise ValueError(f"{name} has dtype {value.dtype}, expected a floating type")
        if value.layout != torch.strided:
            raise ValueError(f"{name} has layout {value.layout}, expected a dense tensor")


def require_square(name, matrix):
    """Raise ``ValueError`` unless a tensor has shape (..., n, n) with n >= 1 and holds floating numbers, no NaN."""
    require_tensors(**{name: matrix})
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or 0 in matrix.shape:
        raise ValueError(f"{name} has shape {tuple(matrix.shape)}, expected (..., n, n) with n >= 1")
    require_numbers(name, matrix)


def require_numbers(name, values):
    """Raise for what is no floating tensor, or holds a NaN or +inf; -inf, the log of zero, passes."""
    require_tensors(**{name: values})
    if any_true(~(values < math.inf)):
        raise ValueError(f"{name} holds a NaN" if any_true(torch.isnan(values)) else f"{name} holds +inf")


def require_finite_rows(name, features):
    """Raise ``ValueError`` for a matrix with a NaN or an infinity, naming the first bad rows."""
    try:
        if math.isfinite(features.detach().sum(dtype=_precision.summed(features.dtype)).item()):
            return
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return
    bad = ~torch.isfinite(features.detach()).all(-1)
    if any_true(bad):  # a sum may overflow over finite rows
        raise ValueError(f"{name} hold a NaN or an infinity in {named(bad)}")


def require_weights(name, weights, shape):
    """Weights of pairs, boolean or floating and not negative, expanded to a shape; raises for anything else."""
    if not isinstance(weights, torch.Tensor):
        raise TypeError(f"{name} gives {type(weights).__name__}, expected a torch.Tensor")
    if weights.dtype != torch.bool and not weights.is_floating_point():
        raise ValueError(f"{name} has dtype {weights.dtype}, expected bool or a floating type")
    if weights.dtype != torch.bool and any_true(~(weights >= 0)):
        raise ValueError(f"{name} holds a negative number or a NaN")
    try:
        return weights.expand(shape)
    except RuntimeError:
        raise ValueError(f"{name} has shape {tuple(weights.shape)}, expected {tuple(shape)}") from None


def require_numbering(name, numbers, rows, below):
    """Raise unless a tensor holds, for each of some rows, the number of a candidate."""
    if not isinstance(numbers, torch.Tensor) or numbers.dtype != torch.int64 or numbers.shape != (rows,):
        found = getattr(numbers, "dtype", type(numbers).__name__), tuple(getattr(numbers, "shape", ()))
        raise ValueError(f"{name} is {found[0]} of shape {found[1]}, expected torch.int64 of shape ({rows},)")
    if any_true((numbers < 0) | (numbers >= below)):
        raise ValueError(f"{name} runs from {numbers.min()} to {numbers.max()}, expected 0 to {below - 1}")


def require_labels(name, labels, rows):
    """Raise unless a tensor holds a label for each of some rows."""
    if not isinstance(labels, torch.Tensor) or labels.is_floating_point() or labels.shape != (rows,):
        found = getattr(labels, "dtype", type(labels).__name__), tuple(getattr(labels, "shape", ()))
        raise ValueError(f"{name} is {found[0]} of shape {found[1]}, expected whole numbers of shape ({rows},)")


def require_candidates(candidates, removed):
    """Raise ``ValueError`` unless a denominator keeps somebody."""
    if candidates <= removed:
        raise ValueError(f"{candidates} candidate(s) of which {int(removed)} do not count: the denominator is empty")


def require_denominators(log_sums):
    """Raise ``ValueError`` if nobody is left in an anchor's denominator: every score that counts is -inf."""
    empty = log_sums == -math.inf
    if any_true(empty):
        raise ValueError(f"every score that counts is -inf in {named(empty)}: the denominator is empty")


def require_stochastic(name, transition):
    """Raise ``ValueError`` unless every row is a probability vector, up to rounding of its sum."""
    sums = transition.sum(-1)
    rounding = 64 * transition.shape[-1] * torch.finfo(transition.dtype).eps
    if any_true((transition < 0) | ((sums - 1).abs() > rounding)[..., None]):
        raise ValueError(
            f"{name} is not row-stochastic: row sums from {sums.min():g} to {sums.max():g}, "
            f"smallest entry {transition.min():g}"
        )


def named(bad):
    """How many entries of a boolean tensor are true, and the first of them.

    >>> named(torch.tensor([False, True, True]))
    '2 of 3 rows: 1, 2'
    """
    found = bad.nonzero().squeeze(-1).tolist()
    first = ", ".join(map(str, found[:5])) + (", ..." if len(found) > 5 else "")
    return f"{len(found)} of {bad.numel()} rows: {first}"


def any_true(condition):
    """Whether any entry of a boolean tensor is true; False inside ``torch.func.vmap``, where that is unknowable."""
    try:
        return bool(condition.any())
    except RuntimeError as error:
        if "vmap" not in str(error):
            raise
        return False


def require_views(views):
    """Raise ``ValueError`` unless the rows are the two views of some objects."""
    if views.shape[-2] % 2:
        raise ValueError(f"scores or features have shape {tuple(views.shape)}, expected an even number of views (2B)")
