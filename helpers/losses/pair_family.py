"""The (phi, psi) family of contrastive losses, its pair weights, and the contrastive covariance (Tian 2022).

A member of the family is ``sum_i phi(sum_{j != i} psi(d_i^2 - d_ij^2))`` with non-decreasing phi and psi. Here d_i
is the distance of the two views of sample i, d_ij the distance of samples i and j (first views), and **every squared
distance carries the factor 1/2**, so that it equals 1 - cosine on the unit sphere. ``margins`` are the numbers
d_i^2 - d_ij^2: positive where a stranger is closer than the partner.

Rows are anchors. Quantities over pairs come packed, shape (..., n, n - 1), row i holding the columns j != i in order
(:func:`off_diagonal`), or as square matrices with a zero diagonal (:func:`square`). Nothing is detached here: whether
weights are frozen is said by the caller. Plain torch: batch dimensions lead, everything is differentiable twice.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from . import _precision
from ._checks import any_true, require_positive, require_tensors
from ._elementary import exponential, identity, logarithm


# -- distances and margins ----------------------------------------------------------------------------------
def half_squared_distances(features: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Half squared distances within the pairs and between the samples.

    Parameters
    ----------
    features, other : Tensor, shape (..., n, m), floating
        First and second view of the same n samples. Only first views are compared between samples.

    Returns
    -------
    within : Tensor, shape (..., n)
        ``d_i^2 = |z_i - z'_i|^2 / 2``.
    between : Tensor, shape (..., n, n)
        ``d_ij^2 = |z_i - z_j|^2 / 2``.

    Raises
    ------
    ValueError
        If the shapes differ, or there are fewer than two samples.

    >>> within, between = half_squared_distances(torch.eye(2), torch.eye(2).flip(0))
    >>> within.tolist(), between.tolist()
    ([1.0, 1.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    require_tensors(features=features, other=other)
    if features.ndim < 2 or features.shape != other.shape or features.shape[-2] < 2:
        raise ValueError(
            f"features have shapes {tuple(features.shape)} and {tuple(other.shape)}, expected (..., n, m) twice, n >= 2"
        )
    features, other = _precision.full(features), _precision.full(other)
    within = (features - other).square().sum(-1) / 2
    return within, (features[..., :, None, :] - features[..., None, :, :]).square().sum(-1) / 2


def off_diagonal(matrix: Tensor) -> Tensor:
    """Pack the entries j != i of every row: (..., n, n) becomes (..., n, n - 1).

    >>> off_diagonal(torch.arange(9).reshape(3, 3)).tolist()
    [[1, 2], [3, 5], [6, 7]]
    """
    n = _side(matrix)
    return matrix.flatten(-2)[..., 1:].unflatten(-1, (n - 1, n + 1))[..., :-1].flatten(-2).unflatten(-1, (n, n - 1))


def square(packed: Tensor) -> Tensor:
    """Inverse of :func:`off_diagonal`: (..., n, n - 1) becomes (..., n, n) with a zero diagonal.

    >>> square(torch.ones(2, 1)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    n = packed.shape[-2] if packed.ndim > 1 else 0
    if n < 2 or packed.shape[-1] != n - 1:
        raise ValueError(f"packed has shape {tuple(packed.shape)}, expected (..., n, n - 1) with n >= 2")
    rows = packed.flatten(-2).unflatten(-1, (n - 1, n))
    rows = torch.cat([torch.zeros_like(rows[..., :1]), rows], dim=-1).flatten(-2)
    return torch.cat([rows, torch.zeros_like(rows[..., :1])], dim=-1).unflatten(-1, (n, n))


def margins(features: Tensor, other: Tensor) -> Tensor:
    """Packed ``u_ij = d_i^2 - d_ij^2``, j != i, shape (..., n, n - 1). Arguments as :func:`half_squared_distances`."""
    within, between = half_squared_distances(features, other)
    return within[..., None] - off_diagonal(between)


# -- the family ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Member:
    """One loss of the family: two scalar functions with their first and second derivatives.

    Attributes
    ----------
    name : str
    phi, phi_slope, phi_curvature : callable
        Outer function of xi = sum_j psi(u_j), elementwise on tensors.
    psi, psi_slope, psi_curvature : callable
        Inner function of a margin. At a kink the slope is that of the left side.
    conjugate : callable or None
        Fenchel conjugate of ``Phi(u) = phi(sum_j psi(u_j))``: weights (..., m) to (...), ``inf`` outside its domain.
        None if Phi is not convex.
    exponential_rate : float or None
        tau if psi(x) = c exp(x / tau), else None.
    """

    name: str
    phi: Callable
    phi_slope: Callable
    phi_curvature: Callable
    psi: Callable
    psi_slope: Callable
    psi_curvature: Callable
    conjugate: Callable | None
    exponential_rate: float | None


def infonce(*, temperature: float, positive_weight: float) -> Member:
    """InfoNCE: ``tau log(e + sum_j exp(u_j / tau))``, with e = `positive_weight` the weight of the positive.

    e = 1 is tau times the softmax cross-entropy with the positive in its denominator, e = 0 the decoupled loss.
    """
    require_positive("temperature", temperature)
    if not 0 <= positive_weight < math.inf:
        raise ValueError(f"positive_weight is {positive_weight}, expected a non-negative finite number")
    return Member(
        "InfoNCE",
        *logarithm(temperature, positive_weight),
        *exponential(temperature),
        _entropic_conjugate(temperature, positive_weight, 0.0),
        temperature,
    )


def mine() -> Member:
    """MINE: ``log sum_j exp(u_j)``, the per-anchor Donsker-Varadhan form."""
    return Member("MINE", *logarithm(1.0, 0.0), *exponential(1.0), _entropic_conjugate(1.0, 0.0, 0.0), 1.0)


def triplet(*, margin: float) -> Member:
    """Triplet loss: ``sum_j max(u_j + margin, 0)``; its kink breaks the family's smoothness assumption."""

    def conjugate(weights):
        return torch.where(((weights < 0) | (weights > 1)).any(-1), math.inf, -margin * weights.sum(-1))

    hinge = (lambda x: (x + margin).clamp(min=0), lambda x: (x > -margin).to(x.dtype), torch.zeros_like)
    return Member("triplet", *identity(), *hinge, conjugate, None)


def soft_triplet(*, temperature: float, margin: float) -> Member:
    """Soft triplet: ``tau log(1 + sum_j exp(u_j / tau + margin))``; the margin is a pure number."""
    require_positive("temperature", temperature)
    conjugate = _entropic_conjugate(temperature, math.exp(-margin), temperature * margin)
    return Member(
        "soft triplet", *logarithm(temperature, 1.0), *exponential(temperature, margin), conjugate, temperature
    )


def tuplet() -> Member:
    """N+1 tuplet: ``log(1 + sum_j exp(u_j))``."""
    return Member("N+1 tuplet", *logarithm(1.0, 1.0), *exponential(1.0), _entropic_conjugate(1.0, 1.0, 0.0), 1.0)


def lifted_structure(*, margin: float) -> Member:
    """Lifted structure: ``max(log sum_j exp(u_j + margin), 0)^2``; once differentiable, not twice."""

    def conjugate(weights):
        total = weights.sum(-1, keepdim=True)
        value = total[..., 0] ** 2 / 4 - margin * total[..., 0] + torch.xlogy(weights, weights / total).nansum(-1)
        return torch.where((weights < 0).any(-1), math.inf, value)

    outer = (
        lambda x: x.log().clamp(min=0) ** 2,
        lambda x: 2 * x.log().clamp(min=0) / x,
        lambda x: 2 * ((x > 1).to(x.dtype) - x.log().clamp(min=0)) / x**2,
    )
    return Member("lifted structure", *outer, *exponential(1.0, margin), conjugate, 1.0)


def modified_triplet(*, slope: float) -> Member:
    """Modified triplet: ``sum_j sigmoid(slope * u_j)``, the one member whose Phi is not convex."""
    require_positive("slope", slope)

    def first(x):
        s = torch.sigmoid(slope * x)
        return slope * s * (1 - s)

    def second(x):
        s = torch.sigmoid(slope * x)
        return slope**2 * s * (1 - s) * (1 - 2 * s)

    return Member("modified triplet", *identity(), lambda x: torch.sigmoid(slope * x), first, second, None, None)


def quadratic() -> Member:
    """Triplet contrastive, or quadratic, loss: ``sum_j u_j``; every weight is 1."""

    def conjugate(weights):
        rounding = 64 * torch.finfo(weights.dtype).eps
        return torch.where(((weights - 1).abs() > rounding).any(-1), math.inf, torch.zeros_like(weights[..., 0]))

    return Member("quadratic", *identity(), *identity(), conjugate, None)


def members(*, temperature: float, margin: float, positive_weight: float, slope: float) -> dict[str, Member]:
    """The eight members by name, in the order of the paper's Figure 1 as recalled.

    Parameters
    ----------
    temperature : float > 0
        Of InfoNCE and soft triplet; the others have none (MINE and N+1 tuplet stand at 1).
    margin : float
        Of the three losses with a margin.
    positive_weight : float >= 0
        Weight of the positive in InfoNCE's denominator.
    slope : float > 0
        Of the modified triplet's sigmoid.

    Returns
    -------
    dict of str to Member

    >>> list(members(temperature=0.5, margin=0.2, positive_weight=1.0, slope=4.0))[:3]
    ['InfoNCE', 'MINE', 'triplet']
    """
    family = [
        infonce(temperature=temperature, positive_weight=positive_weight),
        mine(),
        triplet(margin=margin),
        soft_triplet(temperature=temperature, margin=margin),
        tuplet(),
        lifted_structure(margin=margin),
        modified_triplet(slope=slope),
        quadratic(),
    ]
    return {member.name: member for member in family}


# -- loss, weights, covariance, energy ----------------------------------------------------------------------
def anchor_losses(member: Member, margins: Tensor) -> Tensor:
    """``phi(sum_j psi(u_ij))`` of every anchor.

    Parameters
    ----------
    member : Member
    margins : Tensor, shape (..., n, m), floating
        Packed margins; any index set will do, as long as row i lists exactly the negatives of anchor i.

    Returns
    -------
    Tensor, shape (..., n)
        In nats for the logarithmic members.
    """
    return member.phi(member.psi(margins).sum(-1))


def pair_weights(member: Member, margins: Tensor) -> Tensor:
    """The weights ``alpha_ij = phi'(xi_i) psi'(u_ij)``, arguments and shape as the margins of :func:`anchor_losses`.

    They still depend on whatever the margins depend on; detach them for the max player's frozen energy.

    >>> pair_weights(mine(), torch.zeros(1, 4, dtype=torch.float64)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    return member.phi_slope(member.psi(margins).sum(-1))[..., None] * member.psi_slope(margins)


def weight_slopes(member: Member, margins: Tensor) -> Tensor:
    """Derivative of an anchor's weights in its own margins: the Hessian of Phi, shape (..., n, m, m).

    Returns ``phi'' psi' psi'^T + phi' diag(psi'')``; weights of different anchors do not interact.
    """
    total, slope = member.psi(margins).sum(-1), member.psi_slope(margins)
    outer = member.phi_curvature(total)[..., None, None] * slope[..., :, None] * slope[..., None, :]
    return outer + torch.diag_embed(member.phi_slope(total)[..., None] * member.psi_curvature(margins))


def contrastive_covariance(
    weights: Tensor, features: Tensor, other: Tensor, second: Tensor | None = None, second_other: Tensor | None = None
) -> Tensor:
    """Weighted second moments between samples minus those within pairs.

    ``sum_ij w_ij {(a_i - a_j)(b_i - b_j)^T - (a_i - a'_i)(b_i - b'_i)^T}``, computed in the graph form
    ``2 A^T Lap B - (A - A')^T diag(w 1) (B - B')`` with Lap the Laplacian of the symmetrised weights.

    Parameters
    ----------
    weights : Tensor, shape (..., n, n)
        Pair weights, rows anchors, zero diagonal, generally not symmetric.
    features, other : Tensor, shape (..., n, p)
        a and a'.
    second, second_other : Tensor, shape (..., n, q), optional
        b and b'; a and a' again by default.

    Returns
    -------
    Tensor, shape (..., p, q)

    Raises
    ------
    ValueError
        If a shape does not fit or the diagonal is not zero.

    >>> a = torch.tensor([[0.0], [2.0]])
    >>> contrastive_covariance(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), a, a + 1.0).item()
    3.0
    """
    second, second_other = (features, other) if second is None else (second, second_other)
    _check_weights(weights, features, other)
    _check_weights(weights, second, second_other)
    symmetric = (weights + weights.transpose(-2, -1)) / 2
    laplacian = torch.diag_embed(symmetric.sum(-1)) - symmetric
    noise = (features - other).transpose(-2, -1) * weights.sum(-1)[..., None, :]
    return 2 * features.transpose(-2, -1) @ laplacian @ second - noise @ (second - second_other)


def energy(weights: Tensor, features: Tensor, other: Tensor) -> Tensor:
    """``sum_ij w_ij (d_ij^2 - d_i^2)``, from the distances; shape (...). Arguments as :func:`contrastive_covariance`.

    >>> a = torch.tensor([[0.0], [2.0]])
    >>> energy(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), a, a + 1.0).item()
    1.5
    """
    _check_weights(weights, features, other)
    within, between = half_squared_distances(features, other)
    return (weights * (between - within[..., None])).sum((-2, -1))


# -- pieces and refusals ------------------------------------------------------------------------------------
def _entropic_conjugate(temperature, offset, constant):
    """Conjugate of ``temperature * log(offset + sum exp(u / temperature)) + constant``."""

    def conjugate(weights):
        rounding = 64 * weights.shape[-1] * torch.finfo(weights.dtype).eps
        missing = 1 - weights.sum(-1)
        missing = torch.where(missing.abs() <= rounding, torch.zeros_like(missing), missing)
        outside = (weights < 0).any(-1) | (missing < 0 if offset else missing != 0)
        value = temperature * torch.xlogy(weights, weights).sum(-1) - constant
        if offset:
            value = value + temperature * torch.xlogy(missing, missing / offset)
        return torch.where(outside, math.inf, value)

    return conjugate


def _side(matrix):
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2] or matrix.shape[-1] < 2:
        raise ValueError(f"matrix has shape {tuple(matrix.shape)}, expected (..., n, n) with n >= 2")
    return matrix.shape[-1]


def _check_weights(weights, features, other):
    n = _side(weights)
    if features.ndim < 2 or features.shape != other.shape or features.shape[-2] != n:
        raise ValueError(
            f"weights have shape {tuple(weights.shape)}, features {tuple(features.shape)} and {tuple(other.shape)}: "
            "expected (..., n, n) and (..., n, p) twice"
        )
    diagonal = weights.diagonal(dim1=-2, dim2=-1)
    if any_true(diagonal != 0):
        raise ValueError(
            f"weights have a diagonal up to {diagonal.abs().max():g}, expected zeros: no sample is its own pair"
        )
