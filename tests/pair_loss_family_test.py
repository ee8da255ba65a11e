import pytest
import torch

from helpers import losses
from helpers.losses import pair_loss_family
from helpers.losses.pair_loss_family import (
    anchor_losses,
    anchor_slopes,
    clip,
    loss,
    members,
    shifted_clip,
    signed_weights,
)

FAMILY = members(temperature=0.7)


def random_scores(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", FAMILY)
def test_slopes_and_curvatures_are_derivatives(name):
    member, x = FAMILY[name], torch.tensor([0.3, 0.9, 2.5, 15.0, 16.0, 25.0], dtype=torch.float64).requires_grad_()
    for function, slope, curvature in (
        (member.phi, member.phi_slope, member.phi_curvature),
        (member.psi, member.psi_slope, member.psi_curvature),
    ):
        (first,) = torch.autograd.grad(function(x).sum(), x)
        torch.testing.assert_close(slope(x), first, rtol=1e-13, atol=1e-13)
        second = torch.autograd.grad(slope(x).sum(), x, allow_unused=True)[0] if slope(x).requires_grad else None
        torch.testing.assert_close(curvature(x), torch.zeros_like(x) if second is None else second)


@pytest.mark.parametrize("options", [(0.0, 1.0), (1.0, 1.0), (0.5, 1.8)])
@pytest.mark.parametrize("name", FAMILY)
def test_signed_weights_are_minus_the_derivative_in_the_scores(name, options):
    scores = random_scores(3, 5, 5).requires_grad_()
    options = dict(zip(("self_weight", "positive_factor"), options, strict=True))
    (slope,) = torch.autograd.grad(loss(FAMILY[name], scores, **options, scale=1.0).sum(), scores)
    torch.testing.assert_close(signed_weights(FAMILY[name], scores, **options), -slope)


def test_printed_weights_differ_on_the_diagonal_only_and_agree_for_the_linear_loss_with_its_own_term():
    scores = random_scores(2, 5, 5)
    for options in pair_loss_family.settings():
        for name, member in FAMILY.items():
            gap = pair_loss_family.printed_weights(member, scores, **options) - signed_weights(
                member, scores, **options
            )
            torch.testing.assert_close(gap, torch.diag_embed(gap.diagonal(dim1=-2, dim2=-1)))
            assert (gap.abs().max() < 1e-12) == (name == "linear" and options["self_weight"] == 1)


def test_clip_is_the_cross_entropy_in_both_of_its_forms():
    scores = random_scores(4, 6, 6)
    expected = 0.7 * losses.clip_from_scores(scores, temperature=0.7, positive_in_denominator=True).mean(-1)
    for member, weight in ((clip(temperature=0.7), 1.0), (shifted_clip(temperature=0.7), 0.0)):
        found = loss(member, scores, self_weight=weight, positive_factor=1.0, scale=6)
        torch.testing.assert_close(found, expected)


def test_gradients_are_those_of_autograd():
    left, right = random_scores(2, 6, 4, seed=1), random_scores(2, 6, 3, seed=2)
    g1, g2 = (random_scores(2, 2, d, seed=3 + d).requires_grad_() for d in (4, 3))
    scores = pair_loss_family.scores(g1, g2, left, right)
    options = {"self_weight": 1.0, "positive_factor": 1.3}
    total = loss(clip(temperature=1.0), scores, **options, scale=6) + 0.2 * (g1.mT @ g2).square().sum((-2, -1))
    expected = torch.autograd.grad(total.sum(), (g1, g2))
    weights = signed_weights(clip(temperature=1.0), scores, **options)
    target = pair_loss_family.cross_covariance(weights, left, right, scale=6)
    for found, wanted in zip(pair_loss_family.gradients(target, g1, g2, penalty=0.4), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_descent_follows_the_closed_gradients():
    left, right = random_scores(6, 4, seed=1), random_scores(6, 3, seed=2)
    start = [0.3 * random_scores(2, d, seed=3 + d) for d in (4, 3)]
    options = {"self_weight": 1.0, "positive_factor": 1.3}
    constants = options | {"scale": 6, "penalty": 0.4, "steps": 5, "rate": 0.1}
    found = pair_loss_family.descend(clip(temperature=1.0), left.numpy(), right, start, **constants)
    g1, g2 = start
    for k in range(6):
        torch.testing.assert_close(found[0][k], g1)
        torch.testing.assert_close(found[1][k], g2)
        weights = signed_weights(clip(temperature=1.0), pair_loss_family.scores(g1, g2, left, right), **options)
        target = pair_loss_family.cross_covariance(weights, left, right, scale=6)
        slopes = pair_loss_family.gradients(target, g1, g2, penalty=0.4)
        g1, g2 = g1 - 0.1 * slopes[0], g2 - 0.1 * slopes[1]


@pytest.mark.parametrize("function", [anchor_losses, anchor_slopes, signed_weights])
def test_refusals(function):
    options = {"self_weight": 1.0, "positive_factor": 1.0}
    with pytest.raises(ValueError, match="self_weight is -1"):
        function(clip(temperature=1.0), random_scores(3, 3), self_weight=-1, positive_factor=1.0)
    with pytest.raises(ValueError, match=r"scores has shape \(3, 4\)"):
        function(clip(temperature=1.0), random_scores(3, 4), **options)
    with pytest.raises(ValueError, match="scores holds a NaN"):
        function(clip(temperature=1.0), torch.full((3, 3), torch.nan), **options)


def test_temperatures_that_are_not_positive_are_refused():
    for make in (clip, shifted_clip, members):
        with pytest.raises(ValueError, match="temperature is 0"):
            make(temperature=0)
