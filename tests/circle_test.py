from dataclasses import replace

import numpy as np
import pytest

from helpers.papers.robust_contrastive import circle, decomposition, finite_worlds, robust_bounds


def test_the_table_s_row_for_twenty_degrees():
    row = circle.row(circle.world(20), 20)
    assert np.allclose(row, [0.0630, 0.1470, 0.2830, -0.2522, 0.666, 1.151, 1.458], atol=1e-3)


def test_class_means_have_the_length_of_the_von_mises_law():
    means = finite_worlds.class_means(circle.world(0))
    assert np.allclose(np.linalg.norm(means, axis=2), 0.93524, atol=1e-5)


def test_losses_by_the_laplace_transform_are_the_enumerated_ones():
    small = circle.world(60, size=6, concentration=2.0, weight=3.0, negatives=4)
    assert np.allclose(circle.class_losses(small), decomposition.class_losses(small), atol=1e-12)
    still = finite_worlds.expectation(small, circle.jensen_gap(small), finite_worlds.stay(small))
    assert np.allclose(still, decomposition.terms(small).jensen, atol=1e-12)


def test_sampled_tuples_agree_with_the_enumerated_attack():
    small = circle.world(60, size=6, concentration=2.0, weight=3.0, negatives=4)
    worst, benign = circle.sampled_tuples(np.random.default_rng(0), small, tuples=20000)
    error = 5 / np.sqrt(20000)
    assert abs(worst.mean() - decomposition.tuple_attack(small)[0]) < error * worst.std()
    assert abs(benign.mean() - decomposition.terms(small).contrastive[0]) < error * benign.std()
    assert np.all(worst >= benign)


def test_best_classifier_is_the_general_convex_programme():
    small = circle.world(30, size=12, concentration=2.0)
    value, size = circle.best_classifier(small)
    general = robust_bounds.robust_linear_minimum(small.features[0], small.joint[0], small.moves[0])[0]
    assert np.isclose(value, general, atol=1e-6)
    assert size > 0


def test_the_circle_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match=r"degrees is 0\.3, expected a whole number of steps of 0\.5"):
        circle.world(0.3)
    with pytest.raises(ValueError, match="degrees is 190"):
        circle.world(190)
    with pytest.raises(ValueError, match="3 classes"):
        circle.best_classifier(circle.world(10, size=36, classes=3))
    with pytest.raises(ValueError, match="uniform prior"):
        circle.best_classifier(replace(circle.world(10, size=36), prior=np.array([[0.4, 0.6]])))
