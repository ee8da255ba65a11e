import numpy as np
import pytest
import torch

from helpers.losses import pair_family
from helpers.papers.alpha_cl import mixtures, relu_networks

FLOAT = torch.float64


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def problem():
    return mixtures.random_problem(3, 4, view_noise=0.1, rng=np.random.default_rng(0))


@pytest.mark.parametrize("activation", relu_networks.ACTIVATIONS)
def test_closed_form_gradient_agrees_with_autograd(problem, generator, activation):
    layers = relu_networks.random_start(3, 5, 4, 2, constraint="filter", generator=generator)
    measured = relu_networks.gradients(*layers, problem[0], activation=activation)
    layers = [layer.requires_grad_() for layer in layers]
    value = relu_networks.energy(*layers, problem[0], activation=activation).sum()
    for closed, automatic in zip(measured, torch.autograd.grad(value, layers), strict=True):
        assert torch.allclose(closed, automatic, atol=1e-12)


def test_energy_of_raw_inputs_agrees_with_the_quadratic_form(problem, generator):
    covariance, weights, views, other = problem
    first, second = relu_networks.random_start(3, 5, 4, 2, constraint="layer", generator=generator)
    raw = pair_family.energy(weights, *(relu_networks.outputs(first, second, inputs) for inputs in (views, other)))
    assert torch.allclose(raw, relu_networks.energy(first, second, covariance, activation="relu"))


def test_gated_covariances_without_gates_are_one_covariance(problem, generator):
    covariance, *data = problem
    first, _ = relu_networks.random_start(3, 2, 4, 1, constraint="layer", generator=generator)
    blocks = relu_networks.gated_covariances(first, *data, gates=False)
    assert blocks.shape == (3, 2, 2, 4, 4)
    assert torch.allclose(blocks, covariance[:, None, None].expand_as(blocks))


@pytest.mark.parametrize("constraint", relu_networks.CONSTRAINTS)
def test_a_start_lies_on_the_constraint_set(generator, constraint):
    first, second = relu_networks.random_start(4, 3, 5, 2, constraint=constraint, generator=generator)
    norms = first.norm(dim=-1) if constraint == "filter" else first.flatten(1).norm(dim=1)
    assert torch.allclose(norms, torch.ones_like(norms))
    assert torch.allclose(second.flatten(1).norm(dim=1), torch.ones(4, dtype=FLOAT))


def test_linear_ascent_reaches_the_top_eigenvalue(problem, generator):
    covariance = problem[0]
    start = relu_networks.random_start(3, 5, 4, 2, constraint="filter", generator=generator)
    end = relu_networks.ascend(*start, covariance, constraint="filter", activation="linear")
    assert (end.gradient_norm <= 1e-11).all()
    assert torch.allclose(end.energy, 2.5 * torch.linalg.eigvalsh(covariance)[:, -1])


def test_raw_ascent_does_what_the_closed_form_does(problem, generator):
    covariance, *data = problem
    start = relu_networks.random_start(3, 5, 4, 2, constraint="layer", generator=generator)
    options = {"constraint": "layer", "activation": "relu", "steps": 20, "tolerance": 0.0}
    closed, raw = (
        relu_networks.ascend(*start, covariance, **options),
        relu_networks.ascend_raw(*start, *data, **options),
    )
    assert torch.allclose(closed.first, raw.first, atol=1e-10)
    assert torch.allclose(closed.gradient_norm, raw.gradient_norm, atol=1e-10)


