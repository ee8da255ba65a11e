import math

import numpy as np
import pytest

from helpers.evaluation import encoder_measures


def test_alignment_is_twice_one_minus_cosine():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 30, 5))
    cosine = np.sum(first * second, axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    assert math.isclose(encoder_measures.alignment(first, second), np.mean(2 - 2 * cosine))
    assert encoder_measures.alignment(first, 3 * first) < 1e-15
    with pytest.raises(ValueError, match="pairs correspond"):
        encoder_measures.alignment(first, second[:5])


def test_uniformity_over_pairs_in_a_loop():
    points = np.random.default_rng(1).normal(size=(12, 3))
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    pairs = [math.exp(-2 * np.sum((unit[i] - unit[j]) ** 2)) for i in range(12) for j in range(i)]
    assert math.isclose(encoder_measures.uniformity(points), math.log(np.mean(pairs)))
    assert encoder_measures.uniformity(np.ones((4, 2))) == 0
    with pytest.raises(ValueError, match="1 row"):
        encoder_measures.uniformity(points[:1])


def test_tolerance_looks_at_distinct_objects_of_a_class():
    features = np.array([[1.0, 0], [0, 2.0], [1.0, 1.0], [-1.0, 0]])
    assert math.isclose(encoder_measures.tolerance(features, [0, 0, 1, 1]), (0 - math.sqrt(0.5)) / 2, abs_tol=1e-12)
    with pytest.raises(ValueError, match="a class with two objects"):
        encoder_measures.tolerance(features, [0, 1, 2, 3])


def test_zero_rows_are_refused():
    with pytest.raises(ValueError, match="smallest norm 0"):
        encoder_measures.uniformity(np.zeros((3, 2)))


def test_certified_accuracy():
    assert math.isclose(encoder_measures.certified_accuracy(math.log(10), 10), 1)
    assert math.isclose(encoder_measures.certified_accuracy(0.0, 4), 0.25)
    with pytest.raises(ValueError, match="classes is 0"):
        encoder_measures.certified_accuracy(1.0, 0)


def test_rank_correlation_counts_pairs():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(2, 4, 9))
    signs = [
        np.sign((a[:, None] - a) * (b[:, None] - b))[np.triu_indices(9, 1)].mean()
        for a, b in zip(first, second, strict=True)
    ]
    assert encoder_measures.rank_correlation(first, second) == pytest.approx(signs)
    with pytest.raises(ValueError, match="1 of 4 rows are constant"):
        encoder_measures.rank_correlation(first * [[0], [1], [1], [1]], second)
    with pytest.raises(ValueError, match="shapes are"):
        encoder_measures.rank_correlation(first[0], second[0])


def test_linear_correlation_is_numpys():
    first, second = np.random.default_rng(5).normal(size=(2, 3, 20))
    expected = [np.corrcoef(*rows)[0, 1] for rows in zip(first, second, strict=True)]
    assert encoder_measures.linear_correlation(first, second) == pytest.approx(expected)
    with pytest.raises(ValueError, match="1 of 3 rows are constant"):
        encoder_measures.linear_correlation(first, [second[0], np.ones(20), second[2]])
    with pytest.raises(ValueError, match=r"expected \(rows, encoders\) twice"):
        encoder_measures.linear_correlation(first, second[:, :5])
