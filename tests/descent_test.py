import numpy as np
import pytest

from helpers.optimise import newton


def quadratic(matrix):
    return (
        lambda points: (np.sum(points * (matrix @ points)) / 2, matrix @ points),
        lambda points: lambda step: matrix @ step,
    )


def test_descent_solves_a_singular_quadratic_without_moving_along_its_flat_direction():
    rng = np.random.default_rng(0)
    centring = np.eye(6) - np.ones((6, 6)) / 6
    start = rng.standard_normal((6, 2))
    found = newton.descend(*quadratic(centring), start, on_sphere=False, tolerance=1e-12)
    assert np.allclose(found, start.mean(0), atol=1e-10)


def test_descent_on_the_sphere_keeps_unit_rows_and_kills_the_tangential_gradient():
    rng = np.random.default_rng(1)
    matrix = rng.standard_normal((5, 5))
    loss, product = quadratic(matrix + matrix.T)
    start = newton.unit_rows(rng.standard_normal((5, 3)))
    found = newton.descend(loss, product, start, on_sphere=True, tolerance=1e-12)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.linalg.norm(newton.tangential(found, loss(found)[1])) <= 1e-11
    assert loss(found)[0] < loss(start)[0]


def test_newton_steps_finish_what_quasi_newton_leaves():
    # A quartic well: L-BFGS stops at its own tolerance 1e-6, the Newton steps go on.
    loss, product = (lambda x: (np.sum((x**2 - 1) ** 2), 4 * x * (x**2 - 1))), (lambda x: lambda v: (12 * x**2 - 4) * v)
    found = newton.descend(loss, product, np.full((3, 1), 0.4), on_sphere=False, tolerance=1e-14)
    assert found == pytest.approx(np.ones((3, 1)), abs=1e-14)


def test_tangential_is_a_projection():
    rng = np.random.default_rng(2)
    points, vectors = newton.unit_rows(rng.standard_normal((2, 4, 3)))
    once = newton.tangential(points, vectors)
    assert np.allclose(newton.tangential(points, once), once)
    assert np.allclose(np.sum(once * points, axis=-1), 0)


def test_a_step_is_damped_and_shortened_where_the_plain_one_fails():
    """Slope one and no curvature at the start: the plain Newton step does not exist, a damped one of full length goes
    too far (slope -3), half of it is right (slope 1/2)."""
    loss, product = (lambda x: (np.sum(x + x**4), 1 + 4 * x**3)), (lambda x: lambda v: 12 * x**2 * v)
    once = newton._polish(loss, product, np.zeros((1, 1)), False, 1e-14, 1)
    assert once == pytest.approx(-0.5, rel=1e-12)  # damped by 1^(2/3), and halved
    finished = newton._polish(loss, product, np.zeros((1, 1)), False, 1e-14, 30)
    assert finished == pytest.approx(-(0.25 ** (1 / 3)), rel=1e-12)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_the_first_of_equal_minima_is_taken_and_the_lowest_of_others(size):
    slack = newton.TIE * (1 + size)

    def loss(points):
        return -size + points[0, 0], np.zeros_like(points)

    for gap, best in ((0.5 * slack, 0), (1.5 * slack, 1)):
        runs = np.array([[[gap]], [[0.0]], [[0.1 * slack]]])
        found = newton.collect(loss, runs, on_sphere=False)
        assert found.features.tolist() == runs[best].tolist()
        assert found.values.tolist() == [loss(points)[0] for points in runs]
