"""One training loop for every loss: seeded, device-independent in its draws, and resumable.

A loss is anything that maps a model and a batch to a scalar; this module knows none, and no loss knows it.
"""

import io
import math
from pathlib import Path

import torch

from helpers import storage


def two_views(loss, augment):
    """The objective of a loss on two random views of every image.

    Parameters
    ----------
    loss : callable
        Maps the outputs of the first and second views, two Tensors of shape (batch, d) whose rows correspond, to a
        scalar.
    augment : callable
        Maps ``(images, generator)`` to views, see ``augmentations.compose``.

    Returns
    -------
    callable
        Objective for :func:`fit`. Both views pass through the model together, so that BatchNorm sees 2 batch rows.
    """

    def objective(model, images, generator):
        views = torch.cat([augment(images, generator), augment(images, generator)])
        return loss(*model(views).chunk(2))

    return objective


def fit(
    model,
    objective,
    data,
    *,
    epochs,
    batch,
    learning_rate,
    seed,
    device="cpu",
    weight_decay=0.0,
    progress=None,
    checkpoint=None,
    every=1,
):
    """Train a model with Adam, shuffling the data every epoch and dropping the incomplete last batch.

    Parameters
    ----------
    model : nn.Module
        Trained in place and moved to ``device``; left in evaluation mode.
    objective : callable
        Maps ``(model, rows, generator)`` to a scalar, ``rows`` being a batch of ``data`` on ``device`` and
        ``generator`` the CPU generator all further randomness has to come from; see :func:`two_views`.
    data : Tensor, shape (n, ...)
        Usually images.
    epochs, batch : int
    learning_rate, weight_decay : float
    seed : int
        Of shuffling and views; the model's own weights were seeded when it was made.
    device : torch.device or str
    progress : callable, optional
        Wraps the range of epochs, such as ``functools.partial(run.progress, description="training")``.
    checkpoint : path-like, optional
        Written after every ``every`` epochs. If the file is there, training goes on from it, and ends where it
        would have ended without the interruption, bit for bit on the same machine.
    every : int

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If a batch is larger than the data, or the checkpoint belongs to other settings or cannot be read.
    FloatingPointError
        If the loss stops being finite; the message names the epoch.
    """
    if epochs < 0 or not 1 <= batch <= len(data):
        raise ValueError(
            f"epochs is {epochs} and batch {batch} for {len(data)} rows: expected >= 0 and 1 to {len(data)}"
        )
    model.to(device)
    data = data.to(device)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    settings = {
        "rows": len(data),
        "batch": batch,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "seed": seed,
        "weights": [list(tensor.shape) for tensor in model.state_dict().values()],
    }
    losses = _resume(checkpoint, settings, model, optimiser, generator)
    rounds = range(len(losses), epochs)
    for epoch in rounds if progress is None else progress(rounds):
        losses.append(_epoch(model, objective, data, batch, optimiser, generator))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(f"the loss is {losses[-1]} in epoch {epoch + 1} of {epochs}; try a smaller rate")
        if checkpoint is not None and (epoch + 1) % every == 0:
            _save(checkpoint, settings, model, optimiser, generator, losses)
    model.eval()
    return losses


def _epoch(model, objective, data, batch, optimiser, generator):
    model.train()
    order = torch.randperm(len(data), generator=generator).to(data.device)
    total, steps = torch.zeros((), device=data.device), len(data) // batch
    for chosen in order[: steps * batch].reshape(steps, batch):
        loss = objective(model, data[chosen], generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.detach()
    return float(total) / steps


def _save(path, settings, model, optimiser, generator, losses):
    buffer = io.BytesIO()
    state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "generator": generator.get_state()}
    torch.save(state | {"settings": settings, "losses": losses}, buffer)
    storage.write_bytes(path, buffer.getvalue())


def _resume(path, settings, model, optimiser, generator):
    if path is None or not Path(path).exists():
        return []
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        stored = state["settings"]
    except Exception as error:  # torch.load raises many kinds of error for a damaged file
        raise ValueError(f"{path} is no checkpoint of this loop ({error}); delete it to start afresh") from error
    if stored != settings:
        changed = [key for key in settings if stored.get(key) != settings[key]]
        raise ValueError(f"{path} was written with other settings ({', '.join(changed)}); delete it to start afresh")
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    generator.set_state(state["generator"])
    return state["losses"]
