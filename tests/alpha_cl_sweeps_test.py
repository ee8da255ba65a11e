"""The grids behind the pictures: agreement with the formulas they stand for, on small instances."""

import numpy as np
import pytest
import torch

from helpers.losses import pair_family
from helpers.papers.alpha_cl import linear_networks, mixtures, sweeps


def test_a_plane_has_equal_slopes_where_the_weights_are_its_own():
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 6, 2, generator=generator, dtype=torch.float64)
    member = pair_family.infonce(temperature=0.5, positive_weight=1.0)
    axis = torch.linspace(-1, 1, 5, dtype=torch.float64)
    point, path = torch.tensor([0.5, 0.5], dtype=torch.float64), torch.tensor([-0.1, 0.0, 0.1], dtype=torch.float64)
    found = sweeps.plane(member, first, second, point, axis, path)
    assert torch.allclose(found.arrows["loss"], found.arrows["re-dealt"], atol=1e-13)
    here = (found.points == point).all(1)
    assert here.sum() == 1
    assert torch.allclose(found.arrows["loss"][here], found.arrows["frozen"][here], atol=1e-13)
    assert torch.allclose(found.surfaces["loss"][here], found.surfaces["frozen"][here])
    assert (found.cuts["loss"] >= found.cuts["frozen"] - 1e-12).all()
    assert not torch.allclose(found.arrows["loss"], found.arrows["frozen"])


def test_trapped_shares_grow_with_the_negative_eigenvalues_and_vanish_with_them():
    shares = sweeps.trapped_shares([1e-6, 0.5, 5.0], (1, 3), 4, 2000, np.random.default_rng(0))
    assert shares.shape == (2, 3)
    assert (shares.diff(dim=1) > 0).all()
    assert (shares[:, 0] < 0.02).all()
    assert shares[1, 2] == pytest.approx(0.81, abs=0.04)  # three of four negative: between 0.79 at 4 and 0.85 at 8


def test_ranks_are_one_with_frozen_or_hot_weights():
    rng = np.random.default_rng(0)
    views = linear_networks.gaussian_views(2, 20, (1.5, 1.2, 0.8), rng, noise=0.2)
    found = sweeps.ranks((1, 2), (0.3, 1e3), *(3 * view for view in views), rng, width=4)
    assert found["live"].shape == found["frozen"].shape == (2, 2, 2)
    assert torch.allclose(found["frozen"], torch.ones(2, 2, 2, dtype=torch.float64), atol=1e-8)
    assert torch.allclose(found["live"][:, 1], torch.ones(2, 2, dtype=torch.float64), atol=1e-4)
    assert (found["live"][0, 0] > 1.5).all()


def test_single_units_are_the_best_of_their_covariance_far_from_the_threshold():
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    units = sweeps.single_units([0.0, 1.0], 2, 2, rng, generator, sets=2, starts=5, samples=400)
    assert units.shape == (2, 10, 4)
    assert torch.allclose(units.norm(dim=-1), torch.ones(2, 10, dtype=torch.float64))
    assert ((units[0] > 0.05).sum(-1) == 1).all()
    assert ((units[1] > 0.05).sum(-1) == 2).all()
    best = mixtures.best_nonnegative(mixtures.object_covariance(2, 2, 1.0))[1]
    assert (best > 0.05).sum() == 2
