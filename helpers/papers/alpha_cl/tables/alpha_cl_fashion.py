"""Pair weights on Fashion-MNIST: what nine losses make of one convolutional encoder (Tian 2022, Tables 2 and 3).

The paper trains ResNets on CIFAR-10/100 and STL-10 for 500 epochs; this is a small counterpart, with the paper's loss
settings, augmentation, projector and optimiser. The released code does not shuffle, lets the learning rate come back
up, and reports the best test accuracy over the probe's epochs; here batches are shuffled, the rate falls, and the last
epoch counts. Every loss gets the same views, batches, initial weights and optimiser, and nothing is tuned for any.
"""

from functools import partial

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.data import augmentations
from helpers.losses import alpha_cl
from helpers.networks import encoders
from helpers.spectral import subspaces

from ._fashion_reading import BASELINES, COMPARED, LABELS, LOSSES, MEASURED, compared, sides, summary

__all__ = ["BASELINES", "COMPARED", "LABELS", "LOSSES", "MEASURED", "compared", "sides", "summary"]
NOTEBOOK = "02_alpha_cl"
ABOUT = "Probe, 5-NN and effective rank of encoders trained with nine pair-weighted losses, small CNN, Fashion-MNIST."
SEEDS, MINUTES = tuple(range(8)), 12
CELLS = [{"loss": loss} for loss in LABELS]
CONSTANTS = {
    "data": "fashion-mnist",
    "train_part": "train",
    "train": 12_800,
    "labelled": 10_000,
    "test": 10_000,
    "encoder": [16, 32, 64, 128],
    "projector": [128, 128, 128],
    "crop_area": [0.2, 1.0],
    "jitter": 0.5,
    "temperature": 0.5,
    "epochs": 5,
    "batch": 128,
    "learning_rate": 1e-2,
    "fast": False,
    "neighbours": 5,
    "probe_epochs": 50,
    "probe_batch": 128,
    "probe_learning_rate": 1e-2,
    "probe_weight_decay": 1e-3,
}
FULL = {
    "constants": {
        "data": "cifar-10",
        "train": 50_000,
        "labelled": 50_000,
        "encoder": "resnet18",
        "projector": [512, 512, 128],
        "epochs": 100,
        "fast": True,
    },
    "seeds": (0, 1, 2),
}


def parts(settings, seed):
    """Training and test images of a seed, uint8; the first ``settings["labelled"]`` training images show their labels.

    The standard split: training images are drawn from the training part, and the test images are the test part, the
    same for every seed if all are taken. With ``settings["train_part"]`` "test" both come from the test part.
    """
    rng, sizes = np.random.default_rng(seed), (settings["train"], settings["test"])
    unseen = data.byte_images(settings["data"], "test")
    if settings["train_part"] == "test":
        return data.split(unseen, rng, sizes=sizes)
    known = data.byte_images(settings["data"], "train")
    return tuple(data.split(part, rng, sizes=[size])[0] for part, size in zip((known, unseen), sizes, strict=True))


def encode(settings, seed, device, scratch=None):
    """An encoder trained with ``settings["loss"]`` (or ``untrained``), a function of the seed."""
    images = torch.from_numpy(parts(settings, seed)[0].images)
    model = encoders.image_encoder(
        settings["encoder"],
        settings["projector"],
        colours=1 if images.ndim == 3 else images.shape[1],
        normalise=True,
        head_norm="plain",
        seed=seed,
    )
    if settings["loss"] == "untrained":
        return model
    views = augmentations.simclr(area=tuple(settings["crop_area"]), strength=settings["jitter"])
    training.fit(
        model,
        training.two_views(partial(alpha_cl.pair_loss, settings["loss"], temperature=settings["temperature"]), views),
        images,
        **{name: settings[name] for name in ("epochs", "batch", "learning_rate", "fast")},
        schedule=training.cosine(),
        seed=seed,
        device=device,
        checkpoint=scratch,
    )
    return model


def measure(settings, seed, device, scratch=None):
    """What one encoder is worth.

    Returns
    -------
    dict of str to float
        ``probe``: accuracy of a linear probe on the backbone's features h at its last epoch; ``neighbours``: 5-NN
        accuracy on the unit outputs z (cosine); both as fractions of the test images, from the labelled training
        images. ``rank`` and ``feature_rank``: exponential of the entropy of the eigenvalues of cov(z) and cov(h) on
        the test images. For raw pixels h and z are the pixels.
    """
    train, test = parts(settings, seed)
    train = train.take(slice(settings["labelled"]))
    if settings["loss"] == "raw pixels":
        h = z = [part.images.reshape(len(part), -1) / 255 for part in (train, test)]
    else:
        model = encode(settings, seed, device, scratch)
        h, z = (
            [evaluation.frozen_features(model, part.images, device=device, outputs=which) for part in (train, test)]
            for which in (False, True)
        )
    fitted = {key: settings[f"probe_{key}"] for key in ("epochs", "batch", "learning_rate", "weight_decay")}
    near = [part.astype(np.float32) for part in z]
    rank, feature_rank = (float(subspaces.effective_rank(subspaces.variances(part[1]))) for part in (z, h))
    return {
        "probe": evaluation.linear_probe(
            h[0], train.labels, h[1], test.labels, **fitted, seed=seed, device=device
        ).value,
        "neighbours": evaluation.nearest_neighbours(
            near[0], train.labels, near[1], test.labels, neighbours=settings["neighbours"]
        ).value,
        "rank": rank,
        "feature_rank": feature_rank,
    }


def draw(recording):
    """Accuracies against effective rank; the picture that is stored beside the recording."""
    from .. import figures  # needs matplotlib, which a machine that records may not have

    return figures.clothes(recording)[0]
