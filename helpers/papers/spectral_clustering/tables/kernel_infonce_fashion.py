"""Kernel-InfoNCE on Fashion-MNIST with a convolutional encoder: the counterpart of Tan et al. (2024, Table 1).

Every kernel gets the same budget (four scales), and its scale is to be chosen by the validation images, never by the
test images. A seed fixes which images are used, initial weights, batches and views, so that kernels are paired.
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
ABOUT = "Linear probe and 5-NN of encoders trained with five Kernel-InfoNCE losses at four scales, CNN, Fashion-MNIST."
KERNELS = tuple(kernel for kernel in kernel_objectives.KERNELS if kernel != "sum of losses")
MEASURES = {"probe": "linear probe", "neighbours": "5 nearest neighbours"}
BASELINES = ("untrained", "raw pixels")
SEEDS, MINUTES = tuple(range(8)), 16


def cells(scales):
    """Every kernel with every scale, and the two baselines."""
    found = [{"kernel": kernel, "scale": scale} for kernel in KERNELS for scale in scales]
    return found + [{"kernel": name} for name in BASELINES]


CELLS = cells((0.05, 0.1, 0.2, 0.5))
CONSTANTS = {
    "data": "fashion-mnist",
    "train_part": "train",
    "unlabelled": 20_000,
    "labelled": 5000,
    "validation": 5000,
    "test": 10_000,
    "encoder": [16, 32, 64, 128],
    "projector": [128, 128, 64],
    "views": "clothing",
    "crop": 0.7,
    "gain": [0.6, 1.4],
    "noise": 0.05,
    "epochs": 2,
    "batch": 256,
    "learning_rate": 5e-3,
    "optimiser": "adam",
    "weight_decay": 0.0,
    "warmup": 0.1,
    "fast": False,
    "neighbours": 5,
}
FULL = {
    "constants": {
        "data": "cifar-10",
        "unlabelled": 45_000,
        "labelled": 10_000,
        "encoder": "resnet18",
        "projector": [512, 2048, 128],
        "views": "simclr",
        "epochs": 200,
        "batch": 512,
        "learning_rate": 0.5,
        "optimiser": "sgd",
        "weight_decay": 1e-4,
        "warmup": 0.05,
        "fast": True,
    },
    "cells": cells((0.1, 0.2, 0.5, 1.0)),
    "seeds": (0, 1, 2),
}


def parts(settings, seed):
    """Images of a seed: unlabelled, validation and test images, uint8.

    The first two are drawn from the training part, the last one from the test part; the first ``labelled`` of the
    unlabelled images show their labels to probe and neighbours. With ``train_part`` "test", the part that travels with
    this collection, all three are drawn from it.

    Returns
    -------
    tuple of data.Images
        Disjoint.
    """
    rng, sizes = np.random.default_rng(seed), [settings[name] for name in ("unlabelled", "validation", "test")]
    unseen = data.byte_images(settings["data"], "test")
    if settings["train_part"] == "test":
        return data.split(unseen, rng, sizes=sizes)
    known = data.byte_images(settings["data"], "train")
    return data.split(known, rng, sizes=sizes[:2]) + data.split(unseen, rng, sizes=sizes[2:])


def views(settings):
    """A random view: crop, flip, brightness and noise for clothing, or SimCLR's for photographs."""
    if settings["views"] == "simclr":
        return augmentations.simclr()
    return augmentations.compose(
        partial(augmentations.crop, smallest=settings["crop"]),
        augmentations.flip,
        partial(augmentations.gain, low=settings["gain"][0], high=settings["gain"][1]),
        partial(augmentations.noise, deviation=settings["noise"]),
    )


def encode(settings, seed, device, images, scratch=None):
    """An encoder trained with ``settings["kernel"]`` on these images (or ``untrained``), a function of the seed.

    Returns
    -------
    model : encoders.Encoder
    trace : list of float
        Mean loss of each epoch, in nats; empty without training.
    """
    kernel, (*hidden, width) = settings["kernel"], settings["projector"]
    model = encoders.image_encoder(
        settings["encoder"],
        (*hidden, kernel_objectives.output_width(kernel, width)),
        colours=1 if images.ndim == 3 else images.shape[1],
        normalise=False,
        seed=seed,
    )
    if kernel == "untrained":
        return model, []
    options = ("epochs", "batch", "learning_rate", "optimiser", "weight_decay", "fast")
    trace = training.fit(
        model,
        training.two_views(kernel_objectives.objective(kernel, settings["scale"]), views(settings)),
        torch.from_numpy(images),
        **{name: settings[name] for name in options},
        schedule=training.cosine(warmup=settings["warmup"]),
        seed=seed,
        device=device,
        checkpoint=scratch,
    )
    return model, trace


def measure(settings, seed, device, scratch=None):
    """Accuracies of one encoder's frozen features (the backbone's), after the last epoch.

    Returns
    -------
    dict of str to float
        As fractions, all from the labelled training images: ``probe``, of logistic regression, and ``neighbours``, by
        a majority of the nearest (cosine), on the test images; ``probe_validation`` and ``neighbours_validation``.
    """
    train, validation, test = parts(settings, seed)
    labelled = train.take(slice(settings["labelled"]))
    sets = (labelled, validation, test)
    if settings["kernel"] == "raw pixels":
        features = [part.images.reshape(len(part), -1) / 255 for part in sets]
    else:
        model, _ = encode(settings, seed, device, train.images, scratch)
        features = [evaluation.frozen_features(model, part.images, device=device) for part in sets]
    found, known = {}, (features[0], labelled.labels)
    for suffix, own, part in zip(("_validation", ""), features[1:], sets[1:], strict=True):
        found[f"probe{suffix}"] = evaluation.logistic_probe(*known, own, part.labels).value
        found[f"neighbours{suffix}"] = evaluation.nearest_neighbours(
            *known, own, part.labels, neighbours=settings["neighbours"]
        ).value
    return found


def compared(recording):
    """Every kernel at its validated scale against the Gaussian, by measured number; see ``kernel_reading``."""
    return {name: kernel_reading.compared(recording, name, by=f"{name}_validation") for name in MEASURES}


def draw(recording):
    """Paired differences to the Gaussian, a panel for each measured number."""
    from .. import figures  # draws with matplotlib, which measuring does not need

    return figures.kernel_differences(compared(recording), MEASURES)[0]
