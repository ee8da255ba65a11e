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


def graph(found):
    return sparse.csr_array(nx.to_scipy_sparse_array(found, dtype=float))


def copies(adjacency, number):
    return sparse.csr_array(sparse.block_diag([adjacency] * number))


def weighted_ring():
    """Rotation by half a turn is all the symmetry left; weights up and down keep pairs of equal eigenvalues."""
    weights = np.tile([1.0, 2.0, 5.0], 40)
    ring = sparse.diags_array([weights[:-1], weights[:-1]], offsets=[-1, 1], format="lil")
    ring[0, -1] = ring[-1, 0] = weights[-1]
    return sparse.csr_array(ring)


REPEATED = {
    "ring": (lambda: graph(nx.cycle_graph(300)), 3),
    "ring, cut between pairs": (lambda: graph(nx.cycle_graph(300)), 5),
    "ring of cliques": (lambda: graph(nx.ring_of_cliques(20, 10)), 3),
    "square grid": (lambda: graph(nx.grid_2d_graph(20, 20)), 9),
    "torus": (lambda: graph(nx.grid_2d_graph(15, 15, periodic=True)), 7),
    "weighted ring": (weighted_ring, 6),
    "hypercube": (lambda: graph(nx.hypercube_graph(8)), 12),
    "complete": (lambda: graph(nx.complete_graph(60)), 7),
    "star": (lambda: graph(nx.star_graph(80)), 5),
    "copies of one graph": (lambda: copies(graph(nx.random_regular_graph(4, 60, seed=0)), 7), 20),
    "copies of K(2, 2)": (lambda: copies(graph(nx.complete_bipartite_graph(2, 2)), 40), 100),
    "two copies of K(2, 2)": (lambda: copies(graph(nx.complete_bipartite_graph(2, 2)), 2), 7),
    "disconnected pairs of rings": (lambda: copies(graph(nx.cycle_graph(45)), 3), 17),
}


@pytest.mark.parametrize("solver", ["dense", "lanczos"])
@pytest.mark.parametrize(("build", "count"), REPEATED.values(), ids=REPEATED)
def test_every_copy_of_a_repeated_eigenvalue_is_found(build, count, solver):
    adjacency = build()
    laplacian = sparse.csgraph.laplacian(adjacency, normed=True).toarray()
    expected = linalg.eigvalsh(laplacian)
    for seed in range(3):
        found = embedding.bottom(adjacency, count, rng=np.random.default_rng(seed), solver=solver)
        assert np.abs(found.values - expected[:count]).max() <= 1e-8
        assert np.abs(laplacian @ found.vectors - found.vectors * found.values).max() <= 1e-8
        assert np.abs(found.vectors.T @ found.vectors - np.eye(count)).max() <= 1e-8


def test_one_lanczos_run_misses_copies_that_the_deflated_runs_find(rng):
    """Control: without the runs in what is left, the second copy of the ring's pair is lost."""
    ring = graph(nx.cycle_graph(300)) / 2
    values, _ = embedding._lanczos(lambda vector: ring @ vector.ravel() + 3 * vector.ravel(), 300, 3, 1e-9, rng, 20_000)
    expected = 4 - np.sort(1 - np.cos(2 * np.pi * np.arange(300) / 300))[:3]
    assert np.abs(np.sort(values)[::-1] - expected).max() > 1e-4


