"""Bias-free networks with piecewise linear units: forward pass with normalisation, and the reversible factorisation.

A network is a list of weights (..., n_l, n_{l-1}), first layer first, with leaky rectifiers between the layers
(``leak`` 1 is the linear network, 0 the rectifier). Inputs are rows, shape (..., n, d); leading axes count problems.
"""

import torch

NORMALISATIONS = ("none", "output", "layer", "batch", "batch detached")


def forward(weights, inputs, *, leak, normalisation):
    """Outputs of the network.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    inputs : Tensor, shape (..., n, n_0)
    leak : float
        Slope of the units for negative arguments.
    normalisation : str
        ``none``; ``output``: unit Euclidean norm of every output; ``layer`` and ``batch``: the arguments of the first
        hidden layer are centred and scaled to variance 1, within each sample or over the samples, without an epsilon;
        ``batch detached``: the same, but no gradient flows through mean and variance.

    Returns
    -------
    Tensor, shape (..., n, n_L)

    Raises
    ------
    ValueError
        For an unknown normalisation.

    >>> forward([torch.ones(1, 2)], torch.tensor([[3.0, 4.0]]), leak=0.0, normalisation="output").item()
    1.0
    """
    if normalisation not in NORMALISATIONS:
        raise ValueError(f"normalisation is {normalisation!r}, expected one of {', '.join(NORMALISATIONS)}")
    features = inputs
    for index, weight in enumerate(weights):
        features = features @ weight.mT
        if index == 0 and normalisation in ("layer", "batch", "batch detached"):
            features = _standardise(features, normalisation)
        if index < len(weights) - 1:
            features = torch.where(features > 0, features, leak * features)
    return features / features.norm(dim=-1, keepdim=True) if normalisation == "output" else features


def kernels(weights, inputs, *, unit, slope):
    """The factors of ``z = G_l W_l f_{l-1}``, as matrices acting on the row-major entries of every layer.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    inputs : Tensor, shape (..., n, n_0)
    unit, slope : callable
        Activation and its derivative, elementwise. The factorisation is exact iff ``unit(x) = slope(x) x``.

    Returns
    -------
    outputs : Tensor, shape (..., n, n_L)
    kernels : list of Tensor, shapes (..., n, n_L, n_l * n_{l-1})
        ``K_l = G_l kron f_{l-1}^T`` for every sample, so that ``z = K_l vec(W_l)`` in a homogeneous network.
    """
    features, slopes = [inputs], []
    for weight in weights[:-1]:
        argument = features[-1] @ weight.mT
        features.append(unit(argument))
        slopes.append(slope(argument))
    outputs = features[-1] @ weights[-1].mT
    last = weights[-1].shape[-2]
    gate = torch.eye(last, dtype=inputs.dtype).expand(*outputs.shape[:-1], last, last)
    found = []
    for layer in range(len(weights) - 1, -1, -1):
        product = gate[..., :, :, None] * features[layer][..., None, None, :]
        found.append(product.flatten(-2))
        if layer:
            gate = (gate @ weights[layer][..., None, :, :]) * slopes[layer - 1][..., None, :]
    return outputs, found[::-1]


def radial_cosines(gradients, weights, *, by_row):
    """Cosine of the angle between weights and their gradient: 0 iff the gradient flow keeps the norm.

    Parameters
    ----------
    gradients, weights : list of Tensor, shapes (..., n_l, n_{l-1})
    by_row : bool
        One cosine for every row (filter), or one for every layer.

    Returns
    -------
    list of Tensor, shapes (..., n_l) or (...,)
    """
    axes = -1 if by_row else (-2, -1)
    return [
        (slope * weight).sum(axes) / (slope.square().sum(axes) * weight.square().sum(axes)).sqrt()
        for slope, weight in zip(gradients, weights, strict=True)
    ]


def _standardise(features, normalisation):
    axis = -1 if normalisation == "layer" else -2
    mean = features.mean(axis, keepdim=True)
    deviation = (features - mean).square().mean(axis, keepdim=True).sqrt()
    if normalisation == "batch detached":
        mean, deviation = mean.detach(), deviation.detach()
    return (features - mean) / deviation
