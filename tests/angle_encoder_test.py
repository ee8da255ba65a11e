import numpy as np
import pytest

from helpers.papers.robust_contrastive import angle_encoder, decomposition, finite_worlds

FORM = {"temperature": 0.7, "weight": 3.0, "negatives": 2, "reach": 0.2}


def test_population_losses_are_those_of_the_finite_world():
    theta = np.random.default_rng(0).normal(size=(6, 2))
    world = angle_encoder.worlds(theta, **FORM)
    law = angle_encoder.tuple_law(2)
    benign, attacked = (angle_encoder.mean_losses(theta, law, attacked=hit, **FORM) for hit in (False, True))
    assert benign == pytest.approx(decomposition.terms(world).contrastive)
    assert attacked == pytest.approx(decomposition.tuple_attack(world))


def test_chunks_do_not_change_the_losses(monkeypatch):
    theta = np.random.default_rng(1).normal(size=(6, 2))
    whole = angle_encoder.mean_losses(theta, angle_encoder.tuple_law(2), attacked=True, **FORM)
    monkeypatch.setattr(angle_encoder, "CHUNK", 1)
    parts = angle_encoder.mean_losses(theta, angle_encoder.tuple_law(2), attacked=True, **FORM)
    assert parts == pytest.approx(whole, rel=1e-14)


def test_one_sample_is_one_tuple():
    theta = np.array([[1.0, 0.3]])
    shares = np.eye(160)[[0, 77]]
    world = angle_encoder.worlds(theta, **FORM)
    losses = decomposition.tuple_losses(world)[0, :4].ravel()
    assert angle_encoder.mean_losses(theta, shares, attacked=False, **FORM)[0] == pytest.approx(losses[[0, 77]])


def test_nothing_is_steeper_than_the_constant():
    rng = np.random.default_rng(2)
    theta = rng.normal(size=(200, 2))
    near = theta + 1e-4 * rng.normal(size=(200, 2))
    shares = np.eye(160)
    tables = [angle_encoder.mean_losses(t, shares, attacked=True, **FORM) for t in (theta, near)]
    slopes = np.abs(tables[0] - tables[1]).max(axis=1) / np.linalg.norm(theta - near, axis=1)
    assert slopes.max() <= angle_encoder.steepness(temperature=0.7, reach=0.2)
    robust = [
        finite_worlds.worst_case(w, finite_worlds.cross_entropy(w))
        for w in (angle_encoder.worlds(t, **FORM) for t in (theta, near))
    ]
    slopes = np.abs(robust[0] - robust[1]) / np.linalg.norm(theta - near, axis=1)
    assert slopes.max() <= angle_encoder.steepness(temperature=0.7, reach=0.2)


def test_worst_in_ball_lies_above_everything_in_it():
    rng = np.random.default_rng(3)
    theta, law = np.array([1.2, -0.2]), angle_encoder.tuple_law(2)[None]
    bound = angle_encoder.worst_in_ball(theta, law, radius=0.1, **FORM)
    inside = theta + 0.1 * finite_worlds.unit(rng.normal(size=(300, 2))) * rng.uniform(0, 1, (300, 1))
    assert np.all(angle_encoder.mean_losses(inside, law, attacked=True, **FORM) <= bound)
    assert bound[0] <= angle_encoder.mean_losses(theta[None], law, attacked=True, **FORM)[0, 0] + 0.12 * 7


def test_points_may_only_reach_their_own_corners():
    world = angle_encoder.worlds([[0.5, 0.5]], **FORM)
    assert world.moves.sum() == 4 * 5
    assert world.moves[0, 2].nonzero()[0].tolist() == [2, 12, 13, 14, 15]


def test_parameters_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"shape \(2,\), expected \(w, 2\)"):
        angle_encoder.worlds([1.0, 0.0], **FORM)
