import numpy as np
import pytest

from helpers.papers.multimodal_svd import gaussian_sampling, recovery_laws, spiked_model

EPS = np.finfo(float).eps


@pytest.mark.parametrize(("left", "right", "rank", "levels", "share"), [
    (20, 30, 2, (0.4, 0.8), 0.4), (30, 20, 3, (0.8, 0.4), 0.0), (15, 15, 1, (0.7, 0.7), 0.5),
])  # fmt: skip
def test_next_order_explains_the_gap_to_the_first_order(left, right, rank, levels, share):
    rng, n, draws = np.random.default_rng(0), 2000, 3000
    options = {"left": left, "right": right, "rank": rank, "left_level": levels[0], "right_level": levels[1]}
    model = recovery_laws.isotropic(rng, **options)
    squares = gaussian_sampling.recovery(model, n, rng, share=share, draws=draws)[0]
    ratio = squares / spiked_model.first_order_error(model, n, share=share)[0]
    correction = recovery_laws.next_order(model, n, share=share)
    slack = 5 * ratio.std() / np.sqrt(draws) + 3 * correction**2
    assert abs(ratio.mean() - 1 - correction) < slack
    assert abs(correction) > slack / 2  # the test would notice a correction of the wrong sign


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


def test_first_order_sines_are_first_order():
    rng = np.random.default_rng(5)
    left, right = spiked_model.random_frames(rng, 7, 2), spiked_model.random_frames(rng, 6, 2)
    values, perturbation = np.array([1.0, 0.6]), rng.standard_normal((7, 6))
    gaps = []
    for size in (1e-3, 1e-4):
        matrix = (left * values) @ right.T + size * perturbation
        exact = spiked_model.recovery_errors(matrix, left, right)[0]
        gaps.append(abs(exact - recovery_laws.first_order_sines(left, values, right, size * perturbation)))
    assert gaps[1] < gaps[0] / 50


def test_split_norms_add_up_for_one_kind_of_pairs():
    model = recovery_laws.isotropic(np.random.default_rng(6), left=5, right=4, rank=2)
    centred, wrong, _ = recovery_laws.split_norms(model, 4000, np.random.default_rng(7), share=0.0, draws=3)
    assert wrong == 0
    assert centred < 0.3
    centred, wrong, whole = recovery_laws.split_norms(model, 4000, np.random.default_rng(7), share=1.0, draws=3)
    assert centred == whole == 0
    assert 0 < wrong < 0.3


def test_cycle_energy_of_independent_terms_is_one():
    energy = recovery_laws.cycle_energy(
        np.roll(np.arange(9), 1), np.random.default_rng(8), rank=2, level=0.5, draws=4000
    )
    assert abs(energy.mean() - 1) < 5 * energy.std() / np.sqrt(4000)


def test_sampled_recovery_agrees_with_the_fast_one():
    model = recovery_laws.isotropic(np.random.default_rng(9), left=8, right=7, rank=2)
    rng = np.random.default_rng(10)
    slow = recovery_laws.sampled_recovery(model, 300, rng, share=0.5, draws=300, law="gaussian", block=50_000)
    fast = gaussian_sampling.recovery(model, 300, rng, share=0.5, draws=300)
    assert np.all(np.abs(slow.mean(1) - fast.mean(1)) < 5 * np.sqrt((slow.var(1) + fast.var(1)) / 300))


def test_noise_is_replaced():
    model = recovery_laws.with_noise(recovery_laws.isotropic(np.random.default_rng(11)), right=2.0)
    assert (model.left_noise, model.right_noise) == (0.25, 2.0)


def test_random_recoveries_lie_below_their_bounds():
    errors, bounds = recovery_laws.random_recoveries(np.random.default_rng(12), 7)
    assert errors.shape == bounds.shape == (7,)
    assert np.all(errors < bounds)
    assert np.all(bounds**2 % 1 > 0)  # none has reached its cap, the root of an integer


def test_extrapolation_removes_the_next_order():
    rng = np.random.default_rng(13)
    model = recovery_laws.isotropic(rng, left=10, right=8, rank=2)
    ratios = recovery_laws.extrapolated_ratios(model, 500, rng, share=0.5, draws=300, law="uniform")
    assert np.all(np.abs(ratios.mean(axis=1) - 1) < 5 * ratios.std(axis=1) / np.sqrt(300))


def test_mean_over_signs_is_the_exact_mean():
    for pairing in ([0, 1, 2, 3], [1, 0, 2, 3], [1, 2, 3, 0]):
        right = sum(i == j for i, j in enumerate(pairing))
        assert recovery_laws.mean_over_signs(pairing) == pytest.approx((right - 1) / 3, abs=64 * EPS)


def test_mean_norms_have_the_trace():
    model = recovery_laws.isotropic(np.random.default_rng(14), left=30, right=20, rank=2)
    left, right = recovery_laws.mean_norms(model, 50, np.random.default_rng(15), draws=400, law="rademacher") * 50
    assert abs(left.mean() - (2 + 30 / 4)) < 5 * left.std() / 20
    assert abs(right.mean() - (2 + 20 / 4)) < 5 * right.std() / 20


def test_random_perturbations_have_the_stated_sizes():
    left, right, values, noise = recovery_laws.random_perturbations(np.random.default_rng(16), 50, rows=7, columns=6)
    assert np.allclose(np.swapaxes(left, 1, 2) @ left, np.eye(2))
    assert np.allclose(np.swapaxes(right, 1, 2) @ right, np.eye(2))
    assert (values[0].tolist(), values[-1].tolist()) == ([1.0, 0.02], [1.0, 1.0])
    assert np.all(np.abs(noise).max(axis=(1, 2)) < 6 * values[:, 1])


def test_split_sweep_has_a_column_a_point():
    model = recovery_laws.isotropic(np.random.default_rng(17), left=5, right=4, rank=2)
    found = recovery_laws.split_sweep(model, [100, 200], np.random.default_rng(18), shares=0.0, draws=2)
    assert found.shape == (3, 2)
    assert np.all(found[1] == 0)


def test_random_models_are_what_they_say():
    rng = np.random.default_rng(19)
    model = recovery_laws.random_isotropic(rng, 2)
    assert model.rank == 2
    assert 0.09 <= model.left_noise <= 0.49
    model = recovery_laws.uneven_model(rng, dimensions=(6, 5), signals=([1, 0.7], [1, 0.5]))
    values = np.linalg.eigvalsh(model.right_noise)
    assert model.right_noise.shape == (5, 5)
    assert values.min() >= 0.05 - 64 * EPS
    assert values.max() <= 0.4 + 64 * EPS
