"""PAC-Bayes complexity of a ball of weights.

A posterior N(theta, sigma^2 I) around T trained weights, priors N(0, sigma^2 e^(j/T) I) for j = 0, 1, 2, ... with
masses 6 / (pi^2 (j+1)^2), and a loss with values in [0, ceiling]. sigma is chosen such that the noise leaves the ball
of the given radius with probability at most N^(-1/2). NumPy float64, in nats.
"""

import math

import numpy as np
from scipy import special, stats

FORMS = ("linear", "root")


def noise_scale(radius, parameters, samples):
    """Standard deviation of the weight noise: ``radius / (sqrt T + sqrt(log N))``.

    Parameters
    ----------
    radius : array_like, > 0
    parameters : array_like, >= 1
        Number T of weights.
    samples : array_like, >= 2
        Number N of independent tuples.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If an argument is out of range.

    >>> round(float(noise_scale(1.0, 4, math.exp(4))), 6)
    0.25
    """
    for name, value, least in (("parameters", parameters, 1), ("samples", samples, 2)):
        if np.any(np.asarray(value) < least):
            raise ValueError(f"{name} is {value}, expected at least {least}")
    if np.any(np.asarray(radius) <= 0):
        raise ValueError(f"radius is {radius}, expected a positive number")
    return radius / (np.sqrt(parameters) + np.sqrt(np.log(samples)))


def leaving_probability(radius, parameters, sigma):
    """Probability that noise N(0, sigma^2 I) in T dimensions is longer than ``radius`` (chi-square tail)."""
    return stats.chi2.sf((np.asarray(radius) / sigma) ** 2, parameters)


def prior_index(parameters, squared_norm, sigma):
    """Index j of the prior to compare with: ``ceil(T log(1 + |theta|^2 / (T sigma^2)))``.

    Parameters
    ----------
    parameters, squared_norm, sigma : array_like

    Returns
    -------
    ndarray of float (a whole number)
    """
    parameters = np.asarray(parameters, float)
    return np.ceil(parameters * np.log1p(squared_norm / (parameters * np.square(sigma))))


def prior_scale(parameters, index, sigma):
    """Standard deviation of the prior of that index, ``sigma e^(j / 2T)``."""
    return sigma * np.exp(np.asarray(index) / (2 * np.asarray(parameters, float)))


def gaussian_divergence(parameters, squared_norm, sigma, prior_sigma):
    """``KL(N(theta, sigma^2 I) || N(0, prior_sigma^2 I))`` in T dimensions; theta enters by its squared norm.

    Parameters
    ----------
    parameters, squared_norm, sigma, prior_sigma : array_like

    Returns
    -------
    ndarray

    >>> float(gaussian_divergence(3, 4.0, 1.0, 1.0))
    2.0
    """
    ratio = np.square(sigma / np.asarray(prior_sigma))
    return (parameters * (ratio - 1 - np.log(ratio)) + squared_norm / np.square(prior_sigma)) / 2


def prior_mass(index):
    """Mass of the prior of that index, ``6 / (pi^2 (j+1)^2)``; all of them sum to one."""
    return 6 / (np.pi**2 * np.square(np.asarray(index, float) + 1))


def complexity(form, *, samples, parameters, squared_norm, radius, failure, ceiling):
    """What is added to the worst empirical loss of the ball, so that it bounds the population loss of noisy weights.

    With ``k = j/2 + log(1 / prior_mass(j))`` (divergence and price of not knowing j beforehand):

    - linear: ``(k + log(1/failure) + ceiling^2/8 + ceiling) / sqrt N`` (Catoni's form at inverse temperature sqrt N),
    - root: ``ceiling sqrt((k + log(2 sqrt N/failure)) / 2N) + ceiling / sqrt N`` (Maurer's form).

    Parameters
    ----------
    form : str
        "linear" or "root".
    samples : array_like
        Number N of *independent* tuples, at least 8.
    parameters, squared_norm, radius : array_like
        Number of weights, their squared Euclidean norm, radius of the ball.
    failure : float in (0, 1)
        Probability with which the bound may fail.
    ceiling : array_like, > 0
        Largest value of the loss, whose smallest is at least 0.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        For another form, fewer than 8 samples or a failure probability outside (0, 1).

    >>> small = {"samples": 10**6, "parameters": 10, "squared_norm": 40.0, "radius": 1.0, "failure": 0.05}
    >>> [round(float(complexity(form, ceiling=10.93, **small)), 3) for form in FORMS]
    [0.064, 0.063]
    """
    if form not in FORMS:
        raise ValueError(f"form is {form!r}, expected one of {', '.join(FORMS)}")
    if np.any(np.asarray(samples) < 8):
        raise ValueError(f"samples is {samples}, expected at least 8")
    if not 0 < failure < 1:
        raise ValueError(f"failure is {failure}, expected a number between 0 and 1")
    index = prior_index(parameters, squared_norm, noise_scale(radius, parameters, samples))
    price, root = index / 2 - np.log(prior_mass(index)), np.sqrt(samples)
    if form == "linear":
        return (price - math.log(failure) + np.square(ceiling) / 8 + ceiling) / root
    return ceiling * np.sqrt((price + np.log(2 * root / failure)) / (2 * samples)) + ceiling / root


