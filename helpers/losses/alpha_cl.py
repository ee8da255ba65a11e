"""Rules that turn distances into pair weights (alpha-CL, Tian 2022), and the losses they train with.

A rule sees the half squared distances ``D`` of one anchor to its negatives (a row) and returns the weights that
minimise ``sum_j a_j D_j - r(a)`` for its regulariser r; the positive's distance would only multiply the fixed row sum.
Entropy (r_H), square (r_s) and power (r_gamma) weights sum to 1; direct weights need no sum.

The training entry :func:`pair_loss` takes the two views of a batch and compares every view with the 2B - 2 views of
other objects. It keeps the device, sums half precision in float32, and never looks at a value, so that a GPU does not
wait.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize, softmax

from . import _precision
from ._checks import require_positive, require_tensors


def entropy_weights(distances: Tensor, *, temperature: float) -> Tensor:
    """r_H = -tau sum a log a: a softmax, the weights of the decoupled InfoNCE.

    Parameters
    ----------
    distances : Tensor, shape (..., n, m), floating
        Half squared distances to the m negatives of each anchor.
    temperature : float > 0

    Returns
    -------
    Tensor, shape (..., n, m)
        Rows sum to 1.

    >>> entropy_weights(torch.zeros(1, 4), temperature=0.5).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    require_positive("temperature", temperature)
    return softmax(-distances / temperature, dim=-1)


def simplex_projection(values: Tensor) -> Tensor:
    """Euclidean projection of every row onto the probability simplex, exact up to rounding.

    Sorts, finds the largest k for which the k-th value still exceeds the threshold of the first k, and subtracts that
    threshold (Held, Wolfe and Crowder 1974).

    Parameters
    ----------
    values : Tensor, shape (..., m), floating

    Returns
    -------
    Tensor, shape (..., m)
        Non-negative, sums to 1, many entries exactly zero.

    >>> simplex_projection(torch.tensor([1.0, 0.5, -1.0])).tolist()
    [0.75, 0.25, 0.0]
    """
    ordered, _ = values.sort(dim=-1, descending=True)
    count = torch.arange(1, values.shape[-1] + 1, dtype=values.dtype, device=values.device)
    thresholds = (ordered.cumsum(-1) - 1) / count
    kept = (ordered > thresholds).sum(-1, keepdim=True)
    return (values - thresholds.gather(-1, kept - 1)).clamp(min=0)


def square_weights(distances: Tensor, *, temperature: float) -> Tensor:
    """r_s = -(tau / 2) sum a^2: ``max(mu - D, 0) / tau`` with rows summing to 1; sparse. As :func:`entropy_weights`."""
    require_positive("temperature", temperature)
    return simplex_projection(-distances / temperature)


