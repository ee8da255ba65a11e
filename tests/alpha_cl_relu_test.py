import pytest
import torch
from torch.nn import functional

from helpers import training
from helpers.papers.alpha_cl.tables import alpha_cl_relu as table


def test_surrogate_has_the_gradient_of_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    both = functional.normalize(torch.randn(2, 2, 6, 5, generator=generator, dtype=torch.float64), dim=-1)
    both.requires_grad_()
    (frozen,) = torch.autograd.grad(table.surrogate(both, loss="infonce").sum(), both)
    diagonal = torch.eye(6, dtype=torch.bool)
    logits = torch.where(diagonal, (both[:, 0] * both[:, 1]).sum(-1)[:, :, None], both[:, 0] @ both[:, 0].mT)
    targets = torch.arange(6).expand(2, 6)
    entropy = functional.cross_entropy(logits.mT / table.CONSTANTS["temperature"], targets, reduction="none")
    (live,) = torch.autograd.grad(entropy.mean(dim=1).sum(), both)
    assert torch.allclose(frozen, live, atol=1e-13)


def test_quadratic_surrogate_is_mean_negative_minus_mean_positive():
    generator = torch.Generator().manual_seed(1)
    both = torch.randn(1, 2, 4, 3, generator=generator, dtype=torch.float64)
    similarity = both[0, 0] @ both[0, 0].T
    negatives = similarity[~torch.eye(4, dtype=torch.bool)].mean()
    positives = (both[0, 0] * both[0, 1]).sum(-1).mean()
    expected = (negatives - positives) / table.CONSTANTS["temperature"]
    assert torch.allclose(table.surrogate(both, loss="quadratic"), expected)


def test_outputs_agree_with_a_plain_network_on_dense_inputs():
    generator = torch.Generator().manual_seed(2)
    first, second = torch.randn(1, 4, 3, generator=generator), torch.randn(1, 20, 4, generator=generator)
    labels, noise = torch.tensor([[0, 2, 1, 1, 0]]), torch.randn(1, 2, 5, generator=generator)
    magnitudes = table.views(labels, noise, 3)
    affine = torch.ones(1, 4), torch.zeros(1, 4)
    inputs = functional.one_hot(labels[0], 3) * magnitudes[0, 0][:, None]
    normalised = functional.batch_norm(torch.relu(inputs @ first[0].T), None, None, training=True)
    expected = functional.normalize(normalised @ second[0].T, dim=-1)
    measured = table.outputs(
        first, second, *affine, labels, magnitudes, rectified=torch.tensor([True]), batch_norm=True
    )
    assert torch.allclose(measured[0, 0], expected, atol=1e-6)


def test_a_row_does_not_depend_on_its_neighbours():
    together = table.train(5, "infonce", False, seeds=(0, 1), steps=(10, 20))
    alone = table.train(5, "infonce", False, seeds=(1,), steps=(20,))
    assert set(together) == {(name, seed, steps) for name in table.ACTIVATIONS for seed in (0, 1) for steps in (10, 20)}
    assert torch.allclose(together["relu", 1, 20][0], alone["relu", 1, 20][0], atol=1e-5)
    assert (alone["clamped", 1, 20][0] >= 0).all()


def test_a_row_has_the_measured_numbers():
    cell = {"size": 5, "loss": "quadratic", "batch_norm": True, "activation": "linear", "steps": 3}
    row = table.measure(cell, 4, None, seeds=(4,), steps=(3,))
    assert set(row) == {"concentration", "coverage", "participation", "unseen", "outputs"}
    assert 1 <= row["outputs"] <= 20


def test_metrics_of_a_known_layer():
    first = torch.tensor([[2.0, 0.0], [-3.0, 1.0]])
    measured = table.describe(first, activation="relu")
    assert measured["concentration"] == pytest.approx(1.0)
    assert measured["coverage"] == pytest.approx(1.0)
    assert measured["participation"] == pytest.approx(25 / 17)
    assert measured["unseen"] == 0.0


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="loss is 'triplet'"):
        table.train(5, "triplet", False, seeds=(0,), steps=(1,))


def test_training_has_the_momentum_of_the_table():
    rule = training.OPTIMISERS["sgd"]([torch.zeros(1, requires_grad=True)], lr=1.0)
    assert rule.defaults["momentum"] == table.CONSTANTS["momentum"]


def test_without_batch_norm_scale_and_shift_stay():
    trained = table.train(5, "infonce", False, seeds=(0,), steps=(3,))["relu", 0, 3]
    assert torch.equal(trained[2], torch.ones(5))
    assert torch.equal(trained[3], torch.zeros(5))
    assert not torch.equal(table.train(5, "infonce", True, seeds=(0,), steps=(3,))["relu", 0, 3][2], torch.ones(5))
