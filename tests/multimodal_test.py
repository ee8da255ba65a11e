import numpy as np
import pytest

from helpers.papers.multimodal_svd import spiked_model
from helpers.spectral import subspaces

EPS = np.finfo(float).eps


def model_of(rng, **changes):
    options = {"dimensions": (7, 6), "rank": 2, "noise": (0.2, 0.1), "signals": ([1.0, 0.6], [1.0, 0.8])} | changes
    return spiked_model.spiked_model(rng, **options)


def test_frames_are_orthonormal_and_rotation_invariant():
    frames = spiked_model.random_frames(np.random.default_rng(0), 5, 2, shape=(4000,))
    assert np.allclose(np.swapaxes(frames, -1, -2) @ frames, np.eye(2))
    projectors = (frames @ np.swapaxes(frames, -1, -2)).mean(0)
    assert np.abs(projectors - 0.4 * np.eye(5)).max() < 0.03
    assert abs(frames[:, 0, 0].mean()) < 0.05  # without the sign of the QR factor every entry would lean one way


@pytest.mark.parametrize(("n", "share"), [(10, 0.0), (10, 0.2), (9, 0.5), (11, 1.0)])
def test_pairings_have_exactly_the_wrong_count_in_one_cycle(n, share):
    wrong = spiked_model.wrong_count(n, share)
    for pairing in spiked_model.pairings(np.random.default_rng(1), 50, n, share=share):
        assert sorted(pairing) == list(range(n))
        moved = np.flatnonzero(pairing != np.arange(n))
        assert len(moved) == wrong
        if wrong:
            item, steps = pairing[moved[0]], 1
            while item != moved[0]:
                item, steps = pairing[item], steps + 1
            assert steps == wrong


@pytest.mark.parametrize(("n", "share"), [(10, 0.1), (4, 1.3), (4, -0.5)])
def test_impossible_shares_are_refused(n, share):
    with pytest.raises(ValueError, match="wrong pairs, expected 0 or 2"):
        spiked_model.wrong_count(n, share)


def test_draws_have_the_covariances_of_the_model():
    rng = np.random.default_rng(2)
    root = rng.standard_normal((7, 7)) / 3
    model = model_of(rng, noise=(root @ root.T, np.linspace(0.1, 0.6, 6)))
    pairing = spiked_model.pairings(rng, 40, 500, share=0.4)
    for law in spiked_model.LAWS:
        left, right = spiked_model.draw(model, pairing, rng, law=law)
        own = np.einsum("bnp,bnq->pq", left, left) / pairing.size
        expected = (model.left_basis * model.left_signal) @ model.left_basis.T + root @ root.T
        assert np.abs(own - expected).max() < 0.05
        mates = np.take_along_axis(left, pairing[..., None], axis=1)
        assert np.abs(np.einsum("bnp,bnq->pq", mates, right) / pairing.size - model.signal).max() < 0.05
        assert np.abs(np.einsum("bnp,bnq->pq", left, right) / pairing.size - 0.6 * model.signal).max() < 0.05


def test_models_with_many_subspaces_draw_one_each():
    rng = np.random.default_rng(3)
    model = model_of(rng, shape=(4,), noise=(0.0, 0.0))
    left, right = spiked_model.draw(model, spiked_model.pairings(rng, 4, 30, share=0.0), rng)
    errors = spiked_model.recovery_errors(
        spiked_model.contrastive_cross_covariance(left, right), model.left_basis, model.right_basis
    )
    assert np.max(errors) < 1e-12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"signals": ([1.0], [1.0, 1.0])}, "signals have shapes"),
        ({"rank": 9, "signals": None}, "columns is 9"),
    ],
)
def test_bad_models_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        model_of(np.random.default_rng(0), **changes)


@pytest.mark.parametrize(
    ("noise", "message"),
    [((np.ones(3), 0.1), r"noise has shape \(3,\)"), ((np.diag([-1.0] + [1.0] * 6), 0.1), "positive semidefinite")],
)
def test_bad_noise_is_refused_when_drawn(noise, message):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=message):
        spiked_model.draw(model_of(rng, noise=noise), np.arange(5), rng)


def test_unknown_laws_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="law is 'cauchy'"):
        spiked_model.draw(model_of(rng), np.arange(5), rng, law="cauchy")


def test_the_centred_product_is_the_difference_of_pair_means():
    rng = np.random.default_rng(4)
    left, right = rng.standard_normal((3, 9, 4)) + 2, rng.standard_normal((3, 9, 5)) - 1
    pairs = np.einsum("bip,biq->bpq", left, right)
    strangers = np.einsum("bip,bjq->bpq", left, right) - pairs
    difference = pairs / 9 - strangers / 72
    assert np.allclose(spiked_model.contrastive_cross_covariance(left, right), difference, rtol=0, atol=1e-13)


