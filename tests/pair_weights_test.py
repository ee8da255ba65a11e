import pytest
import torch

from helpers import losses
from helpers.losses import pair_family

generator = torch.Generator().manual_seed(0)
FAMILY = pair_family.members(temperature=0.4, margin=0.3, positive_weight=1.0, slope=3.0)
DECOUPLED = pair_family.infonce(temperature=0.4, positive_weight=0.0)
SMOOTH = [name for name in FAMILY if name != "triplet"]
MARGINS = (0.6 * torch.randn(5, 4, 3, dtype=torch.float64, generator=generator)).requires_grad_()


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def weights(*shape):
    return pair_family.square(torch.rand(*shape, dtype=torch.float64, generator=generator))


def test_packing_and_unpacking():
    matrix = normal(2, 5, 5)
    packed = pair_family.off_diagonal(matrix)
    for i in range(5):
        assert torch.equal(packed[:, i], matrix[:, i, [j for j in range(5) if j != i]])
    assert torch.equal(pair_family.square(packed), matrix - torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1)))


def test_the_half_makes_distances_on_the_sphere_one_minus_cosine():
    z, other = (torch.nn.functional.normalize(normal(6, 3), dim=-1) for _ in range(2))
    within, between = pair_family.half_squared_distances(z, other)
    torch.testing.assert_close(within, 1 - (z * other).sum(-1), rtol=0, atol=1e-14)
    torch.testing.assert_close(between, 1 - z @ z.T, rtol=0, atol=1e-14)


@pytest.mark.parametrize("positive_weight", [0.0, 1.0])
def test_infonce_is_the_collection_s_infonce_times_the_temperature(positive_weight):
    z, other = (torch.nn.functional.normalize(normal(6, 3), dim=-1) for _ in range(2))
    member = pair_family.infonce(temperature=0.4, positive_weight=positive_weight)
    positive = (z * other).sum(-1)
    reference = losses.bank_infonce_from_scores(
        positive, pair_family.off_diagonal(z @ z.T), temperature=0.4, positive_in_denominator=bool(positive_weight)
    )
    ours = pair_family.anchor_losses(member, pair_family.margins(z, other))
    torch.testing.assert_close(ours, 0.4 * reference, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", FAMILY)
def test_weights_are_the_gradient_and_slopes_the_hessian(name):
    member = FAMILY[name]
    (gradient,) = torch.autograd.grad(pair_family.anchor_losses(member, MARGINS).sum(), MARGINS)
    torch.testing.assert_close(pair_family.pair_weights(member, MARGINS), gradient, rtol=1e-12, atol=1e-13)
    row = MARGINS.detach()[0, 0]
    hessian = torch.autograd.functional.hessian(lambda u: pair_family.anchor_losses(member, u[None])[0], row)
    torch.testing.assert_close(pair_family.weight_slopes(member, row[None])[0], hessian, rtol=1e-12, atol=1e-13)
    assert torch.autograd.gradcheck(lambda u: pair_family.anchor_losses(member, u).sum(), MARGINS)


@pytest.mark.parametrize("member", [*(FAMILY[name] for name in FAMILY), DECOUPLED], ids=lambda member: member.name)
def test_conjugate_touches_at_the_weights_and_stays_above(member):
    if member.conjugate is None:
        assert member.name == "modified triplet"
        return
    u = MARGINS.detach()
    alpha = pair_family.pair_weights(member, u)
    gap = member.conjugate(alpha) - (alpha * u).sum(-1) + pair_family.anchor_losses(member, u)
    torch.testing.assert_close(gap, torch.zeros_like(gap), rtol=0, atol=1e-13)
    others = pair_family.pair_weights(member, u.roll(1, dims=0))
    gap = member.conjugate(others) - (others * u).sum(-1) + pair_family.anchor_losses(member, u)
    assert gap.min() > -1e-13


@pytest.mark.parametrize("name", ["InfoNCE", "triplet", "quadratic", "lifted structure"])
def test_conjugate_is_infinite_outside_its_domain(name):
    outside = torch.tensor([-0.1, 0.9, 0.1], dtype=torch.float64)
    assert FAMILY[name].conjugate(outside) == torch.inf
    assert DECOUPLED.conjugate(torch.tensor([0.2, 0.2], dtype=torch.float64)) == torch.inf
    assert FAMILY["InfoNCE"].conjugate(torch.tensor([0.8, 0.7], dtype=torch.float64)) == torch.inf


def test_covariance_is_the_double_sum_and_twice_the_energy():
    w, a, b = weights(5, 4), (normal(5, 3), normal(5, 3)), (normal(5, 2), normal(5, 2))
    expected = torch.zeros(3, 2, dtype=torch.float64)
    for i in range(5):
        for j in range(5):
            between = torch.outer(a[0][i] - a[0][j], b[0][i] - b[0][j])
            expected += w[i, j] * (between - torch.outer(a[0][i] - a[1][i], b[0][i] - b[1][i]))
    torch.testing.assert_close(pair_family.contrastive_covariance(w, *a, *b), expected, rtol=1e-13, atol=1e-13)
    trace = torch.trace(pair_family.contrastive_covariance(w, *a))
    torch.testing.assert_close(pair_family.energy(w, *a), trace / 2, rtol=1e-13, atol=1e-13)


def test_batches_lead_and_vmap_passes():
    w, a, b = weights(7, 5, 4), normal(7, 5, 3), normal(7, 5, 3)
    mapped = torch.func.vmap(pair_family.contrastive_covariance)(w, a, b)
    torch.testing.assert_close(pair_family.contrastive_covariance(w, a, b), mapped, rtol=1e-13, atol=1e-13)
    one_by_one = torch.stack([pair_family.energy(*each) for each in zip(w, a, b, strict=True)])
    torch.testing.assert_close(pair_family.energy(w, a, b), one_by_one, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pair_family.half_squared_distances(torch.ones(3, 2), torch.ones(2, 2)), r"\(3, 2\) and \(2, 2\)"),
        (lambda: pair_family.half_squared_distances(torch.ones(1, 2), torch.ones(1, 2)), "n >= 2"),
        (lambda: pair_family.off_diagonal(torch.ones(2, 3)), r"matrix has shape \(2, 3\)"),
        (lambda: pair_family.square(torch.ones(3, 3)), r"packed has shape \(3, 3\)"),
        (lambda: pair_family.infonce(temperature=0.0, positive_weight=1.0), "temperature is 0"),
        (lambda: pair_family.infonce(temperature=1.0, positive_weight=-1.0), "positive_weight is -1"),
        (lambda: pair_family.soft_triplet(temperature=-1.0, margin=0.0), "temperature is -1"),
        (lambda: pair_family.modified_triplet(slope=0.0), "slope is 0"),
        (lambda: pair_family.energy(torch.ones(2, 2), torch.ones(2, 1), torch.ones(2, 1)), "diagonal up to 1"),
        (lambda: pair_family.energy(torch.zeros(2, 2), torch.ones(3, 1), torch.ones(3, 1)), r"weights have shape"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
