"""Two-layer networks on one-hot inputs with live pair weights: does the rectifier or the loss keep the rank?

The setting is that of the simulation released with Tian (2022), re-implemented: inputs show one of d features, its
magnitude is 10 for the first and 1 for the last, each view adds noise to it; K = d hidden units, 20 outputs of unit
length, no bias, stochastic gradient descent with momentum. Three first layers are compared: rectified, linear, and
rectified with the weights clamped at zero after every step, as released. All networks of one size, loss and
batch-norm setting train side by side in one batch of tensors; each draws its data and its start from its own seed.

Pair weights are recomputed in every step and held constant in the gradient, which is the exact gradient of the loss.
"""

import itertools
from functools import cache

import torch
from torch import nn
from torch.nn import functional

from helpers import training

from .. import relu_networks

NOTEBOOK = "02_alpha_cl"
ABOUT = "Rank, concentration and coverage of the first layer of two-layer networks trained on one-hot inputs."
SIZES = (5, 10, 20)
ACTIVATIONS = ("relu", "linear", "clamped")
LOSSES = ("infonce", "quadratic")
STEPS = (2000, 5000)
SEEDS = tuple(range(8))
CELLS = [
    {"size": size, "loss": loss, "batch_norm": batch_norm, "activation": activation, "steps": steps}
    for size in SIZES
    for loss in LOSSES
    for batch_norm in (False, True)
    for activation in ACTIVATIONS
    for steps in STEPS
]
CONSTANTS = {
    "outputs": 20,
    "magnitudes": [10.0, 1.0],
    "noise": 0.5,
    "batch": 128,
    "temperature": 0.1,
    "learning_rate": 0.01,
    "momentum": 0.9,
    "weight_decay": 5e-3,
    "fresh_batch": 1024,
}


def views(labels, noise, size):
    """Both views of a batch: the shown feature and its magnitude in each view.

    Parameters
    ----------
    labels : LongTensor, shape (networks, batch)
    noise : Tensor, shape (networks, 2, batch)

    Returns
    -------
    Tensor, shape (networks, 2, batch)
        Magnitudes; the input is this number at the position of the label.
    """
    magnitudes = torch.linspace(*CONSTANTS["magnitudes"], size)
    return magnitudes[labels][:, None] + CONSTANTS["noise"] * noise


def outputs(first, second, scale, shift, labels, magnitudes, *, rectified, batch_norm):
    """Unit-length outputs of a batch of networks, shape (networks, 2, batch, outputs).

    Parameters
    ----------
    first : Tensor, shape (networks, units, features)
    second : Tensor, shape (networks, outputs, units)
    scale, shift : Tensor, shape (networks, units)
        Affine part of batch normalisation, which uses the statistics of each view's batch.
    labels : LongTensor, shape (networks, batch)
    magnitudes : Tensor, shape (networks, 2, batch)
    rectified : BoolTensor, shape (networks,)
    """
    columns = torch.gather(first, 2, labels[:, None].expand(-1, first.shape[1], -1)).mT
    hidden = columns[:, None] * magnitudes[..., None]
    hidden = torch.where(rectified[:, None, None, None], torch.relu(hidden), hidden)
    if batch_norm:
        mean, variance = hidden.mean(dim=2, keepdim=True), hidden.var(dim=2, keepdim=True, correction=0)
        hidden = (hidden - mean) / (variance + 1e-5).sqrt() * scale[:, None, None] + shift[:, None, None]
    return functional.normalize(hidden @ second[:, None].mT, dim=-1)


def surrogate(both, *, loss):
    """Minus the energy of the frozen pair weights over the temperature, mean over anchors; shape (networks,).

    ``infonce``: cross-entropy with the positive in the denominator. ``quadratic``: constant weights 1 / (n - 1).
    """
    first, second = both[:, 0], both[:, 1]
    batch = first.shape[1]
    similarity = first @ first.mT
    positive = (first * second).sum(dim=-1)
    diagonal = torch.eye(batch, dtype=torch.bool)
    with torch.no_grad():
        if loss == "infonce":
            candidates = torch.where(diagonal, positive[:, :, None], similarity) / CONSTANTS["temperature"]
            weights = candidates.softmax(dim=-1).masked_fill(diagonal, 0.0)
        else:
            weights = (~diagonal).to(first.dtype).expand_as(similarity) / (batch - 1)
    energy = (weights * similarity).sum(dim=(-1, -2)) - (weights.sum(dim=-1) * positive).sum(dim=-1)
    return energy / (batch * CONSTANTS["temperature"])


def draw_batch(generators, batch, size):
    """A batch of every seed: labels, shape (seeds, batch), and standard normal noise, shape (seeds, 2, batch)."""
    labels = torch.stack([torch.randint(size, (batch,), generator=generator) for generator in generators])
    return labels, torch.stack([torch.randn(2, batch, generator=generator) for generator in generators])


