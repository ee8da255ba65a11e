import numpy as np
import pytest

from helpers.spectral import graphs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_rows_of_a_transition_matrix_sum_to_one(rng):
    for include_self in (True, False):
        transition = graphs.random_transition(rng, 7, 5, include_self)
        assert transition.shape == (7, 5, 5)
        assert np.allclose(transition.sum(axis=-1), 1, atol=1e-15)
        assert np.all(np.diagonal(transition, axis1=1, axis2=2) > 0) == include_self
        assert not np.allclose(transition, np.swapaxes(transition, 1, 2))


def test_row_stochastic_refuses_what_it_cannot_normalise():
    with pytest.raises(ValueError, match="row 1 of weights has no weight"):
        graphs.row_stochastic([[0.0, 1.0], [0.0, 3.0]], include_self=False)
    with pytest.raises(ValueError, match=r"shape \(2, 3\)"):
        graphs.row_stochastic(np.ones((2, 3)), include_self=True)
    with pytest.raises(ValueError, match=r"value -1\.0"):
        graphs.row_stochastic([[1.0, -1.0], [1.0, 1.0]], include_self=True)
    with pytest.raises(ValueError, match="value nan"):
        graphs.row_stochastic([[1.0, np.nan], [1.0, 1.0]], include_self=True)


def test_laplacian_is_the_quadratic_form_of_any_directed_graph(rng):
    weights, points = rng.random((6, 5, 5)), rng.normal(size=(6, 5, 3))
    distances = ((points[:, :, None] - points[:, None]) ** 2).sum(axis=-1)
    form = np.einsum("bid,bij,bjd->b", points, graphs.laplacian(weights), points)
    assert np.allclose(2 * form, (weights * distances).sum(axis=(1, 2)), rtol=1e-13)
    assert np.allclose(graphs.laplacian(weights).sum(axis=-1), 0, atol=1e-14)
    assert np.allclose(graphs.laplacian(weights), graphs.laplacian(graphs.without_diagonal(weights)))


def test_directed_laplacian_agrees_on_symmetric_graphs_only(rng):
    weights = rng.random((4, 4))
    symmetric = graphs.symmetrised(weights)
    assert np.allclose(graphs.directed_laplacian(symmetric), graphs.laplacian(symmetric), atol=1e-15)
    assert not np.allclose(graphs.directed_laplacian(weights), graphs.laplacian(weights))


def test_components():
    weights = np.zeros((5, 5))
    weights[0, 1] = weights[2, 1] = weights[4, 3] = 1.0
    assert graphs.components(weights).tolist() == [0, 0, 0, 1, 1]
    weights[0, 4] = 0.1
    assert graphs.components(weights).tolist() == [0] * 5
    with pytest.raises(ValueError, match=r"shape \(2, 3, 3\)"):
        graphs.components(np.ones((2, 3, 3)))


def test_stochastic_block_model_is_seeded_and_symmetric():
    adjacency, labels = graphs.stochastic_block_model([10, 20], 0.8, 0.1, seed=3)
    again, _ = graphs.stochastic_block_model([10, 20], 0.8, 0.1, seed=3)
    assert np.array_equal(adjacency, again)
    assert np.array_equal(adjacency, adjacency.T)
    assert adjacency.dtype == float
    assert set(np.unique(adjacency)) == {0.0, 1.0}
    assert np.bincount(labels).tolist() == [10, 20]
    inside = adjacency[labels[:, None] == labels].mean()
    assert inside > 0.6 > 0.2 > adjacency[labels[:, None] != labels].mean()


def test_block_weights_keeps_or_drops_the_diagonal():
    kept = graphs.block_weights([2, 1], 2.0, 0.5, include_self=True)
    assert kept.tolist() == [[2.0, 2.0, 0.5], [2.0, 2.0, 0.5], [0.5, 0.5, 2.0]]
    assert np.trace(graphs.block_weights([2, 1], 2.0, 0.5, include_self=False)) == 0


def test_pair_graph_of_a_joint_law(rng):
    joint = graphs.random_joint(rng, 3, 2, 4)
    assert np.allclose(joint.sum(axis=(1, 2)), 1)
    forth, back = graphs.conditionals(joint)
    assert np.allclose(forth.sum(axis=-1), 1)
    assert np.allclose(back.sum(axis=-1), 1)
    assert np.allclose(forth * joint.sum(axis=2, keepdims=True), joint)
    pair = graphs.bipartite(forth, back)
    assert pair.shape == (3, 6, 6)
    assert np.allclose(pair.sum(axis=-1), 1)
    assert not pair[:, :2, :2].any()
    assert not pair[:, 2:, 2:].any()
    assert np.array_equal(pair[:, 2:, :2], back)


def test_pair_graph_refusals():
    with pytest.raises(ValueError, match=r"shapes \(2, 3\) and \(2, 3\)"):
        graphs.bipartite(np.ones((2, 3)), np.ones((2, 3)))
    with pytest.raises(ValueError, match="an object without any pair"):
        graphs.conditionals([[0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="non-negative weights"):
        graphs.conditionals([[-1.0, 2.0], [1.0, 1.0]])


def test_entropy_and_ideal_blocks():
    transition, same = graphs.ideal_blocks(3, 4, 5.0)
    assert transition[0, 1] == pytest.approx(5 * transition[0, 4])
    assert np.array_equal(same, np.kron(np.eye(3), np.ones((4, 4))).astype(bool))
    uniform = (np.ones((5, 5)) - np.eye(5)) / 4
    assert graphs.entropy(uniform) == pytest.approx(5 * np.log(4))
    assert graphs.entropy(transition) < 12 * np.log(11)
    with pytest.raises(ValueError, match="-1"):
        graphs.entropy(-np.ones((2, 2)))
