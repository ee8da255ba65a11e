import math

import eagerpy
import foolbox
import pytest
import torch
from scipy import stats

from helpers.adversarial import attacks

INFINITY = math.inf


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def network(seed=0, inputs=6, classes=3):
    draw = generator(seed)
    first, second = (torch.randn(a, b, generator=draw, dtype=torch.float64) for a, b in ((inputs, 16), (16, classes)))
    return lambda x: (x @ first).tanh() @ second


def cross_entropy(model, labels):
    eye, zero = torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    return lambda x: attacks.supervised_losses(model(x), labels, eye, zero)


def problem(n=20, d=6):
    x = torch.rand(n, d, generator=generator(1), dtype=torch.float64)
    return x, cross_entropy(network(), torch.arange(n) % 3)


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_projection_ends_inside_ball_and_range_and_leaves_inner_points(norm):
    draw = generator()
    centres = torch.rand(500, 5, generator=draw, dtype=torch.float64)
    points = centres + 2 * torch.randn(500, 5, generator=draw, dtype=torch.float64)
    ended = attacks.project(points, centres, 0.7, norm=norm, low=0.0, high=1.0)
    assert torch.linalg.vector_norm(ended - centres, ord=norm, dim=1).max() <= 0.7 * (1 + 1e-14)
    assert ended.min() >= 0
    assert ended.max() <= 1
    assert torch.allclose(attacks.project(ended, centres, 0.7, norm=norm, low=0.0, high=1.0), ended, atol=1e-15)


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_projection_is_the_nearest_allowed_point(norm):
    draw = generator(2)
    centres = torch.rand(40, 1, 4, generator=draw, dtype=torch.float64)
    points = centres + torch.randn(40, 1, 4, generator=draw, dtype=torch.float64)
    options = {"norm": norm, "low": 0.0, "high": 1.0}
    ended = attacks.project(points, centres, 0.6, **options)
    others = attacks.project(ended + 0.3 * torch.randn(40, 4000, 4, generator=draw).double(), centres, 0.6, **options)
    assert torch.all((others - points).norm(dim=-1) >= (ended - points).norm(dim=-1) - 1e-12)


def test_l2_projection_without_range_is_the_scaled_step():
    centres, points = torch.zeros(1, 2).double(), torch.tensor([[3.0, 4.0]]).double()
    ended = attacks.project(points, centres, 2.0, norm=2)
    assert torch.allclose(ended, torch.tensor([[1.2, 1.6]]).double(), atol=1e-15)


@pytest.mark.parametrize("norm", [1, 2, INFINITY])
def test_steepest_step_reaches_the_dual_norm(norm):
    gradient = torch.randn(50, 7, generator=generator(), dtype=torch.float64)
    step = attacks.steepest(gradient, 0.3, norm=norm)
    assert torch.allclose((step * gradient).sum(dim=1), 0.3 * attacks.dual_norm(gradient, norm))
    assert torch.linalg.vector_norm(step, ord=norm, dim=1).max() <= 0.3 * (1 + 1e-14)
    assert attacks.steepest(torch.zeros(2), 1.0, norm=norm).abs().max() == 0


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_more_draws_begin_with_the_same_ones(norm):
    x = torch.zeros(3, 4)
    few, many = (attacks.random_points(x, 1.0, norm=norm, count=c, generator=generator()) for c in (2, 5))
    assert torch.equal(few, many[:2])
    assert torch.linalg.vector_norm(many, ord=norm, dim=-1).max() <= 1 + 1e-6


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_random_points_fill_the_ball_evenly(norm):
    """The d-th power of the distance from the centre, in radii, is uniform; so is the sign of every coordinate."""
    centres = torch.full((4_000, 3), 7.0, dtype=torch.float64)
    points = attacks.random_points(centres, 0.5, norm=norm, count=2, generator=generator()) - centres
    share = (torch.linalg.vector_norm(points, ord=norm, dim=-1) / 0.5).pow(3).flatten()
    assert stats.kstest(share.numpy(), "uniform").pvalue > 1e-3
    assert ((points > 0).double().mean(dim=(0, 1)) - 0.5).abs().max() <= 5 * 0.5 / 8_000**0.5
    second = points.square().mean(dim=(0, 1))  # r^2 / (d + 2) in the l2 ball, r^2 / 3 in the cube
    expected = 0.25 / 5 if norm == 2 else 0.25 / 3
    assert (second / expected - 1).abs().max() <= 5 * 1.1 / 8_000**0.5


