from functools import partial

import pytest
import torch
from torch import nn

from helpers import training
from helpers.training import distributed, stages

ROWS = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))


def objective(model, rows, generator):
    return (model(rows) - rows.sum(dim=1, keepdim=True) - 0.1 * torch.randn(1, generator=generator)).square().mean()


def model_and_fit():
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    return model, partial(training.fit, model, objective, ROWS, batch=8, learning_rate=0.05, seed=1)


def weights(model):
    return torch.cat([part.detach().flatten().clone() for part in model.parameters()])


@pytest.mark.parametrize("own_folder", [False, True])
def test_every_stage_is_the_uninterrupted_run_so_far(own_folder, tmp_path):
    model, fit = model_and_fit()
    seen = {}
    for number, losses in stages.reached(fit, [1, 2, 5], tmp_path / "run.pt" if own_folder else None):
        seen[number] = weights(model), losses
    assert not list(tmp_path.iterdir())
    for number, (reached, losses) in seen.items():
        model, fit = model_and_fit()
        assert fit(epochs=number) == losses
        assert torch.equal(weights(model), reached)


def test_an_interrupted_run_trains_only_what_is_missing(tmp_path):
    model, fit = model_and_fit()
    first = {number: weights(model) for number, _ in stages.reached(fit, [1, 3], tmp_path / "run.pt")}
    steps = []

    def killed(model):
        steps.append(len(steps))
        if len(steps) == 12:  # 5 steps an epoch: within the third
            raise KeyboardInterrupt

    _, fit = model_and_fit()
    with pytest.raises(KeyboardInterrupt):
        list(stages.reached(partial(fit, after_step=killed), [1, 3], tmp_path / "run.pt"))
    assert {path.name[:5] for path in tmp_path.iterdir()} == {"run-1", "run-3"}
    model, fit = model_and_fit()
    fit = partial(fit, after_step=steps.append)
    again = {number: weights(model) for number, _ in stages.reached(fit, [1, 3], tmp_path / "run.pt")}
    assert all(torch.equal(first[number], again[number]) for number in first)
    assert len(steps) == 12 + 5
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("epochs", [[], [0, 1], [2, 2], [3, 1]])
def test_numbers_must_ascend(epochs):
    with pytest.raises(ValueError, match="expected ascending numbers"):
        next(stages.reached(None, epochs))


def test_a_stream_is_trained_in_stages_too():
    def weights_after(train):
        torch.manual_seed(0)
        model = nn.Linear(3, 1)
        options = {"learning_rate": 0.05, "seed": 1}
        train(
            partial(training.fit, model, objective, lambda generator: torch.randn(8, 3, generator=generator), **options)
        )
        return weights(model)

    staged = weights_after(lambda fit: list(stages.reached(fit, [2, 5])))
    assert torch.equal(staged, weights_after(lambda fit: fit(epochs=5)))


def test_several_processes_need_a_path(monkeypatch):
    monkeypatch.setattr(distributed, "processes", lambda: 2)
    with pytest.raises(ValueError, match="2 processes need a path that all of them see"):
        next(stages.reached(None, [1]))
