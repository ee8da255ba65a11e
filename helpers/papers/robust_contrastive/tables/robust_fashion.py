"""Robust contrastive training of a small convolutional encoder on Fashion-MNIST: six objectives, and the bound's terms.

Counterpart of the paper's main table and ablation (ResNet-18 on CIFAR-10 there). The weights of the terms are those of
the official code as read (benign 2, ASAM radius 1, discriminator 0.1 with rate 0.2); no row is tuned. Rows of one seed
share images, batches and initial weights. The full size was never run.
"""

from functools import partial

import numpy as np
import torch

from helpers import data, training
from helpers.data import augmentations
from helpers.networks import encoders

from .. import robust_scores, robust_training

NOTEBOOK = "05_robust_contrastive"
ABOUT = "Probes under PGD-20 and the bound's terms for six robust contrastive objectives, small CNN, Fashion-MNIST."
OBJECTIVES = {
    "benign": {"adversarial": 0.0, "benign": 2.0},
    "adversarial": {"adversarial": 1.0, "benign": 0.0},
    "adversarial + benign": {"adversarial": 1.0, "benign": 2.0},
    "adversarial + benign + SAM": {"adversarial": 1.0, "benign": 2.0, "sharpness": 1.0},
    "adversarial + benign + D": {"adversarial": 1.0, "benign": 2.0, "discriminator": 0.1},
    "all four": {"adversarial": 1.0, "benign": 2.0, "sharpness": 1.0, "discriminator": 0.1},
}
SEEDS, MINUTES = (0, 1, 2, 3, 4), 12
CELLS = [{"objective": name} for name in OBJECTIVES]
CONSTANTS = {
    "objectives": OBJECTIVES,
    "data": "fashion-mnist",
    "classes": 10,
    "encoder": [16, 32, 64],
    "projector": [64, 64],
    "probe_on": "outputs",
    "batch_norm": False,
    "unlabelled": 10_000,
    "reference": 3000,
    "test": 1000,
    "watched": 400,
    "positives": "augmentation",
    "views": {"crop": 0.6, "gain": [0.7, 1.0]},
    "temperature": 0.5,
    "batch": 128,
    "epochs": 6,
    "marks": [0, 1, 3, 6],
    "learning_rate": 3e-3,
    "warmup": 0.0,
    "optimiser": "adam",
    "weight_decay": 0.0,
    "radius": 0.1,
    "attack_steps": 3,
    "test_attack_steps": 20,
    "tuple_steps": 10,
    "negatives": 512,
    "sharpness_radius": 1.0,
    "probe_iterations": 200,
    "adversarial_probe_iterations": 80,
    "probe_batch": 256,
    "probe_attack_steps": 5,
    "discriminator_rate": 0.2,
    "fast": False,
}
OPTIONS = (  # settings that go to the training as they are
    "temperature",
    "epochs",
    "batch",
    "marks",
    "learning_rate",
    "optimiser",
    "weight_decay",
    "discriminator_rate",
    "fast",
)
FULL = {
    "constants": {
        "data": "cifar-10",
        "encoder": "resnet18",
        "projector": [512, 512, 128],
        "probe_on": "features",
        "unlabelled": 50_000,
        "reference": 5000,
        "test": 5000,
        "watched": 1000,
        "views": {"area": [0.2, 1.0], "strength": 0.5, "blur_size": 3},
        "batch": 512,
        "epochs": 60,
        "marks": [0, 1, 5, 20, 60],
        "learning_rate": 0.5,
        "warmup": 0.15,
        "optimiser": "sgd",
        "weight_decay": 1e-4,
        "radius": 8 / 255,
        "attack_steps": 7,
        "fast": True,
    },
    "seeds": (0, 1, 2),
}


def parts(settings, seed):
    """Images of a seed with labels: training part for encoder and probes; test part for class means and for attacks.

    Returns
    -------
    tuple of (Tensor, Tensor)
        Floating images in [0, 1] and labels: training, reference, test. Without the training part of Fashion-MNIST on
        the machine, ask for fewer images with ``settings["train_part"] = "test"``.
    """
    rng = np.random.default_rng(seed)
    sizes = [settings["unlabelled"], settings["reference"], settings["test"]]
    unseen = data.images(settings["data"], "test")
    if settings.get("train_part", "train") == "test":
        found = data.split(unseen, rng, sizes=sizes)
    else:
        known = data.split(data.images(settings["data"], "train"), rng, sizes=sizes[:1])
        found = known + data.split(unseen, rng, sizes=sizes[1:])
    return [(torch.from_numpy(part.images), torch.from_numpy(part.labels)) for part in found]


def augmentation(settings):
    """Views of images within the data range: crop, flip and darken, or those of SimCLR (Chen et al. 2020)."""
    views = settings["views"]
    if "area" in views:
        return augmentations.simclr(**views)
    steps = augmentations.compose(
        partial(augmentations.crop, smallest=views["crop"]),
        augmentations.flip,
        partial(augmentations.gain, low=views["gain"][0], high=views["gain"][1]),
    )
    return lambda images, generator: steps(images, generator).clamp(0, 1)


