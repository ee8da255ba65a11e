import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers import losses
from helpers.losses import kernels

generator = torch.Generator().manual_seed(0)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


SCORES = normal(2, 4, 4)
OPTIONS = {"temperature": 0.4, "positive_in_denominator": True}
SINGLE = {
    "infonce": lambda s: losses.infonce_from_scores(s, **OPTIONS),
    "decoupled": lambda s: losses.infonce_from_scores(s, temperature=0.4, positive_in_denominator=False),
    "ntxent": lambda s: losses.ntxent_from_scores(s, **OPTIONS, include_self=False),
    "ntxent decoupled": lambda s: losses.ntxent_from_scores(
        s, temperature=0.4, positive_in_denominator=False, include_self=True
    ),
    "clip": lambda s: losses.clip_from_scores(s, **OPTIONS),
    "bank": lambda s: losses.bank_infonce_from_scores(s[..., 0], s[..., 1:], **OPTIONS),
    "bank decoupled": lambda s: losses.bank_infonce_from_scores(
        s[..., 0], s[..., 1:], temperature=0.4, positive_in_denominator=False
    ),
    "mixture": lambda s: losses.mixture_from_scores(torch.stack([s, 2 * s]), [0.2, 0.8], **OPTIONS),
    "spectral": losses.spectral_contrastive_from_scores,
}


@pytest.mark.parametrize("name", SINGLE)
def test_scores_forms_pass_gradcheck_and_gradgradcheck(name):
    scores = SCORES.clone().requires_grad_()
    assert torch.autograd.gradcheck(SINGLE[name], scores)
    assert torch.autograd.gradgradcheck(SINGLE[name], scores)


@pytest.mark.parametrize("name", SINGLE)
def test_leading_dimensions_are_a_batch_of_problems(name):
    together = SINGLE[name](SCORES)
    assert torch.allclose(together, torch.stack([SINGLE[name](s) for s in SCORES]), rtol=1e-14)


@pytest.mark.parametrize("name", SINGLE)
def test_torch_func_hessian_works(name):
    hessian = torch.func.hessian(lambda s: SINGLE[name](s).sum())(SCORES[0])
    assert torch.isfinite(hessian).all()


def test_infonce_is_cross_entropy_of_torch():
    expected = cross_entropy(SCORES[0] / 0.4, torch.arange(4), reduction="none")
    assert torch.allclose(losses.infonce_from_scores(SCORES[0], **OPTIONS), expected, rtol=1e-13)


def test_clip_is_cross_entropy_both_ways():
    logits, target = SCORES[0] / 0.4, torch.arange(4)
    expected = (cross_entropy(logits, target) + cross_entropy(logits.T, target)) / 2
    assert torch.allclose(losses.clip_from_scores(SCORES[0], **OPTIONS).mean(), expected, rtol=1e-13)


def test_ntxent_is_cross_entropy_without_the_anchor():
    logits = (SCORES[0] / 0.4).masked_fill(torch.eye(4, dtype=torch.bool), -math.inf)
    expected = cross_entropy(logits, torch.tensor([2, 3, 0, 1]), reduction="none")
    found = losses.ntxent_from_scores(SCORES[0], **OPTIONS, include_self=False)
    assert torch.allclose(found, expected, rtol=1e-13)


def test_ntxent_conventions_by_hand():
    exponentials = (SCORES[0] / 0.4).exp()
    for positive in (True, False):
        for itself in (True, False):
            candidates = [j for j in range(4) if (j != 0 or itself) and (j != 2 or positive)]
            expected = math.log(sum(exponentials[0, j].item() for j in candidates) / exponentials[0, 2].item())
            options = {"temperature": 0.4, "positive_in_denominator": positive, "include_self": itself}
            assert losses.ntxent_from_scores(SCORES[0], **options)[0].item() == pytest.approx(expected, rel=1e-12)


def test_a_tensor_of_temperatures_belongs_to_anchors():
    each = torch.tensor([0.2, 0.4, 1.0, 2.0]).double()
    options = {"temperature": each, "positive_in_denominator": True}
    rows = [cross_entropy(SCORES[0, i] / each[i], torch.tensor(i)) for i in range(4)]
    assert torch.allclose(losses.infonce_from_scores(SCORES[0], **options), torch.stack(rows), rtol=1e-13)
    rows = [cross_entropy(SCORES[0, i] / each[i], torch.tensor(0)) for i in range(4)]
    found = losses.bank_infonce_from_scores(SCORES[0, :, 0], SCORES[0, :, 1:], **options)
    assert torch.allclose(found, torch.stack(rows), rtol=1e-13)
    learned = torch.tensor(0.3).double().requires_grad_()
    loss = losses.clip_from_scores(SCORES, temperature=learned, positive_in_denominator=True).mean()
    assert torch.isfinite(torch.autograd.grad(loss, learned)[0])


def test_bank_with_positive_is_cross_entropy_and_without_it_is_decoupled():
    positive, negatives = SCORES[0, :, 0], SCORES[0, :, 1:]
    expected = cross_entropy(SCORES[0] / 0.4, torch.zeros(4, dtype=torch.long), reduction="none")
    found = losses.bank_infonce_from_scores(positive, negatives, **OPTIONS)
    assert torch.allclose(found, expected, rtol=1e-13)
    decoupled = losses.bank_infonce_from_scores(positive, negatives, temperature=0.4, positive_in_denominator=False)
    assert torch.allclose(found, torch.log1p(decoupled.exp()), rtol=1e-12)


