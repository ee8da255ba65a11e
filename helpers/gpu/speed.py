"""Speed on a device: the losses as a share of its own matrix products, and the images a second of a SimCLR step."""

import statistics
import time
from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional

from helpers import losses, training
from helpers.data import augmentations
from helpers.networks import encoders

DIMENSION, TEMPERATURE = 128, 0.1
COUNTED = {"positive_in_denominator": True, "reduction": "mean"}
# Products of N x N x d that a form with tiles cannot avoid, forward and backward; NT-Xent's two are of size 2N.
PRODUCTS = {"infonce": 3, "clip": 4, "ntxent": 8}
STEP_TEMPERATURE, LEARNING_RATE = 0.5, 1e-3


@dataclass(frozen=True)
class Sizes:
    """How much is measured: rows of the square matrix product, batches of pairs, and the training step."""

    square: int
    pairs: tuple
    width: int
    images: int
    batch: int
    epochs: int


WHOLE = Sizes(square=8192, pairs=(65_536, 131_072, 262_144), width=64, images=10_240, batch=512, epochs=6)
TINY = Sizes(square=512, pairs=(512,), width=2, images=64, batch=16, epochs=2)


# -- losses -------------------------------------------------------------------------------------------------
def loss_items(device, sizes):
    """Items for ``results.measure``: the matrix product, then every loss at every size; the first has to succeed."""
    rate = {}

    def square():
        x = torch.randn(sizes.square, sizes.square, generator=torch.Generator().manual_seed(0)).to(device)
        taken = seconds_of(lambda: torch.mm(x, x), device)
        rate["flops"] = 2 * sizes.square**3 / taken
        return {
            "milliseconds": 1e3 * taken,
            "teraflops": rate["flops"] / 1e12,
            "precision": torch.get_float32_matmul_precision(),
        }

    def loss(name, n):
        x, y = pairs(n, device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
        taken = seconds_of(partial(forward_and_backward, name, x, y), device)
        needed = PRODUCTS[name] * 2 * n**2 * DIMENSION
        found = {"milliseconds": 1e3 * taken, "share": needed / taken / rate["flops"], "value": value_of(name, x, y)}
        if device.type == "cuda":
            found["mebibytes"] = (torch.cuda.max_memory_allocated(device) - before) / 2**20
        return found

    items = {f"matrix product, {sizes.square:,}": square}
    return items | {f"{name}, {n:,}": partial(loss, name, n) for n in sizes.pairs for name in PRODUCTS}


def pairs(n, device):
    """Aligned pairs of unit rows in float32, both wanting gradients."""
    generator = torch.Generator().manual_seed(0)
    first = functional.normalize(torch.randn(n, DIMENSION, generator=generator), dim=1)
    second = functional.normalize(first + 0.1 * torch.randn(n, DIMENSION, generator=generator), dim=1)
    return first.to(device).requires_grad_(), second.to(device).requires_grad_()


def value_of(name, x, y):
    with torch.no_grad():
        return float(_loss(name, x, y))


def forward_and_backward(name, x, y):
    x.grad = y.grad = None
    _loss(name, x, y).backward()


def _loss(name, x, y):
    if name == "ntxent":
        return losses.ntxent(torch.cat([x, y]), temperature=TEMPERATURE, include_self=False, **COUNTED)
    return getattr(losses, name)(x, y, temperature=TEMPERATURE, **COUNTED)


def seconds_of(work, device, *, most=5, spent=1.5):
    """Median seconds of a call after one that warms up: at most ``most`` calls, none begun after ``spent`` seconds."""
    work()
    taken = []
    while len(taken) < most and sum(taken) < spent:
        start = clock(device)
        work()
        taken.append(clock(device) - start)
    return statistics.median(taken)


def clock(device):
    """Seconds, once all that was asked of a GPU is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


# -- a training step ----------------------------------------------------------------------------------------
def step_items(device, sizes):
    """Items for ``results.measure``: training as fast as it goes, and in float32 without a compiler."""
    return {
        "bfloat16, channels last, compiled": partial(images_a_second, device, sizes, fast=True),
        "float32": partial(images_a_second, device, sizes, fast=False),
    }


def images_a_second(device, sizes, *, fast):
    """SimCLR on random bytes with ResNet-18: images (two views each) a second of the epochs after the first."""
    seconds = []

    def timed(epochs):
        for epoch in epochs:
            start = clock(device)
            yield epoch  # the epoch runs here
            seconds.append(clock(device) - start)

    seen = training.fit(
        new_model(sizes.width),
        training.two_views(simclr_loss, augmentations.simclr()),
        random_images(sizes.images),
        epochs=sizes.epochs,
        batch=sizes.batch,
        learning_rate=LEARNING_RATE,
        seed=0,
        device=device,
        fast=fast,
        progress=timed,
    )
    used = sizes.images // sizes.batch * sizes.batch
    rate = used / statistics.median(seconds[1:])
    return {
        "images_a_second": rate,
        "seconds_of_50_000": 50_000 / rate,
        "first_epoch_seconds": seconds[0],
        "last_loss": seen[-1],
        "width": sizes.width,
        "batch": sizes.batch,
    }


def random_images(count):
    """Bytes of colour images, shape (count, 3, 32, 32)."""
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def new_model(width):
    """ResNet-18 for small colour images, with SimCLR's head."""
    return encoders.resnet18((8 * width, 8 * width, 128), colours=3, normalise=True, seed=0, width=width)


def simclr_loss(first, second):
    """NT-Xent of two views, temperature 0.5."""
    return losses.ntxent(torch.cat([first, second]), temperature=STEP_TEMPERATURE, include_self=False, **COUNTED)
