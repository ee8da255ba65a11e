import math

import numpy as np
import pytest
import torch

from helpers import information
from helpers.information import finite_samples, variational_bounds
from helpers.papers.mutual_information import infonce_gap

LAWS = infonce_gap.random_laws(np.random.default_rng(0), 8, 3, 3)
BEST = infonce_gap.log_density_ratio(LAWS)
TRUTH = torch.from_numpy(information.mutual_information(LAWS))
LOG_A = torch.tensor([0.5, -1.0, 2.0], dtype=torch.float64)


def test_the_optimal_critics_reach_the_truth():
    assert torch.allclose(variational_bounds.nwj(LAWS, 1 + BEST), TRUTH)
    assert torch.allclose(variational_bounds.tuba(LAWS, BEST + LOG_A, LOG_A), TRUTH)
    assert torch.allclose(variational_bounds.donsker_varadhan(LAWS, BEST - 4), TRUTH)


@pytest.mark.parametrize("seed", range(3))
def test_every_other_critic_stays_below(seed):
    critic = torch.randn(8, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    for value in (
        variational_bounds.nwj(LAWS, critic),
        variational_bounds.tuba(LAWS, critic, LOG_A),
        variational_bounds.donsker_varadhan(LAWS, critic),
    ):
        assert bool((value < TRUTH).all())


@pytest.mark.parametrize("method", ["nwj", "js"])
def test_batches_are_unbiased(method):
    critic = torch.randn(8, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = variational_bounds.nwj(LAWS, critic + (method == "js"))
    assert torch.allclose(infonce_gap.enumerated_value(method, LAWS, critic, candidates=2), expected)


def test_smile_and_jensen_shannon_by_hand():
    same_class = torch.eye(4, dtype=torch.float64) / 4
    best = infonce_gap.log_density_ratio(same_class)
    expected = math.log(4) - math.log(math.exp(1) / 4 + 0.75 * math.exp(-1))
    assert variational_bounds.smile(same_class, best, 1.0).item() == pytest.approx(expected)
    separated = variational_bounds.jensen_shannon(same_class, best).item()
    assert separated == pytest.approx(-math.log(1.25) - math.log(5) / 4)


def test_interpolated_meets_both_ends_and_stays_below():
    critic = torch.randn(8, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ones = torch.ones(8, 3)
    ends = [variational_bounds.interpolated(LAWS, critic, ones, candidates=3, weight=weight) for weight in (0, 1)]
    assert torch.allclose(ends[0], variational_bounds.nwj(LAWS, critic))
    assert torch.allclose(ends[1], infonce_gap.enumerated_infonce(LAWS, critic, candidates=3))
    middle = variational_bounds.interpolated(LAWS, critic, LOG_A.expand(8, 3), candidates=3, weight=0.5)
    assert bool((middle < TRUTH).all())
    same_class = torch.eye(3) / 3
    impossible = variational_bounds.interpolated(same_class, same_class.log(), torch.zeros(3), candidates=2, weight=1.0)
    assert impossible.item() == pytest.approx(2 / 3 * math.log(2))


def test_expected_log_mean_ratio_against_quadrature():
    law = infonce_gap.random_laws(np.random.default_rng(1), 1, 2, 2, floor=0.3)[0]
    ratio, product = information.density_ratio(law).ravel(), np.outer(*information.marginals(law)).ravel()
    for samples in (1, 7):
        expected = finite_samples.expected_log_mean(ratio, product, samples)
        found = variational_bounds.expected_log_mean_ratio(law, samples=samples).item()
        assert found == pytest.approx(float(expected), abs=1e-12)
        assert found < 0


def test_refusals():
    with pytest.raises(ValueError, match="expected positive"):
        variational_bounds.expected_log_mean_ratio(torch.eye(2) / 2, samples=3)
    with pytest.raises(ValueError, match=r"joint has shape \(3, 3\) and critic \(2, 3\)"):
        variational_bounds.nwj(LAWS[0], torch.zeros(2, 3))
    for weight, candidates in ((-0.1, 2), (1.1, 2), (0.5, 0)):
        with pytest.raises(
            ValueError, match=rf"weight is {weight} and candidates is {candidates}, expected 0 <= weight"
        ):
            variational_bounds.interpolated(LAWS[0], BEST[0], torch.zeros(3), candidates=candidates, weight=weight)
    with pytest.raises(ValueError, match=r"log_baseline has shape \(2,\), joint \(3, 3\): one value an x"):
        variational_bounds.interpolated(LAWS[0], BEST[0], torch.zeros(2), candidates=2, weight=0.5)
