import numpy as np
import pytest
import torch
from scipy import stats

from helpers.optimise import sharpness

SMALL = {"samples": 400, "parameters": 3, "squared_norm": 2.0, "radius": 0.5, "failure": 0.1, "ceiling": 2.0}


def test_divergence_is_that_of_one_dimensional_gaussians_added_up():
    theta, sigma, wide = np.array([0.3, -1.2]), 0.4, 0.9
    grid = np.linspace(-8, 8, 40001)
    by_quadrature = 0.0
    for mean in theta:
        density = stats.norm.pdf(grid, mean, sigma)
        gap = stats.norm.logpdf(grid, mean, sigma) - stats.norm.logpdf(grid, 0, wide)
        by_quadrature += np.trapezoid(density * gap, grid)
    assert sharpness.gaussian_divergence(2, theta @ theta, sigma, wide) == pytest.approx(by_quadrature, abs=1e-9)


@pytest.mark.parametrize("parameters", [1, 10, 10**4])
def test_prior_of_the_index_is_close_enough_and_the_one_before_is_not(parameters):
    index = sharpness.prior_index(parameters, 5.0, 0.1)
    for step, enough in ((0, True), (-1, False)):
        wide = sharpness.prior_scale(parameters, index + step, 0.1)
        divergence = sharpness.gaussian_divergence(parameters, 5.0, 0.1, wide)
        assert (divergence <= (index + step) / 2) == enough


def test_zero_weights_need_no_prior_search():
    assert sharpness.prior_index(7, 0.0, 0.1) == 0


def test_noise_stays_in_the_ball_often_enough():
    for samples in (10, 1000, 10**6):
        sigma = sharpness.noise_scale(2.0, np.array([1, 50, 10**5]), samples)
        assert np.all(sharpness.leaving_probability(2.0, np.array([1, 50, 10**5]), sigma) <= samples**-0.5)


def test_leaving_probability_is_a_frequency():
    noise = 0.3 * np.random.default_rng(0).normal(size=(200_000, 4))
    frequency = np.mean(np.linalg.norm(noise, axis=1) > 0.7)
    assert sharpness.leaving_probability(0.7, 4, 0.3) == pytest.approx(frequency, abs=0.006)


def test_masses_of_the_priors_sum_to_one():
    assert sharpness.prior_mass(np.arange(10**6)).sum() == pytest.approx(1, abs=1e-6)


def test_complexity_by_hand():
    sigma = 0.5 / (np.sqrt(3) + np.sqrt(np.log(400)))
    j = np.ceil(3 * np.log(1 + 2 / (3 * sigma**2)))
    price = j / 2 + np.log(np.pi**2 / 6) + 2 * np.log(j + 1)
    linear = (price + np.log(10) + 4 / 8 + 2) / 20
    root = 2 * np.sqrt((price + np.log(2 * 20 / 0.1)) / 800) + 2 / 20
    assert sharpness.complexity("linear", **SMALL) == pytest.approx(linear)
    assert sharpness.complexity("root", **SMALL) == pytest.approx(root)


def test_complexity_of_a_deep_network_is_vacuous():
    deep = {"samples": 5e4, "parameters": 1.12e7, "squared_norm": 2500.0, "radius": 1.0, "failure": 0.05}
    values = [sharpness.complexity(form, ceiling=10.93, **deep) for form in sharpness.FORMS]
    assert values == pytest.approx([1.96e5, 229], rel=0.002)


def test_ball_grid_covers_the_disc():
    offsets, cover = sharpness.ball_grid(0.3, 4)
    angle, size = np.random.default_rng(0).uniform(0, 1, (2, 4000))
    points = 0.3 * np.sqrt(size)[:, None] * np.stack([np.cos(2 * np.pi * angle), np.sin(2 * np.pi * angle)], axis=1)
    nearest = np.linalg.norm(points[:, None] - offsets, axis=2).min(axis=1)
    assert nearest.max() <= cover
    assert np.linalg.norm(offsets, axis=1).max() <= 0.3 * (1 + 1e-12)
    assert np.any(np.all(offsets == 0, axis=1))
    middle = np.array([0.3 / 8, 0.3 / 8])  # of the cell beside the centre: no point of the disc lies farther off
    assert np.linalg.norm(offsets - middle, axis=1).min() == pytest.approx(cover, rel=1e-12)
    assert 0.95 * cover <= nearest.max()
    inside = offsets[np.linalg.norm(offsets, axis=1) < 0.3 * (1 - 1e-12)]
    assert np.unique(np.round(inside[:, 0] / (0.3 / 4), 9)).tolist() == [-3, -2, -1, 0, 1, 2, 3]


def test_gaussian_cells_have_the_moments_of_the_noise():
    nodes, mass = sharpness.gaussian_cells(0.2, step=0.25)
    assert mass.sum() == pytest.approx(1)
    assert mass @ nodes == pytest.approx([0, 0], abs=1e-12)
    # A cell's centre in place of its points adds step^2/12 (Sheppard's correction)
    assert mass @ nodes**2 == pytest.approx(0.04 * (1 + 0.25**2 / 12) * np.ones(2), rel=1e-4)
    corner = mass @ np.abs(nodes).sum(axis=1)
    assert abs(corner - 2 * 0.2 * np.sqrt(2 / np.pi)) <= np.sqrt(2) * 0.2 * 0.25 / np.sqrt(2)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"form": "cubic"}, "form is 'cubic'"),
        ({"samples": 7}, "samples is 7, expected at least 8"),
        ({"failure": 0.0}, "failure is 0.0"),
        ({"failure": 1.0}, "failure is 1.0"),
        ({"radius": 0.0}, "radius is 0.0, expected a positive number"),
        ({"parameters": 0}, "parameters is 0, expected at least 1"),
    ],
)
def test_complexity_refuses(change, message):
    arguments = SMALL | {"form": "root"} | change
    with pytest.raises(ValueError, match=message):
        sharpness.complexity(arguments.pop("form"), **arguments)


def test_noise_scale_refuses_a_single_sample():
    with pytest.raises(ValueError, match="samples is 1, expected at least 2"):
        sharpness.noise_scale(1.0, 1, 1)


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
