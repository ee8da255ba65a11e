import numpy as np
import pytest
import torch

from helpers import information
from helpers.papers.mutual_information import class_counts, infonce_gap, pair_laws, tabular_critics


@pytest.fixture
def joint():
    noise = np.random.default_rng(0).dirichlet(np.ones(12), size=3).reshape(3, 3, 4)
    return torch.from_numpy(0.6 * np.eye(3, 4) / 3 + 0.4 * noise)


@pytest.fixture
def critic():
    return torch.from_numpy(np.random.default_rng(1).normal(size=(3, 3, 4)))


@pytest.mark.parametrize("candidates", [2, 3, 7])
def test_quadrature_agrees_with_counts(joint, critic, candidates):
    counted = infonce_gap.expected_infonce(joint, critic, candidates=candidates)
    values = [tabular_critics.value(p, f, candidates) for p, f in zip(joint, critic, strict=True)]
    assert np.allclose(values, counted, rtol=0, atol=1e-12)


def test_values_of_many_problems_and_sizes(joint, critic):
    values = tabular_critics.value(joint, critic, [2, 7, 300])
    assert values.shape == (3, 3)
    single = [[tabular_critics.value(p, f, K) for K in (2, 7, 300)] for p, f in zip(joint, critic, strict=True)]
    assert np.allclose(values, single, rtol=0, atol=1e-14)
    losses = tabular_critics.losses(joint, critic, [2, 7])
    assert np.allclose(losses, np.log([2, 7]) - values[:, :2], rtol=0, atol=1e-12)
    each = tabular_critics.losses(joint, torch.stack([critic, 0 * critic]), [2, 7])
    assert np.allclose(each, np.stack([losses[:, 0], np.full(3, np.log(7))], axis=1), rtol=0, atol=1e-12)


def test_best_scale_is_stationary_and_depends_on_the_size(joint):
    direction = torch.outer(torch.arange(3.0), torch.arange(4.0)).double()
    scales = [tabular_critics.best_scale(joint[0], direction, candidates=K) for K in (2, 5)]
    for K, scale in zip((2, 5), scales, strict=True):
        slope = (tabular_critics.gradient(joint[0], scale * direction, candidates=K) * direction).sum()
        assert abs(slope) < 1e-6
    assert abs(scales[0] - scales[1]) > 1e-3


def test_value_does_not_see_row_shifts(joint, critic):
    shifted = critic[0] + torch.tensor([[50.0], [-50.0], [0.0]])
    assert np.isclose(tabular_critics.value(joint[0], critic[0], 100), tabular_critics.value(joint[0], shifted, 100))


def test_value_of_the_optimum_is_the_best_one_at_a_thousand(joint):
    best = information.mutual_information(joint[0].numpy()) - infonce_gap.integral_gap(joint[0], 1000).item()
    assert np.isclose(tabular_critics.value(joint[0], infonce_gap.log_density_ratio(joint[0]), 1000), best, atol=1e-12)


def test_training_finds_log_r(joint, critic):
    found, slope = tabular_critics.train(joint, critic, candidates=3)
    truth = tabular_critics.without_row_shift(infonce_gap.log_density_ratio(joint))
    assert slope.max() < 1e-6
    assert torch.allclose(tabular_critics.without_row_shift(found), truth, atol=1e-4)


def test_training_in_a_parametrisation(joint):
    scale, slope = tabular_critics.train(
        joint, torch.ones(3, 1).double(), candidates=2,
        parametrisation=lambda s: s[:, :, None] * infonce_gap.log_density_ratio(joint),
    )  # fmt: skip
    assert torch.allclose(scale, torch.ones_like(scale), atol=1e-6)
    assert slope.max() < 1e-9


def test_gradient_agrees_with_differences(joint, critic):
    step = torch.zeros(3, 4).double()
    step[1, 2] = 1e-5
    values = [infonce_gap.expected_infonce(joint, critic + sign * step, candidates=3) for sign in (1, -1)]
    slope = tabular_critics.gradient(joint, critic, candidates=3)[:, 1, 2]
    assert torch.allclose(slope, (values[1] - values[0]) / 2e-5, atol=1e-9)


def test_curvatures_are_flat_along_row_shifts_only(joint):
    spectrum = tabular_critics.curvatures(joint[2], infonce_gap.log_density_ratio(joint[2]), candidates=3)
    assert spectrum[:3].abs().max() < 1e-14
    assert spectrum[3] > 1e-3
    optimum = infonce_gap.log_density_ratio(joint)
    assert torch.equal(tabular_critics.curvatures(joint, optimum, candidates=3)[2], spectrum)


def test_balanced_batches_of_noiseless_views_read_log_c():
    model = pair_laws.ClassModel(np.full(3, 1 / 3), np.eye(3), np.eye(3))
    assert np.isclose(tabular_critics.balanced_value(model, 60 * np.eye(3)), np.log(3))
    assert class_counts.best_value_uniform(3, 3) < np.log(3) - 0.4


def test_balanced_value_agrees_with_simulation():
    rng = np.random.default_rng(2)
    first, second = rng.dirichlet(np.ones(3), size=(2, 2))
    critic = rng.normal(size=(3, 3))
    x, y = (np.stack([rng.choice(3, p=row, size=40000) for row in side], axis=1) for side in (first, second))
    scores = critic[x[:, :, None], y[:, None, :]]
    losses = np.logaddexp(scores[..., 0], scores[..., 1]) - np.diagonal(scores, axis1=1, axis2=2)
    sample = np.log(2) - losses.mean(axis=1)
    exact = tabular_critics.balanced_value((None, first, second), critic)
    assert abs(sample.mean() - exact) < 5 * sample.std() / 200


def test_best_balanced_value_is_reached_at_a_multiple_of_the_identity():
    side = 0.6 * np.eye(2) + 0.2
    value, slope = tabular_critics.best_balanced_value((None, side, side))
    scan = [tabular_critics.balanced_value((None, side, side), scale * np.eye(2)) for scale in np.linspace(0.5, 3, 251)]
    assert slope < 1e-9
    assert max(scan) <= value + 1e-14 <= max(scan) + 1e-4


def test_refusals(joint):
    with pytest.raises(ValueError, match="expected two alike, >= 2"):
        tabular_critics.value(joint[0], np.zeros((2, 2)), 4)
    with pytest.raises(ValueError, match="1 candidates"):
        tabular_critics.value(joint[0], np.zeros((3, 4)), 1)
