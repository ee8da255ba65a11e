"""Judging a frozen encoder: probes, neighbours, alignment and uniformity."""

from .probes import (
    Score,
    agreement,
    few_shot,
    frozen_features,
    linear_probe,
    logistic_probe,
    nearest_neighbours,
    standardised,
)

__all__ = [
    "Score",
    "agreement",
    "few_shot",
    "frozen_features",
    "linear_probe",
    "logistic_probe",
    "nearest_neighbours",
    "standardised",
]
