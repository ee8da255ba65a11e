import itertools
import math

import numpy as np
import pytest
import torch

from helpers.information import finite_samples
from helpers.papers.spectral_clustering import finite_negatives


def instance(*shape, scale, seed=0):
    """Transition matrices and log-kernels of ``shape[-1]`` objects; every test draws its own."""
    generator = torch.Generator().manual_seed(seed)
    points = scale * torch.randn(*shape, 2, dtype=torch.float64, generator=generator)
    transition = torch.rand(*shape, shape[-1], dtype=torch.float64, generator=generator)
    return transition / transition.sum(-1, keepdim=True), -torch.cdist(points, points).square() / 2


def test_compositions_are_all_there_once():
    found = finite_samples.compositions(5, 3)
    assert found.shape == (math.comb(7, 2), 3)
    assert (found.sum(1) == 5).all()
    assert (found >= 0).all()
    assert found.tolist() == sorted(found.tolist())
    assert len({tuple(row.tolist()) for row in found}) == len(found)
    assert finite_samples.compositions(5, 1).tolist() == [[5.0]]


def test_expected_infonce_equals_the_sum_over_all_sequences():
    transition, log_kernel = instance(3, scale=1.0)
    kernel, total = log_kernel.exp(), 0.0
    for drawn in itertools.product(range(3), repeat=3):
        for i, j in itertools.product(range(3), repeat=2):
            denominator = kernel[i, j] + sum(kernel[i, k] for k in drawn)
            total += transition[i, j] / 3 / 27 * torch.log(denominator / kernel[i, j])
    found = finite_negatives.expected_infonce(transition, log_kernel, candidates=4)
    assert found.item() == pytest.approx(total.item(), rel=1e-13)


def test_expected_infonce_takes_a_batch():
    one, two = instance(3, scale=1.0), instance(3, scale=0.5, seed=1)
    both = [torch.stack(pair) for pair in zip(one, two, strict=True)]
    found = finite_negatives.expected_infonce(*both, candidates=5)
    assert torch.allclose(found, torch.stack([finite_negatives.expected_infonce(*x, candidates=5) for x in (one, two)]))


def test_expected_infonce_in_blocks_has_the_same_value_and_gradient(monkeypatch):
    transition, log_kernel = instance(4, scale=1.0)
    seen = []
    for block in (finite_samples.BLOCK, 16 * 100):  # 1,540 counts: one block, and 16 blocks of which the last is short
        monkeypatch.setattr(finite_samples, "BLOCK", block)
        point = log_kernel.clone().requires_grad_()
        value = finite_negatives.expected_infonce(transition, point, candidates=20)
        seen.append(torch.cat([value.detach().view(1), *torch.autograd.grad(value, point)[0]]))
    assert len(finite_samples.compositions(19, 4)) == 1540
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-13, atol=1e-15)


def test_a_block_holds_no_more_numbers_than_it_may(monkeypatch):
    sizes = []

    def term(counts, chance):
        sizes.append(len(counts))
        return (counts[:, 0] * chance).sum()

    monkeypatch.setattr(finite_samples, "BLOCK", 70)
    counts, chance = finite_samples.multinomial(torch.tensor([0.25, 0.75]).double(), 20)
    assert finite_samples.sum_in_blocks(term, counts, chance, width=10).item() == pytest.approx(5)
    assert sizes == [7, 7, 7]


def test_more_counts_than_memory_holds_are_refused():
    transition, log_kernel = instance(5, scale=1.0)
    with pytest.raises(ValueError, match="255 draws of 5 atoms have 183,181,376 counts, expected at most 8,388,608"):
        finite_negatives.expected_infonce(transition, log_kernel, candidates=256)


@pytest.mark.parametrize("seed", range(3))
def test_the_expansion_has_the_coefficients_of_the_exact_expectation(seed):
    """Route of its own: the first powers of 1/N fitted to exact values, no Taylor series of a logarithm.

    Seven powers leave the eighth, whose coefficient a fit of eight powers gives; doubled, for what follows it. Values
    of size one carry a rounding of 64 eps (sums over all counts), which the fit magnifies.
    """
    counts = np.array([32, 48, 64, 96, 128, 192, 256, 384])
    transition, log_kernel = instance(20, 3, scale=0.6, seed=seed)
    kernel = log_kernel.exp()
    limit = -(transition * torch.log(kernel / kernel.sum(-1, keepdim=True))).sum(-1).mean(-1)
    exact = [finite_negatives.expected_infonce(transition, log_kernel, candidates=int(count)) for count in counts]
    values = torch.stack([one - limit - math.log(count / 3) for one, count in zip(exact, counts, strict=True)]).numpy()
    eighth = np.linalg.solve((1 / counts)[:, None] ** np.arange(1, 9), values)[7]
    fit = np.linalg.inv((1 / counts[1:])[:, None] ** np.arange(1, 8))[:3]
    tolerance = 2 * np.abs(eighth) * np.abs(fit @ (1 / counts[1:]) ** 8)[:, None]
    tolerance += 64 * np.finfo(float).eps * np.abs(fit).sum(1, keepdims=True)
    found = torch.stack(finite_negatives.expansion(transition, log_kernel)).numpy()
    missed = np.abs(found - fit @ values[1:]) / tolerance
    assert (missed <= 1).all()
    nearby = np.abs(1.05 * found - fit @ values[1:]) / tolerance
    assert (nearby.max(axis=1) > 1).all()  # a coefficient off by a twentieth would be seen


