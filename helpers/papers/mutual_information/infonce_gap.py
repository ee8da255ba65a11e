"""How far the best InfoNCE value with K candidates stays below the mutual information, exactly.

Finite laws are tables (..., x, y) as in ``information``; critics are tables of the same shape. Everything is torch
float64, in nats and differentiable in the critic. K counts the positive: x, y_1 ~ p(x, y), and y_2..y_K ~ p(y)
independent of them. Three ways lead to the expectations: counts of the candidates (multinomial sums), enumeration of
batches, and one integral over the Laplace transform of the density ratio r, which serves every K, and Gaussians
(``gaussian_gap``) too.
"""

import math

import numpy as np
import torch

from helpers.information import estimators, finite_samples

STEP = 0.2  # of the trapezoidal rule in ln s: analytic in a strip of half width pi / 2, so the error is about 1e-15


def random_laws(rng, count, rows, columns, *, concentration=1.0, floor=0.0):
    """Independent random laws of pairs, Dirichlet mixed with the uniform law.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, rows, columns : int
    concentration : float > 0
        Of the Dirichlet law; small values give sparse tables.
    floor : float in [0, 1]
        Weight of the uniform law: no entry is below ``floor / (rows columns)``.

    Returns
    -------
    Tensor, shape (count, rows, columns), float64

    >>> random_laws(np.random.default_rng(0), 5, 2, 3, floor=0.5).min().item() >= 0.5 / 6
    True
    """
    cells = rows * columns
    drawn = rng.dirichlet(np.full(cells, concentration), size=count).reshape(count, rows, columns)
    return torch.from_numpy((1 - floor) * drawn + floor / cells)


# -- finite laws: multinomial sums and enumeration ---------------------------------------------------------------
def expected_infonce(joint, critic, *, candidates, negative_law=None):
    """``I_K(f) = E[ln K - logsumexp_j f(x, y_j) + f(x, y_1)]`` of any critic, by sums over counts of the negatives.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    critic : array_like, shape (..., x, y)
        Scores; of moderate size, or -inf where r = 0.
    candidates : int >= 1
        K.
    negative_law : array_like, shape (..., y), optional
        Law of the negatives; the marginal of y by default. Another law breaks the lower bound.

    Returns
    -------
    Tensor, shape (...)

    Raises
    ------
    ValueError
        If shapes differ, the table is no law, K < 1, or there are too many counts (``finite_samples.MOST``).

    >>> round(expected_infonce(torch.eye(2) / 2, 50 * torch.eye(2), candidates=2).item(), 6)
    0.346574
    """
    joint, critic = _table(joint), torch.as_tensor(critic, dtype=torch.float64)
    if critic.shape[-2:] != joint.shape[-2:]:
        raise ValueError(f"critic has shape {tuple(critic.shape)}, joint {tuple(joint.shape)}")
    _require_candidates(candidates)
    law = joint.sum(-2) if negative_law is None else torch.as_tensor(negative_law, dtype=torch.float64)
    counts, chance = finite_samples.multinomial(law, candidates - 1)
    highest = critic.amax(-1, keepdim=True).detach()
    weights = (critic - highest).exp()  # (..., x, y)

    def term(counts, chance):
        negative = weights @ counts.mT  # (..., x, counts)
        log_sum = (weights[..., None] + negative[..., None, :]).log() + highest[..., None]
        return (log_sum * chance[..., None, None, :]).sum(-1)

    loss = finite_samples.sum_in_blocks(term, counts, chance, width=weights.numel()) - critic
    return math.log(candidates) - torch.where(joint > 0, joint * loss, 0.0).sum((-1, -2))


