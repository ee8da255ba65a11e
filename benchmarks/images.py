"""Images a second: the training loop beside a plain one, views beside kornia's, small models side by side.

``python -m benchmarks.images`` prints what it measures. On CUDA it trains ResNet-18 with SimCLR on 50,000 images and
compares the seconds with the aim of three; on the CPU, one thread, it takes a narrow ResNet-18 and few images, and the
clock is the process's CPU time. The images are random bytes: nothing is learnt, but nothing depends on that. The CUDA
path was written without a GPU at hand and has not been run.
"""

import dataclasses
import time
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from benchmarks import measure, peers
from helpers import losses, runtime, training
from helpers.data import augmentations
from helpers.gpu import speed
from helpers.networks import encoders

AIM_SECONDS, AIM_IMAGES = 3.0, 50_000


@dataclasses.dataclass(frozen=True)
class Size:
    """How much is trained: a ResNet-18 of this width on this many images, in batches, once a round."""

    width: int
    images: int
    batch: int
    rounds: int


SIZES = {
    "cuda": Size(width=64, images=50_000, batch=512, rounds=5),
    "cpu": Size(width=8, images=256, batch=64, rounds=9),
}


class PlainLoop:
    """What one writes without a library: float32, the dense loss, nothing compiled. Views are the same functions."""

    def __init__(self, size, device):
        self.images, self.batch, self.device = speed.random_images(size.images).to(device), size.batch, device
        self.model = speed.new_model(size.width).to(device).train()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=speed.LEARNING_RATE)
        self.augment, self.generator = augmentations.simclr(), torch.Generator().manual_seed(0)

    def epoch(self):
        """Mean loss of one pass through the images."""
        order = torch.randperm(len(self.images), generator=self.generator).to(self.device)
        seen = []
        for place in range(0, len(order) - self.batch + 1, self.batch):
            images = self.images[order[place : place + self.batch]]
            views = torch.cat([self.augment(images, self.generator) for _ in range(2)])
            outputs = self.model(views)
            similarity = outputs @ outputs.T / speed.STEP_TEMPERATURE
            similarity = similarity.fill_diagonal_(-torch.inf)
            partners = torch.arange(len(views), device=self.device).roll(self.batch)
            loss = functional.cross_entropy(similarity, partners)
            self.optimiser.zero_grad()
            loss.backward()
            self.optimiser.step()
            seen.append(loss.detach())
        return float(torch.stack(seen).mean())


def training_times(size, device):
    """Seconds of an epoch with ``training.fit`` and with the plain loop, in turn, and their mean losses.

    Returns
    -------
    measure.Times
        Without the first round, in which kernels are compiled.
    dict of str to list of float
        Losses of every round; on the CPU both train the same model on the same views.
    """
    plain = PlainLoop(size, device)
    seconds, seen = {"ours": [], "plain": []}, {"plain": []}

    def in_turn(epochs):
        for epoch in epochs:
            start = _clock(device)
            yield epoch  # one epoch of ours runs here
            seconds["ours"].append(_clock(device) - start)
            start = _clock(device)
            seen["plain"].append(plain.epoch())
            seconds["plain"].append(_clock(device) - start)

    seen["ours"] = training.fit(
        speed.new_model(size.width),
        training.two_views(speed.simclr_loss, augmentations.simclr()),
        speed.random_images(size.images),
        epochs=size.rounds + 1,
        batch=size.batch,
        learning_rate=speed.LEARNING_RATE,
        seed=0,
        device=device,
        fast=True,
        progress=in_turn,
    )
    return measure.Times({label: np.array(values[1:]) for label, values in seconds.items()}), seen


def view_candidates(batch=256, blur_size=0):
    """SimCLR's views of colour images on the CPU, ours and kornia's if it is there; and why it is not."""
    images = augmentations.to_float(speed.random_images(batch))
    generator = torch.Generator().manual_seed(0)
    found, absent = peers.available({"kornia": partial(_kornia, blur_size)})
    ours = augmentations.simclr(blur_size=blur_size)
    return {"ours": lambda: ours(images, generator)} | {k: partial(v, images) for k, v in found.items()}, absent


