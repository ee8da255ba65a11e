"""Two-layer ReLU networks on one-hot orthogonal mixtures, many networks at a time.

A network is ``z = second @ relu(first @ x)``. Inputs show one feature each, ``x = a_m e_m`` with a_m > 0, and both
views of a sample show the same feature, so that weights are written in feature coordinates: ``first`` has shape
(..., units, features), ``second`` (..., outputs, units), and ``covariance`` = C_alpha[a] is (features, features), one
for all networks or one each. Then ``relu(first @ x) = relu(first) @ x`` exactly, and the energy of frozen pair weights
is

    E = 1/2 tr( second B C B^T second^T ),   B = relu(first).

Tensors are float64; leading dimensions are independent networks. ``constraint`` is ``"filter"`` (rows of ``first``
have norm 1) or ``"layer"`` (``first`` has Frobenius norm 1); ``second`` always has Frobenius norm 1. ``activation``
is ``"relu"`` or ``"linear"``. A gate is open where a weight is positive; at a weight of exactly 0 it is closed.
"""

from dataclasses import dataclass

import torch

from helpers.losses import pair_family
from helpers.optimise import riemannian

CONSTRAINTS = ("filter", "layer")
ACTIVATIONS = ("relu", "linear")


@dataclass(frozen=True)
class Ascent:
    """End points of a batch of gradient ascents.

    Attributes
    ----------
    first, second : Tensor
        Weights, shapes (networks, units, features) and (networks, outputs, units), on the constraint set.
    energy : Tensor, shape (networks,)
    gradient_norm : Tensor, shape (networks,)
        Norm of the gradient's tangential part, both layers together, in units of ``scale``.
    """

    first: torch.Tensor
    second: torch.Tensor
    energy: torch.Tensor
    gradient_norm: torch.Tensor


# -- energy, gradient, constraints --------------------------------------------------------------------------
def energy(first, second, covariance, *, activation):
    """Energy ``1/2 tr(second B C B^T second^T)`` with B = relu(first) or B = first.

    Parameters
    ----------
    first : Tensor, shape (..., units, features)
    second : Tensor, shape (..., outputs, units)
    covariance : Tensor, shape (features, features) or (..., features, features), symmetric
    activation : str

    Returns
    -------
    Tensor, shape (...)

    Raises
    ------
    ValueError
        If the shapes do not fit or the activation is unknown.

    >>> identity = torch.eye(2, dtype=torch.float64)
    >>> energy(-identity, identity[:1], identity, activation="relu").item()
    0.0
    >>> energy(-identity, identity[:1], identity, activation="linear").item()
    0.5
    """
    _check(first, second, covariance)
    output = second @ _hidden(first, activation)
    return 0.5 * ((output @ covariance) * output).sum(dim=(-1, -2))


def gradients(first, second, covariance, *, activation):
    """Closed-form gradient of :func:`energy`: ``gate * (H B C)`` with H = second^T second, and ``second B C B^T``.

    Parameters
    ----------
    first, second, covariance, activation
        As in :func:`energy`.

    Returns
    -------
    (Tensor, Tensor)
        Gradients in the shapes of ``first`` and ``second``. Row k of the first is dE/dw_k.
    """
    _check(first, second, covariance)
    hidden = _hidden(first, activation)
    output = second @ hidden @ covariance
    pulled = second.mT @ output
    if activation == "relu":
        pulled = pulled * (first > 0)
    return pulled, output @ hidden.mT


def retract(first, second, *, constraint):
    """Rescale both layers onto the constraint set.

    Raises
    ------
    ValueError
        For an unknown constraint.
    """
    _known("constraint", constraint, CONSTRAINTS)
    size = first.norm(dim=-1, keepdim=True) if constraint == "filter" else _frobenius(first)
    return first / size, second / _frobenius(second)


def tangential_norm(first, second, gradient_first, gradient_second, *, constraint):
    """Norm of the gradient after its radial parts are removed, both layers together; shape (...)."""
    _known("constraint", constraint, CONSTRAINTS)
    dims = (-1,) if constraint == "filter" else (-1, -2)
    left = gradient_first - first * (first * gradient_first).sum(dim=dims, keepdim=True)
    right = gradient_second - second * (second * gradient_second).sum(dim=(-1, -2), keepdim=True)
    return (left.square().sum(dim=(-1, -2)) + right.square().sum(dim=(-1, -2))).sqrt()


def random_start(count, units, features, outputs, *, constraint, generator):
    """``count`` random networks on the constraint set (Gaussian weights, rescaled), float64."""
    first = torch.randn(count, units, features, generator=generator, dtype=torch.float64)
    second = torch.randn(count, outputs, units, generator=generator, dtype=torch.float64)
    return retract(first, second, constraint=constraint)


