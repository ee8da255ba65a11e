"""Contrastive-learning theory, checked: a concept library and, above it, one room a paper."""
