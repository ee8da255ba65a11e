"""The best InfoNCE value of a bivariate Gaussian pair, exactly: the integral of ``contrast_gap`` by quadrature.

X and Y are standard normal with correlation rho, ``I = -ln(1 - rho^2)/2`` nats. K counts the positive. Torch float64.
"""

import math

import torch

from helpers import validation

from . import infonce_gap


def gap(nats, candidates, *, step=infonce_gap.STEP, places=61, nodes=241):
    """``I - I*_K``, by the integral form and one-dimensional quadratures.

    Parameters
    ----------
    nats : float > 0
        I = -ln(1 - rho^2) / 2.
    candidates : int or sequence of int
    step : float
        Of the trapezoidal rule in ln s.
    places, nodes : int
        Trapezoidal points for x on [0, 10] (r is symmetric) and for y.

    Returns
    -------
    Tensor, shape (ks,) or ()

    Raises
    ------
    ValueError
        If the information is not positive or K < 1.

    >>> round(gap(1.0, 64).item(), 5)
    0.02952
    """
    validation.require_positive("nats", nats)
    every = torch.as_tensor(candidates, dtype=torch.float64)
    if every.min() < 1:
        raise ValueError(f"candidates is {candidates}, expected at least 1: the positive itself")
    x, mass = _normal_half_line(places)
    log_ratio, law = _ratio(nats, x, nodes)
    gaps = mass @ infonce_gap.laplace_integrals(log_ratio.exp(), law, every.reshape(-1), step=step)
    return gaps.reshape(every.shape)


def bound(nats, candidates):
    """``E_x ln(1 + v(x)/K)`` with ``v(x) = Var_y r = exp(rho^2 x^2 / (1 + rho^2)) / sqrt(1 - rho^4) - 1``.

    Parameters
    ----------
    nats : float > 0
    candidates : int or sequence of int

    Returns
    -------
    Tensor, shape (ks,) or ()

    >>> round(bound(3.0, 1000).item(), 5)
    0.03489
    """
    validation.require_positive("nats", nats)
    every = torch.as_tensor(candidates, dtype=torch.float64)
    x, mass = _normal_half_line(2001)
    return (torch.log1p(ratio_variance(nats, x) / every[..., None]) * mass).sum(-1)


def ratio_variance(nats, x):
    """``v(x) = Var_{y ~ N(0, 1)} r(x, y)``; its mean is ``exp(2 I) - 1``.

    >>> round(ratio_variance(0.5, torch.zeros(1)).item(), 4)
    0.2905
    """
    squared = -math.expm1(-2 * nats)
    return (squared * x.square() / (1 + squared)).exp() / math.sqrt(1 - squared**2) - 1


def _normal_half_line(places):
    x = torch.linspace(0.0, 10.0, places, dtype=torch.float64)
    mass = (-x.square() / 2).exp()
    mass[1:] *= 2
    return x, mass / mass.sum()


def _ratio(nats, x, nodes):
    """ln r(x, y) on nodes of y, and the masses of p(y) there: (x, nodes) each.

    In y, p(y) and p(y | x) = N(rho x, 1 - rho^2) both have to be resolved: the nodes follow sinh around rho x.
    """
    squared = -math.expm1(-2 * nats)
    width = math.exp(-nats)
    reach = math.asinh(24 / width)
    u = torch.linspace(-reach, reach, nodes, dtype=torch.float64)
    y = math.sqrt(squared) * x[:, None] + width * u.sinh()
    weight = width * u.cosh() * (2 * reach / (nodes - 1))
    law = (-y.square() / 2).exp() / math.sqrt(2 * math.pi) * weight
    residual = y - math.sqrt(squared) * x[:, None]
    return y.square() / 2 - residual.square() / (2 * width**2) + nats, law
