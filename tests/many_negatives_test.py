from dataclasses import replace

import numpy as np
import pytest

from helpers.papers.robust_contrastive import circle, decomposition, finite_worlds, many_negatives, waterfalls


@pytest.fixture
def worlds():
    return finite_worlds.random_worlds(np.random.default_rng(0), count=5, negatives=3)


def mean(world, values):
    return finite_worlds.expectation(world, values, finite_worlds.stay(world))


def test_every_term_is_the_enumerated_one(worlds):
    for world in (worlds, circle.world(60, size=6, concentration=2.0, weight=3.0, negatives=4)):
        terms = decomposition.terms(world)
        losses = many_negatives.class_losses(world)
        assert np.allclose(losses, decomposition.class_losses(world), atol=1e-12)
        assert np.allclose(mean(world, losses), terms.contrastive, atol=1e-12)
        assert np.allclose(mean(world, many_negatives.jensen_gap(world)), terms.jensen, atol=1e-12)
        assert np.allclose(mean(world, many_negatives.positive_gap(world)), terms.positive, atol=1e-12)
        averages = np.einsum("wuv,wv->wu", decomposition.log_average(world), decomposition.negatives_law(world))
        assert np.allclose(many_negatives.log_average(world), averages, atol=1e-12)


def test_both_slacks_vanish_like_one_over_k(worlds):
    gaps = []
    for count in (10**4, 10**5):
        many = replace(worlds, negatives=count, weight=np.full(5, float(count)))
        gaps.append([mean(many, many_negatives.jensen_gap(many)), mean(many, many_negatives.positive_gap(many))])
    assert np.allclose(np.divide(*gaps), 10, rtol=0.01)


def test_the_waterfalls_are_chains_that_arrive():
    world = waterfalls.six_points()
    attack = finite_worlds.supervised_attack(world)
    terms = decomposition.terms(world, attack)
    chain = waterfalls.climb(world, tuples=decomposition.tuple_attack(world)[0], best=0.3)
    assert np.isclose(chain[2], terms.supervised[0])
    assert np.isclose(chain[2] + sum(chain[3:6]), chain[6])
    assert np.isclose(chain[6] + sum(chain[7:9]), chain[9])
    assert np.isclose(chain[6], terms.contrastive[0] + np.log(2) - np.log(6))
    bridge = waterfalls.bridge(world)
    assert np.isclose(sum(bridge[:4]), bridge[4])
    assert np.isclose(bridge[4], decomposition.terms(world).supervised[0])
    assert np.isclose(bridge[7], terms.supervised[0])
    assert np.allclose(bridge[5:7], [terms.local_shift[0], terms.global_shift[0]])
    assert np.isclose(bridge[7] + sum(bridge[8:10]), bridge[10])