def test_the_half_angle_is_that_of_the_farthest_direction():
    draw = torch.randn(20_000, 2, generator=generator(), dtype=torch.float64)
    points = torch.tensor([2.0, 0.0]) + 0.6 * torch.nn.functional.normalize(draw, dim=1)
    reached = torch.atan2(points[:, 1], points[:, 0]).abs().max()
    found = attacks.cap_half_angle(0.6, torch.tensor([2.0], dtype=torch.float64))
    assert 0 <= found.item() - reached.item() <= 1e-6  # flat at its top: the square of the spacing of the draws


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_attack_is_monotone_in_steps_starts_and_radius_and_stays_inside(norm):
    x, loss = problem()
    ball = {"norm": norm, "low": 0.0, "high": 1.0}
    starts = torch.cat([x[None], attacks.random_points(x, 0.3, count=4, generator=generator(), **ball)])
    sizes = [0.1 * 0.8**k for k in range(12)]
    values = [attacks.pgd(loss, x, starts, radius=0.3, step_sizes=sizes[:k], **ball).values for k in (0, 1, 5, 12)]
    values += [attacks.pgd(loss, x, starts[:k], radius=0.3, step_sizes=sizes, **ball).values for k in (1, 3, 5)]
    for one, two in ((0, 1), (1, 2), (2, 3), (4, 5), (5, 6)):
        assert torch.all(values[one] <= values[two])
    previous, largest = loss(x), starts[:1]
    for radius in (0.05, 0.1, 0.2, 0.4):
        found = attacks.pgd(loss, x, largest, radius=radius, step_sizes=[radius / 3] * 6, **ball)
        assert torch.all(found.values >= previous)
        assert torch.linalg.vector_norm(found.points - x, ord=norm, dim=1).max() <= radius * (1 + 1e-12)
        assert found.points.min() >= 0
        assert torch.allclose(loss(found.points), found.values)
        previous, largest = found.values, found.points[None]


def test_restarts_in_one_batch_equal_restarts_one_by_one():
    x, loss = problem()
    starts = attacks.random_points(x, 0.3, norm=2, count=3, generator=generator())
    options = {"radius": 0.3, "norm": 2, "step_sizes": [0.1] * 5}
    single = torch.stack([attacks.pgd(loss, x, start[None], **options).values for start in starts]).amax(dim=0)
    assert torch.allclose(attacks.pgd(loss, x, starts, **options).values, single, atol=1e-14)


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_random_search_is_not_better_at_equal_forward_passes(norm):
    x, loss = problem(n=300)
    found = attacks.pgd(loss, x, x[None], radius=0.2, norm=norm, step_sizes=[0.05] * 8).values
    chance = attacks.random_search(loss, x, radius=0.2, norm=norm, draws=9, generator=generator()).values
    ahead = found - chance
    assert ahead.mean() >= -4 * ahead.std() / len(x) ** 0.5


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_same_start_and_steps_give_foolbox_points(norm):
    draw = generator(3)
    images, labels = torch.rand(12, 6, generator=draw), torch.arange(12) % 3
    body = network()

    class Model(torch.nn.Module):
        def forward(self, x):
            return body(x.double()).float()

    kind = foolbox.attacks.L2ProjectedGradientDescentAttack if norm == 2 else foolbox.attacks.LinfPGD
    peer = kind(abs_stepsize=0.03, steps=7, random_start=False)
    model = foolbox.PyTorchModel(Model().eval(), bounds=(0, 1), device="cpu")
    theirs = eagerpy.astensor(peer(model, images, labels, epsilons=[0.15])[0][0]).raw
    loss = cross_entropy(lambda x: Model()(x).double(), labels)
    ours = images
    for _ in range(7):  # foolbox returns the last iterate, and cuts the range after the ball
        step = attacks.steepest(attacks._slope(loss, ours)[1], 0.03, norm=norm)
        ours = attacks.project(ours + step, images, 0.15, norm=norm).clamp(0, 1)
    assert torch.allclose(ours, theirs, atol=1e-5)
    kept = attacks.pgd(loss, images, images[None], radius=0.15, norm=norm, step_sizes=[0.03] * 7, low=0.0, high=1.0)
    assert torch.all(kept.values >= loss(theirs) - 1e-3)


