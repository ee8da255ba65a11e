"""Encoders: a backbone, whose features are probed, and a projector, whose outputs enter the loss.

Three kinds of backbone: perceptrons, small convolutional networks, and ResNet-18 for small images. Projection heads of
the papers' codes, as widths behind 512 features: Tan et al. (2024) ``(512, 2048, 128)`` with BatchNorm (2,048 features
of ResNet-50 there); the code of Tian (2022) ``(512, 512, 128)`` with a BatchNorm without scale and shift
(``head_norm="plain"``); robust contrastive codes ``(512, 512, 128)``.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from helpers.data import augmentations

HEAD_NORMS = ("affine", "plain", "none")


class Encoder(nn.Module):
    """A backbone with a projector behind it.

    Attributes
    ----------
    backbone, projector : nn.Module
        ``projector`` is ``nn.Identity`` where there is none.
    normalise : bool
        Whether outputs are scaled to unit length.
    colours : int or None
        Colours a convolutional backbone expects; None for a perceptron, which takes flattened images.
    """

    def __init__(self, backbone, projector, normalise, colours=None):
        super().__init__()
        self.backbone, self.projector, self.normalise, self.colours = backbone, projector, normalise, colours

    def features(self, images):
        """What a probe sees: the backbone's output, never normalised.

        Parameters
        ----------
        images : Tensor, shape (n, height, width) or (n, colours, height, width)
            uint8, which stands for k / 255, or floating. A perceptron takes any shape (n, ...).

        Returns
        -------
        Tensor, shape (n, width)
        """
        images = augmentations.to_float(images)
        if self.colours is None:
            return self.backbone(images.flatten(1))
        maps = images.unsqueeze(1) if images.ndim == 3 else images
        if maps.ndim != 4 or maps.shape[1] != self.colours:
            raise ValueError(
                f"images has shape {tuple(images.shape)}, expected (n, {self.colours}, height, width)"
                + (" or (n, height, width)" if self.colours == 1 else "")
            )
        return self.backbone(maps)

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


def convolutional(
    channels,
    projector=(),
    *,
    colours,
    normalise,
    seed,
    batch_norm=True,
    head_norm="affine",
    final_batch_norm=False,
    grid=(1, 1),
):
    """A small convolutional encoder whose weights are a function of ``seed`` alone.

    Every layer is a 3 x 3 convolution that halves height and width (rounded up), BatchNorm and ReLU; the features are
    the means over all places of the last one, or over the places of each cell of a grid, not negative.

    Parameters
    ----------
    channels : sequence of int
        Such as (16, 32, 64); the last one times the cells of the grid is the number of features.
    projector : sequence of int
        Widths from the features to the outputs, such as (64, 64, 32); empty for none.
    colours : int
        1 or 3, of the images.
    normalise : bool
        Scale outputs (not features) to unit length.
    seed : int
        PyTorch's global generator is left as it was.
    batch_norm : bool
        In the backbone.
    head_norm : {"affine", "plain", "none"}
        BatchNorm inside the projector with or without scale and shift, or no BatchNorm.
    final_batch_norm : bool
        Put a BatchNorm without scale and shift behind the last layer.
    grid : (int, int)
        Rows and columns of cells whose places are averaged apart; (1, 1) forgets where something was seen.

    Returns
    -------
    Encoder
        On the CPU, float32.

    Raises
    ------
    ValueError
        If widths are too few, not positive, or do not fit, or ``head_norm`` is unknown.

    >>> model = convolutional((8, 16), (16, 16, 4), colours=1, normalise=True, seed=0)
    >>> images = torch.zeros(5, 28, 28, dtype=torch.uint8)
    >>> model.features(images).shape, model(images).shape
    (torch.Size([5, 16]), torch.Size([5, 4]))
    """
    channels = list(channels)
    rows, columns = grid
    if not channels or min([colours, rows, columns, *channels]) < 1:
        raise ValueError(
            f"channels {channels}, colours {colours} and grid {tuple(grid)}: expected positive numbers, "
            "at least one channel"
        )

    def body():
        layers = []
        for inputs, outputs in pairwise([colours, *channels]):
            layers += [_convolution(inputs, outputs, stride=2, bias=not batch_norm)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()] if batch_norm else [nn.ReLU()]
        return nn.Sequential(*layers, *_mean_over_places(grid))

    features = channels[-1] * rows * columns
    return _of_maps(body, features, projector, colours, normalise, seed, head_norm, final_batch_norm)


def resnet18(projector=(), *, colours, normalise, seed, width=64, head_norm="affine", final_batch_norm=False):
    """ResNet-18 (He et al. 2016) for small images: the first convolution is 3 x 3 without stride, no max-pooling.

    Parameters
    ----------
    projector : sequence of int
        Widths from the features to the outputs, such as (512, 512, 128); empty for none.
    width : int
        Channels of the first stage; the later ones have 2, 4 and 8 times as many, and 8 times is the number of
        features: 512 for ResNet-18 proper.
    colours, normalise, seed, head_norm, final_batch_norm
        As in :func:`convolutional`.

    Returns
    -------
    Encoder
        On the CPU, float32; its backbone has 11,168,832 parameters at width 64 with three colours.

    Raises
    ------
    ValueError
        If widths are not positive or do not fit, or ``head_norm`` is unknown.

    >>> resnet18(colours=3, normalise=True, seed=0, width=4)(torch.rand(2, 3, 32, 32)).shape
    torch.Size([2, 32])
    """
    if min(colours, width) < 1:
        raise ValueError(f"width is {width} and colours {colours}: expected positive numbers")
    stages = [width, 2 * width, 4 * width, 8 * width]

    def body():
        layers = [_convolution(colours, width), nn.BatchNorm2d(width), nn.ReLU()]
        for inputs, outputs in pairwise([width, *stages]):
            layers += [_Residual(inputs, outputs, stride=outputs // inputs), _Residual(outputs, outputs, stride=1)]
        return nn.Sequential(*layers, *_mean_over_places())

    return _of_maps(body, stages[-1], projector, colours, normalise, seed, head_norm, final_batch_norm)


def image_encoder(kind, projector=(), **options):
    """The convolutional encoder that a table's settings name.

    Parameters
    ----------
    kind : "resnet18" or sequence of int
        A sequence holds the channels of :func:`convolutional`.
    projector : sequence of int
    **options
        Of :func:`resnet18` or :func:`convolutional`.

    >>> image_encoder([8, 16], colours=1, normalise=False, seed=0)(torch.rand(2, 28, 28)).shape
    torch.Size([2, 16])
    """
    if kind == "resnet18":
        return resnet18(projector, **options)
    if isinstance(kind, str):
        raise ValueError(
            f"the encoder is {kind!r}, expected 'resnet18' or the channels of a small one, as (16, 32, 64)"
        )
    return convolutional(kind, projector, **options)


def perceptron(widths, *, batch_norm, affine=True):
    """Linear layers of these widths with BatchNorm (optional) and ReLU between them; initialised by PyTorch's rule."""
    layers = []
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        if number:
            layers += _activation(inputs, batch_norm, affine)
        layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)


