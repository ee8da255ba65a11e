"""What estimators of mutual information read on ground truth: recorded, exact and published, ready to be plotted.

All values in nats; the truth is given in bits, as the companion benchmark (Lee and Rhee 2024, arXiv 2410.10924) does.
"""

import math

import npeet_plus
import numpy as np
import torch
from sklearn.feature_selection import mutual_info_regression

from helpers import critics, information, statistics, validation
from helpers.information import estimators

from . import class_counts, gaussian_gap, infonce_gap, pair_laws

CURVES = {
    "InfoNCE": ("infonce", "value"),
    "InfoNCE, separable": ("infonce, separable", "value"),
    "NWJ": ("nwj", "value"),
    "DV": ("dv", "value"),
    "JS": ("js", "value"),
    "SMILE 1": ("js", "smile 1"),
    "SMILE 5": ("js", "smile 5"),
}

# Stored InfoNCE values of the companion benchmark, means of the last 2000 of 20000 steps, K = 64: (true bits, nats).
# Its Gaussian arrays saturate at ln 64 and are read as nats, its image and text arrays at log2 64 and are read as bits.
PUBLISHED = {
    "gaussian": (np.array([1, 2, 3, 4, 9]) / math.log(2), np.array([0.930, 1.772, 2.477, 3.023, 4.073])),
    "classes": (
        np.array([1, 2, 3, 4, 9, 1]),
        np.array([0.881, 1.742, 2.591, 3.407, 5.660, 0.988]) * math.log(2),  # five of sentence pairs, one of digits
    ),
}


def recorded_readings(table, family, bits):
    """Every estimator's readings in a recorded table.

    Parameters
    ----------
    table : recorded.Recording
        Of ``helpers.papers.mutual_information.tables.mi_estimators``.
    family : str
        ``"gaussian"`` or ``"classes"``.
    bits : sequence of int

    Returns
    -------
    dict of str to ndarray, shape (bits, seeds), nats
        Keys as in ``CURVES``.
    """
    return {
        label: np.stack([table.values(name, family=family, bits=int(b), trained=trained) for b in bits])
        for label, (trained, name) in CURVES.items()
    }


def best_infonce(family, bits, rng, *, candidates=64, dimension=10, batches=100):
    """The expected InfoNCE value of the best critic: exact for classes, averaged over batches for Gaussians.

    Parameters
    ----------
    family : str
    bits : sequence of int
        True information.
    rng : numpy.random.Generator
        For the Gaussian batches; their mean of ``shortfall`` is subtracted from the truth.
    candidates, dimension, batches : int

    Returns
    -------
    ndarray, shape (bits,), nats

    >>> best_infonce("classes", [1], None).round(3).tolist()
    [0.685]
    """
    if family == "classes":
        return np.array([class_counts.best_value_uniform(candidates, 2.0**b) for b in bits]).reshape(len(bits))
    first, fresh = torch.from_numpy(rng.normal(size=(2, batches, candidates, dimension)))  # one noise for every truth
    values = []
    for nats in np.asarray(bits) * math.log(2):
        correlation = float(pair_laws.gaussian_correlation(nats, dimension=dimension))
        second = correlation * first + math.sqrt(1 - correlation**2) * fresh
        scores = critics.gaussian_critic(correlation)(first, second)
        values.append(nats - estimators.shortfall(scores)[:, -1].mean().item())
    return np.array(values)


def clipped_mean(rng, nats, clip, *, dimension=10, samples=20_000):
    """``E_Q clip(r, exp(-clip), exp(clip))`` of Gaussian pairs over independent views; shape of ``nats``.

    The same normal numbers serve every information, so that the curve is smooth.
    """
    first, second = rng.normal(size=(2, samples, 1, dimension))
    means = []
    for value in np.ravel(nats):
        critic = critics.gaussian_critic(float(pair_laws.gaussian_correlation(value, dimension=dimension)))
        log_ratio = critic(torch.from_numpy(first), torch.from_numpy(second))
        means.append(log_ratio.clamp(-clip, clip).exp().mean().item())
    return np.reshape(means, np.shape(nats))