def _kornia(blur_size):
    augmentation = peers.module("kornia.augmentation")
    steps = [
        augmentation.RandomResizedCrop((32, 32), scale=(0.2, 1.0)),
        augmentation.RandomHorizontalFlip(),
        augmentation.ColorJitter(0.4, 0.4, 0.4, 0.1, p=0.8),
        augmentation.RandomGrayscale(p=0.2),
    ]
    if blur_size:
        steps.append(augmentation.RandomGaussianBlur((blur_size, blur_size), (0.1, 2.0), p=0.5))
    return torch.nn.Sequential(*steps)


def side_by_side_candidates(count=8, batch=256):
    """One step of several perceptrons on the CPU, one after the other and batched by ``torch.func.vmap``.

    Returns
    -------
    dict of str to callable
        Each takes one Adam step with every model and returns their losses, shape (count,).
    """
    images = torch.rand(count, 2 * batch, 8, 8, generator=torch.Generator().manual_seed(0))
    apart, together = ([_perceptron(seed) for seed in range(count)] for _ in range(2))
    rules = [torch.optim.Adam(model.parameters(), lr=speed.LEARNING_RATE) for model in apart]
    weights, buffers = torch.func.stack_module_state(together)
    rule = torch.optim.Adam(weights.values(), lr=speed.LEARNING_RATE)
    form = _perceptron(0).to("meta")

    def in_turn():
        values = []
        for model, each, rows in zip(apart, rules, images, strict=True):
            values.append(_dense_ntxent(model(rows)))
            _step(each, values[-1])
        return torch.stack(values).detach()

    def loss(one, state, rows):
        return _dense_ntxent(torch.func.functional_call(form, (one, state), (rows,)))

    def at_once():
        values = torch.func.vmap(loss)(weights, buffers, images)
        _step(rule, values.sum())
        return values.detach()

    return {"one after the other": in_turn, "side by side": at_once}


def _perceptron(seed):
    return encoders.encoder((64, 256, 128), (128, 128, 64), batch_norm=True, normalise=True, seed=seed).train()


def _dense_ntxent(outputs):
    scores = outputs @ outputs.T
    options = {"temperature": speed.STEP_TEMPERATURE, "positive_in_denominator": True, "include_self": False}
    return losses.ntxent_from_scores(scores, **options).mean()


def _step(rule, loss):
    rule.zero_grad()
    loss.backward()
    rule.step()


def _clock(device):
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _between(middle, low, high):
    return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def main():
    device = runtime.current().device
    torch.set_num_threads(1)
    size = SIZES["cuda" if device.type == "cuda" else "cpu"]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU, one thread"
    print(f"{name}, torch {torch.__version__}; medians, ratios with their 95 % interval")

    times, _ = training_times(size, device)
    print(f"\nSimCLR, ResNet-18 of width {size.width}, batch {size.batch}, {size.images} random images of 3 x 32 x 32")
    used = size.images // size.batch * size.batch
    for label in ("ours", "plain"):
        print(f"  {label:20s}{used / times.median(label):10,.0f} images/s (two views each)")
    print(f"  ours / plain, seconds: {_between(*times.ratio('ours', 'plain'))}")
    if device.type == "cuda":
        taken = times.median("ours") * AIM_IMAGES / used
        print(f"  {AIM_IMAGES:,} images in {taken:.2f} s; the aim is {AIM_SECONDS} s on an H100")

    for blur_size in (0, 3):
        calls, absent = view_candidates(blur_size=blur_size)
        times = measure.interleave(calls, seconds=4)
        print(f"\nSimCLR's views on the CPU, batch 256 of 3 x 32 x 32, blur {blur_size or 'none'}")
        for label in calls:
            print(f"  {label:20s}{256 / times.median(label):10,.0f} images/s")
        for label, reason in absent.items():
            print(f"  {label}: {reason}")
        if "kornia" in calls:
            print(f"  ours / kornia, seconds: {_between(*times.ratio('ours', 'kornia'))}")

    times = measure.interleave(side_by_side_candidates(), seconds=6)
    print("\n8 perceptrons 64-256-128 with heads 128-128-64 on the CPU, batch 256, a step of all")
    for label in times.seconds:
        print(f"  {label:20s}{1e3 * times.median(label):10.1f} ms")
    print(f"  side by side / one after the other: {_between(*times.ratio('side by side', 'one after the other'))}")


if __name__ == "__main__":
    main()
