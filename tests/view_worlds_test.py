"""Worlds of views: laws of pairs, training on them, and NT-Xent of all batches."""

import numpy as np
import pytest
import torch

from helpers import losses
from helpers.papers.robust_contrastive import view_worlds


def test_a_pair_is_two_independent_draws_of_one_group():
    law = view_worlds.same_group(np.array([0, 0, 0, 1]))
    assert law.sum() == pytest.approx(1)
    np.testing.assert_allclose(law[:3, :3], 1 / 12)
    np.testing.assert_allclose(law[3], [0, 0, 0, 1 / 4])


def test_classes_lie_apart_by_their_centres_on_average():
    rng = np.random.default_rng(0)
    inputs = np.array([view_worlds.points(rng, instances=4, views=3, dimension=2) for _ in range(4000)])
    centres = inputs.reshape(4000, 2, 6, 2).mean(axis=(0, 2))
    np.testing.assert_allclose(centres, [[1, 0], [-1, 0]], atol=0.05)


def test_training_on_instances_draws_their_views_together():
    inputs = view_worlds.points(np.random.default_rng(1), instances=4, views=2, dimension=5)
    law = view_worlds.same_group(np.repeat(np.arange(4), 2))[None]
    before, after = [view_worlds.trained(inputs, law, seeds=[3], steps=steps, temperature=0.5)[0] for steps in (0, 100)]
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1, rtol=1e-12)
    closeness = [(z[0::2] * z[1::2]).sum(axis=1).mean() for z in (before, after)]
    assert closeness[1] > closeness[0]
    assert closeness[1] > 0.95


def test_batches_hold_two_views_of_the_same_instances():
    own, rows = view_worlds.batches(3, 2, 2)
    assert rows.shape == ((3 * 4) ** 2, 4)
    np.testing.assert_array_equal(rows // 2, np.concatenate([own, own], axis=1))
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_the_loss_of_a_batch_is_nt_xent():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(8, 3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    rows = rng.integers(8, size=(5, 6))
    found = view_worlds.batch_losses(z @ z.T / 0.5, rows)
    form = {"positive_in_denominator": True, "include_self": False, "reduction": "mean", "temperature": 0.5}
    expected = [losses.ntxent(torch.tensor(z[row]), **form).item() for row in rows]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
