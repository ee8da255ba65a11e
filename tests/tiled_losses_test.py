import functools
import math

import pytest
import torch
from torch.nn.functional import normalize

from helpers import losses
from helpers.losses import _block, _tiled, kernels

generator = torch.Generator().manual_seed(0)


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=generator)


def laplacian(x, y):
    return kernels.log_exponential(kernels.squared_distances(x, y), exponent=1.5, scale=0.7)


def families(temperature, counted):
    """Each loss from features beside the same loss from scores: names to (features, scores) over (x, y)."""
    options = {"temperature": temperature, "positive_in_denominator": counted}
    found = {
        "infonce": (
            lambda x, y: losses.infonce(x, y, **options, reduction="mean"),
            lambda x, y: losses.infonce_from_scores(x @ y.T, **options).mean(),
        ),
        "clip": (
            lambda x, y: losses.clip(x, y, **options, reduction="sum"),
            lambda x, y: losses.clip_from_scores(x @ y.T, **options).sum(),
        ),
        "kernel": (
            lambda x, y: losses.kernel_infonce(x, y, laplacian, positive_in_denominator=counted, reduction="mean"),
            lambda x, y: losses.infonce_from_scores(
                laplacian(x, y), temperature=1.0, positive_in_denominator=counted
            ).mean(),
        ),
        "spectral": (
            lambda x, y: losses.spectral_contrastive(x, y, reduction="mean"),
            lambda x, y: losses.spectral_contrastive_from_scores(x @ y.T).mean(),
        ),
    }
    for include_self in (True, False):
        found[f"ntxent {include_self}"] = (
            functools.partial(_ntxent, options=options, include_self=include_self, from_scores=False),
            functools.partial(_ntxent, options=options, include_self=include_self, from_scores=True),
        )
    return found


def _ntxent(x, y, *, options, include_self, from_scores):
    views = torch.cat([x, y])
    if from_scores:
        return losses.ntxent_from_scores(views @ views.T, **options, include_self=include_self).mean()
    return losses.ntxent(views, **options, include_self=include_self, reduction="mean")


NAMES = list(families(1.0, True))


def value_and_gradients(loss, x, y):
    x, y = x.clone().requires_grad_(), y.clone().requires_grad_()
    value = loss(x, y)
    value.backward()
    return value.detach(), x.grad, y.grad


@pytest.fixture(params=["one block", "tiles", "small tiles"])
def blocks(request, monkeypatch):
    """Small tiles cut 13 anchors into ragged strips and tiles."""
    if request.param != "one block":
        monkeypatch.setattr(_block, "BYTES", 0)
    if request.param == "small tiles":
        monkeypatch.setattr(_tiled, "rows_of_a_block", lambda n, like: min(n, 5))
        monkeypatch.setattr(_tiled, "tile_sides", lambda n, like: (min(n, 3), min(n, 4)))


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("temperature", [0.5, 0.002])  # the second needs references: exponents reach thousands
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradients_are_those_of_the_scores_form(name, temperature, counted, blocks):
    x, y = normal(13, 4), normal(13, 4)
    features, scores = families(temperature, counted)[name]
    for found, expected in zip(value_and_gradients(features, x, y), value_and_gradients(scores, x, y), strict=True):
        # Exponents of size s are rounded to s * eps, so a weight is off by that factor; 64 for the operations.
        rounding = 64 * torch.finfo(x.dtype).eps * (x @ y.T).abs().max() / temperature
        assert torch.allclose(found, expected, rtol=rounding, atol=rounding * expected.abs().max())


