"""Weighted graphs, their Laplacians, and angles between subspaces."""