def catoni(risk, budget, strength):
    """Catoni's bound of a risk in [0, 1]: ``(1 - exp(-strength risk - budget)) / (1 - exp(-strength))``.

    Parameters
    ----------
    risk : array_like
        Empirical, in [0, 1].
    budget : array_like, >= 0
        ``(divergence + log(1/failure)) / N``.
    strength : array_like, > 0
        C, chosen before the data are seen.

    Returns
    -------
    ndarray

    >>> round(float(catoni(0.1, 0.02, 1.0)), 4)
    0.1789
    """
    risk, budget = _risk_and_budget(risk, budget)
    if np.any(np.asarray(strength) <= 0):
        raise ValueError(f"strength is {strength}, expected a positive number")
    return np.expm1(-strength * risk - budget) / np.expm1(-np.asarray(strength, float))


def divergence_inverse(risk, budget):
    """Largest p in [risk, 1] with ``kl(risk || p) <= budget``, kl the divergence of two coins (nats), by bisection.

    With ``budget = (divergence + log(2 sqrt N / failure)) / N`` this is the bound of Seeger (2002) and Maurer (2004).

    Parameters
    ----------
    risk, budget : array_like
        As :func:`catoni`.

    Returns
    -------
    ndarray

    >>> round(float(divergence_inverse(0.0, 0.5)), 6) == round(1 - math.exp(-0.5), 6)
    True
    """
    risk, budget = _risk_and_budget(risk, budget)
    low, high = risk.copy(), np.ones_like(risk)
    for _ in range(60):  # to the last digit
        middle = (low + high) / 2
        within = special.rel_entr(risk, middle) + special.rel_entr(1 - risk, 1 - middle) <= budget
        low, high = np.where(within, middle, low), np.where(within, high, middle)
    return low


def _risk_and_budget(risk, budget):
    risk, budget = np.broadcast_arrays(np.asarray(risk, float), np.asarray(budget, float))
    if not np.all((risk >= 0) & (risk <= 1)):
        raise ValueError(f"risk is {risk}, expected numbers in [0, 1]")
    if not np.all(budget >= 0):
        raise ValueError(f"budget is {budget}, expected numbers >= 0")
    return risk, budget


def ball_grid(radius, steps):
    """Square grid on the disc of that radius, and how far a point of the disc can be from its nearest grid point.

    Parameters
    ----------
    radius : float
    steps : int
        Grid points between the centre and the rim, along each axis.

    Returns
    -------
    tuple
        Offsets (m, 2), centre included, and the covering radius. Grid points just outside are pulled to the rim.
    """
    line = np.arange(-steps - 1, steps + 2) * (radius / steps)
    grid = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    cover = radius / steps / math.sqrt(2)
    size = np.linalg.norm(grid, axis=1)
    grid = grid[size <= radius + cover]
    return grid * np.minimum(1, radius / np.maximum(np.linalg.norm(grid, axis=1), radius))[:, None], cover


def gaussian_cells(sigma, *, step=0.5, width=6.0):
    """Nodes and masses for a mean over N(0, sigma^2 I) in two dimensions: cell centres and exact cell masses.

    The mean of a function of Lipschitz constant C is hit up to ``C * sigma * step / sqrt 2``, whatever its kinks.

    Parameters
    ----------
    sigma : float
    step, width : float
        Side of a cell and half width of the grid, in units of sigma; the outermost cells take the tails.

    Returns
    -------
    tuple of ndarray
        Nodes (m, 2) and masses (m,).
    """
    line = np.arange(-round(width / step), round(width / step) + 1) * step
    edges = special.ndtr(np.concatenate([[-np.inf], line[1:] - step / 2, [np.inf]]))
    mass = np.diff(edges)
    nodes = sigma * np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    return nodes, np.multiply.outer(mass, mass).ravel()
