"""Estimators of mutual information with learned critics on ground truth: Gaussians and same-class pairs, K = 64.

The companion benchmark (Lee and Rhee 2024) trains joint critics of two layers of 256 units for 20000 steps; this is a
small counterpart that a laptop repeats. Each critic is trained by one objective and read on fresh pairs.
"""

import math

import torch

from helpers import critics
from helpers.information import estimators

from .. import pair_laws

NOTEBOOK = "03_mutual_information"
ABOUT = (
    "InfoNCE, NWJ, DV, JS and SMILE values of learned critics on Gaussians and same-class pairs of known information."
)
FAMILIES = ("gaussian", "classes")
BITS = (2, 4, 6, 8, 10)
TRAINED = ("infonce", "infonce, separable", "nwj", "dv", "js")
SEEDS = (0, 1, 2)
CELLS = [{"family": f, "bits": b, "trained": t} for f in FAMILIES for b in BITS for t in TRAINED]
CONSTANTS = {
    "dimension": 10,
    "hidden": [128, 128],
    "embedding": 32,
    "candidates": 64,
    "steps": 800,
    "learning_rate": 1e-3,
    "batches": 150,
    "width": 0.6,
    "clips": [1.0, 5.0],
}


def gaussian_draw(bits):
    """Draws pairs of 10-dimensional standard normals whose coordinates are correlated, I = ``bits`` bits in all."""
    dimension = CONSTANTS["dimension"]
    correlation = float(pair_laws.gaussian_correlation(bits * math.log(2), dimension=dimension))

    def draw(count, generator):
        first, fresh = (torch.randn(count, dimension, generator=generator) for _ in range(2))
        return first, correlation * first + math.sqrt(1 - correlation**2) * fresh

    return draw


def classes_draw(bits):
    """Draws same-class pairs of 2^bits equiprobable classes: signs of ``bits`` coordinates, each with its own noise.

    The noise is uniform of half width 0.3, so that the class can be read off either view: I = ``bits`` bits exactly.
    """
    width = CONSTANTS["width"]

    def draw(count, generator):
        signs = 2.0 * torch.randint(2, (count, bits), generator=generator) - 1
        first, second = (signs + width * (torch.rand(count, bits, generator=generator) - 0.5) for _ in range(2))
        return first, second

    return draw


def drawer(family, bits):
    """The pairs of a cell, as ``critics.fit`` takes them."""
    if family not in FAMILIES:
        raise ValueError(f"family is {family!r}, expected one of {', '.join(FAMILIES)}")
    return gaussian_draw(bits) if family == "gaussian" else classes_draw(bits)


def fitted(cell, seed, device, *, steps=None):
    """A critic trained by the objective of the cell."""
    draw = drawer(cell["family"], cell["bits"])
    inputs = CONSTANTS["dimension"] if cell["family"] == "gaussian" else cell["bits"]
    trained, hidden = cell["trained"], CONSTANTS["hidden"]
    if trained == "infonce, separable":
        critic, trained = critics.separable((inputs, *hidden, CONSTANTS["embedding"]), seed=seed), "infonce"
    else:
        critic = critics.joint(inputs, inputs, hidden=hidden, seed=seed)

    def objective(scores):
        if trained == "js":
            return estimators.jensen_shannon_objective(scores).mean()
        return estimators.values(trained, scores).mean()

    critics.fit(
        critic,
        draw,
        steps=CONSTANTS["steps"] if steps is None else steps,
        pairs=CONSTANTS["candidates"],
        candidates=CONSTANTS["candidates"],
        learning_rate=CONSTANTS["learning_rate"],
        seed=seed,
        objective=objective,
        device=device,
    )
    return critic


def measure(cell, seed, device, scratch=None, *, steps=None, batches=None):
    """What a critic reads on fresh batches of 64 pairs, in nats.

    Returns
    -------
    dict of str to float
        ``value``: by the method that trained it; for ``js`` also ``smile 1`` and ``smile 5``, read off the same critic.
    """
    critic, draw = fitted(cell, seed, device, steps=steps), drawer(cell["family"], cell["bits"])
    method = cell["trained"].split(",")[0]
    readings = {"value": {"method": method}}
    if method == "js":
        readings |= {f"smile {clip:g}": {"method": "smile", "clip": clip} for clip in CONSTANTS["clips"]}
    size = {"batches": CONSTANTS["batches"] if batches is None else batches, "candidates": CONSTANTS["candidates"]}
    return {
        name: critics.read(critic, draw, **size, seed=1000 + seed, device=device, **how).value
        for name, how in readings.items()
    }
