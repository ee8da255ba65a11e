import numpy as np
import pytest
import torch

from helpers.losses import pair_loss_family
from helpers.optimise import newton
from helpers.papers.multimodal_svd import linear_clip, spiked_model
from helpers.papers.multimodal_svd.linear_clip import LinearClip


def problem_of(seed=0, **changes):
    rng = np.random.default_rng(seed)
    model = spiked_model.spiked_model(rng, dimensions=(5, 4), rank=2, noise=(0.1, 0.1))
    left, right = spiked_model.draw(model, spiked_model.pairings(rng, 1, 20, share=0.2)[0], rng)
    return LinearClip(left, right, **({"temperature": 0.8, "penalty": 0.3, "positive_weight": 1.0} | changes))


@pytest.mark.parametrize("positive_weight", [1.0, 1.9])
def test_loss_is_that_of_the_family(positive_weight):
    problem = problem_of(positive_weight=positive_weight)
    coupling = np.random.default_rng(1).standard_normal((5, 4))
    scores = torch.from_numpy(problem.left @ coupling @ problem.right.T)
    options = {"self_weight": 1.0, "positive_factor": positive_weight, "scale": 20}
    expected = pair_loss_family.loss(pair_loss_family.clip(temperature=0.8), scores, **options)
    assert np.isclose(linear_clip.loss(problem, coupling), expected + 0.15 * np.sum(coupling**2))


def test_cross_covariance_is_minus_the_gradient_of_the_data_term():
    problem, rng = problem_of(positive_weight=1.4), np.random.default_rng(2)
    coupling, step = rng.standard_normal((2, 5, 4))
    plus, minus = (linear_clip.loss(problem, coupling + sign * 1e-5 * step) for sign in (1, -1))
    target = linear_clip.cross_covariance(problem, coupling) - problem.penalty * coupling
    assert np.isclose((plus - minus) / 2e-5, -np.sum(target * step), rtol=1e-7)


def test_refreshed_ascent_is_gradient_descent_and_frozen_ascent_finds_the_svd():
    problem, rng = problem_of(), np.random.default_rng(3)
    start = 0.3 * rng.standard_normal((2, 5)), 0.3 * rng.standard_normal((2, 4))
    lefts, rights = linear_clip.ascend_surrogate(problem, *start, steps=30, rate=0.2, refresh=True)
    assert lefts.shape == (31, 2, 5)
    values = [linear_clip.loss(problem, a.T @ b) for a, b in zip(lefts, rights, strict=True)]
    assert np.all(np.diff(values) < 0)
    lefts, rights = linear_clip.ascend_surrogate(problem, *start, steps=3000, rate=0.5, refresh=False)
    target = linear_clip.cross_covariance(problem, start[0].T @ start[1])
    best = spiked_model.best_coupling(target, rank=2, penalty=problem.penalty)
    assert np.allclose(lefts[-1].T @ rights[-1], best, atol=1e-10)
    ends = linear_clip.ascend_frozen(target, *start, penalty=problem.penalty, steps=3000, rate=0.5)
    assert np.allclose(ends[0], lefts[-1])
    assert np.allclose(ends[1], rights[-1])
    once = linear_clip.svd_iteration(problem, start[0].T @ start[1], rank=2, steps=1)
    assert np.allclose(once[1], best)


def test_surrogate_hessians_are_slopes_of_the_gradients():
    rng = np.random.default_rng(7)
    target, left, right = (
        rng.standard_normal((3, 5, 4)),
        rng.standard_normal((6, 3, 2, 5)),
        rng.standard_normal((6, 3, 2, 4)),
    )
    hessians = linear_clip.surrogate_hessians(target, left, right, penalty=0.4)
    assert hessians.shape == (6, 3, 18, 18)
    steps = rng.standard_normal((6, 3, 2, 5)), rng.standard_normal((6, 3, 2, 4))

    def flat(sides):
        return np.concatenate([side.reshape(6, 3, -1) for side in sides], axis=-1)

    moved = [
        flat(linear_clip.surrogate_gradients(target, left + h * steps[0], right + h * steps[1], penalty=0.4))
        for h in (1e-6, -1e-6)
    ]
    expected = (moved[0] - moved[1]) / 2e-6
    assert np.allclose(np.einsum("...ij,...j->...i", hessians, flat(steps)), expected, atol=1e-6)
    with pytest.raises(ValueError, match="penalty is 0"):
        linear_clip.surrogate_hessians(target, left, right, penalty=0)


