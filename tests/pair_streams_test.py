import math

import numpy as np
import pytest
import torch

from helpers import critics, losses
from helpers.data import factor_images
from helpers.networks import encoders
from helpers.papers.mutual_information import pair_streams


def test_factor_views_share_the_named_factors_and_no_other():
    first, second = pair_streams.factor_views({"digit"}, noise=0.0)(4000, torch.Generator().manual_seed(0))
    one, two = (factor_images.decode(side.numpy()) for side in (first, second))
    assert np.array_equal(one[:, 1], two[:, 1])
    for k, size in ((0, 8), (2, 4)):
        assert abs(np.mean(one[:, k] == two[:, k]) - 1 / size) < 5 * math.sqrt(1 / size / 4000)
    assert all(len(np.unique(one[:, k])) == size for k, size in enumerate(factor_images.SIZES))


def test_factor_views_noise_and_refusal():
    clean, noisy = (
        pair_streams.factor_views(set(), noise=noise)(50, torch.Generator().manual_seed(1)) for noise in (0.0, 0.2)
    )
    assert abs(float((noisy[0] - clean[0]).std()) - 0.2) < 0.01
    with pytest.raises(ValueError, match=r"\['size'\]"):
        pair_streams.factor_views({"size"}, noise=0.1)


def test_views_of_objects_are_two_views_of_one_object():
    views = torch.arange(12).reshape(3, 4)
    first, second = pair_streams.views_of_objects(views)(2000, torch.Generator().manual_seed(0))
    assert torch.equal(first % 4, second % 4)
    assert not (first == second).any()
    assert len(torch.unique(first * 100 + second)) == 4 * 3 * 2
    with pytest.raises(ValueError, match="m >= 2"):
        pair_streams.views_of_objects(torch.zeros(1, 5))


def test_grouped_infonce_is_the_mean_over_groups():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 12, 5, generator=generator, dtype=torch.float64)
    one_by_one = [
        losses.infonce_from_scores(a @ b.T, temperature=0.3, positive_in_denominator=True).mean()
        for a, b in zip(first.split(4), second.split(4), strict=True)
    ]
    grouped = pair_streams.grouped_infonce(first, second, candidates=4, temperature=0.3)
    assert torch.isclose(grouped, torch.stack(one_by_one).mean())
    with pytest.raises(ValueError, match="12 pairs cannot be split into batches of 5"):
        pair_streams.grouped_infonce(first, second, candidates=5, temperature=0.3)


def test_fit_encoder_learns_repeats_and_reports_the_end():
    points, labels = torch.eye(4).repeat(20, 1), torch.arange(4).repeat(20)
    stream = critics.same_class_pairs(points, labels)
    form = {"pairs": 64, "candidates": 16, "temperature": 0.2, "learning_rate": 1e-2, "seed": 3}
    values = []
    for _ in range(2):
        model = encoders.encoder((4, 16, 8), batch_norm=False, normalise=True, seed=3)
        values.append(pair_streams.fit_encoder(model, stream, steps=100, **form))
    assert values[0] == values[1]
    assert 1.1 < values[0] < math.log(4)
    with pytest.raises(ValueError, match="15 steps cannot be split into 10 blocks"):
        pair_streams.fit_encoder(model, stream, steps=15, **form)
