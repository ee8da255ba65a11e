"""Wrong formulas for notebook 4."""

import dataclasses

import numpy as np
import torch
from faults import CELL, Fault

from helpers.losses import pair_loss_family
from helpers.papers.multimodal_svd import spiked_model

NOTEBOOK = "04_multimodal_svd"
ROOM = "papers.multimodal_svd"


def own_weight_minus_one(original):
    """beta_i with the printed - 1."""

    def signed_weights(member, scores, **options):
        sides = (scores, scores.mT)
        own = sum(pair_loss_family.anchor_slopes(member, side, **options).diagonal(dim1=-2, dim2=-1) for side in sides)
        return original(member, scores, **options) + torch.diag_embed(own / 2 - 1)

    return signed_weights


def self_weight_squared(original):
    return lambda scores, self_weight, positive_factor: original(scores, self_weight**2, positive_factor)


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


def warmer(original):
    return lambda scores, *, temperature: original(scores, temperature=1.05 * temperature)


def penalty_ignored(original):
    return lambda cross_covariance, *, rank, penalty: original(cross_covariance, rank=rank, penalty=1.0)


def share_forgotten(original):
    return lambda model, n, *, share: original(model, n, share=0.0)


def wrong_pairs_never_pass(original):
    return lambda model, n, *, share, threshold: original(model, n, share=0 * share, threshold=threshold)


def noise_of_the_own_side(original):
    """The other modality has, inside its signal, the noise of this one."""

    def one_side(model, n, share):
        own = np.trace(model.left_basis.T @ model.left_noise @ model.left_basis) / model.rank
        same = dataclasses.replace(model, right_noise=own * np.eye(len(model.right_basis)))
        return original(same, n, share=share)[0]

    return lambda model, n, *, share: (one_side(model, n, share), one_side(model.swapped, n, share))


def signal_of_the_own_side(original):
    """Own signal variances for the other's, the strengths kept."""

    def first_order_error(model, n, *, share):
        factors = []
        for one in (model, model.swapped):
            noise = np.diag(one.right_basis.T @ one.right_noise @ one.right_basis)
            right = np.sum((one.right_signal + noise) / one.strengths**2)
            factors.append(np.sum((one.left_signal + noise) / one.strengths**2) / right)
        return tuple(value * factor for value, factor in zip(original(model, n, share=share), factors, strict=True))

    return first_order_error


def ten_per_cent_more(original):
    return lambda model, n, *, share: tuple(1.1 * value for value in original(model, n, share=share))


def no_next_order(original):
    return lambda model, n, *, share: 0.0 * original(model, n, share=share)


def without_its_divisor(original):
    def next_order(model, n, *, share):
        a, b, excess = model.left_noise, model.right_noise, len(model.right_basis) - model.rank
        return original(model, n, share=share) + excess * b**2 * (1 + a) * b / (1 + b) / (1 - share) ** 2 / n

    return next_order


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


def noises_exchanged(original):
    return lambda rank, dimension, *, noise, other_noise, **options: original(
        rank, dimension, noise=other_noise, other_noise=noise, **options
    )


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


def function(what, target, wrong, claim):
    return Fault(what, target, wrong, NOTEBOOK, claim)


def cell(what, claim, piece, replacement, **options):
    return Fault(what, CELL, None, NOTEBOOK, claim, piece, replacement, **options)


