"""Exact worst points of a small ReLU encoder with two features, by mixed-integer programming, and bounds from above.

Two equally likely classes and unit features: the loss of the mean classifier is a rising function of the angle between
the feature and the axis ``v = w_own - w_other``, so that the worst point is the one of the largest angle. Inputs of one
network, ``layers = (W1 (h, d), b1 (h,), W2 (2, h), b2 (2,))``, NumPy float64; angles in radians in [0, pi].

On one side of the axis a feature has an angle above phi iff it has a positive product with one fixed vector: a linear
objective on the outputs, which the big-M form of the ReLU (Tjeng, Xiao and Tedrake 2019) maximises exactly.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import optimize

# Of the solver's constraints (HiGHS: 1e-6 for integers), times the largest sum of weights it can reach here.
SOLVER = 1e-5


@dataclass(frozen=True)
class Worst:
    """Largest angle in a box: ``low`` is reached at ``point``, and no point lies above ``high``."""

    low: float
    high: float
    point: np.ndarray


def outputs(layers, points):
    """Values of the network before division by their length, shape (..., 2)."""
    first, shift, second, last = layers
    return np.maximum(points @ first.T + shift, 0) @ second.T + last


def angles(values, axis):
    """Angles (...) of vectors (..., 2) with an axis (2,)."""
    across = axis[0] * values[..., 1] - axis[1] * values[..., 0]
    return np.arctan2(np.abs(across), values @ axis)


def hidden_bounds(layers, low, high):
    """Smallest and largest value of every hidden unit before its ReLU, over the box; two arrays (h,), attained."""
    first, shift = layers[:2]
    middle, reach = first @ (low + high) / 2 + shift, np.abs(first) @ (high - low) / 2
    return middle - reach, middle + reach


def interval_angle(layers, low, high, axis):
    """Upper bound of the angle from intervals alone: the largest over a box that holds the outputs.

    pi if the box meets the ray against the axis, which it does when it holds the origin.
    """
    second, last = layers[2:]
    bottom, top = (np.maximum(bound, 0) for bound in hidden_bounds(layers, low, high))
    middle, reach = second @ (bottom + top) / 2 + last, np.abs(second) @ (top - bottom) / 2
    square = middle + reach * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return _largest_in_polygon(square, axis)


def largest(layers, low, high, objective, *, side=None, integral=True):
    """``max objective . y`` over the outputs y of a box of inputs, where ``side . y >= 0``.

    Parameters
    ----------
    layers : tuple of ndarray
    low, high : ndarray, shape (d,)
    objective, side : ndarray, shape (2,)
    integral : bool
        False relaxes every ReLU to its triangle: a linear programme, whose value bounds the maximum from above.

    Returns
    -------
    tuple
        Upper bound of the solver, equal to the maximum within its tolerances, the input and the output (2,) of the
        programme; minus infinity, None and None where no output lies on that side.

    Raises
    ------
    ValueError
        If the box is empty.
    RuntimeError
        If the solver neither finishes nor shows that nothing is feasible.
    """
    if np.any(low > high):
        raise ValueError(f"the box is empty: low is {low}, high is {high}")
    first, shift, second, last = layers
    (units, inputs), (bottom, top) = first.shape, hidden_bounds(layers, low, high)
    bottom, top, one = np.minimum(bottom, 0), np.maximum(top, 0), np.eye(units)
    nothing = np.zeros((units, units))
    rows = [  # x, then the units after the ReLU, then the switches
        (np.hstack([-first, one, nothing]), shift, np.inf),
        (np.hstack([-first, one, -np.diag(bottom)]), -np.inf, shift - bottom),
        (np.hstack([np.zeros_like(first), one, -np.diag(top)]), -np.inf, 0),
    ]
    if side is not None:
        rows.append((np.concatenate([np.zeros(inputs), side @ second, np.zeros(units)])[None], -side @ last, np.inf))
    found = optimize.milp(
        -np.concatenate([np.zeros(inputs), objective @ second, np.zeros(units)]),
        constraints=[optimize.LinearConstraint(*row) for row in rows],
        bounds=optimize.Bounds(np.concatenate([low, np.zeros(2 * units)]), np.concatenate([high, top, np.ones(units)])),
        integrality=np.repeat([0, int(integral)], [inputs + units, units]),
        options={"mip_rel_gap": 0},
    )
    if found.status == 2:
        return -np.inf, None, None
    if not found.success:
        raise RuntimeError(f"the solver stopped: {found.message}")
    bound = found.fun if found.mip_dual_bound is None else min(found.fun, found.mip_dual_bound)
    after = second @ found.x[inputs : inputs + units] + last
    return float(objective @ last - bound), np.clip(found.x[:inputs], low, high), after


def worst_angle(layers, low, high, axis, start, *, step=1e-3, integral=True):
    """The largest angle of a feature with the axis, within ``step``.

    From the angle of a known input: on both sides of the axis, is there an angle larger by ``step``? The answer is an
    input with one, from which the search goes on, or a proof that there is none.

    Parameters
    ----------
    layers : tuple of ndarray
    low, high : ndarray, shape (d,)
    axis : ndarray, shape (2,)
    start : ndarray, shape (d,)
        Inside the box, such as the answer of an attack.
    step : float
    integral : bool
        False takes linear programmes: ``high`` is then a bound from above that may be far off.

    Returns
    -------
    Worst
    """
    unit = axis / np.linalg.norm(axis)
    point, across = start, np.array([-unit[1], unit[0]])
    known = float(angles(outputs(layers, start), axis))
    tried = known + step
    for side in (across, -across):
        while tried < np.pi:
            normal = np.cos(tried) * side - np.sin(tried) * unit
            value, found, output = largest(layers, low, high, normal, side=side, integral=integral)
            if found is None or value < -SOLVER:
                break
            reached = float(angles(outputs(layers, found), axis))
            if reached > known:
                known, point = reached, found
            tried = max(tried, float(angles(output, axis))) + step
    return Worst(known, min(tried, np.pi), point)


def worst_angle_of_vertices(layers, low, high, axis):
    """The largest angle, for two inputs, from the corners of the regions on which the network is linear.

    The kinks are lines; with the four sides of the box they cut it into convex pieces. On each of their edges the
    angle has its maximum at an end or where the output crosses the ray against the axis.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the network has another number of inputs than two.
    """
    first, shift = layers[:2]
    if first.shape[1] != 2:
        raise ValueError(f"the network has {first.shape[1]} inputs, expected 2")
    normals = np.concatenate([first, np.eye(2), np.eye(2)])
    offsets = np.concatenate([-shift, low, high])
    largest_angle = 0.0
    for own in range(len(normals)):
        corners = []
        for other in range(len(normals)):
            pair = normals[[own, other]]
            if abs(np.linalg.det(pair)) > 1e-12:
                corners.append(np.linalg.solve(pair, offsets[[own, other]]))
        corners = np.array(corners)
        inside = np.all((corners >= low - 1e-12) & (corners <= high + 1e-12), axis=1)
        if not inside.any():
            continue
        line = corners[inside]
        line = line[np.argsort(line @ np.array([-normals[own, 1], normals[own, 0]]))]
        largest_angle = max(largest_angle, _largest_on_path(outputs(layers, line), axis))
    return largest_angle


def _largest_on_path(values, axis):
    """Largest angle along straight pieces between values (n, 2)."""
    best = angles(values, axis).max()
    across = axis[0] * values[:, 1] - axis[1] * values[:, 0]
    along = values @ axis
    for one, two in itertools.pairwise(range(len(values))):
        if across[one] * across[two] < 0:
            share = across[one] / (across[one] - across[two])
            if along[one] + share * (along[two] - along[one]) < 0:
                return np.pi
    return float(best)


def _largest_in_polygon(corners, axis):
    """Largest angle in a convex polygon with these corners (n, 2), in order; pi if it holds the origin."""
    edges = np.roll(corners, -1, axis=0) - corners
    if np.all(edges[:, 0] * -corners[:, 1] + edges[:, 1] * corners[:, 0] >= 0):
        return np.pi
    return _largest_on_path(np.concatenate([corners, corners[:1]]), axis)
