"""Adversarial perturbations: where an attacker may move an input, and how it looks for the worst place."""

from .attacks import (
    Attack,
    anchor_losses,
    dual_norm,
    fgsm,
    pgd,
    project,
    random_points,
    random_search,
    steepest,
    supervised_losses,
)

__all__ = [
    "Attack",
    "anchor_losses",
    "dual_norm",
    "fgsm",
    "pgd",
    "project",
    "random_points",
    "random_search",
    "steepest",
    "supervised_losses",
]