@pytest.mark.parametrize(
    ("name", "anchors"), [(name, n) for name in NAMES for n in (1, 2, 3) if (name, n) != ("spectral", 1)]
)
def test_smallest_batches(name, anchors):
    x, y = normal(anchors, 4), normal(anchors, 4)
    features, scores = families(0.3, True)[name]
    for found, expected in zip(value_and_gradients(features, x, y), value_and_gradients(scores, x, y), strict=True):
        assert torch.isfinite(found).all()
        assert torch.allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_gradcheck_and_second_derivatives_of_small_problems(name):
    x, y = normal(4, 3).requires_grad_(), normal(4, 3).requires_grad_()
    loss = families(0.6, True)[name][0]
    assert torch.autograd.gradcheck(loss, (x, y))
    if name != "kernel":  # a distance of zero to itself has no second derivative
        assert torch.autograd.gradgradcheck(loss, (x, y))


@pytest.mark.parametrize("name", ["infonce", "clip", "kernel", "ntxent False"])
def test_second_derivatives_of_large_problems_name_the_scores_form(name, monkeypatch):
    monkeypatch.setattr(_tiled, "TWICE_DIFFERENTIABLE", 3)
    x = normal(4, 3).requires_grad_()
    value = families(0.6, True)[name][0](x, normal(4, 3))
    with pytest.raises(RuntimeError, match=r"second derivative over . anchors needs all their scores.*_from_scores"):
        torch.autograd.grad(value, x, create_graph=True)


@pytest.mark.parametrize("name", ["infonce", "clip", "ntxent"])
def test_a_temperature_can_be_learnt(name):
    x, y = normal(6, 3), normal(6, 3)
    temperature = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    options = {"positive_in_denominator": True, "reduction": "mean"}

    def loss(t):
        if name == "ntxent":
            return losses.ntxent(torch.cat([x, y]), temperature=t, include_self=True, **options)
        return getattr(losses, name)(x, y, temperature=t, **options)

    assert torch.autograd.gradcheck(loss, temperature)


@pytest.mark.parametrize("name", NAMES)
def test_single_precision_keeps_its_digits_at_low_temperature(name):
    """Aligned pairs at temperature 0.01: the loss is tiny and must not be a difference of large numbers."""
    x = normalize(normal(300, 32), dim=1)
    y = normalize(x + 0.1 * normal(300, 32), dim=1)
    loss, _ = families(0.01, True)[name]
    exact = value_and_gradients(loss, x, y)
    for found, expected in zip(value_and_gradients(loss, x.float(), y.float()), exact, strict=True):
        assert (found - expected).norm() <= 2e-5 * expected.norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_single(dtype):
    x, y = normal(9, 4).to(dtype), normal(9, 4).to(dtype)
    for name in NAMES:
        loss = families(0.5, True)[name][0]
        value, gradient, _ = value_and_gradients(loss, x, y)
        expected = value_and_gradients(loss, x.float(), y.float())
        assert value.dtype == torch.float32
        assert value == expected[0]
        assert gradient.dtype == dtype
        assert torch.equal(gradient, expected[1].to(dtype))


