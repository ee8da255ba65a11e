"""The (phi, psi) family of losses over two modalities, and the pair weights whose SVD it follows (Nakada et al. 2023).

With scores s_ij of row i of the first modality and row j of the second, pairs on the diagonal,

    L = 1/(2C) sum_i [ phi(sum_j e_ij psi(s_ij - nu s_ii)) + phi(sum_j e_ij psi(s_ji - nu s_ii)) ],

e_ii = ``self_weight`` and e_ij = 1 otherwise, nu = ``positive_factor``. The division by 2C is left to the caller.

A member is a ``pair_family.Member``: the same phi and psi, with hand-written slopes. What that room calls margins are
here the gaps s_ij - nu s_ii, of which the diagonal one counts too (with the weight e_ii), so that its losses and
weights, over packed negatives, cannot be used. Plain torch, batch dimensions lead, nothing is detached. The exponential
members sum plain exponentials of gaps, as the family is written; ``linear_clip`` has CLIP with log-sum-exp.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from . import pair_family
from ._checks import require_positive, require_square
from ._elementary import exponential, identity, softplus
from .pair_family import Member


# -- members ------------------------------------------------------------------------------------------------
def linear() -> Member:
    """``phi = psi = id``: the linear contrastive loss."""
    return pair_family.quadratic()


def clip(*, temperature: float) -> Member:
    """``phi = tau log, psi = exp(./tau)``; with self_weight = 1 tau times CLIP's loss, with 0 the decoupled one."""
    return pair_family.infonce(temperature=temperature, positive_weight=0.0)


def shifted_clip(*, temperature: float) -> Member:
    """``phi = tau log(1 + .), psi = exp(./tau)``; with self_weight = 0 and positive_factor = 1 equal to CLIP."""
    return pair_family.infonce(temperature=temperature, positive_weight=1.0)


def members(*, temperature: float) -> dict[str, Member]:
    """The seven members that the claims are tested on, by name.

    Parameters
    ----------
    temperature : float > 0
        tau of the two CLIP forms; scale of the softplus and exponential functions of the others.

    Returns
    -------
    dict of str to Member

    >>> list(members(temperature=0.5))[:3]
    ['linear', 'CLIP', 'CLIP as log1p']
    """
    require_positive("temperature", temperature)
    soft, steep, same = softplus(temperature), exponential(temperature), identity()
    square = (lambda x: x**2, lambda x: 2 * x, lambda x: torch.full_like(x, 2.0))
    root = (torch.sqrt, lambda x: 0.5 * x**-0.5, lambda x: -0.25 * x**-1.5)
    return {
        "linear": linear(),
        "CLIP": clip(temperature=temperature),
        "CLIP as log1p": shifted_clip(temperature=temperature),
        "softplus-softplus": Member("softplus-softplus", *soft, *soft, None, None),
        "id-softplus": Member("id-softplus", *same, *soft, None, None),
        "square-exp": Member("square-exp", *square, *steep, None, temperature),
        "sqrt-exp": Member("sqrt-exp", *root, *steep, None, temperature),
    }


def settings() -> list[dict[str, float]]:
    """Three choices of (self_weight, positive_factor): none, CLIP's own, and one where both matter; as keywords."""
    return [{"self_weight": e, "positive_factor": nu} for e, nu in ((0.0, 1.0), (1.0, 1.0), (0.5, 1.8))]


