from dataclasses import replace

import numpy as np
import pytest

from helpers.papers.robust_contrastive import bessel, circle, decomposition, finite_worlds, robust_bounds


@pytest.mark.parametrize("degrees", [0, 20, 75])
def test_a_row_is_what_integrals_over_bessel_functions_give(degrees):
    row, found = circle.row(circle.world(degrees), degrees), bessel.integrals(np.deg2rad(degrees))
    assert np.isclose(row.robust, found.robust, atol=1e-4)
    assert np.allclose([row.local_shift, row.global_shift], [found.local_shift, found.global_shift], atol=1e-4)
    assert np.isclose(row.total_variation, found.total_variation, atol=1e-3)
    bound = found.benign_bound + found.local_shift + found.oscillation * found.total_variation
    assert np.isclose(row.variation_bound, bound, atol=2e-3)
    chord = 2 * np.sin(np.deg2rad(degrees) / 2)
    assert np.isclose(row.transport_bound, found.benign_bound + 2 * chord / 0.5, atol=1e-4)


def test_the_bound_without_labels_lies_above_the_one_that_knows_the_class():
    rows = [circle.row(circle.world(angle, size=360), angle) for angle in (0, 30, 60)]
    assert np.isclose(rows[0].class_aware_bound, rows[0].label_free_bound)
    assert all(row.robust < row.class_aware_bound < row.label_free_bound for row in rows[1:])


def test_class_means_have_the_length_of_the_von_mises_law():
    means = finite_worlds.class_means(circle.world(0))
    assert np.allclose(np.linalg.norm(means, axis=2), 0.93524, atol=1e-5)


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
