"""Wrong formulas for notebook 4."""

import numpy as np
import torch
from faults import Fault

from helpers.losses import pair_loss_family
from helpers.papers.multimodal_svd import spiked_model

NOTEBOOK = "04_multimodal_svd"


def own_weight_minus_one(original):
    """beta_i with the printed - 1."""

    def signed_weights(member, scores, **options):
        sides = (scores, scores.mT)
        own = sum(pair_loss_family.anchor_slopes(member, side, **options).diagonal(dim1=-2, dim2=-1) for side in sides)
        return original(member, scores, **options) + torch.diag_embed(own / 2 - 1)

    return signed_weights


def divided_by_n(original):
    return lambda left, right: original(left, right) * (1 - 1 / np.shape(left)[-2])


def factor_on_the_softmax(_):
    def clip_cross_covariance(left, right, scores, *, temperature, positive_weight):
        weights = spiked_model.softmax_weights(scores, temperature=temperature)
        left, right = np.asarray(left), np.asarray(right)
        return np.swapaxes(left, -1, -2) @ (right - positive_weight * (weights @ right)) / left.shape[-2]

    return clip_cross_covariance


def factor_on_the_strangers(original):
    def anchor_losses(member, scores, *, self_weight, positive_factor):
        own = torch.diag_embed(scores.diagonal(dim1=-2, dim2=-1))
        moved = positive_factor * (scores - own) + own
        return original(member, moved, self_weight=self_weight, positive_factor=1.0)

    return anchor_losses


def softmax_over_rows(_):
    def softmax_weights(scores, *, temperature):
        scores = np.asarray(scores) / temperature
        rows = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return rows / rows.sum(axis=-1, keepdims=True)

    return softmax_weights


def penalty_ignored(original):
    return lambda cross_covariance, *, rank, penalty: original(cross_covariance, rank=rank, penalty=1.0)


def share_forgotten(original):
    return lambda model, n, *, share: original(model, n, share=0.0)


def positive_pairs_alone(_):
    """No negative part, so nothing is centred."""
    return lambda left, right: np.swapaxes(left, -1, -2) @ np.asarray(right, float) / np.shape(left)[-2]


def diagonal_kept(_):
    return lambda matrix: np.asarray(matrix, float)


def price_of_right_pairs(original):
    """1/(1-p) for 1/(1-p)^2."""

    def break_even(rank, dimension, *, share, **options):
        return original(rank, dimension, share=1 - np.sqrt(1 - np.asarray(share)), **options)

    return break_even


def pairs_transposed(original):
    """The index bug of flattened row maxima: (j, i) for (i, j)."""
    return lambda scores: original(scores)[:, ::-1]


def factor_on_the_pseudo_softmax(_):
    def pseudo_pair_covariance(left, right, pairs, scores, *, temperature, positive_weight):
        spread = spiked_model.softmax_weights(scores, temperature=temperature) @ right
        return (left[pairs[:, 0]].T @ right[pairs[:, 1]] - positive_weight * left.T @ spread) / len(left)

    return pseudo_pair_covariance


def aligned(_):
    """The leak: unpaired data that come in matching order."""
    return lambda rng, n: np.arange(n)


def largest_entries(_):
    """The n largest entries of the whole matrix, candidates or not."""

    def best_candidates(scores):
        scores = np.asarray(scores)
        return np.stack(np.unravel_index(np.argsort(-scores, axis=None)[: len(scores)], scores.shape), axis=1)

    return best_candidates


def more_strangers(original):
    return lambda rank, count, **options: original(rank, count * 1.2, **options)


def fewer_wrong_pairs(original):
    return lambda rng, problems, n, *, share: original(rng, problems, n, share=share / 2)


def batches_stay_aligned(_):
    return lambda objective, right: objective


def indices_transposed(original):
    return lambda scores, *, transposed=False: original(scores, transposed=True)


def one_side_not_normalised(_):
    def normalised(adjacency):
        adjacency = np.asarray(adjacency, float)
        return adjacency / np.sqrt(adjacency.sum(1, keepdims=True))

    return normalised


def variance_of_poisson(_):
    return lambda n, classes, noise: (n / classes) * (1 - 2 * noise) / np.sqrt(n * noise)


def pairs_as_they_come(_):
    return lambda scores: np.stack([np.arange(len(scores))] * 2, axis=1)


