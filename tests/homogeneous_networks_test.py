"""Forward pass, normalisations, and the factorisation of piecewise linear networks."""

import numpy as np
import pytest
import torch

from helpers.optimise import manifolds
from helpers.papers.alpha_cl import homogeneous_networks


@pytest.fixture
def net():
    rng = np.random.default_rng(0)
    weights = manifolds.random_weights((3, 5, 4, 2), 6, rng)
    return weights, torch.from_numpy(rng.standard_normal((6, 7, 3)))


def rectified(x):
    return torch.where(x > 0, x, 0.0)


def rectified_slope(x):
    return (x > 0).to(x.dtype)


def test_kernels_reproduce_the_output_of_every_layer(net):
    weights, inputs = net
    outputs, kernels = homogeneous_networks.kernels(weights, inputs, unit=rectified, slope=rectified_slope)
    expected = homogeneous_networks.forward(weights, inputs, leak=0.0, normalisation="none")
    assert torch.allclose(outputs, expected)
    for kernel, weight in zip(kernels, weights, strict=True):
        assert torch.allclose((kernel @ weight.flatten(1)[:, None, :, None])[..., 0], outputs)


def test_leak_one_is_the_linear_network(net):
    weights, inputs = net
    outputs = homogeneous_networks.forward(weights, inputs, leak=1.0, normalisation="none")
    assert torch.allclose(outputs, inputs @ (weights[2] @ weights[1] @ weights[0]).mT)


@pytest.mark.parametrize("normalisation", ["output", "layer", "batch", "batch detached"])
def test_normalised_outputs_ignore_the_scale_of_the_first_layer(net, normalisation):
    weights, inputs = net
    scaled = [3.0 * weights[0], *weights[1:]]
    outputs = [
        homogeneous_networks.forward(layers, inputs, leak=0.2, normalisation=normalisation)
        for layers in (weights, scaled)
    ]
    assert torch.allclose(*outputs)


def test_cosines_are_those_of_layers_or_rows():
    weights = [torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])]
    gradients = [torch.tensor([[[1.0, 0.0], [3.0, 0.0]]])]
    assert homogeneous_networks.radial_cosines(gradients, weights, by_row=True)[0].tolist() == [[1.0, 0.0]]
    layer = homogeneous_networks.radial_cosines(gradients, weights, by_row=False)[0]
    assert layer.item() == pytest.approx(1 / 50**0.5)


def test_unknown_normalisations_are_refused(net):
    with pytest.raises(ValueError, match="normalisation is 'group'"):
        homogeneous_networks.forward(*net, leak=0.0, normalisation="group")


def identity_layers(rows):
    """Weights whose first layer is square and whose second is the identity, so that the hidden features come out."""
    rng = np.random.default_rng(1)
    first = torch.from_numpy(rng.standard_normal((4, rows, rows)))
    return [first, torch.eye(rows, dtype=torch.float64).expand(4, -1, -1)]


def test_layer_normalisation_is_torch_s():
    weights, inputs = identity_layers(5), torch.from_numpy(np.random.default_rng(2).normal(1.0, 2.0, (4, 9, 5)))
    ours = homogeneous_networks.forward(weights, inputs, leak=1.0, normalisation="layer")
    theirs = torch.nn.functional.layer_norm(inputs @ weights[0].mT, (5,), eps=0.0)
    assert torch.allclose(ours, theirs, atol=1e-13)


@pytest.mark.parametrize("normalisation", ["batch", "batch detached"])
def test_batch_normalisation_is_torch_s(normalisation):
    weights, inputs = identity_layers(5), torch.from_numpy(np.random.default_rng(3).normal(1.0, 2.0, (4, 9, 5)))
    ours = homogeneous_networks.forward(weights, inputs, leak=1.0, normalisation=normalisation)
    theirs = [
        torch.nn.functional.batch_norm(view @ first.mT, None, None, training=True, eps=1e-300)
        for view, first in zip(inputs, weights[0], strict=True)
    ]
    assert torch.allclose(ours, torch.stack(theirs), atol=1e-13)


def test_only_detached_statistics_let_a_scale_through():
    inputs = torch.from_numpy(np.random.default_rng(4).normal(1.0, 2.0, (4, 9, 5)))
    radial = {}
    for normalisation in ("layer", "batch", "batch detached"):
        first, second = identity_layers(5)
        first = first.clone().requires_grad_()
        value = homogeneous_networks.forward([first, second], inputs, leak=0.2, normalisation=normalisation)
        (slope,) = torch.autograd.grad(value.pow(3).sum(), first)
        radial[normalisation] = ((slope * first).sum() / (slope.norm() * first.norm())).abs().item()
    assert max(radial["layer"], radial["batch"]) < 1e-13
    assert radial["batch detached"] > 0.1
