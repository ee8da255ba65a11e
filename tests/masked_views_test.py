import numpy as np
import pytest

from helpers.papers.multimodal_svd import concentration, masking, recovery_laws, spiked_model

EPS = np.finfo(float).eps


def test_population_bias_agrees_with_the_eigenvectors():
    rng = np.random.default_rng(0)
    frames = spiked_model.random_frames(rng, 60, 3, shape=(4,))
    covariance = frames @ np.swapaxes(frames, 1, 2) + 0.3 * np.eye(60)
    exact = masking.recovery_errors(covariance, frames)
    assert np.allclose(masking.population_bias(frames), exact, rtol=0, atol=64 * EPS * 60)
    assert masking.haar_biases(rng, 2, [40, 80], draws=3).shape == (2, 3)


def test_a_coherent_subspace_is_refused():
    with pytest.raises(ValueError, match="the largest leverage is 1, expected below 1/2"):
        masking.population_bias(np.eye(5)[:, :2])
    with pytest.raises(ValueError, match="no convergence in 2 steps"):
        masking.population_bias(spiked_model.random_frames(np.random.default_rng(0), 40, 2), steps=2)


@pytest.mark.parametrize(("rank", "dimension"), [(1, 16), (3, 64), (5, 128)])
def test_two_level_closed_form(rank, dimension):
    frame = masking.two_level_frame(rank, dimension)
    assert np.allclose(frame.T @ frame, np.eye(rank))
    assert masking.two_level_bias(rank, dimension) == pytest.approx(masking.population_bias(frame), abs=1e-14)


@pytest.mark.parametrize("dimension", [48, 4])
def test_two_level_dimensions_are_checked(dimension):
    with pytest.raises(ValueError, match=f"dimension is {dimension}"):
        masking.two_level_frame(3, dimension)


def test_separate_masks_by_enumeration():
    samples = np.random.default_rng(1).standard_normal((2, 3))
    masks = (concentration.sign_vectors(6) + 1).reshape(-1, 2, 3) / 2
    mean = spiked_model.contrastive_cross_covariance(samples * masks, samples * (1 - masks)).mean(axis=0)
    assert np.allclose(mean, masking.separate_masks(samples), rtol=0, atol=64 * EPS)


def test_directions_without_positive_eigenvalue_are_not_learnt():
    frame = masking.learnt_frame(np.diag([1.0, -2.0, -3.0]), 2)
    assert np.allclose(np.abs(frame), [[1, 0], [0, 0], [0, 0]])


def test_minimiser_takes_positive_eigenvalues():
    matrix = np.diag([1.0, 0.4, -2.0])
    found, gradients = masking.minimise_from_random_starts(
        matrix, np.random.default_rng(2), rank=2, penalty=0.5, starts=3
    )
    assert gradients.max() < 1e-6
    assert np.allclose(found, np.diag([2.0, 0.8, 0.0]), atol=1e-6)


def test_break_even_balances_the_two_errors():
    options = {"noise": 0.3, "other_noise": 0.6, "share": 0.4, "bias": 0.05}
    n = masking.break_even(3, 40, **options)
    paired = 3 * 37 * 0.3 * 1.6 / (n * 0.36)
    assert masking.masked_error(3, 40, n, noise=0.3, bias=0.05) == pytest.approx(paired)
    with pytest.raises(ValueError, match="bias is 0"):
        masking.break_even(3, 40, noise=0.3, other_noise=0.3, share=0.1, bias=0.0)


def test_contests_of_several_shares():
    rng = np.random.default_rng(5)
    model = masking.isotropic_model(masking.two_level_frame(2, 16), rng, noise=(0.2, 0.3))
    squares = masking.contests(model, [[500, 1000], [2000, 4000]], rng, shares=(0.0, 0.5), draws=3)
    assert squares.shape == (2, 2, 2, 3)
    assert (model.left_noise, model.right_noise) == (0.2, 0.3)


def test_a_contest_uses_one_sample_in_blocks():
    rng = np.random.default_rng(3)
    model = recovery_laws.isotropic(rng, left=20, right=10, rank=2, left_level=0.3, right_level=0.3)
    masked, paired = masking.contest(model, 3000, rng, share=0.5, draws=7, block=13_000)
    assert masked.shape == paired.shape == (7,)
    assert np.all(paired < 0.1)


def test_shared_masks_by_enumeration():
    samples = np.random.default_rng(4).standard_normal((3, 3))
    masks = (concentration.sign_vectors(3).reshape(-1, 1, 3) + 1) / 2
    mean = spiked_model.contrastive_cross_covariance(samples * masks, samples * (1 - masks)).mean(axis=0)
    own = spiked_model.contrastive_cross_covariance(samples, samples)
    assert np.allclose(mean, masking.shared_masks(own), rtol=0, atol=64 * EPS)


def test_masked_errors_have_the_bias_and_the_variance():
    rng = np.random.default_rng(6)
    model = masking.isotropic_model(masking.two_level_frame(2, 64), rng, noise=(0.2, 0.2))
    few, many = (masking.contest(model, n, rng, share=0.0, draws=200)[0] for n in (3000, 6000))
    bias = masking.two_level_bias(2, 64) ** 2
    ratios = [
        (squares - bias) / masking.masked_error(2, 64, n, noise=0.2, bias=0.0)
        for squares, n in ((few, 3000), (many, 6000))
    ]
    limit = 2 * ratios[1] - ratios[0]
    assert abs(limit.mean() - 1) < 4 / 64 + 5 * limit.std() / np.sqrt(200)


def test_separate_masks_of_three_samples_by_enumeration():
    samples = np.random.default_rng(2).standard_normal((3, 2))  # two samples do not tell n (n - 1) from n
    masks = (concentration.sign_vectors(6) + 1).reshape(-1, 3, 2) / 2
    mean = spiked_model.contrastive_cross_covariance(samples * masks, samples * (1 - masks)).mean(axis=0)
    assert np.allclose(mean, masking.separate_masks(samples), rtol=0, atol=64 * EPS)
