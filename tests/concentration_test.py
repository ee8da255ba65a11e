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


@pytest.mark.parametrize("noise", [(0.3, 1.7), (1.7, 0.3), (0.0, 0.5)])
def test_terms_have_the_second_moments_of_the_model(noise):
    r, d, condition, (a, b) = 5, 9, 4.0, noise
    s = np.linspace(1, 1 / condition, r)
    terms = concentration.signal_terms(
        np.random.default_rng(0), n=100, rank=r, dimension=d, noise=noise, condition=condition, draws=2000
    )
    expected = (
        s.sum() + d * a,  # |x|^2
        np.sum(s**2 * (a * s + s * b + a * b)),  # of xi' Sigma z~, z' Sigma xi~ and xi' Sigma xi~
        np.sum(s**2 * 2 * s**2),  # Gaussian latents: the variance of w^2 is 2
        s.sum() + r * a,  # |U' x|^2
    )
    for term, value in zip(terms, expected, strict=True):
        squares = term.ravel() ** 2
        assert abs(squares.mean() - value) < 5 * squares.std() / np.sqrt(squares.size)
    assert abs(terms[1].mean()) < 5 * terms[1].std() / np.sqrt(terms[1].size)
    assert np.all(terms[3] <= terms[0])


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


def test_norms_are_allowed_the_root_of_the_level():
    # |X| = 3 for the identity of the plane: off its Frobenius norm by 1.59, of operator norm 1
    outcomes = np.array([[3.0, 0.0]])
    found = [
        concentration.exceedances(np.eye(2), outcomes, outcomes, level=t, constant=1.0)[2] for t in (1.0, 2.0, 4.0)
    ]
    assert found == [1.0, 1.0, 0.0]
