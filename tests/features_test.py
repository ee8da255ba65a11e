"""Losses from features beyond the plain batch: labels, queues, weights, unequal numbers, no reduction, sigmoids."""

import math

import pytest
import torch
from torch.nn.functional import normalize
from torch.utils.checkpoint import checkpoint

from helpers import losses
from helpers.losses import _tiled, kernels

N, M, D = 13, 7, 4
LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 3, 4, 0, 1, 3, 5])  # 2, 4 and 5 stand alone
QUEUE_LABELS = torch.tensor([0, 5, 6, 6, 1, 0, 7])


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


X, Y, QUEUE = normal(N, D), normal(N, D, seed=1), normal(M, D, seed=2)


def halves(rows, columns):
    """Weights that no symmetry hides."""
    return 0.1 + ((3 * rows + 5 * columns) % 7) / 7.0


@pytest.fixture(params=["one block", "small blocks"])
def blocks(request, monkeypatch):
    """Small blocks cut the anchors into ragged strips, and what has tiles into ragged tiles."""
    if request.param == "small blocks":
        monkeypatch.setattr(_tiled, "rows_of_a_block", lambda n, like: min(n, 5))
        monkeypatch.setattr(_tiled, "tile_sides", lambda n, like: (min(n, 3), min(n, 4)))


def matrix(weights, n, m):
    return weights(torch.arange(n)[:, None], torch.arange(m)[None])


def every(loss, *inputs):
    """Value and gradients of a weighted sum, so that every anchor has an upstream of its own."""
    inputs = [value.clone().requires_grad_() for value in inputs]
    value = loss(*inputs)
    upstream = torch.linspace(1.0, 2.0, value.numel(), dtype=value.dtype).reshape(value.shape)
    return value.detach(), *torch.autograd.grad((value * upstream).sum(), inputs)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


def options(counted=True, temperature=0.3):
    return {"temperature": temperature, "positive_in_denominator": counted}


# -- one positive an anchor ---------------------------------------------------------------------------------
PLAIN = {
    "infonce": (
        lambda x, y, **o: losses.infonce(x, y, **o),
        lambda x, y, **o: losses.infonce_from_scores(x @ y.T, **o),
    ),
    "clip": (lambda x, y, **o: losses.clip(x, y, **o), lambda x, y, **o: losses.clip_from_scores(x @ y.T, **o)),
    "ntxent": (
        lambda x, y, **o: losses.ntxent(torch.cat([x, y]), include_self=False, **o),
        lambda x, y, **o: losses.ntxent_from_scores(torch.cat([x, y]) @ torch.cat([x, y]).T, include_self=False, **o),
    ),
    "ntxent with itself": (
        lambda x, y, **o: losses.ntxent(torch.cat([x, y]), include_self=True, **o),
        lambda x, y, **o: losses.ntxent_from_scores(torch.cat([x, y]) @ torch.cat([x, y]).T, include_self=True, **o),
    ),
}


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("temperature", [0.3, 0.002])
@pytest.mark.parametrize("name", PLAIN)
def test_no_reduction_gives_the_vector_of_the_scores(name, counted, temperature, blocks):
    features, scores = PLAIN[name]
    found = every(lambda x, y: features(x, y, reduction="none", **options(counted, temperature)), X, Y)
    expected = every(lambda x, y: scores(x, y, **options(counted, temperature)), X, Y)
    for one, other in zip(found, expected, strict=True):
        rounding = 64 * 2**-52 * (X @ Y.T).abs().max() / temperature  # an exponent of size s is rounded to s * eps
        torch.testing.assert_close(one, other, rtol=float(rounding), atol=float(rounding * other.abs().max()))


@pytest.mark.parametrize("counted", [True, False])
def test_no_reduction_of_a_kernel_and_of_squares(counted, blocks):
    def log_kernel(x, y):
        return kernels.log_exponential(kernels.squared_distances(x, y), exponent=1.5, scale=0.7)

    found = every(
        lambda x, y: losses.kernel_infonce(x, y, log_kernel, positive_in_denominator=counted, reduction="none"), X, Y
    )
    expected = every(lambda x, y: losses.infonce_from_scores(log_kernel(x, y), **options(counted, 1.0)), X, Y)
    assert_same(found, expected)
    found = every(lambda x, y: losses.spectral_contrastive(x, y, reduction="none"), X, Y)
    assert_same(found, every(lambda x, y: losses.spectral_contrastive_from_scores(x @ y.T), X, Y))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("name", PLAIN)