def test_svd_iteration_contracts_well_above_its_penalty_and_not_well_below():
    bound = linear_clip.contraction_penalty(problem_of())
    for factor, settles in ((3.0, True), (0.3, False)):
        problem = problem_of(penalty=factor * bound)
        path = linear_clip.svd_iteration(problem, np.zeros((5, 4)), rank=2, steps=200)
        assert (np.abs(path[-1] - path[-2]).max() < 1e-10) == settles


def test_contraction_penalty_bounds_the_curvature_at_zero():
    problem, rng = problem_of(), np.random.default_rng(8)
    steps = rng.standard_normal((50, 5, 4))
    steps /= np.linalg.norm(steps, axis=(1, 2), keepdims=True)
    slopes = [linear_clip.cross_covariance(problem, sign * 1e-5 * steps) for sign in (1, -1)]
    curvature = -np.sum((slopes[0] - slopes[1]) / 2e-5 * steps, axis=(1, 2))
    assert np.all(curvature < linear_clip.contraction_penalty(problem))
    assert np.all(curvature > 0)


def test_stationary_points_are_stationary_and_use_whole_triples():
    problem = problem_of(penalty=0.1)
    found = linear_clip.stationary_points(problem, rank=2, restarts=3, rng=np.random.default_rng(4))
    assert found.gradient_norms.max() < 1e-11
    coupling = linear_clip.coupling_of(problem, found.runs)
    for each in coupling:
        usage = linear_clip.singular_usage(each, linear_clip.cross_covariance(problem, each), penalty=0.1)
        assert np.allclose(np.sort(usage), [0, 0, 1, 1], atol=1e-8)


def test_a_path_holds_the_stationary_points_of_every_penalty():
    problem, penalties = problem_of(), [1.0, 0.2]
    path = linear_clip.stationary_path(problem, penalties, rank=2, restarts=2, rng=np.random.default_rng(5))
    assert path.runs.shape == (2, 2, 5, 4)
    assert path.usage.shape == (2, 4)
    assert path.gradient_norms.max() < 1e-11
    alone = linear_clip.stationary_points(problem_of(penalty=0.2), rank=2, restarts=2, rng=np.random.default_rng(6))
    assert np.allclose(path.couplings[1], linear_clip.coupling_of(problem, alone.features), atol=1e-8)


def test_refusals():
    with pytest.raises(ValueError, match="penalty is 0"):
        problem_of(penalty=0)
    with pytest.raises(ValueError, match="temperature is -1"):
        problem_of(temperature=-1)
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(4, 2\)"):
        LinearClip(np.ones((3, 2)), np.ones((4, 2)), 1.0, 1.0, 1.0)


def test_newton_s_products_are_slopes_of_the_gradient(monkeypatch):
    kept = []
    descend = newton.descend

    def spy(value, hessian_product, start, **options):
        kept.append((value, hessian_product, start))
        return descend(value, hessian_product, start, **options)

    monkeypatch.setattr(newton, "descend", spy)
    problem, rng, h = problem_of(penalty=0.1), np.random.default_rng(9), 1e-5
    linear_clip.stationary_points(problem, rank=2, restarts=1, rng=rng)
    value, hessian_product, start = kept[0]
    point, step = rng.standard_normal((2, *np.shape(start)))
    (up, above), (down, below) = (value(point + sign * h * step) for sign in (1, -1))
    size = np.abs(above).max() + abs(up)
    assert np.sum(value(point)[1] * step) == pytest.approx((up - down) / (2 * h), abs=1e-8 * size)
    assert np.allclose(hessian_product(point)(step), (above - below) / (2 * h), rtol=0, atol=1e-8 * size)
