"""One row of every full table on a device: network, batch, optimiser and precision of the full profile, less of it.

The images are those that travel with the collection, ten thousand of Fashion-MNIST, and a row trains for a few epochs:
its numbers show that the path works and how long it takes, they are not the table's. What was cut is stored beside
them.
"""

import math
from dataclasses import dataclass
from functools import partial

from helpers.recording import recorded

SHIPPED = {"data": "fashion-mnist", "train_part": "test"}


@dataclass(frozen=True)
class Cut:
    """Which cell of a full table is measured, what is cut from its settings, and what more for a trial run."""

    cell: dict
    settings: dict
    tiny: dict


CUTS = {
    "kernel_infonce_fashion": Cut(
        {"kernel": "gaussian", "scale": 0.5},
        SHIPPED | {"unlabelled": 6144, "labelled": 2000, "validation": 1000, "test": 2000, "epochs": 2},
        {
            "unlabelled": 256,
            "labelled": 200,
            "validation": 100,
            "test": 100,
            "epochs": 1,
            "batch": 64,
            "encoder": [4, 8],
            "projector": [8, 16, 16],
        },
    ),
    "alpha_cl_fashion": Cut(
        {"loss": "entropy"},
        SHIPPED | {"train": 6144, "labelled": 2000, "test": 2000, "epochs": 2, "probe_epochs": 5},
        {
            "train": 256,
            "labelled": 256,
            "test": 100,
            "epochs": 1,
            "probe_epochs": 1,
            "encoder": [4, 8],
            "projector": [8, 8, 8],
        },
    ),
    "mi_fashion": Cut(
        {"family": "same-class pairs", "candidates": 64},
        {
            "data": "fashion-mnist",
            "split": "test part",
            "train": 6144,
            "test": 2000,
            "epochs": 2,
            "read_after": [],
            "viewed": 1000,
            "measured": 1000,
        },
        {
            "train": 512,
            "test": 200,
            "epochs": 1,
            "pairs": 128,
            "viewed": 100,
            "measured": 100,
            "encoder": [4, 8],
            "projector": [8, 8, 8],
            "critic_widths": [8, 8],
            "critic": {
                "steps": 5,
                "pairs": 64,
                "candidates": 32,
                "batches": 2,
                "read_candidates": 64,
                "learning_rate": 1e-3,
                "weight_decay": 1e-4,
            },
        },
    ),
    "multimodal_halves": Cut(
        {"task": "wrong", "n": 5120, "share": 0.25},
        {"data": "fashion-mnist", "split": "shipped", "steps": 40, "look_every": 20, "held_out": 500},
        {
            "encoder": [4, 8],
            "grid": [2, 2],
            "outputs": 8,
            "batch": 2560,
            "steps": 2,
            "look_every": 2,
            "candidates": 100,
        },
    ),
    "robust_fashion": Cut(
        {"objective": "adversarial"},
        SHIPPED
        | {
            "unlabelled": 4096,
            "reference": 2000,
            "test": 500,
            "watched": 200,
            "epochs": 1,
            "marks": [0, 1],
            "probe_iterations": 50,
            "adversarial_probe_iterations": 10,
        },
        {
            "unlabelled": 128,
            "reference": 200,
            "test": 40,
            "watched": 40,
            "batch": 64,
            "encoder": [4, 8],
            "projector": [8, 8],
            "probe_on": "outputs",
            "attack_steps": 1,
            "test_attack_steps": 2,
            "tuple_steps": 2,
            "negatives": 32,
            "probe_iterations": 5,
            "adversarial_probe_iterations": 2,
            "probe_attack_steps": 1,
        },
    ),
}


def row_items(device, *, tiny):
    """Items for ``results.measure``, one a table that has a full profile."""
    return {name: partial(row, name, device, tiny=tiny) for name in CUTS}


def row(name, device, *, tiny):
    """A row of a full table, cut to what a few minutes allow.

    Returns
    -------
    dict
        ``cell``; ``cut``: every setting that was cut, with the value here and that of the full profile; ``values``.

    Raises
    ------
    ValueError
        If the full profile has no such cell, or a value is not a finite number.
    """
    full, cut = recorded.table(name, "full"), CUTS[name]
    if cut.cell not in full.cells:
        raise ValueError(f"{name} has no cell {cut.cell} in the full profile")
    changed = cut.settings | (cut.tiny if tiny else {})
    whole = full.settings(cut.cell)
    values = full.measure(whole | changed, 0, device)
    if bad := [key for key, value in values.items() if not math.isfinite(value)]:
        raise ValueError(f"{name}: {', '.join(bad)} is not finite")
    return {
        "cell": cut.cell,
        "cut": {key: {"here": value, "full": whole.get(key)} for key, value in changed.items()},
        "values": {key: float(value) for key, value in values.items()},
    }
