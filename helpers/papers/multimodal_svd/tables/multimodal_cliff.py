"""Class pairs across two data sets with wrong edges, with and without partitioning (Nakada et al., Figure 1, Table 1).

The paper pairs MNIST with Fashion-MNIST; here the scikit-learn digits stand in for MNIST. Encoders are linear, on raw
pixels, trained with the same kind of loss (many positives, cosine); the linear loss, one SVD, is scored on the same
graphs.
"""

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.spectral import subspaces

from .. import dual_encoder, partitioning

NOTEBOOK = "04_multimodal_svd"
ABOUT = (
    "Cross-modal classification by encoders trained on a class-pair graph with wrong edges, digits and Fashion-MNIST."
)
GRID = tuple(round(0.05 * step, 2) for step in range(11))
SEEDS = tuple(range(3))
CELLS = [{"clusters": 0, "vectors": 0, "noise": noise} for noise in GRID]  # no partitioning
CELLS += [{"clusters": 10, "vectors": 9, "noise": noise} for noise in GRID]
CELLS += [{"clusters": 10, "vectors": 4, "noise": noise} for noise in GRID[1:]]  # log2 k, rounded up; undefined at 0
CELLS += [{"clusters": k, "vectors": k - 1, "noise": noise} for k in (5, 7, 13, 15) for noise in (0.1, 0.2, 0.3)]
CONSTANTS = {
    "per_class": 50,
    "test_per_class": 100,
    "draws": 20,
    "outputs": 32,
    "temperature": 0.1,
    "steps": 150,
    "learning_rate": 0.02,
    "rank": 9,
}


def chosen(labels, sizes, rng):
    """Indices of disjoint parts with ``sizes`` items a class, class by class within each part."""
    orders = [rng.permutation(np.flatnonzero(labels == c)) for c in range(10)]
    ends = np.cumsum(sizes)
    return [
        np.concatenate([order[end - size : end] for order in orders]) for size, end in zip(sizes, ends, strict=True)
    ]


def parts(seed):
    """Training pixels of both modalities with their labels, and test pixels; classes in order.

    Returns
    -------
    digits, fashion : ndarray, shapes (500, 64) and (500, 784)
        Centred by the training mean.
    labels : ndarray, shape (500,)
        Of both.
    test_digits, test_fashion : ndarray, shapes (10, 73, 64) and (10, 100, 784)
        Class first; centred alike.
    """
    rng, size, test = np.random.default_rng(seed), CONSTANTS["per_class"], CONSTANTS["test_per_class"]
    found = []
    for images, held in ((data.digits(), 73), (data.fashion_mnist("test"), test)):
        pixels = images.images.reshape(len(images), -1)
        train, rest = chosen(images.labels, (size, held), rng)
        centre = pixels[train].mean(0)
        found += [pixels[train] - centre, (pixels[rest] - centre).reshape(10, held, -1)]
    return found[0], found[2], np.repeat(np.arange(10), size), found[1], found[3]


def graph(labels, noise, seed):
    """The observed pair graph of a seed: all same-class pairs, every entry flipped with probability ``noise``."""
    return partitioning.noisy_edges(partitioning.same_class(labels, labels), noise, np.random.default_rng(seed + 100))


def accuracy(first, second, seed):
    """Share of test Fashion images whose most similar of ten digits (one a class, many draws) is of their class.

    Parameters
    ----------
    first, second : ndarray, shapes (10, m, r) and (10, t, r)
        Features of the test digits and of the test Fashion images, class first.
    seed : int
        Of the draws.
    """
    rng, classes = np.random.default_rng(seed + 200), np.arange(10)
    hits = []
    for _ in range(CONSTANTS["draws"]):
        one_each = first[classes, rng.integers(first.shape[1], size=10)]
        hits.append(np.mean((second @ one_each.T).argmax(-1) == classes[:, None]))
    return float(np.mean(hits))


def linear_loss(adjacency, x, y):
    """Orthonormal maps (d1, r) and (d2, r) of the linear loss: SVD of mean over edges minus mean over all pairs."""
    joint = x.T @ adjacency @ y / adjacency.sum() - np.outer(x.mean(0), y.mean(0))
    left, _, right = subspaces.truncated_svd(joint, CONSTANTS["rank"])
    return left, right


def encode(adjacency, x, y, seed, device, *, steps=None):
    """Linear encoders with cosine similarity trained on a pair graph, full batch; returns a TwoTowers."""
    towers = [
        dual_encoder.Linear(1, pixels.shape[1], CONSTANTS["outputs"], seed=10 * seed + number)
        for number, pixels in enumerate((x, y))
    ]
    model = dual_encoder.TwoTowers(*towers, split=x.shape[1], normalise=True)
    edges = torch.from_numpy(adjacency).float().to(device)
    rows = torch.from_numpy(np.concatenate([x, y], axis=1)).float()[:, None]
    batch = rows.to(device)  # full batch, in the order of the graph

    def objective(model, shuffled_rows, generator):
        return dual_encoder.graph_clip(model.scores(batch)[0], edges, temperature=CONSTANTS["temperature"])

    training.fit(
        model,
        objective,
        rows,
        epochs=CONSTANTS["steps"] if steps is None else steps,
        batch=len(rows),
        learning_rate=CONSTANTS["learning_rate"],
        seed=seed,
        device=device,
    )
    return model


def measure(cell, seed, device, scratch=None, *, steps=None):
    """Accuracies and, with partitioning, the quality of the clusters.

    Returns
    -------
    dict of str to float
        ``accuracy``: encoders trained on the (cleaned) graph; ``linear``: the linear loss on the same graph; both as
        fractions, chance 0.1. ``ari``: adjusted Rand index of the clusters with the classes, 0 without clusters.
        ``right``: share of right edges among those used.
    """
    del scratch
    x, y, labels, test_x, test_y = parts(seed)
    adjacency, ari = graph(labels, cell["noise"], seed), 0.0
    if cell["clusters"]:
        rng = np.random.default_rng(seed + 300)
        found = partitioning.partition(adjacency, cell["clusters"], vectors=cell["vectors"], rng=rng)
        ari = evaluation.agreement(np.concatenate([found.left, found.right]), np.tile(labels, 2)).value
        adjacency = partitioning.within(adjacency, found)
    model = encode(adjacency, x, y, seed, device, steps=steps)
    trained = [tower.weight[0].detach().cpu().double().numpy() for tower in (model.left, model.right)]
    return {
        "accuracy": accuracy(*cosines(test_x, test_y, trained), seed),
        "linear": accuracy(*cosines(test_x, test_y, linear_loss(adjacency, x, y)), seed),
        "ari": ari,
        "right": float(adjacency[partitioning.same_class(labels, labels)].sum() / adjacency.sum()),
    }


def cosines(x, y, maps):
    """Features of unit length of both modalities under two linear maps."""
    features = (x @ maps[0], y @ maps[1])
    return [each / np.linalg.norm(each, axis=-1, keepdims=True) for each in features]
