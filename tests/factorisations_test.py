import numpy as np
import pytest
import torch

from helpers.optimise import newton
from helpers.papers.spectral_clustering import factorisations, population_minimisers
from helpers.spectral import graphs, subspaces


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_spectral_minimiser_is_the_truncated_eigendecomposition(rng):
    joint = rng.gamma(1.0, size=(10, 10))
    joint = joint + joint.T
    joint /= joint.sum()
    scale = np.sqrt(joint.sum(1))
    target = joint / np.outer(scale, scale)
    found = factorisations.spectral(target, dimension=3, restarts=4, rng=rng)
    best = subspaces.positive_part(target, 3)
    assert np.allclose(found.features @ found.features.T, best, atol=1e-9)
    assert np.all(found.gradient_norms < 1e-9)


def test_wrong_critical_points_are_critical_and_not_minimal(rng):
    matrix = rng.standard_normal((5, 5))
    matrix = matrix @ matrix.T
    values, vectors = subspaces.top_eigenvectors(matrix, 5)
    points, gaps = factorisations.wrong_critical_points(values, vectors, 2)
    assert len(points) == 1 + 5 + 10 - 1
    residual = matrix - points @ np.swapaxes(points, 1, 2)
    assert np.abs(residual @ points).max() < 1e-12
    assert np.all(gaps > 0)
    assert np.all((residual**2).sum((1, 2)) > np.sum(values[2:] ** 2) + 1e-6)


def test_wrong_critical_points_without_enough_positive_eigenvalues():
    points, gaps = factorisations.wrong_critical_points(np.array([1.0, -1.0, -2.0]), np.eye(3), 2)
    assert points.shape == (1, 3, 2)
    assert gaps.tolist() == [1.0]


def test_bimodal_minimiser_is_the_truncated_svd(rng):
    target = rng.standard_normal((6, 8))
    found = factorisations.bimodal(target, dimension=2, restarts=4, rng=rng)
    left, values, right = subspaces.truncated_svd(target, 2)
    product = found.features[:6] @ found.features[6:].T
    assert np.allclose(product, (left * values) @ right.T, atol=1e-9)


@pytest.mark.parametrize("weighted", [False, True])
def test_critic_makes_both_softmaxes_conditional_laws(rng, weighted):
    joint = rng.gamma(2.0, size=(5, 7))
    joint /= joint.sum()
    scores, gradient_norm = factorisations.critic(joint, weighted_negatives=weighted, rng=rng)
    assert gradient_norm < 1e-10
    powers = np.exp(scores) * (joint.sum(0) if weighted else 1.0)
    assert np.allclose(powers / powers.sum(1, keepdims=True), joint / joint.sum(1, keepdims=True), atol=1e-8)


def centred_signal(rng, n):
    matrix = rng.standard_normal((n, n))
    matrix = matrix + matrix.T
    return matrix - matrix.mean(0) - matrix.mean(1)[:, None] + matrix.mean()


def test_weak_signal_minimum_is_critical_for_autograd(rng):
    signal = centred_signal(rng, 8)
    found = factorisations.weak_signal(signal, dimension=2, restarts=4, rng=rng)
    points = torch.tensor(found.features, requires_grad=True)
    squares = points.square().sum(1)
    loss = (
        -torch.trace(points.T @ torch.tensor(signal) @ points)
        + (points @ points.T).square().sum() / 16
        + squares.var(unbiased=False)
    )
    assert found.value == pytest.approx(loss.item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, points)
    assert torch.linalg.norm(gradient - gradient.mean(0)) < 1e-9
    assert np.allclose(found.features.sum(0), 0, atol=1e-12)


def test_weak_signal_without_uneven_norms_is_spectral(rng):
    # One sine and one cosine on a circle have equal row norms: the extra term vanishes at the eigenvectors.
    angle = 2 * np.pi * np.arange(9) / 9
    waves = np.column_stack([np.cos(angle), np.sin(angle)])
    found = factorisations.weak_signal(waves @ waves.T, dimension=2, restarts=3, rng=rng)
    assert subspaces.largest_angle(found.features, waves) < 1e-6
    assert np.allclose(found.features @ found.features.T, 9 * waves @ waves.T, atol=1e-8)


@pytest.mark.parametrize("surplus", [0.0, 1.0])
def test_classical_scaling_attains_a_reversible_transition(rng, surplus):
    similarity = graphs.symmetrised(graphs.random_weights(rng, 1, 6))[0]
    transition = graphs.row_stochastic(similarity, include_self=False)
    points, spreads = factorisations.classical_scaling(similarity, temperature=0.7, surplus=surplus)
    found = population_minimisers.divergence(points, transition, temperature=0.7, geometry="free", include_self=False)
    assert found == pytest.approx(0, abs=1e-12)
    assert np.sum(spreads > 1e-10) == (5 if surplus else 4)
    assert np.allclose(np.sum(points**2, axis=0), spreads, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: factorisations.spectral([[0.0, 1.0], [0.0, 0.0]], dimension=1, restarts=1, rng=rng), "symmetric"),
        (
            lambda rng: factorisations.weak_signal(np.triu(np.ones((2, 2))), dimension=1, restarts=1, rng=rng),
            "symmetric",
        ),
        (lambda rng: factorisations.weak_signal(np.eye(2), dimension=1, restarts=1, rng=rng), "sum to 1"),
        (
            lambda rng: factorisations.critic(np.ones((2, 2)), weighted_negatives=False, rng=rng),
            "positive and sum to 1",
        ),
    ],
)
def test_refusals(rng, call, message):
    with pytest.raises(ValueError, match=message):
        call(rng)


def test_weak_signal_slopes_are_those_of_its_loss(rng, monkeypatch):
    kept = []
    descend = newton.descend

    def spy(loss, hessian_product, start, **options):
        kept.append((loss, hessian_product))
        return descend(loss, hessian_product, start, **options)

    monkeypatch.setattr(newton, "descend", spy)
    factorisations.weak_signal(centred_signal(rng, 8), dimension=2, restarts=1, rng=rng)
    (loss, hessian_product), h = kept[0], 1e-5
    point, step = rng.standard_normal((2, 8, 2))
    (up, above), (down, below) = (loss(point + sign * h * step) for sign in (1, -1))
    value, gradient = loss(point)
    # central differences: the third derivative times h^2, and rounding over h
    size = np.abs(above).max() + abs(value)
    assert np.sum(gradient * step) == pytest.approx((up - down) / (2 * h), abs=1e-8 * size)
    assert np.allclose(hessian_product(point)(step), (above - below) / (2 * h), rtol=0, atol=1e-8 * size)
