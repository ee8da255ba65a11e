"""Upper bounds of a batch by loops, and what their expectations are."""

import math

import numpy as np
import pytest
import torch

from helpers import critics, information
from helpers.information import upper_bounds
from helpers.papers.mutual_information import infonce_gap


def by_loops(scores):
    """Leave one out and CLUB of one batch, one entry after the other."""
    count, left, others = len(scores), 0.0, 0.0
    for i in range(count):
        rest = [j for j in range(count) if j != i]
        left += scores[i, i] - math.log(sum(math.exp(scores[j, i]) for j in rest) / len(rest))
        others += sum(scores[i, j] for j in rest)
    return left / count, np.trace(scores) / count - others / (count * (count - 1))


def test_a_batch_by_loops():
    scores = torch.randn(3, 4, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = np.transpose([by_loops(batch.numpy()) for batch in scores])
    found = upper_bounds.leave_one_out(scores), upper_bounds.club(scores)
    assert np.allclose(torch.stack(found).numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimate", [upper_bounds.leave_one_out, upper_bounds.club])
def test_a_function_of_y_changes_nothing(estimate):
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shifted = scores + torch.arange(5.0).double()
    assert estimate(shifted).item() == pytest.approx(estimate(scores).item())


def test_a_function_of_x_changes_leave_one_out():
    scores = torch.randn(5, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    shifted = scores + torch.arange(5.0).double()[:, None]
    assert upper_bounds.club(shifted).item() == pytest.approx(upper_bounds.club(scores).item())
    assert abs(upper_bounds.leave_one_out(shifted) - upper_bounds.leave_one_out(scores)).item() > 0.1


def test_expectations_lie_above_the_information():
    laws = infonce_gap.random_laws(np.random.default_rng(0), 5, 2, 2, floor=0.2)
    truth = torch.from_numpy(information.mutual_information(laws))
    best = infonce_gap.log_density_ratio(laws)
    for estimate in (upper_bounds.leave_one_out, upper_bounds.club):
        assert bool((infonce_gap.enumerated(estimate, laws, best, candidates=3) > truth).all())


def test_classes_that_never_meet_are_infinitely_far():
    scores = torch.eye(2).log()
    assert upper_bounds.leave_one_out(scores).item() == math.inf
    assert upper_bounds.club(scores).item() == math.inf


def test_gradients_pass():
    points = torch.randn(6, 1, generator=torch.Generator().manual_seed(2)).requires_grad_()
    upper_bounds.club(critics.gaussian_critic(0.5)(points, points + 1)).backward()
    assert bool(points.grad.isfinite().all())


@pytest.mark.parametrize("estimate", [upper_bounds.leave_one_out, upper_bounds.club])
def test_refusals(estimate):
    with pytest.raises(ValueError, match=r"scores has shape \(1, 1\): one pair has no other"):
        estimate(torch.zeros(1, 1))
    with pytest.raises(ValueError, match=r"scores has shape \(2, 3\), expected"):
        estimate(torch.zeros(2, 3))
    with pytest.raises(ValueError, match="scores holds a NaN"):
        estimate(torch.full((2, 2), math.nan))
