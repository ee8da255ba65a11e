"""Adversarial perturbations and projections."""
