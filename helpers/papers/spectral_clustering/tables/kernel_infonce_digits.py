"""Kernel-InfoNCE on digits: does another kernel than the Gaussian give better features? (Tan et al. 2024, Table 1.)

Every kernel gets the same budget (four scales), and the scale is to be chosen by ``validation``, never by ``test``.
The kernels are exp(-d^exponent / scale) on unit-length outputs; for exponent 2 the cosine temperature is scale / 2.
"""

from functools import partial

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.data import augmentations
from helpers.losses import kernel_objectives
from helpers.networks import encoders

from .. import kernel_reading

NOTEBOOK = "01_spectral_clustering"
ABOUT = "Linear-probe accuracy of encoders trained with six Kernel-InfoNCE losses at four scales, scikit-learn digits."
KERNELS = kernel_objectives.KERNELS
MEASURES = {"test": "linear probe, 1,297 labels", "one_shot": "one label a class"}
VALIDATED_BY = {"test": "validation", "one_shot": "one_shot_validation"}
SCALES = (0.03, 0.1, 0.3, 1.0)
SEEDS = tuple(range(10))
CELLS = [{"kernel": kernel, "scale": scale} for kernel in KERNELS for scale in SCALES]
CELLS += [{"kernel": "untrained", "scale": 1.0}, {"kernel": "raw pixels", "scale": 1.0}]
CONSTANTS = {
    "unlabelled": 1297,
    "probe": 997,
    "test": 500,
    "backbone": [64, 256, 128],
    "projector": [128, 128, 64],
    "epochs": 30,
    "batch": 256,
    "learning_rate": 1e-3,
    "shift": 1,
    "gain": [0.7, 1.3],
    "noise": 0.15,
    "erase": 3,
}


def views(images, generator):
    """A random view of digits: shift by one pixel, gain, noise, 3 x 3 cut-out."""
    return augmentations.compose(
        partial(augmentations.shift, maximum=CONSTANTS["shift"]),
        partial(augmentations.gain, low=CONSTANTS["gain"][0], high=CONSTANTS["gain"][1]),
        partial(augmentations.noise, deviation=CONSTANTS["noise"]),
        partial(augmentations.erase, size=CONSTANTS["erase"]),
    )(images, generator)


def parts(seed):
    """Unlabelled training images (the labelled and the validation ones together), probe, validation, test."""
    sizes = (CONSTANTS["unlabelled"], CONSTANTS["test"])
    train, test = data.split(data.digits(), np.random.default_rng(seed), sizes=sizes)
    labelled, validation = (train.take(slice(*ends)) for ends in ((0, CONSTANTS["probe"]), (CONSTANTS["probe"], None)))
    return train, labelled, validation, test


def encode(cell, seed, device, *, epochs=None, scratch=None):
    """An encoder trained with a cell's loss (or not trained); a function of the seed."""
    kernel = cell["kernel"]
    width = kernel_objectives.output_width(kernel, CONSTANTS["projector"][-1])
    projector = (*CONSTANTS["projector"][:-1], width)
    model = encoders.encoder(CONSTANTS["backbone"], projector, batch_norm=True, normalise=False, seed=seed)
    if kernel != "untrained":
        training.fit(
            model,
            training.two_views(kernel_objectives.objective(kernel, cell["scale"]), views),
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
    """Accuracies of one trained encoder.

    Returns
    -------
    dict of str to float
        As fractions. ``test``: probe on the backbone's features, fitted on 1,297 images; ``neighbours``: majority of
        five on the same features; ``one_shot``: one label a class, on the projector's outputs. ``validation`` and
        ``one_shot_validation``: the same with the 997 labelled training images against the other 300.
    """
    train, labelled, validation, test = parts(seed)
    sets = (train, labelled, validation, test)
    if cell["kernel"] == "raw pixels":
        features = outputs = [part.images.reshape(len(part), -1).astype(float) for part in sets]
    else:
        model = encode(cell, seed, device, epochs=epochs, scratch=scratch)
        features, outputs = (
            [evaluation.frozen_features(model, part.images, device=device, outputs=which) for part in sets]
            for which in (False, True)
        )
    whole, some, held_out, unseen = features
    return {
        "validation": evaluation.logistic_probe(some, labelled.labels, held_out, validation.labels).value,
        "test": evaluation.logistic_probe(whole, train.labels, unseen, test.labels).value,
        "neighbours": evaluation.nearest_neighbours(whole, train.labels, unseen, test.labels).value,
        "one_shot_validation": one_shot(outputs[1], labelled, outputs[2], validation, seed),
        "one_shot": one_shot(outputs[0], train, outputs[3], test, seed),
    }


def one_shot(train_outputs, train, test_outputs, test, seed):
    """Accuracy with one label a class, averaged over 50 draws that all kernels share."""
    rng = np.random.default_rng(seed)
    return evaluation.few_shot(train_outputs, train.labels, test_outputs, test.labels, rng, shots=1).value


def compared(recording):
    """Every kernel at its validated scale against the Gaussian, by measured number; see ``kernel_reading``."""
    return {name: kernel_reading.compared(recording, name, by=VALIDATED_BY[name]) for name in MEASURES}


def draw(recording):
    """Paired differences to the Gaussian, a panel for each measured number."""
    from .. import figures  # draws with matplotlib, which measuring does not need

    return figures.kernel_differences(compared(recording), MEASURES)[0]