def power_weights(distances: Tensor, *, temperature: float | Tensor, gamma: float) -> Tensor:
    """r_gamma = tau / (1 - gamma) sum a^(1 - gamma): ``(tau / (D + mu))^(1 / gamma)`` with rows summing to 1.

    mu comes from Newton's method on a concave increasing function, started on its left: every step moves towards
    the root and none beyond it.

    Parameters
    ----------
    distances : Tensor, shape (..., n, m), floating
    temperature : float or Tensor of shape (..., n, 1), > 0
    gamma : float > 0, not 1
        Towards 0 the weights concentrate on the nearest negative, large values spread them.

    Returns
    -------
    Tensor, shape (..., n, m)

    Raises
    ------
    ValueError
        If `temperature` or `gamma` is not positive, or `gamma` is 1 (there r is a logarithm).

    >>> power_weights(torch.zeros(1, 4), temperature=0.5, gamma=2.0).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    require_positive("temperature", temperature)
    require_positive("gamma", gamma)
    if gamma == 1:
        raise ValueError("gamma is 1, where the regulariser tau / (1 - gamma) sum a^(1 - gamma) is not defined")
    above = distances - distances.amin(-1, keepdim=True)
    shift = torch.zeros_like(above[..., :1]) + temperature
    for _ in range(40):  # seldom more than ten are needed
        terms = ((above + shift) / temperature).pow(-1 / gamma)
        total = terms.sum(-1, keepdim=True)
        slope = (terms / (above + shift)).sum(-1, keepdim=True) / total
        shift = shift + (total.pow(gamma) - 1) / slope
    return ((above + shift) / temperature).pow(-1 / gamma)


def direct_weights(distances: Tensor, *, temperature: float, power: float, row_normalised: bool) -> Tensor:
    """Weights written down directly: ``exp(-d^power / tau)`` with d^2 = D.

    Parameters
    ----------
    distances : Tensor, shape (..., n, m), floating, >= 0
    temperature : float > 0
    power : float > 0
        Of the distance d; 2 gives the entropy weights before normalisation, 4 is the released exponent 2 of d^2.
    row_normalised : bool
        The released code has both: plain weights (``dual``) and rows divided by their sum (``dual2``).

    Returns
    -------
    Tensor, shape (..., n, m)
    """
    require_positive("temperature", temperature)
    require_positive("power", power)
    logits = -distances.pow(power / 2) / temperature
    return softmax(logits, dim=-1) if row_normalised else logits.exp()


def released_inverse_weights(distances: Tensor, *, temperature: float, exponent: float) -> Tensor:
    """``(D + tau)^(-exponent)`` over its row sum, as released: :func:`power_weights` with a temperature of each row."""
    require_positive("temperature", temperature)
    weights = (distances + temperature).pow(-exponent)
    return weights / weights.sum(-1, keepdim=True)


def released_square_weights(distances: Tensor, *, temperature: float) -> Tensor:
    """The square rule as released: it takes the threshold of one sorted entry more than it keeps.

    Where every entry is kept it takes the threshold of the first entry alone. Rows do not sum to 1;
    :func:`square_weights` is the solution this approximates.
    """
    require_positive("temperature", temperature)
    ordered, _ = distances.sort(dim=-1)
    count = torch.arange(1, distances.shape[-1] + 1, dtype=distances.dtype, device=distances.device)
    levels = (ordered.cumsum(-1) + temperature) / count
    kept = (ordered < levels).sum(-1, keepdim=True)
    late = torch.where(kept == distances.shape[-1], torch.zeros_like(kept), kept)
    return (levels.gather(-1, late) - distances).clamp(min=0) / temperature


# -- batches of two views -----------------------------------------------------------------------------------
def random_views(rng, count: int, samples: int, dimension: int, *, noise: float, unit: bool) -> tuple[Tensor, Tensor]:
    """A family of random problems: samples with two noisy views each.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, samples, dimension : int
    noise : float >= 0
        Standard deviation of each view around its sample, whose entries are standard normal.
    unit : bool
        Scale every view to unit length.

    Returns
    -------
    tuple of two Tensors, shape (count, samples, dimension), float64

    >>> import numpy as np
    >>> first, second = random_views(np.random.default_rng(0), 5, 4, 3, noise=0.0, unit=True)
    >>> first.shape, torch.equal(first, second)
    (torch.Size([5, 4, 3]), True)
    """
    samples = rng.normal(size=(count, samples, dimension))
    views = [torch.from_numpy(samples + noise * rng.normal(size=samples.shape)) for _ in range(2)]
    return tuple(normalize(view, dim=-1) if unit else view for view in views)


def two_view_distances(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Half squared distances of all 2B views to their partner and to the views of other objects.

    Parameters
    ----------
    first, second : Tensor, shape (B, m), floating
        Features of the two views; normalise them before, if they are to lie on the sphere (then D = 1 - cosine).

    Returns
    -------
    positive : Tensor, shape (2B,)
    negatives : Tensor, shape (2B, 2B - 2)
        Never below 0: formed from inner products, hence clamped.

    Raises
    ------
    ValueError
        If the shapes differ or there are fewer than two objects.
    """
    require_tensors(first=first, second=second)
    if first.ndim != 2 or first.shape != second.shape or first.shape[0] < 2:
        raise ValueError(
            f"views have shapes {tuple(first.shape)} and {tuple(second.shape)}, expected (B, m) twice, B >= 2"
        )
    objects = first.shape[0]
    views = _precision.full(torch.cat([first, second]))
    norms = views.square().sum(-1) / 2
    with _precision.without_autocast(views):
        distances = (norms[:, None] + norms - views @ views.T).clamp(min=0)
    same = torch.eye(objects, dtype=torch.bool, device=views.device).repeat(2, 2)
    positive = (views - views.roll(objects, dims=0)).square().sum(-1) / 2
    return positive, distances[~same].reshape(2 * objects, 2 * objects - 2)


def frozen_energy(positive: Tensor, negatives: Tensor, weights: Tensor) -> Tensor:
    """Minus the energy of every anchor, ``sum_j a_ij (d_i^2 - d_ij^2)``, shape (n,): what a surrogate minimises.

    The weights enter as given: detach them, or their derivative flows.
    """
    return (weights * (positive[..., None] - negatives)).sum(-1)


def pair_loss(name: str, first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Mean training loss over the 2B anchors of a batch of two views.

    Parameters
    ----------
    name : str
        One of ``PAIR_LOSSES``.
    first, second : Tensor, shape (B, m), floating
        Features of the two views, normalised by the caller.
    temperature : float > 0
        Not used by ``quadratic``.

    Returns
    -------
    Tensor, scalar
        ``infonce`` and ``decoupled`` are divided by the temperature, as usual in training, so their gradient is
        1 / temperature times that of a surrogate.

    Raises
    ------
    ValueError
        For an unknown name, or as :func:`two_view_distances`.
    """
    if name not in PAIR_LOSSES:
        raise ValueError(f"loss is {name!r}, expected one of {'; '.join(PAIR_LOSSES)}")
    require_positive("temperature", temperature)
    return PAIR_LOSSES[name](*two_view_distances(first, second), temperature).mean()


def _infonce(positive, negatives, temperature, candidates):
    return (-candidates / temperature).logsumexp(-1) + positive / temperature


def _surrogate(rule, frozen=True, **options):
    def loss(positive, negatives, temperature):
        weights = rule(negatives.detach() if frozen else negatives, temperature=temperature, **options)
        return frozen_energy(positive, negatives, weights)

    return loss


def _direct(positive, negatives, temperature):
    weights = direct_weights(negatives.detach(), temperature=temperature, power=4, row_normalised=False)
    return frozen_energy(positive, negatives, weights / negatives.shape[-1])


PAIR_LOSSES = {
    "quadratic": lambda p, n, t: p - n.mean(-1),
    "infonce": lambda p, n, t: _infonce(p, n, t, torch.cat([p[:, None], n], dim=-1)),
    "decoupled": lambda p, n, t: _infonce(p, n, t, n),
    "entropy, backprop": _surrogate(entropy_weights, frozen=False),
    "entropy": _surrogate(entropy_weights),
    "power": _surrogate(power_weights, gamma=2.0),
    "inverse": _surrogate(released_inverse_weights, exponent=2.0),
    "square": _surrogate(square_weights),
    "direct": _direct,
    "direct, normalised": _surrogate(direct_weights, power=4, row_normalised=True),
}
