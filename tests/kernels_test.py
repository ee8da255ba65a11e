import math

import pytest
import torch

from helpers.losses import kernels

torch.manual_seed(0)
X, Y = torch.randn(3, 5, 4, dtype=torch.float64), torch.randn(3, 7, 4, dtype=torch.float64)


def test_squared_distances_agree_with_torch_cdist():
    assert torch.allclose(kernels.squared_distances(X, Y), torch.cdist(X, Y).square(), atol=1e-12)


def test_squared_distances_keep_relative_precision_for_close_points():
    x = torch.full((1, 2), 1e8, dtype=torch.float64)
    assert kernels.squared_distances(x, x + 1.0).item() == 2.0


def test_scale_is_twice_the_temperature_at_exponent_two():
    squared = kernels.squared_distances(X, Y)
    left = kernels.log_gaussian(squared, temperature=0.7)
    assert torch.allclose(left, kernels.log_exponential(squared, exponent=2, scale=1.4), rtol=1e-15)


def test_gaussian_on_the_unit_sphere_is_the_cosine_softmax():
    x = torch.nn.functional.normalize(X, dim=-1)
    gaussian = kernels.log_gaussian(kernels.squared_distances(x, x), temperature=0.3).softmax(-1)
    assert torch.allclose(gaussian, (x @ x.transpose(-2, -1) / 0.3).softmax(-1), atol=1e-14)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.5, 2.0, 2.5])
def test_exponential_is_a_power_of_the_distance_with_finite_derivatives_at_zero(exponent):
    squared = torch.tensor([0.0, 4.0], dtype=torch.float64, requires_grad=True)
    values = kernels.log_exponential(squared, exponent=exponent, scale=3.0)
    assert values.tolist() == pytest.approx([0.0, -(2**exponent) / 3])
    (first,) = torch.autograd.grad(values.sum(), squared, create_graph=True)
    assert torch.isfinite(first).all()
    if first.requires_grad:
        assert torch.isfinite(torch.autograd.grad(first.sum(), squared)[0]).all()


def test_log_sum_is_the_log_of_the_sum_and_survives_underflow():
    a, b = torch.tensor([-1.0, -1000.0]), torch.tensor([-2.0, -1001.0])
    total = kernels.log_sum(a, b)
    assert total[0].item() == pytest.approx(math.log(math.exp(-1) + math.exp(-2)))
    assert (total[1] - total[0]).item() == pytest.approx(-999.0)


def test_concatenation_splits_the_coordinates():
    kernel = kernels.log_concatenation(X, Y, temperature=0.5, scale=2.0).exp()
    first = torch.exp(-(torch.cdist(X[..., :2], Y[..., :2]) ** 2))
    second = torch.exp(-torch.cdist(X[..., 2:], Y[..., 2:]) / 2)
    assert torch.allclose(kernel, first + second, atol=1e-12)


def test_log_kernels_pass_gradcheck_twice():
    squared = kernels.squared_distances(X, Y)[0].requires_grad_()
    for exponent in (1.0, 2.0, 2.5):
        function = lambda s, g=exponent: kernels.log_exponential(s, exponent=g, scale=1.3)  # noqa: E731
        assert torch.autograd.gradcheck(function, squared)
        assert torch.autograd.gradgradcheck(function, squared)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan, torch.tensor([1.0, 0.0])])
def test_scales_must_be_positive(bad):
    one = torch.ones(2)
    with pytest.raises(ValueError, match=r"temperature is .*expected a positive finite number"):
        kernels.log_gaussian(one, temperature=bad)
    with pytest.raises(ValueError, match="scale is"):
        kernels.log_exponential(one, exponent=1, scale=bad)
    with pytest.raises(ValueError, match="exponent is"):
        kernels.log_exponential(one, exponent=bad, scale=1.0)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"x has shape \(5, 4\) and y \(7, 3\)"):
        kernels.squared_distances(X[0], Y[0, :, :3])
    with pytest.raises(ValueError, match="even last dimension"):
        kernels.log_concatenation(X[..., :3], Y[..., :3], temperature=1.0, scale=1.0)
    with pytest.raises(ValueError, match="at least one"):
        kernels.log_sum()
