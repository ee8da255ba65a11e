import numpy as np
import pytest
from scipy import stats

from helpers import information
from helpers.information import divergences


@pytest.fixture
def joint():
    return np.random.default_rng(0).dirichlet(np.full(20, 0.5), size=30).reshape(30, 4, 5)


def loops(table):
    """Mutual information by its definition, one entry after the other."""
    first, second = table.sum(axis=1), table.sum(axis=0)
    terms = [p * np.log(p / (first[i] * second[j])) for (i, j), p in np.ndenumerate(table) if p > 0]
    return sum(terms)


def test_mutual_information_is_its_definition_and_nats(joint):
    assert np.allclose(information.mutual_information(joint), [loops(table) for table in joint], rtol=0, atol=1e-13)
    assert np.isclose(information.mutual_information(np.eye(10) / 10), np.log(10))
    assert np.isclose(information.to_bits(information.mutual_information(np.eye(8) / 8)), 3)


def test_mutual_information_of_a_product_is_zero(joint):
    first, second = information.marginals(joint)
    assert np.allclose(information.mutual_information(first[:, :, None] * second[:, None, :]), 0, atol=1e-14)


def test_entropies_agree_with_scipy_and_with_each_other(joint):
    law = joint.reshape(30, -1)
    assert np.allclose(information.entropy(law), stats.entropy(law, axis=-1))
    assert np.allclose(information.entropy(joint, axes=2), information.entropy(law))
    chain = information.entropy(joint, axes=2) - information.entropy(information.marginals(joint)[1])
    assert np.allclose(information.conditional_entropy(joint), chain)


def test_binary_entropy_and_fano_at_their_ends():
    assert information.binary_entropy([0.0, 1.0]).tolist() == [0, 0]
    assert information.fano(0.0, classes=5) == 0
    assert np.isclose(information.fano(0.8, classes=5), np.log(5))


def test_zero_columns_and_rows_change_nothing(joint):
    wider = np.pad(joint, ((0, 0), (0, 1), (1, 0)))
    for function in (information.mutual_information, information.conditional_entropy, information.chi_squared):
        assert np.allclose(function(wider), function(joint))
    assert np.all(information.density_ratio(wider)[:, -1] == 0)


def test_chi_squared_is_the_divergence_and_the_singular_values(joint):
    first, second = information.marginals(joint)
    product = (first[:, :, None] * second[:, None, :]).reshape(30, -1)
    assert np.allclose(information.chi_squared(joint), divergences.chi_squared(joint.reshape(30, -1), product))
    values = np.linalg.svd(joint / np.sqrt(first[:, :, None] * second[:, None, :]), compute_uv=False)
    assert np.allclose(information.chi_squared(joint), (values**2).sum(axis=-1) - 1)


def test_conditional_information_and_class_uncertainties_obey_the_chain_rule():
    table = np.random.default_rng(1).dirichlet(np.ones(24), size=20).reshape(20, 2, 3, 4)
    first, second, both = information.class_uncertainties(table)
    given = information.conditional_mutual_information(table)
    left = information.mutual_information(table.sum(axis=1)) + first + second - both
    assert np.allclose(left, information.entropy(table.sum(axis=(2, 3))) + given)


def test_conditional_information_ignores_a_class_without_mass():
    table = np.stack([np.eye(3) / 3, np.zeros((3, 3))])
    assert np.isclose(information.conditional_mutual_information(table), np.log(3))


def test_bayes_error_is_the_best_of_all_guesses():
    joint = np.random.default_rng(2).dirichlet(np.ones(9)).reshape(3, 3)
    guesses = np.indices((3, 3, 3)).reshape(3, -1)
    right = [joint[guess, np.arange(3)].sum() for guess in guesses.T]
    assert np.isclose(information.bayes_error(joint), 1 - max(right))


def test_encode_is_the_law_of_the_codes(joint):
    rng = np.random.default_rng(3)
    first, second = rng.dirichlet(np.ones(2), size=4), rng.dirichlet(np.ones(3), size=5)
    expected = np.einsum("bxy,xu,yv->buv", joint, first, second)
    assert np.allclose(information.encode(joint, first, second), expected)


def test_symmetric_confusion_spreads_errors_evenly():
    channel = information.symmetric_confusion(4, [0.25, 0.7, 1.0])
    assert np.allclose(channel.sum(axis=-1), 1)
    assert np.allclose(channel[0], 0.25)
    assert np.array_equal(channel[2], np.eye(4))
    assert np.isclose(channel[1, 2, 2], 0.7)
    assert np.isclose(channel[1, 2, 0], 0.1)
    assert np.isclose(information.bayes_error(channel[1] / 4), 0.3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.5, 0.4]], r"joint sums to 0\.9 over its last 2 axes"),
        ([[1.5, -0.5]], r"negative value -0\.5"),
        ([[0.5, np.nan]], "1 value.* not finite"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        ([0.5, 0.5], r"shape \(2,\)"),
    ],
)
def test_tables_that_are_no_law_are_refused(values, message):
    functions = (
        information.marginals,
        information.mutual_information,
        information.conditional_entropy,
        information.density_ratio,
        information.chi_squared,
        information.bayes_error,
    )
    for function in functions:
        with pytest.raises(ValueError, match=message):
            function(values)


def test_laws_with_a_class_are_refused_too():
    for function in (information.conditional_mutual_information, information.class_uncertainties):
        with pytest.raises(ValueError, match="table sums to 2 over its last 3 axes"):
            function(np.stack([np.eye(2) / 2] * 2))
    with pytest.raises(ValueError, match="law holds the negative value"):
        information.entropy([1.25, -0.25])


def test_probabilities_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match=r"probability is 1\.1"):
        information.binary_entropy(1.1)
    with pytest.raises(ValueError, match="error is nan"):
        information.fano(np.nan, classes=3)
    with pytest.raises(ValueError, match="classes is 1"):
        information.fano(0.1, classes=1)
    with pytest.raises(ValueError, match=r"accuracy is -0\.1"):
        information.symmetric_confusion(3, -0.1)
    with pytest.raises(ValueError, match="classes is 1"):
        information.symmetric_confusion(1, 0.5)


def test_encoders_that_do_not_fit_are_refused(joint):
    with pytest.raises(ValueError, match="channels have shapes"):
        information.encode(joint, np.eye(5), np.eye(4))
    with pytest.raises(ValueError, match="first sums to 2"):
        information.encode(joint, 2 * np.eye(4), np.eye(5))
