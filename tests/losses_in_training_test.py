"""The losses inside other people's training code: half precision and loss scales, checkpoints, torch.func, masks."""

import functools
import math
import shutil

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

from helpers import losses
from helpers.losses import _tiled, alpha_cl, kernel_objectives, kernels, pair_family

MEAN = {"positive_in_denominator": True, "reduction": "mean"}


def normal(*shape, dtype=torch.float64, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def gaussian(x, y):
    return kernels.log_gaussian(kernels.squared_distances(x, y), temperature=0.3)


def _ntxent(x, y, temperature=0.3):
    return losses.ntxent(torch.cat([x, y]), temperature=temperature, include_self=False, **MEAN)


def _ntxent_dense(x, y):
    views = torch.cat([x, y])
    options = {"temperature": 0.3, "positive_in_denominator": True, "include_self": False}
    return losses.ntxent_from_scores(views @ views.T, **options).mean()


def _dense(from_scores, scores, temperature=0.3):
    return lambda x, y: from_scores(scores(x, y), temperature=temperature, positive_in_denominator=True).mean()


def _inner(x, y):
    return x @ y.T


# Loss of (x, y) from features, and the same loss in plain torch.
FAMILIES = {
    "infonce": (
        functools.partial(losses.infonce, temperature=0.3, **MEAN),
        _dense(losses.infonce_from_scores, _inner),
    ),
    "clip": (functools.partial(losses.clip, temperature=0.3, **MEAN), _dense(losses.clip_from_scores, _inner)),
    "ntxent": (_ntxent, _ntxent_dense),
    "kernel": (
        functools.partial(losses.kernel_infonce, log_kernel=gaussian, **MEAN),
        _dense(losses.infonce_from_scores, gaussian, 1.0),
    ),
    "spectral": (
        functools.partial(losses.spectral_contrastive, reduction="mean"),
        lambda x, y: losses.spectral_contrastive_from_scores(x @ y.T).mean(),
    ),
}
each_family = pytest.mark.parametrize("name", FAMILIES)


# -- half precision -----------------------------------------------------------------------------------------
@each_family
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("n", "d", "unit"), [(512, 32, False), (300, 64, True)])
def test_rows_of_half_precision_are_summed_in_single(name, dtype, n, d, unit):
    x, y = (normal(n, d, seed=seed) for seed in (0, 1))
    x, y = ((normalize(side, dim=1) if unit else side).to(dtype) for side in (x, y))
    found, exact = FAMILIES[name][0](x, y), FAMILIES[name][0](x.double(), y.double())
    assert found.dtype == torch.float32
    assert abs(found - exact) <= 1e-5 * abs(exact)  # single precision, sums of up to 2^18 terms


def test_squared_scores_of_many_half_precision_rows_stay_in_range():
    rows = normalize(normal(4096, 64), dim=1).half()
    found = losses.spectral_contrastive(rows, rows, reduction="mean")
    exact = losses.spectral_contrastive(rows.double(), rows.double(), reduction="mean")
    assert abs(found - exact) <= 1e-5 * abs(exact)


@each_family
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_reaches_no_loss_of_features(name, dtype):
    x, y = (normal(64, 32, dtype=torch.float32, seed=seed) for seed in (0, 1))
    with torch.autocast("cpu", dtype=dtype):
        inside = FAMILIES[name][0](x, y)
    assert inside.dtype == torch.float32
    assert inside == FAMILIES[name][0](x, y)


