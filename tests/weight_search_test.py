import numpy as np
import pytest
import torch

from helpers.papers.alpha_cl import max_player

COSTS = torch.tensor([0.3, 1.0, 0.1, 0.7], dtype=torch.float64)


def entropic(a):
    return (a * COSTS).sum() + 0.5 * (a * a.log()).sum()


def test_entropy_with_a_fixed_total_is_a_softmax():
    found = max_player.minimise_weights(entropic, np.full(4, 0.2), total=0.8)
    assert abs(found - 0.8 * torch.softmax(-COSTS / 0.5, 0).numpy()).max() < 1e-6


def test_bounds_are_kept():
    found = max_player.minimise_weights(lambda a: (a * (COSTS - 0.5)).sum(), np.full(4, 0.4), largest=1.0)
    assert abs(found - np.array([1.0, 0.0, 1.0, 0.0])).max() < 1e-6
    found = max_player.minimise_weights(lambda a: ((a - 1) ** 2).sum(), np.full(4, 0.1), at_most=1.0)
    assert abs(found - 0.25).max() < 1e-6


@pytest.mark.parametrize(
    ("start", "options", "message"),
    [
        ([0.0, 1.0], {"total": 1.0}, "expected positive numbers"),
        ([0.5, 0.6], {"total": 1.0}, "start sums to 1.1"),
        ([0.5, 0.6], {"at_most": 1.0}, "at most 1"),
    ],
)
def test_refusals(start, options, message):
    with pytest.raises(ValueError, match=message):
        max_player.minimise_weights(lambda a: (a**2).sum(), start, **options)
