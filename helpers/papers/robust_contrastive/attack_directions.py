"""Directions of attack on a normalised linear encoder of Gaussian classes: one tuple, many tuples, the supervised loss.

Two classes ``N(+-centre, spread^2 I)``, encoder ``f(x) = Ax / |Ax|``. Torch float64.
"""

import torch
from torch.nn import functional

from helpers.adversarial import attacks


def sample(labels, centre, generator, *, spread=0.5):
    """Points of the classes 0 (around ``-centre``) and 1, shape (*labels.shape, d)."""
    noise = torch.randn(*labels.shape, len(centre), generator=generator, dtype=torch.float64)
    return (2 * labels - 1)[..., None] * centre + spread * noise


def encode(points, matrix):
    """Unit features (..., m) of points (..., d), for a matrix (m, d)."""
    return functional.normalize(points @ matrix.T, dim=-1)


def tuple_gradients(matrix, anchors, labels, centre, generator, *, tuples, negatives, temperature):
    """Gradient of InfoNCE at every anchor for many tuples, shape (tuples, n, d).

    A row of the first axis is one tuple: every anchor has its own positive, all share the negatives.
    """
    plus = encode(sample(labels.expand(tuples, -1), centre, generator), matrix)
    classes = torch.randint(2, (tuples, negatives), generator=generator)
    minus = encode(sample(classes, centre, generator), matrix)

    def total(z):
        return attacks.anchor_losses(z, plus, minus, temperature=temperature, weight=negatives).sum()

    # one Jacobian an anchor serves all its tuples
    jacobian = torch.func.vmap(torch.func.jacrev(encode), in_dims=(0, None))(anchors, matrix)
    slope = torch.func.grad(total)(encode(anchors, matrix).expand(tuples, -1, -1).contiguous())
    return torch.einsum("rnm,nmd->rnd", slope, jacobian)


def supervised_gradient(matrix, anchors, labels, centre, generator, *, temperature, points=100_000):
    """Gradient, shape (n, d), of the cross-entropy of the mean classifier, whose means come from ``points`` a class."""
    means = [encode(sample(torch.full((points,), c), centre, generator), matrix).mean(dim=0) for c in (0, 1)]
    weights = torch.stack(means) / temperature

    def total(x):
        return attacks.supervised_losses(encode(x, matrix), labels, weights, torch.zeros(2)).sum()

    return torch.func.grad(total)(anchors)
