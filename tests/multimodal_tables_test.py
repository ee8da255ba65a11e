import numpy as np
import pytest
import torch

from helpers.papers.multimodal_svd import dual_encoder
from helpers.papers.multimodal_svd.tables import multimodal_cliff, multimodal_semi, multimodal_unpaired

CPU = torch.device("cpu")


def test_parts_of_the_cliff_are_balanced_and_disjoint():
    x, y, labels, test_x, test_y = multimodal_cliff.parts(0)
    assert x.shape == (500, 64)
    assert y.shape == (500, 784)
    assert np.bincount(labels).tolist() == [50] * 10
    assert test_x.shape == (10, 73, 64)
    assert test_y.shape == (10, 100, 784)
    train, rest = multimodal_cliff.chosen(labels, (20, 30), np.random.default_rng(0))
    assert not set(train) & set(rest)
    assert (labels[train] == np.repeat(np.arange(10), 20)).all()


@pytest.mark.slow
def test_a_row_of_the_cliff():
    values = multimodal_cliff.measure({"clusters": 10, "vectors": 9, "noise": 0.1}, 0, CPU, steps=10)
    assert values["ari"] > 0.99
    assert values["right"] > 0.99
    assert values["accuracy"] > 0.2
    assert 0.3 < values["linear"] < 0.7


def test_the_linear_loss_finds_the_planted_directions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 12))
    left, right = multimodal_cliff.linear_loss(np.eye(40), x, x)
    np.testing.assert_allclose(np.abs((left * right).sum(0)), 1)  # symmetric: both sides agree up to sign


@pytest.mark.parametrize("method", ["aligned", "shuffled", "spectral"])
def test_a_row_of_the_unpaired_table(method):
    values = multimodal_unpaired.measure({"method": method, "n": 100, "ratio": 3}, 0, CPU, problems=2, epochs=1)
    names = {"start", "two_step", "pooled", "oracle", "right"} if method == "spectral" else {"start", "end"}
    assert set(values) == names
    assert all(0 < value < np.sqrt(10) for value in values.values())


def test_an_assignment_finds_hidden_pairs_and_the_hidden_order_does_not():
    rng = np.random.default_rng(0)
    errors = multimodal_unpaired.matched_errors(*multimodal_unpaired.world(rng, 100, 300, problems=2), rng)
    assert all(values.shape == (2,) for values in errors.values())
    assert (errors["pooled"] < errors["assigned"]).all()
    assert (errors["assigned"] < errors["inner product"]).all()
    assert (errors["inner product"] < errors["unmatched"]).all()


def test_fixed_minibatches_hold_the_samples_in_order():
    _, paired, _ = multimodal_unpaired.world(np.random.default_rng(0), 100, 50, problems=2)
    rows = multimodal_unpaired.rows(paired)
    assert rows.shape == (2, 50, 2, 79)
    np.testing.assert_allclose(rows[1, 3, 1, :40], paired[0][1, 53], rtol=1e-6)


@pytest.mark.slow
def test_class_pairs_agree_and_parts_share_no_image():
    found = multimodal_semi.parts(0)
    assert {name: len(labels) for name, (_, labels) in found.items()} == {
        "paired": 300,
        "validation": 200,
        "test": 290,
        "unpaired": 2850,
    }
    digits = {name: rows[:, :16].double() for name, (rows, _) in found.items()}
    thrice = digits["unpaired"].reshape(10, 3, 95, 16)
    torch.testing.assert_close(thrice[:, 0], thrice[:, 2], atol=1e-5, rtol=0)
    for name in ("paired", "validation", "test"):
        assert torch.cdist(digits[name], digits["unpaired"]).min() > 1e-3
    fashion = found["unpaired"][0][:, 16:].double()
    assert torch.pdist(fashion).min() > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("method", ["shuffled", "whole set", "oracle"])
def test_a_row_of_the_semi_supervised_table(method):
    values = multimodal_semi.measure({"method": method}, 0, CPU, paired_epochs=5, unpaired_epochs=1)
    assert 0.1 < values["start"] < 0.9
    assert 0.05 < values["end"] < 0.9


def test_the_anchor_is_refreshed_only_by_better_validation(monkeypatch):
    accuracies, made = iter([0.5, 0.54, 0.56]), []
    monkeypatch.setattr(multimodal_semi, "retrieval", lambda model, part: next(accuracies))

    def make(anchor):
        made.append(anchor)
        return dual_encoder.paired(temperature=1.0)

    model, rows = multimodal_semi.heads(0), torch.randn(8, 32)
    objective = multimodal_semi.Refreshed(model, make, None, 2)
    for _ in range(5):
        objective(model, rows, None)
    assert len(made) == 2  # at the start and at 0.56 > 1.1 * 0.5, not at 0.54
