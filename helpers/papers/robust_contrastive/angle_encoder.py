"""An encoder with two weights on four inputs, small enough that its population loss is a finite sum.

``f(x) = (cos, sin)(theta . x)`` for x in the plane. Class 0 sits at x_1 = +1, class 1 at x_1 = -1; the second
coordinate is +-1/2 and agrees with the class with probability 0.8. An attack may move x to a corner of the box of half
width ``reach`` around it, or leave it. Negatives and worlds as in ``finite_worlds``; NumPy float64, nats.
"""

import numpy as np

from . import decomposition, finite_worlds, pac_bayes

INPUTS = np.array([[1.0, 0.5], [1.0, -0.5], [-1.0, 0.5], [-1.0, -0.5]])
CONDITIONAL = np.array([[0.8, 0.2, 0.0, 0.0], [0.0, 0.0, 0.2, 0.8]])
CORNERS = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
# Worlds evaluated at once, times their losses: about 50 MB.
CHUNK = 6_000_000


def worlds(parameters, *, temperature, weight, negatives, reach):
    """The finite worlds of many encoders.

    Parameters
    ----------
    parameters : array_like, shape (w, 2)
        The weights theta of each encoder.
    temperature, weight : float
    negatives : int
    reach : float >= 0
        Half width of the box of the attack.

    Returns
    -------
    finite_worlds.World
        4 points, 20 places: the inputs, then the four corners around each.

    Raises
    ------
    ValueError
        If `parameters` is not of shape (w, 2).

    >>> worlds([[np.pi / 2, 0.0]], temperature=1.0, weight=1.0, negatives=1, reach=0.1).features[0, 0].round(6).tolist()
    [0.0, 1.0]
    """
    parameters = np.asarray(parameters, float)
    if parameters.ndim != 2 or parameters.shape[1] != 2:
        raise ValueError(f"parameters has shape {parameters.shape}, expected (w, 2)")
    places = np.concatenate([INPUTS, (INPUTS[:, None] + reach * CORNERS).reshape(-1, 2)])
    angle = parameters @ places.T
    moves = np.concatenate([np.eye(4), np.repeat(np.eye(4), 4, axis=1)], axis=1).astype(bool)
    options = {"temperature": temperature, "weight": weight, "negatives": negatives, "moves": moves}
    features = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return finite_worlds.make_worlds(features, [0.5, 0.5], CONDITIONAL, **options)


def tuple_law(negatives):
    """Probability of every tuple (anchor, positive, counts of the negatives), shape (4 * 4 * v,).

    >>> float(tuple_law(2).sum().round(12))
    1.0
    """
    world = worlds([[1.0, 0.0]], temperature=1.0, weight=1.0, negatives=negatives, reach=0.0)
    pairs = np.einsum("wc,wcxp->xp", world.prior, world.pairs)
    return np.multiply.outer(pairs, decomposition.negatives_law(world)[0]).ravel()


def mean_losses(parameters, shares, *, attacked, temperature, weight, negatives, reach):
    """Contrastive loss of many encoders averaged over tuples: the population's, or an empirical sample's.

    Parameters
    ----------
    parameters : array_like, shape (w, 2)
    shares : array_like, shape (s, tuples) or (tuples,)
        Weights of the tuples: :func:`tuple_law` for the population, counts / N for a sample of N tuples.
    attacked : bool
        Whether the anchor of every tuple is moved to its worst place (the attack sees the whole tuple).
    temperature, weight, negatives, reach
        As in :func:`worlds`.

    Returns
    -------
    ndarray, shape (w, s) or (w,)
    """
    parameters, shares = np.asarray(parameters, float), np.asarray(shares, float)
    options = {"temperature": temperature, "weight": weight, "negatives": negatives, "reach": reach if attacked else 0}
    chunk = max(1, CHUNK // (5 * shares.shape[-1]))
    found = []
    for start in range(0, len(parameters), chunk):
        world = worlds(parameters[start : start + chunk], **options)
        losses = decomposition.tuple_losses(world)
        losses = finite_worlds.attack(world, losses, axis=1) if attacked else losses[:, :4]
        found.append(losses.reshape(len(losses), -1) @ shares.T)
    return np.concatenate(found)


def steepness(*, temperature, reach):
    """A Lipschitz constant, in the weights, of every tuple's loss and of the mean classifier's cross-entropy.

    Scores are ``cos(theta . (x - y)) / temperature``, so a difference of two scores of one anchor has a gradient of
    at most twice the largest distance between inputs, over the temperature.

    >>> round(steepness(temperature=1.0, reach=0.0), 4)
    4.4721
    """
    widest = np.ptp(INPUTS, axis=0) + reach  # only the anchor is moved
    return float(2 * np.linalg.norm(widest) / temperature)


def worst_in_ball(parameters, shares, *, radius, steps=6, temperature, weight, negatives, reach):
    """Upper bound of the largest attacked mean loss over all weights within ``radius``: grid plus Lipschitz constant.

    Parameters
    ----------
    parameters : array_like, shape (2,)
        Centre of the ball.
    shares : array_like, shape (s, tuples)
    radius : float
    steps : int
        Of :func:`pac_bayes.ball_grid`.
    temperature, weight, negatives, reach
        As in :func:`worlds`.

    Returns
    -------
    ndarray, shape (s,)
    """
    offsets, cover = pac_bayes.ball_grid(radius, steps)
    form = {"temperature": temperature, "weight": weight, "negatives": negatives, "reach": reach}
    tables = mean_losses(np.asarray(parameters) + offsets, shares, attacked=True, **form)
    return tables.max(axis=0) + cover * steepness(temperature=temperature, reach=reach)