def outputs(first, second, inputs, *, activation="relu"):
    """``second @ relu(first @ x)`` for raw inputs: (..., n, inputs) becomes (..., n, outputs)."""
    return _hidden(inputs @ first.mT, activation) @ second.mT


def gated_covariances(first, weights, views, other, *, gates):
    """All contrastive covariances ``C_alpha[x g_k, x g_l]`` of inputs seen through the gates of two units.

    ``dE/dw_k = sum_l H_kl C_alpha[x g_k, x g_l] w_l`` with H = second^T second holds for any inputs, not only mixtures.

    Parameters
    ----------
    first : Tensor, shape (..., units, inputs)
    weights : Tensor, shape (..., n, n)
        Pair weights, zero diagonal.
    views, other : Tensor, shape (..., n, inputs)
    gates : bool
        False: every gate is open.

    Returns
    -------
    Tensor, shape (..., units, units, inputs, inputs)
    """

    def gated(inputs):
        opening = (first @ inputs.mT > 0).to(inputs.dtype) if gates else torch.ones_like(first @ inputs.mT)
        return opening[..., None] * inputs[..., None, :, :]

    left, right = gated(views), gated(other)
    return pair_family.contrastive_covariance(
        weights[..., None, None, :, :],
        left[..., :, None, :, :],
        right[..., :, None, :, :],
        left[..., None, :, :, :],
        right[..., None, :, :, :],
    )