OTHERS = {
    "kernel objective": lambda x, y: kernel_objectives.objective("laplacian", 0.5)(x, y),
    "pair loss": lambda x, y: alpha_cl.pair_loss("entropy", x, y, temperature=0.5),
    "mixture": lambda x, y: losses.mixture_from_scores(
        torch.stack([x, y]), [0.4, 0.6], temperature=0.5, positive_in_denominator=True
    ).mean(),
    "half squared distances": lambda x, y: torch.stack([d.mean() for d in pair_family.half_squared_distances(x, y)]),
    "log kernel": lambda x, y: gaussian(x, y).mean(),
    "decoupled": lambda x, y: losses.infonce_from_scores(
        x, temperature=0.004, positive_in_denominator=False
    ).mean(),  # scores over the temperature leave float16's range
    "bank": lambda x, y: losses.bank_infonce_from_scores(
        x.diagonal(), y, temperature=0.004, positive_in_denominator=True
    ).mean(),
    "spectral scores": lambda x, y: losses.spectral_contrastive_from_scores(x).mean(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_half_precision_elsewhere_is_summed_in_single_too(name):
    x, y = (100 * normal(32, 32, seed=seed).half() for seed in (0, 1))  # squares of their sums exceed 65,504
    exact = OTHERS[name](x.double(), y.double())
    found = OTHERS[name](x, y)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=1e-6)
    x, y = x.float() / 100, y.float() / 100
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = OTHERS[name](x, y)
    torch.testing.assert_close(inside, OTHERS[name](x, y), rtol=1e-6, atol=1e-7)


@each_family
def test_a_loss_scale_multiplies_before_the_gradient_is_rounded(name):
    """Well-aligned pairs: most of the unscaled gradient is below the smallest float16."""
    x = normalize(normal(256, 64), dim=1)
    y = normalize(x + 0.02 * normal(256, 64, seed=1), dim=1)
    x, y = x.half().requires_grad_(), y.half().requires_grad_()
    (65536 * FAMILIES[name][0](x, y)).backward()
    single = [side.detach().float().requires_grad_() for side in (x, y)]
    FAMILIES[name][0](*single).backward()
    for half, full in zip((x, y), single, strict=True):
        assert torch.equal(half.grad, (65536 * full.grad).half())


def test_a_gradient_far_below_half_precision_survives_the_scale():
    x = normalize(normal(1024, 128), dim=1)
    y = normalize(x + 0.02 * normal(1024, 128, seed=1), dim=1)
    half = x.half().requires_grad_()
    options = {"temperature": 0.05, **MEAN}
    (65536 * losses.infonce(half, y.half(), **options)).backward()
    exact = half.detach().double().requires_grad_()
    losses.infonce(exact, y.half().double(), **options).backward()
    # Float16 is spaced 2^-24 near zero: that, relative to the scaled gradient, is all that may be lost.
    lost = 2**-25 * math.sqrt(exact.grad.numel()) + 2**-11 * 65536 * exact.grad.norm()
    assert (half.grad.double() - 65536 * exact.grad).norm() <= lost
    assert (half.grad == 0).double().mean() < 0.3


# -- derivatives of other kinds -----------------------------------------------------------------------------
@each_family
def test_forward_mode_is_that_of_the_scores(name):
    loss, dense = FAMILIES[name]
    x, y, u, v = (normal(5, 3, seed=seed) for seed in range(4))
    expected = torch.func.jvp(dense, (x, y), (u, v))
    assert expected[1].abs() > 1e-3
    torch.testing.assert_close(torch.func.jvp(loss, (x, y), (u, v)), expected)
    with forward_ad.dual_level():
        dual = loss(forward_ad.make_dual(x, u), forward_ad.make_dual(y, v))
        torch.testing.assert_close(forward_ad.unpack_dual(dual).tangent, expected[1])
    torch.testing.assert_close(torch.func.jacfwd(loss)(x, y), torch.func.jacfwd(dense)(x, y))


@each_family
def test_transforms_are_those_of_the_scores(name):
    loss, dense = FAMILIES[name]
    x, y = normal(2, 5, 3), normal(2, 5, 3, seed=1)
    for transform in (
        torch.func.vmap,
        torch.func.grad,
        torch.func.jacrev,
        lambda f: torch.func.vmap(torch.func.grad(f)),
    ):
        one = transform in (torch.func.grad, torch.func.jacrev)
        arguments = (x[0], y[0]) if one else (x, y)
        torch.testing.assert_close(transform(loss)(*arguments), transform(dense)(*arguments))
    if name != "kernel":  # a distance of zero to itself has no second derivative
        torch.testing.assert_close(torch.func.hessian(loss)(x[0], y[0]), torch.func.hessian(dense)(x[0], y[0]))


def test_forward_mode_in_a_learnt_temperature():
    x, y, temperature, one = normal(5, 3), normal(5, 3, seed=1), torch.tensor(0.4).double(), torch.ones(()).double()
    _, found = torch.func.jvp(lambda t: losses.infonce(x, y, temperature=t, **MEAN), (temperature,), (one,))
    _, expected = torch.func.jvp(
        lambda t: losses.infonce_from_scores(x @ y.T, temperature=t, positive_in_denominator=True).mean(),
        (temperature,),
        (one,),
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", ["infonce", "clip", "ntxent", "kernel"])
def test_forward_mode_of_large_problems_names_the_scores_form(name, monkeypatch):
    monkeypatch.setattr(_tiled, "TWICE_DIFFERENTIABLE", 3)
    x, y = normal(4, 3), normal(4, 3, seed=1)
    with pytest.raises(RuntimeError, match=r"forward-mode .* over . anchors needs all their scores.*_from_scores"):
        torch.func.jvp(FAMILIES[name][0], (x, y), (x, y))


def test_a_gradient_beyond_the_range_of_single_precision_is_infinite_and_no_error():
    x, y = (normal(8, 4, dtype=torch.float32, seed=seed).requires_grad_() for seed in (0, 1))
    (1e38 * losses.infonce(x, y, temperature=1e-3, **MEAN)).backward()  # as a loss scale that grew too far
    assert torch.isinf(x.grad).any()
    assert torch.isnan(x.grad).logical_or(torch.isinf(x.grad)).any(1).all()


# -- compiled -----------------------------------------------------------------------------------------------
@pytest.mark.slow  # compiling takes seconds
@pytest.mark.filterwarnings("ignore")  # torch's own, about leaves and what it does not trace
@pytest.mark.parametrize("n", [24, 800])  # one block, and tiles
@pytest.mark.parametrize(("name", "backend"), [*((name, "aot_eager") for name in FAMILIES), ("infonce", "inductor")])
def test_gradients_pass_through_a_compiled_step(name, n, backend):
    """What is compiled is a model with its loss, as a training step holds it; the loss itself may break the graph."""
    if backend == "inductor" and not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("inductor needs a C++ compiler")
    torch._dynamo.reset()
    x, y = (normal(n, 6, dtype=torch.float32, seed=seed) for seed in (0, 1))
    weight = normal(6, 5, dtype=torch.float32, seed=2)

    def step(loss, weight):
        return loss(normalize(x @ weight, dim=1), normalize(y @ weight, dim=1))

    found, exact = [], []
    for wrap, ours, precise in ((lambda f: torch.compile(f, backend=backend), 0, found), (lambda f: f, 1, exact)):
        for scale in (1.0, 3.0):
            point = weight.clone().requires_grad_()
            value = scale * wrap(functools.partial(step, FAMILIES[name][ours]))(point)
            value.backward()
            precise.append(torch.cat([value.detach().view(1), point.grad.flatten()]))
    for ours, plain in zip(found, exact, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


# -- checkpoints --------------------------------------------------------------------------------------------
@each_family
@pytest.mark.parametrize("reentrant", [True, False])
def test_gradients_pass_through_a_checkpoint(name, reentrant):
    x, y = normal(9, 4).requires_grad_(), normal(9, 4, seed=1).requires_grad_()
    layer = torch.nn.Linear(4, 3).double()

    def step(a, b):
        return FAMILIES[name][0](layer(a).tanh(), layer(b).tanh())

    wanted = (x, y, *layer.parameters())
    expected = torch.autograd.grad(step(x, y), wanted)
    checkpoint(step, x, y, use_reentrant=reentrant).backward()
    for value, gradient in zip(wanted, expected, strict=True):
        torch.testing.assert_close(value.grad, gradient)


@each_family
def test_gradients_pass_where_saved_tensors_are_packed(name):
    x, y = normal(9, 4).requires_grad_(), normal(9, 4, seed=1)
    (expected,) = torch.autograd.grad(FAMILIES[name][0](x, y), x)
    packed = []

    def unpack(index):
        value, packed[index] = packed[index], None  # a hook that answers once
        assert value is not None, "asked twice"
        return value

    with torch.autograd.graph.saved_tensors_hooks(lambda value: packed.append(value) or len(packed) - 1, unpack):
        value = FAMILIES[name][0](x, y)
    torch.testing.assert_close(torch.autograd.grad(value, x)[0], expected)


# -- masked scores ------------------------------------------------------------------------------------------
def test_an_anchor_without_candidates_is_named():
    scores = normal(3, 3)
    scores[1, [0, 2]] = -math.inf
    with pytest.raises(
        ValueError, match=r"every score that counts is -inf in 1 of 3 rows: 1: the denominator is empty"
    ):
        losses.infonce_from_scores(scores, temperature=0.5, positive_in_denominator=False)
    with pytest.raises(ValueError, match=r"in 1 of 3 rows: 1: the denominator is empty"):
        losses.bank_infonce_from_scores(
            scores.diagonal(), scores.fill_diagonal_(-math.inf), temperature=0.5, positive_in_denominator=False
        )
    pairs = torch.full((2, 4, 4), -math.inf).double()
    with pytest.raises(ValueError, match=r"in 8 of 8 rows: \[0, 0\], \[0, 1\]"):
        losses.ntxent_from_scores(pairs, temperature=0.5, positive_in_denominator=True, include_self=False)


@pytest.mark.parametrize("form", ["infonce", "clip", "bank"])
def test_a_masked_anchor_that_counts_its_positive_has_loss_and_gradient_zero(form):
    scores = normal(3, 3)
    scores[1, [0, 2]] = -math.inf
    scores = scores.requires_grad_()
    options = {"temperature": 0.5, "positive_in_denominator": True}
    if form == "bank":
        each = losses.bank_infonce_from_scores(scores.diagonal(), scores - torch.diag(torch.full((3,), 1e9)), **options)
    else:
        each = getattr(losses, f"{form}_from_scores")(scores, **options)
    (gradient,) = torch.autograd.grad(each.sum(), scores)
    assert each[1] == 0
    assert torch.isfinite(gradient).all()
    if form != "clip":  # the columns of the others still see it there
        assert (gradient[1] == 0).all()


def test_scores_of_plus_infinity_are_refused():
    scores = normal(3, 3)
    scores[0, 2] = math.inf
    with pytest.raises(ValueError, match=r"scores holds \+inf"):
        losses.infonce_from_scores(scores, temperature=0.5, positive_in_denominator=True)


# -- what is no floating tensor -----------------------------------------------------------------------------
CALLS = {
    **{name: pair[0] for name, pair in FAMILIES.items() if name != "ntxent"},
    "ntxent": lambda x, y: losses.ntxent(x, temperature=0.3, include_self=False, **MEAN),
    "infonce scores": lambda x, y: losses.infonce_from_scores(x, temperature=0.3, positive_in_denominator=True),
    "clip scores": lambda x, y: losses.clip_from_scores(x, temperature=0.3, positive_in_denominator=True),
    "spectral scores": lambda x, y: losses.spectral_contrastive_from_scores(x),
    "bank": lambda x, y: losses.bank_infonce_from_scores(x, y, temperature=0.3, positive_in_denominator=True),
    "mixture": lambda x, y: losses.mixture_from_scores(x, [1.0], temperature=0.3, positive_in_denominator=True),
    "distances": kernels.squared_distances,
    "gaussian": lambda x, y: kernels.log_gaussian(x, temperature=1.0),
    "exponential": lambda x, y: kernels.log_exponential(x, exponent=1, scale=1.0),
    "concatenation": lambda x, y: kernels.log_concatenation(x, y, temperature=1.0, scale=1.0),
    "kernel objective": kernel_objectives.objective("gaussian", 0.3),
    "half squared distances": pair_family.half_squared_distances,
    "pair loss": lambda x, y: alpha_cl.pair_loss("entropy", x, y, temperature=0.5),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_no_floating_tensor_is_named(name):
    numbers = np.ones((4, 4))
    with pytest.raises(TypeError, match=r"is of type numpy\.ndarray, expected a torch\.Tensor of a floating type"):
        CALLS[name](numbers, numbers)
    with pytest.raises(TypeError, match=r"is of type list, expected a torch\.Tensor"):
        CALLS[name](numbers.tolist(), numbers.tolist())
    for dtype in (torch.uint8, torch.int64, torch.bool, torch.complex64):
        with pytest.raises(ValueError, match=rf"has dtype {dtype}, expected a floating type"):
            CALLS[name](torch.ones(4, 4).to(dtype), torch.ones(4, 4).to(dtype))
    with pytest.raises(ValueError, match=r"has layout torch\.sparse_coo, expected a dense tensor"):
        CALLS[name](torch.ones(4, 4).to_sparse(), torch.ones(4, 4).to_sparse())


@pytest.mark.parametrize("temperature", ["0.1", [0.1], None, np.ones(3)])
def test_a_temperature_that_is_no_number_is_named(temperature):
    x = torch.ones(3, 2)
    with pytest.raises(TypeError, match=r"temperature is .*, expected a number or a torch\.Tensor"):
        losses.infonce(x, x, temperature=temperature, **MEAN)
    with pytest.raises(TypeError, match=r"temperature is .*, expected a number or a torch\.Tensor"):
        losses.clip_from_scores(torch.ones(3, 3), temperature=temperature, positive_in_denominator=True)


def test_a_temperature_of_numpy_is_a_number():
    x = normal(3, 2)
    plain = losses.infonce(x, x, temperature=0.5, **MEAN)
    for temperature in (np.float32(0.5), np.float64(0.5), np.array(0.5)):
        assert losses.infonce(x, x, temperature=temperature, **MEAN) == plain
