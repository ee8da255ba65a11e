import colorsys
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance
from scipy import ndimage, stats
from torch.nn import functional

from helpers.data import augmentations

STEPS = {
    "shift": partial(augmentations.shift, maximum=2),
    "gain": partial(augmentations.gain, low=0.7, high=1.3),
    "noise": partial(augmentations.noise, deviation=0.1),
    "erase": partial(augmentations.erase, size=3),
    "flip": augmentations.flip,
    "crop": partial(augmentations.crop, smallest=0.5),
    "resized_crop": augmentations.resized_crop,
    "jitter": partial(augmentations.jitter, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
    "blur": partial(augmentations.blur, size=3),
}
LEVEL = 1 / 255  # PIL computes in bytes: it rounds or truncates to them


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


@pytest.mark.parametrize("name", ["shift", "gain", "erase", "flip", "resized_crop", "blur"])
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


def test_bytes_become_numbers_in_the_unit_interval():
    levels = torch.arange(256, dtype=torch.uint8)
    assert np.array_equal(augmentations.to_float(levels), np.arange(256, dtype=np.float32) / 255)
    assert augmentations.compose()(levels, None).dtype == torch.float32
    kept = torch.rand(3, dtype=torch.float64)
    assert augmentations.to_float(kept) is kept


def frames(views):
    """Left, top, width and height of the part that was cut out, from views of :func:`ramps`."""
    columns, rows = views[:, 0], views[:, 1]
    left, top = columns.amin((1, 2)), rows.amin((1, 2))
    return torch.stack([left, top, columns.amax((1, 2)) - left + 1, rows.amax((1, 2)) - top + 1]).round().int()


def ramps(count, height, width):
    """Images whose first two colours hold the column and the row of each pixel, and whose third is noise."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    planes = torch.stack([columns, rows]).double().expand(count, 2, height, width)
    return torch.cat([planes, images(count, 1, height, width)], dim=1)


def test_resized_crop_is_the_interpolated_rectangle():
    batch = ramps(60, 12, 17)
    views = augmentations.resized_crop(batch, generator(), area=(0.1, 1.0))
    parts = frames(views).T.tolist()
    assert len({tuple(part) for part in parts}) > 40
    for image, view, (left, top, width, height) in zip(batch, views, parts, strict=True):
        part = image[:, top : top + height, left : left + width]
        expected = functional.interpolate(part[None], (12, 17), mode="bilinear", align_corners=False)[0]
        assert float((view - expected).abs().max()) < 1e-12


def reference_frame(rng, side, area, aspect):
    """One random rectangle by the loop of SimCLR's description: left, top, width, height."""
    for _ in range(10):
        target = side**2 * rng.uniform(*area)
        ratio = np.exp(rng.uniform(*np.log(aspect)))
        width, height = round(np.sqrt(target * ratio)), round(np.sqrt(target / ratio))
        if 0 < width <= side and 0 < height <= side:
            return rng.integers(side - width + 1), rng.integers(side - height + 1), width, height
    return 0, 0, side, side


@pytest.mark.parametrize("area", [(0.08, 1.0), (0.2, 1.0), (0.3, 0.4)])
def test_crops_are_distributed_as_those_of_the_reference(area):
    side, count = 32, 3000
    views = augmentations.resized_crop(ramps(count, side, side), generator(), area=area)
    left, top, width, height = frames(views).numpy()
    rng = np.random.default_rng(1)
    reference = np.array([reference_frame(rng, side, area, (3 / 4, 4 / 3)) for _ in range(count)]).T
    for ours, theirs in (
        (width * height, reference[2] * reference[3]),
        (width / height, reference[2] / reference[3]),
        (left, reference[0]),
        (top, reference[1]),
    ):
        assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


def test_areas_and_aspects_are_uniform_where_every_rectangle_fits():
    side = 64
    _, _, width, height = frames(augmentations.resized_crop(ramps(1000, side, side), generator(), area=(0.2, 0.5)))
    # rounding moves a side of 25 pixels by at most 2 %, less than the statistic's own spread of 1 / sqrt(1,000)
    assert stats.kstest(width * height / side**2, stats.uniform(0.2, 0.3).cdf).pvalue > 1e-3
    spread = stats.uniform(np.log(3 / 4), np.log(16 / 9))
    assert stats.kstest(np.log(width / height), spread.cdf).pvalue > 1e-3


def test_an_image_stays_whole_where_no_rectangle_fits():
    batch = images(5, 3, 8, 8)
    views = augmentations.resized_crop(batch, generator(), area=(1.0, 1.0), aspect=(2.0, 3.0))
    assert float((views - batch).abs().max()) < 1e-12


def pictures(count=25, side=16):
    """Smooth random colour pictures with black and white corners, as bytes: shape (count, side, side, 3)."""
    coarse = functional.interpolate(images(count, 3, 4, 4), (side, side), mode="bicubic")
    coarse[:, :, 0, 0], coarse[:, :, -1, -1] = 0, 1
    return (coarse.clamp(0, 1) * 255).round().byte().movedim(1, -1).numpy()


def drawn_factors(name, count):
    """The factors of ``jitter(..., name=0.8)``, read off pictures of two dim pixels, which are never clipped."""
    pair = torch.full((count, 3, 1, 2), 0.3, dtype=torch.float64)
    pair[:, 0, 0, 0] = 0.5
    luminance = 0.3 + 0.299 * torch.tensor([0.2, 0.0])
    ground = {"brightness": 0.0, "contrast": luminance.mean(), "saturation": luminance[0]}[name]
    return (augmentations.jitter(pair, generator(), **{name: 0.8})[:, 0, 0, 0] - ground) / (0.5 - ground)


@pytest.mark.parametrize(
    ("name", "enhancer", "levels"),
    # besides truncating the result, PIL rounds the mean luminance (contrast) or each pixel's (saturation)
    [
        ("brightness", ImageEnhance.Brightness, 1),
        ("contrast", ImageEnhance.Contrast, 1.5),
        ("saturation", ImageEnhance.Color, 1.5),
    ],
)
def test_brightness_contrast_and_saturation_are_those_of_pil(name, enhancer, levels):
    originals = pictures()
    batch = torch.from_numpy(originals / 255).movedim(-1, 1)
    views = augmentations.jitter(batch, generator(), **{name: 0.8}).movedim(1, -1).numpy()
    factors = drawn_factors(name, len(batch)).tolist()
    assert 0.2 <= min(factors) < 0.5
    assert 1.5 < max(factors) <= 1.8
    for original, view, factor in zip(originals, views, factors, strict=True):
        expected = np.asarray(enhancer(Image.fromarray(original)).enhance(factor)) / 255
        assert np.abs(view - expected).max() <= (levels + 1e-4) * LEVEL


def test_hue_turns_as_colorsys_says():
    batch = images(40, 3, 5, 5)
    batch[:, :, 0, 0] = torch.tensor([1.0, 0.0, 0.0])
    batch[:, :, 0, 1] = 0.3  # a grey, whose hue is undefined
    batch[:, :, 0, 2] = torch.tensor([0.7, 0.7, 0.2])  # a tie
    views = augmentations.jitter(batch, generator(), hue=0.5)
    turns = [colorsys.rgb_to_hsv(*view[:, 0, 0].tolist())[0] for view in views]
    assert stats.kstest(turns, stats.uniform().cdf).pvalue > 1e-3
    for before, view, turn in zip(batch.flatten(2).mT, views.flatten(2).mT, turns, strict=True):
        for pixel, seen in zip(before.tolist(), view.tolist(), strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, saturation, value)
            assert seen == pytest.approx(expected, abs=1e-12)


def test_jitter_draws_uniformly_and_with_its_chance():
    flat = torch.full((4000, 1, 2, 2), 0.5, dtype=torch.float64)
    factors = augmentations.jitter(flat, generator(), brightness=0.4, chance=0.8)[:, 0, 0, 0] / 0.5
    changed = factors[factors != 1]
    assert abs(len(changed) / 4000 - 0.8) < 5 * np.sqrt(0.8 * 0.2 / 4000)
    assert stats.kstest(changed, stats.uniform(0.6, 0.8).cdf).pvalue > 1e-3


def test_jitter_takes_every_order_and_one_per_batch(monkeypatch):
    orders = []
    steps = [lambda planes, draws, number=number: orders[-1].append(number) or planes for number in range(4)]
    monkeypatch.setattr(augmentations, "_COLOUR_CHANGES", steps)
    draws, batch = generator(), images(2, 3, 2, 2)
    for _ in range(300):
        orders.append([])
        augmentations.jitter(batch, draws, brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1)
    assert len({tuple(order) for order in orders}) == 24
    assert all(sorted(order) == [0, 1, 2, 3] for order in orders)


def test_one_colour_has_no_saturation_and_no_hue():
    batch = images(6, 8, 8)
    assert torch.equal(augmentations.jitter(batch, generator(), saturation=0.5, hue=0.5), batch)
    assert torch.equal(augmentations.grey(batch, generator(), chance=1.0), batch)


@pytest.mark.parametrize("step", [augmentations.jitter, partial(augmentations.grey, chance=0.2)])
def test_two_colours_are_refused(step):
    with pytest.raises(ValueError, match="2 colours, expected 1 or 3"):
        step(torch.ones(4, 2, 8, 8), generator())


def test_grey_is_the_luminance_with_its_chance():
    batch = images(4000, 3, 2, 2)
    views = augmentations.grey(batch, generator(), chance=0.2)
    changed = (views != batch).any(dim=(1, 2, 3))
    assert abs(float(changed.double().mean()) - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 4000)
    bytes_of = (batch[changed][0] * 255).round().byte().movedim(0, -1).numpy()
    expected = np.asarray(Image.fromarray(bytes_of).convert("L")) / 255
    assert np.abs(views[changed][0].numpy() - expected).max() <= 1.5 * LEVEL


def test_flip_has_its_chance():
    batch = images(4000, 1, 3)
    flipped = (augmentations.flip(batch, generator(), chance=0.3) != batch).any(dim=(1, 2))
    assert abs(float(flipped.double().mean()) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 4000)


@pytest.mark.parametrize("size", [3, 7])
def test_blur_is_scipys_gaussian(size):
    reach = size // 2
    batch = images(300, 2, 15, 12)
    batch[:, 0], batch[:, 0, 7, 6] = 0, 1  # the response to a point shows the deviation
    views = augmentations.blur(batch, generator(), size=size)
    chosen = (views != batch).any(dim=(1, 2, 3))
    assert abs(float(chosen.double().mean()) - 0.5) < 5 * np.sqrt(0.25 / 300)
    deviations = torch.sqrt(-0.5 / torch.log(views[chosen][:, 0, 7, 7] / views[chosen][:, 0, 7, 6])).numpy()
    assert stats.kstest(deviations[deviations > 0.4], stats.uniform(0.4, 1.6).cdf).pvalue > 1e-3
    for before, after, deviation in zip(batch[chosen][:, 1], views[chosen][:, 1], deviations, strict=True):
        expected = ndimage.gaussian_filter(before.numpy(), deviation, radius=reach, mode="mirror")
        assert np.abs(after.numpy() - expected).max() < 1e-6  # weights are drawn in float32


@pytest.mark.parametrize("size", [3, 7])
def test_blur_leaves_white_white(size):
    """Rounding once carried a mean of ones to 1 + 2e-7, which attacks refuse as a centre outside [0, 1]."""
    batch = torch.zeros(256, 1, 16, 16)
    batch[..., 8:] = 1
    views = augmentations.blur(batch, generator(), size=size, chance=1.0)
    assert (views.min().item(), views.max().item()) == (0, 1)
    assert ((views[..., 7] > 0) & (views[..., 7] < 0.5)).any()  # the edge was smoothed


@pytest.mark.parametrize("shape", [(64, 28, 28), (64, 1, 28, 28), (64, 3, 32, 32)])
def test_simclr_takes_bytes_and_stays_in_the_unit_interval(shape):
    batch = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator(9))
    plain, blurred = (augmentations.simclr(blur_size=size)(batch, generator()) for size in (0, 3))
    for views in (plain, blurred):
        assert views.shape == shape
        assert views.dtype == torch.float32
        assert 0 <= float(views.min()) < float(views.max()) <= 1
    unchanged = (plain == blurred).flatten(1).all(1).double().mean()
    assert abs(float(unchanged) - 0.5) < 5 * np.sqrt(0.25 / 64)


