import numpy as np
import pytest
import torch

from helpers.optimise import sharpness


@pytest.mark.parametrize("adaptive", [False, True])
def test_steps_are_the_best_of_many(adaptive):
    generator = torch.Generator().manual_seed(0)
    gradient, theta = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    step = sharpness.asam_step(gradient, theta, 0.3) if adaptive else sharpness.sam_step(gradient, 0.3)
    scale = theta.abs() if adaptive else torch.ones_like(theta)
    assert torch.allclose((step / scale).norm(dim=1), torch.full((5,), 0.3, dtype=torch.float64))
    others = torch.randn(2000, 5, 6, generator=generator, dtype=torch.float64)
    others = 0.3 * scale * others / others.norm(dim=-1, keepdim=True)
    assert torch.all((gradient * others).sum(-1) <= (gradient * step).sum(-1))


@pytest.mark.parametrize("adaptive", [False, True])
def test_gradient_at_the_worst_neighbour_of_a_model(adaptive):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)).double()
    idle = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    inputs = torch.randn(7, 4, dtype=torch.float64)
    parameters = [*model.parameters(), idle]
    before = [parameter.detach().clone() for parameter in parameters]
    found = sharpness.gradient_at_worst_neighbour(
        lambda: model(inputs).square().mean(), parameters, 0.4, adaptive=adaptive
    )
    assert all(torch.equal(old, new) for old, new in zip(before, parameters, strict=True))
    gradients = torch.autograd.grad(model(inputs).square().mean(), before_leaves := list(model.parameters()))
    scale = [p.detach().abs() if adaptive else torch.ones_like(p) for p in before_leaves]
    length = torch.sqrt(sum(((s * g) ** 2).sum() for s, g in zip(scale, gradients, strict=True)))
    with torch.no_grad():
        for parameter, s, g in zip(before_leaves, scale, gradients, strict=True):
            parameter.add_(0.4 * s**2 * g / length)
    expected = torch.autograd.grad(model(inputs).square().mean(), before_leaves)
    for one, other in zip(found[:-1], expected, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert torch.equal(found[-1], torch.zeros(2, dtype=torch.float64))


def test_weights_come_back_when_the_objective_fails():
    weights = torch.ones(2, requires_grad=True)
    calls = []

    def objective():
        calls.append(1)
        if len(calls) == 2:
            raise ArithmeticError("second call")
        return weights.sum()

    with pytest.raises(ArithmeticError):
        sharpness.gradient_at_worst_neighbour(objective, [weights], 1.0, adaptive=False)
    assert weights.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("size", [1e-40, 1e-23, 1e20, 1e30, 3e38])
def test_the_size_of_a_gradient_does_not_matter(size):
    gradient = torch.tensor([1.0, 1.0, -1.0]) * size
    step = torch.tensor([1.0, 1.0, -1.0]) * 0.5 / 3**0.5
    assert torch.allclose(sharpness.sam_step(gradient, 0.5), step, rtol=1e-6)
    assert torch.allclose(sharpness.asam_step(gradient, torch.ones(3), 0.5), step, rtol=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e12, 1e25])
@pytest.mark.parametrize("slope", [1e-30, 1e-12, 1e12, 1e30])
def test_the_size_of_the_weights_scales_the_step(size, slope):
    gradient, weights = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    expected = sharpness.asam_step(gradient.double(), weights.double(), 0.5) * size
    found = sharpness.asam_step(gradient * slope, weights * size, 0.5)
    assert torch.allclose(found.double(), expected, rtol=2e-6, atol=0)
    lone = sharpness.asam_step(torch.tensor([1e-30, 1.0]), torch.tensor([size, 1.0]), 0.5)
    assert lone.isfinite().all()
    assert lone[1] == pytest.approx(0.5 / max(1, size * 1e-30), rel=1e-5)


def test_ordinary_steps_keep_every_digit():
    gradient, weights = torch.randn(2, 50, 5, generator=torch.Generator().manual_seed(0))
    length = torch.linalg.vector_norm(weights.abs() * gradient, dim=-1, keepdim=True)
    assert torch.equal(sharpness.asam_step(gradient, weights, 0.3), 0.3 * weights**2 * gradient / length)
    plain = 0.3 * gradient / torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
    assert torch.equal(sharpness.sam_step(gradient, 0.3), plain)


@pytest.mark.parametrize(
    ("gradient", "weights", "radius", "message"),
    [
        ([1.0, np.nan], [1.0, 1.0], 1.0, "gradient holds a NaN"),
        ([1.0, np.inf], [1.0, 1.0], 1.0, "gradient holds a NaN or an infinity"),
        ([1.0, 1.0], [1.0, 1.0], -1.0, "radius is -1.0"),
        ([1.0, 1.0], [1.0, 1.0], np.nan, "radius is nan"),
        ([1.0, 1.0], [np.nan, 1.0], 1.0, "parameters hold a NaN"),
    ],
)
def test_steps_refuse(gradient, weights, radius, message):
    gradient, weights = torch.tensor(gradient), torch.tensor(weights)
    if not weights.isnan().any():
        with pytest.raises(ValueError, match=message):
            sharpness.sam_step(gradient, radius)
    with pytest.raises(ValueError, match=message):
        sharpness.asam_step(gradient, weights, radius)


def test_steps_refuse_a_zero_gradient():
    with pytest.raises(ValueError, match="gradient is zero"):
        sharpness.sam_step(torch.zeros(3), 1.0)
    with pytest.raises(ValueError, match="gradient is zero"):
        sharpness.asam_step(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 1.0)