def test_anchor_loss_is_the_formula_and_takes_shared_or_own_negatives():
    z, plus, minus = (torch.randn(*s, generator=generator(), dtype=torch.float64) for s in ((4, 3), (4, 3), (5, 3)))
    shared = attacks.anchor_losses(z, plus, minus, temperature=0.5, weight=2.0)
    positive, negative = ((z * plus).sum(1) / 0.5).exp(), (z @ minus.T / 0.5).exp().mean(dim=1)
    assert torch.allclose(shared, -(positive / (positive + 2.0 * negative)).log())
    own = attacks.anchor_losses(z, plus, minus.expand(4, 5, 3), temperature=0.5, weight=2.0)
    assert torch.allclose(own, shared)


@pytest.mark.parametrize("norm", [2, INFINITY])
def test_a_negative_step_leads_downhill(norm):
    x, loss = problem()
    gradient = attacks._slope(loss, x)[1]
    assert torch.equal(attacks.steepest(gradient, -0.1, norm=norm), -attacks.steepest(gradient, 0.1, norm=norm))
    down = attacks.pgd(loss, x, x[None], radius=0.3, norm=norm, step_sizes=[-0.05] * 5)
    assert torch.all(down.values == loss(x))  # the best point of all is the start
    assert torch.equal(down.points, x)


def test_one_step_is_exact_for_a_linear_loss():
    w, x = torch.randn(5, generator=generator()), torch.zeros(3, 5)
    assert torch.allclose(attacks.fgsm(lambda p: p @ w, x, radius=0.2, norm=INFINITY) @ w, 0.2 * w.abs().sum())


def test_cap_maximum_is_the_length_inside_and_the_cosine_outside():
    axis, vector = torch.tensor([1.0, 0.0]), torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    values = attacks.cap_maximum(vector, axis, torch.tensor(0.5))
    assert torch.allclose(values, torch.tensor([2.0, 3 * math.cos(math.pi / 2 - 0.5)]))


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (torch.float32, 1e-44),  # no number below 1.2e-38 has all its digits
        (torch.float32, 1e-23),
        (torch.float32, 1e20),
        (torch.float32, 3e38),
        (torch.float64, 1e-200),
        (torch.float64, 1e200),
        (torch.float16, 1e-6),
        (torch.float16, 3e4),
        (torch.bfloat16, 1e-30),
    ],
)
def test_the_size_of_a_gradient_does_not_matter(dtype, size):
    gradient = torch.tensor([[1.0, 1.0, 1.0], [2.0, -1.0, 0.0]], dtype=torch.float64)
    held = (gradient / 2 * size).to(dtype)  # as the type holds it
    exact = held.double() / size
    rounding = 4 * torch.finfo(dtype).eps
    step = attacks.steepest(held, 0.5, norm=2).double()
    assert torch.allclose(step, 0.5 * exact / exact.norm(dim=1, keepdim=True), rtol=rounding, atol=0)
    for norm in (1, 1.5, 2, 3, INFINITY):
        if size >= 1e38 or (dtype == torch.float16 and size > 1):
            break  # the norm itself is beyond the type
        expected = attacks.dual_norm(exact, norm) * size
        smallest = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        assert torch.allclose(attacks.dual_norm(held, norm).double(), expected, rtol=2 * rounding, atol=smallest)


def test_ordinary_gradients_keep_every_digit():
    """The scale is a power of two: what was right before has the same bits."""
    gradient = torch.randn(100, 7, generator=generator())
    plain = 0.3 * gradient / torch.linalg.vector_norm(gradient, dim=-1, keepdim=True)
    assert torch.equal(attacks.steepest(gradient, 0.3, norm=2), plain)
    assert torch.equal(attacks.dual_norm(gradient, 2), torch.linalg.vector_norm(gradient, dim=-1))


