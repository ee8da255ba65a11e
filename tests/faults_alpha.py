"""Wrong formulas for notebook 2."""

import dataclasses

import torch
from faults import CELL, Fault, negated

from helpers.papers.alpha_cl import linear_networks

NOTEBOOK = "02_alpha_cl"
ROOM = "papers.alpha_cl"


def doubled_distances(original):
    return lambda first, second: tuple(2 * distance for distance in original(first, second))


def last_stranger_forgotten(original):
    return lambda member, margins: original(member, margins[..., :-1])


def last_stranger_forgotten_in_weights(_):
    def weights(member, margins):
        total = member.psi(margins[..., :-1]).sum(-1)
        return member.phi_slope(total)[..., None] * member.psi_slope(margins)

    return weights


def positive_weight_outside_the_logarithm(original):
    def infonce(*, temperature, positive_weight):
        member = original(temperature=temperature, positive_weight=positive_weight)
        return dataclasses.replace(
            member,
            phi=lambda x: positive_weight + temperature * torch.log(x),
            phi_slope=lambda x: temperature / x,
            phi_curvature=lambda x: -temperature / x**2,
        )

    return infonce


def positive_weight_squared(original):
    """In the price list only: the conjugate of another epsilon."""

    def infonce(*, temperature, positive_weight):
        member = original(temperature=temperature, positive_weight=positive_weight)
        other = original(temperature=temperature, positive_weight=positive_weight**2)
        return dataclasses.replace(member, conjugate=other.conjugate)

    return infonce


def price_finite_everywhere(original):
    """The conjugate of the decoupled loss without its domain."""

    def infonce(*, temperature, positive_weight):
        member = original(temperature=temperature, positive_weight=positive_weight)
        if positive_weight:
            return member
        return dataclasses.replace(member, conjugate=lambda a: temperature * torch.xlogy(a, a).sum(-1))

    return infonce


def curvature_of_phi_dropped(_):
    def slopes(member, margins):
        total = member.psi(margins).sum(-1)
        return torch.diag_embed(member.phi_slope(total)[..., None] * member.psi_curvature(margins))

    return slopes


def derivative_through_the_weights(original):
    return original | {"entropy": original["entropy, backprop"]}


def mean_for_sum(original):
    """`direct` as the sum over strangers, unscaled."""

    def direct(positive, negatives, temperature):
        return original["direct"](positive, negatives, temperature) * negatives.shape[-1]

    return original | {"direct": direct}


def weights_without_unit_sum(_):
    return lambda distances, *, temperature: torch.exp(-distances / temperature)


def constant_weights(_):
    return lambda distances, *, temperature: torch.full_like(distances, 2 / distances.shape[-1])


def two_entries_late(_):
    def weights(distances, *, temperature):
        ordered, _ = distances.sort(dim=-1)
        count = torch.arange(1, distances.shape[-1] + 1, dtype=distances.dtype)
        levels = (ordered.cumsum(-1) + temperature) / count
        kept = (ordered < levels).sum(-1, keepdim=True)
        place = (kept + 1).clamp(max=distances.shape[-1] - 1)
        return (levels.gather(-1, place) - distances).clamp(min=0) / temperature

    return weights


def norm_too_large(original):
    return lambda weights, constraint="layer": [1.1 * weight for weight in original(weights, constraint)]


def half_the_radial_part(_):
    """E where 2 E is needed."""

    def flow(weights, covariance):
        value, gradients = linear_networks.value_and_gradient(weights, covariance)
        return [slope - value[..., None, None] * weight for slope, weight in zip(gradients, weights, strict=True)]

    return flow


def length_not_squared(original):
    def stretch(*arguments, **options):
        value, time, bend = original(*arguments, **options)
        return value.sqrt(), time, bend

    return stretch


def positives_deleted(original):
    """The live loss without its positive term; the weights do not see it."""

    def loss_and_covariance(linear_map, first, second, temperature):
        return original(linear_map, first, first, temperature)

    return loss_and_covariance