def enumerated(statistic, joint, table, *, candidates):
    """Exact expectation of a statistic over every batch of K independent pairs, each scored as a K x K matrix.

    (x y)^K batches are enumerated, so keep the table and K small.

    Parameters
    ----------
    statistic : callable
        Maps scores (..., batches, K, K) to (..., batches).
    joint, table : array_like, shape (..., x, y)
        Law of a pair, and the scores f(x, y).
    candidates : int >= 1

    Returns
    -------
    Tensor, shape (...)

    >>> enumerated(lambda scores: scores[..., 0, 1], torch.eye(2) / 2, torch.eye(2), candidates=2).item()
    0.5
    """
    joint, table = _table(joint), torch.as_tensor(table, dtype=torch.float64)
    _require_candidates(candidates)
    rows, columns = joint.shape[-2:]
    batches = torch.cartesian_prod(*[torch.arange(rows * columns)] * candidates).reshape(-1, candidates)
    x, y = batches // columns, batches % columns
    scores = table[..., x[:, :, None], y[:, None, :]]  # (..., batches, K, K)
    chance = joint.flatten(-2)[..., batches].prod(-1)
    return (chance * statistic(scores)).sum(-1)


def enumerated_value(method, joint, critic, *, candidates, **options):
    """:func:`enumerated` for an estimator.

    Shares no code with the sums over counts and no formula with the population forms in ``variational_bounds``.

    Parameters
    ----------
    method : str
        From ``estimators.METHODS``.
    joint, critic : array_like, shape (..., x, y)
    candidates : int >= 1
    **options
        Of ``estimators.values``.

    Returns
    -------
    Tensor, shape (...)

    >>> enumerated_value("nwj", torch.full((2, 2), 0.25), torch.ones(2, 2), candidates=2).item()
    0.0
    """

    def statistic(scores):
        return estimators.values(method, scores, **options)

    return enumerated(statistic, joint, critic, candidates=candidates)


def enumerated_infonce(joint, critic, *, candidates):
    """:func:`enumerated_value` of InfoNCE: the in-batch estimate, other pairs' y serving as negatives.

    >>> round(enumerated_infonce(torch.eye(2) / 2, 50 * torch.eye(2), candidates=2).item(), 6)
    0.346574
    """
    return enumerated_value("infonce", joint, critic, candidates=candidates)


def posterior_price(joint, critic, *, candidates):
    """``E KL(posterior || softmax f)``: what a critic loses against the best one.

    The posterior of the positive's index given x and the candidates is ``r(x, y_j) / sum_l r(x, y_l)``. All ordered
    candidates are enumerated.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)
        r > 0 everywhere.
    candidates : int >= 1

    Returns
    -------
    Tensor, shape (...)

    >>> posterior_price(torch.full((2, 2), 0.25), torch.zeros(2, 2), candidates=3).item()
    0.0
    """
    joint, critic = _table(joint), torch.as_tensor(critic, dtype=torch.float64)
    log_ratio, row = log_density_ratio(joint), joint.sum(-1)
    tuples = torch.cartesian_prod(*[torch.arange(joint.shape[-1])] * candidates).reshape(-1, candidates)
    log_posterior = log_ratio[..., tuples].log_softmax(-1)  # (..., x, tuples, K)
    log_softmax = critic[..., tuples].log_softmax(-1)
    divergence = (log_posterior.exp() * (log_posterior - log_softmax)).sum(-1)
    mixture = log_ratio.exp()[..., tuples].mean(-1) * joint.sum(-2)[..., tuples].prod(-1)[..., None, :]
    return ((mixture * divergence).sum(-1) * row).sum(-1)


def log_density_ratio(joint):
    """``ln r = ln p(x, y) / (p(x) p(y))``, -inf where p(x, y) = 0.

    >>> log_density_ratio(torch.full((2, 2), 0.25)).abs().max().item()
    0.0
    """
    joint = _table(joint)
    return joint.log() - joint.sum(-1, keepdim=True).log() - joint.sum(-2, keepdim=True).log()


def counted_gap(joint, *, candidates):
    """Gap identity, right-hand side: ``E_x E_{y_1..y_K iid p(y)} phi(mean_j r(x, y_j))`` with ``phi(s) = s ln s``.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    candidates : int >= 1
        Multinomial counts of all K candidates are summed over.

    Returns
    -------
    Tensor, shape (...)
        ``I - I*_K``; at K = 1 the whole mutual information.

    >>> round(counted_gap(torch.eye(2) / 2, candidates=1).exp().item(), 6)
    2.0
    """
    joint = _table(joint)
    _require_candidates(candidates)
    counts, chance = finite_samples.multinomial(joint.sum(-2), candidates)
    mean = log_density_ratio(joint).exp() @ counts.mT / candidates
    return ((torch.special.xlogy(mean, mean) * chance[..., None, :]).sum(-1) * joint.sum(-1)).sum(-1)


