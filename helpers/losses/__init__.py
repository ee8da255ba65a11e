"""Contrastive losses from scores and from features, their kernels, and the family of pair losses."""

from .scores import (
    REDUCTIONS,
    bank_infonce_from_scores,
    clip,
    clip_from_scores,
    infonce,
    infonce_from_scores,
    kernel_infonce,
    mixture_from_scores,
    ntxent,
    ntxent_from_scores,
    spectral_contrastive,
    spectral_contrastive_from_scores,
)

__all__ = [
    "REDUCTIONS",
    "bank_infonce_from_scores",
    "clip",
    "clip_from_scores",
    "infonce",
    "infonce_from_scores",
    "kernel_infonce",
    "mixture_from_scores",
    "ntxent",
    "ntxent_from_scores",
    "spectral_contrastive",
    "spectral_contrastive_from_scores",
]
