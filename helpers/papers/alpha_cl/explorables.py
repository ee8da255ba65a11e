"""Tables behind the sliders of the site: an assumption is turned, and the error of a check moves with it."""

import numpy as np
import torch
from scipy import special

from helpers.optimise import manifolds, ode

from . import linear_networks, sweeps

DEPTHS = {2: (4, 1, 1), 3: (4, 1, 3, 1), 4: (4, 1, 3, 3, 1)}


def tables(rng):
    """All tables of this paper, by name; ``rng`` maps a name to a numpy.random.Generator."""
    return {"trapped": trapped(rng("trapped"))}


def trapped(rng, *, starts=400):
    """Share of starts that gradient flow leaves at energy zero, by depth, beside the exact basin of depth three.

    The covariance is diag(1, -a, -a, -a). Flows run for a time of 30; the exact share is over 20,000 other starts.

    Returns
    -------
    dict of str to list
        ``depth``, ``ratio`` (a), ``measured``, ``formula`` (of depth three), ``error``, ``allowed`` (what chance may
        leave between the two at a level of one in a million).
    """
    ratios = np.geomspace(0.25, 8, 7)
    formula = sweeps.trapped_shares(ratios, (3,), 4, 20_000, rng)[0].numpy()
    spectrum = torch.tensor([[1.0] + 3 * [-a] for a in ratios], dtype=torch.float64)
    X = torch.diag_embed(spectrum).repeat_interleave(starts, 0)
    spread = np.sqrt(formula * (1 - formula) * (1 / starts + 1 / 20_000))
    allowed = -special.ndtri(0.5e-6) * spread
    columns = {name: [] for name in ("depth", "ratio", "measured", "formula", "error", "allowed")}
    for depth, widths in DEPTHS.items():
        start = manifolds.random_weights(widths, len(X), rng)
        end = ode.runge_kutta(lambda W: linear_networks.flow(W, X), start, duration=30.0, steps=300)
        left = 2 * linear_networks.energy(end, X) < 0.5
        measured = left.double().reshape(len(ratios), starts).mean(1).numpy()
        found = ([depth] * len(ratios), ratios, measured, formula, np.abs(measured - formula), allowed)
        for name, values in zip(columns, found, strict=True):
            columns[name] += list(values)
    return columns