def test_values_larger_than_the_dense_solver_takes():
    found = embedding.bottom(graph(nx.cycle_graph(600)), 4, rng=np.random.default_rng(0))
    expected = 1 - np.cos(2 * np.pi * np.array([0, 1, 1, 2]) / 600)
    assert np.abs(found.values - expected).max() <= 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_an_eigenvalue_above_the_cut_is_overlooked_only_by_a_start_that_all_but_lacks_it(seed):
    spectrum = np.append(np.linspace(2, 3, 399), 3.02)

    def none_above(share, cut=3.01, **options):
        start = np.random.default_rng(seed).standard_normal(400)
        start[-1] = np.sqrt(share) * np.linalg.norm(start[:-1])
        return embedding._none_above(lambda vector: spectrum * vector, start, 2.0, cut, **options)

    hidden = np.pi / 2 * 1e-12**2 / 400  # the share that a random start falls short of with chance 1e-12
    assert not none_above(1.01 * hidden)
    assert not none_above(1 / 400)
    assert none_above(1e-100)  # control: the claim rests on the start being random
    assert none_above(1 / 400, cut=3.03)  # and does hold where nothing lies above
    assert not none_above(1 / 400, cut=3.02 + 1e-9, steps=50)  # undecided
    assert embedding._none_above(lambda vector: spectrum * vector, np.zeros(400), 2.0, 3.01)  # an empty subspace


