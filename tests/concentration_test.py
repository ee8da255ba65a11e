import numpy as np
import pytest
from scipy import integrate, stats

from helpers.papers.multimodal_svd import concentration, recovery_laws


def test_quadrature_is_exact_for_the_stated_degree():
    points, weights = concentration.gaussian_quadrature(2, 4)
    for powers in ((6, 6), (4, 2), (3, 2)):
        exact = np.prod([stats.norm.moment(power) for power in powers])
        assert weights @ np.prod(points**powers, axis=1) == pytest.approx(exact, abs=1e-10)
    assert weights @ points[:, 0] ** 8 != pytest.approx(stats.norm.moment(8), abs=1e-6)


def test_hanson_wright_takes_the_larger_regime():
    matrix = np.ones((3, 3))  # Frobenius norm = operator norm = 3
    assert concentration.hanson_wright(matrix, 0.25) == pytest.approx(1.5)
    assert concentration.hanson_wright(matrix, 4.0) == pytest.approx(12)


def test_exceedances_count_what_they_say():
    signs = concentration.sign_vectors(2)
    exchange = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = concentration.exceedances(exchange, signs, np.ones((4, 2)), level=1.0, constant=1.0)
    # bilinear form x1 + x2: 2 in half of the cases; quadratic form always 2; |Ax| = |A|_F always. The scale is sqrt 2.
    assert found.tolist() == [0.5, 1.0, 0.0]


def test_extremes_of_a_trivial_model():
    maxima, minimum = concentration.signal_extremes(
        np.random.default_rng(0), n=50, rank=300, dimension=301, noise=1e-12, condition=1.0, draws=2
    )
    assert np.all(np.abs(minimum / np.sqrt(300) - 1) < 0.3)
    assert np.all(maxima[1] < 1e-3)


def test_product_errors_fall_with_n_and_covariances_match():
    rng = np.random.default_rng(1)
    model = recovery_laws.isotropic(rng, left=6, right=5, rank=2)
    few, many = (concentration.product_errors(model, np.full(n, 0.5), rng, draws=20).mean() for n in (100, 10_000))
    assert many < few / 5
    left, right = concentration.model_covariances(model)
    assert np.trace(left) == pytest.approx(2 + 6 * 0.25)
    assert np.linalg.eigvalsh(right)[-1] == pytest.approx(1.25)


def test_gaussian_moments_against_isserlis():
    rng = np.random.default_rng(2)
    left, right = rng.standard_normal((2, 3, 2))
    covariance, other, crossed = left @ left.T, right @ right.T, left @ right.T
    found = concentration.gaussian_product_moments(left, right, [1])[0][0]
    # E X Y^T Y X^T = tr(D) C + 2 M M^T with M = E X Y^T, minus M M^T for the centring
    assert np.allclose(found, np.trace(other) * covariance + crossed @ crossed.T, rtol=0, atol=1e-11)


def test_student_moment_by_quadrature():
    density = stats.t(3).pdf
    exact = integrate.quad(lambda t: t**4 / 9 * density(t), -20 * np.sqrt(3), 20 * np.sqrt(3))[0]
    assert concentration.student_fourth_moment(20.0) == pytest.approx(exact, rel=1e-8)


def test_power_bound_grows_with_the_power():
    bounds = [concentration.power_bound(np.eye(2), np.eye(2), power, constant=0.1) for power in (1, 2, 3)]
    assert bounds[0] < bounds[1] < bounds[2]
    first, second = concentration.product_deviation(np.eye(2), np.eye(2), np.array([4, 1000]), level=1.0)
    assert second[0] > first[0]
    assert second[1] < first[1]


def test_heavy_tails_err_more():
    rng = np.random.default_rng(3)
    heavy, light = (concentration.student_errors(rng, 2000, 5, freedom=f, draws=10) for f in (2.05, 200))
    assert np.median(light) < 0.2
    assert np.median(heavy) > 3 * np.median(light)
    model = recovery_laws.isotropic(rng, left=6, right=5, rank=2)
    terms = concentration.product_deviation(*concentration.model_covariances(model), 100, level=1.0)
    assert concentration.product_scale(model, 100, level=1.0) == max(terms)


def test_quantiles_and_sweeps_fall_with_n():
    rng = np.random.default_rng(4)
    model = recovery_laws.isotropic(rng, left=6, right=5, rank=2)
    weights = [np.ones(200), np.ones(20_000)]
    quantiles, scales = concentration.product_quantiles([model], weights, rng, level=1, draws=12)
    assert quantiles.shape == scales.shape == (1, 2)
    assert np.all(quantiles < scales)
    assert quantiles[0, 1] < quantiles[0, 0] / 5
    few, many = concentration.product_sweep(model, [200, 20_000], rng, draws=12)
    assert many < few / 5


def test_rotated_products_against_the_rotation_matrix():
    points, angle = np.random.default_rng(5).standard_normal((4, 2)), 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    expected = np.prod(points @ turn.T, axis=1) ** 2
    assert np.allclose(concentration.rotated_products(points, [angle])[:, 0], expected)


def test_paired_maps_have_the_stated_covariances():
    left, right = np.random.default_rng(6).standard_normal((2, 3, 2))
    first, seconds = concentration.paired_maps(left, right)
    assert np.allclose(first @ first.T, left @ left.T)
    assert np.all(first @ seconds["independent"].T == 0)
    assert seconds["identical"] is first
    assert np.allclose(seconds["correlated"] @ seconds["correlated"].T, right @ right.T)
    assert np.allclose(first @ seconds["correlated"].T, 0.8 * left @ right.T)
