"""Teacher filtering: moments against simulation, the law against an unfiltered case, refusals."""

import numpy as np
import pytest

from helpers.papers.multimodal_svd import filtering, pseudo_pairs, spiked_model


def test_teacher_keeps_the_pairs_it_believes():
    rng = np.random.default_rng(0)
    left, right = rng.standard_normal((2, 6, 4)), rng.standard_normal((2, 6, 3))
    encoders = rng.standard_normal((2, 2, 4)), rng.standard_normal((2, 2, 3))
    kept = filtering.believed(left, right, encoders, threshold=0.2)
    covariance = filtering.kept_covariance(left, right, kept)
    for b in range(2):
        scores = pseudo_pairs.inner_product_scores(left[b], right[b], (encoders[0][b], encoders[1][b]))
        assert np.array_equal(kept[b], scores.diagonal() > 0.2)
        assert np.allclose(covariance[b], left[b][kept[b]].T @ right[b][kept[b]] / 6, atol=1e-14)


@pytest.mark.parametrize("true_pair", [True, False])
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 2.0])
def test_moments_against_simulation(true_pair, threshold):
    rng, rank, n = np.random.default_rng(1), 3, 200_000
    z = rng.standard_normal((n, rank))
    a = z + np.sqrt(0.3) * rng.standard_normal((n, rank))
    b = (z if true_pair else rng.standard_normal((n, rank))) + np.sqrt(0.6) * rng.standard_normal((n, rank))
    score = np.sum(a * b, axis=1)
    kept = score > threshold
    found = filtering.kept_moments(rank, left_noise=0.3, right_noise=0.6, threshold=threshold, true_pair=true_pair)
    for value, samples in (
        (found.share, kept),
        (found.signal, score * kept / rank),
        (found.energy, np.sum(b**2, axis=1) * kept),
    ):
        assert abs(samples.mean() - value) < 5 * samples.std() / np.sqrt(n)


def test_without_a_threshold_the_law_is_that_of_the_linear_loss():
    model = spiked_model.spiked_model(np.random.default_rng(0), dimensions=(9, 8), rank=3, noise=(0.3, 0.6))
    share = np.array([0.0, 0.4, 0.7])
    law = filtering.filtered_error(model, 100, share=share, threshold=-1e9)
    assert np.allclose(law, spiked_model.first_order_error(model, 100, share=share)[0], rtol=1e-6)


def test_comparison_has_the_law_s_level():
    rng = np.random.default_rng(3)
    model = spiked_model.spiked_model(rng, dimensions=(9, 8), rank=3, noise=(0.2, 0.2), shape=(30,))
    plain, perfect, learnt = filtering.compare(model, rng, 2000, share=0.5).mean(axis=1)
    assert abs(perfect / filtering.filtered_error(model, 2000, share=0.5, threshold=0.0) - 1) < 0.2
    assert perfect < 1.1 * learnt
    assert learnt < plain


def test_refusals():
    model = spiked_model.spiked_model(np.random.default_rng(0), dimensions=(9, 8), rank=3, noise=(np.ones(9), 0.6))
    with pytest.raises(ValueError, match="scalar noise"):
        filtering.filtered_error(model, 100, share=0.5, threshold=0.0)