def test_reductions_of_the_vector_are_the_scalars(name, reduction, blocks):
    def of_vector(x, y):
        return getattr(PLAIN[name][0](x, y, reduction="none", **options()), reduction)()

    assert_same(
        every(lambda x, y: PLAIN[name][0](x, y, reduction=reduction, **options()), X, Y), every(of_vector, X, Y)
    )


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_a_queue_adds_negatives(counted, reduction, blocks):
    def by_hand(x, y, queue):
        """One anchor at a time: its positive, and everybody else."""
        each = []
        for i in range(N):
            logits = torch.cat([y, queue]) @ x[i] / 0.3
            others = torch.cat([logits[:i], logits[i + 1 :]])
            each.append(torch.logsumexp(logits if counted else others, 0) - logits[i])
        each = torch.stack(each)
        return each if reduction == "none" else getattr(each, reduction)()

    def ours(x, y, queue):
        return losses.infonce(x, y, queue=queue, reduction=reduction, **options(counted))

    assert_same(every(ours, X, Y, QUEUE), every(by_hand, X, Y, QUEUE))


@pytest.mark.parametrize("include_self", [True, False])
def test_a_queue_of_ntxent(include_self, blocks):
    def by_hand(x, y, queue):
        views = torch.cat([x, y])
        logits = views @ torch.cat([views, queue]).T / 0.3
        if not include_self:
            logits = logits.masked_fill(torch.eye(2 * N, 2 * N + M, dtype=torch.bool), -math.inf)
        partner = torch.arange(2 * N).roll(N)
        return torch.nn.functional.cross_entropy(logits, partner, reduction="none")

    def ours(x, y, queue):
        views = torch.cat([x, y])
        return losses.ntxent(views, queue=queue, include_self=include_self, reduction="none", **options())

    assert_same(every(ours, X, Y, QUEUE), every(by_hand, X, Y, QUEUE))


@pytest.mark.parametrize("counted", [True, False])
def test_a_bank_alone_has_no_negatives_of_the_batch(counted, blocks):
    def scores(x, y, bank):
        return losses.bank_infonce_from_scores((x * y).sum(1), x @ bank.T, **options(counted))

    def ours(x, y, bank):
        return losses.bank_infonce(x, y, bank, reduction="none", **options(counted))

    assert_same(every(ours, X, Y, QUEUE), every(scores, X, Y, QUEUE))


@pytest.mark.parametrize("counted", [True, False])
def test_unequal_numbers_with_a_positive_named_for_each(counted, blocks):
    positive = torch.tensor([3, 0, 19, 3, 5, 5, 12, 1, 2, 18, 7, 0, 4])
    far = torch.cat([Y, QUEUE])

    def scores(x, y):
        pairs = torch.nn.functional.one_hot(positive, N + M).bool()
        return losses.supcon_from_scores(x @ y.T, pairs, form="out", **options(counted))

    def ours(x, y):
        return losses.infonce(x, y, positive=positive, reduction="none", **options(counted))

    assert_same(every(ours, X, far), every(scores, X, far))


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("name", ["infonce", "ntxent", "clip", "bank"])
def test_weights_multiply_the_exponentials_of_the_others(name, counted, blocks):
    def by_hand(x, y, queue):
        if name == "infonce":
            near, far, target = x, torch.cat([y, queue]), torch.arange(N)
        elif name == "ntxent":
            near = torch.cat([x, y])
            far, target = torch.cat([near, queue]), torch.arange(2 * N).roll(N)
        elif name == "bank":
            near, far, target = x, torch.cat([queue, y]), torch.arange(M, M + N)
        if name == "clip":
            weights = matrix(halves, N, N)
            return torch.cat([rows(x @ y.T, weights, torch.arange(N)), rows(y @ x.T, weights.T, torch.arange(N))])
        weights = matrix(halves, len(near), len(far)).double()
        if name == "ntxent":
            weights.fill_diagonal_(0.0)
        if name == "bank":
            weights[:, M:] = 0.0
        return rows(near @ far.T, weights, target)

    def rows(scores, weights, target):
        positive = (scores / 0.3).exp().gather(1, target[:, None])[:, 0]
        weights = weights.scatter(1, target[:, None], float(counted))
        return ((scores / 0.3).exp() * weights).sum(1).log() - positive.log()

    def ours(x, y, queue):
        chosen = {"weights": halves, "reduction": "none", **options(counted)}
        if name == "infonce":
            return losses.infonce(x, y, queue=queue, **chosen)
        if name == "ntxent":
            return losses.ntxent(torch.cat([x, y]), queue=queue, include_self=False, **chosen)
        if name == "bank":
            return losses.bank_infonce(x, y, queue, **chosen)
        return losses.clip(x, y, **chosen) + 0 * queue.sum()

    def expected(x, y, queue):
        return by_hand(x, y, queue) + 0 * queue.sum()

    assert_same(every(ours, X, Y, QUEUE), every(expected, X, Y, QUEUE))


