"""Contrastive losses from features: a scalar each, without an n by n matrix.

The conventions are those of :mod:`.scores`. Gradients are formed tile by tile (:mod:`._tiled`), so that a batch of
65,536 pairs fits.
"""

import functools

import torch

from . import _checks, _precision, _tiled
from .scores import clip_from_scores, infonce_from_scores, ntxent_from_scores

REDUCTIONS = ("mean", "sum")


def infonce(anchors, candidates, *, temperature, positive_in_denominator, reduction):
    """InfoNCE of inner products, a scalar; no n by n matrix is held (see :mod:`helpers.losses._tiled`).

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair. Normalise beforehand for the cosine form.
    temperature : float or Tensor, scalar > 0
        A tensor may be learnt.
    positive_in_denominator
        As in :func:`infonce_from_scores`.
    reduction : {"mean", "sum"}
        Over anchors.

    Returns
    -------
    Tensor, scalar
        In nats; float32 for half precision.

    Raises
    ------
    ValueError
        If shapes, dtypes or devices differ, the batch is empty, a row holds a NaN or an infinity (the rows are named),
        `temperature` is no positive number, or `reduction` is another word.
    TypeError
        If the features are no tensors.
    RuntimeError
        If a second derivative (from the backward pass), a forward-mode derivative or ``torch.func`` asks for all the
        scores of more than ``_tiled.TWICE_DIFFERENTIABLE`` anchors.

    >>> features = torch.zeros(5, 3)
    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "mean"}
    >>> round(infonce(features, features, **options).exp().item(), 4)
    5.0
    """
    _check_features(anchors, candidates)
    _checks.require_candidates(len(anchors), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    sweep = functools.partial(_tiled.one_direction, scale=_scale(reduction, len(anchors)), **options)
    dense = _dense(infonce_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (anchors, candidates), _scalar(temperature))


def ntxent(features, *, temperature, positive_in_denominator, include_self, reduction):
    """NT-Xent of inner products over 2B views, a scalar; see :func:`ntxent_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False, "reduction": "mean"}
    >>> round(ntxent(torch.zeros(6, 2), **options).exp().item(), 4)
    5.0
    """
    _check_features(features, features)
    _checks.require_views(features)
    _checks.require_candidates(len(features), (not positive_in_denominator) + (not include_self))
    options = {"positive_in_denominator": positive_in_denominator, "include_self": include_self}
    sweep = functools.partial(_tiled.all_views, scale=_scale(reduction, len(features)), **options)
    dense = _dense(ntxent_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (features,), _scalar(temperature))


def clip(first, second, *, temperature, positive_in_denominator, reduction):
    """CLIP's two-direction loss of inner products, a scalar; see :func:`clip_from_scores` and :func:`infonce`.

    >>> options = {"temperature": 1.0, "positive_in_denominator": True, "reduction": "sum"}
    >>> round(clip(torch.zeros(2, 3), torch.zeros(2, 3), **options).exp().item(), 4)
    16.0
    """
    _check_features(first, second)
    _checks.require_candidates(len(first), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    sweep = functools.partial(_tiled.two_directions, scale=_scale(reduction, 2 * len(first)), **options)
    dense = _dense(clip_from_scores, reduction, **options)
    return _tiled.scalar(sweep, dense, (first, second), _scalar(temperature))


def kernel_infonce(anchors, candidates, log_kernel, *, positive_in_denominator, reduction):
    """Kernel-InfoNCE (Tan et al. 2024): InfoNCE with any positive kernel, a scalar.

    Parameters
    ----------
    anchors, candidates : Tensor, shape (n, d), floating
        Row i of both is a positive pair.
    log_kernel : callable
        Maps two sets of points, (m, d) and (n, d), to the log-kernel (m, n); it holds its own temperature and nothing
        that is learnt.
    positive_in_denominator, reduction
        As in :func:`infonce`.

    Returns
    -------
    Tensor, scalar
        In nats.

    Raises
    ------
    ValueError
        As :func:`infonce`, or if the kernel gives another shape or holds learnt numbers.

    >>> from helpers.losses import kernels
    >>> def laplacian(x, y):
    ...     return kernels.log_exponential(kernels.squared_distances(x, y), exponent=1, scale=0.5)
    >>> points, options = torch.ones(4, 2), {"positive_in_denominator": True, "reduction": "mean"}
    >>> round(kernel_infonce(points, points, laplacian, **options).exp().item(), 4)
    4.0
    """
    _check_features(anchors, candidates)
    _checks.require_candidates(len(anchors), not positive_in_denominator)
    options = {"positive_in_denominator": positive_in_denominator}
    scale = _scale(reduction, len(anchors))
    sweep = functools.partial(_tiled.any_kernel, log_kernel=log_kernel, scale=scale, **options)
    dense = _dense(infonce_from_scores, reduction, scores=log_kernel, **options)
    return _tiled.scalar(sweep, dense, (anchors, candidates), 1.0)


def spectral_contrastive(anchors, candidates, *, reduction):
    """Spectral contrastive loss of inner products, a scalar; see :func:`spectral_contrastive_from_scores`.

    The sum of the squared scores is that of the two d by d second moments, so time and memory grow like n; any
    derivative may be taken.

    >>> spectral_contrastive(torch.eye(3), torch.eye(3), reduction="mean").item()
    -2.0
    """
    _check_features(anchors, candidates)
    _checks.require_candidates(len(anchors), 1)
    with _precision.without_autocast(anchors):
        anchors, candidates = _precision.full(anchors), _precision.full(candidates)
        positive = torch.linalg.vecdot(anchors, candidates)
        squares = ((anchors.T @ anchors) * (candidates.T @ candidates)).sum()
        total = (squares - positive.square().sum()) / (len(anchors) - 1) - 2 * positive.sum()
        return total * _scale(reduction, len(anchors))


def _dense(from_scores, reduction, *, scores=None, **options):
    """The same scalar from all the scores of the features; a last argument is the temperature."""

    def dense(first, *rest):
        *second, temperature = rest
        with _precision.without_autocast(first):
            first, *second = (_precision.full(features) for features in (first, *second))
            found = scores(first, *second) if scores else first @ (second[0] if second else first).T
            each = from_scores(found, temperature=temperature, **options)
            return each.mean() if reduction == "mean" else each.sum()

    dense.__name__ = from_scores.__name__
    return dense


def _scalar(temperature):
    _checks.require_positive("temperature", temperature)
    if isinstance(temperature, torch.Tensor) and temperature.ndim:
        raise ValueError(
            f"temperature has shape {tuple(temperature.shape)}, expected one number: several need the form from scores"
        )
    return temperature


def _scale(reduction, anchors):
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction is {reduction!r}, expected one of {', '.join(REDUCTIONS)}")
    return 1 / anchors if reduction == "mean" else 1.0


def _check_features(first, second):
    _checks.require_tensors(**{"the first argument": first, "the second argument": second})
    shapes = f"features have shapes {tuple(first.shape)} and {tuple(second.shape)}"
    if first.ndim != 2 or first.shape != second.shape or 0 in first.shape:
        raise ValueError(f"{shapes}, expected (n, d) twice with n, d >= 1")
    if first.dtype != second.dtype or first.device != second.device:
        raise ValueError(
            f"features are {first.dtype} on {first.device} and {second.dtype} on {second.device}, expected one of each"
        )
    for name, features in (("first", first), ("second", second)):
        _checks.require_finite_rows(f"the {name} features", features)
