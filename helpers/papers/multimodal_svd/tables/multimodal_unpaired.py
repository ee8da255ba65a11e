"""Unpaired data after paired data in the synthetic setting of Nakada et al., Figure 2: the released procedure and SVDs.

The procedure is the released code's: linear encoders, cosine similarity, temperature 1, fixed minibatches of 50, first
CLIP on n pairs, then CLIP on N further pairs of which the pairing is "unknown": the 50 largest entries of every 50 x 50
block are taken as positives. ``aligned`` batches hold the partner of every item, as in that code; ``shuffled`` ones
draw the second modality independently. ``spectral`` rows hold the estimators of the theory on the same kind of data.
"""

import numpy as np
import torch

from helpers import training
from helpers.spectral import subspaces

from .. import dual_encoder, pseudo_pairs, spiked_model

NOTEBOOK = "04_multimodal_svd"
ABOUT = "Error of the signal subspace after paired and unpaired training, by minibatches and by SVD, synthetic pairs."
SIZES, RATIOS = (100, 200, 500), (3, 6, 9, 12, 15)
SEEDS = tuple(range(3))
CELLS = [{"method": "aligned", "n": n, "ratio": ratio} for n in SIZES for ratio in RATIOS]
CELLS += [{"method": "shuffled", "n": n, "ratio": ratio} for n in SIZES for ratio in (3, 9)]
CELLS += [{"method": "spectral", "n": n, "ratio": ratio} for n in SIZES for ratio in RATIOS if n * ratio <= 3000]
CONSTANTS = {
    "dimensions": [40, 39],
    "rank": 10,
    "noise": 0.3,
    "problems": 8,
    "batch": 50,
    "epochs": 100,
    "learning_rate": 2e-3,
    "temperature": 1.0,
}


def world(rng, n, further, *, problems):
    """Models, n observed pairs and ``further`` pairs whose order is the pairing, batched over problems.

    Returns
    -------
    model : SpikedModel
    paired, unpaired : pairs of ndarray, shapes (problems, n, 40) and (problems, n, 39), and likewise
    """
    variance = CONSTANTS["noise"] ** 2
    sizes = {"dimensions": CONSTANTS["dimensions"], "rank": CONSTANTS["rank"]}
    model = spiked_model.spiked_model(rng, **sizes, noise=(variance, variance), shape=(problems,))
    samples = [
        spiked_model.draw(model, spiked_model.pairings(rng, problems, size, share=0.0), rng) for size in (n, further)
    ]
    return model, *samples


def rows(samples):
    """Samples of both modalities cut into fixed minibatches: (n / 50, 50, problems, 79), float32."""
    joint = torch.from_numpy(np.concatenate(samples, axis=-1)).float().movedim(0, 1)
    return joint.reshape(-1, CONSTANTS["batch"], *joint.shape[1:])


def error(towers, model):
    """Distance of the row space of the first encoder to the signal subspace, shape (problems,)."""
    span = subspaces.orthonormal_basis(towers.left.weight.detach().cpu().double().numpy())
    return subspaces.sin_theta(model.left_basis, span)


def encoders(problems, seed):
    """Untrained linear encoders of all problems, with cosine similarity."""
    dimensions, rank = CONSTANTS["dimensions"], CONSTANTS["rank"]
    towers = [dual_encoder.Linear(problems, d, rank, seed=2 * seed + number) for number, d in enumerate(dimensions)]
    return dual_encoder.TwoTowers(*towers, split=dimensions[0], normalise=True)


def train(towers, samples, objective, seed, device, *, epochs):
    """Train on minibatches of both modalities, in place."""
    options = {
        "epochs": epochs,
        "batch": 1,
        "learning_rate": CONSTANTS["learning_rate"],
        "seed": seed,
        "device": device,
    }
    training.fit(towers, dual_encoder.in_blocks(objective), samples, **options)


