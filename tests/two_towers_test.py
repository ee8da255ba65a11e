import numpy as np
import pytest
import torch

from helpers import losses, training
from helpers.networks import encoders
from helpers.papers.multimodal_svd import dual_encoder


def rows(n=12, problems=3):
    return torch.randn(n, problems, 9, generator=torch.Generator().manual_seed(0))


def towers(problems=3, seed=0):
    sides = [dual_encoder.Linear(problems, inputs, 2, seed=seed + inputs) for inputs in (5, 4)]
    return dual_encoder.TwoTowers(*sides, split=5, normalise=True)


def test_problems_do_not_mix():
    model, data = towers(), rows()
    scores = model.scores(data)
    assert scores.shape == (3, 12, 12)
    x = torch.nn.functional.normalize(data[:, 1, :5] @ model.left.weight[1], dim=-1)
    y = torch.nn.functional.normalize(data[:, 1, 5:] @ model.right.weight[1], dim=-1)
    torch.testing.assert_close(scores[1], x @ y.T)


def test_single_networks_give_one_matrix_of_cosines():
    sides = [encoders.encoder((5, 4, 2), batch_norm=False, normalise=False, seed=k) for k in range(2)]
    model = dual_encoder.TwoTowers(*sides, split=5, normalise=True)
    data = torch.randn(7, 10, generator=torch.Generator().manual_seed(1))
    assert model.scores(data).shape == (7, 7)
    assert model.scores(data).abs().max() <= 1 + 1e-6


def test_weights_are_a_function_of_the_seed():
    assert torch.equal(towers(seed=3).left.weight, towers(seed=3).left.weight)
    assert not torch.equal(towers(seed=3).left.weight, towers(seed=4).left.weight)


def test_weighted_clip_on_the_diagonal_is_clip():
    scores = torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    expected = losses.clip_from_scores(scores, temperature=0.7, positive_in_denominator=True).mean(-1)
    found = dual_encoder.weighted_clip(scores, torch.eye(6, dtype=torch.float64), temperature=0.7)
    torch.testing.assert_close(found, expected)


def test_graph_clip_is_the_mean_cross_entropy_over_edges():
    generator = torch.Generator().manual_seed(3)
    scores = torch.randn(5, 5, generator=generator, dtype=torch.float64)
    adjacency = (torch.rand(5, 5, generator=generator) < 0.5).double()
    logits = scores / 0.3
    by_edge = [
        -(logits.log_softmax(1)[i, j] + logits.log_softmax(0)[i, j]) / 2 for i, j in torch.nonzero(adjacency).tolist()
    ]
    torch.testing.assert_close(dual_encoder.graph_clip(scores, adjacency, temperature=0.3), torch.stack(by_edge).mean())


def test_the_largest_entries_are_marked():
    scores = torch.tensor([[3.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, -1.0]])
    expected = torch.tensor([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    assert torch.equal(dual_encoder.largest_entries(scores), expected)
    assert dual_encoder.largest_entries(torch.rand(4, 6, 6)).sum((1, 2)).tolist() == [6] * 4


def test_best_partners_stand_where_the_similarity_is():
    scores = torch.tensor([[0.0, 5.0], [1.0, 2.0]])
    # rows: (0, 1), (1, 1); columns: (1, 0), (0, 1)
    expected = torch.tensor([[0.0, 1.0], [0.5, 0.5]])
    assert torch.equal(dual_encoder.best_partners(scores), expected)
    assert torch.equal(dual_encoder.best_partners(scores, transposed=True), expected.T)


def test_aligned_batches_keep_partners_and_shuffled_ones_do_not():
    seen, right = [], torch.arange(40.0)[:, None]
    data = torch.cat([torch.arange(40.0)[:, None], right], dim=1)

    def objective(model, batch, generator):
        seen.append((batch[:, 0] == batch[:, 1]).float().mean().item())
        return (model.weight**2).sum()

    for wrapped in (objective, dual_encoder.shuffled(objective, right)):
        options = {"epochs": 3, "batch": 10, "learning_rate": 1e-3, "seed": 0}
        training.fit(torch.nn.Linear(1, 1, bias=False), wrapped, data, **options)
    assert seen[:12] == [1.0] * 12
    assert np.mean(seen[12:]) < 0.2


def test_blocks_keep_their_content():
    seen = []

    def objective(model, batch, generator):
        seen.append(tuple(batch[:, 0].tolist()))
        return (model.weight**2).sum()

    data = torch.arange(12.0).reshape(3, 4, 1)
    options = {"epochs": 2, "batch": 1, "learning_rate": 1e-3, "seed": 0}
    training.fit(torch.nn.Linear(1, 1, bias=False), dual_encoder.in_blocks(objective), data, **options)
    assert sorted(seen) == sorted([(0, 1, 2, 3), (4, 5, 6, 7), (8, 9, 10, 11)] * 2)


@pytest.mark.parametrize("anchored", [False, True])
def test_guesses_are_constants(anchored):
    model, anchor, data = towers(), towers(seed=9), rows()
    source = anchor if anchored else model
    objective = dual_encoder.guessed_pairs(
        dual_encoder.largest_entries, temperature=1.0, anchor=anchor if anchored else None
    )
    positives = dual_encoder.largest_entries(source.scores(data)).detach()
    found, expected = (
        torch.autograd.grad(value, list(model.parameters()))
        for value in (
            objective(model, data, None),
            dual_encoder.weighted_clip(model.scores(data), positives, temperature=1.0).sum(),
        )
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def test_weights_are_uniform_within_one_over_the_root_of_the_inputs():
    weight = dual_encoder.Linear(5, 100, 80, seed=0).weight.detach() * 10
    assert weight.abs().max() <= 1
    # a share 1e-3 of either end is missed by 40,000 draws with probability exp(-20)
    assert weight.max() > 0.998
    assert weight.min() < -0.998
    assert abs(weight.mean()) < 5 / (3 * 40_000) ** 0.5
