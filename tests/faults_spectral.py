"""Wrong formulas for notebook 1."""

import numpy as np
import torch
from faults import CELL, Fault, with_options

from helpers.spectral import graphs, subspaces

NOTEBOOK = "01_spectral_clustering"
ROOM = "papers.spectral_clustering"


def wrong_sign_of_log_partition(_):
    def infonce(transition, log_kernel, *, include_self):
        itself = torch.eye(log_kernel.shape[-1], dtype=torch.bool)
        kept = log_kernel if include_self else log_kernel.masked_fill(itself, -torch.inf)
        return -torch.where(transition > 0, transition * log_kernel, 0.0).sum(-1) - kept.logsumexp(-1)

    return infonce


def temperature_dropped(_):
    return lambda squared, *, temperature: -squared / 2


def temperature_doubled(original):
    return lambda squared, *, temperature: original(squared, temperature=temperature / 2)


def not_symmetrised(_):
    return graphs.directed_laplacian


def half_dropped(original):
    return lambda weights: 2 * original(weights)


def columns_normalised(_):
    return lambda weights, *, include_self: np.asarray(weights) / np.sum(weights, axis=-2, keepdims=True)


def edges_sampled(original):
    """Objects weighted by the edges that reach them, not equally."""

    def clip(forth, back, scores):
        return original(forth, back, scores) * torch.cat([back.sum(-2), forth.sum(-2)], -1)

    return clip


def exponent_of_the_square(original):
    return lambda squared, *, exponent, scale: original(squared, exponent=exponent / 2, scale=scale)


def one_negative_too_few(original):
    return lambda positive, negatives, **options: original(positive, negatives[..., 1:], **options)


def one_negative_too_many(original):
    return lambda transition, log_kernel, *, candidates: original(transition, log_kernel, candidates=candidates + 1)


def mean_of_logarithms(_):
    return lambda *log_kernels: torch.stack(torch.broadcast_tensors(*log_kernels)).mean(0)


def same_half_twice(original):
    def log_concatenation(x, y, **options):
        half = x.shape[-1] // 2
        return original(*(torch.cat([z[..., :half]] * 2, -1) for z in (x, y)), **options)

    return log_concatenation


def smallest_angle(_):
    return lambda left, right: np.degrees(subspaces.principal_angles(left, right)[..., 0])


def ends_exchanged(original):
    """Eigenvectors of the other end of the spectrum."""
    return lambda matrix, count: tuple(-part for part in original(-np.asarray(matrix), count))


def of_blocks_of_one_more(original):
    return lambda blocks, size, contrast, temperature: original(blocks, size + 1, contrast, temperature)


def partners_in_one_image(original):
    """First views only: an image's two views are taken for two images."""
    return lambda images, views: original(images, views)[:, [0, 2, 1, 3]]


def pairs_counted_once(original):
    return lambda weights, parts: original(weights, parts) / 2


def mean_not_taken_out(_):
    """The integral without e^(-ct): the logarithm is read off the mean alone."""
    return lambda transform, offset, mean, count: np.log(offset + count * mean)


def arrows_in_all(original):
    return lambda total, parts: original(total + 1, parts)


def function(what, target, wrong, claim):
    return Fault(what, target, wrong, NOTEBOOK, claim)


def cell(what, claim, piece, replacement, **options):
    return Fault(what, CELL, notebook=NOTEBOOK, claim=claim, piece=piece, replacement=replacement, **options)


