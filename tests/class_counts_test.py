import itertools

import numpy as np
import pytest
import torch

from helpers import losses
from helpers.information import plug_in
from helpers.papers.mutual_information import class_counts


def every_batch(classes, size):
    return np.indices((classes,) * size).reshape(size, -1).T


def reading(labels, contrast):
    """Value of every batch from its score matrix, by the losses room."""
    scores = torch.from_numpy(class_counts.scores(labels, contrast))
    loss = losses.infonce_from_scores(scores, temperature=1.0, positive_in_denominator=True)
    return np.log(labels.shape[-1]) - loss.mean(-1).numpy()


@pytest.fixture
def prior():
    return np.array([0.5, 0.3, 0.2])


def test_best_value_is_the_mean_over_all_batches(prior):
    labels = every_batch(3, 4)
    mean = prior[labels].prod(axis=1) @ reading(labels, 1e9)
    assert np.isclose(class_counts.best_value(4, prior), mean, rtol=0, atol=1e-13)
    assert np.isclose(class_counts.best_values(4, prior)[3], mean, rtol=0, atol=1e-13)


def test_two_candidates_read_one_minus_the_collision_probability(prior):
    assert np.isclose(class_counts.best_value(2, prior), np.log(2) * (1 - (prior**2).sum()))


def test_uniform_classes_take_arrays_on_both_sides():
    sizes, classes = np.array([[2, 5], [8, 1]]), np.array([2, 3, 7])
    values = class_counts.best_value_uniform(sizes, classes)
    assert values.shape == (2, 2, 3)
    for place in np.ndindex(2, 2):
        expected = [class_counts.best_value(sizes[place], np.full(c, 1 / c)) for c in classes]
        assert np.allclose(values[place], expected, rtol=0, atol=1e-14)
    assert np.all(np.abs(values[1, 1]) < 1e-15)


def test_best_values_batch_over_priors_and_agree_with_single_sizes(prior):
    priors = np.array([prior, [0.9, 0.1, 0.0]])
    values = class_counts.best_values(30, priors)
    expected = [class_counts.best_value(np.arange(1, 31), p) for p in priors]
    assert np.allclose(values, np.transpose(expected), rtol=0, atol=1e-13)


def test_thousands_of_equal_classes_are_one(prior):
    rare = np.r_[0.5, np.full(1000, 0.0005)]
    slow = np.log(40) - rare @ class_counts.binomial_mean(np.log1p, 39, rare)
    assert np.isclose(class_counts.best_value(40, rare), slow, rtol=0, atol=1e-12)


def test_values_of_an_independent_implementation():
    sizes, classes = [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096], [2, 10, 100, 1000]
    nats = [
        [0.3466, 0.5411, 0.6255, 0.6608, 0.6773, 0.6853, 0.6892, 0.6912, 0.6922, 0.6927, 0.6930],
        [0.6238, 1.1868, 1.6491, 1.9712, 2.1488, 2.2298, 2.2669, 2.2849, 2.2938, 2.2982, 2.3015],
        [0.6862, 1.3656, 2.0315, 2.6716, 3.2635, 3.7723, 4.1554, 4.3898, 4.5041, 4.5559, 4.5930],
        [0.6925, 1.3842, 2.0746, 2.7622, 3.4444, 4.1158, 4.7662, 5.3773, 5.9182, 6.3471, 6.7782],
    ]
    bits = [
        [0.5000, 0.7806, 0.9024, 0.9534, 0.9771, 0.9886, 0.9943, 0.9972, 0.9986, 0.9993, 0.9998],
        [0.9000, 1.7122, 2.3791, 2.8439, 3.1001, 3.2169, 3.2704, 3.2964, 3.3092, 3.3156, 3.3203],
        [0.9900, 1.9701, 2.9309, 3.8542, 4.7082, 5.4422, 5.9950, 6.3331, 6.4980, 6.5728, 6.6263],
        [0.9990, 1.9970, 2.9930, 3.9850, 4.9692, 5.9378, 6.8762, 7.7578, 8.5381, 9.1570, 9.7789],
    ]
    values = class_counts.best_value_uniform(sizes, classes).T
    assert np.allclose(values, nats, rtol=0, atol=5.01e-5)
    assert np.allclose(values / np.log(2), bits, rtol=0, atol=5.01e-5)


def test_worst_distance_is_that_at_as_many_candidates_as_classes():
    classes = np.array([[2.0, 7.0], [100.0, np.inf]])
    values = class_counts.worst_distance(classes)
    for c, value in zip(classes.ravel()[:3], values.ravel(), strict=False):
        assert np.isclose(value, class_counts.binomial_mean(np.log1p, int(c) - 1, 1 / c), rtol=0, atol=1e-14)
    assert np.isclose(class_counts.worst_distance(10**5), values[1, 1], rtol=0, atol=1e-5)
    assert np.ndim(class_counts.worst_distance(5)) == 0


