import numpy as np
import pytest

from helpers.papers.multimodal_svd import gaussian_sampling, recovery_laws, spiked_model

EPS = np.finfo(float).eps


def measured_next_order(model, n, rng, *, share, draws, third=False):
    """Mean and standard error: the squared error minus the first-order term of the same sample, whose mean is exact.

    ``third`` also subtracts the terms of third order in the fluctuations; their mean, third cumulants, is put back.
    """
    U, V, r, right = model.left_basis, model.right_basis, model.rank, 1 - share
    cross = gaussian_sampling.sample_covariances(model, gaussian_sampling.one_cycle(n, share), rng, draws=draws)[1]
    error = spiked_model.recovery_errors(cross, U, V)[0] ** 2
    moved = cross @ V / right
    outside = moved - U @ (U.T @ moved)
    first = spiked_model.first_order_error(model, n, share=share)[0]  # the linear term has the mean first n / (n - 1)
    left = error - np.sum(outside**2, axis=(1, 2))
    mean = 1 / (n - 1)
    if third:
        inside = U.T @ moved - (1 - share * n / (n - 1)) / right * np.eye(r)  # without its mean
        back = np.swapaxes(cross, 1, 2) @ U / right
        back = back - V @ (V.T @ back)  # the right side's linear term
        through = (cross / right - U @ (U.T @ cross) / right) @ back
        left = left - 2 * np.sum(outside * (through - outside @ inside), axis=(1, 2))
        b, q = model.right_noise, len(V)
        mean += (2 * (q - r) * b / (1 + b) - 2 * (r + 1)) / n
    left = left / first + mean
    return left.mean(), left.std() / np.sqrt(draws)


def variants(model, n, share):
    """The next order with one thing wrong, by what is wrong."""
    exact = recovery_laws.next_order(model, n, share=share)
    q, r = len(model.right_basis), model.rank
    a, b, right = model.left_noise, model.right_noise, 1 - share
    return {
        "no divisor 1 + b": (q - r) * b**2 * (1 + a) * (1 - 1 / (1 + b)) / right**2 / n,
        "1 + a for (1 + a)(1 + b)": -(r + 2) * (1 + a) * b / right**2 / n,
        "p for p + 1": a * (1 + b) / right**2 / n,
        "r for r + 1": 2 / n,
        "no centring": -(1 + share) / (1 - share) / n,
        "nothing at all": -exact,
    }


@pytest.mark.parametrize(("sizes", "levels", "share", "n", "draws", "third", "noticed"), [
    ((8, 26, 6), (0.5, 1.0), 0.0, 1000, 6000, True, ("no divisor 1 + b", "1 + a for (1 + a)(1 + b)")),
    ((4, 3, 2), (0.4, 0.4), 0.4, 1000, 12_000, True, ("no centring", "1 + a for (1 + a)(1 + b)")),
    ((14, 2, 1), (1.0, 0.3), 0.0, 1000, 12_000, True, ("p for p + 1",)),
    ((5, 3, 1), (0.3, 0.8), 0.0, 400, 40_000, False, ("r for r + 1",)),
])  # fmt: skip
def test_next_order_is_what_the_first_order_leaves(sizes, levels, share, n, draws, third, noticed):
    rng = np.random.default_rng(0)
    options = dict(zip(("left", "right", "rank"), sizes, strict=True))
    model = recovery_laws.isotropic(rng, **options, left_level=levels[0], right_level=levels[1])
    options = {"share": share, "draws": draws // 12, "third": third}
    parts = [measured_next_order(model, n, rng, **options) for _ in range(12)]
    value = np.mean([mean for mean, _ in parts])
    error = np.sqrt(np.mean([error**2 for _, error in parts]) / 12)
    exact = recovery_laws.next_order(model, n, share=share)
    slack = 3 * error + exact**2
    assert abs(value - exact) < slack
    for name in (*noticed, "nothing at all"):
        assert abs(value - exact - variants(model, n, share)[name]) > slack, name


def test_next_order_is_for_isotropic_models():
    model = recovery_laws.isotropic(np.random.default_rng(1), rank=2, signals=[1.0, 0.5])
    with pytest.raises(ValueError, match="unit signal variances"):
        recovery_laws.next_order(model, 100, share=0.0)


def test_bound_is_capped_and_falls():
    model = recovery_laws.isotropic(np.random.default_rng(2))
    bound = recovery_laws.uniform_bound(model, np.array([10, 10**5, 10**7]), share=0.5)
    assert bound[0] == np.sqrt(3)
    assert np.all(np.diff(bound) < 0)


def test_sweeps_broadcast_and_refuse_unequal_lengths():
    assert [n for _, n, _ in recovery_laws.sweep(None, 7, [0.0, 0.5])] == [7, 7]
    with pytest.raises(ValueError, match=r"lengths \[2, 3\]"):
        recovery_laws.sweep(None, [1, 2], [0.0, 0.1, 0.2])
    with pytest.raises(ValueError, match="expected one length"):
        recovery_laws.sweep(None, 1, 0.0)
    model = recovery_laws.isotropic(np.random.default_rng(3))
    assert recovery_laws.next_orders(model, [1000, 2000], 0.0).shape == (2,)


def test_random_instances_satisfy_the_assumptions():
    rng = np.random.default_rng(4)
    for _ in range(50):
        model, n, share = recovery_laws.random_instance(rng)
        assert model.left_signal[0] == model.right_signal[0] == 1
        assert max(np.max(model.left_noise), np.max(model.right_noise)) <= 1
        assert spiked_model.wrong_count(n, share) < n


def test_sampled_recovery_agrees_with_the_fast_one():
    model = recovery_laws.isotropic(np.random.default_rng(9), left=8, right=7, rank=2)
    rng = np.random.default_rng(10)
    slow = recovery_laws.sampled_recovery(model, 300, rng, share=0.5, draws=300, law="gaussian", block=50_000)
    fast = gaussian_sampling.recovery(model, 300, rng, share=0.5, draws=300)
    assert np.all(np.abs(slow.mean(1) - fast.mean(1)) < 5 * np.sqrt((slow.var(1) + fast.var(1)) / 300))


def test_noise_is_replaced():
    model = recovery_laws.with_noise(recovery_laws.isotropic(np.random.default_rng(11)), right=2.0)
    assert (model.left_noise, model.right_noise) == (0.25, 2.0)


def test_noise_has_the_stated_variances():
    noise = recovery_laws.rotated_noise(np.random.default_rng(19), 5, 0.05, 0.4)
    values = np.linalg.eigvalsh(noise)
    assert np.allclose(noise, noise.T)
    assert values.min() >= 0.05 - 64 * EPS
    assert values.max() <= 0.4 + 64 * EPS
    assert np.abs(noise - np.diag(np.diag(noise))).max() > 0.01  # not along the axes
