"""Robust contrastive training on digits: four objectives, two kinds of positives (small counterpart of the main table).

The paper trains ResNet-18 on CIFAR-10/100 and STL-10; this is a counterpart that a laptop repeats. Every variant gets
the same encoder, batches, optimiser and number of steps; only positives and objective differ.
"""

import numpy as np
import torch

from helpers import data
from helpers.data import augmentations

from .. import ensemble, robust_scores

NOTEBOOK = "05_robust_contrastive"
ABOUT = "Clean and attacked loss and accuracy of encoders trained with four robust contrastive objectives, digits."
OBJECTIVES = {
    "benign": (0.0, 1.0, 0.0, 0.0),
    "adversarial": (1.0, 0.0, 0.0, 0.0),
    "adversarial + benign": (1.0, 1.0, 0.0, 0.0),
    "adversarial + benign + discriminator": (1.0, 1.0, 0.0, 0.1),
}
SEEDS = tuple(range(6))
CELLS = [{"positives": positives, "objective": name} for positives in ("class", "augmentation") for name in OBJECTIVES]
CONSTANTS = {
    "train": 1200,
    "test": 597,
    "widths": [64, 128, 32],
    "temperature": 0.5,
    "batch": 128,
    "steps": 500,
    "learning_rate": 2e-3,
    "radius": 0.1,
    "attack_steps": 5,
    "test_attack_steps": 20,
    "test_restarts": 4,
    "shift": 1,
    "noise": 0.1,
    "probe_iterations": 150,
    "adversarial_probe_iterations": 100,
}


def parts(seed):
    """Training and test images of a seed, flattened, with labels: two pairs of Tensors (1, n, 64) and (1, n)."""
    sizes = (CONSTANTS["train"], CONSTANTS["test"])
    found = data.split(data.digits(), np.random.default_rng(seed), sizes=sizes)
    return [(torch.from_numpy(p.images).reshape(1, -1, 64), torch.from_numpy(p.labels)[None]) for p in found]


def views(images, generator):
    """Shift by one pixel and noise, within the data range; images (1, n, 64)."""
    moved = augmentations.shift(images.reshape(-1, 8, 8), generator, maximum=CONSTANTS["shift"])
    noisy = augmentations.noise(moved, generator, deviation=CONSTANTS["noise"])
    return noisy.clamp(0, 1).reshape(1, -1, 64)


def drawer(images, labels, positives, generator):
    """Draws anchors and positives: two images of one class, or two views of one image."""
    ranks = [torch.nonzero(labels[0] == c)[:, 0] for c in range(10)]
    sizes = torch.tensor([len(rank) for rank in ranks])
    table = torch.nn.utils.rnn.pad_sequence(ranks, batch_first=True)

    def draw():
        chosen = torch.randint(labels.shape[1], (CONSTANTS["batch"],), generator=generator)
        if positives == "augmentation":
            return views(images[:, chosen], generator), views(images[:, chosen], generator)
        own = labels[0, chosen]
        place = (torch.rand(len(own), generator=generator) * sizes[own]).long()
        return images[:, chosen], images[:, table[own, place]]

    return draw


def measure(cell, seed, device, scratch=None, *, steps=None):
    """Losses in nats and accuracies as fractions, on the test images.

    Returns
    -------
    dict of str to float
        ``mean_*``: mean classifier; ``slf_*``: linear probe fitted on clean images; ``alf_*``: fitted under attack.
        Each with clean and robust accuracy, the mean classifier also with clean and robust cross-entropy.
    """
    if torch.device(device).type != "cpu":
        raise ValueError(f"this table is recorded on the CPU, not on {device}")
    del scratch
    settings = CONSTANTS if steps is None else CONSTANTS | {"steps": steps, "adversarial_probe_iterations": 3}
    generator = torch.Generator().manual_seed(seed)
    (images, labels), (test, test_labels) = parts(seed)
    layers = ensemble.initial(settings["widths"], [seed])
    keys = ("steps", "temperature", "radius", "attack_steps", "learning_rate")
    ensemble.train(
        layers,
        ensemble.recipe([OBJECTIVES[cell["objective"]]]),
        drawer(images, labels, cell["positives"], torch.Generator().manual_seed(seed + 1000)),
        generator=generator,
        low=0.0,
        high=1.0,
        **{key: settings[key] for key in keys},
    )
    threat = robust_scores.Threat(settings["radius"], settings["test_attack_steps"], 0.0, 1.0)
    weak = robust_scores.Threat(settings["radius"], settings["attack_steps"], 0.0, 1.0)
    form = {"classes": 10, "temperature": settings["temperature"]}
    layers = [layer.detach() for layer in layers]
    z = ensemble.features(layers, images)
    fitted = {**form, "generator": generator}
    adversarial = {"threat": weak, "iterations": settings["adversarial_probe_iterations"]}
    classifiers = {
        "mean": robust_scores.mean_classifier(z, labels, **form),
        "slf": robust_scores.fit_probe(layers, images, labels, iterations=settings["probe_iterations"], **fitted),
        "alf": robust_scores.fit_probe(layers, images, labels, **adversarial, **fitted),
    }
    values = {}
    for name, classifier in classifiers.items():
        found = robust_scores.scores(
            layers, test, test_labels, classifier, threat, generator=generator, restarts=settings["test_restarts"]
        )
        values |= {f"{name}_clean": found.clean_accuracy.item(), f"{name}_robust": found.robust_accuracy.item()}
        if name == "mean":
            values |= {"clean_loss": found.clean_loss.item(), "robust_loss": found.robust_loss.item()}
    return values
