"""Run by torchrun in gathering_test.py: each rank trains one step on its half of a batch; rank 0 writes what it got."""

import sys

import torch
import torch.distributed as group
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers import gathering, losses, storage

OPTIONS = {"temperature": 0.3, "positive_in_denominator": True, "reduction": "mean"}


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 12, 5, dtype=torch.float64, generator=generator)


def encoder():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 3)).double()


def gradient(model, first, second, name, gather):
    """Gradient of the loss over all rows, as the optimiser would see it."""
    model.zero_grad()
    views = model(torch.cat([first, second]))
    getattr(losses, name)(*(gather(half) for half in views.chunk(2)), **OPTIONS).backward()
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def without_gradient(rows):
    everyone = gathering.gather(rows).detach()
    everyone[group.get_rank() * len(rows) : (group.get_rank() + 1) * len(rows)] = rows
    return everyone


class OwnRowsOnly(gathering._Gather):
    @staticmethod
    def backward(ctx, upstream):
        return upstream[ctx.own]


GATHERS = {
    "gather": gathering.gather,
    "without gradient": without_gradient,
    "own rows only": OwnRowsOnly.apply,
}

if __name__ == "__main__":
    group.init_process_group("gloo")
    own = slice(6 * group.get_rank(), 6 * group.get_rank() + 6)
    first, second = batch()[:, own]
    found = {
        f"{name}, {how}": gradient(DistributedDataParallel(encoder()), first, second, name, gather).tolist()
        for name in ("infonce", "clip")
        for how, gather in GATHERS.items()
    }
    if group.get_rank() == 0:
        storage.write_json(sys.argv[1], found)
    group.destroy_process_group()
