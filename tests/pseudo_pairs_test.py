"""Pseudo-pairs: guesses against brute force, sums against loops, orientation of indices, and whole runs."""

import itertools

import numpy as np
import pytest

from helpers.papers.multimodal_svd import pseudo_pairs, spiked_model


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def same_pairs(pairs, others):
    return {tuple(pair) for pair in np.asarray(pairs).tolist()} == {tuple(pair) for pair in np.asarray(others).tolist()}


def test_truth_has_the_orientation_of_the_paired_model(rng):
    model = spiked_model.spiked_model(rng, dimensions=(9, 8), rank=7, noise=(0.0, 0.0))
    pairing = pseudo_pairs.hidden_pairing(rng, 30)
    left, right = spiked_model.draw(model, pairing, rng)
    codes = left @ model.left_basis, right @ model.right_basis
    for i, j in pseudo_pairs.true_pairs(pairing):
        assert np.allclose(codes[0][i], codes[1][j])


def test_guesses_find_the_hidden_pairs_in_the_right_orientation(rng):
    model = spiked_model.spiked_model(rng, dimensions=(50, 48), rank=40, noise=(0.01, 0.01))
    pairing = pseudo_pairs.hidden_pairing(rng, 25)
    left, right = spiked_model.draw(model, pairing, rng)
    encoders = model.left_basis.T, model.right_basis.T
    truth = pseudo_pairs.true_pairs(pairing)
    for score in (pseudo_pairs.inner_product_scores, pseudo_pairs.cosine_scores):
        scores = score(left, right, encoders)
        assert np.all(pseudo_pairs.gaps(scores, pairing) > 0)
        for guess in (pseudo_pairs.candidates, pseudo_pairs.best_candidates, pseudo_pairs.one_to_one):
            assert same_pairs(guess(scores), truth)
        assert not same_pairs(pseudo_pairs.best_candidates(scores.T), truth)
    assert pseudo_pairs.row_hits(scores, pairing).all()
    assert pseudo_pairs.row_hits(scores.T, pairing).mean() < 0.5
    assert pseudo_pairs.recovered_share(truth[:10], pairing) == 0.4
    assert pseudo_pairs.false_pairs(truth[:10], pairing) == 0
    strangers = {(int(i), int(j)) for i, j in truth[:, ::-1]} - {(int(i), int(j)) for i, j in truth}
    assert pseudo_pairs.false_pairs(truth[:, ::-1], pairing) == len(strangers)


def test_one_to_one_is_the_best_permutation(rng):
    scores = rng.standard_normal((6, 6))
    best = max(itertools.permutations(range(6)), key=lambda p: scores[np.arange(6), p].sum())
    assert pseudo_pairs.one_to_one(scores)[:, 1].tolist() == list(best)


def test_candidates_against_loops(rng):
    scores = rng.standard_normal((12, 12))
    expected = {(i, int(scores[i].argmax())) for i in range(12)} | {(int(scores[:, j].argmax()), j) for j in range(12)}
    pairs = pseudo_pairs.candidates(scores)
    assert {tuple(p) for p in pairs.tolist()} == expected
    assert len(pairs) == len(expected)
    chosen = pseudo_pairs.best_candidates(scores)
    rest = expected - {tuple(p) for p in chosen.tolist()}
    assert len(chosen) == 12
    assert min(scores[i, j] for i, j in chosen) >= max(scores[i, j] for i, j in rest)
    literal = {tuple(p) for p in pseudo_pairs.literal_candidates(scores).tolist()}
    assert {tuple(p) for p in chosen.tolist()} <= literal


def test_gaps_against_loops(rng):
    scores, pairing = rng.standard_normal((5, 5)), np.array([2, 0, 1, 4, 3])
    for j, gap in enumerate(pseudo_pairs.gaps(scores, pairing)):
        i = pairing[j]
        rivals = [scores[i, k] for k in range(5) if k != j] + [scores[k, j] for k in range(5) if k != i]
        assert gap == scores[i, j] - max(rivals)
    assert np.all(np.isfinite(scores))  # the argument is not written on


