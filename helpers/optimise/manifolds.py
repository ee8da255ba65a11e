"""Products of spheres, the sets on which weights of unit norm live: random points, retraction, tangent spaces.

A *point* is a list of weights, one tensor (problems, n_l, n_{l-1}) a layer, float64; the leading axis counts problems.

=========== ==================================================================================
constraint  meaning
=========== ==================================================================================
``layer``   the Frobenius norm of the layer is 1
``filter``  every row has norm 1 / sqrt(rows), so that the Frobenius norm is 1 as well
``row``     every row has norm 1
``free``    none
=========== ==================================================================================

One name holds for all layers; a sequence gives one a layer.
"""

import torch

CONSTRAINTS = ("layer", "filter", "row", "free")


def random_weights(widths, count, rng, *, constraint="layer"):
    """Starts: Gaussian weights scaled onto the constraint set (uniform on the spheres).

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L: input width first.
    count : int
        Number of problems. The first k problems do not depend on ``count``.
    rng : numpy.random.Generator
    constraint : str or sequence of str

    Returns
    -------
    list of Tensor, shapes (count, n_l, n_{l-1}), float64

    >>> import numpy as np
    >>> [tuple(w.shape) for w in random_weights((3, 2, 4), 5, np.random.default_rng(0))]
    [(5, 2, 3), (5, 4, 2)]
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths is {tuple(widths)}, expected at least an input and an output width, all positive")
    shapes = list(zip(widths[1:], widths[:-1], strict=True))
    size = sum(rows * columns for rows, columns in shapes)
    return normalise(split(torch.from_numpy(rng.standard_normal((count, size))), shapes), constraint)


def normalise(weights, constraint="layer"):
    """Scale weights onto the constraint set; the retraction of every step.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    constraint : str or sequence of str

    Returns
    -------
    list of Tensor

    >>> normalise([torch.ones(1, 2, 8, dtype=torch.float64)], "filter")[0][0, 0, 0].item()
    0.25
    """
    return [
        weight if kind == "free" else weight * (_radius(weight, kind) / _norm(weight, kind))
        for weight, kind in zip(weights, kinds(constraint, len(weights)), strict=True)
    ]


def tangent(vectors, weights, constraint="layer"):
    """Project onto the tangent space of the constraint set at ``weights``: remove the radial part of every sphere.

    Parameters
    ----------
    vectors, weights : list of Tensor, shapes (..., n_l, n_{l-1})
        ``weights`` on the constraint set.
    constraint : str or sequence of str

    Returns
    -------
    list of Tensor
    """
    return [
        vector if kind == "free" else vector - weight * (_inner(vector, weight, kind) / _inner(weight, weight, kind))
        for vector, weight, kind in zip(vectors, weights, kinds(constraint, len(weights)), strict=True)
    ]


def kinds(constraint, layers):
    """One constraint name a layer; refuses unknown names and a wrong count."""
    names = [constraint] * layers if isinstance(constraint, str) else list(constraint)
    if len(names) != layers or not set(names) <= set(CONSTRAINTS):
        raise ValueError(f"constraint is {constraint!r}, expected one of {', '.join(CONSTRAINTS)}, or {layers} of them")
    return names


def split(flat, shapes):
    """Cut flat points (..., size) into layers of the given shapes; the inverse of :func:`join`."""
    sizes = [rows * columns for rows, columns in shapes]
    pieces = torch.split(flat, sizes, dim=-1)
    return [piece.reshape(*piece.shape[:-1], *shape) for piece, shape in zip(pieces, shapes, strict=True)]


def join(weights):
    """All entries of a point in one row, shape (..., size)."""
    return torch.cat([weight.flatten(-2) for weight in weights], dim=-1)


def tangent_basis(weights, constraint="layer"):
    """Orthonormal basis of the tangent space at a point, by Householder reflections.

    Parameters
    ----------
    weights : list of Tensor, shapes (problems, n_l, n_{l-1})
    constraint : str or sequence of str

    Returns
    -------
    Tensor, shape (problems, size, dimension of the constraint set)
        Orthonormal columns, in the coordinates of :func:`join`.
    """
    blocks = []
    for weight, kind in zip(weights, kinds(constraint, len(weights)), strict=True):
        if kind == "free":
            blocks.append(torch.eye(weight[0].numel(), dtype=weight.dtype).expand(len(weight), -1, -1))
            continue
        rows = [weight.flatten(1)] if kind == "layer" else list(weight.unbind(1))
        blocks.extend(_complement(row / row.norm(dim=1, keepdim=True)) for row in rows)
    height, width = sum(block.shape[1] for block in blocks), sum(block.shape[2] for block in blocks)
    basis = weights[0].new_zeros(len(weights[0]), height, width)
    top = left = 0
    for block in blocks:
        basis[:, top : top + block.shape[1], left : left + block.shape[2]] = block
        top, left = top + block.shape[1], left + block.shape[2]
    return basis


def _norm(weight, kind):
    return weight.square().sum((-2, -1) if kind == "layer" else -1, keepdim=True).sqrt()


def _inner(left, right, kind):
    return (left * right).sum((-2, -1) if kind == "layer" else -1, keepdim=True)


def _radius(weight, kind):
    return weight.shape[-2] ** -0.5 if kind == "filter" else 1.0


def _complement(unit):
    """Orthonormal basis of the complement of unit vectors, shape (problems, size, size - 1)."""
    axis = unit.clone()
    axis[:, 0] += torch.where(unit[:, 0] >= 0, 1.0, -1.0)
    mirror = (
        torch.eye(unit.shape[1], dtype=unit.dtype)
        - 2 * axis[:, :, None] * axis[:, None] / (axis.square().sum(1)[:, None, None])
    )
    return mirror[:, :, 1:]
