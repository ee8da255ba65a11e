"""How often the right partner is the most similar one: exact probabilities for Gaussian data and true subspaces.

Both modalities are seen through their own r signal coordinates: ``a = z + left noise`` and ``b = z' + right noise``
with ``z, z'`` standard normal in R^r, equal for a true pair, and isotropic noise of given **variances**. An anchor is
compared with its partner and with ``count - 1`` independent strangers, by inner product or by cosine. It is hit if
the partner has the largest score. Everything is a quadrature over one or two variables; no simulation.
"""

import functools

import numpy as np
from scipy import optimize, special

SCORES = ("inner product", "cosine")
LARGEST_LOG_COUNT = 700.0  # e^709 is the largest float


def correlation(left_noise, right_noise):
    """Correlation of one coordinate of a with the same coordinate of b: ``1 / sqrt((1 + left)(1 + right))``.

    >>> correlation(0.0, 3.0)
    0.5
    """
    return float(1 / np.sqrt((1 + left_noise) * (1 + right_noise)))


def miss_probability(rank, log_count, *, left_noise, right_noise, score, margin=0.0):
    """Probability that some stranger beats the partner (by more than minus the margin).

    Given the length R of the anchor, inner products divided by R are normal: ``R/(1+left) + g spread`` for the
    partner, with variance ``1+right`` for a stranger. Cosines are distributed as the correlation coefficient of r
    pairs of known mean zero (Hotelling 1953) for the partner, as one coordinate of a uniform direction for a stranger.

    Parameters
    ----------
    rank : int >= 2
    log_count : array_like, > 0
        Natural logarithm of the number N of candidates, partner included, at most 700: N = e^40 is as easy as N = 40.
    left_noise, right_noise : float >= 0
        Noise variances.
    score : str
        One of ``SCORES``.
    margin : float
        Miss also if the partner leads by less than this; inner product only.

    Returns
    -------
    ndarray, same shape as `log_count`

    Raises
    ------
    ValueError
        For an unknown score, a rank below 2, a negative variance, `log_count` out of range, or a margin for the
        cosine.

    >>> round(float(1 - miss_probability(10, np.log(1500), left_noise=0.09, right_noise=0.09, score="cosine")), 2)
    0.82
    """
    log_count = np.asarray(log_count, dtype=float)
    if score not in SCORES:
        raise ValueError(f"score is {score!r}, expected one of {', '.join(SCORES)}")
    low, high = log_count.min(), log_count.max()
    if rank < 2 or min(left_noise, right_noise) < 0 or not 0 < low <= high <= LARGEST_LOG_COUNT:
        raise ValueError(
            f"rank {rank}, noise variances {left_noise}, {right_noise} and log_count from {low} to {high}: "
            f"expected a rank of at least 2, variances >= 0 and log_count from 0 (excluded) to {LARGEST_LOG_COUNT:g}"
        )
    if score == "cosine":
        if margin:
            raise ValueError(f"margin is {margin}, expected 0 for the cosine")
        weight, log_lead = _cosine_law(rank, correlation(left_noise, right_noise))
    else:
        weight, log_lead = _inner_product_law(rank, left_noise, right_noise, margin)
    strangers = np.expm1(log_count)[..., None]
    return -np.sum(weight * np.expm1(strangers * log_lead), axis=-1)


def hit_probability(rank, count, *, left_noise, right_noise, score):
    """Probability that the partner has the largest score among `count` candidates; see :func:`miss_probability`.

    >>> round(float(hit_probability(10, 1500, left_noise=0.09, right_noise=0.09, score="inner product")), 2)
    0.26
    """
    noise = {"left_noise": left_noise, "right_noise": right_noise}
    return 1 - miss_probability(rank, np.log(count), score=score, **noise)


def half_hit_log_count(rank, *, left_noise, right_noise, score):
    """Logarithm of the number of candidates at which half of the anchors are hit (a real number)."""
    options = {"left_noise": left_noise, "right_noise": right_noise, "score": score}
    guess = rank * critical_ratio(left_noise, right_noise, score=score)
    return optimize.brentq(
        lambda x: miss_probability(rank, x, **options) - 0.5, 0.05 * guess, 1.5 * guess + 20, xtol=1e-9
    )