def test_two_opposite_points_attain_the_allowed_gap_change():
    line = np.array([[1.0], [-1.0]])
    assert pseudo_pairs.gap_change(line, line, np.arange(2), np.ones((1, 1)), np.ones((1, 1))) == (2.0, 2.0)


def test_covariance_against_loops(rng):
    left, right, scores = rng.standard_normal((4, 3)), rng.standard_normal((4, 2)), rng.standard_normal((4, 4))
    pairs = np.array([[0, 1], [0, 2], [3, 1]])
    posterior = spiked_model.softmax_weights(scores, temperature=0.5)
    expected = np.zeros((3, 2))
    for i, j in itertools.product(range(4), repeat=2):
        weight = 1.7 * ([i, j] in pairs.tolist()) - posterior[i, j]
        expected += weight * np.outer(left[i], right[j]) / 4
    found = pseudo_pairs.pseudo_pair_covariance(left, right, pairs, scores, temperature=0.5, positive_weight=1.7)
    assert np.allclose(found, expected, atol=1e-14)


def test_training_once_more_on_observed_pairs_is_the_clip_covariance(rng):
    left, right = rng.standard_normal((9, 4)), rng.standard_normal((9, 3))
    encoders = rng.standard_normal((2, 4)), rng.standard_normal((2, 3))
    options = {"temperature": 0.3, "positive_weight": 2.0}
    step = pseudo_pairs.trained_once_more(left, right, encoders, **options)
    expected = spiked_model.clip_cross_covariance(left, right, step.scores, **options)
    assert np.allclose(step.covariance, expected, atol=1e-14)
    assert np.allclose(step.scores, left @ encoders[0].T @ encoders[1] @ right.T)


def test_weight_deviations_against_loops(rng):
    weights, pairing = rng.random((4, 4)), np.array([0, 2, 1, 3])
    found = pseudo_pairs.weight_deviations(weights, pairing)
    groups = {(True, False): [], (False, False): [], (True, True): [], (False, True): []}
    for i, j in itertools.product(range(4), repeat=2):
        groups[pairing[j] == i, i == j].append(weights[i, j])
    for value, ((true, _), members) in zip(found, groups.items(), strict=True):
        assert value == (1 - min(members) if true else max(members))


def test_saturation_against_loops(rng):
    scores, pairs = rng.standard_normal((5, 5)), np.array([[0, 1], [3, 2], [0, 4]])
    weights = spiked_model.softmax_weights(scores, temperature=0.5)
    entries = {(i, j): weights[i, j] for i, j in itertools.product(range(5), repeat=2)}
    chosen = [entries.pop((i, j)) for i, j in pairs]
    step = pseudo_pairs.SecondStep(pairs, scores, np.zeros((1, 1)))
    assert pseudo_pairs.saturation(step, temperature=0.5) == (1 - min(chosen), max(entries.values()))


def test_refusals():
    with pytest.raises(ValueError, match=r"scores has shape \(2, 3\)"):
        pseudo_pairs.candidates(np.zeros((2, 3)))
    with pytest.raises(ValueError, match="1 NaN"):
        pseudo_pairs.gaps([[np.nan, 1.0], [1.0, 1.0]], [0, 1])
    with pytest.raises(ValueError, match=r"expected \(2, 3\)"):
        pseudo_pairs.pseudo_pair_covariance(
            np.zeros((2, 1)), np.zeros((3, 1)), [[0, 0]], np.zeros((2, 2)), temperature=1.0, positive_weight=1.0
        )


def test_gap_changes_stay_within_what_is_allowed_and_use_some_of_it(rng):
    model = spiked_model.spiked_model(rng, dimensions=(3, 3), rank=2, noise=(0.1, 0.1))
    for change in rng.standard_normal((5, 3, 3)):
        moved, allowed = pseudo_pairs.gap_change(*pseudo_pairs.shuffled(model, 20, rng), model.signal, change)
        assert 0.01 * allowed < moved <= allowed


