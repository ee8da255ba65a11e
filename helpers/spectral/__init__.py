"""Weighted graphs, their Laplacians and spectral embeddings, and angles between subspaces. NumPy."""

from .embedding import Embedding, laplacian_eigenvectors, spectral_clustering
from .graphs import conditionals, laplacian, stochastic_block_model, symmetrised
from .subspaces import (
    effective_rank,
    largest_angle,
    leading_subspace,
    participation_ratio,
    principal_angles,
    sin_theta,
    truncated_svd,
)

__all__ = [
    "Embedding",
    "conditionals",
    "effective_rank",
    "laplacian",
    "laplacian_eigenvectors",
    "largest_angle",
    "leading_subspace",
    "participation_ratio",
    "principal_angles",
    "sin_theta",
    "spectral_clustering",
    "stochastic_block_model",
    "symmetrised",
    "truncated_svd",
]