# -- ascent -------------------------------------------------------------------------------------------------
def ascend(first, second, covariance, *, constraint, activation, rate=1.0, steps=4_000, tolerance=1e-11):
    """Gradient ascent of the energy with both layers rescaled after every step, closed-form gradient.

    One step adds ``rate / scale`` times the gradient to both layers; ``scale`` is the largest absolute eigenvalue of
    the network's covariance, so that ``rate`` is a pure number. A network rests once the tangential part of its
    gradient is at most ``tolerance * scale``; whether it has converged is for the caller to judge by its gradient
    norm. A unit never sees a feature whose gate is closed: the limit need not be a local maximum (:func:`kink_slopes`).

    Parameters
    ----------
    first, second : Tensor, shapes (networks, units, features) and (networks, outputs, units)
    covariance : Tensor, shape (features, features) or (networks, features, features)

    Returns
    -------
    Ascent

    >>> start = random_start(5, 3, 2, 2, constraint="layer", generator=torch.Generator().manual_seed(0))
    >>> covariance = torch.diag(torch.tensor([1.0, 0.5], dtype=torch.float64))
    >>> ascend(*start, covariance, constraint="layer", activation="linear").energy.round(decimals=12).tolist()
    [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    _check(first, second, covariance)
    covariance = covariance.expand(first.shape[0], *covariance.shape[-2:])

    def value(first, second, covariance):
        return energy(first, second, covariance, activation=activation)

    def slope(first, second, covariance):
        return gradients(first, second, covariance, activation=activation)

    scale = torch.linalg.matrix_norm(covariance, 2)[:, None, None]
    return _ascend(value, slope, first, second, (covariance,), scale, constraint, rate, steps, tolerance)


def ascend_raw(first, second, weights, views, other, *, constraint, activation, rate=1.0, steps=4_000, tolerance=1e-11):
    """The same ascent from raw inputs: energy from pairwise distances, gradient by autograd.

    Parameters
    ----------
    first, second : Tensor, shapes (networks, units, inputs) and (networks, outputs, units)
    weights : Tensor, shape (networks, n, n)
        Frozen pair weights, zero diagonal.
    views, other : Tensor, shape (networks, n, inputs)
    constraint, activation, rate, steps, tolerance
        As in :func:`ascend`; ``scale`` is the largest absolute eigenvalue of C_alpha[x].

    Returns
    -------
    Ascent
    """

    def value(first, second, weights, views, other):
        pair = (outputs(first, second, inputs, activation=activation) for inputs in (views, other))
        return pair_family.energy(weights, *pair)

    def slope(first, second, *data):
        first, second = first.detach().requires_grad_(), second.detach().requires_grad_()
        return torch.autograd.grad(value(first, second, *data).sum(), (first, second))

    data = weights, views, other
    scale = torch.linalg.matrix_norm(pair_family.contrastive_covariance(*data), 2)[:, None, None]
    return _ascend(value, slope, first, second, data, scale, constraint, rate, steps, tolerance)


def kink_slopes(first, second, covariance, *, reach=1e-3):
    """One-sided slopes of the energy at closed gates: what a small positive weight would gain.

    Parameters
    ----------
    first, second, covariance : Tensor
    reach : float
        A closed gate is a kink if its weight lies in [-reach, 0]; further below no small move opens it.

    Returns
    -------
    Tensor, shape (..., units, features)
        ``(H B C)_km`` at kinks, 0 elsewhere. A positive entry means: not a local maximum, whatever the gated
        gradient says.
    """
    hidden = torch.relu(first)
    pulled = second.mT @ (second @ hidden @ covariance)
    return torch.where(_kinks(first, reach), pulled, torch.zeros_like(pulled))


def ascend_through_kinks(first, second, covariance, *, constraint, size=0.05, rounds=40, violation=1e-7, **options):
    """Ascend, open every kink whose one-sided slope is positive, ascend again, until none is left.

    Parameters
    ----------
    first, second, covariance, constraint
        As in :func:`ascend`.
    size : float
        Weight given to an opened gate before the rescaling, half of it in every further round: a step from a weight
        far above the one it would settle at closes the gate again. The other kinks get the weight 0.
    rounds : int
        Largest number of repetitions.
    violation : float
        Slopes up to ``violation * scale`` count as not positive.
    **options
        Passed on to :func:`ascend`.

    Returns
    -------
    (Ascent, Tensor)
        End points, and per network the largest one-sided slope left, in units of ``scale``.
    """
    _check(first, second, covariance)
    covariance = covariance.expand(first.shape[0], *covariance.shape[-2:])
    scale = torch.linalg.matrix_norm(covariance, 2)[:, None, None]
    options = {"constraint": constraint, "activation": "relu"} | options
    end = ascend(first, second, covariance, **options)
    kept = [end.first.clone(), end.second.clone(), end.energy.clone(), end.gradient_norm.clone()]
    for halvings in range(rounds):
        slopes = kink_slopes(kept[0], kept[1], covariance) / scale
        again = (slopes > violation).flatten(1).any(dim=1)
        if not again.any():
            break
        opened = torch.where(_kinks(kept[0], 1e-3), size / 2**halvings * (slopes > violation), kept[0])
        start = retract(opened[again], kept[1][again], constraint=constraint)
        end = ascend(*start, covariance[again], **options)
        for store, new in zip(kept, (end.first, end.second, end.energy, end.gradient_norm), strict=True):
            store[again] = new
    slopes = kink_slopes(kept[0], kept[1], covariance) / scale
    return Ascent(*kept), slopes.flatten(1).amax(dim=1).clamp_min(0.0)


# -- is an end point a local maximum? -----------------------------------------------------------------------
def gate_slopes(first, second, weights, views, other, *, reach=1e-3):
    """One-sided slopes at closed gates by automatic differentiation of the raw network: no formula of the energy.

    Every gate at a kink is opened by 1e-300, too little to change a value, so that the derivative of the rectifier is
    that of its right side.

    Parameters
    ----------
    first, second : Tensor, shapes (networks, units, inputs) and (networks, outputs, units)
    weights : Tensor, shape (networks, n, n)
        Frozen pair weights, zero diagonal.
    views, other : Tensor, shape (networks, n, inputs)
    reach : float
        As in :func:`kink_slopes`.

    Returns
    -------
    Tensor, shape (networks, units, inputs)
        0 where no gate is at a kink.
    """
    kink = _kinks(first, reach)
    ajar = torch.where(kink, 1e-300, first).detach().requires_grad_()
    z, partner = (torch.relu(inputs @ ajar.mT) @ second.mT for inputs in (views, other))
    (slope,) = torch.autograd.grad(pair_family.energy(weights, z, partner).sum(), ajar)
    return torch.where(kink, slope, 0.0)


def open_curvature(first, second, covariance):
    """Largest eigenvalue of the Riemannian Hessian, per filter, on the open weights and the second layer.

    Closed gates stay closed. At a point whose gradient vanishes and whose slopes at closed gates are negative, a value
    of at most 0 makes a local maximum, up to directions in which the energy is flat to second order.

    Returns
    -------
    Tensor, shape (networks,)
    """

    def energy_of_open(weights, covariance, gates):
        output = weights[1] @ (weights[0] * gates)
        return 0.5 * ((output @ covariance) * output).sum(dim=(-1, -2))

    parameters = covariance.expand(len(first), *covariance.shape[-2:]), (first > 0).to(first.dtype)
    constraint = ["row", "layer"]
    return riemannian.hessian_eigenvalues(
        energy_of_open, [first, second], parameters=parameters, constraint=constraint
    )[:, -1]


def idle_at_kink(first, second, *, reach=1e-3):
    """Networks with a unit that is not live and has a gate at a kink; BoolTensor, shape (networks,).

    Opening the gate and giving the unit weight gains at second order: such a point is a saddle whatever the slopes say.
    """
    return (~live_units(first, second).unsqueeze(-1) & _kinks(first, reach)).flatten(1).any(dim=1)


# -- rank, cones --------------------------------------------------------------------------------------------
def live_units(first, second, *, tolerance=1e-2):
    """Units that take part: outgoing norm times norm of the open weights above a fraction of the largest.

    A unit without an open gate, or without outgoing weight, does not change the energy wherever its weights point;
    counted as a row of ``first`` it would only fake rank.

    Returns
    -------
    BoolTensor, shape (..., units)
    """
    strength = second.norm(dim=-2) * torch.relu(first).norm(dim=-1)
    return strength > tolerance * strength.amax(dim=-1, keepdim=True)


def singular_values(first, live=None):
    """Singular values of ``first``, rows that are not live set to zero; shape (..., min(units, features))."""
    return torch.linalg.svdvals(first if live is None else first * live.unsqueeze(-1))


def numerical_rank(singular, *, tolerance=1e-3):
    """Number of singular values above ``tolerance`` times the largest; integer tensor, shape (...)."""
    return (singular > tolerance * singular[..., :1]).sum(dim=-1)


def participation_ratio(singular):
    """``(sum sigma^2)^2 / sum sigma^4``, between 1 and the rank; shape (...).

    >>> participation_ratio(torch.tensor([3.0, 3.0, 0.0])).item()
    2.0
    """
    squares = singular.square()
    return squares.sum(dim=-1).square() / squares.square().sum(dim=-1)


def cone_directions(first, covariance):
    """The two unit vectors ``[C r]_+`` and ``[-C r]_+``, r = B^T b, b the top eigenvector of ``G = B C B^T``.

    Parameters
    ----------
    first : Tensor, shape (..., units, features)
    covariance : Tensor

    Returns
    -------
    cones : Tensor, shape (..., 2, features)
        A row is zero where its orthant is empty. The sign of b, hence the order of the rows, is arbitrary.
    direction : Tensor, shape (..., units)
        b: a unit of positive entry belongs to the first cone, of negative entry to the second.
    """
    hidden = torch.relu(first)
    direction = torch.linalg.eigh(hidden @ covariance @ hidden.mT).eigenvectors[..., -1]
    field = direction.unsqueeze(-2) @ hidden @ covariance
    cones = torch.relu(torch.cat([field, -field], dim=-2))
    size = cones.norm(dim=-1, keepdim=True)
    return cones / torch.where(size > 0, size, torch.ones_like(size)), direction


def cone_distance(first, second, covariance):
    """Largest distance of a live unit's direction to the cone direction of its sign; shape (...)."""
    cones, direction = cone_directions(first, covariance)
    own = torch.where(direction.unsqueeze(-1) > 0, cones[..., :1, :], cones[..., 1:, :])
    distance = (first / first.norm(dim=-1, keepdim=True) - own).norm(dim=-1)
    return (distance * live_units(first, second)).amax(dim=-1)


