"""The plug-in (maximum-likelihood) estimate of an entropy: value, exact moments, exact law, expansion of its bias.

The entropy of the observed frequencies of N independent draws from a finite law. Nats, NumPy, float64. Nothing here
knows of contrastive learning; ``class_counts`` says why InfoNCE with a perfect critic is this estimate.
"""

import math
from fractions import Fraction

import numpy as np
from scipy import special, stats


def entropy(counts):
    """Entropy of observed frequencies, ``log N - sum_c n_c log n_c / N``.

    Parameters
    ----------
    counts : array_like, shape (..., classes), >= 0
        How often each class was drawn; empty classes add nothing.

    Returns
    -------
    ndarray or float, shape (...)

    Raises
    ------
    ValueError
        If a count is negative or nothing was drawn.

    >>> round(float(entropy([32, 32])), 6)
    0.693147
    """
    counts = np.asarray(counts, dtype=float)
    total = counts.sum(axis=-1)
    if np.any(counts < 0) or np.any(total <= 0):
        raise ValueError(f"counts run from {counts.min()} with totals from {total.min()}: expected draws")
    return np.log(total) - special.xlogy(counts, counts).sum(axis=-1) / total


def moments(draws, law):
    """Exact mean and variance of :func:`entropy` of N independent draws.

    Sums over the binomial law of one count and the binomial law of a second one given the first; classes of equal
    probability are evaluated once.

    Parameters
    ----------
    draws : int >= 1
        N; the cost is N^2 for each pair of different probabilities.
    law : array_like, shape (classes,)

    Returns
    -------
    mean, variance : float

    >>> mean, variance = moments(64, [0.5, 0.5])
    >>> round(mean / math.log(2), 5), round(variance**0.5 / math.log(2), 5)  # bits
    (0.98864, 0.01607)
    """
    law = _law(law)
    chances, times = np.unique(law, return_counts=True)
    n = np.arange(draws + 1)
    # n_c log n_c up to a multiple of n_c, which sums to a constant over classes: small near the mean, no cancellation.
    values = special.xlogy(n, n) - n * (np.log(draws / law.size) + 1)
    masses = stats.binom.pmf(n, draws, chances[:, None])
    means = masses @ values
    total = 0.0
    for a, (chance, times_a) in enumerate(zip(chances, times, strict=True)):
        total += times_a * (masses[a] @ (values - means[a]) ** 2)
        given = chances / (1 - chance) if chance < 1 else chances
        for b, times_b in enumerate(times):
            pairs = times_a * (times_b - (a == b))
            if pairs:
                second = _given(draws, min(given[b], 1.0)) @ (values - means[b])
                total += pairs * (masses[a] * (values - means[a])) @ second
    mean = np.log(draws) - (times @ means) / draws - (np.log(draws / law.size) + 1)
    return float(mean), float(total) / draws**2


def exact_law(draws, law):
    """Exact law of :func:`entropy` of N independent draws, for a few classes: all count vectors.

    Parameters
    ----------
    draws : int
    law : array_like, shape (classes,), entries > 0
        The number of count vectors is binomial(draws + classes - 1, classes - 1); above a million is refused.

    Returns
    -------
    values, masses : ndarray
        Increasing values, and their probabilities; values that agree up to rounding are merged.

    Raises
    ------
    ValueError
        If there are too many count vectors.

    >>> values, masses = exact_law(2, [0.5, 0.5])
    >>> values.round(4).tolist(), masses.tolist()
    ([0.0, 0.6931], [0.5, 0.5])
    """
    law = _law(law)
    size = math.comb(draws + law.size - 1, law.size - 1)
    if size > 1_000_000:
        raise ValueError(f"{draws} draws of {law.size} classes have {size} count vectors, expected at most a million")
    counts = _compositions(draws, law.size)
    log_mass = special.gammaln(draws + 1) - special.gammaln(counts + 1).sum(axis=1) + counts @ np.log(law)
    values, group = np.unique(entropy(counts).round(12), return_inverse=True)
    return values, np.bincount(group, weights=np.exp(log_mass))


def sampling_errors(draws, law, batches):
    """Exact mean and standard deviation of :func:`entropy`, and how far their estimates from batches scatter.

    Parameters
    ----------
    draws : int
    law : array_like, shape (classes,), entries > 0
        As in :func:`exact_law`.
    batches : int >= 1
        Number of independent batches of N draws.

    Returns
    -------
    values, errors : ndarray, shape (2,)
        Mean and standard deviation; their standard errors, from the second and fourth central moment.

    Raises
    ------
    ValueError
        If there is no batch.

    >>> values, errors = sampling_errors(2, [0.5, 0.5], 100)  # 0 or log 2 with equal chances
    >>> (values / math.log(2)).round(9).tolist(), (errors / math.log(2)).round(6).tolist()
    ([0.5, 0.5], [0.05, 0.0])
    """
    if batches < 1:
        raise ValueError(f"batches is {batches}, expected at least 1")
    values, masses = exact_law(draws, law)
    mean = masses @ values
    second, fourth = (masses @ (values - mean) ** power for power in (2, 4))
    of_mean, of_variance = np.sqrt(np.array([second, max(fourth - second**2, 0.0)]) / batches)
    spread = np.sqrt(second)
    return np.array([mean, spread]), np.array([of_mean, of_variance / (2 * spread)])


