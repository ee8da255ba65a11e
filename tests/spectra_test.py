import doctest

import numpy as np
import pytest
from scipy import linalg

from helpers.spectral import embedding, graphs, subspaces

EPS = np.finfo(float).eps


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_examples_in_docstrings():
    result = doctest.testmod(subspaces, extraglobs={"np": np})
    assert result.attempted > 5
    assert result.failed == 0


def frames(rng, count, n, r):
    return np.linalg.qr(rng.standard_normal((count, n, r)))[0]


@pytest.mark.parametrize(("n", "r"), [(6, 1), (9, 3), (8, 4), (7, 5)])
def test_five_formulas_of_sin_theta_agree(rng, n, r):
    left, right = frames(rng, 50, n, r), frames(rng, 50, n, r)
    reference = subspaces.sin_theta(left, right)
    for formula in subspaces.SIN_THETA_FORMULAS:
        found = subspaces.sin_theta(left, right, formula=formula)
        # `overlap` subtracts from r: the error of the square, r eps n, is divided by the distance itself.
        assert np.all(np.abs(found - reference) <= 64 * EPS * n * r / reference), formula
    assert np.all(reference <= np.sqrt(min(r, n - r)) + 64 * EPS)


def test_sin_theta_of_a_subspace_with_itself_does_not_cancel(rng):
    frame = frames(rng, 20, 9, 3)
    turned = frame @ frames(rng, 20, 3, 3)
    for formula in ("residual", "complement", "angles", "projectors"):
        assert np.all(subspaces.sin_theta(frame, turned, formula=formula) <= 64 * 9 * EPS), formula


def test_sin_theta_formulas_differ_without_orthonormality(rng):
    left, right = rng.standard_normal((2, 9, 3))
    assert abs(subspaces.sin_theta(left, right) - subspaces.sin_theta(left, right, formula="projectors")) > 0.1


def test_random_level_of_sin_theta(rng):
    n, r, trials = 8, 3, 4000
    squares = subspaces.sin_theta(frames(rng, trials, n, r), frames(rng, trials, n, r)) ** 2
    assert abs(squares.mean() - r * (1 - r / n)) < 5 * squares.std() / np.sqrt(trials)


def test_principal_angles_agree_with_scipy_and_resolve_tiny_ones(rng):
    for _ in range(10):
        left, right = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
        expected = np.sort(linalg.subspace_angles(left, right))
        assert np.allclose(subspaces.principal_angles(left, right), expected, atol=1e-12)
        assert np.allclose(subspaces.principal_angles(right, left), expected, atol=1e-12)
    basis = np.eye(5)
    tilted = np.column_stack([basis[:, 0], np.cos(1e-9) * basis[:, 1] + np.sin(1e-9) * basis[:, 2]])
    assert subspaces.principal_angles(basis[:, :2], tilted)[-1] == pytest.approx(1e-9, rel=1e-6)
    assert subspaces.largest_angle(basis[:, :2], basis[:, 1:3]) == pytest.approx(90)


def test_laplacian_eigenvectors_match_the_shifted_matrix(rng):
    transition = graphs.random_transition(rng, 5, 8, include_self=False)
    laplacian = graphs.laplacian(transition)
    values, vectors = embedding.laplacian_eigenvectors(laplacian, 3)
    shifted, expected = np.linalg.eigh(laplacian + 5 * np.ones((8, 8)) / 8)
    assert np.allclose(values, shifted[:, :3], atol=1e-12)
    assert np.all(subspaces.principal_angles(vectors, expected[..., :3]) < 1e-10)
    assert np.allclose(laplacian @ vectors, vectors * values[:, None, :], atol=1e-12)


def test_laplacian_eigenvectors_of_a_disconnected_graph_exclude_the_constant():
    weights = graphs.block_weights([3, 4, 5], 1.0, 0.0, include_self=False)
    values, vectors = embedding.laplacian_eigenvectors(graphs.laplacian(weights), 3)
    assert np.allclose(values[:2], 0, atol=1e-12)
    assert values[2] > 1
    assert np.allclose(vectors.sum(0), 0, atol=1e-12)


