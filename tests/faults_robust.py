"""Wrong formulas for notebook 5."""

import dataclasses

import numpy as np
import torch
from faults import Fault, negated


def one_more_in_the_denominator(original):
    return lambda world: original(world) + np.log(world.negatives / (world.negatives + 1))


def log_weight_dropped(original):
    def losses(world, **options):
        return original(dataclasses.replace(world, weight=np.ones(len(world.weight))), **options)

    return losses


def temperature_squared(original):
    return lambda world: original(world) / world.temperature[:, None, None]


def prior_dropped(original):
    return lambda world, weights=None, bias=None: original(world, weights, 0 * world.prior)


def means_not_normalised(original):
    return lambda world: original(world) * world.prior[..., None]


def variance_part_dropped(_):
    return lambda parameters, squared_norm, sigma, prior_sigma: squared_norm / np.square(prior_sigma) / 2


def descent(original):
    return lambda gradient, radius, *, norm: -original(gradient, radius, norm=norm)


def infinity_ball(original):
    return lambda centres, radius, norm, low, high: original(centres, radius, np.inf, low, high)


def primal_norm(_):
    return lambda vectors, norm: torch.linalg.vector_norm(vectors, ord=norm, dim=-1)


NOTEBOOK = "05_robust_contrastive"
FAULTS = [
    Fault(
        "K + 1 for K",
        "papers.robust_contrastive.decomposition.log_average",
        one_more_in_the_denominator,
        NOTEBOOK,
        "RC-L1",
    ),
    Fault(
        "K + 1 for K",
        "papers.robust_contrastive.decomposition.log_average",
        one_more_in_the_denominator,
        NOTEBOOK,
        "RC-T1",
    ),
    Fault(
        "log beta dropped",
        "papers.robust_contrastive.decomposition.tuple_losses",
        log_weight_dropped,
        NOTEBOOK,
        "RC-T2",
    ),
    Fault(
        "log beta dropped",
        "papers.robust_contrastive.decomposition.tuple_losses",
        log_weight_dropped,
        NOTEBOOK,
        "RC-T4b",
    ),
    Fault("tau squared", "papers.robust_contrastive.finite_worlds.scores", temperature_squared, NOTEBOOK, "RC-T1"),
    Fault("tau squared", "papers.robust_contrastive.finite_worlds.scores", temperature_squared, NOTEBOOK, "RC-L1"),
    Fault(
        "bias of the prior dropped",
        "papers.robust_contrastive.finite_worlds.cross_entropy",
        prior_dropped,
        NOTEBOOK,
        "RC-T1",
    ),
    Fault(
        "bias of the prior dropped",
        "papers.robust_contrastive.finite_worlds.cross_entropy",
        prior_dropped,
        NOTEBOOK,
        "RC-V1",
    ),
    Fault(
        "class means not normalised",
        "papers.robust_contrastive.finite_worlds.class_means",
        means_not_normalised,
        NOTEBOOK,
        "RC-T2",
    ),
    Fault(
        "variance part of KL dropped",
        "optimise.sharpness.gaussian_divergence",
        variance_part_dropped,
        NOTEBOOK,
        "RC-T5",
    ),
    Fault("SAM step downhill", "optimise.sharpness.sam_step", negated, NOTEBOOK, "RC-S1"),
    Fault("attack in the descent direction", "adversarial.attacks.steepest", descent, NOTEBOOK, "RC-A1"),
    Fault("projection on the wrong ball", "adversarial.attacks._projection", infinity_ball, NOTEBOOK, "RC-A3"),
    Fault("primal for dual norm", "adversarial.attacks.dual_norm", primal_norm, NOTEBOOK, "RC-A2"),
]