def test_an_empty_queue_adds_nobody():
    chosen = {"reduction": "mean", **options()}
    plain = losses.infonce(X, Y, **chosen)
    torch.testing.assert_close(losses.infonce(X, Y, queue=QUEUE[:0], **chosen), plain)
    with pytest.raises(ValueError, match=r"shapes \(13, 4\) and \(0, 3\), expected"):
        losses.infonce(X, Y, queue=QUEUE[:0, :3], **chosen)


def test_a_queue_may_have_another_precision():
    chosen = {"reduction": "mean", **options()}
    found = losses.infonce(X.float(), Y.float(), queue=QUEUE, **chosen)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, losses.infonce(X.float(), Y.float(), queue=QUEUE.float(), **chosen))


def test_weights_by_identity_leave_duplicates_out(blocks):
    identities = torch.arange(N)
    identities[5] = identities[2]  # the same object twice

    def expected(x, y):
        logits = x @ y.T / 0.3
        mask = torch.zeros(N, N, dtype=torch.bool)
        mask[2, 5] = mask[5, 2] = True
        return torch.nn.functional.cross_entropy(logits.masked_fill(mask, -math.inf), torch.arange(N))

    def ours(x, y, weights=None):
        return losses.infonce(x, y, weights=weights, reduction="mean", **options())

    found = every(lambda x, y: ours(x, y, losses.unequal(identities)), X, Y)
    assert_same(found, every(expected, X, Y))
    assert abs(found[0] - ours(X, Y)) > 1e-4  # they do count without it


def test_an_anchor_whose_others_are_all_left_out():
    identities = torch.tensor([1, 1, 1])
    x, y = X[:3].clone().requires_grad_(), Y[:3]
    value = losses.infonce(x, y, weights=losses.unequal(identities), reduction="sum", **options())
    assert value == 0
    assert torch.equal(torch.autograd.grad(value, x)[0], torch.zeros(3, D).double())
    with pytest.raises(ValueError, match=r"is -inf in 3 of 3 rows: 0, 1, 2: the denominator is empty"):
        losses.infonce(x, y, weights=losses.unequal(identities), reduction="sum", **options(False))


