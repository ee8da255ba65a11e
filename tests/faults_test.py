"""Wrong formulas, put in on purpose: each must make the named claim fail by its own rule.

A fault replaces one function of ``helpers`` by a wrong version; the claim's cells are then executed alone. A claim
that does not notice would be a check that cannot fail.
"""

import dataclasses
import importlib
from collections.abc import Callable

import numpy as np
import pytest
import torch
from claim_cells import run_claim

from helpers import graphs


@dataclasses.dataclass(frozen=True)
class Fault:
    """``wrong(original)`` takes the place of ``helpers.<module>.<name>`` while ``claim`` runs."""

    what: str
    target: str
    wrong: Callable
    notebook: str
    claim: str


def with_options(**changes):
    """The original function, called with some of its keyword arguments overruled."""
    return lambda original: lambda *args, **options: original(*args, **(options | changes))


def wrong_sign_of_log_partition(_):
    def infonce(transition, log_kernel, *, include_self):
        itself = torch.eye(log_kernel.shape[-1], dtype=torch.bool)
        kept = log_kernel if include_self else log_kernel.masked_fill(itself, -torch.inf)
        return -torch.where(transition > 0, transition * log_kernel, 0.0).sum(-1) - kept.logsumexp(-1)

    return infonce


def temperature_dropped(_):
    return lambda squared, *, temperature: -squared / 2


def not_symmetrised(_):
    return graphs.directed_laplacian


def half_dropped(original):
    return lambda weights: 2 * original(weights)


def columns_normalised(_):
    return lambda weights, *, include_self: np.asarray(weights) / np.sum(weights, axis=-2, keepdims=True)


def edges_sampled(original):
    """Objects weighted by the edges that reach them, not equally."""

    def clip(forth, back, scores):
        return original(forth, back, scores) * torch.cat([back.sum(-2), forth.sum(-2)], -1)

    return clip


def exponent_of_the_square(original):
    return lambda squared, *, exponent, scale: original(squared, exponent=exponent / 2, scale=scale)


def one_negative_too_few(original):
    return lambda positive, negatives, **options: original(positive, negatives[..., 1:], **options)


def one_negative_too_many(original):
    return lambda transition, log_kernel, *, candidates: original(transition, log_kernel, candidates=candidates + 1)


def mean_of_logarithms(_):
    return lambda *log_kernels: torch.stack(torch.broadcast_tensors(*log_kernels)).mean(0)


def negated(original):
    return lambda *arguments: -original(*arguments)


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


