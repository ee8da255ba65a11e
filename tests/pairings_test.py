import numpy as np
import pytest
from scipy import stats

from helpers import information
from helpers.papers.mutual_information import pair_laws


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_random_models_are_laws_with_the_supports_asked_for(rng):
    for disjoint in (False, True):
        model = pair_laws.random_class_model(rng, 50, 3, 9, disjoint=disjoint)
        for part in model:
            assert np.allclose(part.sum(axis=-1), 1)
        owners = (model.second > 0).sum(axis=1)
        assert np.all(owners == 1) if disjoint else np.all(owners > 1)
    with pytest.raises(ValueError, match="2 values cannot be shared out among 3 classes"):
        pair_laws.random_class_model(rng, 1, 3, 2, disjoint=True)


def test_tables_are_the_product_given_the_class(rng):
    model = pair_laws.random_class_model(rng, 5, 3, 4, disjoint=False)
    table = pair_laws.same_class_table(model)
    assert np.allclose(information.conditional_mutual_information(table), 0, atol=1e-14)
    assert np.allclose(pair_laws.pair_table(model), table.sum(axis=1))
    entry = model.prior[2, 1] * model.first[2, 1, 0] * model.second[2, 1, 3]
    assert np.isclose(table[2, 1, 0, 3], entry)


def test_pool_tables_are_the_law_of_the_two_draws():
    with_itself = pair_laws.pool_table([2, 3], prior=[0.4, 0.6], include_self=True)
    without = pair_laws.pool_table([2, 3], prior=[0.4, 0.6], include_self=False)
    for table in (with_itself, without):
        assert np.isclose(table.sum(), 1)
        assert np.allclose(table.sum(axis=1), [0.2] * 5)
    assert np.isclose(with_itself[2, 3], 0.6 / 9)
    assert np.isclose(without[2, 3], 0.6 / 6)
    assert np.all(np.diag(without) == 0)
    with pytest.raises(ValueError, match="sizes >= 2"):
        pair_laws.pool_table([1, 3], prior=[0.4, 0.6], include_self=False)
    with pytest.raises(ValueError, match="one entry a class"):
        pair_laws.pool_table([1, 3], prior=[1.0], include_self=True)


def test_a_pool_of_codes_has_the_law_of_its_images(rng):
    labels = np.array([1, 0, 1, 0, 1])
    order = np.argsort(labels, kind="stable")
    joint = pair_laws.pool_table([2, 3], prior=[0.4, 0.6], include_self=True)
    for values in (np.arange(5), np.array([0, 0, 0, 1, 1])):  # injective, and two codes shared by both classes
        shown = np.eye(values.max() + 1)[values[order]]
        model = pair_laws.coded_pool(values[:, None] - 0.5, labels)
        assert np.allclose(pair_laws.pair_table(model), information.encode(joint, shown, shown))


def test_pools_of_codes_without_labels_or_with_empty_classes_are_refused():
    with pytest.raises(ValueError, match=r"3 codes, classes of \[1 1\] images"):
        pair_laws.coded_pool(np.eye(3), [0, 1])
    with pytest.raises(ValueError, match=r"classes of \[1 0 1\] images"):
        pair_laws.coded_pool(np.eye(2), [0, 2])


def test_streams_are_told_from_streams_whose_neighbours_depend(rng):
    law = np.array([0.1, 0.2, 0.3, 0.4])
    drawn = rng.choice(4, size=40_000, p=law)
    assert min(pair_laws.stream_p_values(drawn, law)) > 1e-6
    marginal, neighbours = pair_laws.stream_p_values(np.repeat(drawn[::2], 2), law)  # everything twice
    assert neighbours < 1e-9
    marginal, _ = pair_laws.stream_p_values(drawn, np.full(4, 0.25))
    assert marginal < 1e-9
    assert pair_laws.stream_p_values(drawn, [0.5, 0.5]) == (0.0, 0.0)  # codes 2 and 3 are impossible
    with pytest.raises(ValueError, match=r"law is \[0\.5 0\.5 0\. \], expected positive probabilities"):
        pair_laws.stream_p_values(drawn, [0.5, 0.5, 0.0])


