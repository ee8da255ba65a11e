"""Contrastive losses from scores and from features, their kernels, and the families of pair losses.

The folder needs torch alone and imports nothing outside itself: copy it and it works.
"""

from .features import (
    REDUCTIONS,
    bank_infonce,
    clip,
    infonce,
    kernel_infonce,
    ntxent,
    siglip,
    spectral_contrastive,
    supcon,
    supcon_across,
    unequal,
)
from .modules import CLIP, InfoNCE, NTXent, SigLIP, SupCon
from .scores import (
    bank_infonce_from_scores,
    clip_from_scores,
    infonce_from_scores,
    mixture_from_scores,
    ntxent_from_scores,
    siglip_from_scores,
    spectral_contrastive_from_scores,
    supcon_from_scores,
)

__all__ = [
    "CLIP",
    "REDUCTIONS",
    "InfoNCE",
    "NTXent",
    "SigLIP",
    "SupCon",
    "bank_infonce",
    "bank_infonce_from_scores",
    "clip",
    "clip_from_scores",
    "infonce",
    "infonce_from_scores",
    "kernel_infonce",
    "mixture_from_scores",
    "ntxent",
    "ntxent_from_scores",
    "siglip",
    "siglip_from_scores",
    "spectral_contrastive",
    "spectral_contrastive_from_scores",
    "supcon",
    "supcon_across",
    "supcon_from_scores",
    "unequal",
]