def test_moved_minimiser_is_second_order_accurate():
    functions = [
        lambda x: (x.square() + 0.2 * x.pow(3)).sum() + x[0] * x[1],
        lambda x: (torch.sin(x) * torch.tensor([1.0, 2.0])).sum(),
        lambda x: torch.exp(x).sum(),
    ]
    start = torch.zeros(2, dtype=torch.float64)
    first, second = finite_negatives.moved_minimiser(functions, start)
    errors = []
    for count in (64, 128):
        exact = finite_negatives.newton(lambda x, m=count: sum(f(x) / m**k for k, f in enumerate(functions)), start)
        errors.append((exact - first / count - second / count**2).norm().item())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(3.0, abs=0.2)


def test_refusals():
    transition, log_kernel = instance(3, scale=1.0)
    with pytest.raises(ValueError, match="candidates is 1"):
        finite_negatives.expected_infonce(transition, log_kernel, candidates=1)
    with pytest.raises(ValueError, match=r"transition has shape \(3, 3\), log_kernel \(2, 2\)"):
        finite_negatives.expected_infonce(transition, log_kernel[:2, :2], candidates=4)
    with pytest.raises(ValueError, match="total is -1"):
        finite_samples.compositions(-1, 3)
    with pytest.raises(ValueError, match="no minimum found"):
        finite_negatives.newton(lambda x: -x.square().sum(), torch.ones(2, dtype=torch.float64))


@pytest.mark.parametrize(("images", "views"), [(4, 3), (5, 2), (3, 4)])
def test_all_batches_are_two_images_with_two_views_each(images, views):
    found = finite_negatives.all_batches(images, views)
    assert found.shape == (math.comb(images, 2) * math.comb(views, 2) ** 2, 4)
    owner = found // views
    assert np.array_equal(owner[:, :2], owner[:, 2:])  # first views, then their partners
    assert (owner[:, 0] != owner[:, 1]).all()
    assert (found[:, :2] != found[:, 2:]).all()
    assert len({frozenset(row) for row in found.tolist()}) == len(found)


def test_expected_log_sum_equals_the_sum_over_all_counts():
    transition, log_kernel = instance(3, scale=0.7)
    kernel = log_kernel.exp().numpy()
    for candidates in (2, 5, 16):
        exact = finite_negatives.expected_infonce(transition, log_kernel, candidates=candidates).item()
        rows = 0.0
        for i in range(3):
            laplace = lambda t, row=kernel[i]: np.exp(-np.multiply.outer(t, row)).mean(-1)  # noqa: E731
            for j in range(3):
                found = finite_negatives.expected_log_sum(laplace, kernel[i, j], kernel[i].mean(), candidates - 1)
                rows += transition[i, j].item() * (found - log_kernel[i, j].item()) / 3
        assert rows == pytest.approx(exact, abs=1e-12)


def test_expected_log_sum_of_gamma_sums_is_a_digamma():
    for count in (1, 3, 50):  # unit exponentials: their sum is Gamma(count)
        found = finite_negatives.expected_log_sum(lambda t: 1 / (1 + t), 0.0, 1.0, count)
        assert found == pytest.approx(torch.digamma(torch.tensor(float(count), dtype=torch.float64)).item(), abs=1e-12)


@pytest.mark.parametrize(("offset", "mean", "count"), [(-1.0, 1.0, 3), (1.0, 0.0, 3), (0.0, 1.0, 0), (1.0, 1.0, -1)])
def test_expected_log_sum_refuses(offset, mean, count):
    said = f"offset is {offset}, count {count} and mean {mean}: expected a sum with a positive mean"
    with pytest.raises(ValueError, match=said):
        finite_negatives.expected_log_sum(lambda t: np.exp(-t), offset, mean, count)
