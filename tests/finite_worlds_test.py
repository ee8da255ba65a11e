from dataclasses import replace

import numpy as np
import pytest

from helpers.papers.robust_contrastive import finite_worlds


@pytest.fixture
def worlds():
    return finite_worlds.random_worlds(np.random.default_rng(0), count=6, negatives=2)


def test_random_worlds_are_worlds(worlds):
    assert np.allclose(np.linalg.norm(worlds.features, axis=2), 1)
    assert np.allclose(worlds.joint.sum(axis=(1, 2)), 1)
    assert np.allclose(worlds.points.sum(axis=1), 1)
    assert np.allclose(worlds.pairs.sum(axis=3), worlds.conditional)
    assert np.all((worlds.temperature >= 0.25) & (worlds.temperature <= 1))


def test_class_means_are_weighted_by_probabilities(worlds):
    means = finite_worlds.class_means(worlds)
    by_hand = sum(worlds.conditional[2, 1, x] * worlds.features[2, x] for x in range(4))
    assert np.allclose(means[2, 1], by_hand)
    assert np.all(np.linalg.norm(means, axis=2) < 1)
    assert np.allclose(finite_worlds.slope(worlds) * worlds.temperature, np.linalg.norm(means, axis=2).max(axis=1))


def test_cross_entropy_of_the_mean_classifier_has_its_partition_as_normaliser(worlds):
    values = finite_worlds.cross_entropy(worlds)
    logits = finite_worlds.class_scores(worlds).swapaxes(1, 2) + np.log(worlds.prior)[:, :, None]
    assert np.allclose(values, finite_worlds.log_partition(worlds)[:, None] - logits)
    assert np.allclose(np.exp(-values).sum(axis=1), 1)


def test_label_free_partition_is_the_log_of_a_mean(worlds):
    mean = np.einsum("wun,wn->wu", np.exp(finite_worlds.scores(worlds)), worlds.points)
    assert np.allclose(finite_worlds.label_free_log_partition(worlds), np.log(mean))
    limit = finite_worlds.limit_losses(worlds)
    assert np.allclose(limit[:, 0] + finite_worlds.class_scores(worlds)[..., 0], np.log(mean))


def test_the_strongest_adversary_is_the_best_of_all():
    world = finite_worlds.random_worlds(np.random.default_rng(3), count=1, negatives=1, points=3, places=5, classes=2)
    values = finite_worlds.cross_entropy(world)
    everyone = finite_worlds.every_adversary(world)
    reached = finite_worlds.expectation(world, values, everyone)
    assert reached.shape == (len(everyone), 1)
    assert np.isclose(reached.max(), finite_worlds.worst_case(world, values)[0])
    attack = finite_worlds.supervised_attack(world)
    assert np.isclose(finite_worlds.expectation(world, values, attack)[0], reached.max())


def test_adversaries_respect_the_moves(worlds):
    chosen = finite_worlds.random_adversary(np.random.default_rng(1), worlds)
    assert np.all(np.take_along_axis(np.repeat(worlds.moves[:, None], 3, 1), chosen[..., None], axis=3))
    assert np.all(finite_worlds.displacement(worlds, finite_worlds.stay(worlds)) == 0)
    assert np.all(finite_worlds.displacement(worlds, chosen) <= finite_worlds.displacement(worlds) + 1e-15)


def test_attack_on_an_axis_is_the_maximum_over_allowed_places(worlds):
    values = np.random.default_rng(2).normal(size=(6, 3, 7, 2))
    worst = finite_worlds.attack(worlds, values, axis=2)
    assert worst.shape == (6, 3, 4, 2)
    assert worst[4, 1, 2, 0] == values[4, 1, worlds.moves[4, 2], 0].max()


def test_laws_of_features_follow_the_adversary(worlds):
    assert np.allclose(finite_worlds.marginal_law(worlds, finite_worlds.stay(worlds))[:, :4], worlds.points)
    chosen = finite_worlds.random_adversary(np.random.default_rng(1), worlds)
    law = finite_worlds.latent_law(worlds, chosen)
    mean = np.einsum("wc,wcu,wu->w", worlds.prior, law, worlds.features[..., 0])
    assert np.allclose(mean, finite_worlds.expectation(worlds, worlds.features[..., 0], chosen))


def test_antipodal_classes_are_swapped_by_the_strongest_attack():
    world = finite_worlds.antipodal(temperature=0.5)
    assert finite_worlds.supervised_attack(world)[0].diagonal().tolist() == [1, 0]
    assert np.allclose(finite_worlds.worst_case(world, finite_worlds.cross_entropy(world)), np.log1p(np.exp(4)))


def test_worlds_refuse_parts_that_do_not_fit(worlds):
    with pytest.raises(ValueError, match=r"temperature has shape \(5,\), expected \(6,\)"):
        replace(worlds, temperature=np.ones(5))
    with pytest.raises(ValueError, match="prior must sum to one"):
        replace(worlds, prior=2 * worlds.prior)
    with pytest.raises(ValueError, match="stay at its own place"):
        replace(worlds, moves=np.zeros_like(worlds.moves))