# -- any number of positives --------------------------------------------------------------------------------
def supcon_by_hand(scores, positives, others, form, counted):
    """Sums of plain exponentials, one anchor and one positive at a time; None where there is no positive."""
    each = []
    for row in range(len(scores)):
        logits = scores[row] / 0.3
        mine = [j for j in range(scores.shape[1]) if positives[row, j]]
        denominator = sum(others[row, j] * logits[j].exp() for j in range(scores.shape[1]) if j not in mine)
        denominator = denominator + sum(logits[j].exp() for j in mine) * counted
        if not mine:
            each.append(0 * scores.sum())
        elif form == "out":
            each.append(-sum((logits[j].exp() / denominator).log() for j in mine) / len(mine))
        else:
            each.append(-(sum(logits[j].exp() / denominator for j in mine) / len(mine)).log())
    return torch.stack(each)


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("form", ["out", "in"])
def test_supcon_by_hand(form, counted, include_self, blocks):
    known = torch.cat([LABELS, QUEUE_LABELS])
    same, itself = LABELS[:, None] == known, torch.eye(N, N + M, dtype=torch.bool)
    weights = matrix(halves, N, N + M) * ~(itself & torch.tensor(not include_self))

    def by_hand(x, queue):
        return supcon_by_hand(x @ torch.cat([x, queue]).T, same & ~itself, weights, form, counted)

    def scores(x, queue):
        pairs = {"form": form, "weights": weights, **options(counted)}
        return losses.supcon_from_scores(x @ torch.cat([x, queue]).T, same & ~itself, **pairs)

    def ours(x, queue, reduction="none"):
        extra = {"queue": queue, "queue_labels": QUEUE_LABELS, "weights": halves, "include_self": include_self}
        return losses.supcon(x, LABELS, form=form, reduction=reduction, **extra, **options(counted))

    expected = every(by_hand, X, QUEUE)
    assert_same(every(scores, X, QUEUE), expected)
    assert_same(every(ours, X, QUEUE), expected)
    with_positive = (same & ~itself).any(1).sum()
    assert with_positive < N
    assert ours(X, QUEUE, "mean").item() == pytest.approx((expected[0].sum() / with_positive).item(), rel=1e-12)
    assert ours(X, QUEUE, "sum").item() == pytest.approx(expected[0].sum().item(), rel=1e-12)


@pytest.mark.parametrize("temperature", [0.3, 0.002])  # the second needs references: exponents reach thousands
@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("form", ["out", "in"])
def test_supcon_of_one_set_is_that_of_the_scores(form, counted, temperature, blocks):
    """Rows that are anchors and candidates at once: where they are one strip, its powers serve both sides."""
    same, itself = LABELS[:, None] == LABELS, torch.eye(N, dtype=torch.bool)

    def scores(x):
        pairs = {"form": form, "weights": ~itself, **options(counted, temperature)}
        return losses.supcon_from_scores(x @ x.T, same & ~itself, **pairs).sum()

    def ours(x):
        chosen = {"include_self": False, "reduction": "sum", **options(counted, temperature)}
        return losses.supcon(x, LABELS, form=form, **chosen)

    rounding = 64 * 2**-52 * (X @ X.T).abs().max() / temperature  # an exponent of size s is rounded to s * eps
    for one, other in zip(every(ours, X), every(scores, X), strict=True):
        torch.testing.assert_close(one, other, rtol=float(rounding), atol=float(rounding * other.abs().max()))


@pytest.mark.parametrize("form", ["out", "in"])
def test_supcon_across_two_sets(form, blocks):
    same = LABELS[:, None] == QUEUE_LABELS

    def by_hand(x, y):
        return supcon_by_hand(x @ y.T, same, torch.ones(N, M), form, True)

    def ours(x, y):
        return losses.supcon_across(x, y, LABELS, QUEUE_LABELS, form=form, reduction="none", **options())

    assert_same(every(ours, X, QUEUE), every(by_hand, X, QUEUE))


def test_supcon_across_the_same_rows_with_labels_that_only_go_one_way():
    other = LABELS.roll(1)

    def by_hand(x):
        return supcon_by_hand(x @ x.T, LABELS[:, None] == other, torch.ones(N, N), "out", True).sum()

    def ours(x):
        return losses.supcon_across(x, x, LABELS, other, form="out", reduction="sum", **options())

    assert_same(every(ours, X), every(by_hand, X))


