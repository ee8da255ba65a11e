"""Tan et al. 2024, Contrastive Learning Is Spectral Clustering On Similarity Graph."""
