import numpy as np
import pytest
import torch

from helpers import statistics
from helpers.losses import pair_family
from helpers.papers.alpha_cl import mixtures


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_both_views_show_the_same_single_feature(rng):
    views, other = mixtures.one_hot_mixture(5, 9, 4, view_noise=0.3, rng=rng)
    assert views.shape == (5, 9, 4)
    assert torch.equal((views > 0).sum(-1), torch.ones(5, 9, dtype=torch.long))
    assert torch.equal(views > 0, other > 0)
    assert not torch.equal(views, other)


def test_covariance_of_a_mixture_has_no_positive_off_diagonal_entry(rng):
    covariance, weights, views, other = mixtures.random_problem(4, 3, view_noise=0.0, rng=rng)
    assert torch.equal(views, other)
    assert (weights.diagonal(dim1=1, dim2=2) == 0).all()
    assert (covariance[:, ~torch.eye(3, dtype=bool)] < 0).all()
    assert (torch.linalg.eigvalsh(covariance) > -1e-12).all()
    assert torch.allclose(torch.linalg.eigvalsh(covariance)[:, -1], torch.ones(4, dtype=torch.float64))
    assert torch.allclose(pair_family.contrastive_covariance(weights, views, other), covariance)


def test_mean_covariance_of_objects(rng):
    views, other = mixtures.object_views(3000, 6, objects=2, parts=2, strength=0.4, rng=rng)
    weights = mixtures.random_pair_weights(3000, 6, rng=rng)
    scaled = pair_family.contrastive_covariance(weights, views, other) / (2 * weights.sum((1, 2)))[:, None, None]
    mean = statistics.monte_carlo_mean(scaled)
    expected = mixtures.object_covariance(2, 2, 0.4).numpy()
    assert (np.abs(mean.value - expected) < 5 * mean.standard_error).all()


def test_without_augmentation_both_views_agree(rng):
    views, other = mixtures.object_views(2, 50, objects=3, parts=2, strength=0.0, rng=rng)
    assert torch.equal(views, other)


def test_search_and_enumeration_agree(rng):
    for _ in range(10):
        matrix = rng.standard_normal((6, 6))
        matrix = torch.from_numpy(matrix + matrix.T)
        exact, vector = mixtures.best_nonnegative(matrix)
        values, vectors = mixtures.search_nonnegative(matrix, starts=60, rng=rng)
        assert values[0].item() == pytest.approx(exact, rel=1e-9)
        assert (vectors >= 0).all()
        assert (vector @ matrix @ vector).item() == pytest.approx(exact)
        assert vector.norm().item() == pytest.approx(1)


def test_refusals(rng):
    with pytest.raises(ValueError, match="samples is 5, expected at least twice the 3 features"):
        mixtures.one_hot_mixture(1, 5, 3, view_noise=0.0, rng=rng)
    with pytest.raises(ValueError, match="view_noise is -1"):
        mixtures.one_hot_mixture(1, 6, 3, view_noise=-1, rng=rng)
    with pytest.raises(ValueError, match=r"strength is 1\.5"):
        mixtures.object_covariance(2, 2, 1.5)
    with pytest.raises(ValueError, match="17 features"):
        mixtures.best_nonnegative(torch.eye(17))
