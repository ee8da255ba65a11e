"""Batches of same-class pairs, seen through the counts of their classes: what InfoNCE reads, without a score matrix.

K pairs are drawn independently; both views of a pair belong to one class, drawn with law ``prior``. A critic that only
sees classes makes an anchor's loss a function of its *mates*, the number of other pairs of the batch that share its
class: Binomial(K - 1, prior of the class). Every expectation is therefore a sum of at most K terms, for any K.

K counts all candidates, the positive included. The perfect critic scores 0 inside a class and minus infinity across;
a critic of contrast D scores 0 and -D. Values are ``log K - loss``, losses and values in nats.
"""

import numpy as np
from scipy import stats


def binomial_mean(function, trials, chance):
    """Exact ``E function(Binomial(trials, chance))``.

    Parameters
    ----------
    function : callable
        Maps the counts 0..trials, shape (trials + 1,), to values of shape (..., trials + 1).
    trials : int >= 0
    chance : array_like, shape (...), in [0, 1]

    Returns
    -------
    ndarray or float
        Shape of ``chance``, broadcast against the leading shape of the values.

    Raises
    ------
    ValueError
        If ``trials`` is negative or a chance is not a probability.

    >>> round(float(binomial_mean(np.square, 3, 0.5)), 6)
    3.0
    """
    chance = np.asarray(chance, dtype=float)
    if trials < 0 or not np.all((chance >= 0) & (chance <= 1)):
        raise ValueError(f"trials is {trials} and chance {chance}, expected trials >= 0 and chances in [0, 1]")
    counts = np.arange(int(trials) + 1)
    return (stats.binom.pmf(counts, int(trials), chance[..., None]) * function(counts)).sum(axis=-1)


def best_value(candidates, prior):
    """InfoNCE of the perfect critic: ``log K - sum_c p_c E log(1 + Binomial(K - 1, p_c))``.

    No critic has a larger expected value when the class can be read from either view and the views are independent
    given the class; it is also the mean of the plug-in entropy of K labels.

    Parameters
    ----------
    candidates : array_like of int >= 1, shape (...)
        K.
    prior : array_like, shape (classes,)
        Sums to one. Equal entries are evaluated once, so that thousands of rare classes cost nothing.

    Returns
    -------
    ndarray or float, shape of ``candidates``

    >>> round(float(best_value(2, [0.5, 0.5])), 4)  # half a bit
    0.3466
    """
    chances, times = _distinct(prior)
    return _each(
        candidates, lambda count: np.log(count) - (times * chances) @ binomial_mean(np.log1p, count - 1, chances)
    )


def best_value_uniform(candidates, classes):
    """:func:`best_value` for C equiprobable classes; both arguments may be arrays.

    Parameters
    ----------
    candidates : array_like of int >= 1, shape (...)
    classes : array_like of int >= 1, shape (...)

    Returns
    -------
    ndarray or float, shape ``(*shape of candidates, *shape of classes)``

    >>> best_value_uniform([2, 64], [2, 10]).round(4).tolist()
    [[0.3466, 0.6238], [0.6853, 2.2298]]
    """
    chance = 1 / np.asarray(classes, dtype=float)
    return _each(candidates, lambda count: np.log(count) - binomial_mean(np.log1p, count - 1, chance))


def worst_distance(classes):
    """Distance of :func:`best_value_uniform` to its ceiling at K = C: ``E log(1 + Binomial(C - 1, 1/C))``.

    Parameters
    ----------
    classes : array_like of int >= 1 or ``numpy.inf``, shape (...)
        For infinitely many classes the mates are Poisson(1).

    Returns
    -------
    ndarray or float, shape of ``classes``, nats

    >>> worst_distance([2, 10, 100, np.inf]).round(3).tolist()
    [0.347, 0.533, 0.569, 0.573]
    """
    classes = np.asarray(classes, dtype=float)
    mates = np.arange(60)  # the mass beyond is below 1e-80
    limit = stats.poisson.pmf(mates, 1) @ np.log1p(mates)
    values = [limit if np.isinf(c) else np.log(c) - best_value_uniform(c, c) for c in classes.ravel()]
    return np.reshape(values, classes.shape)[()]


