import networkx as nx
import numpy as np
import pytest
from scipy import stats

from benchmarks import graphs
from helpers.spectral import block_models


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_adjacency_is_symmetric_binary_without_loops_and_seeded(rng):
    adjacency, labels = block_models.two_level([10, 20, 1], 0.8, 0.1, rng)
    dense = adjacency.toarray()
    assert (dense == dense.T).all()
    assert set(np.unique(dense)) == {0.0, 1.0}
    assert not dense.diagonal().any()
    assert np.bincount(labels).tolist() == [10, 20, 1]
    again, _ = block_models.two_level([10, 20, 1], 0.8, 0.1, np.random.default_rng(0))
    assert (again.toarray() == dense).all()


def test_every_pair_has_its_chance_and_pairs_are_independent(rng):
    """2^6 graphs of four nodes (two blocks): a chi-square test of the whole law against the product of the chances."""
    sizes, chances, draws = [3, 1], np.array([[0.6, 0.3], [0.3, 0.5]]), 4_000
    rows, columns = np.triu_indices(4, 1)
    labels = np.repeat([0, 1], sizes)
    chance = chances[labels[rows], labels[columns]]
    counts = np.zeros(2**6)
    for _ in range(draws):
        graph = block_models.sample(sizes, chances, rng).toarray()[rows, columns]
        counts[int(graph @ 2 ** np.arange(6))] += 1
    edges = (np.arange(2**6)[:, None] >> np.arange(6)) & 1
    law = np.where(edges == 1, chance, 1 - chance).prod(axis=1)
    assert stats.chisquare(counts, draws * law).pvalue > 1e-3


def test_edge_counts_have_the_law_of_networkx(rng):
    sizes, chances = [30, 50], [[0.2, 0.05], [0.05, 0.1]]
    ours = [_block_counts(graphs.as_networkx(block_models.sample(sizes, chances, rng), sizes)) for _ in range(300)]
    theirs = [_block_counts(nx.stochastic_block_model(sizes, chances, seed=seed)) for seed in range(300)]
    for mine, other in zip(np.transpose(ours), np.transpose(theirs), strict=True):
        assert stats.ks_2samp(mine, other).pvalue > 1e-3


def _block_counts(graph):
    block = nx.get_node_attributes(graph, "block")
    kinds = [block[a] + block[b] for a, b in graph.edges]
    return np.bincount(kinds, minlength=3)


def test_pair_numbers_of_a_block_are_a_bijection():
    sizes = np.array([400])
    rows, columns = block_models._nodes(np.arange(400 * 399 // 2), sizes, 0, 0)
    assert (rows < columns).all()
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == 400 * 399 // 2
    top = 2_000_000 * 1_999_999 // 2  # beyond the digits of a float's square root
    rows, columns = block_models._nodes(np.array([top - 1, top - 2_000_000]), np.array([2_000_000]), 0, 0)
    assert columns.tolist() == [1_999_999, 1_999_998]
    assert rows.tolist() == [1_999_998, 1_999_997]


def test_pair_numbers_at_the_ends_of_columns_beyond_the_digits_of_a_float(rng):
    """Column c starts at c (c - 1) / 2; from c = 4.7e7 on, eight times that is no float64, and roots are rounded."""
    columns = np.concatenate([rng.integers(3, 1_000, 200), rng.integers(50_000_000, 2_000_000_000, 2_000)])
    starts = columns * (columns - 1) // 2
    for number, row, column in (
        (starts, np.zeros_like(columns), columns),
        (starts - 1, columns - 2, columns - 1),
        (starts + columns - 1, columns - 1, columns),
    ):
        found = block_models._nodes(number, np.array([2_000_000_001]), 0, 0)
        assert (found[0] == row).all()
        assert (found[1] == column).all()


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.uint8, np.uint32, np.uint64])
def test_the_type_of_the_sizes_does_not_matter(dtype, rng):
    chances = [[0.3, 0.2], [0.2, 0.1]]  # 100 * 100 pairs are more than 8 bits hold
    expected = block_models.sample([100, 100], chances, np.random.default_rng(0))
    found = block_models.sample(np.array([100, 100], dtype=dtype), chances, np.random.default_rng(0))
    assert found.shape == (200, 200)
    assert (found != expected).nnz == 0


def test_more_pairs_than_32_bits_number(rng):
    sizes = np.array([70_000, 70_000], dtype=np.int32)
    adjacency, labels = block_models.two_level(sizes, 0.0, 1e-6, rng)
    expected = 70_000**2 * 1e-6  # a Poisson number of edges, up to the fifth digit of its law
    assert abs(adjacency.nnz / 2 - expected) <= 5 * np.sqrt(expected)
    assert np.bincount(labels).tolist() == [70_000, 70_000]
    rows, columns = adjacency.nonzero()
    assert (labels[rows] != labels[columns]).all()
    spread = np.abs(rows[labels[rows] == 0].mean() - 35_000)  # the edges are all over the block
    assert spread <= 5 * 70_000 / np.sqrt(12 * expected)


@pytest.mark.parametrize(
    ("sizes", "chances", "message"),
    [
        ([0, 2], np.eye(2), "expected positive integers"),
        ([], np.zeros((0, 0)), "expected positive integers"),
        ([2, 2], np.eye(3), r"shape \(3, 3\) for 2 blocks"),
        ([2, 2], 2 * np.eye(2), "range from 0 to 2"),
        ([2, 2], [[0.1, 0.2], [0.3, 0.1]], "not symmetric"),
    ],
)
def test_refusals(sizes, chances, message, rng):
    with pytest.raises(ValueError, match=message):
        block_models.sample(sizes, chances, rng)