class _Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, which is a 1 x 1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, *, stride):
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(inputs, outputs, stride=stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            _convolution(outputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Identity()
        if stride != 1:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, maps):
        return functional.relu(self.branch(maps) + self.shortcut(maps))


def _of_maps(body, features, projector, colours, normalise, seed, head_norm, final_batch_norm):
    """An encoder of the backbone that ``body`` makes."""
    projector = list(projector)
    if projector and (len(projector) < 2 or min(projector) < 1 or projector[0] != features):
        raise ValueError(f"the projector is {projector}, expected ({features}, ..., outputs) or none")
    if head_norm not in HEAD_NORMS:
        raise ValueError(f"head_norm is {head_norm!r}, expected one of {', '.join(HEAD_NORMS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = body()
        head = nn.Identity()
        if projector:
            head = perceptron(projector, batch_norm=head_norm != "none", affine=head_norm == "affine")
    if final_batch_norm:
        last = nn.BatchNorm1d(projector[-1] if projector else features, affine=False)
        head = nn.Sequential(*head, last) if projector else last
    return Encoder(backbone, head, normalise, colours)


def _convolution(inputs, outputs, *, stride=1, bias=False):
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=bias)


def _mean_over_places(grid=(1, 1)):
    return [nn.AdaptiveAvgPool2d(tuple(grid)), nn.Flatten()]


def _activation(width, batch_norm, affine=True):
    return [nn.BatchNorm1d(width, affine=affine), nn.ReLU()] if batch_norm else [nn.ReLU()]
