"""Descent to critical points, ascent on manifolds, flows in time, and steps to the sharpest neighbour."""

from .newton import Minimum, descend
from .ode import runge_kutta
from .riemannian import Ascent, ascend, hessian_eigenvalues
from .sharpness import asam_step, gradient_at_worst_neighbour, sam_step

__all__ = [
    "Ascent",
    "Minimum",
    "asam_step",
    "ascend",
    "descend",
    "gradient_at_worst_neighbour",
    "hessian_eigenvalues",
    "runge_kutta",
    "sam_step",
]
