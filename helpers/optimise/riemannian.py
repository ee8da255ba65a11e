"""Many optimisation problems at once: ascent on products of spheres, convergence, Hessian spectra.

A *point* is a list of weights, one tensor (problems, n_l, n_{l-1}) a layer, float64; a leading axis counts problems
(restarts, instances, or both). An *energy* maps such a list, and further tensors with the same leading axis, to one
number a problem. Energies are maximised, on the constraint sets of ``spheres``.

Gradients come from one autograd call on the sum over the batch, or from a function that returns value and gradients
itself. A problem's path depends on its own start only, not on its neighbours in the batch nor on the chunk it is
computed in (up to rounding in batched products).
"""

from dataclasses import dataclass

import torch

from . import manifolds

# State of one chunk, gradient history included: what fits in a core's second-level cache with room for temporaries.
CHUNK_BYTES = 4 * 2**20
HISTORY = 6
SUFFICIENT = 1e-4
EPS = torch.finfo(torch.float64).eps


@dataclass(frozen=True)
class Ascent:
    """End points of :func:`ascend`.

    Attributes
    ----------
    weights : list of Tensor, shapes (problems, n_l, n_{l-1})
    value : Tensor, shape (problems,)
        Energy at the end point.
    gradient_norm : Tensor, shape (problems,)
        Norm of the Riemannian gradient there, recomputed after the last step.
    steps : Tensor, shape (problems,), int64
        Evaluations of the energy spent on each problem.
    """

    weights: list
    value: torch.Tensor
    gradient_norm: torch.Tensor
    steps: torch.Tensor


def value_and_gradient(energy, weights, parameters=()):
    """Energies and their Euclidean gradients by one autograd call on the sum over the batch.

    Parameters
    ----------
    energy : callable
        ``energy(weights, *parameters) -> Tensor, shape (problems,)``; no problem may look at another.
    weights : list of Tensor, shapes (problems, n_l, n_{l-1})
    parameters : sequence of Tensor, leading axis problems

    Returns
    -------
    value : Tensor, shape (problems,)
    gradients : list of Tensor
    """
    leaves = [weight.detach().requires_grad_() for weight in weights]
    value = energy(leaves, *parameters)
    return value.detach(), list(torch.autograd.grad(value.sum(), leaves))


