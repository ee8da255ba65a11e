"""Looking at an encoder at several points of one training run, which may be interrupted between and within them."""

import tempfile
from itertools import pairwise
from pathlib import Path

from . import checkpoints, distributed


def reached(fit, epochs, scratch=None):
    """Train to one number of epochs after the other; every stage goes on where the one before it stopped.

    Parameters
    ----------
    fit : callable
        Maps the keywords ``epochs`` and ``checkpoint`` to the losses so far, such as ``functools.partial`` of
        ``loop.fit`` with model, objective, data and everything else; without a schedule.
    epochs : sequence of int
        Strictly ascending.
    scratch : path-like, optional
        Names the checkpoints, one for every stage (``run.pt``: ``run-1.pt``, ``run-6.pt``), so that a run that was
        interrupted passes every stage again and trains only what is missing. They are removed at the end. A temporary
        folder by default.

    Yields
    ------
    number : int
        Of epochs the model has been trained for; what is done with the model here must not change it.
    losses : list of float
        As ``fit`` returned them, one for every epoch so far.

    Raises
    ------
    ValueError
        If the numbers do not ascend from 1 or above, or several processes are given no path that all of them see.
    """
    epochs = list(epochs)
    if not epochs or epochs[0] < 1 or any(later <= earlier for earlier, later in pairwise(epochs)):
        raise ValueError(f"epochs are {epochs}, expected ascending numbers from 1")
    if scratch is None:
        if distributed.processes() > 1:
            raise ValueError(
                f"scratch is None, but {distributed.processes()} processes need a path that all of them see"
            )
        with tempfile.TemporaryDirectory() as folder:
            yield from reached(fit, epochs, Path(folder) / "run.pt")
        return
    scratch = Path(scratch)
    stages = [scratch.with_name(f"{scratch.stem}-{number}{scratch.suffix}") for number in epochs]
    for number, path, before in zip(epochs, stages, [None, *stages], strict=False):
        own = checkpoints.Checkpoint(path)
        if before is not None and distributed.rank() == 0 and not any(slot.exists() for slot in own.slots):
            own.save(checkpoints.Checkpoint(before).load())
        distributed.wait()  # nobody reads before process 0 has written
        yield number, fit(epochs=number, checkpoint=path)
    for path in stages:
        checkpoints.Checkpoint(path).delete()
