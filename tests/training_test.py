import math
import re
from functools import partial

import numpy as np
import pytest
import torch

from helpers import training
from helpers.data import augmentations
from helpers.networks import encoders
from helpers.training import checkpoints

IMAGES = torch.rand(60, 4, 4, generator=torch.Generator().manual_seed(0))
AUGMENT = partial(augmentations.noise, deviation=0.05)


def attraction(first, second):
    return (first - second).square().sum(1).mean()


def new_model():
    return encoders.encoder((16, 8, 4), batch_norm=True, normalise=False, seed=0)


def train(model, epochs, **options):
    defaults = {"batch": 16, "learning_rate": 1e-2, "seed": 3}
    objective = training.two_views(attraction, AUGMENT)
    return training.fit(model, objective, IMAGES, epochs=epochs, **(defaults | options))


def weights(model):
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


def test_the_loss_falls_and_the_run_repeats():
    first, second = new_model(), new_model()
    losses = train(first, 8)
    assert losses == train(second, 8)
    assert torch.equal(weights(first), weights(second))
    assert losses[-1] < losses[0]
    assert not first.training


def test_another_seed_gives_another_run():
    assert train(new_model(), 2) != train(new_model(), 2, seed=4)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path):
    whole, broken = new_model(), new_model()
    losses = train(whole, 6)

    def stop_after_four(rounds):
        for epoch in rounds:
            if epoch == 4:
                raise KeyboardInterrupt
            yield epoch

    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt):
        train(broken, 6, checkpoint=path, progress=stop_after_four)
    resumed = new_model()
    assert train(resumed, 6, checkpoint=path) == losses
    assert torch.equal(weights(resumed), weights(whole))


def test_a_finished_run_is_read_back(tmp_path):
    losses = train(new_model(), 2, checkpoint=tmp_path / "run.pt")
    assert train(new_model(), 2, checkpoint=tmp_path / "run.pt", progress=lambda rounds: list(rounds)) == losses


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    train(new_model(), 1, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"other settings \(learning_rate, seed\)"):
        train(new_model(), 2, checkpoint=tmp_path / "run.pt", learning_rate=0.5, seed=8)


def test_a_run_broken_off_inside_an_epoch_ends_as_an_uninterrupted_one(tmp_path):
    whole, path, calls = new_model(), tmp_path / "run.pt", []
    losses = train(whole, 6, schedule=training.cosine())

    def objective(model, images, generator):
        calls.append(1)
        if len(calls) == 8:  # the third epoch's second of three steps
            raise KeyboardInterrupt
        return training.two_views(attraction, AUGMENT)(model, images, generator)

    options = {"epochs": 6, "batch": 16, "learning_rate": 1e-2, "seed": 3, "checkpoint": path}
    options |= {"schedule": training.cosine(), "minutes": 0}
    with pytest.raises(KeyboardInterrupt):
        training.fit(new_model(), objective, IMAGES, **options)
    resumed = new_model()
    assert train(resumed, 6, schedule=training.cosine(), checkpoint=path) == losses
    assert torch.equal(weights(resumed), weights(whole))


NUMPY = {
    "learning rate from a grid": {"learning_rate": np.logspace(-4, -2, 3)[2]},
    "single precision": {"learning_rate": np.float32(1e-2), "weight_decay": np.float32(0.1)},
    "batch": {"batch": np.int64(16)},
    "seed": {"seed": np.int32(3)},
    "narrow seed and batch": {"seed": np.uint8(3), "batch": np.int8(16)},
}


@pytest.mark.parametrize("options", NUMPY.values(), ids=NUMPY)
def test_numbers_of_numpy_are_as_good_as_those_of_python(options, tmp_path):
    path, resumed = tmp_path / "run.pt", new_model()
    plain = {name: value.item() for name, value in options.items()}
    losses = train(new_model(), np.int64(6), **options)
    assert losses == train(new_model(), 6, **plain)
    train(new_model(), np.int64(2), checkpoint=path, **options)
    assert train(resumed, 6, checkpoint=path, **options) == losses
    assert train(new_model(), 6, checkpoint=path, **plain) == losses  # and the same settings to a checkpoint


