"""Scalar functions with their first and second derivatives, the pieces of a member of the pair families.

Each is a triple of callables, elementwise on tensors.
"""

import torch


def identity():
    return (lambda x: x), torch.ones_like, torch.zeros_like


def logarithm(scale, offset):
    """``scale * log(offset + x)``."""
    return (
        lambda x: scale * torch.log(offset + x),
        lambda x: scale / (offset + x),
        lambda x: -scale / (offset + x) ** 2,
    )


def exponential(scale, margin=0.0):
    """``exp(x / scale + margin)``."""
    return (
        lambda x: torch.exp(x / scale + margin),
        lambda x: torch.exp(x / scale + margin) / scale,
        lambda x: torch.exp(x / scale + margin) / scale**2,
    )


def softplus(scale):
    """``scale * log(1 + exp(x / scale))``."""

    def curvature(x):
        s = torch.sigmoid(x / scale)
        return s * (1 - s) / scale

    def value(x):  # torch's own softplus is linear beyond 20, where this one still has an exponential tail
        return scale * torch.logaddexp(x / scale, torch.zeros_like(x))

    return value, lambda x: torch.sigmoid(x / scale), curvature