@pytest.mark.parametrize(
    ("step", "radius"), [(1e20, 1.0), (3e38, 0.5), (1e-23, 1e-24), (1e30, 1e25), (1e-3, 1e-30), (1.0, 1e-44)]
)
def test_projection_at_the_ends_of_float32(step, radius):
    points = torch.tensor([[0.6, -0.8, 0.0]]) * step
    ended = attacks.project(points, torch.zeros(1, 3), radius, norm=2)
    rounding = 1e-6 * radius + 3e-45
    assert torch.allclose(ended.double(), torch.tensor([[0.6, -0.8, 0.0]]).double() * radius, rtol=0, atol=rounding)
    boxed = attacks.project(points, torch.zeros(1, 3), radius, norm=2, low=0.0, high=1e38)
    assert boxed[0, 1] == 0  # the range stops it at once, the rest goes on to the rim or to the point
    assert boxed[0, 0].double() == pytest.approx(min(0.6 * step, radius), abs=rounding)
    inside = attacks.project(points, torch.zeros(1, 3), min(2 * step, 1e60), norm=2)
    assert torch.equal(inside, points)
    assert torch.equal(attacks.project(points, torch.zeros(1, 3), INFINITY, norm=2), points)


@pytest.mark.parametrize("norm", [2, INFINITY])
@pytest.mark.parametrize("bad", [0, 2, 4])
def test_a_start_that_is_nan_spoils_no_other(norm, bad):
    centres = torch.zeros(2, 3)
    starts = torch.cat([centres[None], attacks.random_points(centres, 0.5, norm=norm, count=4, generator=generator())])
    clean = torch.cat([starts[:bad], starts[bad + 1 :]])
    starts[bad] = math.nan
    options = {"radius": 1.0, "norm": norm, "step_sizes": [0.3] * 5}
    found = attacks.pgd(lambda p: p.sum(-1), centres, starts, **options)
    alone = attacks.pgd(lambda p: p.sum(-1), centres, clean, **options)
    assert torch.equal(found.values, alone.values)
    assert torch.equal(found.points, alone.points)
    assert not found.values.isnan().any()


def test_a_loss_that_is_nan_somewhere_is_attacked_elsewhere():
    def loss(points):  # the logarithm has no value left of -1/2
        return -(points[..., 0] + 0.5).log()

    centres = torch.zeros(4, 1)
    found = attacks.pgd(loss, centres, centres[None], radius=1.0, norm=2, step_sizes=[0.4, 0.4])
    assert torch.allclose(found.values, torch.tensor(0.1).log().neg().expand(4))  # the last step falls off the edge
    drawn = attacks.random_search(loss, centres, radius=1.0, norm=2, draws=50, generator=generator())
    assert drawn.values.isfinite().all()
    assert torch.equal(drawn.values, loss(drawn.points))
    never = attacks.pgd(lambda p: p.sum(-1) * math.nan, centres, centres[None], radius=1.0, norm=2, step_sizes=[0.1])
    assert never.values.isnan().all()
    assert torch.equal(never.points, centres)


def test_a_path_ends_where_the_gradient_has_no_value():
    centres = torch.zeros(1, 2)
    starts = torch.stack([centres, centres + 0.1])
    root = attacks.pgd(lambda p: p.norm(dim=-1).sqrt(), centres, starts, radius=1.0, norm=2, step_sizes=[0.5, 0.5])
    assert root.values.item() == pytest.approx(1.0)  # the gradient at the centre is a NaN
    with pytest.raises(ValueError, match="gradient holds a NaN or an infinity"):
        attacks.fgsm(lambda p: p.norm(dim=-1).sqrt(), centres, radius=1.0, norm=2)


@pytest.mark.parametrize("off", [torch.no_grad, torch.inference_mode])
def test_attacks_take_gradients_where_they_are_switched_off(off):
    x, loss = problem()
    options = {"radius": 0.3, "norm": 2}
    expected = attacks.pgd(loss, x, x[None], step_sizes=[0.1] * 3, **options), attacks.fgsm(loss, x, **options)
    with off():
        fresh = x.clone()  # made here: without gradients for good
        found = attacks.pgd(loss, fresh, fresh[None], step_sizes=[0.1] * 3, **options)
        assert torch.equal(found.points, expected[0].points)
        assert torch.equal(attacks.fgsm(loss, fresh, **options), expected[1])