def test_stronger_simclr_is_stronger():
    batch = images(200, 3, 8, 8)
    views = [augmentations.simclr(area=(1, 1), strength=strength)(batch, generator()) for strength in (0.2, 1.0)]
    weak, strong = ((view - batch).abs().mean() for view in views)
    assert weak < strong


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_views_do_not_depend_on_the_device():
    batch = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8, generator=generator(9))
    here, there = (augmentations.simclr(blur_size=3)(batch.to(device), generator()) for device in ("cpu", "cuda"))
    assert float((here - there.cpu()).abs().max()) < 1e-4


@pytest.mark.parametrize(
    ("step", "options", "message"),
    [
        ("shift", {"maximum": -1}, "maximum is -1"),
        ("gain", {"low": 2, "high": 1}, "low is 2 and high 1"),
        ("noise", {"deviation": -0.5}, "deviation is -0.5"),
        ("erase", {"size": 9}, "size is 9"),
        ("flip", {"chance": 1.5}, "chance is 1.5"),
        ("crop", {"smallest": 0}, "smallest is 0"),
        ("resized_crop", {"area": (0.5, 1.1)}, r"area is \(0.5, 1.1\)"),
        ("resized_crop", {"aspect": (2, 1)}, r"aspect \(2, 1\)"),
        ("jitter", {"contrast": 1.5}, "expected 0 to 1"),
        ("jitter", {"hue": 0.6}, "the last one to 0.5"),
        ("jitter", {"chance": -1}, "chance is -1"),
        ("grey", {"chance": 2}, "chance is 2"),
        ("blur", {"size": 4}, "size is 4"),
        ("blur", {"size": 17}, "size is 17"),
        ("blur", {"size": 3, "deviation": (0, 1)}, r"deviation is \(0, 1\)"),
    ],
)
def test_options_out_of_range_are_refused(step, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(augmentations, step)(torch.ones(2, 8, 8), generator(), **options)


@pytest.mark.parametrize("batch", [torch.ones(8, 8), torch.ones(2, 8, 8, dtype=torch.uint8)])
def test_what_is_no_batch_of_images_is_refused(batch):
    with pytest.raises(ValueError, match="expected floating"):
        augmentations.shift(batch, generator(), maximum=1)