# -- pieces and refusals ------------------------------------------------------------------------------------
def _ascend(value, slope, first, second, parameters, scale, constraint, rate, steps, tolerance, every=50):
    def norm(first, second, scale, *parameters):
        ups = slope(first, second, *parameters)
        return tangential_norm(first, second, *ups, constraint=constraint) / scale[:, 0, 0]

    state = [torch.arange(first.shape[0]), first, second, scale, *parameters]
    ends = first.clone(), second.clone()
    for step in range(1, steps + 1):
        index, first, second, unit, *extra = state
        up_first, up_second = slope(first, second, *extra)
        moved = first + rate * up_first / unit, second + rate * up_second / unit
        state[1:3] = retract(*moved, constraint=constraint)
        if step % every == 0 or step == steps:
            ends[0][index], ends[1][index] = state[1:3]
            going = norm(*state[1:]) > tolerance
            if not going.any():
                break
            state = [part[going] for part in state]
    return Ascent(*ends, value(*ends, *parameters), norm(*ends, scale, *parameters))


def _kinks(first, reach):
    return (first <= 0) & (first >= -reach)


def _hidden(first, activation):
    _known("activation", activation, ACTIVATIONS)
    return torch.relu(first) if activation == "relu" else first


def _frobenius(weights):
    return weights.square().sum(dim=(-1, -2), keepdim=True).sqrt()


def _known(name, value, choices):
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")


def _check(first, second, covariance):
    units, features = first.shape[-2:]
    if second.shape[-1] != units or covariance.shape[-2:] != (features, features):
        raise ValueError(
            f"first has shape {tuple(first.shape)}, second {tuple(second.shape)}, covariance "
            f"{tuple(covariance.shape)}, expected (..., units, features), (..., outputs, units), (features, features)"
        )
