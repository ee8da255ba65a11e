"""Wrong formulas for the claims between the papers."""

import numpy as np
from faults import CELL, Fault, with_options

NOTEBOOK = "00_one_loss_five_readings"
WORLDS = "papers.robust_contrastive.finite_worlds"


def function(what, target, wrong, *claims):
    return [Fault(f"{what}, {claim}", target, wrong, notebook=NOTEBOOK, claim=f"XP-{claim}") for claim in claims]


def cell(what, claim, piece, replacement):
    return [Fault(what, CELL, piece=piece, replacement=replacement, notebook=NOTEBOOK, claim=f"XP-{claim}")]


def of_the_rows(original):
    """The Laplacian of the weights as they stand, not symmetrised."""
    return lambda weights: np.diag(weights.sum(axis=-1)) - weights


def scaled(factor):
    """The original, times a factor."""
    return lambda original: lambda *arguments, **options: factor * original(*arguments, **options)


def one_more(original):
    """One candidate more than asked for."""
    return lambda candidates, *others: original(candidates + 1, *others)


FAULTS = [
    *function("chances 1 % too small", "losses.pair_family.pair_weights", scaled(0.99), "G"),
    *function("positive left out", "losses.features.clip", with_options(positive_in_denominator=False), "L", "G", "S"),
    *function("covariance halved", "losses.pair_family.contrastive_covariance", scaled(0.5), "G"),
    *function("Laplacian of the rows", "spectral.graphs.laplacian", of_the_rows, "G", "S"),
    *function("weights 1 % too large", "losses.pair_loss_family.signed_weights", scaled(1.01), "S"),
    *function("21 candidates for 20", "papers.mutual_information.class_counts.best_value", one_more, "I"),
    *function("entropy in bits", "information.plug_in.entropy", scaled(1.4426950408889634), "I"),
    *function(
        "loss 1 % too small", "papers.robust_contrastive.many_negatives.class_losses", scaled(0.99), "B", "I", "R"
    ),
    *function("half of Jensen's gap", "papers.robust_contrastive.many_negatives.jensen_gap", scaled(0.5), "R"),
    *function(
        "1 % of the positive's slack", "papers.robust_contrastive.many_negatives.positive_gap", scaled(0.99), "R"
    ),
    *function("partition 1 % too large", f"{WORLDS}.log_partition", scaled(1.01), "R"),
    *cell("partners of other anchors", "B", "features[second].mT", "features[second].roll(1, 0).mT"),
    *cell("19 candidates in the law", "B", "mean_loss(world(n - 1))", "mean_loss(world(n - 2))"),
    *cell("energy of distances, not of their squares", "L", "d2[:n, n:] / 2", "d2[:n, n:] ** 0.5"),
    *cell("rows chosen for columns", "S", "(Q.sum(axis=0) - 1) / 2", "(Q.sum(axis=1) - 1) / 2"),
]
