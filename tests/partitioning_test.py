import numpy as np
import pytest

from helpers import evaluation
from helpers.papers.multimodal_svd import partitioning

LABELS = np.arange(120) % 4


def graph(noise, seed=0):
    return partitioning.noisy_edges(partitioning.same_class(LABELS, LABELS), noise, np.random.default_rng(seed))


def test_edges_flip_at_the_stated_rate_on_both_sides():
    clean = partitioning.same_class(LABELS, LABELS)
    observed = graph(0.2)
    assert abs(1 - observed[clean].mean() - 0.2) < 0.03
    assert abs(observed[~clean].mean() - 0.2) < 0.02
    assert (partitioning.noisy_edges(clean, 0.0, np.random.default_rng(0)) == clean).all()
    with pytest.raises(ValueError, match=r"noise is 1\.5"):
        partitioning.noisy_edges(clean, 1.5, np.random.default_rng(0))


def test_the_share_of_wrong_edges_is_the_expected_one():
    clean, observed = partitioning.same_class(LABELS, LABELS), graph(0.1)
    assert abs((observed & ~clean).sum() / observed.sum() - partitioning.wrong_fraction(0.1, 4)) < 0.02


def test_the_signal_to_noise_ratio_is_that_of_the_expected_graph():
    n, classes, noise = 40, 4, 0.2
    expected = np.where(np.arange(n)[:, None] % classes == np.arange(n) % classes, 1 - noise, noise)
    values = np.linalg.svd(expected, compute_uv=False)
    ratio = values[1] / np.sqrt(n * noise * (1 - noise))
    assert np.isclose(partitioning.signal_to_noise(n, classes, noise), ratio)


def test_both_sides_are_normalised():
    adjacency = graph(0.2)[:, :100]
    matrix, rows, columns = partitioning.normalised(adjacency), adjacency.sum(1), adjacency.sum(0)
    np.testing.assert_allclose(matrix @ np.sqrt(columns), np.sqrt(rows))
    np.testing.assert_allclose(np.sqrt(rows) @ matrix, np.sqrt(columns))
    assert np.isclose(np.linalg.norm(matrix, 2), 1)


def test_a_vertex_without_edge_is_refused():
    adjacency = np.eye(4)
    adjacency[3, 3] = 0
    with pytest.raises(ValueError, match="1 rows and 1 columns have no edge"):
        partitioning.normalised(adjacency)


def test_partitioning_finds_the_classes_below_the_threshold_and_not_above():
    found = partitioning.partition(graph(0.1), 4, vectors=3, rng=np.random.default_rng(1))
    both = np.concatenate([found.left, found.right])
    assert evaluation.agreement(both, np.tile(LABELS, 2)).value > 0.95
    lost = partitioning.partition(graph(0.45), 4, vectors=3, rng=np.random.default_rng(1))
    assert evaluation.agreement(lost.left, LABELS).value < 0.2


def test_edges_between_clusters_are_dropped_and_completed_on_request():
    observed = graph(0.2)
    truth = partitioning.Partition(LABELS, LABELS)
    clean = partitioning.same_class(LABELS, LABELS)
    assert (partitioning.within(observed, truth) == (observed & clean)).all()
    assert (partitioning.within(observed, truth, completed=True) == clean).all()


def test_the_iteration_agrees_with_the_full_decomposition():
    observed = graph(0.2)
    values, share = partitioning.class_structure(observed, LABELS)
    left, full, _ = np.linalg.svd(partitioning.normalised(observed))
    np.testing.assert_allclose(values, full[1:4])
    assert np.isclose(share, partitioning.overlap(left[:, 1:4], LABELS))


def test_overlap_is_one_for_the_classes_and_zero_for_the_constant():
    indicators = np.eye(4)[LABELS] - 0.25
    basis = np.linalg.svd(indicators, full_matrices=False)[0][:, :3]
    assert np.isclose(partitioning.overlap(basis, LABELS), 1)
    assert np.isclose(partitioning.overlap(np.full((120, 1), 120**-0.5), LABELS), 0)


def test_sampled_graphs_follow_the_law():
    n, classes, noise = 200, 4, 0.2
    found = partitioning.sample_structure(n, classes, noise, np.random.default_rng(0), graphs=3)
    ratio = partitioning.signal_to_noise(n, classes, noise)
    np.testing.assert_allclose(found["spike"], ratio + 1 / ratio, rtol=0.05)
    np.testing.assert_allclose(found["share"], 1 - 1 / ratio**2, atol=0.05)
    np.testing.assert_allclose(found["wrong"], partitioning.wrong_fraction(noise, classes), atol=0.03)
    assert found["edges"].shape == (3,)
