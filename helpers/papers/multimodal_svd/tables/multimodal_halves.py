"""Two convolutional encoders on the left and right halves of Fashion-MNIST images, a share of the pairs wrong.

Nakada et al. (2023) prove for linear encoders that wrong pairs cost samples only: the error depends on n pairs, a share
p of them wrong, through n (1 - p)^2. Here both encoders are small convolutional networks without a projection head,
trained with CLIP on cosines; the linear estimator of the theory, one SVD, is scored on the same pairs beside them.

Every row takes the **same number of steps**, whatever n: small samples are seen more often, not trained less. With a
fixed number of epochs the largest sample would get many times the steps of the smallest, and an error that falls with n
would show the training as much as the data. Networks memorise wrong pairs where the linear estimator cannot, so that
every row is scored twice: after the last step, and where the loss of held-out pairs, as often wrong as those trained
on, was lowest. No true pairing is needed to stop there, and no test image.

Rows of the task "unpaired" start from stopped encoders of n right pairs and go on with further images whose pairing is
guessed. Temperature, rate and encoder were chosen on training images, before any row was scored.
"""

import copy
import functools

import numpy as np
import torch

from helpers import data, evaluation, training
from helpers.networks import encoders
from helpers.spectral import subspaces
from helpers.training import stages

from .. import dual_encoder, spiked_model, tower_scores
from . import _halves_reading as reading

NOTEBOOK = "04_multimodal_svd"
ABOUT = "Probe error and retrieval of two convolutional encoders on halves of images against pairs and wrong pairs."
SEEDS, MINUTES = (0, 1, 2, 3, 4), 13
CONSTANTS = {
    "data": "fashion-mnist",
    "split": "standard",
    "encoder": [16, 32, 64],
    "grid": [4, 2],
    "outputs": 64,
    "temperature": 0.2,
    "steps": 400,
    "batch": 256,
    "look_every": 20,
    "optimiser": "adamw",
    "learning_rate": 2e-3,
    "weight_decay": 0.0,
    "fast": False,
    "held_out": 1000,
    "probe": 5000,
    "strength": 0.1,
    "candidates": 1000,
    "unpaired": 20_480,
    "unpaired_steps": 240,
}


def _cells(sizes, most_wrong_from):
    """The unpaired row first, it takes longest; then all sizes for each share, large shares not for the smallest n."""
    cells = [{"task": "unpaired", "n": sizes[1], "share": 0.0}]
    for number, share in enumerate((0.0, 0.25, 0.5, 0.75)):
        cells += [{"task": "wrong", "n": n, "share": share} for n in sizes[most_wrong_from[number] :]]
    return cells


CELLS = _cells((640, 1280, 2560, 5120, 10_240, 20_480), (0, 1, 1, 2))
FULL = {
    "constants": {
        "data": "cifar-10",
        "encoder": "resnet18",
        "grid": None,
        "steps": 8000,
        "look_every": 400,
        "batch": 512,
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "fast": True,
        "unpaired": 20_480,
        "unpaired_steps": 4000,
    },
    "cells": _cells((2560, 5120, 10_240, 20_480, 40_960), (0, 1, 1, 1)),
    "seeds": (0, 1, 2),
}


@functools.lru_cache(maxsize=4)
def _bytes(name, part):
    found = data.byte_images(name, part)
    return torch.from_numpy(found.images), found.labels


def pools(settings, seed):
    """Images to train on, labelled images for the probe, test images; no two share an image.

    Parameters
    ----------
    settings : dict
        ``split`` is "standard" (training part for the first two, whole test part) or "shipped" (all from the test part,
        the one that travels with this repository: 2,000 for the probe, 2,000 for the test).
    seed : int

    Returns
    -------
    unlabelled : Tensor, uint8
        In random order, as many as the part has beside the others; the first n of it are a sample of n.
    probe, test : (Tensor, ndarray)

    Raises
    ------
    ValueError
        If the split is unknown.
    """
    rng = np.random.default_rng(seed)
    if settings["split"] == "shipped":
        images, labels = _bytes(settings["data"], "test")
        order = rng.permutation(len(labels))
        rest, own, held = np.split(order, [-4000, -2000])
        return images[rest], (images[own], labels[own]), (images[held], labels[held])
    if settings["split"] != "standard":
        raise ValueError(f"split is {settings['split']!r}, expected 'standard' or 'shipped'")
    images, labels = _bytes(settings["data"], "train")
    rest, own = np.split(rng.permutation(len(labels)), [-settings["probe"]])
    return images[rest], (images[own], labels[own]), _bytes(settings["data"], "test")


