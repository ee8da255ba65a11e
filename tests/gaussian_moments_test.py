import numpy as np
import pytest

from helpers.papers.multimodal_svd import gaussian_sampling, spiked_model


def moments(samples):
    flat = samples.reshape(len(samples), -1)
    return flat.mean(axis=0), np.cov(flat.T), (flat - flat.mean(axis=0)) ** 3


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_covariances_have_the_law_of_drawn_data(share):
    rng, draws, n = np.random.default_rng(0), 12_000, 14
    turn = spiked_model.random_frames(rng, 3, 3)
    noise = (turn * [0.1, 0.3, 0.8]) @ turn.T, np.array([0.2, 0.5])
    model = spiked_model.spiked_model(rng, dimensions=(3, 2), rank=2, noise=noise, signals=([1, 0.5], [1, 0.7]))
    pairing = gaussian_sampling.one_cycle(n, share)
    fast = gaussian_sampling.sample_covariances(model, pairing, rng, draws=draws)
    left, right = spiked_model.draw(model, np.broadcast_to(pairing, (draws, n)), rng)
    slow = [spiked_model.contrastive_cross_covariance(left, side) for side in (left, right)]
    fast, slow = (np.concatenate([side.reshape(draws, -1) for side in pair], axis=1) for pair in (fast, slow))
    (mean, spread, third), (other_mean, other_spread, other_third) = moments(fast), moments(slow)
    error = np.sqrt(2 * np.diag(spread) / draws)
    assert np.all(np.abs(mean - other_mean) < 5 * error)
    scale = np.sqrt(np.outer(np.diag(spread), np.diag(spread)))
    assert np.all(np.abs(spread - other_spread) < 8 * np.sqrt(2 / draws) * scale)
    noise = np.sqrt((third.var(axis=0) + other_third.var(axis=0)) / draws)
    assert np.all(np.abs(third.mean(axis=0) - other_third.mean(axis=0)) < 5 * noise)


def test_no_noise_and_many_subspaces():
    rng = np.random.default_rng(1)
    model = spiked_model.spiked_model(rng, dimensions=(6, 5), rank=2, noise=(0.0, 0.0), shape=(4,))
    cross = gaussian_sampling.sample_covariances(model, gaussian_sampling.one_cycle(50, 0.5), rng, draws=4)[1]
    errors = spiked_model.recovery_errors(cross, model.left_basis, model.right_basis)
    assert np.max(errors) < 1e-12


def test_one_cycle_moves_exactly_the_wrong_ones():
    assert np.sum(gaussian_sampling.one_cycle(10, 0.4) != np.arange(10)) == 4
    assert gaussian_sampling.one_cycle(6, 0.0).tolist() == list(range(6))


def test_too_few_samples_are_refused():
    rng = np.random.default_rng(2)
    model = spiked_model.spiked_model(rng, dimensions=(6, 5), rank=2, noise=(0.1, 0.1))
    with pytest.raises(ValueError, match="freedom is 5, expected at least the dimension 6"):
        gaussian_sampling.recovery(model, 10, rng, share=0.0, draws=2)


def test_blocks_do_not_change_what_is_drawn_on_average():
    model = spiked_model.spiked_model(np.random.default_rng(3), dimensions=(8, 7), rank=2, noise=(0.1, 0.1))
    one, many = (
        gaussian_sampling.recovery(model, 400, np.random.default_rng(4), share=0.5, draws=400, block=block)
        for block in (10**7, 4000)
    )
    assert one.shape == many.shape == (2, 400)
    error = np.sqrt((one.var(axis=1) + many.var(axis=1)) / 400)
    assert np.all(np.abs(one.mean(axis=1) - many.mean(axis=1)) < 5 * error)


def test_pairings_of_other_cycles_and_grids():
    rng = np.random.default_rng(6)
    model = spiked_model.spiked_model(rng, dimensions=(8, 7), rank=2, noise=(0.1, 0.1))
    swaps = gaussian_sampling.pairing_recovery(model, np.arange(400) ^ 1, rng, draws=5, block=1600)
    assert swaps.shape == (2, 5)
    found = gaussian_sampling.grid(model, [100, 10_000], rng, shares=(0.0, 0.5), draws=10)
    assert found.shape == (2, 2, 10)
    assert np.all(found[:, 1].mean(axis=-1) < found[:, 0].mean(axis=-1) / 25)


def test_sweeps_are_made_of_single_recoveries():
    model = spiked_model.spiked_model(np.random.default_rng(5), dimensions=(8, 5), rank=2, noise=(0.1, 0.6))
    first, second = (np.random.default_rng(6) for _ in range(2))
    along = gaussian_sampling.root_mean_squares(model, [60, 90], first, shares=0.5, draws=7)
    squares = np.array([gaussian_sampling.recovery(model, n, second, share=0.5, draws=7) for n in (60, 90)])
    assert np.array_equal(along, np.sqrt(squares.mean(axis=2)).T)
    grid = gaussian_sampling.grid(model, [60, 90], first, shares=[0.0, 0.5], draws=7)
    for k, share in enumerate((0.0, 0.5)):
        for j, n in enumerate((60, 90)):
            left, _ = gaussian_sampling.recovery(model, n, second, share=share, draws=7)
            assert np.array_equal(grid[k, j], left)