def test_a_schedule_of_numpy_resumes(tmp_path):
    schedule, path = lambda fraction: np.float64(1 - fraction), tmp_path / "run.pt"
    options = {"schedule": schedule, "optimiser": "sgd"}
    losses = train(new_model(), 4, **options)

    def stop(rounds):
        for number in rounds:
            if number == 2:
                raise KeyboardInterrupt
            yield number

    with pytest.raises(KeyboardInterrupt):
        train(new_model(), 4, checkpoint=path, progress=stop, **options)
    assert train(new_model(), 4, checkpoint=path, **options) == losses


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(tmp_path):
    path, whole, resumed = tmp_path / "run.pt", new_model(), new_model()
    losses = train(whole, 4)
    train(new_model(), 3, checkpoint=path)
    newest = max(tmp_path.iterdir(), key=lambda slot: slot.stat().st_mtime_ns)
    newest.write_bytes(newest.read_bytes()[:200])
    with pytest.warns(UserWarning, match="the previous checkpoint is used"):
        assert train(resumed, 4, checkpoint=path) == losses
    assert torch.equal(weights(resumed), weights(whole))


def test_a_loss_that_blows_up_stops_the_run_and_keeps_the_state_before(tmp_path):
    path, calls = tmp_path / "run.pt", []

    def objective(model, images, generator):
        calls.append(1)
        value = training.two_views(attraction, AUGMENT)(model, images, generator)
        return value * float("nan") if len(calls) == 8 else value

    options = {"epochs": 6, "batch": 16, "learning_rate": 1e-2, "seed": 3, "checkpoint": path}
    with pytest.raises(FloatingPointError, match=r"the loss is nan at step 8; the last checkpoint from before is kept"):
        training.fit(new_model(), objective, IMAGES, **options)
    assert len(checkpoints.Checkpoint(path).load()["losses"]) == 6  # two epochs of three steps
    assert train(new_model(), 3, checkpoint=path) == train(new_model(), 3)


def test_a_batch_that_does_not_fit_is_named():
    def hungry(model, images, generator):
        return torch.empty(2**60).sum()

    options = {"epochs": 1, "batch": 16, "learning_rate": 1e-2, "seed": 0}
    with pytest.raises(MemoryError, match=r"a step with batch 16 does not fit into memory .*; halve the batch"):
        training.fit(new_model(), hungry, IMAGES, **options)


def test_other_errors_pass_through():
    def wrong(model, images, generator):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        training.fit(new_model(), wrong, IMAGES, epochs=1, batch=16, learning_rate=1e-2, seed=0)


def test_a_batch_of_one_has_no_negatives():
    with pytest.raises(ValueError, match="a batch of one image has no negatives"):
        train(new_model(), 1, batch=1)


def test_an_unknown_optimiser_names_the_known_ones():
    with pytest.raises(ValueError, match="optimiser is 'lion', expected one of adam, adamw, sgd"):
        train(new_model(), 1, optimiser="lion")


@pytest.mark.parametrize("optimiser", training.OPTIMISERS)
def test_every_optimiser_lowers_the_loss(optimiser):
    losses = train(new_model(), 8, optimiser=optimiser)
    assert losses[-1] < losses[0]


def test_the_schedule_is_followed():
    rates = []
    original = torch.optim.SGD.step

    def step(self, *arguments, **options):
        rates.append(self.param_groups[0]["lr"])
        return original(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.SGD, "step", step)
        train(new_model(), 2, optimiser="sgd", learning_rate=0.1, schedule=training.cosine(warmup=1 / 3))
    half_cosine = [0.1 * (1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)]
    assert rates == pytest.approx([0.0, 0.05, *half_cosine])


@pytest.mark.parametrize("warmup", [-0.1, 1.0])
def test_a_warmup_outside_the_training_is_refused(warmup):
    with pytest.raises(ValueError, match="expected a share of the training"):
        training.cosine(warmup=warmup)


def test_a_stream_is_drawn_from_step_by_step(tmp_path):
    drawn, seen = [], []

    def stream(generator):
        drawn.append(torch.rand(8, 4, 4, generator=generator))
        return drawn[-1]

    def objective(model, rows, generator):
        seen.append(rows)
        return model(rows).square().mean()

    options = {"learning_rate": 1e-2, "seed": 5}
    losses = training.fit(new_model(), objective, stream, epochs=7, **options)
    assert len(losses) == len(drawn) == 7
    assert all(torch.equal(a, b) for a, b in zip(drawn, seen, strict=True))
    path = tmp_path / "stream.pt"
    with pytest.raises(KeyboardInterrupt):
        training.fit(new_model(), objective, stream, epochs=7, checkpoint=path, minutes=0, progress=until(4), **options)
    assert training.fit(new_model(), objective, stream, epochs=7, checkpoint=path, **options) == losses
    assert checkpoints.Checkpoint(path).load()["losses"] == losses  # saved at its end too


