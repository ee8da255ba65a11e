"""Linear networks with live pair weights: the InfoNCE max player whose weights follow every step (Tian 2022).

The loss is the decoupled InfoNCE (the positive is not in the denominator) of a network without biases and without
output normalisation, averaged over anchors:

    loss(P) = mean_i [ d_i^2 + temperature * logsumexp_{j != i}( -d_ij^2 / temperature ) ],

with half squared distances of P x. It depends on the layers through their product P only, and its gradient is minus
the gradient of the energy against the contrastive covariance of the inputs under the current weights, both divided by
the number of samples. Leading axes count problems.
"""

import torch

from . import linear_networks


def loss_and_covariance(product, first, second, temperature):
    """Live InfoNCE and the contrastive covariance of the inputs under its weights.

    Parameters
    ----------
    product : Tensor, shape (..., m, d)
        The linear map from inputs to outputs.
    first, second : Tensor, shape (..., n, d)
        Two views of n samples; only first views are compared between samples.
    temperature : Tensor, shape (...,) or scalar, > 0

    Returns
    -------
    loss : Tensor, shape (...,)
        Mean over anchors.
    covariance : Tensor, shape (..., d, d), symmetric
        ``C_alpha[x] / n`` with ``alpha_ij = softmax_{j != i}(-d_ij^2 / temperature)``.
    """
    temperature = torch.as_tensor(temperature, dtype=first.dtype)[..., None, None]
    features, difference = first @ product.mT, first - second
    gram = features @ features.mT
    squared = gram.diagonal(dim1=-2, dim2=-1)
    scores = (gram - (squared[..., :, None] + squared[..., None, :]) / 2) / temperature
    itself = torch.eye(first.shape[-2], dtype=torch.bool)
    scores = scores.masked_fill(itself, -torch.inf)
    log_sum = torch.logsumexp(scores, dim=-1)
    weights = torch.exp(scores - log_sum[..., None])
    within = (difference @ product.mT).square().sum(-1) / 2
    loss = (within + temperature[..., 0] * log_sum).mean(-1)
    cross = first.mT @ weights @ first
    degrees = 1.0 + weights.sum(-2)
    covariance = (first.mT * degrees[..., None, :]) @ first - cross - cross.mT - difference.mT @ difference
    return loss, covariance / first.shape[-2]


def negative_loss(weights, first, second, temperature):
    """Minus the live loss of a network: what its ascent maximises; shape (...,)."""
    return -loss_and_covariance(linear_networks.product(weights), first, second, temperature)[0]


def value_and_gradient(weights, first, second, temperature):
    """Minus the live loss and its gradient, by the gradient identity: that of the energy at the current covariance.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    first, second : Tensor, shape (..., n, n_0)
    temperature : Tensor, shape (...,) or scalar, > 0

    Returns
    -------
    value : Tensor, shape (...,)
    gradients : list of Tensor, shapes as ``weights``
    """
    loss, covariance = loss_and_covariance(linear_networks.product(weights), first, second, temperature)
    return -loss, linear_networks.gradient(weights, covariance)


def gaussian_views(count, samples, scales, rng, *, noise):
    """Two views of Gaussian samples with independent Gaussian augmentation noise.

    Parameters
    ----------
    count, samples : int
        Problems, and samples in each.
    scales : sequence of float, length d
        Standard deviations of the coordinates of the clean sample.
    rng : numpy.random.Generator
    noise : float
        Standard deviation of every coordinate of either view around the clean sample.

    Returns
    -------
    first, second : Tensor, shape (count, samples, d), float64
    """
    shape = (3, count, samples, len(scales))
    clean, left, right = torch.from_numpy(rng.standard_normal(shape))
    clean = clean * torch.as_tensor(scales, dtype=torch.float64)
    return clean + noise * left, clean + noise * right
