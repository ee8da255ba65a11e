"""Three small experiments about information in trained encoders, each a function of its seeds and a second a seed.

Same classes at two batch sizes; linear encoders between class and nuisance; factor images whose views share a set of
factors. All read information after training: a fresh critic, held-out pairs.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from helpers import critics, evaluation
from helpers.data import factor_images
from helpers.networks import encoders

from . import pair_streams

CLASSES = 10
CRITIC = {"steps": 50, "pairs": 128, "candidates": 128, "batches": 32, "read_candidates": 256, "learning_rate": 1e-2}


@dataclass(frozen=True)
class Readings:
    """What encoders are worth; every array has shape (seeds, encoders).

    Attributes
    ----------
    training_value : ndarray
        ln K minus the loss at the end of training, in nats; NaN where nothing was trained.
    information, information_error : ndarray
        Post-training value in nats, held-out, and its standard error over batches.
    accuracy, accuracy_error : ndarray
        Of a logistic probe, and its standard error over test objects.
    """

    training_value: np.ndarray
    information: np.ndarray
    information_error: np.ndarray
    accuracy: np.ndarray
    accuracy_error: np.ndarray


def clouds(count, centres, generator, *, spread):
    """Gaussian clouds around class centres, classes equiprobable: points (count, d) and labels (count,)."""
    labels = torch.randint(len(centres), (count,), generator=generator)
    return centres[labels] + spread * torch.randn(count, centres.shape[1], generator=generator), labels


def same_class_encoders(seeds, candidates, *, spread=0.5, steps=200, device="cpu"):
    """Encoders trained on same-class pairs of ten Gaussian clouds in R^20, at several batch sizes.

    Parameters
    ----------
    seeds : sequence of int
        Clouds, encoder, batches and critic. The same pairs are drawn for every K.
    candidates : sequence of int
        K in training, divisors of 256; every step sees 256 pairs. The temperature is 0.5.
    spread : float
        Standard deviation of a cloud; centres are standard normal. At 0.5 the clouds are well separated.
    steps : int
        A multiple of 10; 0 leaves the encoders untrained.
    device : torch.device or str

    Returns
    -------
    Readings
        Shape (seeds, candidates); information of same-class pairs at K = 256.
    """
    return _table([[_same_class(seed, K, spread, steps, device) for K in candidates] for seed in seeds])


def mixed_encoders(seeds, weights, *, pairing, device="cpu"):
    """Linear encoders between "nuisance only" and "class only", measured with one kind of pair.

    An image is a class centre and a nuisance of its own; a view adds a little noise to both. The encoder with weight w
    returns ``w * class part + (1 - w) * nuisance part`` in R^10.

    Parameters
    ----------
    seeds : sequence of int
    weights : sequence of float in [0, 1]
    pairing : {"class", "augmentation", "unpaired"}
        Two images of one class, two views of one image, or two images drawn independently.
    device : torch.device or str

    Returns
    -------
    Readings
        Shape (seeds, weights). Accuracies do not depend on the pairing.

    Raises
    ------
    ValueError
        For another pairing.
    """
    if pairing not in ("class", "augmentation", "unpaired"):
        raise ValueError(f"pairing is {pairing!r}, expected class, augmentation or unpaired")
    return _table([_mixed(seed, weights, pairing, device) for seed in seeds])


def factor_encoders(seeds, shared, *, steps=100, device="cpu"):
    """Accuracy of the digit probe on encoders whose views of factor images share a set of factors.

    Parameters
    ----------
    seeds : sequence of int
    shared : collection of str
        From ``factor_images.NAMES``.
    steps : int
        A multiple of 10; 0 leaves the encoders untrained.
    device : torch.device or str

    Returns
    -------
    ndarray, shape (seeds,)
    """
    return np.array([_factor(seed, shared, steps, device) for seed in seeds])


def _same_class(seed, candidates, spread, steps, device):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CLASSES, 20, generator=generator)
    (x, labels), (unseen, unseen_labels) = (clouds(2000, centres, generator, spread=spread) for _ in range(2))
    model = encoders.encoder((20, 64, 32), batch_norm=False, normalise=True, seed=seed)
    form = {"candidates": candidates, "temperature": 0.5, "learning_rate": 3e-3, "seed": seed, "device": device}
    value, stream = math.nan, critics.same_class_pairs(x, labels)
    if steps:
        value = pair_streams.fit_encoder(model, stream, steps=steps, pairs=256, **form)
    features = [evaluation.frozen_features(model, side, device=device) for side in (x, unseen)]
    scaled = [torch.from_numpy(side).float() for side in evaluation.standardised(*features)]
    both = (labels, unseen_labels)
    streams = [critics.same_class_pairs(side, own) for side, own in zip(scaled, both, strict=True)]
    return value, _read(streams, 32, seed, device), _probe(features, both)


def _mixed(seed, weights, pairing, device):
    generator, found = torch.Generator().manual_seed(seed), []
    parts = [_mixed_images(4000, generator) for _ in range(2)]
    labels = [own for _, _, own in parts]
    for weight in weights:
        views = [weight * signal + (1 - weight) * nuisance for signal, nuisance, _ in parts]  # (2 views, n, 10) each
        scale = views[0].std()
        streams = [_paired(side / scale, own, pairing) for side, own in zip(views, labels, strict=True)]
        features = [side[0].double().numpy() for side in views]
        found.append((math.nan, _read(streams, CLASSES, seed, device), _probe(features, labels)))
    return found


def _factor(seed, shared, steps, device):
    model = encoders.encoder((420, 64, 32), batch_norm=False, normalise=True, seed=seed)
    if steps:
        stream = pair_streams.factor_views(shared, noise=0.1)
        form = {"candidates": 64, "temperature": 0.1, "learning_rate": 3e-3, "seed": seed, "device": device}
        pair_streams.fit_encoder(model, stream, steps=steps, pairs=64, **form)
    rng = np.random.default_rng([seed, 1])
    labels = [rng.integers(factor_images.SIZES, size=(count, 3)) for count in (2000, 1000)]
    images = [factor_images.render(part, rng, noise=0.1) for part in labels]
    features = [evaluation.frozen_features(model, part, device=device) for part in images]
    return evaluation.logistic_probe(features[0], labels[0][:, 1], features[1], labels[1][:, 1]).value


def _mixed_images(count, generator):
    labels = torch.randint(CLASSES, (count,), generator=generator)
    signal = 2.5 * torch.eye(CLASSES)[labels] + 0.3 * torch.randn(2, count, CLASSES, generator=generator)
    nuisance = torch.randn(count, CLASSES, generator=generator)
    return signal, nuisance + 0.3 * torch.randn(2, count, CLASSES, generator=generator), labels


def _paired(views, labels, pairing):
    if pairing == "class":
        return critics.same_class_pairs(views[0], labels)
    if pairing == "augmentation":
        return pair_streams.views_of_objects(views)
    return critics.same_class_pairs(views[0], torch.zeros_like(labels))  # one class: two independent draws


def _read(streams, width, seed, device):
    fresh = critics.separable((width, 64, 16), seed=seed)
    return critics.post_training_information(fresh, *streams, **CRITIC, seed=seed, device=device)


def _probe(features, labels):
    first, second = (own.numpy() for own in labels)
    return evaluation.logistic_probe(features[0], first, features[1], second)


def _table(rows):
    fields = [
        [[value, read.value, read.standard_error, probe.value, probe.standard_error] for value, read, probe in row]
        for row in rows
    ]
    return Readings(*np.moveaxis(np.array(fields), -1, 0))
