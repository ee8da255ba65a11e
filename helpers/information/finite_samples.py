"""Exact expectations over a few independent draws from a finite law: by all outcomes, or by quadrature.

:func:`compositions` and :func:`multinomial` enumerate (torch, float64); :func:`expected_log_mean` integrates a Laplace
transform (NumPy, float64) and needs no enumeration. The two share no code.
"""

import math
from functools import lru_cache

import numpy as np
import torch
from torch.utils.checkpoint import checkpoint

# Outcomes that may be enumerated, that are kept from one call to the next, and numbers of one block of a sum over them.
MOST, KEPT, BLOCK = 2**23, 2**17, 2**24
# Nodes of the trapezoidal rule of `expected_log_mean`, in log t.
STEP = 0.1


def compositions(total, parts):
    """All ways to write ``total`` as an ordered sum of ``parts`` non-negative integers.

    Parameters
    ----------
    total, parts : int, >= 0 and >= 1

    Returns
    -------
    Tensor, shape (binomial(total + parts - 1, parts - 1), parts), float64
        In ascending order.

    Raises
    ------
    ValueError
        If the numbers are too small, or there are more than ``MOST`` ways.

    >>> compositions(2, 2).tolist()
    [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]
    """
    if total < 0 or parts < 1:
        raise ValueError(f"total is {total} and parts is {parts}, expected total >= 0 and parts >= 1")
    ways = math.comb(total + parts - 1, parts - 1)
    if ways > MOST:
        raise ValueError(f"{total} draws of {parts} atoms have {ways:,} counts, expected at most {MOST:,} to enumerate")
    return _kept_compositions(total, parts) if ways <= KEPT else _compositions(total, parts)


def _compositions(total, parts):
    found, left = torch.empty(1, 0, dtype=torch.int64), torch.tensor([total])
    for _ in range(parts - 1):  # every row so far goes on with 0, 1, .. what is left
        rows = torch.arange(len(left)).repeat_interleave(left + 1)
        taken = torch.arange(len(rows)) - ((left + 1).cumsum(0) - left - 1)[rows]
        found, left = torch.cat([found[rows], taken[:, None]], dim=1), left[rows] - taken
    return torch.cat([found, left[:, None]], dim=1).double()


_kept_compositions = lru_cache(maxsize=32)(_compositions)


def sum_in_blocks(term, counts, chance, *, width):
    """``sum_k term(k)`` over outcomes, in blocks of at most ``BLOCK`` numbers; one block where that is enough.

    Parameters
    ----------
    term : callable
        Maps some of the outcomes and their probabilities to the sum over them, a Tensor, the same shape for any number
        of them. With gradients a block is computed again in the backward pass.
    counts : Tensor, shape (outcomes, y)
    chance : Tensor, shape (..., outcomes)
    width : int
        Numbers that ``term`` needs for one outcome.
    """
    rows = max(1, BLOCK // width)
    if len(counts) <= rows:
        return term(counts, chance)
    blocks = zip(counts.split(rows), chance.split(rows, dim=-1), strict=True)
    return sum(checkpoint(term, *block, use_reentrant=False) for block in blocks)


def multinomial(law, total):
    """Every outcome of ``total`` independent draws, as counts, and its probability.

    Parameters
    ----------
    law : Tensor, shape (..., y), float64
    total : int >= 0

    Returns
    -------
    counts : Tensor, shape (outcomes, y)
    chance : Tensor, shape (..., outcomes)

    >>> multinomial(torch.tensor([0.5, 0.5]).double(), 2)[1].round(decimals=9).tolist()
    [0.25, 0.5, 0.25]
    """
    counts = compositions(total, law.shape[-1])
    log_ways = math.lgamma(total + 1) - torch.lgamma(counts + 1).sum(-1)
    return counts, (log_ways + torch.special.xlogy(counts, law[..., None, :]).sum(-1)).exp()


def expected_log_mean(values, masses, negatives, *, scale=1.0, extra=None, extra_masses=None):
    """``E log(extra + scale * (v_1 + ... + v_K) / K)`` by quadrature, without enumerating draws.

    From ``log y = int_0^inf (e^-t - e^(-t y)) dt / t``: independent terms turn into a power of one Laplace transform.
    The trapezoidal rule in log t (step 0.1) is exact to rounding, because the integrand is analytic in a strip of
    half width pi/2 and decays at both ends.

    Parameters
    ----------
    values : array_like, shape (..., atoms), > 0
        Atoms of one draw v_k.
    masses : array_like, shape (..., atoms)
        Their probabilities.
    negatives : int >= 1
        K.
    scale : array_like, > 0, broadcast against the leading dimensions
    extra, extra_masses : array_like, shape (..., extra atoms), optional
        Law of an independent positive term; none by default.

    Returns
    -------
    ndarray, the leading shape

    Raises
    ------
    ValueError
        If an atom is not positive, or masses do not sum to one.

    >>> round(float(expected_log_mean([1.0, 3.0], [0.5, 0.5], 1)), 6)  # log(3) / 2
    0.549306
    """
    values, masses = _positive("values", values), _masses("masses", masses)
    count, scale = _count(negatives), _positive("scale", scale)
    if extra is not None:
        extra, extra_masses = _positive("extra", extra), _masses("extra_masses", extra_masses)
    largest = (scale * values.max(axis=-1)).max() + (0 if extra is None else extra.max())
    smallest = (scale * values.min(axis=-1)).min()
    # Left end: the integrand is below t * (1 + largest); right end: below exp(-t * min(1, smallest)).
    t = np.exp(np.arange(-38 - np.log1p(largest), 4 - min(0.0, np.log(smallest)), STEP))
    total = np.zeros(np.broadcast_shapes(values.shape[:-1], masses.shape[:-1], scale.shape))
    for node in t:
        one = np.expm1(-(node / count) * scale[..., None] * values)
        power = count * _log_of_one_plus((masses * one).sum(axis=-1))
        if extra is not None:
            power = power + _log_of_one_plus((extra_masses * np.expm1(-node * extra)).sum(axis=-1))
        total = total + (np.exp(-node) - np.exp(power))
    return STEP * total


def _log_of_one_plus(minus_loss):
    # A transform below 2^-53 is rounded up to it: it enters as its own value, not as a logarithm.
    return np.log1p(np.maximum(minus_loss, np.finfo(float).epsneg - 1))


def _positive(name, values):
    values = np.asarray(values, dtype=float)
    if not np.all(values > 0):
        raise ValueError(f"{name} is {values[~(values > 0)].flat[0]}, expected a positive number")
    return values


def _count(negatives):
    count = np.asarray(negatives)
    if not np.all(count >= 1):
        raise ValueError(f"negatives is {negatives}, expected at least 1")
    return count


def _masses(name, masses):
    masses = np.asarray(masses, dtype=float)
    sums = masses.sum(axis=-1)
    if np.any(masses < 0) or not np.allclose(sums, 1, rtol=0, atol=1e-9):
        raise ValueError(f"{name} must be probabilities; a row sums to {np.ravel(sums)[0]}")
    return masses