def test_a_frozen_gate_is_found_and_opened():
    # one unit fires on the weak feature only; opening its gate to the strong one gains at first order
    covariance = torch.tensor([[1.0, 0.2], [0.2, 2.0]], dtype=FLOAT)[None]
    first = torch.tensor([[[1.0, 0.0]]], dtype=FLOAT)
    second = torch.ones(1, 1, 1, dtype=FLOAT)
    gradient = relu_networks.gradients(first, second, covariance, activation="relu")
    assert relu_networks.tangential_norm(first, second, *gradient, constraint="filter").item() == 0.0
    assert relu_networks.kink_slopes(first, second, covariance)[0, 0].tolist() == [0.0, 0.2]
    end, left = relu_networks.ascend_through_kinks(first, second, covariance, constraint="filter")
    assert left.item() == 0.0
    assert end.energy.item() == pytest.approx(torch.linalg.eigvalsh(covariance)[0, -1].item() / 2)


def test_a_frozen_gate_is_opened_beside_a_network_at_rest():
    covariance = torch.tensor([[[1.0, 0.2], [0.2, 2.0]]], dtype=FLOAT)
    top = torch.linalg.eigh(covariance[0])[1][:, -1].abs()
    first = torch.stack([torch.tensor([[1.0, 0.0]], dtype=FLOAT), top[None]])
    second = torch.ones(2, 1, 1, dtype=FLOAT)
    end, left = relu_networks.ascend_through_kinks(first, second, covariance, constraint="filter")
    assert left.tolist() == [0.0, 0.0]
    assert torch.allclose(end.energy, torch.linalg.eigvalsh(covariance[0])[-1] / 2)


def test_a_weight_far_below_zero_is_no_kink():
    covariance = torch.tensor([[1.0, 0.2], [0.2, 2.0]], dtype=FLOAT)
    first = torch.tensor([[0.8, -0.6]], dtype=FLOAT)
    assert not relu_networks.kink_slopes(first, torch.ones(1, 1, dtype=FLOAT), covariance).any()


def test_dead_units_do_not_count():
    first = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]], dtype=FLOAT)
    second = torch.tensor([[1.0, 0.0, 1.0]], dtype=FLOAT)
    live = relu_networks.live_units(first, second)
    assert live.tolist() == [True, False, False]
    assert relu_networks.numerical_rank(relu_networks.singular_values(first, live)).item() == 1
    assert relu_networks.numerical_rank(relu_networks.singular_values(first)).item() == 2


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_rank_and_participation_ratio_do_not_see_a_scale(scale):
    singular = torch.tensor([[1.0, 0.5, 2e-3, 5e-4], [3.0, 1e-4, 1e-5, 0.0]], dtype=FLOAT)
    assert relu_networks.numerical_rank(scale * singular).tolist() == [3, 1]
    assert torch.allclose(
        relu_networks.participation_ratio(scale * singular), relu_networks.participation_ratio(singular)
    )


def test_liveness_does_not_see_a_scale():
    first = torch.tensor([[1.0, 0.0], [0.005, 0.0]], dtype=FLOAT)
    second = torch.tensor([[1.0, 1.0]], dtype=FLOAT)
    for scale in (1e-6, 1.0, 1e6):
        assert relu_networks.live_units(scale * first, second / scale**2).tolist() == [True, False]


def test_cones_of_two_opposed_units():
    covariance = torch.tensor([[2.0, -1.0], [-1.0, 1.5]], dtype=FLOAT)
    first = torch.eye(2, dtype=FLOAT)
    cones, direction = relu_networks.cone_directions(first, covariance)
    assert sorted(cones.tolist()) == [[0.0, 1.0], [1.0, 0.0]]
    assert (direction[0] * direction[1]).item() < 0
    second = direction[None]
    assert relu_networks.cone_distance(first, second, covariance).item() < 1e-12
    turned = torch.tensor([[0.8, 0.6], [0.0, 1.0]], dtype=FLOAT)
    assert relu_networks.cone_distance(turned, second, covariance).item() > 0.1


def test_slopes_of_the_raw_network_are_those_of_the_formula(problem, generator):
    covariance, *data = problem
    first, second = relu_networks.random_start(3, 5, 4, 2, constraint="filter", generator=generator)
    first = torch.where(first < 0.2, torch.where(first < -0.4, first, 0.0), first)
    raw = relu_networks.gate_slopes(first, second, *data)
    assert torch.allclose(raw, relu_networks.kink_slopes(first, second, covariance), atol=1e-14)
    assert (raw != 0).any()
    assert not raw[first != 0].any()