PAIRS, PSEUDO, MODEL = "losses.pair_loss_family", f"{ROOM}.pseudo_pairs", f"{ROOM}.spiked_model"
FAULTS = [
    function("beta with - 1", f"{PAIRS}.signed_weights", own_weight_minus_one, "MM-P1"),
    function("beta with - 1", f"{PAIRS}.signed_weights", own_weight_minus_one, "MM-C71"),
    function("beta with - 1", f"{PAIRS}.signed_weights", own_weight_minus_one, "MM-P1b"),
    function("epsilon squared", f"{PAIRS}._gaps", self_weight_squared, "MM-P1"),
    function("epsilon squared", f"{PAIRS}._gaps", self_weight_squared, "MM-D2"),
    function("epsilon squared", f"{PAIRS}._gaps", self_weight_squared, "MM-C71"),
    function("epsilon squared", f"{PAIRS}._gaps", self_weight_squared, "MM-P1b"),
    function("1/n for 1/(n-1)", f"{MODEL}.contrastive_cross_covariance", divided_by_n, "MM-R1"),
    function("1/n for 1/(n-1)", f"{MODEL}.contrastive_cross_covariance", divided_by_n, "MM-M1"),
    function("nu on the softmax", f"{MODEL}.clip_cross_covariance", factor_on_the_softmax, "MM-R1"),
    function("nu on the strangers", f"{PAIRS}.anchor_losses", factor_on_the_strangers, "MM-D2"),
    function("softmax of one direction", f"{MODEL}.softmax_weights", softmax_over_rows, "MM-GD"),
    function("softmax of one direction", f"{MODEL}.softmax_weights", softmax_over_rows, "MM-L72"),
    function("softmax of one direction", f"{MODEL}.softmax_weights", softmax_over_rows, "MM-L41"),
    function("softmax of one direction", f"{MODEL}.softmax_weights", softmax_over_rows, "MM-T71"),
    function("temperature 5 % higher", f"{MODEL}.softmax_weights", warmer, "MM-L72"),
    function("temperature 5 % higher", f"{MODEL}.softmax_weights", warmer, "MM-L41"),
    function("temperature 5 % higher", f"{MODEL}.softmax_weights", warmer, "MM-T71"),
    function("penalty ignored in the SVD", f"{MODEL}.best_encoders", penalty_ignored, "MM-L1"),
    function("(1-p) missing", f"{MODEL}.first_order_error", share_forgotten, "MM-T1s"),
    function("own noise for the other's", f"{MODEL}.first_order_error", noise_of_the_own_side, "MM-T1s"),
    function("own signal for the other's", f"{MODEL}.first_order_error", signal_of_the_own_side, "MM-T1s"),
    function("10 % more", f"{MODEL}.first_order_error", ten_per_cent_more, "MM-T1s"),
    cell("5 % more", "MM-T1s", "expected = np.array([law(m)", "expected = np.array([1.05 * law(m)"),
    cell(
        "own noise for the other's",
        "MM-T1s",
        "V, noise_2 = other or (m.right_basis, m.right_noise)",
        "V, noise_2 = other or (m.left_basis, m.left_noise)",
    ),
    cell(
        "own signal for the other's",
        "MM-T1s",
        "signal = m.right_signal if signal is None",
        "signal = m.left_signal if signal is None",
    ),
    function("no next order", f"{ROOM}.recovery_laws.next_order", no_next_order, "MM-T1s"),
    function("no next order", f"{ROOM}.recovery_laws.next_order", no_next_order, "MM-T41"),
    function("next order without 1 + b", f"{ROOM}.recovery_laws.next_order", without_its_divisor, "MM-T1s"),
    function("bound without 1/(1-p)", f"{ROOM}.recovery_laws.uniform_bound", share_forgotten, "MM-T1"),
    cell("p for 1 - p", "MM-T1", "fit(right, in_right), -1", "fit(1 - right[:-1], in_right[:-1]), -1"),
    cell(
        "no slack",
        "MM-X4",
        "slack = (np.sum(c[:2] ** 2) - np.sum(c[J] ** 2)) / (2 * problem.penalty)",
        "slack = 0.0",
    ),
    cell(
        "slack a thousand times too large",
        "MM-X4",
        "slack = (np.sum(c[:2] ** 2) - np.sum(c[J] ** 2)) / (2 * problem.penalty)",
        "slack = (np.sum(c[:2] ** 2) - np.sum(c[J] ** 2)) / (2 * problem.penalty) * 1000",
    ),
    cell("the lowest triples", "MM-X4", "np.arange(5) < 2", "np.arange(5) >= 3"),
    cell("period three", "MM-X5", "one, two, three = ", "one, three, two = "),
    function("S without its negative part", f"{MODEL}.contrastive_cross_covariance", positive_pairs_alone, "MM-M1"),
    cell("K^2.8 for K^3", "MM-E74", "(3, 2.8, 2.5)", "(2.8, 2.8, 2.5)"),
    cell("right pairs like wrong ones", "MM-T1c", "[trace**2 + 3, trace**2]", "[trace**2, trace**2]"),
    cell("1 for 1-p", "MM-T1p", "found = coefficient.value, 1 - p,", "found = coefficient.value, 1.0,"),
    cell("noise without the signal", "MM-E84", "trace = np.array([r + s.sum()", "trace = np.array([s.sum()"),
    cell("two colours", "MM-X2", "[clashes(k, 3) for k in lengths]", "[clashes(k, 2) for k in lengths]"),
    function("diagonal not deleted", f"{ROOM}.masking.without_diagonal", diagonal_kept, "MM-S1"),
    function("1-p for its square", f"{ROOM}.masking.break_even", price_of_right_pairs, "MM-S2"),
    function("s1 and s2 exchanged in n*", f"{ROOM}.masking.break_even", noises_exchanged, "MM-S2"),
    cell(
        "own noise for the other's", "MM-S2", "two = r * (d - r) * s1 * (1 + s2)", "two = r * (d - r) * s1 * (1 + s1)"
    ),
    function("nu on the softmax", f"{PSEUDO}.pseudo_pair_covariance", factor_on_the_pseudo_softmax, "MM-P82"),
    function("nu on the softmax", f"{PSEUDO}.pseudo_pair_covariance", factor_on_the_pseudo_softmax, "MM-T41"),
    function("pseudo-pairs transposed", f"{PSEUDO}.candidates", pairs_transposed, "MM-T41"),
    function("pseudo-pairs transposed", f"{PSEUDO}.best_candidates", pairs_transposed, "MM-D42"),
    function("aligned for shuffled data", f"{PSEUDO}.hidden_pairing", aligned, "MM-T41"),
    function("candidates not asked for", f"{PSEUDO}.best_candidates", largest_entries, "MM-D42"),
    function("20 % more strangers", f"{ROOM}.retrieval_laws.hit_probability", more_strangers, "MM-X1"),
    function("half the wrong pairs", f"{MODEL}.pairings", fewer_wrong_pairs, "MM-T71"),
    cell(
        "s1 and s2 exchanged",
        "MM-T71",
        "np.array([[s1], [s2]]), np.array([[s2], [s1]])",
        "np.array([[s2], [s1]]), np.array([[s1], [s2]])",
    ),
    cell(
        "1 - p for its square",
        "MM-T71",
        "+ 1) / (nu * (1 - p) - 1) ** 2\nno_cross",
        "+ 1) / np.abs(nu * (1 - p) - 1)\nno_cross",
    ),
    function("wrong pairs that pass forgotten", f"{ROOM}.filtering.filtered_error", wrong_pairs_never_pass, "MM-X7"),
    cell("rho for its square", "MM-X9", "total = a * c1 + b * c2 + rho**2", "total = a * c1 + b * c2 + rho"),
    cell("threshold without 1 + psi", "MM-X9", "rho * np.sqrt(edge * (1 + edge))", "rho * np.sqrt(edge)"),
    function("half the wrong pairs", f"{MODEL}.pairings", fewer_wrong_pairs, "MM-X9"),
    cell("cross term of f dropped", "MM-X10", "(nu**2 - 2 * (1 - share) * nu + 1)", "(nu**2 + 1)"),
    cell("1 - p for its square", "MM-X10", "(pairs / (1 - p) ** 2 - own)", "(pairs / (1 - p) - own)"),
    function("20 % more strangers", f"{ROOM}.retrieval_laws.hit_probability", more_strangers, "MM-X10"),
    cell("loadings without the covariance", "MM-X11", "apart(left @ A, U)", "apart(A, U)"),
    cell("noise for its inverse", "MM-X11", "np.linalg.inv(V.T @ np.linalg.solve(D, V))", "V.T @ D @ V / 2"),
    cell("posterior without p", "MM-X12", "posterior = (1 - p) * L / (p + (1 - p) * L)", "posterior = L / (1 + L)"),
    cell(
        "step with the information of right pairs",
        "MM-X12",
        "information(R, P))\n    step /=",
        "information(R, 0.0))\n    step /=",
    ),
    function("aligned for permuted data", f"{PSEUDO}.hidden_pairing", aligned, "MM-F2"),
    function("aligned for shuffled minibatches", f"{ROOM}.dual_encoder.shuffled", batches_stay_aligned, "MM-F2"),
    function("pseudo-pairs transposed", f"{ROOM}.dual_encoder.best_partners", indices_transposed, "MM-X3"),
    function("one side not normalised", f"{ROOM}.partitioning.normalised", one_side_not_normalised, "MM-B1"),
    function("variance p' for p'(1 - p')", f"{ROOM}.partitioning.signal_to_noise", variance_of_poisson, "MM-B1"),
    cell("1 - q for 1 - 3q/4", "MM-B1", "exact = np.array([1 - 0.75 * fraction", "exact = np.array([1 - fraction"),
    cell("1 for 1 - q", "MM-B1", "1 - (1 - q) / above**2], axis=-1)", "1 - 1 / above**2], axis=-1)"),
    function("pairs in their stored order", f"{PSEUDO}.one_to_one", pairs_as_they_come, "MM-X6"),
    cell(
        "a quarter of root r / log N",
        "MM-L81",
        "np.sqrt(r * np.log(N)) / 4",
        "np.sqrt(r / np.log(N)) / 4",
        by_control=True,
    ),
    cell("length without the noise", "MM-L91", "(np.sqrt(r) + np.sqrt(d)) *", "(np.sqrt(r)) *"),
    cell(
        "one event for n disjoint ones",
        "MM-L92",
        "np.minimum(n * tail, 1)",
        "np.minimum(0 * n + tail, 1)",
        by_control=True,
    ),
    cell("masks forgotten in the lead", "MM-S3", "return errors[0] - errors[1],", "return errors[0],", by_control=True),
]
