"""Wrong formulas for notebook 2."""

import dataclasses

import torch
from faults import Fault, negated


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


def derivative_through_the_weights(original):
    return original | {"entropy": original["entropy, backprop"]}


def weights_without_unit_sum(_):
    return lambda distances, *, temperature: torch.exp(-distances / temperature)


def norm_too_large(original):
    return lambda weights, constraint="layer": [1.1 * weight for weight in original(weights, constraint)]


def kinks_never_opened(original):
    return lambda *arguments, **options: torch.zeros_like(original(*arguments, **options))


NOTEBOOK = "02_alpha_cl"
FAULTS = [
    Fault("factor 1/2 dropped", "losses.pair_family.half_squared_distances", doubled_distances, NOTEBOOK, "AC-D1"),
    Fault("factor 1/2 dropped", "losses.pair_family.half_squared_distances", doubled_distances, NOTEBOOK, "AC-T1"),
    Fault("factor 1/2 dropped", "losses.pair_family.half_squared_distances", doubled_distances, NOTEBOOK, "AC-R1"),
    Fault("sign of C_alpha", "losses.pair_family.contrastive_covariance", negated, NOTEBOOK, "AC-D4"),
    Fault("sign of C_alpha", "losses.pair_family.contrastive_covariance", negated, NOTEBOOK, "AC-R3"),
    Fault("sign of C_alpha", "losses.pair_family.contrastive_covariance", negated, NOTEBOOK, "AC-L3"),
    Fault("a forgotten member in xi", "losses.pair_family.anchor_losses", last_stranger_forgotten, NOTEBOOK, "AC-D2"),
    Fault(
        "a forgotten member in xi",
        "losses.pair_family.pair_weights",
        last_stranger_forgotten_in_weights,
        NOTEBOOK,
        "AC-T1",
    ),
    Fault(
        "eps outside the logarithm",
        "losses.pair_family.infonce",
        positive_weight_outside_the_logarithm,
        NOTEBOOK,
        "AC-D3",
    ),
    Fault(
        "alpha's derivative flowing", "losses.alpha_cl.PAIR_LOSSES", derivative_through_the_weights, NOTEBOOK, "AC-E2"
    ),
    Fault("weights without unit sum", "losses.alpha_cl.entropy_weights", weights_without_unit_sum, NOTEBOOK, "AC-P1"),
    Fault("weights of norm 1.1", "optimise.manifolds.normalise", norm_too_large, NOTEBOOK, "AC-C3"),
    Fault("kinks never opened", "papers.alpha_cl.relu_networks.kink_slopes", kinks_never_opened, NOTEBOOK, "AC-R5"),
]
