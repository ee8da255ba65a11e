"""The live loss is the family's decoupled InfoNCE, and its gradient that of the frozen energy."""

import numpy as np
import pytest
import torch

from helpers.losses import pair_family
from helpers.optimise import manifolds, riemannian
from helpers.papers.alpha_cl import linear_networks, live_weights


@pytest.fixture
def draw():
    rng = np.random.default_rng(0)
    first, second = live_weights.gaussian_views(5, 9, (1.0, 0.5, 0.2), rng, noise=0.3)
    return manifolds.random_weights((3, 4, 2), 5, rng), first, second


def test_loss_and_covariance_are_those_of_the_family(draw):
    weights, first, second = draw
    product = linear_networks.product(weights)
    member = pair_family.infonce(temperature=0.4, positive_weight=0.0)
    margins = pair_family.margins(first @ product.mT, second @ product.mT)
    alpha = pair_family.square(pair_family.pair_weights(member, margins))
    loss, covariance = live_weights.loss_and_covariance(product, first, second, 0.4)
    assert torch.allclose(loss, pair_family.anchor_losses(member, margins).mean(-1))
    assert torch.allclose(9 * covariance, pair_family.contrastive_covariance(alpha, first, second), atol=1e-12)


def test_gradient_is_that_of_autograd_with_one_temperature_a_problem(draw):
    weights, first, second = draw
    temperature = torch.linspace(0.1, 2.0, 5, dtype=torch.float64)
    value, closed = live_weights.value_and_gradient(weights, first, second, temperature)
    expected, autograd = riemannian.value_and_gradient(
        live_weights.negative_loss, weights, (first, second, temperature)
    )
    assert torch.allclose(value, expected)
    assert all(torch.allclose(a, b, atol=1e-13) for a, b in zip(closed, autograd, strict=True))


def test_views_scatter_around_a_common_sample():
    first, second = live_weights.gaussian_views(2, 20_000, (2.0, 0.1), np.random.default_rng(0), noise=0.5)
    assert first.shape == (2, 20_000, 2)
    assert torch.allclose((first - second).std(1), torch.full((2, 2), 0.5 * 2**0.5).double(), rtol=0.03)
    assert torch.allclose(first.std(1), torch.tensor([4.25, 0.26]).sqrt().double().expand(2, 2), rtol=0.03)