def ascend(
    energy,
    starts,
    *,
    parameters=(),
    constraint="layer",
    gradient=None,
    tolerance=1e-11,
    plain=30,
    limit=5000,
    magnitude=0.0,
    chunk=None,
):
    """Maximise many energies from many starts, each until its Riemannian gradient vanishes.

    The first ``plain`` evaluations are steepest ascent, ``W <- normalise(W + step * gradient)``; then the direction is
    that of L-BFGS with restarts, which turns a slow tail into a superlinear one. A step is taken only if the energy
    rises (Armijo) or, where the rise is below rounding, if the gradient falls; otherwise it is shortened. The ascent
    is monotone up to rounding, so that it ends at a local maximum unless it meets a saddle exactly.

    Parameters
    ----------
    energy : callable
        ``energy(weights, *parameters) -> Tensor, shape (problems,)``.
    starts : list of Tensor, shapes (problems, n_l, n_{l-1}), float64
        Scaled onto the constraint set first.
    parameters : sequence of Tensor, leading axis problems
        Whatever else the energy needs, for example one covariance a problem.
    constraint : str or sequence of str
    gradient : callable, optional
        ``gradient(weights, *parameters) -> (value, gradients)``, written by hand; autograd of ``energy`` by default.
    tolerance : float
        A problem has converged once its gradient norm is at most this.
    plain : int
        Evaluations spent on steepest ascent before the history is used.
    limit : int
        Most evaluations a problem may take; one that reaches it comes back with the gradient norm it has.
    magnitude : float
        Size of the terms an energy is the sum of, where it exceeds that of the energy itself: rises below
        8 machine epsilons of it cannot be told from rounding.
    chunk : int, optional
        Problems computed together; by default what fits in ``CHUNK_BYTES``.

    Returns
    -------
    Ascent

    Raises
    ------
    ValueError
        For unequal leading axes, weights that are not float64, or an energy that is not finite at a start.

    >>> import numpy as np
    >>> starts = manifolds.random_weights((3, 1), 4, np.random.default_rng(0))
    >>> quadratic = lambda weights: weights[0][:, 0, 0] ** 2
    >>> ascend(quadratic, starts).value.numpy().round(12)
    array([1., 1., 1., 1.])
    """
    count, shapes = _check(starts, parameters)
    kinds = manifolds.kinds(constraint, len(starts))
    flat = manifolds.join(manifolds.normalise(starts, kinds))

    def evaluate(point, extra):
        weights = manifolds.split(point, shapes)
        if gradient is None:
            value, gradients = value_and_gradient(energy, weights, extra)
        else:
            value, gradients = gradient(weights, *extra)
        return value, manifolds.join(manifolds.tangent(gradients, weights, kinds))

    def retract(point):
        return manifolds.join(manifolds.normalise(manifolds.split(point, shapes), kinds))

    chunk = chunk or max(32, CHUNK_BYTES // (flat.element_size() * flat.shape[1] * (2 * HISTORY + 6)))
    parts = []
    for first in range(0, count, chunk):
        rows = slice(first, first + chunk)
        extra = [parameter[rows] for parameter in parameters]
        parts.append(_ascend_chunk(evaluate, retract, flat[rows], extra, tolerance, plain, limit, magnitude))
    point, value, norm, steps = (torch.cat(columns) for columns in zip(*parts, strict=True))
    return Ascent(manifolds.split(point, shapes), value, norm, steps)


def hessian_eigenvalues(energy, weights, *, parameters=(), constraint="layer", chunk=16):
    """Eigenvalues of the Riemannian Hessian at critical points, by automatic differentiation.

    The Hessian of ``energy(manifolds.normalise(W))`` is taken through the normalisation (a second-order retraction)
    with ``torch.func`` and restricted to the tangent space, so that the radial zeros do not appear.

    Parameters
    ----------
    energy : callable
        As for :func:`ascend`.
    weights : list of Tensor, shapes (problems, n_l, n_{l-1})
        On the constraint set.
    parameters : sequence of Tensor, leading axis problems
    constraint : str or sequence of str
    chunk : int
        Problems computed together.

    Returns
    -------
    Tensor, shape (problems, dimension of the constraint set)
        Ascending.

    >>> point = [torch.tensor([[[1.0, 0.0, 0.0]]], dtype=torch.float64)]
    >>> slopes = torch.tensor([3.0, 2.0, 0.5], dtype=torch.float64)
    >>> hessian_eigenvalues(lambda w: (slopes * w[0][:, 0] ** 2).sum(-1) / 2, point)
    tensor([[-2.5000, -1.0000]], dtype=torch.float64)
    """
    count, shapes = _check(weights, parameters)
    kinds = manifolds.kinds(constraint, len(weights))

    def single(point, *extra):
        layers = manifolds.normalise(manifolds.split(point[None], shapes), kinds)
        return energy(layers, *(entry[None] for entry in extra))[0]

    flat, spectra = manifolds.join(weights), []
    hessians = torch.func.vmap(torch.func.hessian(single))
    for first in range(0, count, chunk):
        rows = slice(first, first + chunk)
        point = flat[rows]
        hessian = hessians(point, *(parameter[rows] for parameter in parameters))
        basis = manifolds.tangent_basis(manifolds.split(point, shapes), kinds)
        spectra.append(torch.linalg.eigvalsh(basis.mT @ hessian @ basis))
    return torch.cat(spectra)


# -- one chunk of the ascent ------------------------------------------------------------------------------------
def _ascend_chunk(evaluate, retract, start, extra, tolerance, plain, limit, magnitude):
    count, size = start.shape
    value, slope = evaluate(start, extra)
    if not torch.all(torch.isfinite(value)):
        raise ValueError(f"the energy is not finite at {int((~torch.isfinite(value)).sum())} of {count} starts")
    norm = slope.norm(dim=1)
    end = [start.clone(), value.clone(), norm.clone(), torch.ones(count, dtype=torch.int64)]
    state = {
        "index": torch.arange(count),
        "point": start,
        "value": value,
        "slope": slope,
        "norm": norm,
        # First trial: a unit of arc, whatever the scale of the energy.
        "direction": slope / norm.clamp_min(tolerance)[:, None],
        "step": torch.ones_like(norm),
        "scale": 1.0 / norm.clamp_min(tolerance),
        "failures": torch.zeros_like(norm),
        "moves": start.new_zeros(count, HISTORY, size),
        "turns": start.new_zeros(count, HISTORY, size),
        "weight": start.new_zeros(count, HISTORY),
    }
    for evaluations in range(1, limit + 1):
        done = state["norm"] <= tolerance
        if evaluations == limit:
            done = torch.ones_like(done)
        finished = int(torch.count_nonzero(done))
        if finished == len(done) or finished > 0.2 * len(done):
            where = state["index"][done]
            for kept, name in zip(end, ("point", "value", "norm"), strict=False):
                kept[where] = state[name][done]
            end[3][where] = evaluations
            if finished == len(done):
                break
            state = {name: entry[~done] for name, entry in state.items()}
            extra = [parameter[~done] for parameter in extra]
        _trial(state, evaluate, retract, extra, magnitude, slot=evaluations % HISTORY)
        _next_direction(state, slot=evaluations % HISTORY, plain=evaluations <= plain, renew=evaluations == plain + 1)
    return end


def _trial(state, evaluate, retract, extra, magnitude, *, slot):
    """One trial step of every problem: taken or refused one by one, and remembered where it was taken."""
    point, value, slope, norm = (state[name] for name in ("point", "value", "slope", "norm"))
    trial = retract(point + state["step"][:, None] * state["direction"])
    new_value, new_slope = evaluate(trial, extra)
    new_norm = new_slope.norm(dim=1)
    expected = state["step"] * (slope * state["direction"]).sum(1)
    rounding = 8 * EPS * (value.abs() + new_value.abs() + magnitude)
    level = (expected <= 1e3 * rounding) & (new_value >= value - rounding) & (new_norm < norm)
    taken = (new_value >= value + SUFFICIENT * expected) | level
    keep = taken[:, None]
    move, turn = trial - point, slope - new_slope
    product, squared = (move * turn).sum(1), (turn * turn).sum(1)
    usable = taken & (product > 1e-8 * move.norm(dim=1) * squared.sqrt())
    state["moves"][:, slot], state["turns"][:, slot] = move, turn
    state["weight"][:, slot] = torch.where(usable, 1.0 / torch.where(usable, product, 1.0), 0.0)
    state["scale"] = torch.where(usable, product / torch.where(usable, squared, 1.0), state["scale"])
    state["failures"] = torch.where(taken, 0.0, state["failures"] + 1.0)
    state["point"], state["slope"] = torch.where(keep, trial, point), torch.where(keep, new_slope, slope)
    state["value"], state["norm"] = torch.where(taken, new_value, value), torch.where(taken, new_norm, norm)


def _next_direction(state, *, slot, plain, renew):
    """Steepest ascent with growing steps, or L-BFGS over the taken steps of the last ``HISTORY`` evaluations.

    A direction is kept while its step is being shortened; after ``HISTORY`` refusals the history is empty and the
    search starts again along the gradient.
    """
    slope, taken = state["slope"], state["failures"] == 0
    if plain:
        state["direction"] = slope / state["norm"].clamp_min(torch.finfo(slope.dtype).tiny)[:, None]
        state["step"] = torch.where(taken, (1.6 * state["step"]).clamp_max(1.0), 0.4 * state["step"])
        return
    order = [(slot - age) % HISTORY for age in range(HISTORY)]
    direction, overlaps = slope, {}
    for pair in order:
        overlaps[pair] = state["weight"][:, pair] * (state["moves"][:, pair] * direction).sum(1)
        direction = direction - overlaps[pair][:, None] * state["turns"][:, pair]
    direction = direction * state["scale"][:, None]
    for pair in reversed(order):
        back = state["weight"][:, pair] * (state["turns"][:, pair] * direction).sum(1)
        direction = direction + (overlaps[pair] - back)[:, None] * state["moves"][:, pair]
    fresh = taken | (state["failures"] == HISTORY) | renew
    longest = direction.norm(dim=1).clamp_min(1.0)
    state["direction"] = torch.where(fresh[:, None], direction / longest[:, None], state["direction"])
    state["step"] = torch.where(fresh, 1.0, 0.4 * state["step"])


# -- refusals ---------------------------------------------------------------------------------------------------
def _check(weights, parameters):
    count = len(weights[0])
    for tensor in weights:
        if tensor.dtype != torch.float64 or tensor.ndim != 3:
            raise ValueError(f"weights have shape {tuple(tensor.shape)}, {tensor.dtype}, expected 3 axes, float64")
    for tensor in [*weights, *parameters]:
        if len(tensor) != count:
            raise ValueError(f"a tensor has leading axis {len(tensor)}, expected {count}: one entry a problem")
    return count, [tuple(weight.shape[1:]) for weight in weights]