def bias_series(law, orders):
    """Coefficients b_1, b_2, ... of ``E entropy - H = b_1/N + b_2/N^2 + ...`` in exact arithmetic.

    Taylor expansion of x log x around the mean of one frequency, with the central moments of the binomial law from
    their recursion ``m_(r+1) = p q (N r m_(r-1) + d m_r / dp)``; b_1 = -(C - 1)/2 (Miller 1955) and
    b_2 = -(sum 1/p - 1)/12 (Harris 1975).

    Parameters
    ----------
    law : array_like, shape (classes,), entries > 0
    orders : int >= 1

    Returns
    -------
    ndarray, shape (orders,)

    >>> bias_series([0.5, 0.5], 2).tolist()
    [-0.5, -0.25]
    """
    law = _law(law)
    total = np.zeros(orders)
    for r, moment in enumerate(_central_moments(2 * orders)):
        if r < 2:
            continue
        # x log x has the derivatives (-1)^r (r - 2)! at 1, so a term delta^r / (r (r - 1)) of that sign.
        taylor = (-1) ** r / (r * (r - 1))
        for (power, size), coefficient in moment.items():
            order = r - size
            if order <= orders:
                total[order - 1] -= taylor * float(coefficient) * (law ** (1.0 + power - r)).sum()
    return total


def correction(draws, law, *, orders):
    """What to add to :func:`entropy` so that its bias falls like ``N^-(orders + 1)``: ``-b_1/N - b_2/N^2 - ...``.

    One order needs the number of classes only, ``(C - 1)/(2N)``; the next needs the law.

    Parameters
    ----------
    draws : array_like of int
    law : array_like, shape (classes,)
    orders : int >= 0
        0 corrects nothing.

    Returns
    -------
    ndarray or float, the shape of ``draws``

    >>> float(correction(64, [0.5, 0.5], orders=1)) == 1 / 128
    True
    """
    draws = np.asarray(draws, dtype=float)
    series = bias_series(law, orders) if orders else np.zeros(0)
    return -sum((b / draws**k for k, b in enumerate(series, start=1)), np.zeros_like(draws))


def _given(draws, chance):
    """Law of a second count given the first, row by row: Binomial(draws - first, chance)."""
    n = np.arange(draws + 1)
    if chance == 1:
        return np.eye(draws + 1)[::-1]
    log_factorial = special.gammaln(n + 1.0)
    second = n * np.log(chance / (1 - chance)) - log_factorial
    rest = draws - n
    log_mass = (log_factorial[rest] + rest * np.log1p(-chance))[:, None] + second
    left = rest[:, None] - n
    log_mass -= log_factorial[np.abs(left)]
    return np.exp(np.where(left >= 0, log_mass, -np.inf))


def _compositions(total, parts):
    if parts == 1:
        return np.array([[total]])
    if parts == 2:
        first = np.arange(total + 1)
        return np.stack([first, total - first], axis=1)
    rows = [_compositions(total - first, parts - 1) for first in range(total + 1)]
    first = np.repeat(np.arange(total + 1), [len(row) for row in rows])
    return np.column_stack([first, np.concatenate(rows)])


def _central_moments(highest):
    """Central moments of Binomial(N, p), orders 0..highest: {(power of p, power of N): coefficient}."""
    moments = [{(0, 0): Fraction(1)}, {}]
    for r in range(1, highest):
        inner = {}
        for (power, size), coefficient in moments[r - 1].items():
            inner[power, size + 1] = inner.get((power, size + 1), 0) + r * coefficient
        for (power, size), coefficient in moments[r].items():
            if power:
                inner[power - 1, size] = inner.get((power - 1, size), 0) + power * coefficient
        following = {}
        for (power, size), coefficient in inner.items():  # times p - p^2
            following[power + 1, size] = following.get((power + 1, size), 0) + coefficient
            following[power + 2, size] = following.get((power + 2, size), 0) - coefficient
        moments.append(following)
    return moments


def _law(law):
    law = np.asarray(law, dtype=float)
    if law.ndim != 1 or np.any(law <= 0) or abs(law.sum() - 1) > 1e-12 * law.size:
        raise ValueError(f"law has shape {law.shape} and sums to {law.sum()}: expected positive probabilities")
    return law
