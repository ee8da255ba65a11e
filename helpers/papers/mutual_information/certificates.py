"""Distribution-free certificates of mutual information: the most that N pairs can prove without assumptions.

On the family "X = Y uniform on m values" (I = ln m) a certificate that only sees which pairs are equal must, with
probability 1 - miss, not exceed ln m, for every m at once. On a sample without any repetition it can then promise no
more than ``ln m*``, m* being the smallest m that shows no repetition with a probability above ``miss``.
"""

import numpy as np
from scipy import special


def log_all_distinct(values, samples):
    """``ln P_m(all N distinct) = sum_{i < N} ln(1 - i/m)`` of N uniform draws from m values.

    Parameters
    ----------
    values : array_like
        m.
    samples : int
        N.

    Returns
    -------
    ndarray or float
        -inf where N > m.

    >>> round(float(np.exp(log_all_distinct(365, 23))), 4)
    0.4927
    """
    values = np.asarray(values, float)
    with np.errstate(invalid="ignore"):
        log_chance = special.gammaln(values + 1) - special.gammaln(values - samples + 1) - samples * np.log(values)
    return np.where(values < samples, -np.inf, log_chance)


def fewest_values(samples, *, miss):
    """The smallest m with ``P_m(all N distinct) > miss``: nothing above ``ln m`` can be certified.

    Parameters
    ----------
    samples : int >= 1
        N.
    miss : float in (0, 1)
        Probability with which the certificate may be wrong.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If ``miss`` lies outside (0, 1) or there is no sample.

    >>> fewest_values(20, miss=0.05)
    71
    """
    if not 0 < miss < 1 or samples < 1:
        raise ValueError(f"samples is {samples} and miss {miss}, expected at least 1 and a number inside (0, 1)")
    low, high = samples - 1, 2 * samples  # low fails (its probability is 0), high is doubled until it does not
    while log_all_distinct(high, samples) <= np.log(miss):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if log_all_distinct(middle, samples) > np.log(miss) else (middle, high)
    return high


def gaussian_certificate(first, second, *, miss):
    """A lower confidence bound of the information of a bivariate *Gaussian* pair, from Fisher's transform.

    Parameters
    ----------
    first, second : array_like, shape (..., N)
    miss : float
        One-sided probability that the bound exceeds the truth, asymptotically.

    Returns
    -------
    ndarray, shape (...)
        ``-ln(1 - tanh(z)^2)/2 = ln cosh z`` at ``z = atanh(R) - q/sqrt(N - 3)``; 0 if z <= 0. Nats.

    >>> float(gaussian_certificate([0.0, 1.0, 0.0, -1.0, 2.0], [1.0, 0.0, -1.0, 0.0, 0.0], miss=0.05))
    0.0
    """
    first, second = (side - np.mean(side, axis=-1, keepdims=True) for side in (np.asarray(first), np.asarray(second)))
    first, second = (side / np.linalg.norm(side, axis=-1, keepdims=True) for side in (first, second))
    # atanh R = ln(|u + v| / |u - v|) for unit u, v: no cancellation when R is close to 1
    fisher = np.log(np.linalg.norm(first + second, axis=-1) / np.linalg.norm(first - second, axis=-1))
    z = np.maximum(fisher - special.ndtri(1 - miss) / np.sqrt(first.shape[-1] - 3), 0)
    return np.logaddexp(z, -z) - np.log(2)
