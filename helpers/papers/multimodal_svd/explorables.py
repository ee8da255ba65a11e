"""Tables behind the sliders of the site: an assumption is turned, and the error of a check moves with it."""

import numpy as np
from scipy import special

from . import gaussian_sampling, spiked_model

SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)


def tables(rng):
    """All tables of this paper, by name; ``rng`` maps a name to a numpy.random.Generator."""
    return {"pairs": pairs(rng("pairs"))}


def pairs(rng, *, draws=120):
    """Squared error of the recovered subspace over the sharp law, by number of pairs and share of wrong ones.

    Dimensions 16 and 12, rank 2, noise 0.25. The law asks for n (1 - p)^2 well above 28, the sum of the dimensions.

    Returns
    -------
    dict of str to list
        ``share`` (p), ``pairs`` (n), ``effective`` (n (1 - p)^2), ``measured`` and ``law`` (mean squared errors),
        ``error`` (abs(measured / law - 1)), ``allowed`` (what chance may leave of it at a level of one in a million).
    """
    model = spiked_model.spiked_model(rng, dimensions=(16, 12), rank=2, noise=(0.25, 0.25))
    sizes = np.geomspace(50, 6400, 8).round().astype(int)
    squares = gaussian_sampling.grid(model, sizes, rng, shares=SHARES, draws=draws)
    names = ("share", "pairs", "effective", "measured", "law", "error", "allowed")
    columns = {name: [] for name in names}
    for share, found in zip(SHARES, squares, strict=True):
        law = spiked_model.first_order_error(model, sizes, share=share)[0]
        measured, spread = found.mean(axis=-1), found.std(axis=-1, ddof=1) / draws**0.5
        error, allowed = np.abs(measured / law - 1), -special.stdtrit(draws - 1, 0.5e-6) * spread / law
        row = ([share] * len(sizes), sizes, sizes * (1 - share) ** 2, measured, law, error, allowed)
        for name, values in zip(names, row, strict=True):
            columns[name] += list(values)
    return columns
