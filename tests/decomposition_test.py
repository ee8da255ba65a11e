from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from helpers.papers.robust_contrastive import decomposition, finite_worlds


@pytest.fixture
def worlds():
    return finite_worlds.random_worlds(np.random.default_rng(0), count=3, negatives=2, points=3, places=5)


def by_hand(world, index, adversary):
    """Attacked contrastive loss of one world by loops over every ordered tuple."""
    z, tau, beta = world.features[index], world.temperature[index], world.weight[index]
    classes, points = world.conditional.shape[1:]
    total = 0.0
    for c, x, positive, first, second in product(range(classes), *[range(points)] * 4):
        anchor = z[adversary[index, c, x]]
        law = world.prior[index, c] * world.conditional[index, c, x] * world.conditional[index, c, positive]
        law *= world.points[index, first] * world.points[index, second]
        own = np.exp(anchor @ z[positive] / tau)
        others = np.exp(anchor @ z[first] / tau) + np.exp(anchor @ z[second] / tau)
        total -= law * np.log(own / (own + beta / 2 * others))
    return total


def test_contrastive_loss_is_the_loop_over_tuples(worlds):
    adversary = finite_worlds.random_adversary(np.random.default_rng(1), worlds)
    found = decomposition.terms(worlds, adversary)
    assert np.allclose(found.contrastive, [by_hand(worlds, w, adversary) for w in range(3)])
    assert np.allclose(
        found.contrastive, finite_worlds.expectation(worlds, decomposition.class_losses(worlds), adversary)
    )


def test_the_decomposition_holds_for_any_adversary_and_its_slacks_are_not_negative(worlds):
    for adversary in (None, finite_worlds.supervised_attack(worlds)):
        t = decomposition.terms(worlds, adversary)
        right = t.contrastive - np.log(t.weight) + t.entropy + t.jensen - t.positive - t.spread
        assert np.allclose(t.supervised, right, atol=1e-13)
        assert min(t.jensen.min(), t.positive.min(), t.spread.min()) >= 0
        clean = decomposition.terms(worlds)
        assert np.allclose(t.supervised - clean.supervised, t.local_shift + t.global_shift, atol=1e-13)


def test_count_vectors_are_a_law(worlds):
    assert np.allclose(decomposition.negatives_law(worlds).sum(axis=1), 1)
    counts, coefficients = decomposition.count_vectors(4, 5)
    assert counts.shape == (56, 4)
    assert np.all(counts.sum(axis=1) == 5)
    assert coefficients.sum() == 4**5


def test_attacks_that_know_more_reach_more(worlds):
    aware = finite_worlds.worst_case(worlds, decomposition.class_losses(worlds))
    tuples = decomposition.tuple_attack(worlds)
    both = decomposition.tuple_attack(worlds, attack_positive=True)
    assert np.all(aware <= tuples)
    assert np.all(tuples <= both)
    still = replace(worlds, moves=np.broadcast_to(np.eye(3, 5, dtype=bool), (3, 3, 5)))
    assert np.allclose(decomposition.tuple_attack(still), decomposition.terms(worlds).contrastive)
    assert np.allclose(decomposition.tuple_attack(still, attack_positive=True), decomposition.terms(worlds).contrastive)
    assert np.allclose(decomposition.hard_positive_shift(still), 0)


def test_the_limit_of_the_tuple_attack_is_approached_by_many_negatives(worlds):
    pair = finite_worlds.antipodal(weight=120, negatives=120)
    limit = decomposition.limit_tuple_attack(pair)
    assert np.allclose(limit, np.log((1 + np.exp(4)) / 2))
    assert np.allclose(decomposition.tuple_attack(pair) - np.log(120), limit, atol=0.01)
    aware = finite_worlds.worst_case(worlds, finite_worlds.limit_losses(worlds))
    assert np.all(decomposition.limit_tuple_attack(worlds) >= aware)


def test_hard_positive_shift_dominates_every_local_shift(worlds):
    hard = decomposition.hard_positive_shift(worlds)
    for seed in range(5):
        adversary = finite_worlds.random_adversary(np.random.default_rng(seed), worlds)
        assert np.all(decomposition.terms(worlds, adversary).local_shift <= hard)


def test_pairs_of_one_instance_change_only_what_sees_the_pair(worlds):
    same = worlds.conditional[..., None] * np.eye(3)
    own, drawn = decomposition.terms(worlds, pairs=same), decomposition.terms(worlds)
    assert np.allclose(own.supervised, drawn.supervised)
    assert np.allclose(decomposition.pair_score(worlds, pairs=same), 1 / worlds.temperature)
    assert np.all(own.contrastive < drawn.contrastive)


def test_gather_joins_batches(worlds):
    joined = decomposition.gather([decomposition.terms(worlds), decomposition.terms(replace(worlds, negatives=3))])
    assert joined.negatives.tolist() == [2, 2, 2, 3, 3, 3]


def test_tuple_losses_refuse_an_unknown_word(worlds):
    with pytest.raises(ValueError, match="positives is 'both'"):
        decomposition.tuple_losses(worlds, positives="both")
