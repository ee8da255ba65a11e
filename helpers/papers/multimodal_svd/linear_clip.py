"""CLIP with linear encoders: its loss as a function of the coupling, its stationary points, and the SVD iteration.

The loss of n pairs (x_i, y_i) with encoders G1 (r by p) and G2 (r by q) depends on M = G1^T G2 alone:

    L(M) = -(nu/n) tr s + (tau/2n) sum_i [LSE_j(s_ij/tau) + LSE_j(s_ji/tau)] + (rho/2) |M|^2,   s = X M Y^T,

with nu the positive weight (CLIP: 1) and rho the penalty (Nakada et al. 2023, (7.1)). Its data term is convex in M;
the constraint rank M <= r is not. float64 NumPy, one problem at a time; encoders are stacked as columns:
``stacked = [G1^T; G2^T]``, shape (p + q, r).
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import logsumexp

from helpers.optimise import newton
from helpers.validation import require_positive

from . import spiked_model


@dataclass(frozen=True)
class LinearClip:
    """One problem: data and constants.

    Attributes
    ----------
    left, right : ndarray, shapes (n, p) and (n, q)
        Pairs in equal rows.
    temperature, penalty : float > 0
        tau and rho.
    positive_weight : float
        nu.
    """

    left: np.ndarray
    right: np.ndarray
    temperature: float
    penalty: float
    positive_weight: float

    def __post_init__(self):
        require_positive("temperature", self.temperature)
        require_positive("penalty", self.penalty)
        if np.ndim(self.left) != 2 or np.ndim(self.right) != 2 or len(self.left) != len(self.right):
            raise ValueError(f"samples have shapes {np.shape(self.left)} and {np.shape(self.right)}, expected (n, .)")


def spiked_problem(rng, *, n, dimensions, rank, noise, share, temperature, penalty, positive_weight):
    """A problem with isotropic spiked data; arguments as ``spiked_model.spiked_model`` and :class:`LinearClip`.

    ``noise`` is one variance for both sides, ``share`` that of the wrong pairs, which form one cycle.

    >>> options = {"temperature": 1.0, "penalty": 0.1, "positive_weight": 1.0, "noise": 0.1, "share": 0.5}
    >>> rng = np.random.default_rng(0)
    >>> spiked_problem(rng, n=20, dimensions=(6, 5), rank=2, **options).right.shape
    (20, 5)
    """
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=(noise, noise))
    sides = spiked_model.draw(model, spiked_model.pairings(rng, 1, n, share=share)[0], rng)
    return LinearClip(*sides, temperature, penalty, positive_weight)


def data_loss(problem, coupling):
    """``L(M)`` without the penalty: convex in M, with gradient -S(beta(M)).

    Parameters
    ----------
    problem : LinearClip
    coupling : ndarray, shape (..., p, q)
        M.

    Returns
    -------
    ndarray, shape (...)

    >>> float(data_loss(LinearClip(np.eye(2), np.eye(2), 1.0, 1.0, 1.0), np.zeros((2, 2))))
    0.6931...
    """
    scores, n = problem.left @ coupling @ problem.right.T, len(problem.left)
    spread = sum(logsumexp(scores / problem.temperature, axis=axis).sum(-1) for axis in (-1, -2))
    own = np.trace(scores, axis1=-2, axis2=-1)
    return (problem.temperature * spread / 2 - problem.positive_weight * own) / n


def loss(problem, coupling):
    """``L(M)``, penalty included; arguments and shape as :func:`data_loss`."""
    return data_loss(problem, coupling) + problem.penalty * np.sum(np.square(coupling), axis=(-2, -1)) / 2


def cross_covariance(problem, coupling):
    """``S(beta(M)) = X^T (nu I - B) Y / n`` with the softmax weights B at M, shape (..., p, q)."""
    scores = problem.left @ coupling @ problem.right.T
    constants = {"temperature": problem.temperature, "positive_weight": problem.positive_weight}
    return spiked_model.clip_cross_covariance(problem.left, problem.right, scores, **constants)


def surrogate_gradients(target, left_encoder, right_encoder, *, penalty):
    """Gradients of ``tr(G1 S G2^T) - penalty/2 |G1^T G2|^2`` at frozen S = target (to be ascended).

    ``G2 S^T - rho G2 G2^T G1`` and ``G1 S - rho G1 G1^T G2``; shapes of the encoders, (..., r, p) and (..., r, q).
    """
    residual = target - penalty * np.swapaxes(left_encoder, -1, -2) @ right_encoder
    return right_encoder @ np.swapaxes(residual, -1, -2), left_encoder @ residual


def surrogate_hessians(target, left_encoder, right_encoder, *, penalty):
    """Hessians of ``tr(G1 S G2^T) - penalty/2 |G1^T G2|^2`` at frozen S, by automatic differentiation.

    Parameters
    ----------
    target : ndarray, shape (..., p, q)
    left_encoder, right_encoder : ndarray, shapes (..., r, p) and (..., r, q)
        Leading axes broadcast against those of `target`.
    penalty : float > 0

    Returns
    -------
    ndarray, shape (..., r (p + q), r (p + q))
        In the entries of G1, row by row, then those of G2.
    """
    require_positive("penalty", penalty)
    rank, p = left_encoder.shape[-2:]
    q = right_encoder.shape[-1]
    batch = np.broadcast_shapes(target.shape[:-2], left_encoder.shape[:-2])
    sides = [np.broadcast_to(side, (*batch, rank, side.shape[-1])) for side in (left_encoder, right_encoder)]
    flat = np.concatenate([side.reshape(-1, rank * side.shape[-1]) for side in sides], axis=1)

    def objective(flat, target):
        left, right = flat[: rank * p].reshape(rank, p), flat[rank * p :].reshape(rank, q)
        return (left @ target @ right.T).trace() - penalty / 2 * (left.T @ right).square().sum()

    targets = torch.from_numpy(np.broadcast_to(target, (*batch, p, q)).reshape(-1, p, q).copy())
    hessians = torch.func.vmap(torch.func.hessian(objective))(torch.from_numpy(flat), targets)
    return hessians.numpy().reshape(*batch, rank * (p + q), rank * (p + q))


def ascend_surrogate(problem, left_encoder, right_encoder, *, steps, rate, refresh):
    """Gradient ascent on the SVD objective, the pair weights frozen within every step.

    Parameters
    ----------
    problem : LinearClip
    left_encoder, right_encoder : ndarray, shapes (r, p) and (r, q)
        Start.
    steps : int
    rate : float
        Step size.
    refresh : bool
        True: recompute S(beta) at every step. False: keep S(beta) of the start for ever.

    Returns
    -------
    left, right : ndarray, shapes (steps + 1, r, p) and (steps + 1, r, q)
        All iterates, the start first.
    """
    lefts, rights = [left_encoder], [right_encoder]
    target = cross_covariance(problem, left_encoder.T @ right_encoder)
    for _ in range(steps):
        if refresh:
            target = cross_covariance(problem, lefts[-1].T @ rights[-1])
        rise = surrogate_gradients(target, lefts[-1], rights[-1], penalty=problem.penalty)
        lefts.append(lefts[-1] + rate * rise[0])
        rights.append(rights[-1] + rate * rise[1])
    return np.array(lefts), np.array(rights)


def ascend_frozen(target, left_encoder, right_encoder, *, penalty, steps, rate):
    """Last iterate of gradient ascent on ``tr(G1 S G2^T) - penalty/2 |G1^T G2|^2`` with S = target for ever, batched.

    Parameters
    ----------
    target : ndarray, shape (..., p, q)
    left_encoder, right_encoder : ndarray, shapes (..., r, p) and (..., r, q)
        Start; leading axes broadcast against those of `target`.
    penalty : float
    steps : int
    rate : float
        Step size; below 1/c_1, the largest singular value of S, the top coupling is a stable end for balanced encoders.

    Returns
    -------
    left, right : ndarray, shapes (..., r, p) and (..., r, q)
    """
    for _ in range(steps):
        rise = surrogate_gradients(target, left_encoder, right_encoder, penalty=penalty)
        left_encoder, right_encoder = left_encoder + rate * rise[0], right_encoder + rate * rise[1]
    return left_encoder, right_encoder


def contraction_penalty(problem):
    """``lambda_max(X^T X/n) lambda_max(Y^T Y/n) / tau``: about where :func:`svd_iteration` stops to contract.

    At M = 0 it bounds the Hessian of :func:`data_loss`, the derivative of -S(beta(M)); dividing by a larger penalty
    shrinks steps. A guide, no sharp threshold: truncation to rank r may stretch. Derived, not the paper's.

    >>> contraction_penalty(LinearClip(2 * np.eye(2), np.eye(2), 0.5, 1.0, 1.0))
    2.0
    """
    sides = [side.T @ side / len(side) for side in (problem.left, problem.right)]
    return float(np.prod([np.linalg.norm(side, 2) for side in sides]) / problem.temperature)


def svd_iteration(problem, coupling, *, rank, steps):
    """The iteration "weights at M, then M = best rank-r part of S(beta(M)) / rho"; all iterates, start first.

    One step from encoders trained elsewhere is the paper's approximated multimodal contrastive learning.

    Returns
    -------
    ndarray, shape (steps + 1, p, q)
    """
    iterates = [np.asarray(coupling, dtype=float)]
    for _ in range(steps):
        target = cross_covariance(problem, iterates[-1])
        iterates.append(spiked_model.best_coupling(target, rank=rank, penalty=problem.penalty))
    return np.array(iterates)


def stationary_points(problem, *, rank, restarts, rng, tolerance=1e-12):
    """Minimise L over encoders of the given rank from random starts: L-BFGS, then Newton steps.

    Parameters
    ----------
    problem : LinearClip
    rank, restarts : int >= 1
    rng : numpy.random.Generator
        Starts are Gaussian of norm about sqrt(rank).
    tolerance : float
        Target of the gradient norm; look at ``gradient_norms`` of the result.

    Returns
    -------
    newton.Minimum
        Stacked encoders [G1^T; G2^T] in ``features`` and ``runs``; see :func:`coupling_of`.
    """
    split = problem.left.shape[1]
    size = split + problem.right.shape[1]

    def value(stacked):
        left, right = stacked[:split], stacked[split:]
        coupling = left @ right.T
        residual = cross_covariance(problem, coupling) - problem.penalty * coupling
        return loss(problem, coupling), -np.vstack([residual @ right, residual.T @ left])

    def hessian_product(stacked):
        left, right = stacked[:split], stacked[split:]
        coupling = left @ right.T
        residual = cross_covariance(problem, coupling) - problem.penalty * coupling
        slope = _weight_slope(problem, coupling)

        def product(step):
            change = step[:split] @ right.T + left @ step[split:].T
            turn = -slope(change) - problem.penalty * change
            return -np.vstack(
                [residual @ step[split:] + turn @ right, residual.T @ step[:split] + turn.T @ left],
            )

        return product

    starts = rng.standard_normal((restarts, size, rank)) / np.sqrt(size)
    runs = [newton.descend(value, hessian_product, start, on_sphere=False, tolerance=tolerance) for start in starts]
    return newton.collect(value, np.array(runs), on_sphere=False)


def coupling_of(problem, stacked):
    """``M = G1^T G2`` of stacked encoders, shape (..., p + q, r) to (..., p, q)."""
    split = problem.left.shape[1]
    return stacked[..., :split, :] @ np.swapaxes(stacked[..., split:, :], -1, -2)


def singular_usage(coupling, target, *, penalty):
    """How much of every singular triple (u_j, c_j, v_j) of S a coupling uses: ``rho u_j^T M v_j / c_j``.

    1 for a triple that M holds in full, 0 for one that it leaves out; at a stationary point every entry is one of both.

    Parameters
    ----------
    coupling, target : array_like, shape (..., p, q)
        M and S(beta(M)), whose singular values have to be positive.
    penalty : float > 0

    Returns
    -------
    ndarray, shape (..., min(p, q))
        In descending order of c_j.

    >>> singular_usage(np.diag([0.0, 1.0]), np.diag([3.0, 2.0]), penalty=2.0)
    array([0., 1.])
    """
    left, values, right = np.linalg.svd(target, full_matrices=False)
    return penalty * np.einsum("...pj,...pq,...jq->...j", left, coupling, right) / values


@dataclass(frozen=True)
class StationaryPath:
    """Stationary points of one problem at several penalties; the leading axis of every array counts penalties.

    Attributes
    ----------
    couplings : ndarray, shape (k, p, q)
        M of the best restart.
    targets : ndarray, shape (k, p, q)
        S(beta) at these couplings.
    usage : ndarray, shape (k, min(p, q))
        :func:`singular_usage` of these couplings.
    runs : ndarray, shape (k, restarts, p, q)
        M of every restart.
    gradient_norms : ndarray, shape (k, restarts)
    """

    couplings: np.ndarray
    targets: np.ndarray
    usage: np.ndarray
    runs: np.ndarray
    gradient_norms: np.ndarray


def stationary_path(problem, penalties, *, rank, restarts, rng):
    """:func:`stationary_points` for every penalty (the problem's own one is not used).

    Returns
    -------
    StationaryPath
    """
    columns = []
    for penalty in penalties:
        now = replace(problem, penalty=float(penalty))
        found = stationary_points(now, rank=rank, restarts=restarts, rng=rng)
        coupling = coupling_of(now, found.features)
        target = cross_covariance(now, coupling)
        usage = singular_usage(coupling, target, penalty=now.penalty)
        columns.append((coupling, target, usage, coupling_of(now, found.runs), found.gradient_norms))
    return StationaryPath(*map(np.array, zip(*columns, strict=True)))


def _weight_slope(problem, coupling):
    """The derivative of M -> X^T B(M) Y / n as a function of the step: shape (p, q) to (p, q)."""
    scores = problem.left @ coupling @ problem.right.T / problem.temperature
    rows = np.exp(scores - logsumexp(scores, axis=1, keepdims=True))
    columns = np.exp(scores - logsumexp(scores, axis=0, keepdims=True))

    def apply(step):
        change = problem.left @ step @ problem.right.T / problem.temperature
        moved = rows * (change - np.sum(rows * change, axis=1, keepdims=True))
        moved += columns * (change - np.sum(columns * change, axis=0, keepdims=True))
        return problem.left.T @ moved @ problem.right / (2 * len(scores))

    return apply