def test_autocast_does_not_reach_the_sums():
    x, y = normal(9, 4, dtype=torch.float32), normal(9, 4, dtype=torch.float32)
    loss = families(0.5, True)["infonce"][0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(x, y)
    assert inside == loss(x, y)


@pytest.mark.parametrize("name", ["infonce", "clip", "ntxent False", "kernel"])
def test_a_temperature_under_which_everything_underflows_stays_finite(name):
    x, y = normalize(normal(8, 4), dim=1), normalize(normal(8, 4), dim=1)
    found = value_and_gradients(families(1e-7, True)[name][0], x.float(), y.float())
    assert all(torch.isfinite(value).all() for value in found)


@pytest.mark.parametrize("gap", [1e-3, 40.0, 55.0, 65.0, 200.0])
def test_losses_on_both_sides_of_the_room_of_a_softmax(gap):
    """One anchor whose positive lies so many nats below the others, the next one with it as far above."""
    x, y = torch.eye(2).repeat(3, 1), torch.zeros(6, 2).double()
    y[0, 0], y[1, 1] = -gap, gap
    y[2:] += 0.1 * normal(4, 2)
    loss, _ = families(1.0, True)["infonce"]
    exact = value_and_gradients(loss, x.double(), y)
    for found, expected in zip(value_and_gradients(loss, x, y.float()), exact, strict=True):
        assert (found - expected).norm() <= 2e-6 * expected.norm()


def test_a_temperature_out_of_range_is_named():
    with pytest.raises(ValueError, match=r"leave the range of torch\.float32"):
        losses.infonce(torch.ones(3, 2), torch.ones(3, 2), temperature=1e-39, **MEAN)


def test_no_gradient_is_formed_when_nobody_asks(monkeypatch):
    seen = []
    original = _block.one_direction

    def spy(*arguments, derivatives=True, **options):
        seen.append(derivatives)
        return original(*arguments, derivatives=derivatives, **options)

    monkeypatch.setattr(_block, "one_direction", spy)
    x = normal(4, 3).requires_grad_()
    with torch.no_grad():
        losses.infonce(x, x, temperature=1.0, **MEAN)
    losses.infonce(x, x.detach(), temperature=1.0, **MEAN)
    assert seen == [False, True]


def test_only_the_wanted_gradient_comes_back():
    x, y = normal(4, 3), normal(4, 3).requires_grad_()
    losses.clip(x, y, temperature=0.3, **MEAN).backward()
    assert x.grad is None
    assert y.grad is not None


def test_blocks_are_never_larger_than_wanted_and_never_empty():
    like = torch.zeros(1)
    for n in (1, 2, 1000, 10**6, 10**8):
        rows = _tiled.rows_of_a_block(n, like)
        assert 1 <= rows <= n
        assert rows == 1 or rows * n * 4 <= _tiled.CPU_BYTES
        height, width = _tiled.tile_sides(n, like)
        assert 1 <= height <= width <= max(n, 1)
        assert height * width * 4 <= _tiled.CPU_BYTES


MEAN = {"positive_in_denominator": True, "reduction": "mean"}


def test_refusals_of_features():
    good = torch.zeros(3, 2)
    options = {"temperature": 1.0, **MEAN}
    bad = good.clone()
    bad[1, 0], bad[2, 1] = math.nan, math.inf
    with pytest.raises(ValueError, match="the second features hold a NaN or an infinity in 2 of 3 rows: 1, 2"):
        losses.infonce(good, bad, **options)
    with pytest.raises(ValueError, match=r"float32 on cpu and .*float64 on cpu"):
        losses.clip(good, good.double(), **options)
    with pytest.raises(ValueError, match=r"float32 on cpu and .*float32 on meta"):
        losses.clip(good, good.to("meta"), **options)
    with pytest.raises(ValueError, match=r"shapes \(0, 2\) and \(0, 2\), expected \(n, d\) twice with n, d >= 1"):
        losses.infonce(good[:0], good[:0], **options)
    with pytest.raises(ValueError, match=r"dtype torch\.int64"):
        losses.infonce(good.long(), good.long(), **options)
    with pytest.raises(ValueError, match="denominator is empty"):
        losses.infonce(good[:1], good[:1], temperature=1.0, positive_in_denominator=False, reduction="mean")
    with pytest.raises(ValueError, match="even number of views"):
        losses.ntxent(good, **options, include_self=True)
    with pytest.raises(ValueError, match=r"temperature has shape \(3,\), expected one number"):
        losses.infonce(good, good, temperature=torch.ones(3), **MEAN)
    scale = torch.ones((), requires_grad=True)
    for reduction in losses.REDUCTIONS:
        chosen = {"positive_in_denominator": True, "reduction": reduction}
        with pytest.raises(ValueError, match="log_kernel gives"):
            losses.kernel_infonce(good, good, lambda x, y: torch.zeros(2, 2), **chosen)
        with pytest.raises(ValueError, match="log_kernel holds learnt numbers"):
            losses.kernel_infonce(good, good, lambda x, y: scale * (x @ y.T), **chosen)
