"""Descent to a critical point of a smooth function of a matrix: L-BFGS, then Newton steps solved by MINRES.

MINRES leaves the flat directions of a symmetric loss (translation, rotation) alone, so that a singular Hessian does
no harm. On the sphere every row keeps unit norm, and gradient and Hessian are the Riemannian ones.
"""

import functools
from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.sparse import linalg as iterative
from threadpoolctl import ThreadpoolController

TIE = 1e-10  # relative; values are polished to about 1e-14


@dataclass(frozen=True)
class Minimum:
    """What a search from several starts found.

    Attributes
    ----------
    features : ndarray, shape (n, dimension)
        The best end point.
    value : float
        Its loss, summed over anchors.
    gradient_norm : float
        Frobenius norm of its gradient (on the sphere: of the tangential part).
    runs, values, gradient_norms : ndarray, shapes (restarts, n, dimension), (restarts,), (restarts,)
        The end point of every start.
    """

    features: np.ndarray
    value: float
    gradient_norm: float
    runs: np.ndarray
    values: np.ndarray
    gradient_norms: np.ndarray


def unit_rows(points):
    """Rows divided by their norm; ``points`` has shape (..., n, d)."""
    return points / np.linalg.norm(points, axis=-1, keepdims=True)


def tangential(points, vectors):
    """Part of every row of ``vectors`` orthogonal to the unit row of ``points``; shapes (..., n, d)."""
    return vectors - np.sum(points * vectors, axis=-1, keepdims=True) * points


def descend(loss, hessian_product, start, *, on_sphere, tolerance, iterations=2000, polish=60):
    """A critical point of ``loss``, reached by descent from ``start``.

    Parameters
    ----------
    loss : callable
        Maps points (n, d) to the value and the Euclidean gradient (n, d).
    hessian_product : callable
        Maps points to a function that maps a step (n, d) to the Euclidean Hessian times that step.
    start : ndarray, shape (n, d)
    on_sphere : bool
        Keep rows at unit norm.
    tolerance : float
        Target of the gradient norm; rounding may stop the descent before, so check the norm at the end.
    iterations, polish : int
        Largest numbers of L-BFGS iterations and of Newton steps.

    Returns
    -------
    ndarray, shape (n, d)
    """
    shape = start.shape

    def flat(vector):
        points = vector.reshape(shape)
        if not on_sphere:
            value, gradient = loss(points)
            return value, gradient.ravel()
        norms = np.linalg.norm(points, axis=1, keepdims=True)
        value, gradient = loss(points / norms)
        return value, (tangential(points / norms, gradient) / norms).ravel()

    options = {"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 20, "ftol": 0.0, "gtol": 1e-6}
    # The matrices are tiny: several BLAS threads would spend their time waiting for each other (five times slower).
    with _threads().limit(limits=1, user_api="blas"):
        found = optimize.minimize(flat, start.ravel(), jac=True, method="L-BFGS-B", options=options).x.reshape(shape)
        return _polish(loss, hessian_product, unit_rows(found) if on_sphere else found, on_sphere, tolerance, polish)


@functools.cache
def _threads():
    return ThreadpoolController()


def _polish(loss, hessian_product, points, on_sphere, tolerance, rounds, halvings=8):
    """Newton steps, each shortened until it reduces the gradient norm; stops where none does."""

    def moved(step):
        target = unit_rows(points + step) if on_sphere else points + step
        gradient = loss(target)[1]
        return target, tangential(target, gradient) if on_sphere else gradient

    points, gradient = moved(np.zeros_like(points))
    for _ in range(rounds):
        norm = np.linalg.norm(gradient)
        if norm <= tolerance:
            break
        operator = _hessian_operator(loss, hessian_product, points, on_sphere)
        # A quartic valley has curvature of order |gradient|^(2/3): where the plain step fails, damp by that much.
        for damping in (0.0, norm ** (2 / 3)):
            step = iterative.minres(operator, -gradient.ravel(), shift=-damping, rtol=1e-8, maxiter=400)[0]
            trials = (moved(step.reshape(points.shape) / 2**halving) for halving in range(halvings))
            better = next((trial for trial in trials if np.linalg.norm(trial[1]) < norm), None)
            if better is not None:
                break
        if better is None:
            break
        points, gradient = better
    return points


def _hessian_operator(loss, hessian_product, points, on_sphere):
    product = hessian_product(points)
    radial = np.sum(points * loss(points)[1], axis=1, keepdims=True) if on_sphere else 0.0

    def apply(vector):
        step = vector.reshape(points.shape)
        if not on_sphere:
            return product(step).ravel()
        step = tangential(points, step)
        return tangential(points, product(step) - radial * step).ravel()

    return iterative.LinearOperator((points.size, points.size), matvec=apply, dtype=float)


def collect(loss, runs, *, on_sphere):
    """Sort end points into a :class:`Minimum`.

    Parameters
    ----------
    loss : callable
        Maps points (n, d) to value and Euclidean gradient.
    runs : ndarray, shape (restarts, n, d)
    on_sphere : bool
        Gradient norms then count the tangential part only.

    Returns
    -------
    Minimum
    """
    values, gradients = zip(*[loss(points) for points in runs], strict=True)
    if on_sphere:
        gradients = [tangential(points, gradient) for points, gradient in zip(runs, gradients, strict=True)]
    values, norms = np.array(values), np.linalg.norm(gradients, axis=(1, 2))
    # restarts that tie up to rounding are the same minimum, turned: the first of them, so that the last digit of a
    # value does not decide which one is drawn
    best = int(np.flatnonzero(values <= values.min() + TIE * (1 + abs(values.min())))[0])
    return Minimum(runs[best], float(values[best]), float(norms[best]), runs, values, norms)
