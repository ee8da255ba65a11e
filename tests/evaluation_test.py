import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score

from helpers import evaluation
from helpers.networks import encoders


def blobs(rng, n, spread):
    labels = rng.integers(0, 3, n)
    return np.eye(3)[labels] + spread * rng.standard_normal((n, 3)), labels


def test_frozen_features_match_a_direct_pass_and_keep_the_mode():
    model = encoders.encoder((16, 8, 4), (4, 2), batch_norm=True, normalise=True, seed=0).train()
    images = np.random.default_rng(0).random((50, 4, 4), dtype=np.float32)
    features = evaluation.frozen_features(model, images, batch=7)
    assert model.training
    model.eval()
    with torch.no_grad():
        direct = model.features(torch.from_numpy(images)).numpy()
        outputs = model(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(features, direct, atol=1e-6)
    np.testing.assert_allclose(evaluation.frozen_features(model, images, outputs=True), outputs, atol=1e-6)


@pytest.mark.parametrize("score", [evaluation.logistic_probe, evaluation.nearest_neighbours])
def test_separated_blobs_are_told_apart_and_noise_is_not(score):
    rng = np.random.default_rng(1)
    good = score(*blobs(rng, 200, 0.05), *blobs(rng, 100, 0.05))
    assert good == evaluation.Score(1.0, 0.0)
    train, labels = blobs(rng, 200, 0.05)
    noise = score(rng.standard_normal(train.shape), labels, *blobs(rng, 600, 0.05))
    # chance level 1/3 (or one of three blobs named alike), standard error 0.02
    assert noise.value < 0.8
    assert noise.standard_error == pytest.approx(np.sqrt(noise.value * (1 - noise.value) / 600))


def test_few_shot_is_the_nearest_class_mean():
    rng = np.random.default_rng(5)
    train, labels = blobs(rng, 60, 0.8)
    test, truth = blobs(rng, 40, 0.8)
    unit = lambda x: x / np.linalg.norm(x, axis=-1, keepdims=True)  # noqa: E731
    found = evaluation.few_shot(train, labels, test, truth, np.random.default_rng(0), shots=2, draws=30)
    again, accuracies = np.random.default_rng(0), np.zeros(30)
    chosen = [again.permuted(np.tile(np.flatnonzero(labels == k), (30, 1)), axis=1)[:, :2] for k in range(3)]
    for draw in range(30):
        means = np.stack([unit(unit(train)[rows[draw]].mean(0)) for rows in chosen])
        nearest = np.linalg.norm(unit(test)[:, None] - means, axis=-1).argmin(1)
        accuracies[draw] = np.mean(nearest == truth)
    assert found.value == pytest.approx(accuracies.mean(), abs=1e-12)
    assert found.standard_error == pytest.approx(accuracies.std(ddof=1) / np.sqrt(30), abs=1e-12)
    assert 0.4 < found.value < 1


def test_few_shot_needs_its_labels():
    x, y = np.eye(3)[[0, 0, 1]], np.array([0, 0, 1])
    with pytest.raises(ValueError, match="class 1 has 1 training objects"):
        evaluation.few_shot(x, y, x, y, np.random.default_rng(0), shots=2)
    with pytest.raises(ValueError, match="draws 1"):
        evaluation.few_shot(x, y, x, y, np.random.default_rng(0), shots=1, draws=1)


def test_few_shot_refuses_rows_without_a_direction():
    x, y = np.eye(3)[[0, 1, 0, 1]], np.array([0, 1, 0, 1])
    dead = x * np.array([[1.0], [0.0], [1.0], [0.0]])
    with pytest.raises(ValueError, match=r"train has 2 of 4 rows that are zero \(1, 3\)"):
        evaluation.few_shot(dead, y, x, y, np.random.default_rng(0), shots=1)
    with pytest.raises(ValueError, match=r"test has 2 of 4 rows that are zero \(1, 3\)"):
        evaluation.few_shot(x, y, dead, y, np.random.default_rng(0), shots=1)
    with pytest.raises(ValueError, match=r"rows that are zero \(0, 1, 2, 3, 4, ...\)"):
        evaluation.few_shot(np.zeros((8, 2)), np.arange(8) % 2, x[:, :2], y, np.random.default_rng(0), shots=1)


def test_few_shot_sees_directions_of_rows_however_short_or_long():
    x, y = np.eye(3)[[0, 1, 0, 1]], np.array([0, 1, 0, 1])
    for scale in (5e-324, 1e-200, 1e200):
        found = evaluation.few_shot(scale * x, y, x / scale if scale > 1 else x, y, np.random.default_rng(0), shots=1)
        assert found == evaluation.Score(1.0, 0.0)


def test_few_shot_of_a_class_that_cancels():
    """Rows e and -e of class 0 have the mean zero: it is nobody's direction, so class 1 takes what points to it."""
    train, labels = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), np.array([0, 0, 1, 1])
    test, truth = np.array([[0.1, 1.0], [0.1, -1.0]]), np.array([1, 0])  # the second points away from class 1
    found = evaluation.few_shot(train, labels, test, truth, np.random.default_rng(0), shots=2, draws=3)
    assert found == evaluation.Score(1.0, 0.0)


def test_standardising_spares_dead_coordinates():
    train = np.array([[0.0, 5.0], [2.0, 5.0]])
    scaled, other = evaluation.standardised(train, np.array([[1.0, 5.001]]))
    assert np.abs(scaled).max() < 1
    assert np.abs(other).max() < 0.03
    with pytest.raises(ValueError, match="constant"):
        evaluation.standardised(np.ones((3, 2)))


def test_agreement_is_the_adjusted_rand_index():
    rng = np.random.default_rng(2)
    for _ in range(20):
        first, second = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
        assert evaluation.agreement(first, second).value == pytest.approx(adjusted_rand_score(first, second), abs=1e-12)


def test_its_standard_error_is_the_leave_one_out_jackknife():
    rng = np.random.default_rng(3)
    first = rng.integers(0, 3, 40)
    second = np.where(rng.random(40) < 0.7, first, rng.integers(0, 3, 40))
    left = np.array([adjusted_rand_score(np.delete(first, k), np.delete(second, k)) for k in range(40)])
    expected = np.sqrt(39 / 40 * np.sum((left - left.mean()) ** 2))
    assert evaluation.agreement(first, second).standard_error == pytest.approx(expected, rel=1e-10)


def test_trivial_partitions_agree():
    assert evaluation.agreement([1, 1, 1], [4, 4, 4]).value == 1
    assert evaluation.agreement([1, 2, 3], [7, 9, 8]).value == 1


def test_what_does_not_fit_is_refused():
    x, y = np.ones((4, 2)), np.array([0, 0, 1, 1])
    for score in (evaluation.logistic_probe, evaluation.nearest_neighbours):
        with pytest.raises(ValueError, match="do not fit"):
            score(x, y, np.ones((4, 3)), y)
        with pytest.raises(ValueError, match="not finite"):
            score(x, y, x * np.nan, y)
    with pytest.raises(ValueError, match=r"shapes \(2,\)"):
        evaluation.agreement([1, 2], [1, 2])
