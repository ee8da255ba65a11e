import math

import numpy as np
import pytest
import torch

from helpers import information
from helpers.papers.mutual_information import gaussian_gap, infonce_gap, pair_laws


@pytest.mark.parametrize("nats", [0.05, 0.5, 1.5])
def test_one_candidate_misses_everything(nats):
    assert gaussian_gap.gap(nats, 1).item() == pytest.approx(nats, abs=1e-10)


def test_a_fine_table_has_nearly_the_same_gap():
    table = pair_laws.gaussian_table(float(pair_laws.gaussian_correlation(0.5, dimension=1)), bins=160)
    assert information.mutual_information(table) == pytest.approx(0.5, abs=1e-6)
    gaps = infonce_gap.integral_gap(table + 0.0, [2, 16])
    assert gaps.tolist() == pytest.approx(gaussian_gap.gap(0.5, [2, 16]).tolist(), abs=1e-6)


@pytest.mark.slow
def test_the_grid_is_fine_enough():
    coarse, fine = gaussian_gap.gap(2.0, [3, 300]), gaussian_gap.gap(2.0, [3, 300], step=0.1, places=121, nodes=481)
    assert torch.allclose(coarse, fine, rtol=0, atol=1e-11)


def test_variance_and_bound():
    x = torch.linspace(-12, 12, 4001, dtype=torch.float64)
    mass = (-x.square() / 2).exp()
    assert (mass / mass.sum() @ gaussian_gap.ratio_variance(0.2, x)).item() == pytest.approx(math.expm1(0.4), rel=1e-9)
    for nats in (0.3, 3.0):
        assert bool((gaussian_gap.gap(nats, [1, 10, 1000]) <= gaussian_gap.bound(nats, [1, 10, 1000])).all())


def test_refusals():
    with pytest.raises(ValueError, match="nats is 0"):
        gaussian_gap.gap(0.0, 4)
    with pytest.raises(ValueError, match="nats is nan"):
        gaussian_gap.bound(np.nan, 4)
    with pytest.raises(ValueError, match=r"candidates is \[2, 0\]"):
        gaussian_gap.gap(1.0, [2, 0])
