"""Does a small training batch limit what is learned? Same-class pairs on digits, augmentation pairs on Fashion-MNIST.

Every encoder of a pairing sees the same number of pairs a step; only the number K of candidates differs. Information is
read after training, by a fresh critic on held-out same-class pairs with many candidates.
"""

from functools import partial

import numpy as np
import torch
from torch.nn import functional

from helpers import critics, data, evaluation, training
from helpers.data import augmentations
from helpers.networks import encoders

from .. import pair_streams, post_training

NOTEBOOK = "03_mutual_information"
ABOUT = "Training value, post-training information and accuracy of encoders trained with K = 2 to 256 candidates."
SEEDS = tuple(range(4))
CANDIDATES = {"same class": (2, 8, 64, 256), "augmentation": (2, 4, 16, 64, 256)}
BASELINES = ("untrained", "raw pixels")
CELLS = [
    {"pairing": pairing, "candidates": number}
    for pairing, numbers in CANDIDATES.items()
    for number in (*numbers, *BASELINES)
]
CONSTANTS = {
    "same class": {
        "train": 1200,
        "test": 597,
        "backbone": [64, 256, 64],
        "projector": [64, 64, 32],
        "temperature": 0.5,
        "steps": 500,
        "pairs": 512,
        "learning_rate": 1e-3,
    },
    "augmentation": {
        "train": 6000,
        "test": 2000,
        "backbone": [196, 512, 128],
        "projector": [128, 128, 64],
        "temperature": 0.2,
        "epochs": 35,
        "pairs": 256,
        "learning_rate": 1e-3,
        "smallest_crop": 0.6,
        "gain": [0.6, 1.4],
        "noise": 0.05,
    },
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


def views(images, generator):
    """A random view of a piece of clothing: crop, flip, brightness, noise."""
    settings = CONSTANTS["augmentation"]
    low, high = settings["gain"]
    return augmentations.compose(
        partial(augmentations.crop, smallest=settings["smallest_crop"]),
        augmentations.flip,
        partial(augmentations.gain, low=low, high=high),
        partial(augmentations.noise, deviation=settings["noise"]),
    )(images, generator)


def parts(pairing, seed):
    """Training and test images of a seed: digits, or Fashion-MNIST at 14 x 14.

    Fashion-MNIST is its *test part* of 10,000 images, the one that travels with this collection, split at random.
    """
    settings = CONSTANTS[pairing]
    whole = data.digits() if pairing == "same class" else data.fashion_mnist("test")
    if pairing == "augmentation":
        small = functional.avg_pool2d(torch.from_numpy(whole.images)[:, None], 2)[:, 0]
        whole = data.Images(small.numpy(), whole.labels)
    return data.split(whole, np.random.default_rng(seed), sizes=(settings["train"], settings["test"]))


def encode(cell, seed, device, *, steps=None):
    """An encoder of a cell, a function of the seed, and its training value in nats (None if it was not trained)."""
    pairing, candidates = cell["pairing"], cell["candidates"]
    settings = CONSTANTS[pairing]
    model = encoders.encoder(settings["backbone"], settings["projector"], batch_norm=False, normalise=True, seed=seed)
    if candidates in BASELINES:
        return model, None
    train = parts(pairing, seed)[0]
    images = torch.from_numpy(train.images)
    form = {"candidates": candidates, "temperature": settings["temperature"]}
    options = {"learning_rate": settings["learning_rate"], "seed": seed, "device": device}
    if pairing == "same class":
        stream = critics.same_class_pairs(images, torch.from_numpy(train.labels))
        steps = settings["steps"] if steps is None else steps
        return model, pair_streams.fit_encoder(model, stream, steps=steps, pairs=settings["pairs"], **form, **options)
    objective = training.two_views(partial(pair_streams.grouped_infonce, **form), views)
    epochs = settings["epochs"] if steps is None else max(1, steps * settings["pairs"] // len(images))
    trace = training.fit(model, objective, images, epochs=epochs, batch=settings["pairs"], **options)
    return model, float(np.log(candidates) - np.mean(trace[-3:]))


def measure(cell, seed, device, scratch=None, *, steps=None, critic=None):
    """What one encoder is worth.

    Returns
    -------
    dict of str to float
        ``training_value``: ln K minus the loss near the end of training, in nats (absent for the baselines);
        ``information``: post-training same-class information of the backbone's features, held-out, at K = 512, in
        nats; ``accuracy``: logistic probe on the test images.
    """
    del scratch
    train, test = parts(cell["pairing"], seed)
    model, training_value = encode(cell, seed, device, steps=steps)
    if cell["candidates"] == "raw pixels":
        features = [part.images.reshape(len(part), -1).astype(float) for part in (train, test)]
    else:
        features = [evaluation.frozen_features(model, part.images, device=device) for part in (train, test)]
    values = {} if training_value is None else {"training_value": training_value}
    probe = evaluation.logistic_probe(features[0], train.labels, features[1], test.labels)
    protocol = {**CONSTANTS["critic"], **(critic or {}), "widths": CONSTANTS["critic_widths"]}
    protocol |= {"seed": seed, "device": device}
    return values | {
        "information": post_training.same_class(features, (train.labels, test.labels), **protocol),
        "accuracy": probe.value,
    }
