"""Wrong formulas, put in on purpose: each must make the named claim fail by its own rule.

A fault replaces one function of ``helpers`` by a wrong version; the claim's cells are then executed alone. A claim
that does not notice would be a check that cannot fail.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from claim_cells import run_claim

from helpers import graphs


@dataclass(frozen=True)
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
    def population_infonce(transition, log_kernel, *, include_self):
        itself = torch.eye(log_kernel.shape[-1], dtype=torch.bool)
        kept = log_kernel if include_self else log_kernel.masked_fill(itself, -torch.inf)
        return -torch.where(transition > 0, transition * log_kernel, 0.0).sum(-1) - kept.logsumexp(-1)

    return population_infonce


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

    def population_clip(forth, back, scores):
        return original(forth, back, scores) * torch.cat([back.sum(-2), forth.sum(-2)], -1)

    return population_clip


def exponent_of_the_square(original):
    return lambda squared, *, exponent, scale: original(squared, exponent=exponent / 2, scale=scale)


def one_negative_too_few(original):
    return lambda positive, negatives, **options: original(positive, negatives[..., 1:], **options)


def one_negative_too_many(original):
    return lambda transition, log_kernel, *, candidates: original(transition, log_kernel, candidates=candidates + 1)


def mean_of_logarithms(_):
    return lambda *log_kernels: torch.stack(torch.broadcast_tensors(*log_kernels)).mean(0)


SPECTRAL = "01_spectral_clustering"
FAULTS = [
    Fault("1/tau dropped", "kernels.log_gaussian", temperature_dropped, SPECTRAL, "SC-L4"),
    Fault("1/tau dropped", "kernels.log_gaussian", temperature_dropped, SPECTRAL, "SC-X4"),
    Fault("Laplacian not symmetrised", "graphs.laplacian", not_symmetrised, SPECTRAL, "SC-D4"),
    Fault("Laplacian not symmetrised", "graphs.laplacian", not_symmetrised, SPECTRAL, "SC-T1"),
    Fault("symmetrised without 1/2", "graphs.symmetrised", half_dropped, SPECTRAL, "SC-L4"),
    Fault("diagonal on one side", "losses.population_infonce", with_options(include_self=True), SPECTRAL, "SC-L2"),
    Fault("diagonal on one side", "subgraphs.cross_entropy", with_options(include_self=True), SPECTRAL, "SC-T1"),
    Fault("wrong sign of log R", "losses.population_infonce", wrong_sign_of_log_partition, SPECTRAL, "SC-L3"),
    Fault("n edges in all", "subgraphs.cross_entropy", with_options(restriction="edge_count"), SPECTRAL, "SC-D3"),
    Fault("rows and columns exchanged", "graphs.row_stochastic", columns_normalised, SPECTRAL, "SC-L1"),
    Fault(
        "anchor in its denominator", "losses.ntxent_from_scores", with_options(include_self=True), SPECTRAL, "SC-T1b"
    ),
    Fault("one negative too many", "negatives.expected_infonce", one_negative_too_many, SPECTRAL, "SC-T1c"),
    Fault("one negative too few", "losses.bank_infonce_from_scores", one_negative_too_few, SPECTRAL, "SC-C3"),
    Fault("1/tau dropped", "losses.clip_from_scores", with_options(temperature=1.0), SPECTRAL, "SC-T2"),
    Fault("edges for objects", "losses.population_clip", edges_sampled, SPECTRAL, "SC-T2b"),
    Fault("exponent of the square", "kernels.log_exponential", exponent_of_the_square, SPECTRAL, "SC-K1"),
    Fault("exponent of the square", "kernels.log_exponential", exponent_of_the_square, SPECTRAL, "SC-K4"),
    Fault("mean of logs for log of sum", "kernels.log_sum", mean_of_logarithms, SPECTRAL, "SC-K5"),
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