# -- the integral form: every K at once --------------------------------------------------------------------------
def integral_gap(joint, candidates, *, step=STEP):
    """``I - I*_K = E_x int_0^inf [psi_x(s/K)^K - exp(-s)] ds / s^2`` with ``psi_x(t) = E_{y ~ p(y)} exp(-t r(x, y))``.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    candidates : int or sequence of int, shape (ks,)
        Any K >= 1, thousands too: the work does not grow with K.
    step : float
        Of the trapezoidal rule in ln s.

    Returns
    -------
    Tensor, shape (..., ks), or (...) for one K

    >>> [round(value, 6) for value in integral_gap(torch.eye(2) / 2, [1, 2]).tolist()]
    [0.693147, 0.346574]
    """
    joint = _table(joint)
    ratio = log_density_ratio(joint).exp()
    every = torch.as_tensor(candidates, dtype=torch.float64)
    _require_candidates(every.min().item())

    law = joint.sum(-2)[..., None, :].expand_as(ratio)
    gaps = (laplace_integrals(ratio, law, every.reshape(-1), step=step) * joint.sum(-1)[..., None]).sum(-2)
    return gaps.reshape((*joint.shape[:-2], *every.shape))


def laplace_integrals(ratio, law, candidates, *, step=STEP):
    """``int_0^inf [psi(s/K)^K - exp(-s)] ds / s^2`` with ``psi(t) = E exp(-t r)``, for candidates K.

    Parameters
    ----------
    ratio, law : Tensor, shape (..., y)
        Values of r and their probabilities; the mean of r is 1.
    candidates : Tensor, shape (ks,), float64
    step : float
        Of the trapezoidal rule in ln s.

    Returns
    -------
    Tensor, shape (..., ks)
        ``E phi`` of the mean of K independent copies of r, ``phi(s) = s ln s``.

    >>> round(laplace_integrals(torch.tensor([0.0, 2.0]), torch.tensor([0.5, 0.5]), torch.ones(1)).exp().item(), 4)
    2.0
    """
    ratio, law = ratio.double(), law.double()
    total = torch.zeros(*ratio.shape[:-1], candidates.numel(), dtype=torch.float64)
    for s in torch.arange(-37.0, 38.0, step, dtype=torch.float64).exp():  # the integrand is below s and below 1/s
        one = (torch.expm1(-(s / candidates)[:, None] * ratio[..., None, :]) @ law[..., None])[..., 0]  # psi - 1
        log_power = candidates * torch.log1p(one.clamp(min=-1))
        near = torch.expm1(s + log_power) * (-s).exp() if s < 1 else log_power.exp() - (-s).exp()
        total = total + near * (step / s)
    return total


def most_convex(logits, candidates, *, steps=150, rate=0.05):
    """Search for laws whose best InfoNCE value bends upwards in K: Adam on the largest second difference over I.

    Parameters
    ----------
    logits : array_like, shape (laws, x, y)
        Where the search starts; a law is their softmax.
    candidates : sequence of int
        Consecutive K from 1 on, at least three.
    steps : int
    rate : float > 0

    Returns
    -------
    Tensor, shape (laws,)
        Largest second difference of ``I*_K`` over the mutual information, at the end of the climb.

    Raises
    ------
    ValueError
        If the K are not 1, 2, 3, ...

    >>> bool(most_convex(torch.randn(4, 2, 2), (1, 2, 3), steps=5).max() < 0)
    True
    """
    if list(candidates) != list(range(1, len(candidates) + 1)) or len(candidates) < 3:
        raise ValueError(f"candidates are {list(candidates)}, expected 1, 2, 3, ...")
    point = torch.as_tensor(logits, dtype=torch.float64).detach().clone().requires_grad_()

    def bend():
        law = point.flatten(1).softmax(-1).reshape(point.shape)
        gap = torch.stack([counted_gap(law, candidates=count) for count in candidates])
        return (-gap.diff(n=2, dim=0) / gap[0]).amax(0)

    search = torch.optim.Adam([point], lr=rate)
    for _ in range(steps):
        search.zero_grad()
        (-bend().sum()).backward()
        search.step()
    return bend().detach()