def until(last):
    def progress(rounds):
        for number in rounds:
            if number == last:
                raise KeyboardInterrupt
            yield number

    return progress


def test_after_every_step_comes_the_second_player():
    def clamp(model):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.clamp_(min=0)

    model = new_model()
    train(model, 2, after_step=clamp)
    assert all(bool((parameter >= 0).all()) for parameter in model.parameters())


def test_a_prescribed_gradient_is_the_one_the_optimiser_sees():
    first, second = torch.randn(3, requires_grad=True), torch.randn(2, 2, requires_grad=True)
    wanted = [torch.randn(3), torch.randn(2, 2)]
    value = training.with_gradient(torch.tensor(1.25), [first, second], wanted)
    value.backward()
    assert value.item() == 1.25
    assert torch.equal(first.grad, wanted[0])
    assert torch.equal(second.grad, wanted[1])


def test_loss_and_images_a_second_are_logged(caplog):
    with caplog.at_level("INFO", logger="helpers.training"):
        losses = train(new_model(), 2)
    assert len(caplog.messages) == 2
    assert re.fullmatch(rf"epoch 2 of 2: loss {losses[1]:.4g}, \d+ images/s", caplog.messages[1])


def test_fast_changes_nothing_on_the_cpu():
    assert train(new_model(), 2, fast=True) == train(new_model(), 2)


@pytest.mark.parametrize(("batch", "epochs"), [(61, 1), (0, 1), (16, -1)])
def test_sizes_that_do_not_fit_are_refused(batch, epochs):
    with pytest.raises(ValueError, match="for 60 rows"):
        train(new_model(), epochs, batch=batch)


def test_two_views_pairs_rows():
    same = training.two_views(lambda a, b: (a - b).abs().max(), lambda images, generator: images)
    model = encoders.encoder((16, 4), batch_norm=False, normalise=False, seed=0)
    assert same(model, IMAGES, None).item() == pytest.approx(0, abs=1e-6)


def test_a_run_killed_after_the_last_step_of_an_epoch_ends_as_an_uninterrupted_one(tmp_path, monkeypatch):
    """The clock's checkpoint may fall there; what comes next is a new order."""
    whole, resumed, path = new_model(), new_model(), tmp_path / "run.pt"
    losses = train(whole, 6)

    def killed(self, *, save):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.loop._Kept, "end_of_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            train(new_model(), 6, checkpoint=path, minutes=0)
    assert len(checkpoints.Checkpoint(path).load()["losses"]) == 3
    steps = []
    assert train(resumed, 6, checkpoint=path, after_step=steps.append) == losses
    assert torch.equal(weights(resumed), weights(whole))
    assert len(steps) == 15


def test_fewer_epochs_than_the_checkpoint_holds_are_refused(tmp_path):
    train(new_model(), 3, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match="hold 9 steps, more than 2 epochs of 3; delete them"):
        train(new_model(), 2, checkpoint=tmp_path / "run.pt")


def test_a_weight_that_is_not_finite_reaches_no_checkpoint(tmp_path):
    """The gradient of a root at zero: the loss of that step is finite, and the weights are lost."""
    path, calls = tmp_path / "run.pt", []

    def objective(model, images, generator):
        calls.append(1)
        value = training.two_views(attraction, AUGMENT)(model, images, generator)
        return value + (0 * next(model.parameters()).sum()).abs().sqrt() if len(calls) == 6 else value

    options = {"epochs": 6, "batch": 16, "learning_rate": 1e-2, "seed": 3, "checkpoint": path}
    with pytest.raises(
        FloatingPointError, match="a weight is not finite after step 6; the last checkpoint from before"
    ):
        training.fit(new_model(), objective, IMAGES, **options)
    assert len(checkpoints.Checkpoint(path).load()["losses"]) == 3
    assert train(new_model(), 3, checkpoint=path) == train(new_model(), 3)


def test_no_epoch_between_two_checkpoints_is_refused():
    with pytest.raises(ValueError, match="every is 0, expected at least one epoch"):
        train(new_model(), 1, every=0)
