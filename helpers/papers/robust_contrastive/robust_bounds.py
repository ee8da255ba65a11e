"""Constants of the robust contrastive bounds: reverse Jensen, the price of finitely many negatives, the floor.

Unit features throughout, so every score lies in [-1/temperature, 1/temperature]. Negatives are independent draws;
``negatives`` is their number K and ``weight`` their total weight beta, so that the loss of one anchor is

    -s_+ + log(exp(s_+) + weight/negatives * sum_k exp(s_k)),        all scores already divided by the temperature.

Everything in nats, NumPy float64, batched over leading dimensions.
"""

import numpy as np
from scipy import optimize, special


def reverse_jensen(spread):
    """Largest Jensen gap of exp for a variable in [-spread, spread]: ``log(sinh t / t) + t coth t - 1``.

    Parameters
    ----------
    spread : array_like, > 0
        Half width t of the interval.

    Returns
    -------
    ndarray or float
        ``kappa(t) = max_X log E exp(X) - E X``; about t^2/2 for small t, 2t - log(2t) - 1 for large t.

    Raises
    ------
    ValueError
        If a spread is not positive.

    >>> round(float(reverse_jensen(2.0)), 4)
    1.6698
    """
    t = _positive("spread", spread)
    log_sinh = t + np.log1p(-np.exp(-2 * t)) - np.log(2)
    return log_sinh - np.log(t) + t / np.tanh(t) - 1


def extremal_mass(spread):
    """Mass at +spread of the two-point law on {-spread, +spread} that attains :func:`reverse_jensen`.

    Parameters
    ----------
    spread : array_like, > 0

    Returns
    -------
    ndarray or float
        ``(1 + 1/t - coth t) / 2``, in (0, 1/2).

    >>> round(float(extremal_mass(2.0)), 4)
    0.2313
    """
    t = _positive("spread", spread)
    return (1 + 1 / t - 1 / np.tanh(t)) / 2


def negatives_price(temperature, negatives):
    """Largest possible gap between infinitely many negatives and K of them.

    Parameters
    ----------
    temperature : array_like, > 0
    negatives : array_like of int >= 1
        K.

    Returns
    -------
    ndarray
        ``min{kappa(a), (e^a - 1)^2 / K}`` with a = 1/temperature.

    Raises
    ------
    ValueError
        If a temperature is not positive or a number of negatives is below 1.

    >>> float(negatives_price(0.5, 1022).round(4))
    0.0399
    """
    a, count = 1 / _positive("temperature", temperature), _count(negatives)
    return np.minimum(reverse_jensen(a), np.expm1(a) ** 2 / count)


def allowance(temperature, negatives, weight):
    """``A(K, beta) = negatives_price - log(weight)``: what is added to the contrastive loss (besides the entropy).

    Parameters
    ----------
    temperature : array_like, > 0
    negatives : array_like of int >= 1
    weight : array_like, > 0

    Returns
    -------
    ndarray

    >>> float(allowance(0.5, 1, 1.0).round(4))
    1.6698
    """
    return negatives_price(temperature, negatives) - np.log(_positive("weight", weight))


def loss_range(temperature, weight):
    """Smallest and largest value of the contrastive loss of unit features.

    Parameters
    ----------
    temperature, weight : array_like, > 0

    Returns
    -------
    tuple of ndarray
        ``log(1 + weight e^(-2/temperature))`` and ``log(1 + weight e^(2/temperature))``.

    >>> [round(float(end), 2) for end in loss_range(0.5, 1022.0)]
    [2.98, 10.93]
    """
    a, beta = 1 / _positive("temperature", temperature), _positive("weight", weight)
    return np.log1p(beta * np.exp(-2 * a)), np.log1p(beta * np.exp(2 * a))


def floor(temperature, classes):
    """Smallest cross-entropy of the mean classifier for unit features and a uniform prior.

    Parameters
    ----------
    temperature : array_like, > 0
    classes : array_like of int >= 2

    Returns
    -------
    ndarray
        ``log(1 + (M - 1) exp(-M / ((M - 1) temperature)))``, attained by the regular simplex.

    Raises
    ------
    ValueError
        If there are fewer than two classes.

    >>> float(floor(0.5, 10).round(3))
    0.681
    """
    count = np.asarray(classes)
    if np.any(count < 2):
        raise ValueError(f"classes is {classes}, expected at least 2")
    return np.log1p((count - 1) * np.exp(-count / ((count - 1) * _positive("temperature", temperature))))


def robust_linear_minimum(features, mass, moves, *, iterations=500):
    """Smallest robust cross-entropy of any linear classifier on finitely many points: classifier first, attack second.

    Minimises ``sum_(c,x) mass[c, x] max_(v in moves[x]) (logsumexp(W z_v + b) - (W z_v + b)_c)`` over W and b in its
    epigraph form (sequential quadratic programming; the problem is convex).

    Parameters
    ----------
    features : array_like, shape (places, dimension)
    mass : array_like, shape (classes, points)
        Joint probabilities of class and point; point i sits at place i.
    moves : array_like of bool, shape (points, places)
        Where each point may be moved.
    iterations : int
        Most steps of the optimiser.

    Returns
    -------
    tuple
        The value, the weights (classes, dimension) and the biases (classes,).

    Raises
    ------
    ValueError
        If the shapes do not fit.
    RuntimeError
        If the optimiser does not converge in that many steps.
    """
    features, mass, moves = np.asarray(features, float), np.asarray(mass, float), np.asarray(moves, bool)
    classes, points = mass.shape
    places, dimension = features.shape
    if moves.shape != (points, places):
        raise ValueError(f"moves has shape {moves.shape}, expected ({points}, {places})")
    lifted = np.concatenate([features, np.ones((places, 1))], axis=1)
    label, point, place = (axis.ravel() for axis in np.nonzero(np.broadcast_to(moves, (classes, points, places))))
    slots, width = label * points + point, classes * (dimension + 1)

    def constraint(variables):
        logits = lifted @ variables[:width].reshape(classes, -1).T
        losses = special.logsumexp(logits, axis=1, keepdims=True) - logits
        return variables[width:][slots] - losses[place, label]

    def jacobian(variables):
        share = special.softmax(lifted @ variables[:width].reshape(classes, -1).T, axis=1)
        slope = (share[place] - np.eye(classes)[label])[:, :, None] * lifted[place][:, None]
        return np.concatenate([-slope.reshape(len(place), width), np.eye(classes * points)[slots]], axis=1)

    start = np.concatenate([np.zeros(width), np.full(classes * points, np.log(classes) + 1e-3)])
    gradient = np.concatenate([np.zeros(width), mass.ravel()])
    found = optimize.minimize(
        lambda variables: gradient @ variables,
        start,
        jac=lambda variables: gradient,
        method="SLSQP",
        constraints={"type": "ineq", "fun": constraint, "jac": jacobian},
        options={"maxiter": iterations, "ftol": 1e-12},
    )
    if not found.success:
        raise RuntimeError(f"the convex programme did not converge: {found.message}")
    solution = found.x[:width].reshape(classes, -1)
    return float(found.fun), solution[:, :-1], solution[:, -1]


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
