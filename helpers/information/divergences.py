"""Divergences between finite laws: total variation, Kullback-Leibler, Jensen-Shannon, Hellinger, chi-square, transport.

Both arguments are arrays of shape (..., atoms) that sum to one along the last axis; leading dimensions are a batch.
Everything in nats, NumPy float64. Infinite values are returned as ``inf``, never clipped.
"""

import numpy as np
from scipy import optimize, special


def total_variation(p, q):
    """``1/2 sum |p - q|``, in [0, 1].

    Parameters
    ----------
    p, q : array_like, shape (..., atoms)

    Returns
    -------
    ndarray or float

    Raises
    ------
    ValueError
        If an argument is not a probability law or the numbers of atoms differ.

    >>> float(total_variation([0.5, 0.5], [1.0, 0.0]))
    0.5
    """
    p, q = _laws(p, q)
    return np.abs(p - q).sum(axis=-1) / 2


def kullback_leibler(q, p):
    """``KL(q || p) = sum q log(q / p)``, in [0, inf]; inf where q has mass that p lacks.

    Parameters
    ----------
    q, p : array_like, shape (..., atoms)

    Returns
    -------
    ndarray or float

    >>> float(kullback_leibler([1.0, 0.0], [0.5, 0.5]).round(4))
    0.6931
    """
    q, p = _laws(q, p)
    return special.rel_entr(q, p).sum(axis=-1)


def jensen_shannon(p, q):
    """Mean divergence of p and q to their midpoint, natural logarithm, in [0, log 2].

    Parameters
    ----------
    p, q : array_like, shape (..., atoms)

    Returns
    -------
    ndarray or float

    >>> float(jensen_shannon([1.0, 0.0], [0.0, 1.0]).round(4))
    0.6931
    """
    p, q = _laws(p, q)
    middle = (p + q) / 2
    return (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / 2


def squared_hellinger(p, q):
    """``1/2 sum (sqrt p - sqrt q)^2``, in [0, 1].

    Parameters
    ----------
    p, q : array_like, shape (..., atoms)

    Returns
    -------
    ndarray or float

    >>> float(squared_hellinger([1.0, 0.0], [0.0, 1.0]))
    1.0
    """
    p, q = _laws(p, q)
    return ((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2


def chi_squared(q, p):
    """``chi2(q || p) = sum (q - p)^2 / p``, in [0, inf]; inf where q has mass that p lacks.

    Parameters
    ----------
    q, p : array_like, shape (..., atoms)

    Returns
    -------
    ndarray or float

    >>> float(chi_squared([1.0, 0.0], [0.5, 0.5]))
    1.0
    """
    q, p = _laws(q, p)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(q == p, 0.0, (q - p) ** 2 / p)
    return terms.sum(axis=-1)


def wasserstein_one(p, q, cost):
    """Optimal transport ``min sum flow * cost`` over flows with marginals p and q, by linear programming.

    Parameters
    ----------
    p, q : array_like, shape (atoms,)
        One pair of laws (no batch).
    cost : array_like, shape (atoms, atoms)
        Price of moving a unit of mass from atom i (of p) to atom j (of q).

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the shapes do not fit or an argument is not a law.
    RuntimeError
        If the linear programme is not solved.

    >>> round(wasserstein_one([0.5, 0.5], [0.0, 1.0], [[0.0, 3.0], [3.0, 0.0]]), 9)
    1.5
    """
    (p, q), cost = _laws(p, q), np.asarray(cost, float)
    atoms = p.shape[-1]
    if p.ndim != 1 or cost.shape != (atoms, atoms):
        raise ValueError(f"p has shape {p.shape} and cost {cost.shape}, expected (atoms,) and (atoms, atoms)")
    # Mass that both laws share at an atom need not move when staying is free and cost is a metric; keep it general.
    sources, targets = np.flatnonzero(p > 0), np.flatnonzero(q > 0)
    rows = np.kron(np.eye(len(sources)), np.ones(len(targets)))
    columns = np.kron(np.ones(len(sources)), np.eye(len(targets)))
    marginals = np.concatenate([p[sources], q[targets] * p.sum() / q.sum()])
    found = optimize.linprog(
        cost[np.ix_(sources, targets)].ravel(),
        A_eq=np.concatenate([rows, columns])[:-1],  # one marginal constraint follows from the others
        b_eq=marginals[:-1],
        method="highs",
    )
    if found.status != 0:
        raise RuntimeError(f"the linear programme was not solved: {found.message}")
    return float(found.fun)


def _laws(p, q):
    p, q = np.asarray(p, float), np.asarray(q, float)
    if p.shape[-1:] != q.shape[-1:]:
        raise ValueError(f"the laws have {p.shape[-1:]} and {q.shape[-1:]} atoms, expected equal numbers")
    for law in (p, q):
        sums = law.sum(axis=-1)
        if np.any(law < 0) or not np.allclose(sums, 1, rtol=0, atol=1e-9):
            raise ValueError(f"a law is negative somewhere or sums to {np.ravel(sums)[0]}, expected probabilities")
    return p, q