def test_the_two_forms_differ_and_agree_for_one_positive():
    chosen = {"include_self": False, "reduction": "mean", **options()}
    out, inside = (losses.supcon(X, LABELS, form=form, **chosen) for form in ("out", "in"))
    assert out - inside > 1e-2  # Jensen: out is the larger
    pairs = torch.arange(N // 2).repeat(2)
    views = X[: len(pairs)]
    for form in ("out", "in"):
        found = losses.supcon(views, pairs, form=form, **chosen)
        assert found.item() == pytest.approx(losses.ntxent(views, **chosen).item(), rel=1e-13)


def test_a_pair_that_is_left_out_is_no_positive(blocks):
    """Views of one instance share a label; leaving the instance out leaves no trace of them."""
    instances = torch.tensor([0, 1, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])  # rows 0 and 2 show one object
    same = (LABELS[:, None] == LABELS) & (instances[:, None] != instances)
    kept = instances[:, None] != instances

    def expected(x):
        return supcon_by_hand(x @ x.T, same, kept, "out", True)

    def ours(x):
        chosen = {"weights": losses.unequal(instances), "include_self": False, "reduction": "none"}
        return losses.supcon(x, LABELS, form="out", **chosen, **options())

    assert_same(every(ours, X), every(expected, X))


def test_a_batch_without_positives_has_loss_and_gradient_zero(blocks):
    x = X.clone().requires_grad_()
    chosen = {"include_self": False, "reduction": "mean", **options(False)}
    value = losses.supcon(x, torch.arange(N), form="out", **chosen)
    assert value == 0
    assert torch.equal(torch.autograd.grad(value, x)[0], torch.zeros_like(X))


@pytest.mark.parametrize("form", ["out", "in"])
def test_supcon_keeps_its_digits_in_single_precision(form):
    """Aligned pairs at temperature 0.01: what is left of the gradient is a small difference."""
    x = normalize(normal(300, 32), dim=1)
    x = torch.cat([x, normalize(x + 0.1 * normal(300, 32, seed=1), dim=1)])
    labels = torch.arange(300).repeat(2)

    def loss(views):
        chosen = {"include_self": False, "reduction": "mean", **options(temperature=0.01)}
        return losses.supcon(views, labels, form=form, **chosen)

    exact, found = every(loss, x), every(loss, x.float())
    for one, other in zip(found, exact, strict=True):
        assert (one - other).norm() <= 2e-5 * other.norm()


# -- a decision for every pair ------------------------------------------------------------------------------
@pytest.mark.parametrize("weights", [None, halves])
def test_siglip_by_hand_with_learnt_scale_and_bias(weights, blocks):
    def by_hand(x, y, scale, bias):
        logits, signs = scale * (x @ y.T) + bias, 2 * torch.eye(N) - 1
        each = torch.log1p(torch.exp(-signs * logits))
        return (each if weights is None else each * matrix(weights, N, N)).sum(1)

    def scores(x, y, scale, bias):
        of_pairs = None if weights is None else matrix(weights, N, N)
        return losses.siglip_from_scores(x @ y.T, torch.eye(N).bool(), scale=scale, bias=bias, weights=of_pairs)

    def ours(x, y, scale, bias):
        return losses.siglip(x, y, scale=scale, bias=bias, reduction="none", weights=weights)

    scalars = torch.tensor(1.7, dtype=torch.float64), torch.tensor(-2.0, dtype=torch.float64)
    expected = every(by_hand, X, Y, *scalars)
    assert_same(every(scores, X, Y, *scalars), expected)
    assert_same(every(ours, X, Y, *scalars), expected)
    mean = losses.siglip(X, Y, scale=1.7, bias=-2.0, reduction="mean", weights=weights)
    assert mean.item() == pytest.approx(expected[0].mean().item(), rel=1e-12)


# -- derivatives --------------------------------------------------------------------------------------------
STREAMED = {
    "infonce": lambda x, y, t: losses.infonce(x, y, queue=QUEUE, temperature=t, **SUM),
    "ntxent": lambda x, y, t: losses.ntxent(torch.cat([x, y]), queue=QUEUE, include_self=False, temperature=t, **SUM),
    "clip": lambda x, y, t: losses.clip(x, y, weights=halves, temperature=t, **SUM),
    "supcon": lambda x, y, t: losses.supcon(
        torch.cat([x, y]), torch.arange(len(x)).repeat(2) // 2, include_self=False, form="out", temperature=t, **SUM
    ),
    "siglip": lambda x, y, t: losses.siglip(x, y, scale=1 / t, bias=t, reduction="sum"),
}
SUM = {"positive_in_denominator": True, "reduction": "sum"}
TEMPERATURE = torch.tensor(0.6).double()


@pytest.mark.parametrize("name", STREAMED)
def test_first_and_second_derivatives_and_that_of_the_temperature(name, blocks):
    inputs = [value.clone().requires_grad_() for value in (X[:5], Y[:5], TEMPERATURE)]
    assert torch.autograd.gradcheck(STREAMED[name], inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(STREAMED[name], inputs, fast_mode=True)


@pytest.mark.parametrize("name", STREAMED)
def test_forward_mode_and_transforms(name, blocks):
    inputs, tangents = (X[:5], Y[:5], TEMPERATURE), (Y[5:10], X[5:10], torch.ones(()).double())
    _, found = torch.func.jvp(STREAMED[name], inputs, tangents)
    gradients = torch.func.grad(STREAMED[name], argnums=(0, 1, 2))(*inputs)
    assert_same([found], [sum((g * t).sum() for g, t in zip(gradients, tangents, strict=True))])
    assert_same(gradients, every(lambda *arguments: STREAMED[name](*arguments), *inputs)[1:])


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("name", STREAMED)
def test_inside_a_checkpoint(name, reentrant, blocks):
    inputs = [value.clone().requires_grad_() for value in (X, Y, TEMPERATURE)]
    found = torch.autograd.grad(STREAMED[name](*inputs), inputs) if not reentrant else None
    checkpoint(STREAMED[name], *inputs, use_reentrant=reentrant).backward()
    expected = found or every(STREAMED[name], *inputs)[1:]
    assert_same([value.grad for value in inputs], expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", STREAMED)
def test_half_precision_is_summed_in_single_and_rounded_last(name, dtype, blocks, monkeypatch):
    monkeypatch.setitem(globals(), "QUEUE", QUEUE.to(dtype))
    x, y = X.to(dtype).requires_grad_(), Y.to(dtype).requires_grad_()
    with torch.autocast("cpu", dtype=dtype):
        value = STREAMED[name](x, y, 0.6)
    (1024 * (2.0**-30 * value)).backward()  # rounded before the last factor, float16 would have nothing left
    monkeypatch.setitem(globals(), "QUEUE", QUEUE.float())
    single = [side.detach().float().requires_grad_() for side in (x, y)]
    expected = STREAMED[name](*single, 0.6)
    (2.0**-20 * expected).backward()
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=0)
    for half, full in zip((x, y), single, strict=True):
        spacing = torch.finfo(dtype).eps * full.grad.abs() + torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        assert ((half.grad.double() - full.grad.double()).abs() <= spacing).all()


def test_second_derivatives_of_large_problems_name_the_scores_form(monkeypatch):
    monkeypatch.setattr(_tiled, "tile_sides", lambda n, like: (min(n, 3), min(n, 4)))
    monkeypatch.setattr(_tiled, "TWICE_DIFFERENTIABLE", 12)
    x = X.clone().requires_grad_()
    value = losses.infonce(x, Y, reduction="none", **options()).sum()
    with pytest.raises(RuntimeError, match=r"second derivative over 13 anchors needs all.*take supcon_from_scores"):
        torch.autograd.grad(value, x, create_graph=True)


def test_forward_mode_of_large_problems_names_the_scores_form(monkeypatch):
    monkeypatch.setattr(_tiled, "tile_sides", lambda n, like: (min(n, 3), min(n, 4)))
    monkeypatch.setattr(_tiled, "TWICE_DIFFERENTIABLE", 12)
    with pytest.raises(RuntimeError, match=r"forward-mode .* over 13 anchors needs all.*take supcon_from_scores"):
        torch.func.jvp(lambda x: losses.infonce(x, Y, reduction="none", **options()), (X,), (Y,))


@pytest.mark.parametrize("reduction", ["none", "mean"])
def test_no_matrix_is_held_between_the_passes_nor_in_them(reduction, monkeypatch):
    """What autograd keeps grows like n, and no strip has more rows than it may."""
    monkeypatch.setattr(_tiled, "rows_of_a_block", lambda n, like: 64)
    seen, original = set(), losses.features._streamed._softmax_strip

    def spy(block, *arguments, **options):
        seen.add(tuple(block.shape))
        return original(block, *arguments, **options)

    monkeypatch.setattr(losses.features._streamed, "_softmax_strip", spy)
    kept = {}
    for n in (512, 1024):
        x, stored = torch.randn(n, 8, requires_grad=True), {}

        def pack(value, stored=stored):
            stored[value.data_ptr()] = value.numel() * value.element_size()
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            value = losses.infonce(x, x.detach(), queue=torch.ones(3, 8), reduction=reduction, **options()).sum()
        value.backward()
        kept[n] = sum(stored.values())
    assert seen == {(64, 515), (64, 1027)}
    assert kept[1024] <= 2.1 * kept[512]


# -- refusals -----------------------------------------------------------------------------------------------
def test_refusals():
    chosen = {"reduction": "mean", **options()}
    with pytest.raises(ValueError, match=r"shapes \(13, 4\) and \(7, 4\), expected \(n, d\) twice"):
        losses.infonce(X, QUEUE, **chosen)
    with pytest.raises(ValueError, match=r"shapes \(13, 4\) and \(7, 3\), expected \(n, d\) and \(m, d\)"):
        losses.infonce(X, Y, queue=QUEUE[:, :3], **chosen)
    with pytest.raises(ValueError, match=r"positive runs from 0 to 12, expected 0 to 6"):
        losses.infonce(X, QUEUE, positive=torch.arange(N), **chosen)
    with pytest.raises(ValueError, match=r"positive is torch\.int64 of shape \(3,\), expected torch\.int64 of"):
        losses.infonce(X, QUEUE, positive=torch.arange(3), **chosen)
    with pytest.raises(ValueError, match=r"weights has shape \(2, 2\), expected \(13, 13\)"):
        losses.infonce(X, Y, weights=lambda rows, columns: torch.ones(2, 2), **chosen)
    with pytest.raises(ValueError, match="weights holds a negative number or a NaN"):
        losses.infonce(X, Y, weights=lambda rows, columns: -torch.ones(1, 1), **chosen)
    with pytest.raises(ValueError, match=r"weights has dtype torch\.int64, expected bool or a floating type"):
        losses.infonce(X, Y, weights=lambda rows, columns: rows + columns, **chosen)
    with pytest.raises(TypeError, match=r"weights gives float, expected a torch\.Tensor"):
        losses.infonce(X, Y, weights=lambda rows, columns: 1.0, **chosen)
    chosen["form"] = "out"
    with pytest.raises(ValueError, match=r"labels is torch\.int64 of shape \(7,\), expected whole numbers of"):
        losses.supcon(X, QUEUE_LABELS, include_self=False, **chosen)
    with pytest.raises(ValueError, match=r"labels is list of shape \(\), expected whole numbers"):
        losses.supcon(X, LABELS.tolist(), include_self=False, **chosen)
    with pytest.raises(ValueError, match="queue and queue_labels come together"):
        losses.supcon(X, LABELS, queue=QUEUE, include_self=False, **chosen)
    with pytest.raises(ValueError, match=r"form is 'middle', expected one of out, in"):
        losses.supcon(X, LABELS, include_self=False, **(chosen | {"form": "middle"}))
    with pytest.raises(ValueError, match=r"form is 'middle', expected one of out, in"):
        losses.supcon_from_scores(X @ X.T, torch.eye(N).bool(), form="middle", **options())
    with pytest.raises(ValueError, match=r"positives is torch\.int64 of shape \(13,\), expected torch\.bool of shape"):
        losses.supcon_from_scores(X @ X.T, LABELS, form="out", **options())
    with pytest.raises(ValueError, match=r"scores has shape \(4,\), expected \(..., n, m\)"):
        losses.siglip_from_scores(X[0], LABELS, scale=1.0, bias=0.0)
    with pytest.raises(ValueError, match=r"bias is nan, expected a finite number"):
        losses.siglip(X, Y, scale=1.0, bias=math.nan, reduction="mean")
    with pytest.raises(ValueError, match=r"scale has shape \(2,\), expected one number"):
        losses.siglip(X, Y, scale=torch.ones(2), bias=0.0, reduction="mean")
    with pytest.raises(ValueError, match="reduction is 'max', expected one of mean, sum, none"):
        losses.bank_infonce(X, Y, QUEUE, reduction="max", **options())
    with pytest.raises(ValueError, match="the denominator is empty"):
        losses.infonce(X[:1], Y[:1], reduction="none", **options(False))
