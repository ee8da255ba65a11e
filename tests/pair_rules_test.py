import math

import pytest
import torch
from scipy.optimize import brentq

from helpers import losses
from helpers.losses import alpha_cl

generator = torch.Generator().manual_seed(0)
DISTANCES = 2 * torch.rand(6, 9, dtype=torch.float64, generator=generator)
RULES = {
    "entropy": lambda d: alpha_cl.entropy_weights(d, temperature=0.3),
    "square": lambda d: alpha_cl.square_weights(d, temperature=0.3),
    "power 2": lambda d: alpha_cl.power_weights(d, temperature=0.3, gamma=2.0),
    "power 1/2": lambda d: alpha_cl.power_weights(d, temperature=0.3, gamma=0.5),
    "direct": lambda d: alpha_cl.direct_weights(d, temperature=0.3, power=4, row_normalised=True),
    "inverse": lambda d: alpha_cl.released_inverse_weights(d, temperature=0.3, exponent=2.0),
}


def views(dtype=torch.float64):
    return tuple(
        torch.nn.functional.normalize(torch.randn(5, 3, dtype=torch.float64, generator=generator), dim=-1).to(dtype)
        for _ in range(2)
    )


@pytest.mark.parametrize("name", RULES)
def test_rows_sum_to_one_and_nearer_pairs_weigh_no_less(name):
    weights = RULES[name](DISTANCES)
    torch.testing.assert_close(weights.sum(-1), torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-14)
    ordered = weights.gather(-1, DISTANCES.argsort(-1))
    assert (ordered.diff() <= 1e-15).all()
    assert (weights >= 0).all()


@pytest.mark.parametrize("gamma", [0.05, 0.5, 2.0, 5.0])
@pytest.mark.parametrize("temperature", [0.01, 0.5, 100.0])
def test_power_weights_solve_their_equation(gamma, temperature):
    weights = alpha_cl.power_weights(DISTANCES, temperature=temperature, gamma=gamma)
    for row, found in zip(DISTANCES.numpy(), weights.numpy(), strict=True):
        lowest = row.min()

        def excess(shift, row=row, lowest=lowest):
            return ((temperature / (row - lowest + shift)) ** (1 / gamma)).sum() - 1

        shift = brentq(excess, temperature * (1 - 1e-9), temperature * 9.0**gamma * (1 + 1e-9), xtol=1e-15, rtol=1e-14)
        expected = (temperature / (row - lowest + shift)) ** (1 / gamma)
        assert abs(found - expected).max() < 1e-11


def test_projection_is_the_nearest_point():
    values = 2 * torch.randn(50, 6, dtype=torch.float64, generator=generator)
    projected = alpha_cl.simplex_projection(values)
    others = torch.distributions.Dirichlet(torch.ones(6, dtype=torch.float64)).sample((50, 200))
    # variational inequality of a projection: no point of the simplex lies in the direction of values - projected
    assert ((values - projected)[:, None] * (others - projected[:, None])).sum(-1).max() < 1e-14 * 50
    assert torch.equal(alpha_cl.simplex_projection(torch.eye(3)), torch.eye(3))


def test_released_square_rule_misses_the_simplex():
    sums = alpha_cl.released_square_weights(DISTANCES, temperature=0.3).sum(-1)
    assert (sums - 1).abs().max() > 0.05


def test_two_view_distances_by_loops():
    first, second = views()
    positive, negatives = alpha_cl.two_view_distances(first, second)
    everything = torch.cat([first, second])
    for i in range(10):
        partner = (i + 5) % 10
        assert math.isclose(positive[i], 1 - everything[i] @ everything[partner], abs_tol=1e-14)
        expected = [1 - everything[i] @ everything[j] for j in range(10) if j not in (i, partner)]
        torch.testing.assert_close(negatives[i], torch.stack(expected), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "positive"), [("infonce", True), ("decoupled", False)])
def test_training_losses_are_nt_xent(name, positive):
    first, second = views()
    expected = losses.ntxent(
        torch.cat([first, second]),
        temperature=0.3,
        positive_in_denominator=positive,
        include_self=False,
        reduction="mean",
    )
    torch.testing.assert_close(alpha_cl.pair_loss(name, first, second, temperature=0.3), expected)


def gradient(name, dtype=torch.float64, seed=0):
    raw = torch.randn(8, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)
    raw.requires_grad_()
    value = alpha_cl.pair_loss(name, *torch.nn.functional.normalize(raw, dim=-1).chunk(2), temperature=0.3)
    return torch.autograd.grad(value, raw)[0]


def test_entropy_surrogate_has_the_gradient_of_the_decoupled_loss_and_backprop_has_not():
    torch.testing.assert_close(gradient("entropy") / 0.3, gradient("decoupled"), rtol=1e-12, atol=1e-14)
    assert (gradient("entropy, backprop") - gradient("entropy")).norm() > 0.1 * gradient("entropy").norm()


@pytest.mark.parametrize("name", alpha_cl.PAIR_LOSSES)
def test_every_training_loss_works_in_single_precision(name):
    single = gradient(name, torch.float32)
    assert single.dtype == torch.float32
    assert (single.double() - gradient(name)).norm() < 1e-4 * gradient(name).norm()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: alpha_cl.entropy_weights(DISTANCES, temperature=0.0), "temperature is 0"),
        (lambda: alpha_cl.square_weights(DISTANCES, temperature=-1.0), "temperature is -1"),
        (lambda: alpha_cl.power_weights(DISTANCES, temperature=1.0, gamma=1.0), "gamma is 1"),
        (lambda: alpha_cl.power_weights(DISTANCES, temperature=1.0, gamma=-2.0), "gamma is -2"),
        (lambda: alpha_cl.direct_weights(DISTANCES, temperature=1.0, power=0, row_normalised=True), "power is 0"),
        (lambda: alpha_cl.two_view_distances(torch.ones(3, 2), torch.ones(2, 2)), r"\(3, 2\) and \(2, 2\)"),
        (lambda: alpha_cl.pair_loss("simclr", *views(), temperature=1.0), "loss is 'simclr', expected one of"),
        (lambda: alpha_cl.pair_loss("entropy", *views(), temperature=0.0), "temperature is 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_released_inverse_rule_is_the_power_rule_at_a_temperature_of_each_row():
    own = (DISTANCES + 0.3).pow(-2.0).sum(-1, keepdim=True) ** -0.5
    exact = alpha_cl.power_weights(DISTANCES, temperature=own, gamma=0.5)
    torch.testing.assert_close(RULES["inverse"](DISTANCES), exact, rtol=1e-12, atol=1e-14)