# -- losses -------------------------------------------------------------------------------------------------
def scores(left_encoder: Tensor, right_encoder: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """``s_ij = <G1 x_i, G2 y_j>``.

    Parameters
    ----------
    left_encoder, right_encoder : Tensor, shapes (..., r, p) and (..., r, q)
    left, right : Tensor, shapes (..., n, p) and (..., n, q)

    Returns
    -------
    Tensor, shape (..., n, n)
    """
    return (left @ left_encoder.mT) @ (right @ right_encoder.mT).mT


def anchor_losses(member: Member, scores: Tensor, *, self_weight: float, positive_factor: float) -> Tensor:
    """``phi(sum_j e_ij psi(s_ij - nu s_ii))`` of every row; transpose the scores for the other direction.

    Parameters
    ----------
    member : Member
    scores : Tensor, shape (..., n, n), floating
        Rows anchors, pairs on the diagonal.
    self_weight : float >= 0
        e_ii, the weight of the pair in its own sum.
    positive_factor : float
        nu.

    Returns
    -------
    Tensor, shape (..., n)

    Raises
    ------
    ValueError
        If scores is not square or holds a NaN, or self_weight is negative.

    >>> options = {"self_weight": 1.0, "positive_factor": 1.0}
    >>> anchor_losses(clip(temperature=1.0), torch.zeros(4, 4, dtype=torch.float64), **options)[0].item()
    1.38629...
    """
    gaps, weight = _gaps(scores, self_weight, positive_factor)
    return member.phi((weight * member.psi(gaps)).sum(-1))


def loss(member: Member, scores: Tensor, *, self_weight: float, positive_factor: float, scale: float) -> Tensor:
    """``L`` over both directions, ``1 / (2 scale)`` times the sum over anchors, shape (...). No regulariser."""
    options = {"self_weight": self_weight, "positive_factor": positive_factor}
    forth = anchor_losses(member, scores, **options).sum(-1)
    return (forth + anchor_losses(member, scores.mT, **options).sum(-1)) / (2 * scale)


# -- pair weights -------------------------------------------------------------------------------------------
def anchor_slopes(member: Member, scores: Tensor, *, self_weight: float, positive_factor: float) -> Tensor:
    """``alpha_ij = e_ij phi'(a_i) psi'(s_ij - nu s_ii)``, a_i the inner sum of anchor i, from hand-written slopes.

    Arguments as :func:`anchor_losses`; shape (..., n, n). For the other direction transpose the scores.
    """
    gaps, weight = _gaps(scores, self_weight, positive_factor)
    inner = (weight * member.psi(gaps)).sum(-1, keepdim=True)
    return weight * member.phi_slope(inner) * member.psi_slope(gaps)


def signed_weights(member: Member, scores: Tensor, *, self_weight: float, positive_factor: float) -> Tensor:
    """The matrix W with ``C dL = -sum_ij W_ij ds_ij``: beta_i on the diagonal, -beta_ij off it.

    ``beta_ij = (a_ij + b_ji)/2`` and ``beta_i = nu/2 sum_j (a_ij + b_ij) - (a_ii + b_ii)/2`` with a the slopes of the
    rows as anchors and b those of the columns. (The paper prints beta_i with -1 for the last term.)

    Arguments as :func:`anchor_losses`; shape (..., n, n).

    >>> options = {"self_weight": 0.0, "positive_factor": 1.0}
    >>> signed_weights(linear(), torch.zeros(3, 3, dtype=torch.float64), **options)[0].tolist()
    [2.0, -1.0, -1.0]
    """
    options = {"self_weight": self_weight, "positive_factor": positive_factor}
    forth = anchor_slopes(member, scores, **options)
    back = anchor_slopes(member, scores.mT, **options)
    pull = positive_factor * (forth.sum(-1) + back.sum(-1)) / 2
    return torch.diag_embed(pull) - (forth + back.mT) / 2


def printed_weights(member: Member, scores: Tensor, *, self_weight: float, positive_factor: float) -> Tensor:
    """:func:`signed_weights` with ``- 1`` for ``- (a_ii + b_ii)/2``, as proposition 8.1 prints it; for comparison only.

    >>> options = {"self_weight": 0.0, "positive_factor": 1.0}
    >>> printed_weights(linear(), torch.zeros(3, 3, dtype=torch.float64), **options)[0].tolist()
    [1.0, -1.0, -1.0]
    """
    options = {"self_weight": self_weight, "positive_factor": positive_factor}
    slopes = [anchor_slopes(member, side, **options).diagonal(dim1=-2, dim2=-1) for side in (scores, scores.mT)]
    return signed_weights(member, scores, **options) + torch.diag_embed(sum(slopes) / 2 - 1)


def cross_covariance(weights: Tensor, left: Tensor, right: Tensor, *, scale: float) -> Tensor:
    """``S = X^T W Y / scale`` with W of :func:`signed_weights`, shape (..., p, q)."""
    return left.mT @ weights @ right / scale


def gradients(
    cross_covariance: Tensor, left_encoder: Tensor, right_encoder: Tensor, *, penalty: float
) -> tuple[Tensor, Tensor]:
    """Gradients of L + penalty/2 |G1^T G2|^2, given the cross-covariance at the same encoders.

    ``dL/dG1 = -G2 S^T + rho G2 G2^T G1`` and ``dL/dG2 = -G1 S + rho G1 G1^T G2``; shapes of the encoders.
    """
    residual = cross_covariance - penalty * left_encoder.mT @ right_encoder
    return -right_encoder @ residual.mT, -left_encoder @ residual


def descend(
    member: Member,
    left,
    right,
    start: Sequence,
    *,
    self_weight: float,
    positive_factor: float,
    scale: float,
    penalty: float,
    steps: int,
    rate: float,
) -> tuple[Tensor, Tensor]:
    """Gradient descent on ``L + penalty/2 |G1^T G2|^2`` by automatic differentiation; all iterates, start first.

    Parameters
    ----------
    member : Member
    left, right : array_like, shapes (n, p) and (n, q)
        Pairs in equal rows.
    start : pair of array_like, shapes (r, p) and (r, q)
        Encoders.
    self_weight, positive_factor, scale : float
        As in :func:`loss`.
    penalty : float
        rho.
    steps : int
    rate : float
        Step size.

    Returns
    -------
    left, right : Tensor, shapes (steps + 1, r, p) and (steps + 1, r, q), float64

    >>> options = {"self_weight": 1.0, "positive_factor": 1.0, "scale": 3, "penalty": 0.0, "steps": 4, "rate": 0.1}
    >>> [tuple(side.shape) for side in descend(linear(), torch.eye(3), torch.eye(3), torch.ones(2, 1, 3), **options)]
    [(5, 1, 3), (5, 1, 3)]
    """
    options = {"self_weight": self_weight, "positive_factor": positive_factor, "scale": scale}
    left, right, *encoders = (torch.as_tensor(side, dtype=torch.float64) for side in (left, right, *start))
    path = [encoders]
    for _ in range(steps):
        encoders = [side.detach().requires_grad_() for side in encoders]
        total = loss(member, scores(*encoders, left, right), **options)
        total = total + penalty / 2 * (encoders[0].mT @ encoders[1]).square().sum()
        slopes = torch.autograd.grad(total, encoders)
        encoders = [(side - rate * slope).detach() for side, slope in zip(encoders, slopes, strict=True)]
        path.append(encoders)
    return tuple(torch.stack(sides) for sides in zip(*path, strict=True))


# -- pieces -------------------------------------------------------------------------------------------------
def _gaps(scores, self_weight, positive_factor):
    require_square("scores", scores)
    if not self_weight >= 0:
        raise ValueError(f"self_weight is {self_weight}, expected a number that is not negative")
    n = scores.shape[-1]
    own = scores.diagonal(dim1=-2, dim2=-1)[..., None]
    weight = torch.ones(n, n, dtype=scores.dtype, device=scores.device)
    return scores - positive_factor * own, weight.fill_diagonal_(self_weight)