def jensen_value(candidates, prior):
    """The expectation of :func:`best_value` moved inside the logarithm: ``log K - sum_c p_c log(1 + (K - 1) p_c)``.

    A lower bound of it, by Jensen's inequality.

    Parameters
    ----------
    candidates : array_like of int >= 1, shape (...)
    prior : array_like, shape (classes,)

    Returns
    -------
    ndarray or float, shape of ``candidates``

    >>> float(jensen_value(10, np.full(10, 0.1)).round(4))
    1.6607
    """
    prior = _prior(prior)
    return _each(candidates, lambda count: np.log(count) - prior @ np.log1p((count - 1) * prior))


def best_values(largest, prior):
    """:func:`best_value` for every K = 1..largest, by adding one pair at a time to the law of the mates.

    Parameters
    ----------
    largest : int >= 1
    prior : array_like, shape (..., classes)

    Returns
    -------
    ndarray, shape (largest, ...)

    >>> best_values(2, [0.5, 0.5]).round(4).tolist()
    [0.0, 0.3466]
    """
    prior = _prior(prior)
    logs = np.log1p(np.arange(_count("largest", largest)))
    law = np.zeros((*prior.shape, largest))
    law[..., 0] = 1
    values = []
    for candidates in range(1, largest + 1):
        values.append(np.log(candidates) - (prior * (law @ logs)).sum(axis=-1))
        law[..., 1:] = (1 - prior[..., None]) * law[..., 1:] + prior[..., None] * law[..., :-1]
        law[..., 0] *= 1 - prior
    return np.array(values)


def finite_contrast(candidates, classes, contrast):
    """InfoNCE of a critic that scores 0 inside a class and ``-contrast`` across, for C equiprobable classes.

    Parameters
    ----------
    candidates : array_like of int >= 1, shape (...)
    classes : int >= 2
    contrast : array_like, shape (...)
        In nats; the perfect critic is ``numpy.inf``, a negative contrast prefers other classes.

    Returns
    -------
    ndarray or float, shape ``(*shape of candidates, *shape of contrast)``

    >>> float(finite_contrast(64, 10, 0.0).round(12)) + 0.0
    0.0
    """
    across = np.exp(-np.asarray(contrast, dtype=float))[..., None]

    def value(count):
        return np.log(count) - binomial_mean(
            lambda mates: np.log1p(mates + (count - 1 - mates) * across), count - 1, 1 / classes
        )

    return _each(candidates, value)


def shortfall(candidates, classes, contrast):
    """What a finite contrast costs: ``best_value_uniform - finite_contrast``, computed without their cancellation.

    >>> round(float(shortfall(2, 10, 20.0) * np.exp(20.0)), 6)  # first order: 1 - 1/C
    0.9
    """
    across = np.exp(-np.asarray(contrast, dtype=float))[..., None]

    def value(count):
        return binomial_mean(lambda mates: np.log1p((count - 1 - mates) / (1 + mates) * across), count - 1, 1 / classes)

    return _each(candidates, value)


def finite_contrast_limit(classes, contrast):
    """:func:`finite_contrast` for K to infinity: ``-log(1/C + (1 - 1/C) exp(-contrast))``; arguments broadcast.

    >>> round(float(finite_contrast_limit(10, np.inf)), 4)
    2.3026
    """
    classes = np.asarray(classes, dtype=float)
    return -np.log(1 / classes + (1 - 1 / classes) * np.exp(-np.asarray(contrast, dtype=float)))


def simplex_contrast(classes, temperature):
    """Contrast of classes collapsed onto a regular simplex of unit vectors: ``C / ((C - 1) temperature)``.

    >>> float(simplex_contrast(2, 0.5))
    4.0
    """
    classes = np.asarray(classes, dtype=float)
    return classes / ((classes - 1) * np.asarray(temperature, dtype=float))


def two_view_loss(pairs, classes):
    """NT-Xent of the perfect critic on B same-class pairs: ``E log(1 + 2 Binomial(B - 1, 1/C))``.

    Every anchor meets its partner and *both* views of every other pair: 2B - 1 candidates.

    Parameters
    ----------
    pairs : array_like of int >= 1, shape (...)
        B.
    classes : array_like, shape (...)
        C equiprobable classes.

    Returns
    -------
    ndarray or float, shape ``(*shape of pairs, *shape of classes)``, nats

    >>> round(float(two_view_loss(2, 2)), 4)  # log(3) / 2
    0.5493
    """
    chance = 1 / np.asarray(classes, dtype=float)
    return _each(pairs, lambda count: binomial_mean(lambda mates: np.log1p(2 * mates), count - 1, chance))


