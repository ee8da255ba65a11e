import math

import numpy as np
import pytest

from helpers.papers.mutual_information import post_training

PROTOCOL = {
    "widths": [32, 16],
    "steps": 150,
    "pairs": 128,
    "candidates": 64,
    "batches": 8,
    "read_candidates": 128,
    "learning_rate": 1e-2,
    "seed": 0,
}


@pytest.mark.slow
def test_same_class_information_of_clouds_is_the_class_entropy():
    rng = np.random.default_rng(0)
    labels = [rng.integers(0, 4, 400) for _ in range(2)]
    features = [np.eye(4)[own] + 0.05 * rng.normal(size=(400, 4)) for own in labels]
    features = [np.hstack([part, np.zeros((400, 1))]) for part in features]  # a dead coordinate
    found = post_training.same_class(features, labels, **PROTOCOL)
    assert found == post_training.same_class(features, labels, **PROTOCOL)
    assert math.log(4) - 0.15 < found < math.log(4) + 0.05
    shuffled = [labels[0], rng.permutation(labels[1])]
    assert post_training.same_class(features, shuffled, **PROTOCOL) < 0.1


@pytest.mark.slow
def test_views_of_separate_images_tell_them_apart_and_noise_does_not():
    rng = np.random.default_rng(1)
    seen = [np.stack([place + 0.02 * rng.normal(size=place.shape) for _ in range(3)])
            for place in (rng.uniform(-1, 1, size=(300, 2)), rng.uniform(-1, 1, size=(300, 2)))]  # fmt: skip
    assert post_training.two_views(seen, **PROTOCOL) > 2
    noise = [rng.normal(size=(3, 300, 2)) for _ in range(2)]
    assert post_training.two_views(noise, **PROTOCOL) < 0.1


def test_constant_features_are_refused():
    with pytest.raises(ValueError, match="constant"):
        post_training.same_class([np.ones((9, 2))] * 2, [np.zeros(9, int)] * 2, **PROTOCOL)
