"""Closed forms of the deep linear energy, its special points, and the families it is tested on."""

import numpy as np
import pytest
import torch

from helpers.optimise import manifolds, riemannian
from helpers.papers.alpha_cl import linear_networks


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_energy_is_half_the_trace_of_the_outputs_covariance(rng):
    weights, covariance = linear_networks.random_problems((4, 3, 5), 6, rng)
    total = linear_networks.product(weights)
    trace = (total @ covariance @ total.mT).diagonal(dim1=1, dim2=2).sum(1)
    assert torch.allclose(linear_networks.energy(weights, covariance), trace / 2)


def test_gradient_is_that_of_autograd(rng):
    weights, covariance = linear_networks.random_problems((4, 3, 5, 2), 6, rng)
    value, closed = linear_networks.value_and_gradient(weights, covariance)
    expected, autograd = riemannian.value_and_gradient(linear_networks.energy, weights, (covariance,))
    assert torch.allclose(value, expected)
    assert all(torch.allclose(a, b, atol=1e-14) for a, b in zip(closed, autograd, strict=True))


def test_layers_above_and_below_recover_the_product(rng):
    weights = manifolds.random_weights((4, 3, 5, 2), 6, rng)
    for upper, weight, lower in zip(
        linear_networks.above(weights), weights, linear_networks.below(weights), strict=True
    ):
        assert torch.allclose(upper @ weight @ lower, linear_networks.product(weights))


def test_flow_keeps_unit_norms(rng):
    covariance, _ = linear_networks.symmetric(linear_networks.spectra(6, 4, rng, negative=2), rng)
    weights = manifolds.random_weights((4, 3, 5), 6, rng)
    for velocity, weight in zip(linear_networks.flow(weights, covariance), weights, strict=True):
        assert (velocity * weight).sum((1, 2)).abs().max() < 1e-14


def test_aligned_points_are_critical_and_of_rank_one(rng):
    covariance, axes = linear_networks.symmetric(linear_networks.spectra(6, 4, rng, negative=1), rng)
    point = linear_networks.random_aligned(axes[:, :, 1], (4, 3, 5), rng)
    assert linear_networks.singular_ratio(point).max() < 1e-14
    assert max(velocity.abs().max() for velocity in linear_networks.flow(point, covariance)) < 1e-14
    interfaces = linear_networks.balance(point)
    assert linear_networks.balance_distance(interfaces, [0 * entry for entry in interfaces]).max() < 1e-14


def test_maximise_finds_the_top_eigenvalue(rng):
    covariance, _ = linear_networks.symmetric(linear_networks.spectra(20, 4, rng), rng)
    end = linear_networks.maximise((4, 3, 2), covariance, rng)
    assert torch.allclose(2 * end.value, torch.ones(20).double())


@pytest.mark.parametrize("negative", [0, 2])
def test_spectra_have_the_stated_signs_and_gap(rng, negative):
    values = linear_networks.spectra(500, 5, rng, negative=negative, gap=0.3)
    assert np.all(values[:, 0] == 1)
    assert np.all(np.diff(values, axis=1) <= 0)
    assert np.all((values < 0).sum(1) == negative)
    assert np.all(values[:, 0] - values[:, 1] >= 0.3)


def test_random_matrices_have_the_given_eigenpairs(rng):
    values = linear_networks.spectra(7, 4, rng, negative=1)
    matrices, vectors = linear_networks.symmetric(values, rng)
    assert torch.equal(matrices, matrices.mT)
    assert torch.allclose(matrices @ vectors, vectors * torch.from_numpy(values)[:, None], atol=1e-14)


@pytest.mark.parametrize("changes", [{"negative": 3}, {"negative": -1}, {"gap": 1.5}])
def test_impossible_spectra_are_refused(rng, changes):
    with pytest.raises(ValueError, match="expected 0 <= negative < size"):
        linear_networks.spectra(2, 3, rng, **changes)


def test_eigenvalues_need_a_batch_axis(rng):
    with pytest.raises(ValueError, match=r"expected \(problems, d\)"):
        linear_networks.symmetric([1.0, 2.0], rng)
