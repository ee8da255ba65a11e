"""What the pictures plot: one quantity over a grid of settings, many instances at every point of the grid."""

from dataclasses import dataclass

import torch

from helpers.losses import pair_family
from helpers.optimise import manifolds, riemannian

from . import linear_networks, mixtures, relu_networks


@dataclass(frozen=True)
class Plane:
    """Loss and frozen energy over a plane of parameters, and along its steepest line through one point.

    Attributes
    ----------
    points : Tensor, shape (g * g, 2)
    surfaces : dict of "loss", "frozen" to Tensor, shape (g * g,)
        The frozen one lifted, so that both agree at the point.
    arrows : dict of "loss", "re-dealt", "frozen" to Tensor, shape (g * g, 2)
        Downhill; "re-dealt": minus the energy with the weights of each foot.
    cuts : dict of "loss", "frozen" to Tensor, shape (p,)
    """

    points: torch.Tensor
    surfaces: dict
    arrows: dict
    cuts: dict


def plane(member, first, second, point, axis, path):
    """Landscapes of ``z_i = theta . x_i`` for a member of the pair family.

    Parameters
    ----------
    member : pair_family.Member
    first, second : Tensor, shape (n, 2)
        Two views.
    point : Tensor, shape (2,)
        Whose weights are frozen.
    axis : Tensor, shape (g,)
        Of both parameters.
    path : Tensor, shape (p,)
        Signed distances from the point along its steepest descent.

    Returns
    -------
    Plane
    """

    def margins(points):
        return pair_family.margins(
            *(torch.einsum("...d,nd->...n", points, view)[..., None] for view in (first, second))
        )

    def loss(points):
        return pair_family.anchor_losses(member, margins(points)).sum(-1)

    def minus_energy(points, alpha):
        return (alpha * margins(points)).sum((-2, -1))

    def downhill(surface, points, *more):
        leaf = points.clone().requires_grad_()
        return -torch.autograd.grad(surface(leaf, *more).sum(), leaf)[0]

    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), dim=-1).reshape(-1, 2)
    live, held = (pair_family.pair_weights(member, margins(at)).detach() for at in (points, point))
    lift = loss(point) - minus_energy(point, held)
    steepest = downhill(loss, point)
    line = point + path[:, None] * steepest / steepest.norm()
    arrows = {
        "loss": downhill(loss, points),
        "re-dealt": downhill(minus_energy, points, live),
        "frozen": downhill(minus_energy, points, held),
    }
    surfaces, cuts = ({"loss": loss(where), "frozen": minus_energy(where, held) + lift} for where in (points, line))
    return Plane(points, surfaces, arrows, cuts)


def trapped_shares(strengths, negatives, size, starts, rng):
    """Share of uniform starts of a size-1-3-1 net that the flow traps, by the exact basin.

    The covariance has ``negative`` eigenvalues ``-strength``, the others are 1.

    Returns
    -------
    Tensor, shape (len(negatives), len(strengths))
    """
    weights = manifolds.random_weights((size, 1, 3, 1), starts, rng)
    direction, overlap = weights[0][:, 0], (weights[2] @ weights[1])[:, 0, 0].square()
    shares = []
    for negative in negatives:
        for strength in strengths:
            spectrum = torch.ones(size, dtype=torch.float64)
            spectrum[:negative] = -strength
            least = linear_networks.lowest_stretch(direction, torch.diag(spectrum))[0]
            shares.append((least <= (1 - overlap).sqrt()).double().mean())
    return torch.stack(shares).reshape(len(negatives), len(strengths))


def ranks(depths, temperatures, first, second, rng, *, width=8, restarts=1, tolerance=1e-7):
    """Participation ratio of the learned product with live weights, and with weights frozen at the start.

    Parameters
    ----------
    depths, temperatures : sequence
    first, second : Tensor, shape (sets, n, d)
    rng : numpy.random.Generator
        Of the starts.

    Returns
    -------
    dict of "live", "frozen" to Tensor, shape (depths, temperatures, sets * restarts)

    Raises
    ------
    ValueError
        If an ascent did not converge.
    """
    repeats = len(temperatures), 1, 1
    views = [view.repeat_interleave(restarts, 0).repeat(*repeats) for view in (first, second)]
    tau = torch.as_tensor(temperatures, dtype=torch.float64).repeat_interleave(len(first) * restarts)
    found = {"live": [], "frozen": []}
    for depth in depths:
        widths = [first.shape[-1]] + [width] * depth
        start = manifolds.random_weights(widths, len(tau), rng)
        live = riemannian.ascend(
            linear_networks.negative_live_loss,
            start,
            parameters=(*views, tau),
            gradient=linear_networks.live_value_and_gradient,
            tolerance=tolerance,
            magnitude=20.0,
        )
        held = linear_networks.live_loss_and_covariance(linear_networks.product(start), *views, tau)[1]
        frozen = linear_networks.maximise(widths, held, rng)
        for name, end in (("live", live), ("frozen", frozen)):
            if end.gradient_norm.max() > tolerance:
                raise ValueError(f"depth {depth}: a gradient of {end.gradient_norm.max():.1e} is left ({name} weights)")
            singular = torch.linalg.svdvals(linear_networks.product(end.weights))
            found[name].append(relu_networks.participation_ratio(singular).reshape(len(temperatures), -1))
    return {name: torch.stack(values) for name, values in found.items()}


def single_units(strengths, objects, parts, rng, generator, *, sets=16, starts=6, samples=300):
    """One rectified unit trained on object views at every augmentation strength, uniform pair weights.

    Every unit starts with all gates open, and kinks are opened on the way.

    Returns
    -------
    Tensor, shape (len(strengths), sets * starts, objects * parts)
        Non-negative unit vectors.
    """
    uniform = (1 - torch.eye(samples, dtype=torch.float64)).expand(sets, -1, -1)
    rule, units = {"constraint": "filter"}, []
    for strength in strengths:
        views = mixtures.object_views(sets, samples, objects=objects, parts=parts, strength=strength, rng=rng)
        covariance = pair_family.contrastive_covariance(uniform, *views) / (2 * uniform[0].sum())
        covariance = covariance.repeat_interleave(starts, 0)
        first, second = relu_networks.random_start(len(covariance), 1, objects * parts, 1, generator=generator, **rule)
        # all gates open: a unit that starts with none would stay dead
        end, _ = relu_networks.ascend_through_kinks(first.abs(), second, covariance, rate=4.0, **rule)
        units.append(torch.relu(end.first[:, 0]))
    return torch.stack(units)