def train(size, loss, batch_norm, *, seeds=SEEDS, steps=STEPS):
    """Train every activation and seed of one setting, and keep the networks after so many steps.

    Parameters
    ----------
    size : int
        Features, and hidden units.
    loss : str
        One of ``LOSSES``.
    batch_norm : bool
    seeds, steps : sequence of int

    Returns
    -------
    dict
        ``(activation, seed, steps)`` to the layers (first, second, scale, shift).

    Raises
    ------
    ValueError
        For an unknown loss.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss is {loss!r}, expected one of {', '.join(LOSSES)}")
    out, copies = CONSTANTS["outputs"], len(ACTIVATIONS)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    starts = [
        [(2 * torch.rand(shape, generator=generator) - 1) / shape[1] ** 0.5 for shape in ((size, size), (out, size))]
        for generator in generators
    ]
    first, second = (torch.stack(layer).repeat(copies, 1, 1) for layer in zip(*starts, strict=True))
    names = [(name, seed) for name in ACTIVATIONS for seed in seeds]
    rectified = torch.tensor([name != "linear" for name, _ in names])
    clamped = torch.tensor([name == "clamped" for name, _ in names])
    first[clamped] = first[clamped].clamp_min(0.0)
    model = Networks(first, second, batch_norm=batch_norm)
    step, kept = itertools.count(1), {}

    def stream(_):
        return [
            part.repeat(copies, *[1] * (part.ndim - 1)) for part in draw_batch(generators, CONSTANTS["batch"], size)
        ]

    def objective(model, rows, _):
        labels, noise = rows
        both = outputs(*model.layers, labels, views(labels, noise, size), rectified=rectified, batch_norm=batch_norm)
        return surrogate(both, loss=loss).sum()

    @torch.no_grad()
    def after_step(model):
        model.first[clamped] = model.first[clamped].clamp_min(0.0)
        if (number := next(step)) in steps:
            for k, (name, seed) in enumerate(names):
                kept[name, seed, number] = [layer[k].clone() for layer in model.layers]

    options = {"learning_rate": CONSTANTS["learning_rate"], "weight_decay": CONSTANTS["weight_decay"]}
    options |= {"optimiser": "sgd", "seed": 0, "after_step": after_step}  # every seed has its own generator above
    training.fit(model, objective, stream, epochs=max(steps), **options)
    return kept


class Networks(nn.Module):
    """Networks of one setting side by side: layers of shape (networks, ...), an affine batch norm if they have one."""

    def __init__(self, first, second, *, batch_norm):
        super().__init__()
        count, units, _ = first.shape
        self.first, self.second = nn.Parameter(first), nn.Parameter(second)
        self.scale, self.shift = (
            nn.Parameter(start.repeat(count, units), requires_grad=batch_norm)
            for start in (torch.ones(1, 1), torch.zeros(1, 1))
        )

    @property
    def layers(self):
        """First, second, scale and shift."""
        return self.first, self.second, self.scale, self.shift


_trained = cache(train)


def describe(first, *, activation):
    """Concentration, coverage and participation ratio of a first layer.

    Returns
    -------
    dict of str to float
        ``concentration``: mean over units of the largest share, ``coverage``: mean over features of the largest
        share, both of the rows clipped at zero and scaled to norm 1; ``participation``: participation ratio of the
        layer as the network uses it (clipped at zero if rectified); ``unseen``: share of the features that no unit
        lets through (0 for a linear layer).
    """
    clipped = torch.relu(first)
    shares = clipped / (clipped.norm(dim=1, keepdim=True) + 1e-8)
    used = first if activation == "linear" else clipped
    return {
        "concentration": shares.amax(dim=1).mean().item(),
        "coverage": shares.amax(dim=0).mean().item(),
        "participation": relu_networks.participation_ratio(torch.linalg.svdvals(used)).item(),
        "unseen": (used == 0).all(dim=0).double().mean().item(),
    }


def measure(cell, seed, device, scratch=None, *, seeds=SEEDS, steps=STEPS):
    """One row: the first layer of one trained network, and the participation ratio of its outputs.

    All seeds and activations of the setting are trained at once on the CPU and kept for the following rows; the
    first row of a setting bears the time.

    Returns
    -------
    dict of str to float
        As :func:`describe`, and ``outputs``: participation ratio of the centred outputs of a fresh batch.
    """
    trained = _trained(cell["size"], cell["loss"], cell["batch_norm"], seeds=seeds, steps=steps)
    layers = trained[cell["activation"], seed, cell["steps"]]
    generator = torch.Generator().manual_seed(1_000_000 + seed)
    labels, noise = draw_batch([generator], CONSTANTS["fresh_batch"], cell["size"])
    both = outputs(
        *[layer[None] for layer in layers],
        labels,
        views(labels, noise, cell["size"]),
        rectified=torch.tensor([cell["activation"] != "linear"]),
        batch_norm=cell["batch_norm"],
    )
    centred = both[0, 0] - both[0, 0].mean(dim=0)
    ratio = relu_networks.participation_ratio(torch.linalg.svdvals(centred)).item()
    return describe(layers[0], activation=cell["activation"]) | {"outputs": ratio}
