import itertools

import numpy as np
import pytest
import torch

from helpers.papers.spectral_clustering import random_fields

FUNCTIONS = {"restriction": "out_degree_one", "include_self": True}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def edge_marginals(weights, **rule):
    """Chance of every edge under the law of the field, shape (..., n, n)."""
    members = random_fields.enumerate_graphs(np.shape(weights)[-1], **rule).astype(float)
    return np.tensordot(random_fields.law(weights, **rule), members, axes=1)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_counts_of_admitted_graphs(n):
    assert len(random_fields.enumerate_graphs(n, **FUNCTIONS)) == n**n
    if n > 1:
        without = random_fields.enumerate_graphs(n, restriction="out_degree_one", include_self=False)
        assert len(without) == (n - 1) ** n
    assert len(random_fields.enumerate_graphs(n, restriction=None, include_self=True)) == 2 ** (n * n)


def test_functional_graphs_are_all_maps_of_the_nodes():
    maps = {tuple(graph.argmax(axis=1)) for graph in random_fields.enumerate_graphs(3, **FUNCTIONS)}
    assert maps == set(itertools.product(range(3), repeat=3))


def test_edge_count_admits_graphs_with_n_edges():
    graphs = random_fields.enumerate_graphs(3, restriction="edge_count", include_self=True)
    assert len(graphs) == 84
    assert np.all(graphs.sum(axis=(1, 2)) == 3)


def test_partition_functions_in_closed_form(rng):
    weights = rng.random((5, 3, 3))
    functional = random_fields.partition_function(weights, **FUNCTIONS)
    assert np.allclose(functional, weights.sum(axis=-1).prod(axis=-1), rtol=1e-13)
    everything = random_fields.partition_function(weights, restriction=None, include_self=True)
    assert np.allclose(everything, (1 + weights).prod(axis=(1, 2)), rtol=1e-13)


def test_law_handles_zero_weights_and_sums_to_one(rng):
    weights = rng.random((4, 3, 3)) * (rng.random((4, 3, 3)) < 0.8) + np.eye(3)
    law = random_fields.law(weights, **FUNCTIONS)
    assert np.allclose(law.sum(axis=-1), 1, atol=1e-15)
    members = random_fields.enumerate_graphs(3, **FUNCTIONS)
    assert not law[0][(members & (weights[0] == 0)).any(axis=(1, 2))].any()


def test_edge_marginals_of_functional_graphs_are_the_normalised_rows(rng):
    weights = rng.random((4, 4, 4))
    marginals = edge_marginals(weights, **FUNCTIONS)
    assert np.allclose(marginals, weights / weights.sum(axis=-1, keepdims=True), atol=1e-14)


def test_rows_are_independent_exactly_when_each_has_one_edge(rng):
    weights = rng.random((3, 3, 3)) + 0.1
    assert np.abs(random_fields.row_covariance(weights, **FUNCTIONS)).max() < 1e-15
    dependent = random_fields.row_covariance(weights, restriction="edge_count", include_self=True)
    assert dependent.shape == (3, 3, 3, 3, 3)
    assert np.abs(dependent).max() > 1e-3
    assert not dependent[:, 1, :, 1, :].any()


def test_cross_entropy_against_two_laws_and_its_gradient(rng):
    weights, kernel = rng.random((3, 3)), rng.random((3, 3))
    log_kernel = torch.tensor(np.log(kernel), requires_grad=True)
    value = random_fields.cross_entropy(weights, log_kernel, restriction="edge_count", include_self=True)
    first, second = (random_fields.law(a, restriction="edge_count", include_self=True) for a in (weights, kernel))
    assert value.item() == pytest.approx(-(first * np.log(second)).sum(), rel=1e-13)
    (gradient,) = torch.autograd.grad(value, log_kernel)
    marginals = [edge_marginals(a, restriction="edge_count", include_self=True) for a in (weights, kernel)]
    assert np.allclose(gradient.numpy(), marginals[1] - marginals[0], atol=1e-14)


def test_sample_follows_the_law(rng):
    weights = rng.random((3, 3)) + 0.2
    drawn = random_fields.sample(rng, weights, 20_000, include_self=False)
    assert drawn.shape == (20_000, 3, 3)
    assert not np.diagonal(drawn, axis1=1, axis2=2).any()
    expected = edge_marginals(weights, restriction="out_degree_one", include_self=False)
    assert np.abs(drawn.mean(axis=0) - expected).max() < 6 * 0.5 / np.sqrt(20_000)


def test_refusals(rng):
    with pytest.raises(ValueError, match="n is 5, expected 1 to 4"):
        random_fields.enumerate_graphs(5, **FUNCTIONS)
    with pytest.raises(ValueError, match="restriction is 'tree'"):
        random_fields.enumerate_graphs(3, restriction="tree", include_self=True)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        random_fields.law(np.ones((2, 3)), **FUNCTIONS)
    with pytest.raises(ValueError, match="negative or non-finite"):
        random_fields.law([[1.0, -1.0], [1.0, 1.0]], **FUNCTIONS)
    with pytest.raises(ValueError, match="the score zero"):
        random_fields.law([[0.0, 0.0], [1.0, 1.0]], **FUNCTIONS)
    with pytest.raises(ValueError, match=r"shape \(2, 2\), expected \(..., 3, 3\)"):
        random_fields.cross_entropy(np.ones((3, 3)), torch.zeros(2, 2), **FUNCTIONS)
    with pytest.raises(ValueError, match="node 1 has no admitted outgoing edge"):
        random_fields.sample(rng, [[1.0, 1.0], [0.0, 3.0]], 2, include_self=False)
    with pytest.raises(ValueError, match=r"shape \(1, 2, 2\), expected one matrix"):
        random_fields.sample(rng, np.ones((1, 2, 2)), 2, include_self=True)