def test_curvature_at_a_maximum_and_at_a_saddle():
    covariance = torch.diag(torch.tensor([2.0, 1.0], dtype=FLOAT))[None]
    ones = torch.full((1, 1, 2), 0.5**0.5, dtype=FLOAT)
    copies = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]], dtype=FLOAT)
    assert relu_networks.open_curvature(copies, ones, covariance).item() == pytest.approx(-2.0)
    mixed = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=FLOAT)
    weak = torch.tensor([[[0.0, 1.0]]], dtype=FLOAT)  # all outgoing weight on the weaker feature: 2E is 1, not 2
    assert relu_networks.open_curvature(mixed, weak, covariance).item() == pytest.approx(1.0)


def test_a_dead_unit_waits_at_a_kink():
    second = torch.tensor([[[1.0, 0.0]]], dtype=FLOAT)
    waiting = torch.tensor([[[1.0, 0.0], [0.0, -1.0]]], dtype=FLOAT)
    buried = torch.tensor([[[1.0, 0.0], [-0.6, -0.8]]], dtype=FLOAT)
    assert relu_networks.idle_at_kink(waiting, second).tolist() == [True]
    assert relu_networks.idle_at_kink(buried, second).tolist() == [False]


def test_refusals(generator):
    first, second = relu_networks.random_start(1, 3, 4, 2, constraint="filter", generator=generator)
    with pytest.raises(ValueError, match=r"first has shape \(1, 3, 4\).*covariance \(3, 3\)"):
        relu_networks.energy(first, second, torch.eye(3, dtype=FLOAT), activation="relu")
    with pytest.raises(ValueError, match="activation is 'tanh'"):
        relu_networks.energy(first, second, torch.eye(4, dtype=FLOAT), activation="tanh")
    with pytest.raises(ValueError, match="constraint is 'row'"):
        relu_networks.retract(first, second, constraint="row")


# Covariance of a random problem whose feature 2 gains 5e-5 at its kink: lower triangle, row by row.
SMALL_GAIN = """
0.57972
-0.10528 0.93186
-0.03972 -0.05721 0.17232
-0.07459 -0.08263 -0.03712 0.42935
-0.09262 -0.12239 -0.04723 -0.07357 0.67037
-0.06380 -0.06815 -0.02710 -0.04984 -0.05621 0.26169
-0.05728 -0.06874 -0.03428 -0.05342 -0.06278 -0.04511 0.30559
-0.04739 -0.06419 -0.03310 -0.03962 -0.05516 -0.03128 -0.03908 0.21161
"""


def test_a_gate_that_gains_little_stays_open():
    lower = torch.zeros(8, 8, dtype=torch.float64)
    lower[tuple(torch.tril_indices(8, 8))] = torch.tensor([float(word) for word in SMALL_GAIN.split()]).double()
    covariance = lower + lower.tril(-1).mT
    cones = [[0, 0, -1e-9, 0, 1.0, 0.001, 0, 0], [0.016, 1.0, 0, 0.01, 0, 0, 0.01, 0.003]]
    unit = [0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 0, 1]
    first = torch.nn.functional.normalize(torch.tensor(cones, dtype=torch.float64)[unit], dim=1)[None]
    second = torch.tensor([[[-0.26, 0.29][cone] for cone in unit]], dtype=torch.float64)
    start = first, (second / second.norm())[None]
    end, left = relu_networks.ascend_through_kinks(*start, covariance[None], constraint="filter", rate=4.0)
    assert end.gradient_norm < 1e-10
    assert left < 1e-7  # a weight put back to 0.05 each time closes again, and leaves 5e-5
    assert end.first[0, 0, 2] > 1e-4
