"""The thirty digits of the page across the papers, the pairs drawn from them, and what the encoder is trained on."""

import numpy as np
import torch

from helpers import training
from helpers.data import datasets
from helpers.papers.one_loss import scenes


def test_pairs_are_independent_members_of_one_class_and_every_pair_occurs():
    first, second = scenes.same_class(np.random.default_rng(0), 2, 5000)
    assert first.shape == second.shape == (2, 5000)
    assert np.array_equal(first // 3, second // 3)  # three of a class stand together
    # 90 ordered pairs, each with chance 1/90: 111 expected of 10,000
    counts = np.bincount((30 * first + second).ravel(), minlength=900)
    counts = counts[counts > 0]
    assert len(counts) == 90
    assert np.abs(counts - 10_000 / 90).max() < 5 * np.sqrt(10_000 / 90)


def test_a_scene_shows_three_digits_a_class_and_trains_on_pairs_of_the_others(monkeypatch):
    drawn = []

    def fit(encoder, objective, draw, *, epochs, learning_rate, seed):
        assert epochs == 7
        rows = [draw(torch.Generator().manual_seed(k)) for k in range(40)]
        drawn.append([torch.cat(side) for side in zip(*rows, strict=True)])
        assert 0 < objective(encoder, rows[0], None) < 2 * np.log(50)

    monkeypatch.setattr(training, "fit", fit)
    scene = scenes.digits(np.random.default_rng(1), pairs=6, temperature=0.5, steps=7, batch=50)
    every = datasets.digits()
    known = {image.tobytes(): label for image, label in zip(every.images.astype(float), every.labels, strict=True)}
    assert scene.images.shape == (30, 8, 8)
    assert np.array_equal(scene.labels, np.repeat(np.arange(10), 3))
    shown = [image.numpy().tobytes() for image in scene.images]
    assert [known[key] for key in shown] == scene.labels.tolist()
    assert len(set(shown)) == 30
    assert np.array_equal(scene.labels[scene.first], scene.labels[scene.second])
    assert scene.first.shape == scene.second.shape == (6,)
    keys = [[image.numpy().tobytes() for image in side] for side in drawn[0]]
    labels = [[known[key] for key in side] for side in keys]
    assert labels[0] == labels[1]
    assert set(labels[0]) == set(range(10))
    assert not set(shown) & {*keys[0], *keys[1]}
    # two independent draws of at least 171 others: the same one by chance in less than 1 of 30
    assert np.mean([one == two for one, two in zip(*keys, strict=True)]) < 1 / 30
    assert np.allclose(np.linalg.norm(scene.features, axis=1), 1)
