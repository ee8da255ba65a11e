"""A general-purpose search over one anchor's pair weights, to be compared with closed forms it knows nothing about."""

import math

import numpy as np
import torch
from scipy.optimize import minimize


def minimise_weights(objective, start, *, total=None, at_most=None, largest=None):
    """Minimise a smooth convex function of non-negative weights with sequential quadratic programming (SLSQP).

    Parameters
    ----------
    objective : callable
        Maps a float64 Tensor of shape (m,) to a scalar Tensor; differentiated automatically.
    start : array_like, shape (m,)
        A feasible point with positive entries.
    total : float, optional
        What the weights have to sum to.
    at_most : float, optional
        What the sum of the weights may not exceed.
    largest : float, optional
        Upper bound of every weight.

    Returns
    -------
    ndarray, shape (m,)
        The best point found. Stopped when a step changes the value by less than 1e-15, so that with a modulus of
        convexity c the weights are good to about sqrt(2e-15 / c).

    Raises
    ------
    ValueError
        If the start is not feasible.

    >>> minimise_weights(lambda a: (a * a.log()).sum(), [0.1, 0.9], total=1.0).round(6).tolist()
    [0.5, 0.5]
    """
    start = np.asarray(start, float)
    reaches = start.sum()
    if start.ndim != 1 or start.size == 0 or not np.all(start > 0):
        raise ValueError(f"start is {start}, expected positive numbers, shape (m,)")
    if (total is not None and not math.isclose(reaches, total, rel_tol=1e-9)) or (
        at_most is not None and reaches > at_most
    ):
        raise ValueError(f"start sums to {reaches:g}, expected {total if total is not None else f'at most {at_most}'}")

    def value_and_slope(weights):
        leaf = torch.from_numpy(np.array(weights)).requires_grad_()
        value = objective(leaf)
        return value.item(), torch.autograd.grad(value, leaf)[0].numpy()

    ones, conditions = np.ones_like(start), []
    if total is not None:
        conditions.append({"type": "eq", "fun": lambda a: a.sum() - total, "jac": lambda a: ones})
    if at_most is not None:
        inside = at_most - 1e-12  # an entropy of what is missing has no slope at the edge
        conditions.append({"type": "ineq", "fun": lambda a: inside - a.sum(), "jac": lambda a: -ones})
    found = minimize(
        value_and_slope,
        start,
        jac=True,
        method="SLSQP",
        bounds=[(1e-12, largest)] * start.size,
        constraints=conditions,
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return found.x