KERNELS, LOSSES, POPULATION = "losses.kernels", "losses.scores", "losses.population_losses"
FAULTS = [
    function("1/tau dropped", f"{KERNELS}.log_gaussian", temperature_dropped, "SC-L2"),
    function("1/tau dropped", f"{KERNELS}.log_gaussian", temperature_dropped, "SC-L3"),
    function("1/tau dropped", f"{KERNELS}.log_gaussian", temperature_dropped, "SC-X4"),
    function("d^2 / tau for d^2 / 2 tau", f"{KERNELS}.log_gaussian", temperature_doubled, "SC-L2"),
    function("d^2 / tau for d^2 / 2 tau", f"{KERNELS}.log_gaussian", temperature_doubled, "SC-L3"),
    function("d^2 / tau for d^2 / 2 tau", f"{KERNELS}.log_gaussian", temperature_doubled, "SC-T1"),
    function("d^2 / tau for d^2 / 2 tau", f"{KERNELS}.log_gaussian", temperature_doubled, "SC-T2"),
    function("d^2 / tau for d^2 / 2 tau", f"{KERNELS}.log_gaussian", temperature_doubled, "SC-K2"),
    function("Laplacian not symmetrised", "spectral.graphs.laplacian", not_symmetrised, "SC-D4"),
    function("Laplacian not symmetrised", "spectral.graphs.laplacian", not_symmetrised, "SC-T1"),
    function("symmetrised without 1/2", "spectral.graphs.symmetrised", half_dropped, "SC-L4"),
    function("diagonal on one side", f"{POPULATION}.infonce", with_options(include_self=True), "SC-L2"),
    function("diagonal on one side", f"{ROOM}.random_fields.cross_entropy", with_options(include_self=True), "SC-T1"),
    function("wrong sign of log R", f"{POPULATION}.infonce", wrong_sign_of_log_partition, "SC-L3"),
    function("n edges in all", f"{ROOM}.random_fields.cross_entropy", with_options(restriction="edge_count"), "SC-D3"),
    function("rows and columns exchanged", "spectral.graphs.row_stochastic", columns_normalised, "SC-L1"),
    function("anchor in its denominator", f"{LOSSES}.ntxent_from_scores", with_options(include_self=True), "SC-T1b"),
    function("views of one image apart", f"{ROOM}.finite_negatives.all_batches", partners_in_one_image, "SC-T1b"),
    function("one negative too many", f"{ROOM}.finite_negatives.expected_infonce", one_negative_too_many, "SC-T1c"),
    function("one negative too few", f"{LOSSES}.bank_infonce_from_scores", one_negative_too_few, "SC-C3"),
    function("1/tau dropped", f"{LOSSES}.clip_from_scores", with_options(temperature=1.0), "SC-T2"),
    function("edges for objects", f"{POPULATION}.clip", edges_sampled, "SC-T2b"),
    function("exponent of the square", f"{KERNELS}.log_exponential", exponent_of_the_square, "SC-K1"),
    function("exponent of the square", f"{KERNELS}.log_exponential", exponent_of_the_square, "SC-K4"),
    function("mean of logs for log of sum", f"{KERNELS}.log_sum", mean_of_logarithms, "SC-K5"),
    function("first half read twice", f"{KERNELS}.log_concatenation", same_half_twice, "SC-K2"),
    function("smallest for largest angle", "spectral.subspaces.largest_angle", smallest_angle, "SC-X7"),
    function("the other end of the spectrum", "spectral.embedding.laplacian_eigenvectors", ends_exchanged, "SC-X6b"),
    function(
        "one object a block more",
        f"{ROOM}.population_minimisers.ideal_block_divergence",
        of_blocks_of_one_more,
        "SC-X6b",
    ),
    cell("sqrt(tau) for 2 tau", "SC-T1b", "-squared / (2 * tau[:, :, None])", "-squared / np.sqrt(tau[:, :, None])"),
    cell("variance over mu^2, not 2 mu^2", "SC-T1c", "spread = v / (2 * mu**2)", "spread = v / mu**2"),
    cell("c_1 without the positive", "SC-T1c", "c1 = (excess - spread)", "c1 = (-spread)"),
    cell("B^2 for B (B - 1)", "SC-C2", "(pairs or B * (B - 1))", "(pairs or B**2)"),
    cell("3 for 2 positives", "SC-C2", "positives=2.0", "positives=3.0"),
    cell("clamp at 1e-8", "SC-C1", "floor=1e-6", "floor=1e-8"),
    cell("nothing added to the denominator", "SC-C1", "added=1e-6)", "added=0.0)"),
    cell(
        "equal weights of the two losses",
        "SC-K5",
        "slice(32, 64)), share=0.3):",
        "slice(32, 64)), share=0.5):",
    ),
    cell(
        "growth of lambda_3 for lambda_2",
        "SC-X9",
        "(mu[1] - mu[2] + 2 * mu[0])\n\n\ndef neglected",
        "(mu[1] - mu[2] + 2 * mu[1])\n\n\ndef neglected",
    ),
    cell(
        "k / (k - 1) forgotten",
        "SC-X6b",
        "tau = ratio * k / (k - 1) / np.log(contrast)",
        "tau = ratio / np.log(contrast)",
    ),
    cell("n - 2 for n - 1 dimensions", "SC-X6b", "[(k * m - 1, k) for", "[(k * m - 2, k) for"),
    cell(
        "gap of a perfect fit without k / (k - 1)",
        "SC-X6b",
        "n, gap = k * m, ratio * k / (k - 1)",
        "n, gap = k * m, ratio",
        by_control=True,
    ),
    cell("support of the rewrites", "SC-R1", "rewrites * allowed", "1.0 * allowed"),
    cell("one view shared", "SC-V1", "zero_eigenvalues(0), images", "zero_eigenvalues(2), images"),
    cell("c_n without self for both", "SC-X2", "return 1.0 if own else n / (n - 1)", "return n / (n - 1)"),
    cell(
        "positive not quite matched",
        "SC-T3b",
        "most_spread(logits, logits - logits[0])",
        "most_spread(logits, logits - logits[0] + 0.01)",
    ),
    cell("eigenvectors from the second on", "SC-H2", "vectors[:, :q], allowed", "vectors[:, 1 : q + 1], allowed"),
    cell("d^2.1 for d^2", "SC-X11", ".clamp(min=0).pow(power)", ".clamp(min=0).pow(1.05 * power)"),
    cell(
        "5 % more for the diagonal",
        "SC-X8",
        "floor = [graphs.entropy(p) + n *",
        "floor = [graphs.entropy(p) + 1.05 * n *",
    ),
    cell("no degree excess of 1/2", "SC-L4", "((chosen - 1) / 2 * (Z**2)", "((chosen - 1) * (Z**2)"),
    function(
        "conductances of half the pairs", f"{ROOM}.linear_probes.sparsest_partition", pairs_counted_once, "SC-X12"
    ),
    cell("lambda 2 % larger", "SC-X12", "return share / spectrum[k]", "return share / spectrum[k] / 1.02"),
    cell(
        "pairs of unequal labels once",
        "SC-X12",
        "apart = labels[:, None] != labels",
        "apart = labels[:, None] < labels",
    ),
    function("logarithm of the mean", f"{ROOM}.finite_negatives.expected_log_sum", mean_not_taken_out, "SC-X13"),
    cell("spread over mu^2, not 2 mu^2", "SC-X13", "positive * x - share * s2 / 2", "positive * x - share * s2"),
    function("logarithm of the mean", f"{ROOM}.finite_negatives.expected_log_sum", mean_not_taken_out, "SC-X13b"),
    cell("n kernels a row, and self", "SC-X13b", "weights @ K, int(n) - 1", "weights @ K, int(n)"),
    function("one negative too few", f"{LOSSES}.bank_infonce_from_scores", one_negative_too_few, "SC-X14"),
    function("anchor in its denominator", f"{LOSSES}.ntxent_from_scores", with_options(include_self=True), "SC-X14"),
    cell("forces not halved", "SC-X14", "both_ways = P - Q +", "both_ways = 2 * (P - Q) +"),
    function("one arrow more", "information.finite_samples.compositions", arrows_in_all, "SC-X15"),
    function("Laplacian not symmetrised", "spectral.graphs.laplacian", not_symmetrised, "SC-X15"),
    cell("UMAP's membership for its odds", "SC-X15", "u = K[small] / (1 + K[small])", "u = K[small] / (2 + K[small])"),
]
