import math

import pytest
import torch

from helpers import critics
from helpers.information import estimators

OPTIONS = {method: {} for method in estimators.METHODS} | {"smile": {"clip": 1.5}, "tuba": {}}


def pairs(count, candidates, *, correlation=0.8, dimension=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    first, fresh = torch.randn(2, count, candidates, dimension, generator=generator, dtype=torch.float64)
    return first, correlation * first + math.sqrt(1 - correlation**2) * fresh


def log_a(second):
    return second.square().sum(-1) / 3 - 1


@pytest.mark.parametrize("method", estimators.METHODS)
@pytest.mark.parametrize("block", [1, 4, 7, 100])
def test_blocks_give_what_the_whole_matrix_gives(method, block):
    first, second = pairs(3, 12)
    critic = critics.gaussian_critic(0.8)
    baseline = log_a if method == "tuba" else None
    whole = {"log_baseline": log_a(second)} if method == "tuba" else OPTIONS[method]
    streamed = estimators.from_pairs(method, critic, first, second, block=block, baseline=baseline, **OPTIONS[method])
    direct = estimators.from_scores(method, critic(first, second), **whole)
    assert streamed.value == pytest.approx(direct.value, abs=1e-12)
    assert streamed.standard_error == pytest.approx(direct.standard_error, abs=1e-12)
    assert (streamed.candidates, streamed.trials, streamed.unit) == (12, 3, "nats")
    assert streamed.is_lower_bound == (method not in ("dv", "smile"))


def test_values_against_their_formulas():
    scores = torch.randn(5, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    off = ~torch.eye(4, dtype=torch.bool)
    positive = scores.diagonal(dim1=1, dim2=2).mean(1)
    negatives = scores[:, off]
    assert torch.allclose(estimators.values("nwj", scores), positive - (negatives - 1).exp().mean(1))
    assert torch.allclose(estimators.values("js", scores), positive + 1 - negatives.exp().mean(1))
    assert torch.allclose(estimators.values("dv", scores), positive - negatives.exp().mean(1).log())
    clipped = negatives.clamp(-0.5, 0.5).exp().mean(1).log()
    assert torch.allclose(estimators.values("smile", scores, clip=0.5), positive - clipped)
    zero = torch.zeros(5, 4, dtype=torch.float64)
    assert torch.allclose(estimators.values("tuba", scores, log_baseline=zero), estimators.values("js", scores))
    shifted = estimators.values("tuba", scores, log_baseline=zero + 1)
    assert torch.allclose(shifted, estimators.values("nwj", scores))


def test_jensen_shannon_objective_against_its_formula():
    scores = torch.randn(5, 4, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    off, softplus = ~torch.eye(4, dtype=torch.bool), torch.nn.functional.softplus
    expected = -softplus(-scores.diagonal(dim1=1, dim2=2)).mean(1) - softplus(scores[:, off]).mean(1)
    assert torch.allclose(estimators.jensen_shannon_objective(scores), expected)


def test_a_hundred_thousand_candidates_in_bounded_memory():
    first, second = pairs(1, 100_000, dimension=1)
    critic, largest = critics.gaussian_critic(0.8), []

    def watched(x, y):
        largest.append(len(x) * len(y))
        return critic(x, y)

    found = estimators.from_pairs("infonce", watched, first, second, anchors=50, block=2048)
    truth = -0.5 * math.log(1 - 0.64)
    assert max(largest) <= 50 * 2048  # never more scores than one block, of 10^10 in the matrix
    assert sum(largest) == 50 * 100_000
    assert found.value == pytest.approx(truth, abs=5 * 0.8 / math.sqrt(50))  # sd of ln r is 0.8
    assert math.isnan(found.standard_error)
    assert found.value <= found.ceiling == pytest.approx(math.log(100_000))


def test_one_sweep_serves_every_number_of_candidates():
    scores = torch.randn(7, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    swept = estimators.sweep(scores)
    for count in range(1, 7):
        expected = torch.zeros(7, dtype=torch.float64)
        for row in range(6):
            candidates = [(row + k) % 6 for k in range(count)]
            chosen = scores[:, row, candidates]
            expected += (math.log(count) - chosen.logsumexp(-1) + scores[:, row, row]) / 6
        assert torch.allclose(swept[:, count - 1], expected)
    assert torch.allclose(swept[:, -1], estimators.values("infonce", scores))
    assert torch.allclose(estimators.shortfall(scores) + swept, scores.diagonal(dim1=1, dim2=2).mean(1)[:, None])


@pytest.mark.parametrize("sizes", [[1, 4, 12], [1, 2, 4, 8, 24], [6, 12, 3, 6]])
def test_a_sweep_over_blocks_equals_the_loop(sizes):
    first, second = (side[0] for side in pairs(1, 24))
    critic = critics.gaussian_critic(0.8)
    for found in estimators.block_sweep(critic, first, second, sizes):
        batches = (side.unflatten(0, (-1, found.candidates)) for side in (first, second))
        looped = torch.stack([estimators.values("infonce", critic(x, y)) for x, y in zip(*batches, strict=True)])
        assert found.value == pytest.approx(looped.mean().item(), abs=1e-12)
        assert found.trials == 24 // found.candidates
        if found.trials > 1:
            assert found.standard_error == pytest.approx(looped.std().item() / math.sqrt(found.trials), abs=1e-12)


def test_a_sweep_over_powers_of_two_forms_every_score_once():
    formed = []

    def critic(x, y):
        scores = x @ y.mT
        formed.append(scores.numel())
        return scores

    estimators.block_sweep(critic, *torch.randn(2, 64, 3), [2, 4, 8, 16])
    assert sum(formed) == 64 * 16


@pytest.mark.parametrize("method", ["infonce", "nwj", "dv", "js"])
def test_values_are_differentiable_twice(method):
    scores = torch.randn(3, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda s: estimators.values(method, s), scores)


def test_refusals():
    square = torch.zeros(3, 3)
    with pytest.raises(ValueError, match="method is 'ksg', expected one of"):
        estimators.values("ksg", square)
    with pytest.raises(ValueError, match="smile came with clip None"):
        estimators.values("smile", square)
    with pytest.raises(ValueError, match=r"nwj came with clip 1\.0"):
        estimators.values("nwj", square, clip=1.0)
    with pytest.raises(ValueError, match="clip is -1"):
        estimators.values("smile", square, clip=-1)
    with pytest.raises(ValueError, match="tuba came with"):
        estimators.values("tuba", square)
    with pytest.raises(ValueError, match="at least two pairs a batch, got 1"):
        estimators.values("dv", torch.zeros(1, 1))
    with pytest.raises(ValueError, match=r"scores has shape \(2, 3\)"):
        estimators.values("infonce", torch.zeros(2, 3))
    with pytest.raises(ValueError, match="no product sample"):
        estimators.jensen_shannon_objective(torch.zeros(1, 1))
    first, second = pairs(2, 5)
    with pytest.raises(ValueError, match="pairs correspond"):
        estimators.from_pairs("infonce", critics.gaussian_critic(0.1), first, second[:, :4])
    with pytest.raises(ValueError, match="anchors is 6 and block 1024 for 5 pairs"):
        estimators.from_pairs("infonce", critics.gaussian_critic(0.1), first, second, anchors=6)
    with pytest.raises(ValueError, match="5 and 5 pairs cannot be cut into batches of 2"):
        estimators.block_sweep(critics.gaussian_critic(0.1), first[0], second[0], [2])
    with pytest.raises(ValueError, match="scores holds a NaN"):
        estimators.block_sweep(lambda x, y: torch.nan * x @ y.mT, torch.zeros(4, 1), torch.zeros(4, 1), [2])


WRONG_CRITICS = {
    "NaN everywhere": (lambda x, y: torch.full((len(x), len(y)), math.nan), "scores holds a NaN"),
    "NaN for one pair": (lambda x, y: torch.where(x[:, :1] > 2, math.nan, x[:, :1] + y[:, 0]), "scores holds a NaN"),
    "one score an anchor": (lambda x, y: x[:, :1], r"scores of shape \(8, 1\), expected \(8, 8\)"),
    "own pairs only": (lambda x, y: (x * y).sum(-1), r"scores of shape \(8,\), expected \(8, 8\)"),
    "one score": (lambda x, y: (x * y).sum(), r"scores of shape \(\), expected \(8, 8\)"),
    "whole numbers": (lambda x, y: torch.zeros(len(x), len(y), dtype=torch.int64), "scores has dtype torch.int64"),
}


@pytest.mark.parametrize(("critic", "message"), WRONG_CRITICS.values(), ids=WRONG_CRITICS)
@pytest.mark.parametrize("method", estimators.METHODS)
def test_what_is_no_critic_is_refused(critic, message, method):
    first, second = pairs(2, 8)
    first[1, 5] = 3.0
    baseline = {"baseline": log_a} if method == "tuba" else {}
    with pytest.raises(ValueError, match=message):
        estimators.from_pairs(method, critic, first, second, **baseline, **OPTIONS[method])


def test_a_sweep_over_blocks_refuses_what_is_no_critic():
    first, second = (side[0] for side in pairs(1, 8))
    with pytest.raises(ValueError, match=r"scores of shape \(4, 2, 1\), expected \(4, 2, 2\)"):
        estimators.block_sweep(lambda x, y: x[..., :1], first, second, [2])
    blocks = []

    def fails_later(x, y):
        blocks.append(len(x))
        return x @ y.mT if len(blocks) == 1 else x[..., :1]

    with pytest.raises(ValueError, match=r"scores of shape \(2, 2, 2, 1\), expected \(2, 2, 2, 2\)"):
        estimators.block_sweep(fails_later, first, second, [2, 4])


def test_scores_without_a_value_are_refused():
    """Plus infinity beside plus infinity has no difference; minus infinity is an ordinary mask."""
    scores = torch.zeros(2, 3, 3)
    scores[0, 1, :] = math.inf
    with pytest.raises(ValueError, match=r"scores holds \+inf"):
        estimators.from_scores("infonce", scores)
    with pytest.raises(ValueError, match="the dv value is NaN in 1 of 2 batches"):
        estimators.from_scores("dv", scores)
    with pytest.raises(ValueError, match="the infonce value is NaN in 2 of 2 batches"):
        estimators.from_pairs("infonce", lambda x, y: math.inf * torch.ones(len(x), len(y)), *torch.randn(2, 2, 4, 1))
    scores[0, 1, :] = torch.tensor([-math.inf, 0.0, -math.inf])
    assert estimators.from_scores("infonce", scores).value == pytest.approx(math.log(3) / 6)


@pytest.mark.parametrize("shape", [(4, 1), (3,), (4, 3), (1,)])
def test_a_baseline_has_one_value_a_column(shape):
    scores, wrong = torch.zeros(2, 4, 4), torch.zeros(shape)
    with pytest.raises(ValueError, match=r"baseline has shape .* for scores of shape \(2, 4, 4\)"):
        estimators.values("tuba", scores, log_baseline=wrong)
    assert torch.allclose(
        estimators.values("tuba", scores, log_baseline=torch.zeros(4)),
        estimators.values("tuba", scores, log_baseline=torch.zeros(2, 4)),
    )
    first, second = pairs(2, 8)
    with pytest.raises(ValueError, match=r"baseline has shape \(8, 1\) for scores of shape \(8, 8\)"):
        estimators.from_pairs("tuba", lambda x, y: x @ y.mT, first, second, baseline=lambda y: y[:, :1])
    with pytest.raises(ValueError, match="baseline holds a NaN"):
        estimators.values("tuba", scores, log_baseline=torch.full((4,), math.nan))


def test_no_batch_is_no_estimate():
    with pytest.raises(ValueError, match=r"first has shape \(0, 8, 2\)"):
        estimators.from_pairs("infonce", lambda x, y: x @ y.mT, torch.zeros(0, 8, 2), torch.zeros(0, 8, 2))
