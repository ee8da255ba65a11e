"""Pair weights on digits: do other weights than InfoNCE's change what a small encoder learns? (Tian 2022, Tables 2, 3.)

The paper trains ResNets on CIFAR-10/100 and STL-10; this is a small counterpart that a laptop repeats. Every loss gets
the same encoder, views, optimiser and number of epochs; only the rule for the pair weights differs.
"""

from functools import partial

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.data import augmentations
from helpers.losses import alpha_cl
from helpers.networks import encoders
from helpers.spectral import subspaces

NOTEBOOK = "02_alpha_cl"
ABOUT = "5-NN accuracy, effective rank and linear probe of encoders trained with ten pair-weighted losses, digits."
LOSSES = (
    "quadratic",
    "infonce",
    "decoupled",
    "entropy, backprop",
    "entropy",
    "power",
    "inverse",
    "square",
    "direct",
    "direct, normalised",
)
SEEDS = tuple(range(10))
CELLS = [{"loss": loss} for loss in (*LOSSES, "untrained", "raw pixels")]
CONSTANTS = {
    "train": 1300,
    "test": 497,
    "backbone": [64, 256, 128],
    "projector": [128, 128, 32],
    "epochs": 20,
    "batch": 128,
    "learning_rate": 1e-3,
    "temperature": 0.5,
    "shift": 1,
    "gain": [0.6, 1.4],
    "erase": 3,
    "noise": 0.1,
}


def views(images, generator):
    """A random view of digits: shift by one pixel, gain, 3 x 3 cut-out, noise."""
    return augmentations.compose(
        partial(augmentations.shift, maximum=CONSTANTS["shift"]),
        partial(augmentations.gain, low=CONSTANTS["gain"][0], high=CONSTANTS["gain"][1]),
        partial(augmentations.erase, size=CONSTANTS["erase"]),
        partial(augmentations.noise, deviation=CONSTANTS["noise"]),
    )(images, generator)


def parts(seed):
    """Training and test images of a seed."""
    sizes = (CONSTANTS["train"], CONSTANTS["test"])
    return data.split(data.digits(), np.random.default_rng(seed), sizes=sizes)


def encode(loss, seed, device, *, epochs=None, scratch=None):
    """An encoder trained with one loss (or ``untrained``); a function of the seed, float32."""
    model = encoders.encoder(
        CONSTANTS["backbone"],
        CONSTANTS["projector"],
        batch_norm=True,
        normalise=True,
        seed=seed,
        final_batch_norm=True,
    )
    if loss != "untrained":
        objective = partial(alpha_cl.pair_loss, loss, temperature=CONSTANTS["temperature"])
        training.fit(
            model,
            training.two_views(objective, views),
            torch.from_numpy(parts(seed)[0].images),
            epochs=CONSTANTS["epochs"] if epochs is None else epochs,
            batch=CONSTANTS["batch"],
            learning_rate=CONSTANTS["learning_rate"],
            seed=seed,
            device=device,
            checkpoint=scratch,
            every=10,
        )
    return model


def measure(cell, seed, device, scratch=None, *, epochs=None):
    """What one encoder is worth.

    Returns
    -------
    dict of str to float
        ``neighbours``: 5-NN accuracy on the outputs z (cosine); ``rank``: exponential of the entropy of the
        eigenvalues of cov(z) on the test images; ``probe``: accuracy of logistic regression on the backbone's
        features. Accuracies are fractions of the test images.
    """
    train, test = parts(seed)
    if cell["loss"] == "raw pixels":
        outputs = features = [part.images.reshape(len(part), -1).astype(float) for part in (train, test)]
    else:
        model = encode(cell["loss"], seed, device, epochs=epochs, scratch=scratch)
        outputs, features = (
            [evaluation.frozen_features(model, part.images, device=device, outputs=z) for part in (train, test)]
            for z in (True, False)
        )
    labels = train.labels, test.labels
    return {
        "neighbours": evaluation.nearest_neighbours(outputs[0], labels[0], outputs[1], labels[1]).value,
        "rank": float(subspaces.effective_rank(subspaces.variances(outputs[1]))),
        "probe": evaluation.logistic_probe(features[0], labels[0], features[1], labels[1]).value,
    }