def temperature_doubled(original):
    return lambda linear_map, first, second, temperature: original(linear_map, first, second, 2 * temperature)


def absolute_value(_):
    def hidden(first, activation):
        return torch.abs(first) if activation == "relu" else first

    return hidden


def kinks_never_opened(original):
    return lambda *arguments, **options: torch.zeros_like(original(*arguments, **options))


def energy_without_half(original):
    return lambda *arguments, **options: 2 * original(*arguments, **options)


def shifted_by_a_thousandth(original):
    return lambda objects, parts, strength: original(objects, parts, strength) + 1e-3


def diagonal_kept(original):
    return lambda weights, *, include_self: original(weights, include_self=True)


def margin_of_the_other_sign(original):
    return lambda *, margin: original(margin=-margin)


def half_the_within_sample_term(original):
    def covariance(weights, features, other, *second):
        still = (features, features, *(second[:1] * 2))
        return (original(weights, features, other, *second) + original(weights, *still)) / 2

    return covariance


def sums_of_columns(original):
    return lambda weights, *views: original(weights.mT, *views)


def features_drawn_without_replacement(original):
    """Two different samples never show one feature: 1 / (M (M - 1)) for 1 / M^2."""

    def covariance(objects, parts, strength):
        features = objects * parts
        return original(objects, parts, strength) + 1 / features**2 - 1 / (features * (features - 1))

    return covariance


def epsilon_in_the_deviation(original):
    """As BatchNorm and LayerNorm are built."""

    def standardise(features, normalisation):
        axis = -1 if normalisation == "layer" else -2
        deviation = (features - features.mean(axis, keepdim=True)).square().mean(axis, keepdim=True).sqrt()
        return original(features, normalisation) * deviation / (deviation.square() + 1e-5).sqrt()

    return standardise


def function(what, target, wrong, *claims):
    return [Fault(what, target, wrong, NOTEBOOK, claim) for claim in claims]


def cell(what, claim, piece, replacement):
    return [Fault(what, CELL, notebook=NOTEBOOK, claim=claim, piece=piece, replacement=replacement)]


