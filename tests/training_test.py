from functools import partial

import pytest
import torch

from helpers import augmentations, models, training

IMAGES = torch.rand(60, 4, 4, generator=torch.Generator().manual_seed(0))
AUGMENT = partial(augmentations.noise, deviation=0.05)


def attraction(first, second):
    return (first - second).square().sum(1).mean()


def new_model():
    return models.encoder((16, 8, 4), batch_norm=True, normalise=False, seed=0)


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


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    train(new_model(), 1, checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="is no checkpoint"):
        train(new_model(), 2, checkpoint=path)


def test_a_loss_that_blows_up_is_named():
    with pytest.raises(FloatingPointError, match="epoch 1 of 3"):
        training.fit(
            new_model(),
            lambda model, images, generator: model(images).sum() * float("inf"),
            IMAGES,
            epochs=3,
            batch=16,
            learning_rate=1e-2,
            seed=0,
        )


@pytest.mark.parametrize(("batch", "epochs"), [(61, 1), (0, 1), (16, -1)])
def test_sizes_that_do_not_fit_are_refused(batch, epochs):
    with pytest.raises(ValueError, match="for 60 rows"):
        train(new_model(), epochs, batch=batch)


def test_two_views_pairs_rows():
    same = training.two_views(lambda a, b: (a - b).abs().max(), lambda images, generator: images)
    model = models.encoder((16, 4), batch_norm=False, normalise=False, seed=0)
    assert same(model, IMAGES, None).item() == pytest.approx(0, abs=1e-6)
