import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers import losses
from helpers.losses import population_losses

generator = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


SCORES = normal(4, 4)
PAIRS = (normal(4, 4).exp() * (1 - torch.eye(4))).double()
PAIRS = PAIRS / PAIRS.sum(-1, keepdim=True)


def infonce(scores):
    return population_losses.infonce(PAIRS, scores, include_self=False)


def test_infonce_passes_gradcheck_and_gradgradcheck():
    scores = SCORES.clone().requires_grad_()
    assert torch.autograd.gradcheck(infonce, scores)
    assert torch.autograd.gradgradcheck(infonce, scores)


def test_infonce_takes_batches_and_torch_func():
    batch = normal(2, 4, 4)
    assert torch.allclose(infonce(batch), torch.stack([infonce(s) for s in batch]), rtol=1e-14)
    assert torch.isfinite(torch.func.hessian(lambda s: infonce(s).sum())(SCORES)).all()


def test_shape_and_nan_refusals():
    with pytest.raises(ValueError, match=r"has shape \(3, 4\), expected \(..., n, n\)"):
        infonce(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="holds a NaN"):
        infonce(torch.full((4, 4), math.nan))
    with pytest.raises(ValueError, match="denominator is empty"):
        population_losses.infonce(torch.ones(1, 1), torch.zeros(1, 1), include_self=False)
    with pytest.raises(ValueError, match=r"joint has shape \(2, 2\), scores \(3, 3\)"):
        population_losses.spectral_contrastive(torch.ones(2, 2) / 4, torch.zeros(3, 3))


def test_infonce_is_the_mean_of_the_losses_of_drawn_positives():
    found = population_losses.infonce(PAIRS, SCORES, include_self=False)
    for i in range(4):
        others = [j for j in range(4) if j != i]
        row = sum(PAIRS[i, j] * cross_entropy(SCORES[i, others], torch.tensor(k)) for k, j in enumerate(others))
        assert found[i].item() == pytest.approx(row.item(), rel=1e-12)


def test_infonce_skips_impossible_pairs_and_takes_minus_infinity_there():
    transition = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], dtype=torch.float64)
    log_kernel = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    blocked = log_kernel.masked_fill(transition == 0, -math.inf)
    loss = population_losses.infonce(transition, blocked, include_self=False)
    assert loss.tolist() == pytest.approx([0.0, 0.0, math.log(2)])
    assert torch.isfinite(torch.autograd.grad(loss.sum(), log_kernel)[0]).all()


def test_clip_is_the_batch_loss_for_identity_pairs_and_population_infonce_in_general():
    pairs = torch.eye(4, dtype=torch.float64)
    expected = losses.clip_from_scores(SCORES, temperature=1.0, positive_in_denominator=True)
    assert torch.allclose(population_losses.clip(pairs, pairs, SCORES), expected, rtol=1e-13)
    forth, back, scores = normal(3, 2).softmax(-1), normal(2, 3).softmax(-1), normal(3, 2)
    graph, log_kernel = torch.zeros(5, 5).double(), torch.full((5, 5), -math.inf).double()
    graph[:3, 3:], graph[3:, :3], log_kernel[:3, 3:], log_kernel[3:, :3] = forth, back, scores, scores.T
    expected = population_losses.infonce(graph, log_kernel, include_self=False)
    assert torch.allclose(population_losses.clip(forth, back, scores), expected, rtol=1e-13)


def test_spectral_contrastive_completes_the_square():
    joint = normal(4, 3).exp()
    joint, scores = joint / joint.sum(), normal(4, 3)
    weights = joint.sum(1)[:, None] * joint.sum(0)[None]
    expected = (weights.sqrt() * scores - joint / weights.sqrt()).square().sum() - (joint.square() / weights).sum()
    assert population_losses.spectral_contrastive(joint, scores).item() == pytest.approx(expected.item(), rel=1e-12)


def test_refusals():
    with pytest.raises(ValueError, match="not row-stochastic: row sums from 4 to 4"):
        population_losses.infonce(torch.ones(4, 4), torch.zeros(4, 4), include_self=True)
    negative = torch.tensor([[2.0, -1.0], [0.5, 0.5]])
    with pytest.raises(ValueError, match="smallest entry -1"):
        population_losses.infonce(negative, torch.zeros(2, 2), include_self=True)
    with pytest.raises(ValueError, match="positive diagonal entry, but include_self is False"):
        population_losses.infonce(torch.eye(3), torch.zeros(3, 3), include_self=False)
    with pytest.raises(ValueError, match=r"transition has shape \(3, 3\), log_kernel \(4, 4\)"):
        population_losses.infonce(torch.eye(3), torch.zeros(4, 4), include_self=True)
    with pytest.raises(ValueError, match=r"got shapes \[\(2, 3\), \(2, 3\), \(2, 3\)\]"):
        population_losses.clip(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match="second_to_first is not row-stochastic"):
        population_losses.clip(torch.eye(2), 2 * torch.eye(2), torch.zeros(2, 2))