def without_replacement(candidates, classes, members):
    """Value of the perfect critic if the K pairs are drawn without replacement from a balanced pool.

    Parameters
    ----------
    candidates : array_like of int, shape (...)
        K, at most ``classes * members``.
    classes : int
    members : int
        Pairs of each class in the pool; the mates are hypergeometric instead of binomial.

    Returns
    -------
    ndarray or float, shape of ``candidates``, nats
        ``log classes`` if the pool is exhausted.

    Raises
    ------
    ValueError
        If the pool is smaller than the batch.

    >>> round(float(without_replacement(20, 10, 2)), 6)  # log 10
    2.302585
    """
    pool = classes * members
    if np.max(candidates) > pool:
        raise ValueError(f"candidates is {candidates}, but the pool holds {classes} x {members} = {pool} pairs")

    def value(count):
        mates = np.arange(count)
        return np.log(count) - stats.hypergeom.pmf(mates, pool - 1, members - 1, count - 1) @ np.log1p(mates)

    return _each(candidates, value)


def draw(rng, prior, candidates, batches):
    """Counts of the classes in independent batches of independent pairs.

    Parameters
    ----------
    rng : numpy.random.Generator
    prior : array_like, shape (classes,)
    candidates, batches : int

    Returns
    -------
    ndarray of int, shape (batches, classes)
        Rows sum to ``candidates``.

    >>> draw(np.random.default_rng(0), [0.5, 0.5], 8, 3).sum(axis=1).tolist()
    [8, 8, 8]
    """
    return rng.multinomial(_count("candidates", candidates), _prior(prior), size=batches)


def draw_labels(rng, prior, candidates, batches):
    """Labels of independent batches of independent pairs, int array of shape (batches, candidates).

    >>> draw_labels(np.random.default_rng(0), [0.5, 0.5], 8, 3).shape
    (3, 8)
    """
    prior = _prior(prior)
    return rng.choice(prior.size, p=prior, size=(batches, _count("candidates", candidates)))


def counts(labels, classes):
    """How often each class occurs in each batch.

    Parameters
    ----------
    labels : array_like of int, shape (..., candidates)
        From 0 to classes - 1.
    classes : int

    Returns
    -------
    ndarray of int, shape (..., classes)

    Raises
    ------
    ValueError
        For a label outside that range.

    >>> counts([0, 0, 2], 3).tolist()
    [2, 0, 1]
    """
    labels = np.asarray(labels)
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, expected 0 to {classes - 1}")
    return (labels[..., None] == np.arange(classes)).sum(axis=-2)


def scores(labels, contrast):
    """Score matrices of a critic that sees classes only: 0 inside a class, ``-contrast`` across.

    Parameters
    ----------
    labels : array_like of int, shape (..., K)
    contrast : float
        Use 1e9 for the perfect critic: its exponential is exactly zero, and no infinity has to be subtracted.

    Returns
    -------
    ndarray, shape (..., K, K), float64

    >>> scores([0, 1], 3.0).tolist()
    [[0.0, -3.0], [-3.0, 0.0]]
    """
    labels = np.asarray(labels)
    return np.where(labels[..., :, None] == labels[..., None, :], 0.0, -float(contrast))


def _each(sizes, function):
    """``function`` at every whole number >= 1 of an array, results stacked along the array's axes."""
    sizes = np.asarray(sizes)
    values = np.array([function(_count("candidates", size)) for size in sizes.ravel()])
    return values.reshape(sizes.shape + values.shape[1:])[()]


def _distinct(prior):
    prior = _prior(prior)
    return np.unique(prior[prior > 0], return_counts=True)


def _prior(prior):
    prior = np.asarray(prior, dtype=float)
    if prior.ndim < 1 or np.any(prior < 0) or np.any(np.abs(prior.sum(axis=-1) - 1) > 1e-12 * prior.shape[-1]):
        raise ValueError(f"prior has shape {prior.shape} and sums to {prior.sum(axis=-1)}: expected probability laws")
    return prior


def _count(name, value):
    if value < 1 or value != int(value):
        raise ValueError(f"{name} is {value}, expected a whole number of at least 1")
    return int(value)