FAULTS = [
    Fault("beta with - 1", "losses.pair_loss_family.signed_weights", own_weight_minus_one, NOTEBOOK, "MM-P1"),
    Fault("beta with - 1", "losses.pair_loss_family.signed_weights", own_weight_minus_one, NOTEBOOK, "MM-C71"),
    Fault("beta with - 1", "losses.pair_loss_family.signed_weights", own_weight_minus_one, NOTEBOOK, "MM-P1b"),
    Fault(
        "1/n for 1/(n-1)",
        "papers.multimodal_svd.spiked_model.contrastive_cross_covariance",
        divided_by_n,
        NOTEBOOK,
        "MM-R1",
    ),
    Fault(
        "1/n for 1/(n-1)",
        "papers.multimodal_svd.spiked_model.contrastive_cross_covariance",
        divided_by_n,
        NOTEBOOK,
        "MM-M1",
    ),
    Fault(
        "nu on the softmax",
        "papers.multimodal_svd.spiked_model.clip_cross_covariance",
        factor_on_the_softmax,
        NOTEBOOK,
        "MM-R1",
    ),
    Fault("nu on the strangers", "losses.pair_loss_family.anchor_losses", factor_on_the_strangers, NOTEBOOK, "MM-D2"),
    Fault(
        "softmax of one direction",
        "papers.multimodal_svd.spiked_model.softmax_weights",
        softmax_over_rows,
        NOTEBOOK,
        "MM-GD",
    ),
    Fault(
        "penalty ignored in the SVD",
        "papers.multimodal_svd.spiked_model.best_encoders",
        penalty_ignored,
        NOTEBOOK,
        "MM-L1",
    ),
    Fault("(1-p) missing", "papers.multimodal_svd.spiked_model.first_order_error", share_forgotten, NOTEBOOK, "MM-T1s"),
    Fault(
        "S without its negative part",
        "papers.multimodal_svd.spiked_model.contrastive_cross_covariance",
        positive_pairs_alone,
        NOTEBOOK,
        "MM-M1",
    ),
    Fault("diagonal not deleted", "papers.multimodal_svd.masking.without_diagonal", diagonal_kept, NOTEBOOK, "MM-S1"),
    Fault("1-p for its square", "papers.multimodal_svd.masking.break_even", price_of_right_pairs, NOTEBOOK, "MM-S2"),
    Fault(
        "nu on the softmax",
        "papers.multimodal_svd.pseudo_pairs.pseudo_pair_covariance",
        factor_on_the_pseudo_softmax,
        NOTEBOOK,
        "MM-P82",
    ),
    Fault(
        "nu on the softmax",
        "papers.multimodal_svd.pseudo_pairs.pseudo_pair_covariance",
        factor_on_the_pseudo_softmax,
        NOTEBOOK,
        "MM-T41",
    ),
    Fault(
        "pseudo-pairs transposed", "papers.multimodal_svd.pseudo_pairs.candidates", pairs_transposed, NOTEBOOK, "MM-T41"
    ),
    Fault(
        "pseudo-pairs transposed",
        "papers.multimodal_svd.pseudo_pairs.best_candidates",
        pairs_transposed,
        NOTEBOOK,
        "MM-D42",
    ),
    Fault(
        "aligned for shuffled data", "papers.multimodal_svd.pseudo_pairs.hidden_pairing", aligned, NOTEBOOK, "MM-T41"
    ),
    Fault(
        "candidates not asked for",
        "papers.multimodal_svd.pseudo_pairs.best_candidates",
        largest_entries,
        NOTEBOOK,
        "MM-D42",
    ),
    Fault(
        "20 % more strangers", "papers.multimodal_svd.retrieval_laws.hit_probability", more_strangers, NOTEBOOK, "MM-X1"
    ),
    Fault("half the wrong pairs", "papers.multimodal_svd.spiked_model.pairings", fewer_wrong_pairs, NOTEBOOK, "MM-T71"),
    Fault(
        "aligned for shuffled minibatches",
        "papers.multimodal_svd.dual_encoder.shuffled",
        batches_stay_aligned,
        NOTEBOOK,
        "MM-F2",
    ),
    Fault(
        "pseudo-pairs transposed",
        "papers.multimodal_svd.dual_encoder.best_partners",
        indices_transposed,
        NOTEBOOK,
        "MM-X3",
    ),
    Fault(
        "one side not normalised",
        "papers.multimodal_svd.partitioning.normalised",
        one_side_not_normalised,
        NOTEBOOK,
        "MM-B1",
    ),
    Fault(
        "variance p' for p'(1 - p')",
        "papers.multimodal_svd.partitioning.signal_to_noise",
        variance_of_poisson,
        NOTEBOOK,
        "MM-B1",
    ),
    Fault(
        "pairs in their stored order",
        "papers.multimodal_svd.pseudo_pairs.one_to_one",
        pairs_as_they_come,
        NOTEBOOK,
        "MM-X6",
    ),
]