def critical_ratio(left_noise, right_noise, *, score):
    """Limit of ``log N / r`` below which everything is hit and above which nothing is, as r grows.

    ``correlation^2 / 2`` for the inner product, ``-log(1 - correlation^2) / 2`` for the cosine. The latter is the
    mutual information of one coordinate of a and b in nats, which no score can beat (Fano's inequality).

    >>> round(critical_ratio(0.0, 3.0, score="inner product"), 3)
    0.125
    """
    squared = correlation(left_noise, right_noise) ** 2
    return float(squared / 2 if score == "inner product" else -np.log1p(-squared) / 2)


def guaranteed_gap(rank, count, *, left_noise, right_noise, failure):
    """A gap that all true pairs keep to all competitors, up to a failure probability: union bound, exact terms.

    ``count (miss of the rows + miss of the columns) = failure``, solved for the margin; inner product.

    Parameters
    ----------
    rank, count : int
    left_noise, right_noise : float
        Noise variances.
    failure : float > 0

    Returns
    -------
    float
        Negative if even a gap of zero cannot be promised.
    """

    def excess(margin):
        options = {"score": "inner product", "margin": margin}
        rows = miss_probability(rank, np.log(count), left_noise=left_noise, right_noise=right_noise, **options)
        columns = miss_probability(rank, np.log(count), left_noise=right_noise, right_noise=left_noise, **options)
        return float(count * (rows + columns) / failure - 1)

    return optimize.brentq(excess, -8.0 * rank, 8.0 * rank)


@functools.lru_cache(maxsize=8)
def _inner_product_law(rank, left_noise, right_noise, margin, nodes=160):
    """Weights of (anchor length, noise of the partner) and the log probability that one stranger stays below."""
    spread = np.sqrt(left_noise / (1 + left_noise) + right_noise)
    # sqrt(r) +- 9 and +- 9: both tails beyond are below 1e-17
    chi, chi_weight = _legendre(max(1e-9, np.sqrt(rank) - 9), np.sqrt(rank) + 9, nodes)
    log_density = (rank - 1) * np.log(chi) - chi**2 / 2 - (rank / 2 - 1) * np.log(2) - special.gammaln(rank / 2)
    normal, normal_weight = _legendre(-9.0, 9.0, nodes)
    length = np.sqrt(1 + left_noise) * chi[:, None]
    lead = length / (1 + left_noise) + spread * normal - margin / length
    weight = (chi_weight * np.exp(log_density))[:, None] * normal_weight * np.exp(-(normal**2) / 2) / np.sqrt(2 * np.pi)
    return weight.ravel(), special.log_ndtr(lead / np.sqrt(1 + right_noise)).ravel()


@functools.lru_cache(maxsize=8)
def _cosine_law(rank, rho):
    """Weights of the partner's cosine and the log probability that one stranger stays below; rho = 1 is no noise."""
    if rho == 1.0:
        return np.ones(1), np.zeros(1)
    reach = 12 / np.sqrt(rank) + 40 / (rank - 1)  # of Fisher's z = artanh(cosine), tails below 1e-15
    nodes = 400 if rank >= 5 else 1200  # the longer tails of few dimensions
    z, weight = _legendre(np.arctanh(rho) - reach, np.arctanh(rho) + reach, nodes)
    t = np.tanh(z)
    log_one_minus_square = 2 * np.log(2) - 2 * np.logaddexp(z, -z)  # log(1 - t^2), without cancellation
    log_density = np.log(rank - 1) + special.gammaln(rank) - np.log(2 * np.pi) / 2 - special.gammaln(rank + 0.5)
    log_density = log_density + rank / 2 * np.log1p(-(rho**2)) + (rank - 1) / 2 * log_one_minus_square
    log_density = log_density - (rank - 0.5) * np.log1p(-rho * t)
    series = special.hyp2f1(0.5, 0.5, rank + 0.5, (1 + rho * t) / 2)
    return weight * np.exp(log_density) * series, _log_stranger_below(rank, z)


def _log_stranger_below(rank, z):
    """Log probability that the cosine with a uniform direction stays below tanh(z); accurate in both tails."""
    half = (rank - 1) / 2
    tail = special.betainc(half, half, special.expit(-2 * np.abs(z)))  # beyond |tanh z|, at most 1/2
    below_float = np.finfo(float).tiny  # smaller tails do not exist in float64; they carry no weight
    return np.where(z > 0, np.log1p(-tail), np.log(np.maximum(tail, below_float)))


def _legendre(low, high, nodes):
    x, weight = _standard_legendre(nodes)
    return low + (high - low) * (x + 1) / 2, weight * (high - low) / 2


@functools.cache
def _standard_legendre(nodes):
    return np.polynomial.legendre.leggauss(nodes)
