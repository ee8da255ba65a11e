import numpy as np
import pytest

from helpers import evaluation

OPTIONS = {"epochs": 60, "batch": 100, "learning_rate": 0.1, "weight_decay": 0.0, "seed": 0}


def clouds(rng, count):
    labels = rng.integers(0, 3, count)
    return rng.normal(size=(count, 5)) * [1, 10, 0.1, 1, 1] + np.eye(3, 5)[labels] * [2, 20, 0.2, 0, 0], labels


def test_a_long_fit_predicts_as_well_as_the_optimum():
    rng = np.random.default_rng(0)
    train, test = clouds(rng, 400), clouds(rng, 2000)
    trained = evaluation.linear_probe(*train, *test, **OPTIONS)
    optimal = evaluation.logistic_probe(*train, *test, strength=100.0)
    assert abs(trained.value - optimal.value) < 0.01
    assert trained.standard_error == pytest.approx((trained.value * (1 - trained.value) / 2000) ** 0.5)


def test_it_repeats_and_the_decay_enters():
    rng = np.random.default_rng(1)
    train, test = clouds(rng, 200), clouds(rng, 500)
    first, again = (evaluation.linear_probe(*train, *test, **OPTIONS) for _ in range(2))
    assert first == again
    assert evaluation.linear_probe(*train, *test, **OPTIONS | {"weight_decay": 100.0}).value < first.value


def test_features_that_do_not_fit_are_refused():
    x, y = np.ones((4, 2)), np.zeros(4, int)
    with pytest.raises(ValueError, match="do not fit"):
        evaluation.linear_probe(x, y, np.ones((4, 3)), y, **OPTIONS)
    with pytest.raises(ValueError, match="not finite"):
        evaluation.linear_probe(np.array([[np.nan], [1.0]]), y[:2], np.ones((1, 1)), y[:1], **OPTIONS)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_of_any_integer_type_are_taken(kind):
    x, y = np.array([[-1.0], [-0.9], [1.0], [0.9]]), np.array([0, 0, 1, 1], kind)
    assert evaluation.linear_probe(x, y, x, y, **OPTIONS | {"batch": 4}).value == 1
