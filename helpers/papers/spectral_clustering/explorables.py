"""Tables behind the sliders of the site: an assumption is turned, and the error of a check moves with it.

Each function returns a table in long form, a row for every position of the slider and of the choice beside it.
"""

import numpy as np

from helpers.spectral import graphs

from . import population_minimisers


def tables(rng):
    """All tables of this paper, by name; ``rng`` maps a name to a numpy.random.Generator."""
    return {name: make(rng(name)) for name, make in (("laplacian", laplacian), ("temperature", temperature))}


def laplacian(rng):
    """Error of the Laplacian trace when part of the operator is a neighbouring one.

    The attraction is added edge by edge and compared with ``tr Z^T ((1 - share) L_s + share L') Z / tau``, for two
    wrong operators L': the one that is not symmetrised, and L_s without the temperature.

    Returns
    -------
    dict of str to list
        ``mixed_in``, ``share``, ``error`` (largest relative difference over 200 graphs), ``threshold`` (rounding of
        sums of n^2 positive terms).
    """
    n, tau = 12, np.geomspace(0.1, 10, 200)
    Z = rng.normal(size=(200, n, 3))
    P = graphs.random_transition(rng, 200, n, include_self=True, shape=0.5)
    springs = (P * ((Z[:, :, None] - Z[:, None]) ** 2).sum(axis=-1)).sum(axis=(1, 2)) / (2 * tau)

    def trace(operator):
        return (Z * (operator @ Z)).sum(axis=(1, 2)) / tau

    right = trace(graphs.laplacian(P))
    wrong = {"the part not symmetrised": trace(np.eye(n) - P), "the part without 1/tau": right * tau}
    rows = [
        (name, share, np.abs(((1 - share) * right + share * other) / springs - 1).max(), 64 * n * np.finfo(float).eps)
        for name, other in wrong.items()
        for share in np.append(0.0, np.logspace(-16, 0, 33))
    ]
    return _columns(("mixed_in", "share", "error", "threshold"), rows)


def temperature(rng):
    """Squared side of the simplex on ideal blocks, across the critical temperature, against the closed form.

    Two, three or four blocks of three objects, contrast 4, dimension k; the minimum is the best of four descents.

    Returns
    -------
    dict of str to list
        ``blocks``, ``ratio`` (temperature over the critical one), ``found``, ``claimed``, ``error``, ``near`` (error
        of the closed form with a contrast 1 % higher), ``threshold`` (what a gradient of 1e-11 may leave).
    """
    rows, members, contrast = [], 3, 4.0
    for blocks in (2, 3, 4):
        P, same = graphs.ideal_blocks(blocks, members, contrast)
        full = 2 * blocks / (blocks - 1)
        for ratio in np.linspace(0.25, 2, 15):
            setting = {"geometry": "sphere", "include_self": False, "tolerance": 1e-13, "restarts": 4, "rng": rng}
            tau = ratio * blocks / (blocks - 1) / np.log(contrast)
            end = population_minimisers.minimise(P, dimension=blocks, temperature=tau, **setting)
            if end.gradient_norm > 1e-11:
                raise ValueError(f"{blocks} blocks, ratio {ratio:.3g}: a gradient of {end.gradient_norm:.1e} is left")
            squared = ((end.features[:, None] - end.features) ** 2).sum(axis=-1)[~same]
            claimed, near = (min(2 * tau * np.log(c), full) for c in (contrast, 1.01 * contrast))
            errors = (np.abs(squared - side).max() for side in (claimed, near))
            rows.append((blocks, ratio, squared.mean(), claimed, *errors, 1e-6))
    return _columns(("blocks", "ratio", "found", "claimed", "error", "near", "threshold"), rows)


def _columns(names, rows):
    return {name: [row[k] for row in rows] for k, name in enumerate(names)}