def flat_directions(value, critic, *, tolerance=1e-9):
    """Dimension of the null space of the Hessian of ``value`` at a table critic: the changes it does not see.

    Parameters
    ----------
    value : callable
        Maps a table (x, y) to a scalar Tensor.
    critic : Tensor, shape (x, y), float64
    tolerance : float
        Eigenvalues up to this size count as zero.

    Returns
    -------
    int

    >>> flat_directions(lambda table: table[0].square().sum(), torch.ones(3, 2).double())
    4
    """
    hessian = torch.autograd.functional.hessian(lambda flat: value(flat.reshape(critic.shape)), critic.flatten())
    return int((torch.linalg.eigvalsh(hessian).abs() <= tolerance).sum())


# -- moments of the ratio ------------------------------------------------------------------------------------------
def ratio_moments(joint):
    """Variance, third and fourth central moment of r(x, Y) for Y ~ p(y), a row each.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    variance, third, fourth : Tensor, shape (..., x)
        ``E_x variance = chi2(X; Y)``.

    >>> [moment.tolist() for moment in ratio_moments(torch.eye(2) / 2)]
    [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    """
    joint = _table(joint)
    centred = log_density_ratio(joint).exp() - 1
    return tuple((centred.pow(power) * joint.sum(-2)[..., None, :]).sum(-1) for power in (2, 3, 4))


def variance_bound(joint, candidates):
    """``E_x ln(1 + v(x)/K)``, v(x) the variance of r(x, Y): at least the gap, for every K.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    candidates : int or sequence of int, shape (ks,)

    Returns
    -------
    Tensor, shape (..., ks), or (...) for one K

    >>> round(variance_bound(torch.eye(2) / 2, 1).exp().item(), 6)
    2.0
    """
    every = torch.as_tensor(candidates, dtype=torch.float64)
    each = torch.log1p(ratio_moments(joint)[0][..., None] / every.reshape(-1))
    total = (each * _table(joint).sum(-1)[..., None]).sum(-2)
    return total.reshape((*total.shape[:-1], *every.shape))


def canonical_correlations(joint):
    """Singular values of ``p(x, y) / sqrt(p(x) p(y))``, decreasing: 1 first, then squares that sum to chi2.

    >>> canonical_correlations(torch.eye(2) / 2).round(decimals=9).tolist()
    [1.0, 1.0]
    """
    joint = _table(joint)
    return torch.linalg.svdvals(joint / (joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)).sqrt())


def gap_expansion(joint):
    """Coefficients of ``I - I*_K = c_1/K + c_2/K^2 + c_3/K^3 + O(K^-4)`` on a finite table.

    Taylor expansion of ``E phi(1 + D)``, D the mean of K centred ratios: ``phi(1 + d) = d + d^2/2 - d^3/6 + d^4/12 -
    d^5/20 + d^6/30``.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    tuple of three Tensors, shape (...)

    >>> [round(coefficient.item(), 6) for coefficient in gap_expansion(torch.eye(2) / 2)]
    [0.5, 0.25, 0.333333]
    """
    v, third, fourth = ratio_moments(joint)
    row = _table(joint).sum(-1)
    second_order = v.square() / 4 - third / 6
    third_order = (fourth - 3 * v.square()) / 12 - v * third / 2 + v.pow(3) / 2
    return tuple((row * each).sum(-1) for each in (v / 2, second_order, third_order))


def _table(joint):
    joint = torch.as_tensor(joint, dtype=torch.float64)
    if joint.ndim < 2 or 0 in joint.shape:
        raise ValueError(f"joint has shape {tuple(joint.shape)}, expected (..., x, y)")
    sums = joint.sum((-1, -2))
    if bool((joint < 0).any()) or not torch.allclose(sums, torch.ones_like(sums), rtol=0, atol=1e-9):
        raise ValueError(f"joint is no law: sums from {sums.min():g} to {sums.max():g}, smallest entry {joint.min():g}")
    return joint


def _require_candidates(candidates):
    if candidates < 1:
        raise ValueError(f"candidates is {candidates}, expected at least 1: the positive itself")