def test_jensen_value_is_below(prior):
    sizes = np.array([2, 10, 100])
    assert np.all(class_counts.jensen_value(sizes, prior) < class_counts.best_value(sizes, prior))


@pytest.mark.parametrize("contrast", [-1.0, 0.0, 2.0])
def test_finite_contrast_is_the_mean_over_all_batches(contrast):
    value = reading(every_batch(3, 4), contrast).mean()
    assert np.isclose(class_counts.finite_contrast(4, 3, contrast), value, rtol=0, atol=1e-13)


def test_finite_contrast_has_its_limits():
    assert np.isclose(class_counts.finite_contrast(64, 10, np.inf), class_counts.best_value_uniform(64, 10))
    far = class_counts.finite_contrast([10**4, 10**5], 10, [1.0, 3.0])
    limit = class_counts.finite_contrast_limit(10, [1.0, 3.0])
    assert np.all(np.abs(far - limit) < 9 / np.array([[10**4], [10**5]]))


def test_shortfall_is_the_difference():
    sizes, contrast = np.array([2, 7, 40]), np.array([0.5, 3.0])
    difference = class_counts.best_value_uniform(sizes, 5)[:, None] - class_counts.finite_contrast(sizes, 5, contrast)
    assert np.allclose(class_counts.shortfall(sizes, 5, contrast), difference, rtol=0, atol=1e-14)


def test_shortfall_is_the_mean_over_all_batches():
    labels = every_batch(3, 4)
    difference = reading(labels, 1e9) - reading(labels, 1.5)
    assert np.isclose(difference.mean(), class_counts.shortfall(4, 3, 1.5), rtol=0, atol=1e-13)


def test_simplex_contrast_is_that_of_simplex_vectors():
    vectors = np.sqrt(5 / 4) * (np.eye(5) - 0.2)
    cosines = vectors @ vectors.T / 0.3
    assert np.isclose(cosines[0, 0] - cosines[0, 1], class_counts.simplex_contrast(5, 0.3))


def test_two_view_loss_is_ntxent_of_all_batches():
    labels = every_batch(3, 3)
    scores = torch.from_numpy(class_counts.scores(np.concatenate([labels, labels], axis=1), 1e9))
    options = {"temperature": 1.0, "positive_in_denominator": True, "include_self": False}
    expected = losses.ntxent_from_scores(scores, **options).mean().item()
    assert np.isclose(class_counts.two_view_loss(3, 3), expected, rtol=0, atol=1e-13)
    assert class_counts.two_view_loss([3, 4], [2, 3, 5]).shape == (2, 3)


def test_without_replacement_is_the_mean_over_ordered_draws():
    pool = np.array(list(itertools.permutations([0, 0, 1, 1, 2, 2], 4)))
    expected = plug_in.entropy(class_counts.counts(pool, 3)).mean()
    assert np.isclose(class_counts.without_replacement(4, 3, 2), expected, rtol=0, atol=1e-13)
    with pytest.raises(ValueError, match="3 x 2 = 6 pairs"):
        class_counts.without_replacement(7, 3, 2)


def test_draws_follow_the_prior(prior):
    rng = np.random.default_rng(0)
    counts = class_counts.draw(rng, prior, 50, 4000)
    labels = class_counts.draw_labels(rng, prior, 50, 4000)
    for drawn in (counts, class_counts.counts(labels, 3)):
        assert np.all(drawn.sum(axis=1) == 50)
        assert np.allclose(drawn.mean(axis=0) / 50, prior, atol=6 * 0.5 / np.sqrt(4000 * 50))


def test_binomial_mean_of_the_identity():
    chance = np.array([[0.0, 0.2], [0.7, 1.0]])
    assert np.allclose(class_counts.binomial_mean(lambda n: n, 9, chance), 9 * chance)


def test_refusals(prior):
    with pytest.raises(ValueError, match="trials is -1"):
        class_counts.binomial_mean(np.log1p, -1, 0.5)
    with pytest.raises(ValueError, match=r"chance 1\.5"):
        class_counts.binomial_mean(np.log1p, 3, 1.5)
    with pytest.raises(ValueError, match="candidates is 0"):
        class_counts.best_value(0, prior)
    with pytest.raises(ValueError, match=r"candidates is 2\.5"):
        class_counts.best_value_uniform(2.5, 3)
    with pytest.raises(ValueError, match=r"sums to 1\.1"):
        class_counts.best_value(3, [0.5, 0.6])
    with pytest.raises(ValueError, match="labels run from 0 to 3, expected 0 to 2"):
        class_counts.counts([0, 3], 3)