def spectral(model, paired, unpaired):
    """Root mean square errors of the estimators of the theory.

    Returns
    -------
    dict of str to float
        ``start``: SVD of the n pairs; ``two_step``: SVD of the pairs that a one-to-one assignment by cosine similarity
        guesses among the N; ``pooled``: these together with the n; ``oracle``: SVD of the N true pairs; ``right``:
        share of the pairs that were guessed right.
    """
    errors = {"start": [], "two_step": [], "pooled": [], "oracle": [], "right": []}
    for k, basis in enumerate(model.left_basis):
        left, right, more_left, more_right = (side[k] for side in (*paired, *unpaired))

        def distance(x, y, basis=basis):
            return subspaces.sin_theta(basis, _left_subspace(spiked_model.contrastive_cross_covariance(x, y)))

        coupling = spiked_model.contrastive_cross_covariance(left, right)
        first = spiked_model.best_encoders(coupling, rank=CONSTANTS["rank"], penalty=1.0)
        guessed = pseudo_pairs.one_to_one(pseudo_pairs.cosine_scores(more_left, more_right, first))
        x, y = more_left[guessed[:, 0]], more_right[guessed[:, 1]]
        errors["start"].append(distance(left, right))
        errors["two_step"].append(distance(x, y))
        errors["pooled"].append(distance(np.concatenate([left, x]), np.concatenate([right, y])))
        errors["oracle"].append(distance(more_left, more_right))
        errors["right"].append(np.mean(guessed[:, 0] == guessed[:, 1]))
    share = float(np.mean(errors.pop("right")))
    return {name: float(np.sqrt(np.mean(np.square(values)))) for name, values in errors.items()} | {"right": share}


def matched_errors(model, paired, unpaired, rng):
    """Errors of the SVD on guessed pairs, each problem by itself, the order of the second modality hidden.

    Parameters
    ----------
    model, paired, unpaired
        See :func:`world`.
    rng : numpy.random.Generator
        Hides the pairing.

    Returns
    -------
    dict of str to ndarray, shape (problems,)
        ``assigned``: SVD of the one-to-one assignment by cosine similarity under the encoders of the n pairs;
        ``pooled``: of these together with the n pairs; ``inner product``: of the best candidates by inner product;
        ``unmatched``: of the items in their hidden order.
    """
    errors = {"assigned": [], "pooled": [], "inner product": [], "unmatched": []}
    for k, basis in enumerate(model.left_basis):
        left, right, x, y = (side[k] for side in (*paired, *unpaired))
        y = y[pseudo_pairs.hidden_pairing(rng, len(y))]
        coupling = spiked_model.contrastive_cross_covariance(left, right)
        encoders = spiked_model.best_encoders(coupling, rank=CONSTANTS["rank"], penalty=1.0)
        found = pseudo_pairs.one_to_one(pseudo_pairs.cosine_scores(x, y, encoders))
        inner = pseudo_pairs.best_candidates(pseudo_pairs.inner_product_scores(x, y, encoders))
        matched = x[found[:, 0]], y[found[:, 1]]
        pooled = np.concatenate([left, matched[0]]), np.concatenate([right, matched[1]])
        for name, sides in zip(errors, (matched, pooled, (x[inner[:, 0]], y[inner[:, 1]]), (x, y)), strict=True):
            cross = spiked_model.contrastive_cross_covariance(*sides)
            errors[name].append(subspaces.sin_theta(basis, _left_subspace(cross)))
    return {name: np.array(values) for name, values in errors.items()}


def measure(cell, seed, device, scratch=None, *, problems=None, epochs=None):
    """Root mean square over independent problems of the distance |sin(P_r(G1), U1)|, random level 2.74.

    Returns
    -------
    dict of str to float
        ``start`` and ``end`` of minibatch training (before and after the unpaired data); or see :func:`spectral`.
    """
    del scratch
    problems = CONSTANTS["problems"] if problems is None else problems
    epochs = CONSTANTS["epochs"] if epochs is None else epochs
    n, further = cell["n"], cell["n"] * cell["ratio"]
    rng = np.random.default_rng([seed, n, cell["ratio"]])
    model, paired, unpaired = world(rng, n, further, problems=problems)
    if cell["method"] == "spectral":
        return spectral(model, paired, unpaired)
    towers, temperature = encoders(problems, seed), CONSTANTS["temperature"]
    train(towers, rows(paired), dual_encoder.paired(temperature=temperature), seed, device, epochs=epochs)
    start = error(towers, model)
    objective = dual_encoder.guessed_pairs(dual_encoder.largest_entries, temperature=temperature)
    samples = rows(unpaired)
    if cell["method"] == "shuffled":
        right = samples[..., CONSTANTS["dimensions"][0] :].flatten(0, 1)
        objective = dual_encoder.shuffled(objective, right.to(device))
    train(towers, samples, objective, seed, device, epochs=epochs)
    end = error(towers, model)
    return {name: float(np.sqrt(np.mean(value**2))) for name, value in (("start", start), ("end", end))}


def _left_subspace(matrix):
    return subspaces.truncated_svd(matrix, CONSTANTS["rank"])[0]
