"""Thirty digits, an encoder that has seen such digits in pairs of one class, and a batch of pairs drawn from them.

Pairs are two independent draws of one class, with replacement, so that the batch is a batch of positive pairs, of
same-class pairs and of two modalities at once. Torch float64 on the CPU.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from helpers import losses, networks, training
from helpers.data import datasets

CLASSES, MEMBERS, OUTPUTS = 10, 3, 8


@dataclass(frozen=True)
class Scene:
    """What all five readings look at.

    Attributes
    ----------
    encoder : nn.Module
        Unit outputs.
    images : Tensor, shape (30, 8, 8)
        Three of each class, class after class.
    labels : ndarray of int, shape (30,)
    first, second : ndarray of int, shape (n,)
        Numbers of the images in the batch's pairs.
    """

    encoder: nn.Module
    images: torch.Tensor
    labels: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def features(self):
        """Outputs of the 30 images, float64 array of shape (30, 8)."""
        with torch.no_grad():
            return self.encoder(self.images).numpy()


def digits(rng, *, pairs, temperature, steps=150, batch=64):
    """A scene of scikit-learn's digits; the encoder is trained with CLIP's loss on same-class pairs of the others.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses the 30 images, the pairs, and the seeds of weights and training.
    pairs : int
        Size n of the batch.
    temperature : float > 0
    steps, batch : int
        Of the training.

    Returns
    -------
    Scene
    """
    every = datasets.digits()
    of_class = [rng.permutation(np.flatnonzero(every.labels == label)) for label in range(CLASSES)]
    shown = np.concatenate([numbers[:MEMBERS] for numbers in of_class])
    size = min(len(numbers) for numbers in of_class) - MEMBERS
    others = torch.from_numpy(np.stack([numbers[MEMBERS : MEMBERS + size] for numbers in of_class]))
    images = torch.from_numpy(every.images).double()
    seed = int(rng.integers(2**31))
    encoder = networks.encoder((64, 64, OUTPUTS), batch_norm=False, normalise=True, seed=seed).double()

    def draw(generator):
        label = torch.randint(CLASSES, (batch,), generator=generator)
        members = torch.randint(size, (2, batch), generator=generator)
        return images[others[label, members[0]]], images[others[label, members[1]]]

    def objective(model, rows, generator):
        first, second = (model(side) for side in rows)
        options = {"positive_in_denominator": True, "reduction": "mean"}
        return losses.clip(first, second, temperature=temperature, **options)

    training.fit(encoder, objective, draw, epochs=steps, learning_rate=3e-3, seed=seed)
    first, second = same_class(rng, pairs)
    return Scene(encoder, images[shown], np.repeat(np.arange(CLASSES), MEMBERS), first, second)


def same_class(rng, *shape):
    """Numbers of two independent images of one class, for every entry of an array of this shape; two int arrays."""
    label = rng.integers(CLASSES, size=shape)
    first, second = rng.integers(MEMBERS, size=(2, *shape))
    return MEMBERS * label + first, MEMBERS * label + second
