"""Batch size, and what measures an encoder: networks trained on Fashion-MNIST, some of them read twice.

One set of encoders answers both questions. Those trained on pairs differ in the number K of candidates, every step
seeing the same number of pairs; with those trained at other strengths of augmentation, on labels of which some are
wrong, or not at all, they are the encoders over which measures are compared with accuracy.
"""

from functools import partial

import numpy as np
import torch

from helpers import critics, data, evaluation, statistics, training
from helpers.data import augmentations
from helpers.evaluation import encoder_measures
from helpers.networks import encoders
from helpers.recording import recorded
from helpers.training import stages

from .. import encoder_families, pair_streams, post_training

NOTEBOOK = "03_mutual_information"
ABOUT = "Training value, post-training information, accuracy and three measures of encoders of Fashion-MNIST."
SEEDS = (0, 1, 2, 3)
MINUTES = 12
SAME, VIEWS = "same-class pairs", "augmentation pairs"
BASELINES = ("untrained", "raw pixels")
MEASURES = {
    "same_class": "same-class information (nats)",
    "augmentation": "augmentation information (nats)",
    "alignment": "minus alignment",
    "uniformity": "minus uniformity",
    "tolerance": "tolerance",
}


def cells(candidates, usual):
    """One cell an encoder; all numbers of candidates for both kinds of pairs, the strengths at the usual number."""
    found = [{"family": family} for family in BASELINES]
    found += [{"family": "principal components", "components": k} for k in (1, 2, 4, 8, 16)]
    found += [{"family": SAME, "candidates": K} for K in candidates]
    found += [{"family": VIEWS, "candidates": K, "strength": 1.0} for K in candidates]
    found += [{"family": VIEWS, "candidates": usual, "strength": strength} for strength in (0.0, 0.25, 0.5, 2.0)]
    return found + [{"family": "supervised", "wrong": wrong} for wrong in (0.0, 0.5, 0.8, 1.0)]


