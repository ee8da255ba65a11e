"""One training loop for every loss: seeded, device-independent in its draws, resumable, on one process or many.

A loss is anything that maps a model and a batch to a scalar; this module knows none, and no loss knows it.
``python -m helpers record TABLE`` records a table of trained encoders, see ``helpers.recording.sweeps``.
"""

import contextlib
import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from . import checkpoints, distributed

OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **options: torch.optim.SGD(parameters, momentum=0.9, **options),
}
Objective = Callable[[nn.Module, Any, torch.Generator], Tensor]
Schedule = Callable[[float], float]
LOG = logging.getLogger(__name__)
LOOK_EVERY = 100  # steps between two looks at the loss: a look waits for the GPU


def two_views(
    loss: Callable[[Tensor, Tensor], Tensor], augment: Callable[[Tensor, torch.Generator], Tensor]
) -> Objective:
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
        Objective for :func:`fit`; refuses a batch of one image (``ValueError``), which has no negative. Both views
        pass through the model together, so that BatchNorm sees 2 batch rows. On several processes each encodes its
        share of the views, and the loss is that of the whole batch.
    """

    def objective(model, images, generator):
        if len(images) < 2:
            raise ValueError("a batch of one image has no negatives: contrast needs a batch of at least 2")
        views = [distributed.share(augment(images, generator)) for _ in range(2)]
        return loss(*(distributed.gather(half) for half in model(torch.cat(views)).chunk(2)))

    return objective


def cosine(*, warmup: float = 0.0) -> Schedule:
    """Learning-rate schedule: linear up during a share ``warmup`` of the steps, then half a cosine down to zero.

    Returns
    -------
    callable
        Maps the fraction of the training that is over, in [0, 1], to a factor.

    >>> [round(cosine(warmup=0.5)(fraction), 3) for fraction in (0.25, 0.5, 0.75)]
    [0.5, 1.0, 0.5]
    """
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup is {warmup}, expected a share of the training in [0, 1)")

    def factor(fraction):
        if fraction < warmup:
            return fraction / warmup
        return (1 + math.cos(math.pi * (fraction - warmup) / (1 - warmup))) / 2

    return factor


def with_gradient(value: Tensor, parameters: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """A scalar of this value whose ``backward`` adds these gradients: for objectives that form them by other rules.

    Parameters
    ----------
    value : Tensor, scalar
    parameters, gradients : sequence of Tensor, shapes alike

    >>> weight = torch.ones(2, requires_grad=True)
    >>> with_gradient(torch.tensor(7.0), [weight], [torch.tensor([1.0, 2.0])]).backward()
    >>> weight.grad.tolist()
    [1.0, 2.0]
    """
    linear = sum((p * g.detach()).sum() for p, g in zip(parameters, gradients, strict=True))
    return value.detach() + (linear - linear.detach())  # the bracket is exactly 0: the value keeps every digit


def fit(
    model: nn.Module,
    objective: Objective,
    data: Tensor | Callable[[torch.Generator], Any],
    *,
    epochs: int,
    batch: int | None = None,
    learning_rate: float,
    seed: int,
    device: torch.device | str = "cpu",
    weight_decay: float = 0.0,
    optimiser: str = "adam",
    schedule: Schedule | None = None,
    after_step: Callable[[nn.Module], Any] | None = None,
    fast: bool = False,
    progress: Callable[[range], Iterable[int]] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int = 1,
    minutes: float = 3.0,
) -> list[float]:
    """Train a model, shuffling the data every epoch and dropping the incomplete last batch.

    Loss and images a second of every epoch go to the log of this module, at level INFO.

    On several processes (``distributed.start``) every process draws the same batches and views; gradients are those of
    one process with the whole batch, if the objective shares its rows and gathers its outputs as :func:`two_views`
    does. Process 0 writes the checkpoint; all must be able to read it.

    Parameters
    ----------
    model : nn.Module
        Trained in place and moved to ``device``; left in evaluation mode.
    objective : callable
        Maps ``(model, rows, generator)`` to a scalar, ``rows`` being a batch of ``data`` on ``device``, or what the
        stream gave, and ``generator`` the CPU generator all further randomness has to come from; see
        :func:`two_views`.
    data : Tensor, shape (n, ...), or callable
        Usually images, of any dtype, kept on ``device``. A callable maps the generator to the rows of one step, which
        the objective gets as they are: a stream without end, of which an "epoch" is one step.
    epochs : int
    batch : int
        Left out for a stream.
    learning_rate, weight_decay : float
    seed : int
        Of shuffling and views; the model's own weights were seeded when it was made.
    device : torch.device or str
    optimiser : str
        One of ``OPTIMISERS``; "sgd" has momentum 0.9.
    schedule : callable, optional
        Maps the fraction of the steps that is over to a factor of the learning rate, such as :func:`cosine`.
    after_step : callable, optional
        Called with the model after every step, to project weights or to update a second player, whose state has to be
        a buffer of the model if checkpoints are to hold it.
    fast : bool
        On CUDA: bfloat16 autocast inside the model, channels-last weights, ``torch.compile``. Elsewhere without effect.
    progress : callable, optional
        Wraps the range of epochs, such as ``functools.partial(run.progress, description="training")``.
    checkpoint : path-like, optional
        See ``checkpoints.Checkpoint``. Saved after every ``every`` epochs and every few minutes. If it is there,
        training goes on from it, and ends where it would have ended without the interruption, bit for bit on the same
        machine with the same number of threads.
    every : int
        Epochs; a stream, which has none, is saved by the clock and at its end.
    minutes : float
        Between two checkpoints, at most; 0 saves every step.

    Returns
    -------
    list of float
        Mean loss of each epoch.

    Raises
    ------
    ValueError
        If sizes do not fit, the optimiser is unknown, or the checkpoint belongs to other settings, holds more epochs
        than asked for, or is damaged.
    FloatingPointError
        If the loss stops being finite, or a weight when it is to be saved; the message names the step. The last
        checkpoint from before is kept.
    MemoryError
        If a step does not fit into memory; the message names the batch.
    """
    stream = callable(data)
    if epochs < 0 or (not stream and not 1 <= (batch or 0) <= len(data)):
        of_rows = "a stream" if stream else f"{len(data)} rows: expected >= 0 and 1 to {len(data)}"
        raise ValueError(f"epochs is {epochs} and batch {batch} for {of_rows}")
    # NumPy's numbers become Python's: a float32 among them would turn the optimiser's arithmetic to single precision.
    learning_rate, weight_decay, seed = float(learning_rate), float(weight_decay), int(seed)
    if every < 1:
        raise ValueError(f"every is {every}, expected at least one epoch between two checkpoints")
    if optimiser not in OPTIMISERS:
        raise ValueError(f"optimiser is {optimiser!r}, expected one of {', '.join(OPTIMISERS)}")
    device = torch.device(device)
    model = distributed.prepare(model.to(device))
    generator = torch.Generator().manual_seed(seed)
    rule = OPTIMISERS[optimiser](model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    steps = 1 if stream else len(data) // batch
    settings = {
        "rows": None if stream else len(data),
        "batch": None if batch is None else int(batch),
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "optimiser": optimiser,
        "horizon": epochs if schedule else None,  # without a schedule a run may be prolonged
        "seed": seed,
        "weights": [list(tensor.shape) for tensor in model.state_dict().values()],
    }
    kept = _Kept(checkpoint, settings, model, rule, generator, minutes)
    kept.resume(epochs, steps)
    rounds = range(len(kept.losses) // steps, epochs)
    if not stream:
        data = data.to(device)
    model.train()
    with _accelerated(model, fast and device.type == "cuda"):
        for epoch in rounds if progress is None else progress(rounds):
            first, start = kept.steps, time.perf_counter()
            order = None if stream else kept.order(len(data)).to(device)
            for step in range(first, (epoch + 1) * steps):
                if schedule is not None:
                    for group in rule.param_groups:
                        group["lr"] = learning_rate * schedule(step / (epochs * steps))
                place = step % steps
                with _memory_named(batch):
                    rows = data(generator) if stream else data[order[place * batch : (place + 1) * batch]]
                    loss = objective(model, rows, generator)
                    rule.zero_grad(set_to_none=True)
                    loss.backward()
                    distributed.average_gradients(model.parameters())
                    rule.step()
                if after_step is not None:
                    after_step(model)
                kept.keep(loss.detach())
            if not stream:
                kept.end_of_epoch(save=(epoch + 1) % every == 0 or epoch + 1 == epochs)
                rate = (kept.steps - first) * batch / (time.perf_counter() - start)
                LOG.info("epoch %d of %d: loss %.4g, %.0f images/s", epoch + 1, epochs, kept.mean(epoch, steps), rate)
    if stream and rounds:
        kept.save()
    distributed.wait()  # nobody goes on before the last checkpoint is written
    model.eval()
    return [kept.mean(epoch, steps) for epoch in range(epochs)]


class _Kept:
    """Losses so far, the order of the epoch, and the checkpoint they go to with everything a resumed run needs."""

    def __init__(self, path, settings, model, rule, generator, minutes):
        self.slots = None if path is None else checkpoints.Checkpoint(path)
        self.settings, self.model, self.rule, self.generator = settings, model, rule, generator
        self.seconds, self.saved_at = 60 * minutes, time.monotonic()
        self.losses, self.unseen = [], []  # of every step: looked at, and still on the device
        self.before_order, self.broken_off = None, None  # states of the generator

    @property
    def steps(self):
        return len(self.losses) + len(self.unseen)

    def mean(self, epoch, steps):
        return sum(self.losses[epoch * steps : (epoch + 1) * steps]) / steps

    def order(self, rows):
        """Permutation of an epoch; that of an epoch broken off comes again from where it was drawn."""
        now = self.generator.get_state()
        if self.broken_off is not None:
            self.generator.set_state(self.broken_off)
        self.before_order = self.generator.get_state()
        order = torch.randperm(rows, generator=self.generator)
        if self.broken_off is not None:
            self.generator.set_state(now)
            self.broken_off = None
        return order

    def keep(self, loss):
        """Take note of a step; save if it is time."""
        self.unseen.append(loss)
        if len(self.unseen) >= LOOK_EVERY:
            self.look()
        if self.slots is not None and time.monotonic() - self.saved_at >= self.seconds:
            self.save()

    def end_of_epoch(self, *, save):
        self.look()
        self.before_order = None
        if save:
            self.save()

    def look(self):
        """Move losses from the device and refuse one that is not finite, before it can reach a checkpoint."""
        values = torch.stack(self.unseen).float().tolist() if self.unseen else []
        for number, value in enumerate(values, start=len(self.losses) + 1):
            if not math.isfinite(value):
                self.refuse(f"the loss is {value} at step {number}")
        self.losses.extend(values)
        self.unseen.clear()

    def refuse(self, finding):
        kept = "" if self.slots is None else "; the last checkpoint from before is kept"
        raise FloatingPointError(f"{finding}{kept}; try a smaller learning rate")

    def save(self):
        self.look()
        self.saved_at = time.monotonic()
        if self.slots is None:
            return
        if not all(bool(weight.isfinite().all()) for weight in self.model.parameters()):
            self.refuse(f"a weight is not finite after step {self.steps}")  # the loss shows it one step later
        if distributed.rank() != 0:
            return
        state = {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "optimiser": self.rule.state_dict(),
            "generator": self.generator.get_state(),
            "before order": self.before_order,  # of the epoch under way
            "losses": self.losses,
        }
        self.slots.save(state)

    def resume(self, epochs, steps):
        """Take up a checkpoint, if there is one, of at most this many epochs with this many steps each."""
        state = None if self.slots is None else self.slots.load()
        done = 0 if state is None else len(state["losses"])
        distributed.require_same(done, "the number of steps in the checkpoint")  # and nobody saves before all have read
        if state is None:
            return
        names = " and ".join(str(slot) for slot in self.slots.slots)
        if state["settings"] != self.settings:
            changed = [key for key in self.settings if state["settings"].get(key) != self.settings[key]]
            raise ValueError(
                f"{names} were written with other settings ({', '.join(changed)}); delete them to start afresh"
            )
        if done > epochs * steps:
            raise ValueError(
                f"{names} hold {done} steps, more than {epochs} epochs of {steps}; delete them to start afresh"
            )
        self.model.load_state_dict(state["model"])
        self.rule.load_state_dict(state["optimiser"])
        self.generator.set_state(state["generator"])
        self.losses.extend(state["losses"])
        if done % steps:  # the clock may also save after the last step of an epoch, whose order is used up then
            self.broken_off = state["before order"]


@contextlib.contextmanager
def _memory_named(batch):
    """Say which batch did not fit when memory runs out."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            size = "a step" if batch is None else f"a step with batch {batch}"
            raise MemoryError(f"{size} does not fit into memory ({error}); halve the batch or the width") from error
        raise


@contextlib.contextmanager
def _accelerated(model, wanted):
    """bfloat16 inside the model and float32 outside, channels-last weights, compiled; unwrapped at the end."""
    if not wanted:
        yield
        return
    model.to(memory_format=torch.channels_last)
    compiled = torch.compile(model.forward)

    def forward(*inputs):
        with torch.autocast("cuda", dtype=torch.bfloat16):
            outputs = compiled(*inputs)
        return tuple(part.float() for part in outputs) if isinstance(outputs, tuple) else outputs.float()

    model.forward = forward
    try:
        yield
    finally:
        del model.forward
