"""Descent to critical points, manifolds, flows and sharpness."""