def gaussian_batches(rng, nats, *, batches, candidates):
    """Batches of pairs of correlated standard normals, one dimension a side, and the critic ``ln r``.

    Parameters
    ----------
    rng : numpy.random.Generator
    nats : float > 0
        Mutual information of a pair.
    batches, candidates : int

    Returns
    -------
    critic : callable
    first, second : Tensor, shape (batches, candidates, 1), float64

    Raises
    ------
    ValueError
        If the information is not positive.

    >>> [tuple(side.shape) for side in gaussian_batches(np.random.default_rng(0), 1.0, batches=2, candidates=3)[1:]]
    [(2, 3, 1), (2, 3, 1)]
    """
    validation.require_positive("nats", nats)
    correlation = float(pair_laws.gaussian_correlation(nats, dimension=1))
    pairs = pair_laws.gaussian_pairs(rng, batches * candidates, dimension=1, correlation=correlation)
    sides = (torch.from_numpy(side).reshape(batches, candidates, 1) for side in pairs)
    return critics.gaussian_critic(correlation), *sides


def nearest_neighbours(first, second, *, seed, neighbours=3):
    """Nearest-neighbour (KSG) readings of one-dimensional pairs by scikit-learn and by NPEET.

    Parameters
    ----------
    first, second : array_like, shape (samples, pairs, 1)
        Independent samples; each is read by itself.
    seed : int
        scikit-learn adds a little noise to its inputs.
    neighbours : int
        The k of NPEET; scikit-learn keeps its default, 3.

    Returns
    -------
    ndarray, shape (samples, 2), nats
        Columns scikit-learn and NPEET; the latter answers in bits, converted here.
    """
    sides = (np.asarray(first), np.asarray(second))
    scikit = [mutual_info_regression(x, y[:, 0], random_state=seed)[0] for x, y in zip(*sides, strict=True)]
    bits = [npeet_plus.mi(x[:, 0], y[:, 0], k=neighbours) for x, y in zip(*sides, strict=True)]
    return np.stack([scikit, np.multiply(bits, math.log(2))], axis=1)


def gap_curves(law, every, measured, rng, *, batches=400):
    """The gap ``I - I*_K`` of one law in four ways, the measured one with its standard errors.

    Parameters
    ----------
    law : array_like, shape (x, y), or float
        A table, or the information in nats of a bivariate Gaussian pair.
    every : array_like, shape (ks,)
        K of the three curves.
    measured : array_like of int, shape (points,)
        K of the measured points; the largest is the size of a batch.
    rng : numpy.random.Generator
    batches : int
        Independent batches behind the points; every batch serves every K.

    Returns
    -------
    exact, bound, limit, points, errors : ndarray, shapes (ks,), (ks,), (ks,), (points,), (points,)
        The exact gap, ``E ln(1 + v/K)``, ``chi2/(2K)``, in-batch means and their standard errors.

    Raises
    ------
    ValueError
        If the law is neither a table of probabilities nor a positive number.
    """
    size = {"batches": batches, "candidates": int(np.max(measured))}
    if np.ndim(law) == 0:
        critic, first, second = gaussian_batches(rng, law, **size)
        exact, bound = gaussian_gap.gap(law, every), gaussian_gap.bound(law, every)
        chi_squared = math.expm1(2 * law)
    else:
        pair = pair_laws.sample_table(rng, law, math.prod(size.values()))
        first, second = (torch.from_numpy(side.reshape(*size.values())) for side in pair)
        critic = critics.table_critic(infonce_gap.log_density_ratio(law))
        exact, bound = infonce_gap.integral_gap(law, every), infonce_gap.variance_bound(law, every)
        chi_squared = float(information.chi_squared(law))
    drawn = statistics.monte_carlo_mean(estimators.shortfall(critic(first, second))[:, np.asarray(measured) - 1])
    return exact.numpy(), bound.numpy(), chi_squared / (2 * np.asarray(every)), drawn.value, drawn.standard_error