def pairing(settings, images, labels):
    """Anchors and positives of a batch of indices: two views of one image, or views of two images of one class."""
    ranks = [torch.nonzero(labels == c)[:, 0] for c in range(int(labels.max()) + 1)]
    sizes = torch.tensor([len(rank) for rank in ranks], device=labels.device)
    members, augment = torch.nn.utils.rnn.pad_sequence(ranks, batch_first=True), augmentation(settings)

    def pairs(rows, generator):
        partner = rows
        if settings["positives"] == "class":
            own = labels[rows]
            place = (torch.rand(len(rows), generator=generator).to(rows.device) * sizes[own]).long()
            partner = members[own, place]
        return tuple(augment(images[index], generator) for index in (rows, partner))

    return pairs


def measure(settings, seed, device, scratch=None):
    """Probes of a trained encoder on test images, and the bound's terms during its training.

    Returns
    -------
    dict of str to float
        ``slf_*`` and ``alf_*``: accuracies of the probe fitted on clean and on attacked training images, clean and
        under PGD; ``<reading>@<epoch>`` for ``robust_training.READINGS``, in nats.
    """
    train, reference, test = ((images.to(device), labels.to(device)) for images, labels in parts(settings, seed))
    norm = {} if settings["encoder"] == "resnet18" else {"batch_norm": settings["batch_norm"]}
    colours = 1 if train[0].ndim == 3 else train[0].shape[1]
    encoder = encoders.image_encoder(
        settings["encoder"], settings["projector"], colours=colours, normalise=True, seed=seed, head_norm="none", **norm
    )
    pairs = pairing(settings, *train)
    curve = robust_training.fit(
        encoder,
        torch.arange(len(train[0])),
        pairs,
        robust_training.Terms(**settings["objectives"][settings["objective"]]),
        threat(settings, settings["attack_steps"]),
        width=settings["projector"][-1],
        measure=partial(readings, settings, seed, pairs, reference, test),
        schedule=training.cosine(warmup=settings["warmup"]),
        seed=seed,
        device=device,
        checkpoint=scratch,
        **{key: settings[key] for key in OPTIONS},
    )
    at_marks = {
        f"{name}@{mark}": value
        for name, values in curve.items()
        for mark, value in zip(settings["marks"], values, strict=True)
    }
    return at_marks | probes(settings, seed, encoder, train, test)


def threat(settings, steps):
    """PGD with this many steps, within the table's ball and [0, 1]."""
    return robust_scores.Threat(settings["radius"], steps, 0.0, 1.0)


def readings(settings, seed, pairs, reference, test, encoder):
    """``robust_training.READINGS`` of an encoder: on the first test images, sharpness on views of training images."""
    generator, count = torch.Generator().manual_seed(seed + 10_000), settings["watched"]
    attack, device = threat(settings, settings["test_attack_steps"]), test[0].device
    form = {key: settings[key] for key in ("classes", "temperature", "negatives", "tuple_steps")}
    watched = (part[:count] for part in test)
    found = robust_training.bound_terms(encoder, *watched, *reference, attack, generator=generator, **form)
    views, radius = pairs(torch.arange(count, device=device), generator), settings["sharpness_radius"]
    rise = robust_training.sharpness_term(encoder, *views, radius, temperature=settings["temperature"])
    return found | {"sharpness": rise}


def probes(settings, seed, encoder, train, test):
    """Accuracies of linear probes fitted on clean (SLF) and on attacked training images (ALF), clean and under PGD."""
    generator, unit = torch.Generator().manual_seed(seed + 20_000), torch.nn.functional.normalize
    seen = encoder if settings["probe_on"] == "outputs" else lambda images: unit(encoder.features(images), dim=-1)
    encode = robust_training.encoding(seen, train[0].shape[1:])
    (inputs, labels), (test_inputs, test_labels) = (
        (images.flatten(1)[None], own[None]) for images, own in (train, test)
    )
    form = {key: settings[key] for key in ("classes", "temperature")} | {"batch": settings["probe_batch"]}
    kinds = {
        "slf": {"iterations": settings["probe_iterations"]},
        "alf": {
            "iterations": settings["adversarial_probe_iterations"],
            "threat": threat(settings, settings["probe_attack_steps"]),
        },
    }
    attack, values = threat(settings, settings["test_attack_steps"]), {}
    for name, kind in kinds.items():
        probe = robust_scores.fit_probe(encode, inputs, labels, generator=generator, **kind, **form)
        found = robust_scores.scores(encode, test_inputs, test_labels, probe, attack, generator=generator)
        values |= {f"{name}_clean": found.clean_accuracy.item(), f"{name}_robust": found.robust_accuracy.item()}
    return values


def draw(recording):
    """Probe accuracies of every row; a matplotlib Figure."""
    from .. import figures

    names = list(OBJECTIVES)
    kinds = {"clean probe (SLF)": "slf", "attacked probe (ALF)": "alf"}
    clean, attacked = (
        {
            title: 100 * np.array([recording.values(f"{probe}_{what}", objective=name) for name in names])
            for title, probe in kinds.items()
        }
        for what in ("clean", "robust")
    )
    return figures.fashion_probes([name.replace("adversarial", "adv") for name in names], clean, attacked)