def test_mixture_is_the_weighted_sum():
    first, second = (losses.infonce_from_scores(s, **OPTIONS) for s in (SCORES[0], SCORES[1]))
    found = losses.mixture_from_scores(SCORES, [0.25, 0.75], **OPTIONS)
    assert torch.allclose(found, 0.25 * first + 0.75 * second, rtol=1e-14)


def test_spectral_contrastive_by_hand():
    s = SCORES[0]
    expected = [-2 * s[i, i] + sum(s[i, j] ** 2 for j in range(4) if j != i) / 3 for i in range(4)]
    assert torch.allclose(losses.spectral_contrastive_from_scores(s), torch.stack(expected), rtol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_features_forms_equal_scores_forms(reduction):
    x, y = normal(6, 3), normal(6, 3)
    reduce = getattr(torch, reduction)
    pairs = [
        (losses.infonce(x, y, **OPTIONS, reduction=reduction), losses.infonce_from_scores(x @ y.T, **OPTIONS)),
        (
            losses.ntxent(x, **OPTIONS, include_self=False, reduction=reduction),
            losses.ntxent_from_scores(x @ x.T, **OPTIONS, include_self=False),
        ),
        (losses.clip(x, y, **OPTIONS, reduction=reduction), losses.clip_from_scores(x @ y.T, **OPTIONS)),
        (losses.spectral_contrastive(x, y, reduction=reduction), losses.spectral_contrastive_from_scores(x @ y.T)),
    ]
    for scalar, vector in pairs:
        assert scalar.item() == pytest.approx(reduce(vector).item(), rel=1e-13)


def test_kernel_infonce_with_a_gaussian_on_the_sphere_is_infonce():
    x, y = (torch.nn.functional.normalize(normal(6, 3), dim=-1) for _ in range(2))

    def gaussian(a, b):
        return kernels.log_gaussian(kernels.squared_distances(a, b), temperature=0.4)

    found = losses.kernel_infonce(x, y, gaussian, positive_in_denominator=True, reduction="mean")
    assert found.item() == pytest.approx(losses.infonce(x, y, **OPTIONS, reduction="mean").item(), rel=1e-12)


@pytest.mark.parametrize("name", ["infonce", "ntxent", "clip", "spectral"])
def test_shape_and_nan_refusals(name):
    with pytest.raises(ValueError, match=r"has shape \(3, 4\), expected \(..., n, n\)"):
        SINGLE[name](torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"has shape \(0, 0\), expected"):
        SINGLE[name](torch.zeros(0, 0))
    with pytest.raises(ValueError, match="holds a NaN"):
        SINGLE[name](torch.full((4, 4), math.nan))
    with pytest.raises(ValueError, match=r"dtype torch.int64, expected a floating type"):
        SINGLE[name](torch.zeros(4, 4, dtype=torch.long))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_temperature_refusals(temperature):
    options = {"temperature": temperature, "positive_in_denominator": True}
    for call in (
        lambda: losses.infonce_from_scores(SCORES, **options),
        lambda: losses.ntxent_from_scores(SCORES, **options, include_self=False),
        lambda: losses.clip_from_scores(SCORES, **options),
        lambda: losses.bank_infonce_from_scores(SCORES[..., 0], SCORES, **options),
    ):
        with pytest.raises(ValueError, match="temperature is"):
            call()


def test_empty_denominators_are_refused():
    one = torch.zeros(1, 1)
    with pytest.raises(ValueError, match="denominator is empty"):
        losses.infonce_from_scores(one, temperature=1.0, positive_in_denominator=False)
    with pytest.raises(ValueError, match="denominator is empty"):
        losses.ntxent_from_scores(torch.zeros(2, 2), temperature=1.0, positive_in_denominator=False, include_self=False)
    with pytest.raises(ValueError, match="denominator is empty"):
        losses.spectral_contrastive_from_scores(one)


def test_other_refusals():
    with pytest.raises(ValueError, match="even number of views"):
        losses.ntxent_from_scores(torch.zeros(3, 3), **OPTIONS, include_self=False)
    with pytest.raises(ValueError, match=r"positive has shape \(3,\) and negatives \(4, 2\)"):
        losses.bank_infonce_from_scores(torch.zeros(3), torch.zeros(4, 2), **OPTIONS)
    with pytest.raises(ValueError, match="positive holds a NaN"):
        losses.bank_infonce_from_scores(torch.full((4,), math.nan), torch.zeros(4, 2), **OPTIONS)
    with pytest.raises(ValueError, match=r"weights \(3,\)"):
        losses.mixture_from_scores(SCORES, [1.0, 1.0, 1.0], **OPTIONS)
    with pytest.raises(ValueError, match="expected \\(n, d\\) twice"):
        losses.infonce(torch.zeros(3, 2), torch.zeros(4, 2), **OPTIONS, reduction="mean")
    with pytest.raises(ValueError, match="reduction is 'max', expected one of mean, sum, none"):
        losses.clip(torch.zeros(3, 2), torch.zeros(3, 2), **OPTIONS, reduction="max")
