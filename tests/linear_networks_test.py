"""Closed forms of the deep linear energy, its special points, and the families it is tested on."""

import numpy as np
import pytest
import torch

from helpers.losses import pair_family
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


@pytest.fixture
def live_problem():
    rng = np.random.default_rng(0)
    first, second = linear_networks.gaussian_views(5, 9, (1.0, 0.5, 0.2), rng, noise=0.3)
    return manifolds.random_weights((3, 4, 2), 5, rng), first, second


def test_live_loss_and_covariance_are_those_of_the_family(live_problem):
    weights, first, second = live_problem
    product = linear_networks.product(weights)
    member = pair_family.infonce(temperature=0.4, positive_weight=0.0)
    margins = pair_family.margins(first @ product.mT, second @ product.mT)
    alpha = pair_family.square(pair_family.pair_weights(member, margins))
    loss, covariance = linear_networks.live_loss_and_covariance(product, first, second, 0.4)
    assert torch.allclose(loss, pair_family.anchor_losses(member, margins).mean(-1))
    assert torch.allclose(9 * covariance, pair_family.contrastive_covariance(alpha, first, second), atol=1e-12)


def test_live_gradient_is_that_of_autograd_with_one_temperature_a_problem(live_problem):
    weights, first, second = live_problem
    temperature = torch.linspace(0.1, 2.0, 5, dtype=torch.float64)
    value, closed = linear_networks.live_value_and_gradient(weights, first, second, temperature)
    expected, autograd = riemannian.value_and_gradient(
        linear_networks.negative_live_loss, weights, (first, second, temperature)
    )
    assert torch.allclose(value, expected)
    assert all(torch.allclose(a, b, atol=1e-13) for a, b in zip(closed, autograd, strict=True))


def test_views_scatter_around_a_common_sample():
    first, second = linear_networks.gaussian_views(2, 20_000, (2.0, 0.1), np.random.default_rng(0), noise=0.5)
    assert first.shape == (2, 20_000, 2)
    assert torch.allclose((first - second).std(1), torch.full((2, 2), 0.5 * 2**0.5).double(), rtol=0.03)
    assert torch.allclose(first.std(1), torch.tensor([4.25, 0.26]).sqrt().double().expand(2, 2), rtol=0.03)


@pytest.mark.parametrize("negative", [1, 3])
def test_lowest_stretch_is_the_minimum_on_a_fine_grid(rng, negative):
    covariance, _ = linear_networks.symmetric(linear_networks.spectra(40, 4, rng, negative=negative), rng)
    start = torch.nn.functional.normalize(torch.from_numpy(rng.standard_normal((40, 4))), dim=1)
    value, time, bend = linear_networks.lowest_stretch(start, covariance)
    grid = torch.linspace(0, 10, 4001, dtype=torch.float64)
    paths = (torch.matrix_exp(grid[:, None, None, None] * covariance) @ start[..., None])[..., 0]
    lengths = paths.square().sum(-1)
    assert (value <= lengths.amin(0) + 1e-12).all()
    assert (lengths.amin(0) - value).max() < 1e-4
    assert (grid[lengths.argmin(0)] - time).abs().max() <= 0.0025 + 1e-9
    step = 1e-4
    around = [
        (torch.matrix_exp((time + k * step)[:, None, None] * covariance) @ start[..., None]).square().sum((-2, -1))
        for k in (-1, 0, 1)
    ]
    assert torch.allclose((around[0] - 2 * around[1] + around[2]) / step**2, bend, rtol=1e-3, atol=1e-5)


def test_a_start_that_only_grows_is_shortest_at_once():
    covariance = torch.diag(torch.tensor([1.0, -3.0], dtype=torch.float64))
    value, time, _ = linear_networks.lowest_stretch(torch.tensor([1.0, 0.0], dtype=torch.float64), covariance)
    assert (value.item(), time.item()) == (1.0, 0.0)
