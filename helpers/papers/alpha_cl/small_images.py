"""Images that lie in the repository, and encoders trained on them in seconds."""

from functools import partial

import numpy as np
import torch

from helpers import data, training
from helpers.losses import alpha_cl
from helpers.networks import encoders

from .tables import alpha_cl_digits

NAMES = ("digits", "clothes")
TRAIN, TEST = 1300, 256


def parts(name, seed):
    """1,300 training and 256 test images of a seed, float32 Tensors (n, side, side) in [0, 1].

    ``digits`` are 8 x 8; ``clothes`` are drawn from the test part of Fashion-MNIST and halved to 14 x 14.
    """
    if name == "digits":
        return tuple(torch.from_numpy(part.images)[:size] for part, size in zip(*_digits(seed), strict=True))
    if name != "clothes":
        raise ValueError(f"name is {name!r}, expected one of {', '.join(NAMES)}")
    drawn = data.split(data.byte_images("fashion-mnist", "test"), np.random.default_rng(seed), sizes=(TRAIN, TEST))
    pixels = (torch.from_numpy(part.images).reshape(-1, 1, 28, 28).float() / 255 for part in drawn)
    return tuple(torch.nn.functional.avg_pool2d(part, 2)[:, 0] for part in pixels)


def _digits(seed):
    return alpha_cl_digits.parts(seed), (TRAIN, TEST)


def trained(images, seed, device, *, epochs):
    """An encoder trained with InfoNCE at temperature 0.5 on views of ``images`` (n, side, side), ready to read."""
    model = encoders.encoder(
        [images[0].numel(), 256, 128],
        alpha_cl_digits.CONSTANTS["projector"],
        batch_norm=True,
        normalise=True,
        seed=seed,
        final_batch_norm=True,
    )
    loss = partial(alpha_cl.pair_loss, "infonce", temperature=0.5)
    steps = {"batch": 128, "learning_rate": 1e-3, "seed": seed, "device": device}
    training.fit(model, training.two_views(loss, alpha_cl_digits.views), images, epochs=epochs, **steps)
    return model.cpu().eval()
