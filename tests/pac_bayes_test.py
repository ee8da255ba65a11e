import numpy as np
import pytest
from scipy import stats

from helpers.papers.robust_contrastive import pac_bayes

SMALL = {"samples": 400, "parameters": 3, "squared_norm": 2.0, "radius": 0.5, "failure": 0.1, "ceiling": 2.0}


def test_divergence_is_that_of_one_dimensional_gaussians_added_up():
    theta, sigma, wide = np.array([0.3, -1.2]), 0.4, 0.9
    grid = np.linspace(-8, 8, 40001)
    by_quadrature = 0.0
    for mean in theta:
        density = stats.norm.pdf(grid, mean, sigma)
        gap = stats.norm.logpdf(grid, mean, sigma) - stats.norm.logpdf(grid, 0, wide)
        by_quadrature += np.trapezoid(density * gap, grid)
    assert pac_bayes.gaussian_divergence(2, theta @ theta, sigma, wide) == pytest.approx(by_quadrature, abs=1e-9)


@pytest.mark.parametrize("parameters", [1, 10, 10**4])
def test_prior_of_the_index_is_close_enough_and_the_one_before_is_not(parameters):
    index = pac_bayes.prior_index(parameters, 5.0, 0.1)
    for step, enough in ((0, True), (-1, False)):
        wide = pac_bayes.prior_scale(parameters, index + step, 0.1)
        divergence = pac_bayes.gaussian_divergence(parameters, 5.0, 0.1, wide)
        assert (divergence <= (index + step) / 2) == enough


def test_zero_weights_need_no_prior_search():
    assert pac_bayes.prior_index(7, 0.0, 0.1) == 0


def test_noise_stays_in_the_ball_often_enough():
    for samples in (10, 1000, 10**6):
        sigma = pac_bayes.noise_scale(2.0, np.array([1, 50, 10**5]), samples)
        assert np.all(pac_bayes.leaving_probability(2.0, np.array([1, 50, 10**5]), sigma) <= samples**-0.5)


def test_leaving_probability_is_a_frequency():
    noise = 0.3 * np.random.default_rng(0).normal(size=(200_000, 4))
    frequency = np.mean(np.linalg.norm(noise, axis=1) > 0.7)
    assert pac_bayes.leaving_probability(0.7, 4, 0.3) == pytest.approx(frequency, abs=0.006)


def test_masses_of_the_priors_sum_to_one():
    assert pac_bayes.prior_mass(np.arange(10**6)).sum() == pytest.approx(1, abs=1e-6)


def test_complexity_by_hand():
    sigma = 0.5 / (np.sqrt(3) + np.sqrt(np.log(400)))
    j = np.ceil(3 * np.log(1 + 2 / (3 * sigma**2)))
    price = j / 2 + np.log(np.pi**2 / 6) + 2 * np.log(j + 1)
    linear = (price + np.log(10) + 4 / 8 + 2) / 20
    root = 2 * np.sqrt((price + np.log(2 * 20 / 0.1)) / 800) + 2 / 20
    assert pac_bayes.complexity("linear", **SMALL) == pytest.approx(linear)
    assert pac_bayes.complexity("root", **SMALL) == pytest.approx(root)


def test_complexity_of_a_deep_network_is_vacuous():
    deep = {"samples": 5e4, "parameters": 1.12e7, "squared_norm": 2500.0, "radius": 1.0, "failure": 0.05}
    values = [pac_bayes.complexity(form, ceiling=10.93, **deep) for form in pac_bayes.FORMS]
    assert values == pytest.approx([1.96e5, 229], rel=0.002)


def test_ball_grid_covers_the_disc():
    offsets, cover = pac_bayes.ball_grid(0.3, 4)
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
    nodes, mass = pac_bayes.gaussian_cells(0.2, step=0.25)
    assert mass.sum() == pytest.approx(1)
    assert mass @ nodes == pytest.approx([0, 0], abs=1e-12)
    # A cell's centre in place of its points adds step^2/12 (Sheppard's correction)
    assert mass @ nodes**2 == pytest.approx(0.04 * (1 + 0.25**2 / 12) * np.ones(2), rel=1e-4)
    corner = mass @ np.abs(nodes).sum(axis=1)
    assert abs(corner - 2 * 0.2 * np.sqrt(2 / np.pi)) <= np.sqrt(2) * 0.2 * 0.25 / np.sqrt(2)


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
        pac_bayes.complexity(arguments.pop("form"), **arguments)


def test_noise_scale_refuses_a_single_sample():
    with pytest.raises(ValueError, match="samples is 1, expected at least 2"):
        pac_bayes.noise_scale(1.0, 1, 1)


def test_inverse_divergence_is_within_its_budget_and_no_larger_risk_is():
    risk, budget = np.meshgrid([0.0, 0.2, 0.7, 1.0], [0.0, 0.01, 0.5])
    found = pac_bayes.divergence_inverse(risk, budget)

    def divergence(p):
        return stats.entropy(np.stack([risk, 1 - risk]), np.stack([p, 1 - p]), axis=0)

    assert np.all(found >= risk)
    inside = (found < 1 - 1e-6) & (budget > 0)
    assert divergence(found)[inside] == pytest.approx(budget[inside], rel=1e-9)
    assert found[0] == pytest.approx(risk[0])


def test_catoni_is_never_below_the_inverse_divergence():
    strength = np.geomspace(0.01, 10, 50)
    assert np.all(pac_bayes.catoni(0.2, 0.05, strength) >= pac_bayes.divergence_inverse(0.2, 0.05))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pac_bayes.catoni(1.5, 0.1, 1.0), r"risk is 1.5, expected numbers in \[0, 1\]"),
        (lambda: pac_bayes.divergence_inverse(0.5, -0.1), "budget is -0.1, expected numbers >= 0"),
        (lambda: pac_bayes.catoni(0.5, 0.1, 0.0), "strength is 0.0, expected a positive number"),
    ],
)
def test_bounds_refuse_what_is_no_risk_budget_or_strength(call, message):
    with pytest.raises(ValueError, match=message):
        call()
