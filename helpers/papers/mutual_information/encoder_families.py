"""Encoders that get their accuracy in different ways: principal components, labels of which some are wrong.

Contrastive ones are trained on the pairs of ``pair_streams``; pixels and untrained networks need nothing.
"""

import numpy as np
import torch
from torch.nn import functional


def principal_components(images, components):
    """Projection onto the leading principal axes of some images.

    Parameters
    ----------
    images : Tensor, shape (n, ...), floating
    components : int
        At most n and the number of pixels.

    Returns
    -------
    callable
        Maps images, Tensor (m, ...), to features, ndarray (m, components), float64, centred by the mean of ``images``.

    Raises
    ------
    ValueError
        If there are not that many components.

    >>> project = principal_components(torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), 1)
    >>> np.abs(project(torch.tensor([[2.0, 7.0]]))).round(6).tolist()
    [[2.0]]
    """
    flat = images.flatten(1).double().numpy()
    if not 1 <= components <= min(flat.shape):
        raise ValueError(f"components is {components}, expected 1 to {min(flat.shape)}")
    axes = np.linalg.svd(flat - flat.mean(axis=0), full_matrices=False)[2][:components].T
    return lambda some: (some.flatten(1).double().numpy() - flat.mean(axis=0)) @ axes


def wrong_labels(labels, share, rng, *, classes=10):
    """Labels of which a share is redrawn uniformly among the classes, so that a tenth of these stays right.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    share : float in [0, 1]
    rng : numpy.random.Generator
    classes : int

    Returns
    -------
    Tensor, shape (n,), int64
    """
    redrawn = rng.random(len(labels)) < share
    return torch.from_numpy(np.where(redrawn, rng.integers(0, classes, len(labels)), labels))


def label_objective(images, labels):
    """Cross-entropy of the outputs with labels, for ``training.fit`` on the rows' numbers ``torch.arange(n)``.

    Parameters
    ----------
    images : Tensor, shape (n, ...)
        On the device of the training.
    labels : Tensor, shape (n,), int64
        There too.
    """

    def objective(network, rows, generator):
        del generator
        return functional.cross_entropy(network(images[rows]), labels[rows])

    return objective