def test_a_law_off_by_the_resolution_is_rejected_about_every_other_time(rng):
    cells, draws = 10, 20_000
    off = 2 * pair_laws.chi_square_resolution(draws, cells) * np.where(np.arange(cells) < 5, 1, -1)
    seen = rng.multinomial(draws, (1 + off) / cells, size=200)
    rejected = np.mean(stats.chisquare(seen, axis=1).pvalue < 1e-6)
    assert 0.3 < rejected < 0.7


def test_pairs_are_drawn_from_the_table(rng):
    joint = np.array([[0.1, 0.2], [0.3, 0.4]])
    counts = np.histogram2d(*pair_laws.sample_table(rng, joint, 20_000), bins=[-0.5, 0.5, 1.5])[0]
    assert stats.chisquare(counts.ravel(), 20_000 * joint.ravel()).pvalue > 1e-6


def test_augmentation_pairs_have_one_class_an_image(rng):
    views = pair_laws.random_class_model(rng, 3, 5, 15, disjoint=True).first
    joint = pair_laws.pair_table(pair_laws.augmentation_model(views))
    assert np.allclose(information.mutual_information(joint), np.log(5))


def test_factor_tables_share_what_they_should(rng):
    law = rng.dirichlet(np.ones(12)).reshape(2, 3, 2)
    nothing = pair_laws.factor_table(law, [])
    assert np.allclose(nothing, np.outer(law, law))
    assert np.allclose(pair_laws.factor_table(law, [2, 0, 1]), np.diag(law.ravel()))
    middle = pair_laws.factor_table(law, [1])
    assert np.isclose(information.mutual_information(middle), information.entropy(law.sum(axis=(0, 2))))
    assert np.allclose(middle.sum(axis=1), law.ravel())


def test_factor_tables_allow_impossible_combinations():
    table = pair_laws.factor_table(np.array([[0.5, 0.5], [0.0, 0.0]]), [0])
    assert np.isclose(table.sum(), 1)


def test_the_dial_runs_from_nothing_to_everything():
    assert np.isclose(information.mutual_information(pair_laws.copy_table(6, 0.0)), 0, atol=1e-14)
    assert np.isclose(information.mutual_information(pair_laws.copy_table(6, 1.0)), np.log(6))
    assert (pair_laws.copy_probability(6, 0.0), pair_laws.copy_probability(6, np.log(6))) == (0, 1)
    for nats in (0.01, 0.7, 1.7):
        keep = pair_laws.copy_probability(6, nats)
        assert np.isclose(information.mutual_information(pair_laws.copy_table(6, keep)), nats, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"expected 0 to log 2 = 0\.693147"):
        pair_laws.copy_probability(2, 1.0)


def test_gaussian_pairs_have_the_correlation(rng):
    assert np.isclose(pair_laws.gaussian_correlation(-np.log(1 - 0.49) * 1.5, dimension=3), 0.7)
    x, y = pair_laws.gaussian_pairs(rng, 40_000, dimension=2, correlation=0.7)
    both = np.corrcoef(np.concatenate([x, y], axis=1).T)
    expected = np.kron([[1, 0.7], [0.7, 1]], np.eye(2))
    assert np.allclose(both, expected, atol=0.03)


def test_the_gaussian_table_has_its_information():
    table = pair_laws.gaussian_table(0.8, bins=300)
    assert np.isclose(information.mutual_information(table), -np.log(1 - 0.64) / 2, rtol=0, atol=1e-9)


def test_hash_codes_depend_on_every_byte_and_on_the_salt(rng):
    images = rng.random((20, 4, 4)).astype(np.float32)
    codes = pair_laws.hash_codes(images, dimension=500)
    assert codes.dtype == np.float32
    assert np.array_equal(codes, pair_laws.hash_codes(images.copy(order="F"), dimension=500))
    changed = images.copy()
    changed[0, 0, 0] += 1e-3
    near = pair_laws.hash_codes(changed, dimension=500)
    assert np.array_equal(near[1:], codes[1:])
    assert abs(np.corrcoef(near[0], codes[0])[0, 1]) < 0.25
    assert not np.array_equal(pair_laws.hash_codes(images, dimension=500, salt=1), codes)
