from functools import partial

import numpy as np
import pytest
import torch
from scipy.sparse import csgraph

from helpers import data
from helpers.data import augmentations
from helpers.papers.spectral_clustering import quantised_views
from helpers.spectral import embedding

DIGITS = data.digits().take(slice(0, 300))
NOISE = partial(augmentations.noise, deviation=0.3)


def graph(seed=0, augment=NOISE, **options):
    options = {"codes": 30, "pairs": 3000} | options
    return quantised_views.codeword_graph(
        DIGITS.images, DIGITS.labels, augment, rng=np.random.default_rng(seed), **options
    )


def test_the_graph_is_symmetric_connected_and_counts_every_pair():
    found = graph()
    np.testing.assert_array_equal(found.weights, found.weights.T)
    assert np.all(np.diag(found.weights) == 0)
    assert csgraph.connected_components(found.weights)[0] == 1
    if len(found.weights) == 30:
        # half the off-diagonal pairs on either side of the diagonal
        assert found.weights.sum() == pytest.approx(3000 * (1 - found.diagonal_share))
    size = len(found.weights)
    assert found.density == np.count_nonzero(found.weights) / (size * (size - 1))
    assert found.labels.shape == (size,)
    assert found.centres.shape == (size, 64)


def test_it_is_a_function_of_the_generator():
    np.testing.assert_array_equal(graph().weights, graph().weights)
    assert graph(1).weights.shape != graph(0).weights.shape or np.any(graph(1).weights != graph(0).weights)


def test_without_augmentation_there_is_no_edge():
    # identical views fall on one codeword: every pair lies on the diagonal
    with pytest.raises(ValueError, match="diagonal share 1"):
        graph(augment=lambda images, generator: images)


def test_a_known_quantisation():
    # constant images of four levels, each level a codeword; a view steps from level k to k or k + 1 (cyclically)
    levels = np.repeat(np.arange(4), 250)
    images = np.broadcast_to(levels[:, None, None], (1000, 2, 2)).astype(np.float32)

    def step(batch, generator):
        return (batch + torch.randint(0, 2, (1000, 1, 1), generator=generator)) % 4

    found = quantised_views.codeword_graph(images, levels, step, codes=4, pairs=40_000, rng=np.random.default_rng(0))
    order = np.argsort(found.centres[:, 0])
    weights = found.weights[np.ix_(order, order)]
    neighbours = np.array([[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]])
    assert np.array_equal(weights > 0, neighbours > 0)
    # each of the 4 edges is hit by 10,000 pairs times 1/2; standard error of half that count: 25
    assert np.abs(weights[neighbours > 0] - 2500).max() < 5 * 25
    assert found.diagonal_share == pytest.approx(0.5, abs=5 * 0.5 / 200)
    assert found.purity == pytest.approx(0.5, abs=0.02)


def test_principal_components_of_full_rank_change_nothing():
    rng = np.random.default_rng(0)
    mean, axes = quantised_views._principal_axes(rng.standard_normal((2000, 6)) * np.arange(1, 7), 2)
    assert mean.shape == (6,)
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-12)
    assert np.abs(axes[5, 0]) > 0.9
    assert graph(components=10).centres.shape[1] == 64


@pytest.mark.parametrize("options", [{"codes": 301}, {"codes": 1}, {"pairs": 0}, {"components": 65}])
def test_sizes_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="expected"):
        graph(**options)


def test_labels_must_fit():
    with pytest.raises(ValueError, match="labels for 300 images"):
        quantised_views.codeword_graph(
            DIGITS.images, DIGITS.labels[:9], NOISE, codes=5, pairs=9, rng=np.random.default_rng(0)
        )


def blocks(size, inside, between):
    membership = np.repeat(np.arange(3), size)
    weights = np.where(membership[:, None] == membership, inside, between).astype(float)
    np.fill_diagonal(weights, 0)
    return quantised_views.CodewordGraph(weights, membership, 1.0, 0.0, 1.0, np.zeros((3 * size, 4)))


def test_spectral_clustering_finds_blocks():
    graph = blocks(8, 5.0, 1.0)
    found = embedding.spectral_clustering(graph.weights, 3, rng=np.random.default_rng(0))
    assert [len(set(found[graph.labels == k])) for k in range(3)] == [1, 1, 1]
    assert len(set(found)) == 3


def test_on_ideal_blocks_the_comparison_is_exact():
    # q = k - 1 above the critical temperature: within-class collapse onto the eigenvectors (Theorem of the simplex)
    graph, rng = blocks(8, 5.0, 1.0), np.random.default_rng(0)
    partition = embedding.spectral_clustering(graph.weights, 3, rng=rng)
    options = {"geometry": "sphere", "dimension": 2, "temperature": 2.0, "rng": rng}
    found = quantised_views.compare_with_spectral(graph, partition, **options)
    assert found.labels.value == found.spectral.value == 1
    assert found.angles.shape == (2,)
    assert found.angles.max() < 1e-3
    assert found.rank == pytest.approx(2, abs=1e-3)
