import math

import numpy as np
import pytest
import torch
from scipy import stats

from helpers import information
from helpers.information import finite_samples
from helpers.papers.mutual_information import infonce_gap

LAWS = infonce_gap.random_laws(np.random.default_rng(0), 10, 3, 4)
BEST = infonce_gap.log_density_ratio(LAWS)
TRUTH = torch.from_numpy(information.mutual_information(LAWS))


@pytest.mark.parametrize("candidates", [1, 2, 3])
def test_counting_equals_enumerating(candidates):
    critic = torch.randn(10, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    counted = infonce_gap.expected_infonce(LAWS, critic, candidates=candidates)
    assert torch.allclose(counted, infonce_gap.enumerated_infonce(LAWS, critic, candidates=candidates), atol=1e-13)


def test_counting_in_blocks_has_the_same_value_and_gradient(monkeypatch):
    critic, seen = torch.randn(10, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64), []
    for block in (finite_samples.BLOCK, 120 * 30):  # 220 counts: one block, and eight of which the last is short
        monkeypatch.setattr(finite_samples, "BLOCK", block)
        point = critic.clone().requires_grad_()
        value = infonce_gap.expected_infonce(LAWS, point, candidates=10)
        seen.append(torch.cat([value.detach(), torch.autograd.grad(value.sum(), point)[0].flatten()]))
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("candidates", [1, 2, 5])
def test_three_routes_to_the_gap(candidates):
    gap = TRUTH - infonce_gap.expected_infonce(LAWS, BEST, candidates=candidates)
    assert torch.allclose(infonce_gap.counted_gap(LAWS, candidates=candidates), gap, rtol=0, atol=1e-13)
    assert torch.allclose(infonce_gap.integral_gap(LAWS, candidates), gap, rtol=0, atol=1e-13)


def test_gap_of_thousands_of_candidates_against_the_size_biased_form():
    ratio, law = BEST[0].exp().numpy(), LAWS[0].sum(0).numpy()
    log_sum = finite_samples.expected_log_mean(
        ratio, np.broadcast_to(law, ratio.shape), 4999, scale=4999.0, extra=ratio, extra_masses=ratio * law
    )
    gap = LAWS[0].sum(1).numpy() @ log_sum - math.log(5000)
    assert infonce_gap.integral_gap(LAWS[0], 5000).item() == pytest.approx(gap, abs=1e-12)


def test_gap_with_impossible_pairs():
    same_class = torch.eye(3, dtype=torch.float64) / 3
    gaps = infonce_gap.integral_gap(same_class, [1, 2])
    assert gaps[0].item() == pytest.approx(math.log(3), abs=1e-12)
    assert gaps[1].item() == pytest.approx(math.log(3) - math.log(2) * 2 / 3, abs=1e-12)


def test_price_is_what_a_critic_loses():
    critic = torch.randn(10, 3, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for candidates in (2, 3):
        lost = infonce_gap.expected_infonce(LAWS, BEST, candidates=candidates)
        lost = lost - infonce_gap.expected_infonce(LAWS, critic, candidates=candidates)
        assert torch.allclose(infonce_gap.posterior_price(LAWS, critic, candidates=candidates), lost, atol=1e-12)


def test_expansion_of_the_gap():
    first, second, third = infonce_gap.gap_expansion(LAWS)
    assert torch.allclose(2 * first, torch.from_numpy(information.chi_squared(LAWS)))
    for size in (2000.0, 4000.0):
        rest = infonce_gap.integral_gap(LAWS, size) - first / size - second / size**2
        assert torch.allclose(rest * size**3, third, rtol=0.15, atol=0.02 * third.abs().max().item())


def test_bound_and_canonical_correlations():
    bound = infonce_gap.variance_bound(LAWS, [1, 5])
    assert bool((infonce_gap.integral_gap(LAWS, [1, 5]) <= bound).all())
    singular = infonce_gap.canonical_correlations(LAWS)
    assert torch.allclose(singular[:, 0], torch.ones(10, dtype=torch.float64))
    assert torch.allclose(singular[:, 1:].square().sum(1), torch.from_numpy(information.chi_squared(LAWS)))


def test_flat_directions_of_infonce_are_the_row_shifts():
    def value(table):
        return infonce_gap.expected_infonce(LAWS[0], table, candidates=2)

    assert infonce_gap.flat_directions(value, BEST[0]) == 3


def test_random_laws_keep_their_floor():
    laws = infonce_gap.random_laws(np.random.default_rng(1), 4, 2, 3, concentration=0.05, floor=0.3)
    assert laws.shape == (4, 2, 3)
    assert torch.allclose(laws.sum((1, 2)), torch.ones(4, dtype=torch.float64))
    assert laws.min() >= 0.05 - 1e-12


def test_outcomes_of_independent_draws():
    law = torch.tensor([[0.2, 0.3, 0.5], [0.0, 0.4, 0.6]], dtype=torch.float64)
    counts, chance = finite_samples.multinomial(law, 4)
    for row, chances in zip(law, chance, strict=True):
        assert chances.tolist() == pytest.approx(stats.multinomial(4, row.numpy()).pmf(counts.numpy()).tolist())


def test_the_search_for_a_convex_corner_climbs():
    logits = np.random.default_rng(2).normal(size=(5, 2, 3))
    start, end = (infonce_gap.most_convex(logits, (1, 2, 3), steps=steps) for steps in (0, 40))
    law = torch.from_numpy(logits).flatten(1).softmax(-1).reshape(5, 2, 3)
    gap = torch.stack([infonce_gap.counted_gap(law, candidates=count) for count in (1, 2, 3)])
    assert torch.allclose(start, (2 * gap[1] - gap[0] - gap[2]) / gap[0])
    assert bool((start < end).all())
    assert bool((end < 0).all())


def test_refusals():
    with pytest.raises(ValueError, match=r"candidates are \[1, 2, 4\], expected 1, 2, 3"):
        infonce_gap.most_convex(np.zeros((1, 2, 2)), [1, 2, 4])
    with pytest.raises(ValueError, match=r"critic has shape \(2, 2\), joint \(3, 4\)"):
        infonce_gap.expected_infonce(LAWS[0], torch.zeros(2, 2), candidates=2)
    with pytest.raises(ValueError, match="candidates is 0, expected at least 1"):
        infonce_gap.expected_infonce(LAWS[0], BEST[0], candidates=0)
    with pytest.raises(ValueError, match=r"candidates is 0\.0"):
        infonce_gap.integral_gap(LAWS[0], [3, 0])
    with pytest.raises(ValueError, match="joint is no law: sums from 2"):
        infonce_gap.integral_gap(2 * LAWS[0], 3)
    with pytest.raises(ValueError, match=r"joint has shape \(4,\)"):
        infonce_gap.log_density_ratio(torch.ones(4) / 4)
