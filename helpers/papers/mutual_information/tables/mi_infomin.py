"""InfoMin on factor images: what an encoder learns when its views share colour, digit, position or several of them.

All factors are independent, so that the true information of a pair is the sum of the entropies of the shared factors.
The untrained encoder is measured too: unshared factors stay partly decodable without any learning.
"""

import numpy as np
import torch

from helpers import critics, evaluation
from helpers.data import factor_images
from helpers.networks import encoders

from .. import pair_streams

NOTEBOOK = "03_mutual_information"
ABOUT = (
    "Probes of colour, digit and position, and post-training information, of encoders whose views share some factors."
)
SEEDS = tuple(range(3))
SETS = (
    "untrained",
    "colour",
    "digit",
    "position",
    "colour+digit",
    "digit+position",
    "colour+position",
    "colour+digit+position",
)
CELLS = [{"shared": shared} for shared in SETS]
CONSTANTS = {
    "noise": 0.1,
    "train": 4000,
    "test": 2000,
    "backbone": [420, 256, 256, 64],
    "projector": [],
    "temperature": 0.1,
    "steps": 400,
    "pairs": 256,
    "candidates": 64,
    "learning_rate": 1e-3,
    "critic_widths": [256, 64],
    "critic": {
        "steps": 400,
        "pairs": 512,
        "candidates": 512,
        "batches": 4,
        "read_candidates": 2048,
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
    },
}


def factors_of(shared):
    """Names of the factors in a cell's set; the untrained encoder is measured on pairs that share all."""
    return set(factor_images.NAMES) if shared == "untrained" else set(shared.split("+"))


def true_information(shared):
    """Sum of the entropies of the shared factors, in nats."""
    sizes = dict(zip(factor_images.NAMES, factor_images.SIZES, strict=True))
    return float(sum(np.log(sizes[name]) for name in factors_of(shared)))


def encode(shared, seed, device, *, steps=None):
    """An encoder whose views share these factors, a function of the seed; its training value (None if untrained)."""
    settings = CONSTANTS
    model = encoders.encoder(settings["backbone"], settings["projector"], batch_norm=False, normalise=True, seed=seed)
    if shared == "untrained":
        return model, None
    keys = ("pairs", "candidates", "temperature", "learning_rate")
    return model, pair_streams.fit_encoder(
        model,
        pair_streams.factor_views(factors_of(shared), noise=settings["noise"]),
        steps=settings["steps"] if steps is None else steps,
        seed=seed,
        device=device,
        **{key: settings[key] for key in keys},
    )


def probes(model, seed, device, *, train=None, test=None):
    """Accuracy of a logistic probe for every factor, on fresh images."""
    rng, counts = np.random.default_rng([seed, 1]), (train or CONSTANTS["train"], test or CONSTANTS["test"])
    labels = [rng.integers(factor_images.SIZES, size=(count, len(factor_images.SIZES))) for count in counts]
    images = [factor_images.render(part, rng, noise=CONSTANTS["noise"]) for part in labels]
    features = [evaluation.frozen_features(model, part, device=device) for part in images]
    return {
        name: evaluation.logistic_probe(features[0], labels[0][:, k], features[1], labels[1][:, k]).value
        for k, name in enumerate(factor_images.NAMES)
    }


def measure(cell, seed, device, scratch=None, *, steps=None, critic=None):
    """What one encoder is worth.

    Returns
    -------
    dict of str to float
        ``colour``, ``digit``, ``position``: accuracies of logistic probes on the features; ``information``:
        post-training information of the pairing's features at K = 2048, in nats; ``training_value``: ln 64 minus the
        loss near the end of training, in nats (absent for the untrained encoder).
    """
    del scratch
    model, training_value = encode(cell["shared"], seed, device, steps=steps)
    values = {} if training_value is None else {"training_value": training_value}
    stream = features_of(model, pair_streams.factor_views(factors_of(cell["shared"]), noise=CONSTANTS["noise"]), device)
    fresh = critics.separable((CONSTANTS["backbone"][-1], *CONSTANTS["critic_widths"]), seed=seed)
    settings = CONSTANTS["critic"] | (critic or {})
    found = critics.post_training_information(fresh, stream, stream, **settings, seed=seed, device=device)
    return values | {"information": found.value} | probes(model, seed, device)


def features_of(model, stream, device):
    """A stream of frozen features, centred and scaled by what 2,000 pairs show; fresh images every time."""
    first = stream(2000, torch.Generator().manual_seed(0))[0]
    sample = evaluation.frozen_features(model, first, device=device)
    centre, spread = sample.mean(axis=0), sample.std(axis=0) + 0.05 * sample.std(axis=0).max()

    def encoded(count, generator):
        pairs = (evaluation.frozen_features(model, side, device=device) for side in stream(count, generator))
        return tuple(torch.from_numpy((side - centre) / spread).float() for side in pairs)

    return encoded
