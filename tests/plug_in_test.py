import numpy as np
import pytest
from scipy import stats

from helpers.information import plug_in
from helpers.papers.mutual_information import class_counts


@pytest.fixture
def law():
    return np.array([0.5, 0.25, 0.25])


def test_entropy_is_that_of_the_frequencies():
    counts = np.array([[3, 1, 0], [2, 2, 4]])
    assert np.allclose(plug_in.entropy(counts), [stats.entropy(row / row.sum()) for row in counts])


@pytest.mark.parametrize("classes", [2, 3])
def test_moments_are_those_of_the_exact_law(classes):
    for law in (np.full(classes, 1 / classes), np.arange(1, classes + 1) / (classes * (classes + 1) / 2)):
        values, masses = plug_in.exact_law(20, law)
        mean = masses @ values
        assert np.isclose(masses.sum(), 1)
        assert np.allclose(plug_in.moments(20, law), [mean, masses @ (values - mean) ** 2], rtol=1e-10, atol=0)


def test_mean_agrees_with_the_mates_of_an_anchor(law):
    assert np.isclose(plug_in.moments(150, law)[0], class_counts.best_value(150, law), rtol=0, atol=1e-13)


def test_moments_agree_with_simulation(law):
    drawn = plug_in.entropy(np.random.default_rng(0).multinomial(40, law, size=20000))
    mean, variance = plug_in.moments(40, law)
    assert abs(drawn.mean() - mean) < 5 * np.sqrt(variance / 20000)
    assert abs(drawn.var() / variance - 1) < 0.1


def test_series_has_the_classical_coefficients(law):
    first, second = plug_in.bias_series(law, 2)
    assert np.isclose(first, -1)
    assert np.isclose(second, -((1 / law).sum() - 1) / 12)


def test_every_order_of_the_correction_gains_a_power(law):
    entropy, sizes = stats.entropy(law), np.array([200, 400])
    for orders in range(4):
        left = class_counts.best_value(sizes, law) + plug_in.correction(sizes, law, orders=orders) - entropy
        assert np.isclose(np.log2(abs(left[0] / left[1])), orders + 1, atol=0.15)


def test_sampling_errors_are_those_of_repeated_experiments(law):
    values, errors = plug_in.sampling_errors(30, law, 400)
    mean, variance = plug_in.moments(30, law)
    assert np.allclose(values, [mean, variance**0.5], rtol=1e-10, atol=0)
    drawn = plug_in.entropy(np.random.default_rng(0).multinomial(30, law, size=(2000, 400)))
    scatter = np.std([drawn.mean(axis=1), drawn.std(axis=1)], axis=1)
    assert np.allclose(scatter / errors, 1, atol=0.1)  # 2000 experiments: standard error 1.6 %


def test_exact_law_of_uniform_classes_merges_permutations():
    values, masses = plug_in.exact_law(3, np.full(3, 1 / 3))
    assert np.allclose(values, [0, np.log(3) - 2 / 3 * np.log(2), np.log(3)])
    assert np.allclose(masses, [3 / 27, 18 / 27, 6 / 27])


def test_refusals():
    with pytest.raises(ValueError, match="totals from 0"):
        plug_in.entropy([0, 0])
    with pytest.raises(ValueError, match="counts run from -1"):
        plug_in.entropy([2, -1])
    with pytest.raises(ValueError, match="at most a million"):
        plug_in.exact_law(500, np.full(10, 0.1))
    with pytest.raises(ValueError, match="positive probabilities"):
        plug_in.moments(4, [1.0, 0.0])
    with pytest.raises(ValueError, match="batches is 0"):
        plug_in.sampling_errors(4, [0.5, 0.5], 0)
