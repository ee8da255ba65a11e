"""Critics that are trained to read information, and the pairs they are trained on."""

from .fitting import (
    NEVER,
    Joint,
    Separable,
    class_critic,
    fit,
    gaussian_critic,
    in_order,
    joint,
    post_training_information,
    read,
    same_class_pairs,
    separable,
    table_critic,
)

__all__ = [
    "NEVER",
    "Joint",
    "Separable",
    "class_critic",
    "fit",
    "gaussian_critic",
    "in_order",
    "joint",
    "post_training_information",
    "read",
    "same_class_pairs",
    "separable",
    "table_critic",
]
