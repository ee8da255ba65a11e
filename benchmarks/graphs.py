"""Block models and spectral embedding: degree 20, five blocks, five eigenvectors."""

import warnings

import networkx as nx
import numpy as np
from scipy import sparse
from sklearn import manifold

from helpers.spectral import block_models, embedding

BLOCKS, DEGREE, OWN_SHARE = 5, 20, 0.8
TOLERANCE = 1e-6


def model(n):
    """Sizes and chances: four fifths of the neighbours are in the own block."""
    size = n // BLOCKS
    inside, outside = DEGREE * OWN_SHARE / size, DEGREE * (1 - OWN_SHARE) / (n - size)
    chances = np.full((BLOCKS, BLOCKS), outside)
    np.fill_diagonal(chances, inside)
    return [size] * BLOCKS, chances


def as_networkx(adjacency, sizes):
    """The same graph for networkx, with the attribute ``block`` that its own generator sets on the nodes."""
    graph = nx.Graph()
    graph.add_nodes_from(range(adjacency.shape[0]))
    upper = sparse.triu(adjacency, k=1, format="coo")
    graph.add_edges_from(zip(upper.row.tolist(), upper.col.tolist(), strict=True))
    labels = np.repeat(np.arange(len(sizes)), sizes).tolist()
    nx.set_node_attributes(graph, dict(enumerate(labels)), "block")
    return graph


def sampling(n):
    """Label to a call that draws one graph of n nodes."""
    sizes, chances = model(n)
    rng = np.random.default_rng(0)
    return {
        "ours, sparse": lambda: block_models.sample(sizes, chances, rng),
        "ours, as networkx": lambda: as_networkx(block_models.sample(sizes, chances, rng), sizes),
        "networkx": lambda: nx.stochastic_block_model(sizes, chances.tolist(), seed=0),
    }


def spectral_embedding(n, *, arpack):
    """Label to a call that finds the five bottom eigenvectors; scikit-learn's default factorises, so it is optional."""
    adjacency = block_models.sample(*model(n), np.random.default_rng(0))

    def scikit(solver):
        def run():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return manifold.spectral_embedding(
                    adjacency, n_components=BLOCKS, eigen_solver=solver, random_state=0, drop_first=False
                )

        return run

    def ours():
        found = embedding.bottom(adjacency, BLOCKS, tolerance=TOLERANCE, rng=np.random.default_rng(0))
        assert found.residual <= TOLERANCE
        return found

    found = {"ours": ours, "scikit-learn lobpcg": scikit("lobpcg")}
    return found | ({"scikit-learn arpack": scikit("arpack")} if arpack else {})
