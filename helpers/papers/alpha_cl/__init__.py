"""Tian 2022, Understanding Deep Contrastive Learning via Coordinate-wise Optimization."""
