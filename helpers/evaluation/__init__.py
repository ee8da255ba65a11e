"""Judging a frozen encoder: probes, neighbours, retrieval, alignment and uniformity."""

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
from .retrieval import most_similar, retrieved

__all__ = [
    "Score",
    "agreement",
    "few_shot",
    "frozen_features",
    "linear_probe",
    "logistic_probe",
    "most_similar",
    "nearest_neighbours",
    "retrieved",
    "standardised",
]
