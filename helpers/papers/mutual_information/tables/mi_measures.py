"""What measures an encoder? Twenty-two encoders of digits, seven numbers each, against the accuracy of a probe.

Raw pixels, principal components, an untrained network, contrastive training at several strengths of augmentation,
lengths and batch sizes, supervised training with wrong labels: families that can have the same accuracy for different
reasons.
"""

from functools import partial

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.data import augmentations
from helpers.evaluation import encoder_measures
from helpers.networks import encoders

from .. import encoder_families, pair_streams, post_training

NOTEBOOK = "03_mutual_information"
ABOUT = "Accuracy, two post-training informations, alignment, uniformity and tolerance of 22 encoders of digits."
SEEDS = tuple(range(4))
MEDIUM = {"strength": 1.0, "steps": 400, "candidates": 128}
CELLS = [{"family": "raw pixels"}, {"family": "untrained"}]
CELLS += [{"family": "principal components", "components": k} for k in (1, 2, 4, 8, 16)]
CELLS += [{"family": "contrastive", **MEDIUM, "strength": strength} for strength in (0.0, 0.5, 1.0, 2.0, 4.0)]
CELLS += [{"family": "contrastive", **MEDIUM, "steps": steps} for steps in (20, 48, 100)]
CELLS += [{"family": "contrastive", **MEDIUM, "candidates": candidates} for candidates in (2, 8, 32)]
CELLS += [{"family": "supervised", "wrong": wrong} for wrong in (0.0, 0.5, 0.8, 1.0)]
CONSTANTS = {
    "train": 1200,
    "test": 597,
    "backbone": [64, 256, 64],
    "projector": [64, 64, 32],
    "temperature": 0.2,
    "pairs": 256,
    "learning_rate": 1e-3,
    "supervised_steps": 400,
    "views": 16,
    "shift": 1,
    "gain": 0.3,
    "noise": 0.1,
    "critic_widths": [128, 32],
    "critic": {
        "steps": 300,
        "pairs": 512,
        "candidates": 128,
        "batches": 16,
        "read_candidates": 512,
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
    },
}

TITLES = {
    "same_class": "same-class information (nats)",
    "augmentation": "augmentation information (nats)",
    "alignment": "minus alignment",
    "uniformity": "minus uniformity",
    "tolerance": "tolerance",
}


def by_encoder(recording):
    """The stored numbers as arrays, with signs such that larger is said to be better.

    Parameters
    ----------
    recording : recorded.Recording

    Returns
    -------
    values : dict of str to ndarray, shape (encoders, seeds)
        The measures of ``TITLES``, ``accuracy`` and ``neighbours``; alignment and uniformity with a minus.
    family : ndarray of str, shape (encoders,)
    """
    keys = (*TITLES, "accuracy", "neighbours")
    values = {key: np.array([recording.values(key, **cell) for cell in CELLS]) for key in keys}
    for key in ("alignment", "uniformity"):
        values[key] = -values[key]
    return values, np.array([cell["family"] for cell in CELLS])


def views(images, generator, *, strength=1.0):
    """A random view of digits: shift by ``strength`` pixels (rounded), gain and noise in proportion."""
    spread = min(CONSTANTS["gain"] * strength, 1.0)
    return augmentations.compose(
        partial(augmentations.shift, maximum=round(CONSTANTS["shift"] * strength)),
        partial(augmentations.gain, low=1 - spread, high=1 + spread),
        partial(augmentations.noise, deviation=CONSTANTS["noise"] * strength),
    )(images, generator)


def parts(seed):
    """Training and test digits of a seed."""
    sizes = (CONSTANTS["train"], CONSTANTS["test"])
    return data.split(data.digits(), np.random.default_rng(seed), sizes=sizes)


def encode(cell, seed, device):
    """The encoder of a cell as a function from images (Tensor, (n, 8, 8)) to features (ndarray, (n, d))."""
    train, family = parts(seed)[0], cell["family"]
    images, rate = torch.from_numpy(train.images), CONSTANTS["learning_rate"]
    if family == "raw pixels":
        return lambda some: some.flatten(1).double().numpy()
    if family == "principal components":
        return encoder_families.principal_components(images, cell["components"])
    supervised = family == "supervised"
    head = [CONSTANTS["backbone"][-1], 10] if supervised else CONSTANTS["projector"]
    model = encoders.encoder(CONSTANTS["backbone"], head, batch_norm=False, normalise=not supervised, seed=seed)
    options = {"batch": CONSTANTS["pairs"], "learning_rate": rate, "seed": seed, "device": device}
    a_pass = len(images) // CONSTANTS["pairs"]
    if supervised:
        labels = encoder_families.wrong_labels(train.labels, cell["wrong"], np.random.default_rng([seed, 1]))
        objective = encoder_families.label_objective(images.to(device), labels.to(device))
        training.fit(
            model, objective, torch.arange(len(images)), epochs=CONSTANTS["supervised_steps"] // a_pass, **options
        )
    elif family == "contrastive":
        form = {"candidates": cell["candidates"], "temperature": CONSTANTS["temperature"]}
        loss = partial(pair_streams.grouped_infonce, **form)
        augment = partial(views, strength=cell["strength"])
        training.fit(model, training.two_views(loss, augment), images, epochs=cell["steps"] // a_pass, **options)
    return lambda some: evaluation.frozen_features(model, some, device=device)


def measure(cell, seed, device, scratch=None, *, critic=None):
    """The seven numbers of one encoder, on test images.

    Returns
    -------
    dict of str to float
        ``accuracy``: logistic probe; ``same_class``, ``augmentation``: post-training information of pairs of one class
        and of two views of one image, held-out at K = 512, nats; ``alignment``, ``uniformity``: on unit features of
        such views and of test images; ``tolerance``: mean cosine within a class; ``neighbours``: 5-NN accuracy.
    """
    del scratch
    train, test = parts(seed)
    encoder, generator = encode(cell, seed, device), torch.Generator().manual_seed(seed)
    features = [encoder(torch.from_numpy(part.images)) for part in (train, test)]
    seen = [
        np.stack([encoder(views(torch.from_numpy(part.images), generator)) for _ in range(CONSTANTS["views"])])
        for part in (train, test)
    ]
    protocol = {**CONSTANTS["critic"], **(critic or {}), "widths": CONSTANTS["critic_widths"]}
    protocol |= {"seed": seed, "device": device}
    return {
        "accuracy": evaluation.logistic_probe(features[0], train.labels, features[1], test.labels).value,
        "neighbours": evaluation.nearest_neighbours(features[0], train.labels, features[1], test.labels).value,
        "same_class": post_training.same_class(features, (train.labels, test.labels), **protocol),
        "augmentation": post_training.two_views(seen, **protocol),
        "alignment": encoder_measures.alignment(*seen[1][:2]),
        "uniformity": encoder_measures.uniformity(features[1]),
        "tolerance": encoder_measures.tolerance(features[1], test.labels),
    }
