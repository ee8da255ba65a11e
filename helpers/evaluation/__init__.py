"""Judging a frozen encoder: probes, neighbours, alignment and uniformity."""

from .probes import (
    Score,
    accuracy,
    agreement,
    few_shot,
    frozen_features,
    linear_probe,
    logistic_probe,
    nearest_neighbours,
    require_fitting,
    standardised,
)

__all__ = [
    "Score",
    "accuracy",
    "agreement",
    "few_shot",
    "frozen_features",
    "linear_probe",
    "logistic_probe",
    "nearest_neighbours",
    "require_fitting",
    "standardised",
]