def test_top_eigenpairs_and_positive_part(rng):
    matrix = rng.standard_normal((6, 6))
    matrix = matrix + matrix.T
    values, vectors = subspaces.top_eigenvectors(matrix, 6)
    assert np.all(np.diff(values) <= 0)
    assert np.allclose((vectors * values) @ vectors.T, matrix, atol=1e-12)
    assert subspaces.top_eigenvalue(matrix) == pytest.approx(values[0])
    part = subspaces.positive_part(matrix, 6)
    assert np.linalg.eigvalsh(part).min() > -1e-12
    assert np.linalg.norm(matrix - part) ** 2 == pytest.approx(np.sum(values[values < 0] ** 2))


def test_truncated_svd_is_the_best_approximation(rng):
    matrix = rng.standard_normal((4, 6, 5))
    left, values, right = subspaces.truncated_svd(matrix, 2)
    rest = matrix - (left * values[:, None, :]) @ np.swapaxes(right, -1, -2)
    assert np.allclose(np.linalg.norm(rest, ord=2, axis=(-2, -1)), np.linalg.svd(matrix, compute_uv=False)[:, 2])


def test_ranks_order_and_extremes(rng):
    weights = rng.gamma(0.5, size=(100, 6))
    entropy, participation = subspaces.effective_rank(weights), subspaces.participation_ratio(weights)
    assert np.all(participation <= entropy + 1e-12)
    assert np.all((participation >= 1) & (entropy <= 6 + 1e-12))
    assert subspaces.effective_rank([2.0, 0.0]) == pytest.approx(1)
    assert subspaces.intrinsic_dimension(np.eye(4)) == pytest.approx(4)


def test_variances_and_leading_subspace(rng):
    features = rng.standard_normal((20, 3)) + 7
    covariance = np.cov(features.T, ddof=0) * 20
    assert np.allclose(subspaces.variances(features), np.linalg.eigvalsh(covariance)[::-1])
    axes = subspaces.leading_subspace(features, 3)
    assert np.all(subspaces.principal_angles(axes, subspaces.centre(features)) < 1e-12)
    assert np.allclose(axes.sum(0), 0, atol=1e-12)


def test_planted_signal_has_its_spectrum_and_its_scale(rng):
    signal, values, vectors = subspaces.planted_signal(rng, 12, [1.0, 0.5, -0.25])
    assert np.allclose(signal @ vectors, vectors * values, atol=1e-14)
    assert np.allclose(values / values[0], [1.0, 0.5, -0.25])
    assert np.allclose(signal.sum(1), 0, atol=1e-15)
    assert np.abs(12 * signal).max() == pytest.approx(1)
    assert np.sum(np.abs(np.linalg.eigvalsh(signal)) > 1e-12) == 3


def test_cluster_finds_separated_groups(rng):
    points = np.repeat(10 * np.eye(3), 5, axis=0) + 0.1 * rng.standard_normal((15, 3))
    labels = embedding.cluster(points, 3, rng=rng)
    assert len(set(labels[::5])) == 3
    assert np.array_equal(labels, np.repeat(labels[::5], 5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embedding.laplacian_eigenvectors(np.ones((2, 3)), 1), r"\(2, 3\)"),
        (lambda: embedding.laplacian_eigenvectors([[1.0, -1.0], [0.0, 0.0]], 1), "not symmetric"),
        (lambda: embedding.laplacian_eigenvectors(np.eye(3), 1), "sum to 1"),
        (lambda: embedding.laplacian_eigenvectors(3 * np.eye(3) - 1, 3), "count is 3"),
        (lambda: subspaces.top_eigenvectors(np.eye(3), 4), "count is 4"),
        (lambda: subspaces.truncated_svd(np.eye(3), 0), "rank is 0"),
        (lambda: subspaces.orthonormal_basis(np.ones((4, 2))), "linearly dependent"),
        (lambda: subspaces.principal_angles(np.eye(3)[:, :1], np.eye(4)[:, :1]), "3 and 4"),
        (lambda: subspaces.sin_theta(np.eye(3)[:, :1], np.eye(3)[:, :2]), "equal frames"),
        (lambda: subspaces.sin_theta(np.eye(3)[:, :1], np.eye(3)[:, :1], formula="sine"), "'sine'"),
        (lambda: subspaces.effective_rank([1.0, -1.0]), "non-negative"),
        (lambda: subspaces.intrinsic_dimension(np.ones(3)), r"\(3,\)"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
