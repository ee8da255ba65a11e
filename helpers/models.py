"""Small encoders: a backbone, whose features are probed, and a projector, whose outputs enter the loss."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


class Encoder(nn.Module):
    """A multi-layer perceptron on flattened images, with a projector behind it.

    Attributes
    ----------
    backbone, projector : nn.Module
        ``projector`` is ``nn.Identity`` where there is none.
    normalise : bool
        Whether outputs are scaled to unit length.
    """

    def __init__(self, backbone, projector, normalise):
        super().__init__()
        self.backbone, self.projector, self.normalise = backbone, projector, normalise

    def features(self, images):
        """What a probe sees: the backbone's output, never normalised, shape (n, width)."""
        return self.backbone(images.flatten(1))

    def forward(self, images):
        """What the loss sees: the projector's output, of unit length if the encoder normalises, shape (n, width)."""
        outputs = self.projector(self.features(images))
        return functional.normalize(outputs, dim=-1) if self.normalise else outputs


def encoder(backbone, projector=(), *, batch_norm, normalise, seed, final_batch_norm=False, final_relu=False):
    """A perceptron encoder whose weights are a function of ``seed`` alone.

    Every layer but the last of backbone and projector is followed by BatchNorm (with ``batch_norm``) and ReLU.

    Parameters
    ----------
    backbone : sequence of int
        Widths from the number of pixels to the features, such as (64, 256, 128).
    projector : sequence of int
        Widths from the features to the outputs, such as (128, 128, 64); empty for none.
    batch_norm : bool
    normalise : bool
        Scale outputs (not features) to unit length.
    seed : int
        PyTorch's global generator is left as it was.
    final_batch_norm : bool
        Put a BatchNorm without scale and shift behind the last layer.
    final_relu : bool
        Put a ReLU (after BatchNorm, with ``batch_norm``) behind the backbone's last layer too.

    Returns
    -------
    Encoder
        On the CPU, float32.

    Raises
    ------
    ValueError
        If a list of widths is too short or does not fit the other.

    >>> model = encoder((64, 256, 128), (128, 128, 64), batch_norm=True, normalise=True, seed=0)
    >>> model(torch.rand(5, 8, 8)).norm(dim=1).mean().round().item()
    1.0
    """
    backbone, projector = list(backbone), list(projector)
    if len(backbone) < 2 or len(projector) == 1 or min(backbone + projector) < 1:
        raise ValueError(f"widths {backbone} and {projector}: expected at least two positive numbers (or no projector)")
    if projector and projector[0] != backbone[-1]:
        raise ValueError(
            f"the projector takes {projector[0]} features, but the backbone {backbone} gives {backbone[-1]}"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = perceptron(backbone, batch_norm=batch_norm)
        head = perceptron(projector, batch_norm=batch_norm) if projector else nn.Identity()
    if final_relu:
        body = nn.Sequential(*body, *_activation(backbone[-1], batch_norm))
    if final_batch_norm:
        last = nn.BatchNorm1d((projector or backbone)[-1], affine=False)
        head = nn.Sequential(*head, last) if projector else last
    return Encoder(body, head, normalise)


def perceptron(widths, *, batch_norm):
    """Linear layers of these widths with BatchNorm (optional) and ReLU between them; initialised by PyTorch's rule."""
    layers = []
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        if number:
            layers += _activation(inputs, batch_norm)
        layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)


def _activation(width, batch_norm):
    return [nn.BatchNorm1d(width), nn.ReLU()] if batch_norm else [nn.ReLU()]