def towers(settings, images, seed):
    """The untrained encoders for these images: cosine similarity, no projection head.

    The linear layer behind the convolutions gives the outputs; scores and probes see the same outputs.
    """
    colours = 1 if images.ndim == 3 else images.shape[1]
    options = {"colours": colours, "normalise": False}
    kind, width = settings["encoder"], 512
    if settings["grid"] is not None:
        options["grid"], width = settings["grid"], kind[-1] * settings["grid"][0] * settings["grid"][1]
    sides = [
        encoders.image_encoder(kind, (width, settings["outputs"]), seed=2 * seed + number, **options)
        for number in range(2)
    ]
    return dual_encoder.TwoTowers(*sides, split=images.shape[-1] // 2, normalise=True)


def train(model, objective, rows, held, settings, seed, device, scratch, *, steps):
    """Train for a number of steps, however many rows there are, and keep the state with the lowest held-out loss too.

    Parameters
    ----------
    model : TwoTowers
        Trained in place to the last step.
    objective : callable
    rows, held : Tensor
        Observed pairs to train on, and to look at after every ``look_every`` steps or every round of the rows,
        whichever is longer.
    settings, seed, device, scratch
        As in :func:`measure`.
    steps : int
        A multiple of the steps between two looks.

    Returns
    -------
    stopped : TwoTowers
        A copy of the model as it was at the best look.
    step : int
        Of that look.

    Raises
    ------
    ValueError
        If the steps are no multiple.
    """
    per_round = len(rows) // settings["batch"]
    between = max(1, settings["look_every"] // max(per_round, 1))
    if not per_round or steps % (between * per_round):
        raise ValueError(
            f"steps is {steps}, expected a multiple of {between * max(per_round, 1)}: {len(rows)} pairs in batches of "
            f"{settings['batch']}, looked at every {settings['look_every']} steps"
        )
    fit = functools.partial(
        training.fit,
        model,
        objective,
        rows,
        batch=settings["batch"],
        learning_rate=settings["learning_rate"],
        weight_decay=settings["weight_decay"],
        optimiser=settings["optimiser"],
        seed=seed,
        device=device,
        fast=settings["fast"],
        every=steps,  # saved at every look, and by the clock
    )
    clip, best = dual_encoder.paired(temperature=settings["temperature"]), np.inf
    for rounds, _ in stages.reached(fit, range(between, steps // per_round + 1, between), scratch):
        with torch.no_grad():
            loss = float(clip(model, held.to(device), None))
        if loss < best:
            best, stopped, step = loss, copy.deepcopy(model), rounds * per_round
    return stopped, step


def wrong_pairs(settings, seed, device, scratch):
    """A row of the task "wrong": n pairs, a share of them wrong.

    Returns
    -------
    dict of str to float
        As :func:`scores` for the last step, the same where training was stopped (``stopped ...``, at
        ``stopped step``) and for the linear estimator (``linear ...``). ``fitted right`` and ``fitted wrong``: share
        of right and of wrong observed pairs that are retrieved among training pairs after the last step (0 where there
        are none). ``rank`` and ``strength 1``...: effective rank (of the squares) and singular values of the
        cross-covariance of the stopped encoders' unit outputs of true test pairs. ``identity``: see
        :func:`identity_error`.
    """
    images, probe, test = pools(settings, seed)
    n, share = settings["n"], settings["share"]
    rng, held = np.random.default_rng([seed, n]), images[-settings["held_out"] :]
    pairing, other = (spiked_model.pairings(rng, 1, size, share=share)[0] for size in (n, len(held)))
    rows, held = tower_scores.observed(images[:n], pairing), tower_scores.observed(held, other)
    model, clip = towers(settings, images, seed), dual_encoder.paired(temperature=settings["temperature"])
    stopped, step = train(model, clip, rows, held, settings, seed, device, scratch, steps=settings["steps"])
    outputs_of = {
        "": trained(model, device),
        "stopped ": trained(stopped, device),
        "linear ": tower_scores.linear_encoder(rows, rank=settings["outputs"]),
    }
    values = {"stopped step": step}
    for kind, encode in outputs_of.items():
        values |= {f"{kind}{name}": value for name, value in score(encode, probe, test, settings).items()}
    candidates = min(settings["candidates"], n)
    right = (pairing == np.arange(n))[:candidates]
    found = evaluation.retrieved(*outputs_of[""](rows[:candidates]), candidates=candidates)
    values["fitted right"] = float(found[right].mean())
    values["fitted wrong"] = float(found[~right].mean()) if share else 0.0
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in outputs_of["stopped "](test[0])]
    strengths = np.linalg.svd(spiked_model.contrastive_cross_covariance(*unit), compute_uv=False)
    values["rank"] = float(subspaces.effective_rank(strengths**2))
    values |= {f"strength {k + 1}": float(strengths[k]) for k in range(min(reading.STRENGTHS, len(strengths)))}
    options = {"temperature": settings["temperature"], "device": device}
    values["identity"] = tower_scores.identity_error(stopped, test[0][:500], **options)
    return values


def trained(model, device):
    """Two towers as a map from images to the outputs of both sides."""
    return lambda images: tower_scores.outputs(model, images, device=device)


def score(encode, probe, test, settings):
    """``tower_scores.scores`` with the settings' probe and candidates."""
    options = {"strength": settings["strength"], "candidates": settings["candidates"]}
    return tower_scores.scores(encode, probe, test, **options)


def unpaired(settings, seed, device, scratch):
    """A row of the task "unpaired": n right pairs, then N images whose pairing has to be guessed.

    The guesses come from the stopped encoders of the n pairs, which stay frozen (the released code's guess, its index
    repaired). ``paired only`` goes on with the n pairs; ``aligned`` guesses in batches that hold the partner of every
    item; ``shuffled`` in batches whose right halves are drawn independently; ``whole set`` takes for every left half
    the most similar right half of all N; ``oracle`` knows the N pairs.

    Returns
    -------
    dict of str to float
        As :func:`scores`, for ``untrained`` encoders, for ``start`` and, after the last step, for every arm
        (``start error``, ...), and the share of right guesses of the arms that guess, as ``aligned guessed``.
    """
    images, probe, test = pools(settings, seed)
    n, count, temperature = settings["n"], settings["unpaired"], settings["temperature"]
    pairs, others, held = images[:n], images[n : n + count], images[-settings["held_out"] :]
    model, clip, found = towers(settings, images, seed), dual_encoder.paired(temperature=temperature), {}
    found["untrained"] = score(trained(model, device), probe, test, settings)
    start, _ = train(model, clip, pairs, held, settings, seed, device, scratch, steps=settings["steps"])
    found["start"] = score(trained(start, device), probe, test, settings)
    sides = tower_scores.outputs(start, others, device=device)
    partner = evaluation.most_similar(*sides)
    anchor = copy.deepcopy(start).requires_grad_(False)
    guess = dual_encoder.guessed_pairs(dual_encoder.best_partners, temperature=temperature, anchor=anchor)
    arms = {
        "paired only": (clip, pairs),
        "aligned": (guess, others),
        "shuffled": (dual_encoder.shuffled(guess, others[..., start.split :].to(device)), others),
        "whole set": (clip, tower_scores.observed(others, partner)),
        "oracle": (clip, others),
    }
    for arm, (objective, rows) in arms.items():
        model, own = copy.deepcopy(start), None
        if scratch is not None:
            own = scratch.with_name(f"{scratch.stem}-{reading.ARMS.index(arm)}{scratch.suffix}")
        train(model, objective, rows, held, settings, seed + 1, device, own, steps=settings["unpaired_steps"])
        found[arm] = score(trained(model, device), probe, test, settings)
    right = tower_scores.guessed_right(*sides, np.random.default_rng([seed, 1]), batch=settings["batch"])
    right["whole set"] = float(np.mean(partner == np.arange(count)))
    values = {f"{arm} {name}": value for arm, measured in found.items() for name, value in measured.items()}
    return values | {f"{arm} guessed": share for arm, share in right.items()}


def measure(settings, seed, device, scratch=None):
    """One row; see :func:`wrong_pairs` and :func:`unpaired`."""
    task = {"wrong": wrong_pairs, "unpaired": unpaired}[settings["task"]]
    return task(settings, seed, device, scratch)


def draw(recording):
    """Scores of the encoders trained with wrong pairs, as the notebook shows them."""
    from .. import figures  # recording needs no matplotlib

    return figures.networks_wrong_pairs(recording)[0]
