"""Run by torchrun in gathering_test.py: each rank trains one step on its half of a batch; rank 0 writes what it got."""

import os
import sys
from functools import partial
from pathlib import Path

import torch
import torch.distributed as group
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from helpers import files, losses, runtime, training
from helpers.recording import recorded, sweeps
from helpers.training import distributed, stages

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


def trained(seed=2, scratch=None):
    """Weights after a few steps of the training loop on the whole batch, however many processes share it.

    With a path in three stages, each from the checkpoint of the one before.
    """
    images = torch.rand(24, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    model = encoder()
    objective = training.two_views(
        lambda first, second: losses.infonce(first, second, **OPTIONS),
        lambda rows, generator: rows + 0.1 * torch.randn(rows.shape, generator=generator, dtype=rows.dtype),
    )
    options = {"batch": 8, "learning_rate": 0.01, "seed": seed, "optimiser": "sgd"}
    fit = partial(training.fit, model, objective, images, **options)
    curve = fit(epochs=3) if scratch is None else [losses for _, losses in stages.reached(fit, [1, 2, 3], scratch)][-1]
    return torch.cat([*(parameter.detach().flatten() for parameter in model.parameters()), torch.tensor(curve)])


def recording(folder):
    """Rows of a small table, each trained by all processes together; process 0 writes it."""

    def measure(settings, seed, device, scratch):
        del scratch
        return {"sum": trained(seed).sum().item()}

    table = recorded.Table("tiny", "00_none", "sum of weights", {}, [{"x": 1}, {"x": 2}], [0, 1], measure)
    sweeps.record(table, device=torch.device("cpu"), store=folder, partial=folder / "partial", bar=runtime._Lines)
    distributed.wait()  # until process 0 has written it
    return recorded.load(table, store=folder).values("sum", x=2)


def refused():
    """Whether processes whose files differ are stopped."""
    try:
        distributed.require_same(distributed.rank(), "the number of steps")
    except ValueError as error:
        return "differs between processes (0, 1)" in str(error)
    return False


def twice_refused():
    """Whether a second derivative through the gather is an error."""
    rows = torch.ones(2, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(distributed.gather(rows).square().sum(), rows, create_graph=True)
    try:
        slope.sum().backward()
    except RuntimeError as error:
        return "once_differentiable" in str(error)
    return False


def without_gradient(rows):
    everyone = distributed.gather(rows).detach()
    everyone[group.get_rank() * len(rows) : (group.get_rank() + 1) * len(rows)] = rows
    return everyone


class OwnRowsOnly(distributed._Gather):
    @staticmethod
    def backward(ctx, upstream):
        return upstream[ctx.own]


GATHERS = {
    "gather": distributed.gather,
    "without gradient": without_gradient,
    "own rows only": OwnRowsOnly.apply,
}

if __name__ == "__main__":
    distributed.start(torch.device("cpu"))
    own = slice(6 * group.get_rank(), 6 * group.get_rank() + 6)
    first, second = batch()[:, own]
    found = {
        f"{name}, {how}": gradient(DistributedDataParallel(encoder()), first, second, name, gather).tolist()
        for name in ("infonce", "clip")
        for how, gather in GATHERS.items()
    }
    found["trained"] = trained().tolist()
    folder = Path(sys.argv[1]).parent
    found["in stages"] = trained(scratch=folder / "stages.pt").tolist()
    found["refused"] = float(refused())
    found["twice refused"] = float(twice_refused())
    found["recording"] = recording(folder / "store").tolist()
    if distributed.rank() == 0:
        files.write_json(sys.argv[1], found)
    distributed.stop()
    os._exit(0)  # a thread of torch's that outlives the interpreter aborts the process now and then
