"""Run by torchrun in losses_distributed_test.py: the losses of a batch that two processes share."""

import json
import os
import sys

import torch
import torch.distributed as group
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers import losses
from helpers.losses import _tiled

ROWS, HALF = 12, 6


def normal(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


FIRST, SECOND, QUEUE = normal(ROWS, 5, seed=0), normal(ROWS, 5, seed=1), normal(4, 3, seed=2)
# Ranks see unequal numbers of anchors with a positive; 3, 4, 6 and 7 have none.
LABELS, QUEUE_LABELS = torch.tensor([0, 1, 0, 2, 1, 3, 4, 0, 6, 7, 1, 2]), torch.tensor([0, 3, 8, 9])


def uneven(rows, columns):
    """Weights that depend on which rows of the whole batch are compared."""
    return 0.1 + ((3 * rows + 5 * columns) % 7) / 7.0


class Learner(nn.Module):
    """A small encoder and its loss, which may have something to learn."""

    def __init__(self, loss):
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.loss = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)), loss

    def forward(self, first, second, call):
        return call(self.loss, self.encoder(first), self.encoder(second))


def cases(**shared):
    """Label to a loss and how it is called with the encoded rows of some anchors, whose numbers come first."""
    decoupled = {"positive_in_denominator": False, **shared}
    return {
        "infonce": (
            losses.InfoNCE(0.3, learnable=True, **shared),
            lambda loss, rows, x, y: loss(x, y, queue=QUEUE, weights=uneven),
        ),
        "ntxent": (losses.NTXent(0.3, learnable=True, **shared), lambda loss, rows, x, y: loss(x, y, queue=QUEUE)),
        "ntxent, decoupled": (losses.NTXent(0.3, **decoupled), lambda loss, rows, x, y: loss(x, y)),
        "clip": (losses.CLIP(0.3, **shared), lambda loss, rows, x, y: loss(x, y)),
        "clip, weighted": (losses.CLIP(0.3, **shared), lambda loss, rows, x, y: loss(x, y, weights=uneven)),
        "supcon": (
            losses.SupCon(0.3, **shared),
            lambda loss, rows, x, y: loss(x, LABELS[rows], queue=QUEUE, queue_labels=QUEUE_LABELS, weights=uneven),
        ),
        "supcon, in": (
            losses.SupCon(0.3, form="in", learnable=True, **shared),
            lambda loss, rows, x, y: loss(torch.cat([x, y]), LABELS[rows].repeat(2)),
        ),
        "siglip": (losses.SigLIP(3.0, -2.0, **shared), lambda loss, rows, x, y: loss(x, y, weights=uneven)),
    }


def step(model, rows, call):
    """Value and gradients of one step, as an optimiser would see them."""
    value = model(FIRST[rows], SECOND[rows], lambda loss, x, y: call(loss, rows, x, y))
    value.backward()
    gradients = [parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None]
    return torch.cat([value.detach()[None], *gradients])


def shared(**options):
    """What this process gets from its half of the batch, with the value averaged like the gradients."""
    own = slice(HALF * group.get_rank(), HALF * group.get_rank() + HALF)
    found = {}
    for name, (loss, call) in cases(**options).items():
        model = DistributedDataParallel(Learner(loss).double(), find_unused_parameters=False)
        result = step(model, own, call)
        value = result[:1].clone()
        group.all_reduce(value)
        found[name] = torch.cat([value / group.get_world_size(), result[1:]]).tolist()
    return found


if __name__ == "__main__":
    _tiled.tile_sides = lambda n, like: (min(n, 4), min(n, 5))  # several tiles
    _tiled.rows_of_a_block = lambda n, like: 4  # and strips
    group.init_process_group("gloo")
    everything = {"gathered": shared(gather_distributed=True), "apart": shared()}
    if group.get_rank() == 0:
        with open(sys.argv[1], "w") as stream:
            json.dump(everything, stream)
    group.destroy_process_group()
    os._exit(0)  # a thread of torch's that outlives the interpreter aborts the process now and then