def test_softmax_weights_are_means_of_two_softmaxes_and_do_not_overflow():
    scores = np.random.default_rng(5).standard_normal((4, 6, 6)) * 1000
    weights = spiked_model.softmax_weights(scores, temperature=0.5)
    assert np.allclose(weights.sum((-2, -1)), 6)
    small = spiked_model.softmax_weights(scores / 1000, temperature=0.5)
    rows, columns = np.exp(scores / 500), np.exp(scores / 500)
    expected = (rows / rows.sum(-1, keepdims=True) + columns / columns.sum(-2, keepdims=True)) / 2
    assert np.allclose(small, expected)
    with pytest.raises(ValueError, match="temperature is 0"):
        spiked_model.softmax_weights(scores, temperature=0)
    with pytest.raises(ValueError, match="expected"):
        spiked_model.softmax_weights(scores[:, :3], temperature=1.0)


def test_clip_cross_covariance_is_the_weighted_sum():
    rng = np.random.default_rng(6)
    left, right, scores = rng.standard_normal((7, 3)), rng.standard_normal((7, 4)), rng.standard_normal((7, 7))
    weights = 1.7 * np.eye(7) - spiked_model.softmax_weights(scores, temperature=0.4)
    expected = np.einsum("ip,ij,jq->pq", left, weights, right) / 7
    found = spiked_model.clip_cross_covariance(left, right, scores, temperature=0.4, positive_weight=1.7)
    assert np.allclose(found, expected)
    with pytest.raises(ValueError, match="scores has shape"):
        spiked_model.clip_cross_covariance(left, right, scores[:5, :5], temperature=0.4, positive_weight=1.0)


def test_best_coupling_and_encoders_agree():
    target = np.random.default_rng(7).standard_normal((5, 6, 4))
    coupling = spiked_model.best_coupling(target, rank=2, penalty=0.3)
    left, right = spiked_model.best_encoders(target, rank=2, penalty=0.3)
    assert np.allclose(np.swapaxes(left, -1, -2) @ right, coupling)
    assert np.allclose(left @ np.swapaxes(left, -1, -2), right @ np.swapaxes(right, -1, -2))
    assert np.allclose(np.linalg.matrix_rank(coupling), 2)


def test_penalties_that_are_not_positive_are_refused():
    for function in (spiked_model.best_coupling, spiked_model.best_encoders):
        with pytest.raises(ValueError, match="penalty is 0"):
            function(np.eye(3), rank=1, penalty=0)


def test_samples_that_do_not_pair_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 2\) and \(5, 2\)"):
        spiked_model.contrastive_cross_covariance(np.ones((4, 2)), np.ones((5, 2)))


def test_recovery_errors_look_at_both_sides():
    frames = spiked_model.random_frames(np.random.default_rng(8), 6, 2, shape=(2,))
    target = frames[0] @ np.diag([2.0, 1.0]) @ frames[1].T
    other = spiked_model.random_frames(np.random.default_rng(9), 6, 2)
    left, right = spiked_model.recovery_errors(target, frames[0], other)
    assert left < 1e-12
    assert np.isclose(right, subspaces.sin_theta(frames[1], other))


def test_the_first_order_law_in_the_isotropic_case_and_against_a_simulation():
    rng = np.random.default_rng(10)
    flat = model_of(rng, signals=None)
    left, right = spiked_model.first_order_error(flat, 100, share=0.5)
    assert np.isclose(left, 2 * 5 * 0.2 * 1.1 / 25)
    assert np.isclose(right, 2 * 4 * 0.1 * 1.2 / 25)
    root = rng.standard_normal((7, 7)) / 6
    model = model_of(rng, noise=(root @ root.T, np.linspace(0.05, 0.3, 6)))
    pairing = spiked_model.pairings(rng, 150, 3000, share=0.3)
    covariance = spiked_model.contrastive_cross_covariance(*spiked_model.draw(model, pairing, rng))
    errors = spiked_model.recovery_errors(covariance, model.left_basis, model.right_basis)
    for error, law in zip(errors, spiked_model.first_order_error(model, 3000, share=0.3), strict=True):
        assert abs((error**2).mean() / law - 1) < 0.15


def test_deviation_scale_counts_effective_ranks():
    model = model_of(np.random.default_rng(0), noise=(0.0, np.array([1.0, 1.0, 0, 0, 0, 0])))
    assert np.isclose(spiked_model.deviation_scale(model, 50), np.sqrt((2 + 2) * np.log(63) / 50))
