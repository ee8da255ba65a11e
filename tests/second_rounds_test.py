"""Second rounds: orientation of the data, products against loops, and what the two algorithms are known to do."""

import numpy as np
import pytest

from helpers.papers.multimodal_svd import pseudo_pairs, second_rounds, spiked_model


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_oracle_scores_see_the_signal_alone(rng):
    scores, pairing = second_rounds.oracle_scores(rng, 60, 25, noise=0.0)
    assert np.all(pseudo_pairs.gaps(scores, pairing) > 0)
    assert np.linalg.matrix_rank(second_rounds.oracle_scores(rng, 4, 25, noise=0.5)[0]) == 4
    assert not np.array_equal(pairing, np.arange(25))
    # without noise all true scores are squared lengths: their mean is the rank
    assert abs(scores[pairing, np.arange(25)].mean() - 60) < 5 * np.sqrt(120 / 25)


def test_oracle_scores_with_wrong_pairs(rng):
    _, pairing = second_rounds.oracle_scores(rng, 5, 20, noise=0.1, share=0.4)
    assert np.count_nonzero(pairing != np.arange(20)) == 8


def test_gap_changes_stay_within_what_is_allowed_and_use_some_of_it(rng):
    moves = np.array(second_rounds.gap_changes(rng, rank=2, dimension=3, noise=0.1, n=20, draws=5))
    assert moves.shape == (5, 2)
    assert np.all(moves[:, 0] <= moves[:, 1])
    assert np.all(moves[:, 0] > 0.01 * moves[:, 1])


def test_products_against_loops(rng):
    left, right = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 2))
    pairing = np.array([[1, 0, 2, 3], [3, 1, 0, 2]])
    observed, true = second_rounds.products(left, right, pairing)
    for b in range(2):
        assert np.allclose(observed[b], sum(np.outer(left[b, i], right[b, i]) for i in range(4)) / 4)
        assert np.allclose(true[b], sum(np.outer(left[b, pairing[b, i]], right[b, i]) for i in range(4)) / 4)


def test_algorithm_1_improves_on_few_pairs_and_its_parts_fit(rng):
    tau = pseudo_pairs.matching_temperature(60, 300, decay=1.0)
    settings = {"rank": 60, "dimensions": (80, 78), "noise": 0.01, "pairs": 200, "unpaired": 300}
    outcome = second_rounds.algorithm_1(rng, **settings, temperature=tau)
    assert outcome.share > 0.95
    assert not np.array_equal(outcome.pairing, np.arange(300))
    found, first = outcome.errors(np.stack([outcome.step.covariance, outcome.first]))
    assert np.all(found < first)
    truth = pseudo_pairs.true_pairs(outcome.pairing)
    assert np.allclose(outcome.oracle, sum(np.outer(outcome.left[i], outcome.right[j]) for i, j in truth) / 300)
    chosen = [np.outer(outcome.left[i], outcome.right[j]) for i, j in outcome.step.pairs]
    assert np.allclose(outcome.trained_on, sum(chosen) / 300)


def test_algorithm_4_reverses_the_signal_at_small_weights(rng):
    settings = {"rank": 64, "dimensions": (70, 68), "noise": 0.01, "pairs": 600, "share": 0.4, "temperature": 0.15}
    for weight in (1.0, 4.0):
        outcome = second_rounds.algorithm_4(rng, **settings, positive_weight=weight)
        assert outcome.share == 0.6
        assert abs(outcome.coefficient(outcome.step.covariance) - (0.6 * weight - 1)) < 0.1
        saturated = weight * outcome.trained_on - outcome.oracle
        assert np.allclose(outcome.step.covariance, saturated, atol=1e-2)


def test_coefficient_and_errors_of_the_signal_itself(rng):
    settings = {"rank": 3, "dimensions": (8, 7), "noise": 0.01, "pairs": 50, "unpaired": 20, "temperature": 1.0}
    outcome = second_rounds.algorithm_1(rng, **settings)
    several = np.array([-2.0, 0.5])[:, None, None] * outcome.model.signal
    assert np.allclose(outcome.coefficient(several), [-2.0, 0.5])
    assert outcome.errors(several).shape == (2, 2)
    assert np.all(outcome.errors(several) < 1e-7)


def test_first_step_error_is_that_of_the_empirical_covariance_at_full_rank(rng):
    options = {"rank": 4, "dimension": 4, "noise": 0.5, "pairs": 200, "draws": 3}
    errors = second_rounds.first_step_errors(rng, **options)
    again = np.random.default_rng(0)
    model = spiked_model.spiked_model(again, dimensions=(4, 4), rank=4, noise=(0.5, 0.5), shape=(3,))
    for b, (x, y) in enumerate(zip(*spiked_model.draw(model, np.tile(np.arange(200), (3, 1)), again), strict=True)):
        difference = np.cov(x.T, y.T)[:4, 4:] - model.signal[b]
        assert np.isclose(errors[b], np.linalg.svd(difference, compute_uv=False)[0] ** 2)


def test_frozen_weights_that_saturate_are_a_fixed_point(rng):
    settings = {"rank": 64, "dimensions": (68, 66), "noise": 0.01, "pairs": 80, "temperature": 0.05}
    frozen, final, linear, gradient = second_rounds.frozen_and_final(rng, **settings, positive_weight=2.0)
    assert gradient < 1e-8
    assert abs(frozen - final) < 1e-6
    assert 0 < linear < 2