WRONG_LOSSES = {
    "a mean": (lambda p: p.mean(), r"shape \(\) for points of shape .*one value a point"),
    "one value an image": (lambda p: p.flatten(-3).sum(-1), r"images have to be flattened"),
    "a coordinate kept": (lambda p: p.sum(-1, keepdim=True), r"one value a point"),
    "a number": (lambda p: 1.0, "gave a float"),
}


@pytest.mark.parametrize(("loss", "message"), WRONG_LOSSES.values(), ids=WRONG_LOSSES)
@pytest.mark.parametrize("attack", ["pgd", "pgd without steps", "fgsm", "random search"])
def test_a_loss_has_to_give_one_value_a_point(loss, message, attack):
    images = torch.rand(5, 1, 4, 4, generator=generator())
    options = {"radius": 0.1, "norm": 2}
    calls = {
        "fgsm": lambda: attacks.fgsm(loss, images, **options),
        "random search": lambda: attacks.random_search(loss, images, draws=2, generator=generator(), **options),
        "pgd": lambda: attacks.pgd(loss, images, images[None], step_sizes=[0.1], **options),
        "pgd without steps": lambda: attacks.pgd(loss, images, images[None], step_sizes=[], **options),
    }
    with pytest.raises(ValueError, match=message):
        calls[attack]()


def test_a_loss_cut_from_its_points_is_named():
    x = torch.zeros(2, 3)
    weight = torch.ones(3, requires_grad=True)
    for loss in (lambda p: p.detach() @ weight, lambda p: p.detach().sum(-1)):
        with pytest.raises(ValueError, match="does not depend on the points"):
            attacks.fgsm(loss, x, radius=1.0, norm=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: attacks.project(x, x, 1.0, norm=3), "norm is 3"),
        (lambda x: attacks.project(x, x, -1.0, norm=2), "radius is -1"),
        (lambda x: attacks.project(x, x + 2, 1.0, norm=2, low=0.0, high=1.0), "outside the data range"),
        (lambda x: attacks.pgd(lambda p: p.sum(-1), x, x, radius=1.0, norm=2, step_sizes=[]), "starts has shape"),
        (lambda x: attacks.cap_half_angle(1.0, [0.5, 2.0]), "holds the origin"),
        (lambda x: attacks.dual_norm(x, 0.5), "norm is 0.5"),
        (lambda x: attacks.steepest(x, 1.0, norm=3), "norm is 3"),
        (lambda x: attacks.steepest(x, math.nan, norm=2), "radius is nan"),
        (lambda x: attacks.steepest(x + math.nan, 1.0, norm=2), "gradient holds a NaN"),
        (lambda x: attacks.steepest(x - math.inf, 1.0, norm=1), "gradient holds a NaN or an infinity"),
        (lambda x: attacks.fgsm(lambda p: p.sum(-1), x + math.nan, radius=1.0, norm=2), "centre holds a NaN"),
        (lambda x: attacks.project(x, x + math.nan, 1.0, norm=2, low=0.0, high=1.0), "centre holds a NaN"),
        (lambda x: attacks.project(x, x.byte(), 1.0, norm=2), "centres have dtype torch.uint8"),
        (lambda x: attacks.project(x, x.numpy(), 1.0, norm=2), "centres have type ndarray"),
        (lambda x: attacks.fgsm(lambda p: p.sum(-1), x.tolist(), radius=1.0, norm=2), "centres have type list"),
        (
            lambda x: attacks.pgd(lambda p: p.sum(-1), x, x[None], radius=1, norm=2, step_sizes=[math.nan]),
            "step_sizes are",
        ),
        (lambda x: attacks.random_points(x, 1.0, norm=2, count=0, generator=generator()), "count is 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(2, 3))


@pytest.mark.parametrize(("norm", "dual"), [(3, 1.5), (1.5, 3), (4, 4 / 3)])
def test_dual_norms_between_are_attained(norm, dual):
    vector = torch.tensor([3.0, -4.0, 0.5], dtype=torch.float64)
    best = vector.sign() * vector.abs() ** (dual - 1)  # equality in Hoelder's inequality
    attained = vector @ best / torch.linalg.vector_norm(best, ord=norm)
    assert attacks.dual_norm(vector, norm).item() == pytest.approx(attained.item(), rel=1e-13)
