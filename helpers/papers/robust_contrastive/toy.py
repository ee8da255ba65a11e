"""The toy of RC-E1: one robust and ten weak coordinates, four variants of the objective, ten seeds, trained at once."""

import torch

from . import ensemble

# Weights of: adversarial term, benign term, SAM radius, discriminator.
VARIANTS = {
    "benign": (0, 1, 0, 0),
    "adversarial": (1, 0, 0, 0),
    "adversarial + benign": (1, 1, 0, 0),
    "… + SAM + discriminator": (1, 1, 0.1, 0.1),
}
TEMPERATURE = 0.5


def pairs(labels, generator, *, device):
    """Two draws of every label's class, the same for all variants: Tensors (variants * seeds, n, 11)."""
    both = [ensemble.robust_and_weak(labels, generator) for _ in range(2)]
    return [points.repeat(len(VARIANTS), 1, 1).to(device) for points in both]


def alternating(count, seeds):
    """Labels 0, 1, 0, 1, ... for every seed, shape (seeds, count)."""
    return torch.arange(count).expand(seeds, -1) % 2


def train(generator, *, seeds, radius, device, steps=250):
    """Weights and biases of all encoders, variant by variant, after ``steps`` steps on batches of 64 fresh pairs."""
    first = int(torch.randint(10**6, (1,), generator=generator))
    starts = [first + seed for _ in VARIANTS for seed in range(seeds)]
    layers = ensemble.initial((11, 32, 2), starts, device=device)
    recipe = ensemble.recipe([terms for terms in VARIANTS.values() for _ in range(seeds)], device=device)

    def batch():
        return pairs(torch.randint(2, (seeds, 64), generator=generator), generator, device=device)

    options = {"steps": steps, "temperature": TEMPERATURE, "radius": radius, "attack_steps": 5}
    ensemble.train(layers, recipe, batch, generator=generator, learning_rate=5e-3, **options)
    return [layer.detach() for layer in layers]
