import math

import pytest
import torch

from helpers import critics
from helpers.papers.mutual_information.tables import mi_estimators as table


@pytest.mark.parametrize("family", table.FAMILIES)
@pytest.mark.parametrize("trained", ["infonce", "infonce, separable", "js"])
def test_a_few_steps_measure_finite_numbers(family, trained):
    values = table.measure(
        {"family": family, "bits": 2, "trained": trained}, 0, torch.device("cpu"), steps=3, batches=2
    )
    assert set(values) == {"value"} | ({"smile 1", "smile 5"} if trained == "js" else set())
    assert all(math.isfinite(value) and value < 3 for value in values.values())


@pytest.mark.parametrize("bits", [2, 6])
def test_the_information_is_the_stated_one(bits):
    first, second = table.gaussian_draw(bits)(200_000, torch.Generator().manual_seed(0))
    correlation = (first * second).mean()
    assert -5 * math.log2(1 - correlation**2) == pytest.approx(bits, rel=0.02)
    first, second = table.classes_draw(bits)(4000, torch.Generator().manual_seed(0))
    assert torch.equal(first > 0, second > 0)
    assert len((first > 0).unique(dim=0)) == 2**bits
    inside = first - 2.0 * (first > 0) + 1
    assert abs(torch.corrcoef(torch.stack([inside[:, 0], (second - 2.0 * (second > 0) + 1)[:, 0]]))[0, 1]) < 0.1


def test_fits_repeat_and_families_are_checked():
    cell = {"family": "classes", "bits": 2, "trained": "nwj"}
    first, again = (table.fitted(cell, 4, torch.device("cpu"), steps=2) for _ in range(2))
    assert isinstance(first, critics.Joint)
    assert torch.equal(first.inlet.weight, again.inlet.weight)
    with pytest.raises(ValueError, match="family is 'images'"):
        table.drawer("images", 2)