SPECTRAL = "01_spectral_clustering"
FAULTS = [
    Fault("1/tau dropped", "kernels.log_gaussian", temperature_dropped, SPECTRAL, "SC-L4"),
    Fault("1/tau dropped", "kernels.log_gaussian", temperature_dropped, SPECTRAL, "SC-X4"),
    Fault("Laplacian not symmetrised", "graphs.laplacian", not_symmetrised, SPECTRAL, "SC-D4"),
    Fault("Laplacian not symmetrised", "graphs.laplacian", not_symmetrised, SPECTRAL, "SC-T1"),
    Fault("symmetrised without 1/2", "graphs.symmetrised", half_dropped, SPECTRAL, "SC-L4"),
    Fault("diagonal on one side", "population_losses.infonce", with_options(include_self=True), SPECTRAL, "SC-L2"),
    Fault("diagonal on one side", "subgraphs.cross_entropy", with_options(include_self=True), SPECTRAL, "SC-T1"),
    Fault("wrong sign of log R", "population_losses.infonce", wrong_sign_of_log_partition, SPECTRAL, "SC-L3"),
    Fault("n edges in all", "subgraphs.cross_entropy", with_options(restriction="edge_count"), SPECTRAL, "SC-D3"),
    Fault("rows and columns exchanged", "graphs.row_stochastic", columns_normalised, SPECTRAL, "SC-L1"),
    Fault(
        "anchor in its denominator", "losses.ntxent_from_scores", with_options(include_self=True), SPECTRAL, "SC-T1b"
    ),
    Fault("one negative too many", "negatives.expected_infonce", one_negative_too_many, SPECTRAL, "SC-T1c"),
    Fault("one negative too few", "losses.bank_infonce_from_scores", one_negative_too_few, SPECTRAL, "SC-C3"),
    Fault("1/tau dropped", "losses.clip_from_scores", with_options(temperature=1.0), SPECTRAL, "SC-T2"),
    Fault("edges for objects", "population_losses.clip", edges_sampled, SPECTRAL, "SC-T2b"),
    Fault("exponent of the square", "kernels.log_exponential", exponent_of_the_square, SPECTRAL, "SC-K1"),
    Fault("exponent of the square", "kernels.log_exponential", exponent_of_the_square, SPECTRAL, "SC-K4"),
    Fault("mean of logs for log of sum", "kernels.log_sum", mean_of_logarithms, SPECTRAL, "SC-K5"),
]
ALPHA = "02_alpha_cl"
FAULTS += [
    Fault("factor 1/2 dropped", "pair_weights.half_squared_distances", doubled_distances, ALPHA, "AC-D1"),
    Fault("factor 1/2 dropped", "pair_weights.half_squared_distances", doubled_distances, ALPHA, "AC-T1"),
    Fault("factor 1/2 dropped", "pair_weights.half_squared_distances", doubled_distances, ALPHA, "AC-R1"),
    Fault("sign of C_alpha", "pair_weights.contrastive_covariance", negated, ALPHA, "AC-D4"),
    Fault("sign of C_alpha", "pair_weights.contrastive_covariance", negated, ALPHA, "AC-R3"),
    Fault("sign of C_alpha", "pair_weights.contrastive_covariance", negated, ALPHA, "AC-L3"),
    Fault("a forgotten member in xi", "pair_weights.anchor_losses", last_stranger_forgotten, ALPHA, "AC-D2"),
    Fault("a forgotten member in xi", "pair_weights.pair_weights", last_stranger_forgotten_in_weights, ALPHA, "AC-T1"),
    Fault("eps outside the logarithm", "pair_weights.infonce", positive_weight_outside_the_logarithm, ALPHA, "AC-D3"),
    Fault("alpha's derivative flowing", "pair_rules.PAIR_LOSSES", derivative_through_the_weights, ALPHA, "AC-E2"),
    Fault("weights without unit sum", "pair_rules.entropy_weights", weights_without_unit_sum, ALPHA, "AC-P1"),
    Fault("weights of norm 1.1", "spheres.normalise", norm_too_large, ALPHA, "AC-C3"),
    Fault("kinks never opened", "relu_networks.kink_slopes", kinks_never_opened, ALPHA, "AC-R5"),
]
ROBUST = "05_robust_contrastive"
FAULTS += [
    Fault("K + 1 for K", "decomposition.log_average", one_more_in_the_denominator, ROBUST, "RC-L1"),
    Fault("K + 1 for K", "decomposition.log_average", one_more_in_the_denominator, ROBUST, "RC-T1"),
    Fault("log beta dropped", "decomposition.tuple_losses", log_weight_dropped, ROBUST, "RC-T2"),
    Fault("log beta dropped", "decomposition.tuple_losses", log_weight_dropped, ROBUST, "RC-T4b"),
    Fault("tau squared", "finite_worlds.scores", temperature_squared, ROBUST, "RC-T1"),
    Fault("tau squared", "finite_worlds.scores", temperature_squared, ROBUST, "RC-L1"),
    Fault("bias of the prior dropped", "finite_worlds.cross_entropy", prior_dropped, ROBUST, "RC-T1"),
    Fault("bias of the prior dropped", "finite_worlds.cross_entropy", prior_dropped, ROBUST, "RC-V1"),
    Fault("class means not normalised", "finite_worlds.class_means", means_not_normalised, ROBUST, "RC-T2"),
    Fault("variance part of KL dropped", "sharpness.gaussian_divergence", variance_part_dropped, ROBUST, "RC-T5"),
    Fault("SAM step downhill", "sharpness.sam_step", negated, ROBUST, "RC-S1"),
    Fault("attack in the descent direction", "attacks.steepest", descent, ROBUST, "RC-A1"),
    Fault("projection on the wrong ball", "attacks._projection", infinity_ball, ROBUST, "RC-A3"),
    Fault("primal for dual norm", "attacks.dual_norm", primal_norm, ROBUST, "RC-A2"),
]


@pytest.fixture(autouse=True)
def quick_run(tmp_path, monkeypatch):
    """The quick profile with seed 0, writing nowhere that matters."""
    for variable in ("PROFILE", "SEED", "REDRAW"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    monkeypatch.setenv("DEVICE", "cpu")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.claim}: {fault.what}")
def test_the_claim_notices(fault, monkeypatch):
    module_name, name = fault.target.split(".")
    module = importlib.import_module(f"helpers.{module_name}")
    monkeypatch.setattr(module, name, fault.wrong(getattr(module, name)))
    record = run_claim(fault.notebook, fault.claim)
    assert not record["holds"], f"{fault.claim} did not notice: {fault.what}"


@pytest.mark.parametrize(
    ("notebook", "claim"), sorted({(fault.notebook, fault.claim) for fault in FAULTS}), ids=lambda value: str(value)
)
def test_the_claim_holds_without_the_fault(notebook, claim):
    record = run_claim(notebook, claim)
    assert record["holds"]
    assert record["control"]["fails"]
