"""Wrong formulas for notebook 1."""

import numpy as np
import torch
from faults import Fault, with_options

from helpers.spectral import graphs


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


NOTEBOOK = "01_spectral_clustering"
FAULTS = [
    Fault("1/tau dropped", "losses.kernels.log_gaussian", temperature_dropped, NOTEBOOK, "SC-L4"),
    Fault("1/tau dropped", "losses.kernels.log_gaussian", temperature_dropped, NOTEBOOK, "SC-X4"),
    Fault("Laplacian not symmetrised", "spectral.graphs.laplacian", not_symmetrised, NOTEBOOK, "SC-D4"),
    Fault("Laplacian not symmetrised", "spectral.graphs.laplacian", not_symmetrised, NOTEBOOK, "SC-T1"),
    Fault("symmetrised without 1/2", "spectral.graphs.symmetrised", half_dropped, NOTEBOOK, "SC-L4"),
    Fault(
        "diagonal on one side", "losses.population_losses.infonce", with_options(include_self=True), NOTEBOOK, "SC-L2"
    ),
    Fault(
        "diagonal on one side",
        "papers.spectral_clustering.random_fields.cross_entropy",
        with_options(include_self=True),
        NOTEBOOK,
        "SC-T1",
    ),
    Fault("wrong sign of log R", "losses.population_losses.infonce", wrong_sign_of_log_partition, NOTEBOOK, "SC-L3"),
    Fault(
        "n edges in all",
        "papers.spectral_clustering.random_fields.cross_entropy",
        with_options(restriction="edge_count"),
        NOTEBOOK,
        "SC-D3",
    ),
    Fault("rows and columns exchanged", "spectral.graphs.row_stochastic", columns_normalised, NOTEBOOK, "SC-L1"),
    Fault(
        "anchor in its denominator",
        "losses.scores.ntxent_from_scores",
        with_options(include_self=True),
        NOTEBOOK,
        "SC-T1b",
    ),
    Fault(
        "one negative too many",
        "papers.spectral_clustering.finite_negatives.expected_infonce",
        one_negative_too_many,
        NOTEBOOK,
        "SC-T1c",
    ),
    Fault("one negative too few", "losses.scores.bank_infonce_from_scores", one_negative_too_few, NOTEBOOK, "SC-C3"),
    Fault("1/tau dropped", "losses.scores.clip_from_scores", with_options(temperature=1.0), NOTEBOOK, "SC-T2"),
    Fault("edges for objects", "losses.population_losses.clip", edges_sampled, NOTEBOOK, "SC-T2b"),
    Fault("exponent of the square", "losses.kernels.log_exponential", exponent_of_the_square, NOTEBOOK, "SC-K1"),
    Fault("exponent of the square", "losses.kernels.log_exponential", exponent_of_the_square, NOTEBOOK, "SC-K4"),
    Fault("mean of logs for log of sum", "losses.kernels.log_sum", mean_of_logarithms, NOTEBOOK, "SC-K5"),
]
