"""The losses written term by term: against loops, and against the library's members."""

import math

import pytest
import torch

from helpers.losses import pair_loss_family
from helpers.papers.multimodal_svd import literal_losses


def test_the_softplus_member_against_loops():
    s = torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    total = 0.0
    for i in range(4):
        for line in (s[i], s[:, i]):
            inner = sum(
                (0.5 if j == i else 1.0) * 0.6 * math.log1p(math.exp((line[j].item() - 1.8 * s[i, i].item()) / 0.6))
                for j in range(4)
            )
            total += 0.6 * math.log1p(math.exp(inner / 0.6))
    member = literal_losses.members(temperature=0.6)["softplus-softplus"]
    found = literal_losses.loss(member, s, self_weight=0.5, positive_factor=1.8)
    assert float(found) == pytest.approx(total / 8, rel=1e-13)


def test_both_writings_of_the_family_agree():
    s = torch.randn(5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    plain, library = literal_losses.members(temperature=0.7), pair_loss_family.members(temperature=0.7)
    assert list(plain) == list(library)
    for options in pair_loss_family.settings():
        for name, member in plain.items():
            expected = pair_loss_family.loss(library[name], s, **options, scale=3)
            torch.testing.assert_close(literal_losses.loss(member, s, **options), expected, rtol=1e-12, atol=1e-12)