def test_hit_rates_fall_with_noise_and_hide_the_order(rng):
    easy, hard = (pseudo_pairs.hit_rates(rng, 30, 200, noise, noise) for noise in (0.01, 3.0))
    assert min(easy) > 0.95
    assert max(hard) < 0.6


def test_oracle_scores_see_the_signal_alone(rng):
    scores, pairing = pseudo_pairs.oracle_scores(rng, 60, 25, noise=(0.0, 0.0))
    assert np.all(pseudo_pairs.gaps(scores, pairing) > 0)
    assert np.linalg.matrix_rank(pseudo_pairs.oracle_scores(rng, 4, 25, noise=(0.5, 0.5))[0]) == 4
    assert not np.array_equal(pairing, np.arange(25))
    # without noise all true scores are squared lengths: their mean is the rank
    assert abs(scores[pairing, np.arange(25)].mean() - 60) < 5 * np.sqrt(120 / 25)


def test_oracle_scores_with_wrong_pairs(rng):
    _, pairing = pseudo_pairs.oracle_scores(rng, 5, 20, noise=(0.1, 0.1), share=0.4)
    assert np.count_nonzero(pairing != np.arange(20)) == 8


def test_products_against_loops(rng):
    left, right = rng.standard_normal((2, 4, 3)), rng.standard_normal((2, 4, 2))
    pairing = np.array([[1, 0, 2, 3], [3, 1, 0, 2]])
    observed, true = pseudo_pairs.products(left, right, pairing)
    for b in range(2):
        assert np.allclose(observed[b], sum(np.outer(left[b, i], right[b, i]) for i in range(4)) / 4)
        assert np.allclose(true[b], sum(np.outer(left[b, pairing[b, i]], right[b, i]) for i in range(4)) / 4)


def test_algorithm_1_improves_on_few_pairs_and_its_parts_fit(rng):
    tau = pseudo_pairs.matching_temperature(60, 300, decay=1.0)
    settings = {"rank": 60, "dimensions": (80, 78), "noise": (0.01, 0.02), "pairs": 200, "unpaired": 300}
    outcome = pseudo_pairs.algorithm_1(rng, **settings, temperature=tau)
    assert outcome.share > 0.95
    assert not np.array_equal(outcome.pairing, np.arange(300))
    found, first = outcome.errors(np.stack([outcome.step.covariance, outcome.first]))
    assert np.all(found < first)
    truth = pseudo_pairs.true_pairs(outcome.pairing)
    assert np.allclose(outcome.oracle, sum(np.outer(outcome.left[i], outcome.right[j]) for i, j in truth) / 300)
    chosen = [np.outer(outcome.left[i], outcome.right[j]) for i, j in outcome.step.pairs]
    assert np.allclose(outcome.trained_on, sum(chosen) / 300)


def test_algorithm_4_reverses_the_signal_at_small_weights(rng):
    settings = {
        "rank": 64,
        "dimensions": (70, 68),
        "noise": (0.01, 0.02),
        "pairs": 600,
        "share": 0.4,
        "temperature": 0.15,
    }
    for weight in (1.0, 4.0):
        outcome = pseudo_pairs.algorithm_4(rng, **settings, positive_weight=weight)
        assert outcome.share == 0.6
        assert abs(outcome.coefficient(outcome.step.covariance) - (0.6 * weight - 1)) < 0.1
        saturated = weight * outcome.trained_on - outcome.oracle
        assert np.allclose(outcome.step.covariance, saturated, atol=1e-2)


def test_coefficient_and_errors_of_the_signal_itself(rng):
    settings = {"rank": 3, "dimensions": (8, 7), "noise": (0.01, 0.02), "pairs": 50, "unpaired": 20, "temperature": 1.0}
    outcome = pseudo_pairs.algorithm_1(rng, **settings)
    several = np.array([-2.0, 0.5])[:, None, None] * outcome.model.signal
    assert np.allclose(outcome.coefficient(several), [-2.0, 0.5])
    assert outcome.errors(several).shape == (2, 2)
    assert np.all(outcome.errors(several) < 1e-7)
