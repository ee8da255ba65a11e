"""The gradient of the Donsker-Varadhan value with its denominator averaged over batches, in expectation.

A batch holds n samples of the product law; A_c is the part of ``mean exp(f)`` that cell c contributes and B their sum.
The gradient of ``ln mean exp(f)`` in the score of cell c is A_c / B; with a moving average m of B it is A_c / m.
"""

import numpy as np

STEP = 0.1  # of the trapezoidal rule in ln s; the integrand is analytic in a strip of half width pi / 2


def weights(rate, steps):
    """Weights of the batches in ``m <- (1 - rate) m + rate B``, latest first, after that many steps from the first B.

    >>> weights(0.5, 2).tolist()
    [0.5, 0.25, 0.25]
    """
    kept = (1 - rate) ** np.arange(steps + 1)
    return np.append(rate * kept[:-1], kept[-1])


def expected_ratio(values, law, batches, *, samples):
    """``E[A_c / m]`` for m the weighted mean of the B of independent batches, the first of which is A's own.

    From ``1/m = int_0^inf exp(-s m) ds``: batches and samples are independent, so the integrand is a product of powers
    of one Laplace transform.

    Parameters
    ----------
    values, law : array_like, shape (cells,)
        exp(f), > 0, and the product law.
    batches : array_like, shape (batches,)
        Weights, latest first.
    samples : int >= 1
        n.

    Returns
    -------
    ndarray, shape (cells,)

    Raises
    ------
    ValueError
        If a value is not positive, the law is none, or the weights do not sum to one.

    >>> expected_ratio([2.0, 2.0], [0.5, 0.5], [1.0], samples=3).round(12).tolist()
    [0.5, 0.5]
    """
    values, law, batches = (np.asarray(entry, float) for entry in (values, law, batches))
    if not np.all(values > 0) or values.shape != law.shape:
        raise ValueError(f"values has shape {values.shape}, smallest {values.min()}, and law {law.shape}: expected > 0")
    for name, masses in (("law", law), ("batches", batches)):
        if np.any(masses < 0) or abs(masses.sum() - 1) > 1e-9:
            raise ValueError(f"{name} sums to {masses.sum()}, expected probabilities")
    share = values / samples
    # left end: the integrand is below s times a mean; right end: below exp(-s min(values))
    total = np.zeros(values.size)
    for node in np.exp(np.arange(-40 - np.log(values.max()), 4.5 - np.log(values.min()), STEP)):
        loss = np.expm1(-node * batches[:, None] * share) @ law
        logs = np.log1p(np.maximum(loss, np.finfo(float).epsneg - 1))
        power = samples * logs.sum() - logs[0]  # one sample of the latest batch is the one in A_c
        total += node * np.exp(power - node * batches[0] * share)
    return STEP * law * values * total
