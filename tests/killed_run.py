"""Run by checkpoints_test.py: one training, killed twenty times, beside the same training left alone.

Every run is a forked child of this process, which has imported everything: starting again takes milliseconds. Writes
what came of both as JSON to the path it is given.
"""

import contextlib
import os
import random
import signal
import sys
import types
from pathlib import Path

import torch

from helpers import files, training
from helpers.data import augmentations
from helpers.networks import encoders
from helpers.training import checkpoints

KILLS = 20
EPOCHS, BATCH = 60, 10  # of 200 images: 1,200 steps; twenty lives of at most 30 steps get through half of them
LIFE = 30


def train(checkpoint, minutes, after_step=None):
    images = torch.rand(200, 4, 4, generator=torch.Generator().manual_seed(0))
    model = encoders.encoder((16, 24, 8), (8, 4), batch_norm=True, normalise=True, seed=1)
    objective = training.two_views(
        lambda first, second: (first - second).square().sum(1).mean() - first.var(0).sum().log(),
        lambda batch, generator: augmentations.noise(batch, generator, deviation=0.1),
    )
    losses = training.fit(
        model,
        objective,
        images,
        epochs=EPOCHS,
        batch=BATCH,
        learning_rate=1e-3,
        schedule=training.cosine(warmup=0.1),
        seed=2,
        after_step=after_step,
        checkpoint=checkpoint,
        minutes=minutes,
    )
    return losses, model.state_dict()


def child(work):
    """Fork; the child does the work and leaves. Returns its process number."""
    number = os.fork()
    if number == 0:
        work()
        os._exit(0)
    return number


def die_after(steps, *, during_a_save, chance):
    """What a run calls after every step, so that it dies some steps later: while it saves, or at any moment.

    Nothing here waits for a clock or for another process, so a busy machine changes nothing. The moment is drawn in
    the run's own processor time; in a save it is one of three.
    """
    moment, left = chance.choice(["write", "sync", "rename"]), chance.uniform(0.0001, 0.005)
    taken = 0

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    def half(handle, *options, **more):
        stream = os_fdopen(handle, *options, **more)
        whole = stream.write

        def write(content):
            whole(content[: len(content) // 2])
            stream.flush()
            die()

        return contextlib.nullcontext(types.SimpleNamespace(write=write))

    os_fdopen = os.fdopen

    def after_step(model):
        nonlocal taken
        taken += 1
        if taken != steps:
            return
        if not during_a_save:
            signal.setitimer(signal.ITIMER_PROF, left)  # SIGPROF, which nobody handles, ends the process
        elif moment == "write":
            os.fdopen = half
        else:
            setattr(os, {"sync": "fsync", "rename": "replace"}[moment], die)

    return after_step


def killed(folder, *, during_a_save, chance):
    """Start the run and have it killed some steps later, at any moment or while a file is being written; was it?"""
    after_step = die_after(chance.randint(1, LIFE), during_a_save=during_a_save, chance=chance)
    # a checkpoint at every step
    number = child(lambda: train(folder / "run.pt", minutes=0.0, after_step=after_step))
    return os.WIFSIGNALED(os.waitpid(number, 0)[1])


def progress(folder):
    """Steps in the newest checkpoint."""
    state = checkpoints.Checkpoint(folder / "run.pt").load()
    return 0 if state is None else len(state["losses"])


def finish(folder, name):
    """Let a run come to its end in a child; returns its losses and weights."""

    def work():
        torch.save(train(folder / "run.pt" if name == "resumed" else None, minutes=3.0), folder / f"{name}.end")

    os.waitpid(child(work), 0)
    return torch.load(folder / f"{name}.end", weights_only=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder, chance = Path(sys.argv[1]).parent, random.Random(0)
    torch.optim.Adam([torch.zeros(1)]).step()  # brings in what PyTorch imports late, once for all children
    died, broken_saves, steps = 0, 0, []
    for number in range(KILLS):
        died += killed(folder, during_a_save=number % 2 == 0, chance=chance)
        broken_saves += any(folder.glob(".run.*"))
        steps.append(progress(folder))
    losses, weights = finish(folder, "resumed")
    expected_losses, expected_weights = finish(folder, "alone")
    files.write_json(
        sys.argv[1],
        {
            "died": died,
            "steps": steps,
            "broken saves": broken_saves,
            "same losses": losses == expected_losses,
            "same weights": all(torch.equal(weights[key], expected_weights[key]) for key in expected_weights),
            "epochs": len(losses),
        },
    )
