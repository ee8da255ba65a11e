import networkx as nx
import numpy as np
import pytest
from scipy import linalg, sparse

from helpers.spectral import block_models, embedding, subspaces


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def normalised_laplacian(adjacency):
    graph = nx.from_scipy_sparse_array(adjacency)
    return nx.normalized_laplacian_matrix(graph).toarray()


def test_values_and_subspace_are_those_of_the_dense_library(rng):
    adjacency, _ = block_models.two_level([100] * 3, 0.3, 0.05, rng)
    found = embedding.bottom(adjacency, 3, tolerance=1e-9, rng=rng)
    values, vectors = linalg.eigh(normalised_laplacian(adjacency))
    # Residual r: values are off by at most r, the subspace by r over the gap.
    assert np.abs(found.values - values[:3]).max() <= 1e-9
    assert subspaces.largest_angle(found.vectors, vectors[:, :3]) <= 1e-9 / (values[3] - values[2]) + 1e-7
    assert found.residual <= 1e-9
    assert np.abs(found.vectors.T @ found.vectors - np.eye(3)).max() <= 1e-8


def test_multiplicity_of_zero_is_the_number_of_components(rng):
    blocks = [block_models.sample([60], [[0.3]], rng) for _ in range(4)]
    adjacency = sparse.block_diag([*blocks, np.zeros((2, 2))], format="csr")  # and two isolated nodes
    found = embedding.bottom(adjacency, 8, tolerance=1e-8, rng=rng)
    assert found.components == 6
    assert (found.values[:6] == 0).all()
    assert found.values[6] > 0.1
    laplacian = sparse.csgraph.laplacian(adjacency, normed=True)  # scipy too gives an isolated node the value 0
    assert np.abs(laplacian @ found.vectors - found.vectors * found.values).max() <= 1e-8
    assert np.abs(found.vectors.T @ found.vectors - np.eye(8)).max() <= 1e-8
    fewer = embedding.bottom(adjacency, 4, rng=rng)
    assert (fewer.values == 0).all()
    assert fewer.vectors.shape == (242, 4)


def test_small_and_weighted_graphs(rng):
    weights = rng.exponential(size=(9, 9))
    adjacency = sparse.csr_array(np.triu(weights, 1) + np.triu(weights, 1).T)
    found = embedding.bottom(adjacency, 8, rng=rng)
    assert np.abs(found.values - linalg.eigvalsh(normalised_laplacian(adjacency))[:8]).max() <= 1e-12


def test_missed_residual_is_an_error(rng):
    ring = sparse.csr_array(nx.to_scipy_sparse_array(nx.cycle_graph(3_000), dtype=float))
    with pytest.raises(ArithmeticError, match=r"Lanczos found . of 4 eigenpairs to 1.0e-12 in 2 restarts"):
        embedding.bottom(ring, 5, tolerance=1e-12, rng=rng, sweeps=2)


@pytest.mark.parametrize(
    ("adjacency", "count", "message"),
    [
        (np.eye(3), 1, "expected a sparse"),
        (sparse.csr_array(np.ones((2, 3))), 1, r"shape \(2, 3\)"),
        (sparse.csr_array([[0.0, 1.0], [0.0, 0.0]]), 1, "not symmetric"),
        (sparse.csr_array([[0.0, -1.0], [-1.0, 0.0]]), 1, "negative weight"),
        (sparse.csr_array([[0.0, np.nan], [np.nan, 0.0]]), 1, "NaN"),
        (sparse.csr_array(np.ones((3, 3))), 3, "count is 3, expected 1 to 2"),
    ],
)
def test_refusals(adjacency, count, message, rng):
    with pytest.raises(ValueError, match=message):
        embedding.bottom(adjacency, count, rng=rng)