HALF = "losses.pair_family.half_squared_distances"
LINEAR, RELU = f"{ROOM}.linear_networks", f"{ROOM}.relu_networks"
FAULTS = [
    *function("factor 1/2 dropped", HALF, doubled_distances, "AC-D1", "AC-D2", "AC-D3", "AC-T1", "AC-T1H", "AC-R1"),
    *function("factor 1/2 dropped", HALF, doubled_distances, "AC-C1", "AC-T2V", "AC-S1", "AC-K"),
    *function("sign of C_alpha", "losses.pair_family.contrastive_covariance", negated, "AC-D4", "AC-R3", "AC-L3"),
    *function(
        "a forgotten member in xi", "losses.pair_family.anchor_losses", last_stranger_forgotten, "AC-D2", "AC-T2F"
    ),
    *function(
        "a forgotten member in xi",
        "losses.pair_family.pair_weights",
        last_stranger_forgotten_in_weights,
        "AC-T1",
        "AC-T2",
    ),
    *function("a margin of the other sign", "losses.pair_family.triplet", margin_of_the_other_sign, "AC-D2K"),
    *function(
        "half of the within-sample term",
        "losses.pair_family.contrastive_covariance",
        half_the_within_sample_term,
        "AC-C2",
        "AC-K",
    ),
    *function(
        "sums of columns for sums of rows",
        "losses.pair_family.contrastive_covariance",
        sums_of_columns,
        "AC-D4",
        "AC-R1",
        "AC-L3",
    ),
    *function(
        "features drawn without replacement",
        f"{ROOM}.mixtures.object_covariance",
        features_drawn_without_replacement,
        "AC-R8",
    ),
    *function(
        "an epsilon in the deviation",
        f"{ROOM}.homogeneous_networks._standardise",
        epsilon_in_the_deviation,
        "AC-L2",
    ),
    *function("curvature of phi dropped", "losses.pair_family.weight_slopes", curvature_of_phi_dropped, "AC-T1H"),
    *function(
        "eps outside the logarithm", "losses.pair_family.infonce", positive_weight_outside_the_logarithm, "AC-D3"
    ),
    *function("eps squared in the price", "losses.pair_family.infonce", positive_weight_squared, "AC-T2F"),
    *function("a price without its domain", "losses.pair_family.infonce", price_finite_everywhere, "AC-T2F"),
    *function(
        "weights without unit sum", "losses.alpha_cl.entropy_weights", weights_without_unit_sum, "AC-P1", "AC-D5"
    ),
    *function("a constant for the released rule", "losses.alpha_cl.released_square_weights", constant_weights, "AC-E4"),
    *function("two entries late", "losses.alpha_cl.released_square_weights", two_entries_late, "AC-E4"),
    *function("alpha's derivative flowing", "losses.alpha_cl.PAIR_LOSSES", derivative_through_the_weights, "AC-E2"),
    *function("sum over strangers in the library", "losses.alpha_cl.PAIR_LOSSES", mean_for_sum, "AC-E2"),
    *function("weights of norm 1.1", "optimise.manifolds.normalise", norm_too_large, "AC-C3"),
    *function("E for 2 E in the flow", f"{LINEAR}.flow", half_the_radial_part, "AC-T3S", "AC-L1B"),
    *function("length for its square in the basin", f"{LINEAR}.lowest_stretch", length_not_squared, "AC-T3S"),
    *function("energy of a linear net without 1/2", f"{LINEAR}.energy", energy_without_half, "AC-T3U", "AC-T3H"),
    *function("energy of a linear net without 1/2", f"{LINEAR}.energy", energy_without_half, "AC-L1", "AC-T3D"),
    *function("positives deleted", f"{LINEAR}.live_loss_and_covariance", positives_deleted, "AC-X2", "AC-X3"),
    *function("twice the temperature", f"{LINEAR}.live_loss_and_covariance", temperature_doubled, "AC-X2", "AC-X3"),
    *function("absolute value for the rectifier", f"{RELU}._hidden", absolute_value, "AC-R2", "AC-R4", "AC-R6"),
    *function("kinks never opened", f"{RELU}.kink_slopes", kinks_never_opened, "AC-R5", "AC-R3"),
    *function("energy without 1/2", f"{RELU}.energy", energy_without_half, "AC-R6"),
    *function("covariance of objects shifted", f"{ROOM}.mixtures.object_covariance", shifted_by_a_thousandth, "AC-R8"),
    *function("Q with its diagonal", "spectral.graphs.row_stochastic", diagonal_kept, "AC-K"),
    *cell(
        "temperature forgotten before the logarithm",
        "AC-D2",
        "tau * torch.log(1 + torch.exp(closer",
        "torch.log(1 + torch.exp(closer",
    ),
    *cell("partners do not move", "AC-T1", "z[:, None], z - partner", "z[:, None], (z - partner).detach()"),
    *cell(
        "frozen weights of another loss",
        "AC-T1H",
        "pair_family.pair_weights(member, u).flatten(1)",
        'pair_family.pair_weights(members["MINE"], u).flatten(1)',
    ),
    *cell("the worst answer for the best", "AC-S2", "eigenvectors[..., -1]", "eigenvectors[..., 0]"),
    *cell("three negative eigenvalues", "AC-T3", "spectra(count, 5, rng),", "spectra(count, 5, rng, negative=3),"),
    *cell("the root forgotten in the basin", "AC-T3S", "inside = least <= (1 - r).sqrt()", "inside = least <= 1 - r"),
    *cell(
        "two layers under live weights",
        "AC-X2",
        "live, two_units = solve(8), solve(2)",
        "live, two_units = solve(8, 8), solve(2)",
    ),
    *cell("noise halved", "AC-X3", "rng, noise=0.4)", "rng, noise=0.2)"),
    *cell("b is no eigenvector", "AC-R4", "second = b[", "second = b.abs()["),
    *cell("no kink opened", "AC-R5", "(C, data, limit, opened)", "(C, data, limit, limit)"),
    *cell(
        "absolute value in the raw network",
        "AC-R6",
        "def share(first, second, unit=torch.relu)",
        "def share(first, second, unit=torch.abs)",
    ),
    *cell("no repetition of view 1", "AC-R8", "joint[shown, shown] += (1 - rho) / (Y * q)", "joint[shown, shown] += 0"),
    *cell(
        "attack without its old difference",
        "AC-K",
        "second_moment(-noise) - second_moment(-noise - push)",
        "-second_moment(push)",
    ),
    *cell("flow of twice the energy", "AC-L1E", "return [state[0] @ X]", "return [2 * state[0] @ X]"),
    *cell("partners outside the operator", "AC-L2N", "(between - spread(a[:, :, None], a2[:, :, None]))", "between"),
    *cell("a hidden width of one among the wide", "AC-T3N", '"wide": [(4, 2, 3),', '"wide": [(4, 1, 3),'),
    *cell("another gap", "AC-X1", "np.tile([1, 0.7, 0.2, 0.1, 0]", "np.tile([1, 0.705, 0.2, 0.1, 0]"),
    *cell("norms of layers for norms of filters", "AC-R7", '("relu", "relu", "filter")', '("relu", "relu", "layer")'),
    *cell("half the period", "AC-E3", "np.cos(np.pi * steps", "np.cos(2 * np.pi * steps"),
    *cell(
        "an anchor's own distance kept", "AC-X3", "torch.diag(torch.full((60,), torch.inf))\n    alpha", "0\n    alpha"
    ),
    *cell("steps along one view only", "AC-X4", "p, q = a @ vectors, b @ vectors", "p, q = a @ vectors, a @ vectors"),
    *cell("one temperature for all", "AC-X4", "infonce(temperature=tau,", "infonce(temperature=0.5,"),
    *cell("each distance weighed by itself", "AC-X5", "stranger * far)", "stranger * far * (1 + far))"),
    *cell("one view read by coordinates", "AC-X5", "strangers = (z @ z.mT)[..., off]", "strangers = z[..., 0]"),
    *cell("pull of one for two", "AC-X5", "2 - 2 * (z * other)", "2 - (z * other)"),
    *cell("importances not differentiated", "AC-X6", "(1 + beta) * p - beta * q", "p"),
    *cell("correction for false strangers forgotten", "AC-X6", "h = (raw - false * count)", "h = (raw - 0 * count)"),
    *cell("second moment for variance", "AC-X7", "law, m)[:, :, None]", "law, 0 * m)[:, :, None]"),
    *cell(
        "partners share the view",
        "AC-X7",
        "second = f[:, sample, view], f[:, sample, partner]",
        "second = 2 * (f[:, sample, view],)",
    ),
    *cell("an optimum that is none", "AC-X8", "tolerance=1e-8, magnitude=4.0", "tolerance=1e-2, magnitude=4.0"),
    *cell(
        "outputs not normalised",
        "AC-X8",
        "return f / f.norm(dim=-1, keepdim=True)\n\n\ndef plain",
        "return f\n\n\ndef plain",
    ),
    *function("sums over columns", "losses.pair_family.contrastive_covariance", sums_of_columns, "AC-X4"),
    *function(
        "half of the within-sample term",
        "losses.pair_family.contrastive_covariance",
        half_the_within_sample_term,
        "AC-X7",
    ),
    *function("factor 1/2 dropped", HALF, doubled_distances, "AC-X8"),
    *cell("row sums along rows", "AC-E5", "raised.sum(1, keepdim=keepdim)", "raised.sum(0, keepdim=keepdim)"),
]