CELLS = cells((2, 8, 32, 256), 256)
CONSTANTS = {
    "data": "fashion-mnist",
    "split": "standard",
    "train": 10240,
    "test": 10000,
    "encoder": [16, 32, 128],
    "projector": [128, 128, 64],
    "temperature": {SAME: 0.5, VIEWS: 0.2},
    "area": 0.4,
    "jitter": 0.5,
    "epochs": 6,
    "read_after": [1],
    "pairs": 256,
    "learning_rate": 2e-3,
    "fast": False,
    "views": 4,
    "viewed": 4000,
    "measured": 2500,
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
FULL = {
    "constants": {
        "data": "cifar-10",
        "train": 50000,
        "encoder": "resnet18",
        "projector": [512, 512, 128],
        "area": 0.2,
        "epochs": 100,
        "read_after": [3, 10, 30],
        "pairs": 1024,
        "learning_rate": 1e-3,
        "fast": True,
        "critic_widths": [256, 64],
        "critic": CONSTANTS["critic"] | {"steps": 2000, "pairs": 1024, "candidates": 256, "read_candidates": 2048},
    },
    "cells": cells((16, 64, 256, 1024), 1024),
}

LIVE = {  # what a notebook changes to measure a row within seconds, on the images that travel with this collection
    "split": "test part",
    "train": 2560,
    "test": 2000,
    "encoder": [8, 16, 64],
    "projector": [64, 64, 32],
    "epochs": 4,
    "read_after": [],
    "viewed": 400,
    "measured": 400,
    "critic": CONSTANTS["critic"] | {"steps": 150, "pairs": 256, "batches": 8, "read_candidates": 256},
}


# -- measuring --------------------------------------------------------------------------------------------------
def parts(settings, seed):
    """Training and test images of a seed.

    The standard split draws the training images from the training part and takes the first ones of the test part;
    ``split = "test part"`` draws both from the test part, which travels with this collection.
    """
    rng, test = np.random.default_rng(seed), data.images(settings["data"], "test")
    if settings["split"] == "test part":
        return data.split(test, rng, sizes=(settings["train"], settings["test"]))
    train = data.images(settings["data"], "train")
    return train.take(rng.permutation(len(train))[: settings["train"]]), test.take(slice(settings["test"]))


def views(settings, strength=1.0):
    """Views after Chen et al. (2020): crop, flip, colour jitter, grey; strength 0 leaves crop and jitter out."""
    smallest = max(0.08, 1 - (1 - settings["area"]) * strength)
    return augmentations.simclr(area=(smallest, 1.0), strength=settings["jitter"] * strength)


def trained_encoders(settings, train, seed, device, scratch=None):
    """The encoder of a cell each time it is to be read.

    Yields
    ------
    number : int
        Of epochs trained; 0 for an encoder without training.
    encode : callable
        Maps images (Tensor) to features (ndarray, (n, d)).
    values : dict of str to float
        ``training_value`` of an encoder trained on pairs: ln K minus the mean loss of the last epoch, nats.
    """
    family, images = settings["family"], torch.from_numpy(train.as_bytes())
    if family == "raw pixels":
        yield 0, lambda some: augmentations.to_float(some).flatten(1).double().numpy(), {}
        return
    if family == "principal components":
        project = encoder_families.principal_components(augmentations.to_float(images), settings["components"])
        yield 0, lambda some: project(augmentations.to_float(some)), {}
        return
    supervised, features = family == "supervised", settings["projector"][0]
    head = [features, int(train.labels.max()) + 1] if supervised else settings["projector"]
    form = {"colours": 1 if images.ndim == 3 else images.shape[1], "normalise": not supervised, "seed": seed}
    model = encoders.image_encoder(settings["encoder"], head, **form)
    encode = partial(evaluation.frozen_features, model, device=device)
    if family == "untrained":
        yield 0, encode, {}
        return
    objective, rows = _task(settings, images.to(device), train.labels, seed)
    options = {"batch": settings["pairs"], "learning_rate": settings["learning_rate"], "fast": settings["fast"]}
    fit = partial(training.fit, model, objective, rows, seed=seed, device=device, **options)
    ends = [settings["epochs"]] if supervised else [*settings["read_after"], settings["epochs"]]
    for number, losses in stages.reached(fit, ends, scratch):
        known = {} if supervised else {"training_value": float(np.log(settings["candidates"]) - losses[-1])}
        yield number, encode, known


def _task(settings, images, labels, seed):
    """Objective and rows of a cell, for ``training.fit``."""
    if settings["family"] == "supervised":
        wrong = encoder_families.wrong_labels(labels, settings["wrong"], np.random.default_rng([seed, 1]))
        return encoder_families.label_objective(images, wrong.to(images.device)), torch.arange(len(labels))
    form = {"candidates": settings["candidates"], "temperature": settings["temperature"][settings["family"]]}
    if settings["family"] == VIEWS:
        loss = partial(pair_streams.grouped_infonce, **form)
        return training.two_views(loss, views(settings, settings["strength"])), images
    pick = critics.same_class_pairs(torch.arange(len(labels)), torch.from_numpy(labels))

    def stream(count, generator):
        return tuple(images[side.to(images.device)] for side in pick(count, generator))

    return pair_streams.stream_objective(stream, **form), torch.zeros(len(labels))


def measure(settings, seed, device, scratch=None):
    """Everything about the encoder of a cell, on test images.

    Returns
    -------
    dict of str to float
        ``accuracy``: logistic probe; ``neighbours``: 5-NN accuracy; ``same_class``, ``augmentation``: post-training
        information of pairs of one class and of two views of one image, held-out, nats; ``alignment`` of such views,
        ``uniformity``, ``tolerance``; ``training_value`` as in :func:`trained_encoders`. Numbers read before the end of
        the training have ``" after <epochs>"`` behind their names.
    """
    images = parts(settings, seed)
    generator, values = torch.Generator().manual_seed(seed), {}
    seen = []
    for part in images:
        some = torch.from_numpy(part.images[: settings["viewed"]])
        seen.append([views(settings)(some, generator) for _ in range(settings["views"])])
    last = settings["epochs"]
    for number, encode, known in trained_encoders(settings, images[0], seed, device, scratch):
        behind = "" if number in (0, last) else f" after {number}"
        found = known | read(encode, images, seen, settings, seed, device)
        values |= {f"{name}{behind}": value for name, value in found.items()}
    return values


def read(encode, images, seen, settings, seed, device):
    """The measures of one frozen encoder; ``seen`` holds views of both parts, lists of Tensor."""
    train, test = images
    features = [encode(torch.from_numpy(part.images)) for part in images]
    shown = [np.stack([encode(view) for view in part]) for part in seen]
    few = slice(settings["measured"])
    protocol = settings["critic"] | {"widths": settings["critic_widths"], "seed": seed, "device": device}
    near = evaluation.nearest_neighbours(features[0], train.labels, features[1][few], test.labels[few])
    return {
        "accuracy": evaluation.logistic_probe(features[0], train.labels, features[1], test.labels).value,
        "neighbours": near.value,
        "same_class": post_training.same_class(features, (train.labels, test.labels), **protocol),
        "augmentation": post_training.two_views(shown, **protocol),
        "alignment": encoder_measures.alignment(*shown[1][:2]),
        "uniformity": encoder_measures.uniformity(features[1][few]),
        "tolerance": encoder_measures.tolerance(features[1][few], test.labels[few]),
    }


# -- reading the table ------------------------------------------------------------------------------------------
def by_encoder(recording):
    """The stored numbers as arrays, one row an encoder and a number of epochs; larger is said to be better.

    Parameters
    ----------
    recording : recorded.Recording

    Returns
    -------
    values : dict of str to ndarray, shape (encoders, seeds)
        ``MEASURES``, ``accuracy``, ``neighbours`` and ``same_class``; alignment and uniformity with a minus.
    family : ndarray of str, shape (encoders,)
    """
    constants, seeds = recording.record["constants"], len(recording.record["seeds"])
    ends = [f" after {number}" for number in constants["read_after"]] + [""]
    groups = [recording.rows[start : start + seeds] for start in range(0, len(recording.rows), seeds)]
    found = [(group, end) for group in groups for end in ends if f"accuracy{end}" in group[0]]
    values = {
        key: np.array([[row[key + end] for row in group] for group, end in found])
        for key in (*MEASURES, "accuracy", "neighbours")
    }
    for key in ("alignment", "uniformity"):
        values[key] = -values[key]
    return values, np.array([group[0]["family"] for group, _ in found])


def correlations(values, correlation, *, chosen=slice(None), target="accuracy"):
    """Correlation of every measure with an accuracy over the encoders, one number a seed.

    Parameters
    ----------
    values : dict of str to ndarray
        From :func:`by_encoder`.
    correlation : callable
        ``encoder_measures.rank_correlation`` or ``encoder_measures.linear_correlation``.
    chosen : ndarray of bool, optional
        Encoders to look at.
    target : str

    Returns
    -------
    ndarray, shape (measures, seeds)
    """
    return np.array([correlation(values[key][chosen].T, values[target][chosen].T) for key in MEASURES])


def trained(family):
    """Which encoders are networks that were trained."""
    return ~np.isin(family, (*BASELINES, "principal components"))


def sweep(recording):
    """The rows of the two sweeps over K, as ``figures.sweep_of`` reads them."""
    rows = []
    for row in recording.rows:
        named = row | {"pairing": row["family"], "information": row["same_class"]}
        if row["family"] in (SAME, VIEWS) and row.get("strength", 1.0) == 1.0:
            rows.append(named)
        elif row["family"] in BASELINES:
            rows += [named | {"pairing": pairing, "candidates": row["family"]} for pairing in (SAME, VIEWS)]
    return recorded.Recording(rows, recording.record)


def numbers(recording):
    """K of the sweeps, ascending."""
    return sorted({row["candidates"] for row in recording.rows if row["family"] == SAME})


def batch_rows(recording):
    """The sweeps over K as a table of text: means with standard errors, paired differences to the largest K.

    Returns
    -------
    header : list of str
    rows : list of list of str
        Intervals hold jointly for one kind of pairs and one number, at 95 %.
    """
    table, chosen, rows = sweep(recording), numbers(recording), []
    for pairing in (SAME, VIEWS):
        found = {
            key: np.array([table.values(key, pairing=pairing, candidates=K) for K in (*chosen, *BASELINES)])
            for key in ("information", "accuracy")
        }
        in_training = np.array([table.values("training_value", pairing=pairing, candidates=K) for K in chosen])
        against = {
            key: statistics.against(np.delete(of, len(chosen) - 1, axis=0), of[len(chosen) - 1])
            for key, of in found.items()
        }
        for place, K in enumerate((*chosen, *BASELINES)):
            other = place - (place >= len(chosen))
            rows.append([pairing, str(K), _mean(in_training[place]) if place < len(chosen) else ""])
            for key, of in found.items():
                rows[-1] += [_mean(of[place]), "" if chosen[-1] == K else _difference(against[key], other)]
    names = ("same-class information", "accuracy")
    header = ["pairs", "K", "training value"] + [h for name in names for h in (name, f"minus K = {chosen[-1]}")]
    return header, rows


def measure_rows(recording):
    """The correlations with accuracy as a table of text, with paired differences to the same-class information.

    Returns
    -------
    header : list of str
    rows : list of list of str
        Over all encoders and over trained networks alone; intervals hold jointly for the measures of one column, 95 %.
    """
    values, family = by_encoder(recording)
    names = {"rank": encoder_measures.rank_correlation, "linear": encoder_measures.linear_correlation}
    header, columns = ["measure"], [list(MEASURES.values())]
    for chosen, who in ((slice(None), "all"), (trained(family), "trained")):
        for name, correlation in names.items():
            found = correlations(values, correlation, chosen=chosen)
            against = statistics.against(found[1:], found[0])
            header += [f"{name}, {who}", "minus same-class"]
            columns += [[_mean(row) for row in found], ["", *(_difference(against, k) for k in range(len(found) - 1))]]
    return header, [list(row) for row in zip(*columns, strict=True)]


def _mean(values):
    found = statistics.monte_carlo_mean(values)
    return f"{found.value:.3f} ± {found.standard_error:.3f}"


def _difference(found, place):
    return f"{found.mean[place]:+.3f} ({found.low[place]:+.3f} to {found.high[place]:+.3f})"


def draw(recording):
    """The figure that is stored beside the table: what measures an encoder."""
    from .. import figures

    (values, family), rank = by_encoder(recording), encoder_measures.rank_correlation
    chosen = trained(family)
    ranks = {
        "all encoders": correlations(values, rank),
        "trained networks": correlations(values, rank, chosen=chosen),
    }
    return figures.fashion_measures(values, family, MEASURES, ranks)[0]
