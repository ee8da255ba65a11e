import numpy as np
import pytest

from helpers.papers.spectral_clustering import linear_probes


def graph(n=7, seed=0):
    weights = np.random.default_rng(seed).gamma(1.0, size=(n, n))
    return weights + weights.T


def test_eigenfunctions_are_orthonormal_under_the_marginal_and_start_constant():
    weights = graph()
    values, functions = linear_probes.eigenfunctions(weights)
    _, marginal = linear_probes.law(weights)
    np.testing.assert_allclose(functions.T @ (marginal[:, None] * functions), np.eye(7), atol=1e-12)
    np.testing.assert_allclose(np.abs(functions[:, 0]), 1, atol=1e-12)
    assert abs(values[0]) < 1e-12
    assert np.all(np.diff(values) > 0)


def test_all_eigenfunctions_fit_everything_and_a_constant_nothing():
    weights, labels = graph(), np.array([0, 1, 2, 0, 1, 2, 2])
    functions = linear_probes.eigenfunctions(weights)[1]
    assert linear_probes.probe(weights, functions, labels).squared < 1e-20
    assert linear_probes.probe(weights, functions, labels).wrong == 0
    _, marginal = linear_probes.law(weights)
    shares = np.array([marginal[labels == label].sum() for label in range(3)])
    constant = linear_probes.probe(weights, np.ones((7, 1)), labels)
    assert constant.squared == pytest.approx(1 - np.sum(shares**2))
    assert constant.wrong == pytest.approx(1 - shares.max())


def test_a_tie_is_an_error():
    found = linear_probes.probe(np.ones((2, 2)), np.ones((2, 1)), np.array([0, 1]))
    assert found.wrong == 1
    assert found.squared == pytest.approx(0.5)


def test_disagreement_counts_pairs_both_ways():
    weights, labels = graph(), np.array([0, 0, 0, 1, 1, 1, 1])
    by_hand = 2 * weights[:3, 3:].sum() / weights.sum()
    assert linear_probes.disagreement(weights, labels) == pytest.approx(by_hand)


def test_the_sparsest_partition_of_a_ring_is_an_arc():
    ring = np.roll(np.eye(8), 1, axis=1)
    assert linear_probes.sparsest_partition(ring + ring.T, 2) == pytest.approx(2 / 8)
    assert linear_probes.sparsest_partition(ring + ring.T, 4) == pytest.approx(2 / 4)
    assert linear_probes.sparsest_partition(ring + ring.T, 3) == pytest.approx(1 / 2)  # arcs of 3, 3 and 2


def test_a_disconnected_graph_has_a_partition_without_a_cut():
    assert linear_probes.sparsest_partition(np.kron(np.eye(3), np.ones((2, 2))), 3) == pytest.approx(0, abs=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match=r"weights of shape \(2, 2\), expected one symmetric matrix"):
        linear_probes.law(np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="weights range from -1, expected non-negative ones"):
        linear_probes.law(np.array([[3.0, -1.0], [-1.0, 3.0]]))
    with pytest.raises(ValueError, match="no empty row"):
        linear_probes.law(np.diag([1.0, 0.0]))
    with pytest.raises(ValueError, match="3 features and 7 labels for 7 nodes"):
        linear_probes.probe(graph(), np.ones((3, 1)), np.zeros(7, dtype=int))
    with pytest.raises(ValueError, match="7 features and 2 labels for 7 nodes"):
        linear_probes.probe(graph(), np.ones((7, 1)), np.zeros(2, dtype=int))
    with pytest.raises(ValueError, match="8 parts of 7 nodes, expected 2 to n parts of at most 13 nodes"):
        linear_probes.sparsest_partition(graph(), 8)
    with pytest.raises(ValueError, match="2 parts of 14 nodes"):
        linear_probes.sparsest_partition(graph(14), 2)