@pytest.mark.parametrize("cut", [3.02, 3.1, 3.4])
def test_the_run_that_rules_out_is_as_long_as_the_bound_asks(cut):
    """The bound evaluated by other means: Ritz values of a full Krylov basis, Chebyshev polynomials as polynomials."""
    spectrum, steps, seen = np.linspace(2, 3, 400), [8], []
    start = np.random.default_rng(0).standard_normal(400)

    def product(vector):
        seen.append(1)
        return spectrum * vector

    assert embedding._none_above(product, start, 2.0, cut)
    while True:
        basis = np.empty((400, 0))
        for _ in range(steps[-1]):
            column = start if not basis.size else spectrum * basis[:, -1]
            for _ in range(2):  # twice is enough
                column = column - basis @ (basis.T @ column)
            basis = np.column_stack([basis, column / np.linalg.norm(column)])
        top = np.linalg.eigvalsh(basis.T @ (spectrum[:, None] * basis))[-1]
        polynomial = np.polynomial.Chebyshev.basis(steps[-1] - 1, domain=[2, top])
        share = (top - 2) / ((cut - top) * polynomial(cut) ** 2)  # no eigenvalue above the cut has more
        if np.sqrt(2 * 400 * share / np.pi) <= 1e-12:
            break
        steps.append(steps[-1] + max(4, steps[-1] // 4))
    assert len(seen) == steps[-1]


def test_entries_given_twice_are_added_up(rng):
    pieces = [0.1, 0.2, 0.3]  # summed in two orders they differ in the last digit
    rows, columns = [0, 0, 0, 1, 1, 1, 1, 2], [1, 1, 1, 0, 0, 0, 2, 1]
    adjacency = sparse.csr_array((3, 3))
    adjacency.data = np.array([*pieces, *pieces[::-1], 1.0, 1.0])
    adjacency.indices, adjacency.indptr = np.array(columns), np.array([0, 3, 7, 8])
    stored = adjacency.nnz
    found = embedding.bottom(adjacency, 2, rng=rng)
    whole = sparse.csr_array(([sum(pieces), sum(pieces), 1.0, 1.0], ([0, 1, 1, 2], [1, 0, 2, 1])), shape=(3, 3))
    assert np.abs(found.values - linalg.eigvalsh(normalised_laplacian(whole))[:2]).max() <= 1e-12
    assert adjacency.nnz == stored  # the caller's matrix is left alone
    as_triples = sparse.coo_array((adjacency.data, (rows, columns)), shape=(3, 3))
    assert np.allclose(embedding.bottom(as_triples, 2, rng=rng).values, found.values, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.float32])
def test_the_type_of_the_weights_does_not_matter(dtype, rng):
    ring = graph(nx.cycle_graph(200))
    wide = graph(nx.complete_graph(200))  # degrees that 8 bits do not hold
    for adjacency in (ring, wide):
        found = embedding.bottom(adjacency.astype(dtype), 3, rng=rng)
        assert np.abs(found.values - embedding.bottom(adjacency, 3, rng=rng).values).max() <= 1e-12


def test_a_dense_matrix_is_as_good_as_a_sparse_one(rng):
    adjacency, _ = block_models.two_level([30] * 3, 0.5, 0.1, rng)
    for given in (adjacency.toarray(), adjacency.toarray().astype(int).tolist(), adjacency.tocoo()):
        found = embedding.bottom(given, 4, rng=rng)
        assert np.abs(found.values - embedding.bottom(adjacency, 4, rng=rng).values).max() <= 1e-12


def test_clusters_of_a_planted_partition(rng):
    adjacency, planted = block_models.two_level([40] * 3, 0.6, 0.05, rng)
    labels = embedding.spectral_clustering(adjacency.toarray(), 3, rng=rng)
    together = labels[:, None] == labels
    assert (together == (planted[:, None] == planted)).all()
    # Route of its own: k-means on the unit rows of the bottom eigenvectors that the other solver finds.
    vectors = embedding.bottom(adjacency, 3, rng=rng, solver="lanczos").vectors
    again = embedding.cluster(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 3, rng=rng)
    assert (together == (again[:, None] == again)).all()


@pytest.mark.parametrize(
    ("weights", "count", "message"),
    [
        (np.ones((2, 3)), 1, r"shape \(2, 3\)"),
        (np.ones((3, 3)), 4, "count is 4, expected 1 to 3"),
        (-np.ones((3, 3)), 1, "negative weight"),
        (np.full((3, 3), np.nan), 1, "NaN"),
        (np.triu(np.ones((3, 3))), 1, "not symmetric"),
        (np.diag([1.0, 1.0, 0.0]), 1, "1 nodes have no weight"),
    ],
)
def test_refused_weights(weights, count, message, rng):
    with pytest.raises(ValueError, match=message):
        embedding.spectral_clustering(weights, count, rng=rng)


def test_missed_residual_is_an_error(rng):
    ring = sparse.csr_array(nx.to_scipy_sparse_array(nx.cycle_graph(3_000), dtype=float))
    with pytest.raises(ArithmeticError, match=r"Lanczos found . of 4 eigenpairs to 1.0e-12 in 2 restarts"):
        embedding.bottom(ring, 5, tolerance=1e-12, rng=rng, sweeps=2)


@pytest.mark.parametrize(
    ("adjacency", "count", "message"),
    [
        (np.ones(3), 1, r"shape \(3,\)"),
        (np.array([[0.0, np.nan], [np.nan, 0.0]]), 1, "NaN"),
        (np.array([["a"]]), 1, "dtype"),
        (sparse.csr_array(np.ones((2, 3))), 1, r"shape \(2, 3\)"),
        (sparse.csr_array([[0.0, 1.0], [0.0, 0.0]]), 1, "not symmetric"),
        (sparse.csr_array([[0.0, -1.0], [-1.0, 0.0]]), 1, "negative weight"),
        (sparse.csr_array([[0.0, np.nan], [np.nan, 0.0]]), 1, "NaN"),
        (sparse.csr_array([[0.0, 1.0], [1.0 + 1e-12, 0.0]]), 1, "entries differ by up to 1e-12"),
        (sparse.csr_array([[0, 1j], [-1j, 0]]), 1, "dtype complex128"),
        (sparse.csr_array(np.ones((3, 3))), 3, "count is 3, expected 1 to 2"),
    ],
)
def test_refusals(adjacency, count, message, rng):
    with pytest.raises(ValueError, match=message):
        embedding.bottom(adjacency, count, rng=rng)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, "tolerance is 0.0"),
        ({"tolerance": np.nan}, "tolerance is nan"),
        ({"solver": "lobpcg"}, "solver is 'lobpcg', expected one of auto, dense, lanczos"),
    ],
)
def test_refused_options(options, message, rng):
    with pytest.raises(ValueError, match=message):
        embedding.bottom(sparse.csr_array(np.ones((3, 3))), 1, rng=rng, **options)
