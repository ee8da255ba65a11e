from functools import partial

import numpy as np
import pytest
import torch

from helpers import augmentations

STEPS = {
    "shift": partial(augmentations.shift, maximum=2),
    "gain": partial(augmentations.gain, low=0.7, high=1.3),
    "noise": partial(augmentations.noise, deviation=0.1),
    "erase": partial(augmentations.erase, size=3),
    "flip": augmentations.flip,
    "crop": partial(augmentations.crop, smallest=0.5),
}


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape):
    return torch.rand(*shape, generator=generator(9), dtype=torch.float64)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 3, 8, 7)])
def test_shape_type_and_repeatability(name, shape):
    batch = images(*shape)
    kept = batch.clone()
    first, again, other = (STEPS[name](batch, generator(seed)) for seed in (1, 1, 2))
    assert first.shape == batch.shape
    assert first.dtype == batch.dtype
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(batch, kept)


@pytest.mark.parametrize("name", ["shift", "gain", "erase", "flip"])
def test_colours_share_the_draw(name):
    plane = images(50, 1, 8, 8)
    views = STEPS[name](plane.expand(50, 3, 8, 8), generator())
    assert torch.equal(views[:, 0], views[:, 2])


def test_shift_moves_by_whole_pixels_in_every_direction():
    point = torch.zeros(2000, 5, 5)
    point[:, 2, 2] = 1
    moved = augmentations.shift(point, generator(), maximum=1)
    assert torch.equal(moved.sum((1, 2)), torch.ones(2000))
    places = moved.sum(0)
    inner = places[1:4, 1:4]
    assert float(inner.sum()) == 2000
    # nine places, 2,000 draws: five standard errors of a count of 222
    assert float((inner - 2000 / 9).abs().max()) < 5 * np.sqrt(2000 / 9)


def test_what_is_shifted_out_is_lost():
    assert set(augmentations.shift(torch.ones(300, 4, 4), generator(), maximum=1).sum((1, 2)).tolist()) == {9, 12, 16}


def test_gain_stays_in_its_range():
    factors = augmentations.gain(torch.ones(1000, 2, 2), generator(), low=0.7, high=1.3)
    assert torch.equal(factors[:, 0, 0], factors[:, 1, 1])
    assert 0.7 <= float(factors.min()) < 0.71
    assert 1.29 < float(factors.max()) <= 1.3


def test_noise_has_its_deviation():
    drawn = augmentations.noise(torch.zeros(100, 10, 10, dtype=torch.float64), generator(), deviation=0.15)
    # relative standard error of a deviation from 10,000 draws: 1 / sqrt(20,000) = 0.7 %
    assert float(drawn.std()) == pytest.approx(0.15, rel=0.035)


def test_erase_leaves_a_square_hole_anywhere():
    holes = 1 - augmentations.erase(torch.ones(500, 6, 6), generator(), size=2)
    assert torch.equal(holes.sum((1, 2)), torch.full((500,), 4.0))
    assert float(holes.sum(0).min()) > 0


def test_crop_of_the_whole_is_the_identity():
    batch = images(4, 2, 8, 8)
    assert float((augmentations.crop(batch, generator(), smallest=1.0) - batch).abs().max()) < 1e-12


def test_crop_keeps_the_range():
    cropped = augmentations.crop(images(40, 8, 8), generator(), smallest=0.3)
    assert float(cropped.min()) >= 0
    assert float(cropped.max()) <= 1


def test_compose_applies_in_order():
    double = lambda batch, _: 2 * batch  # noqa: E731
    add = lambda batch, _: batch + 1  # noqa: E731
    assert augmentations.compose(double, add)(torch.ones(1), None).item() == 3


@pytest.mark.parametrize(
    ("step", "options", "message"),
    [
        ("shift", {"maximum": -1}, "maximum is -1"),
        ("gain", {"low": 2, "high": 1}, "low is 2 and high 1"),
        ("noise", {"deviation": -0.5}, "deviation is -0.5"),
        ("erase", {"size": 9}, "size is 9"),
        ("flip", {"chance": 1.5}, "chance is 1.5"),
        ("crop", {"smallest": 0}, "smallest is 0"),
    ],
)
def test_options_out_of_range_are_refused(step, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(augmentations, step)(torch.ones(2, 8, 8), generator(), **options)


@pytest.mark.parametrize("batch", [torch.ones(8, 8), torch.ones(2, 8, 8, dtype=torch.uint8)])
def test_what_is_no_batch_of_images_is_refused(batch):
    with pytest.raises(ValueError, match="expected floating"):
        augmentations.shift(batch, generator(), maximum=1)
