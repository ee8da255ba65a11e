"""Wrong formulas for notebook 5: in the room of the paper, and in the cells of its claims."""

import dataclasses

import numpy as np
import torch
from faults import CELL, Fault, negated, with_options
from scipy import special

from helpers.papers.robust_contrastive import finite_worlds

NOTEBOOK = "05_robust_contrastive"
ROOM = "papers.robust_contrastive"


# -- worlds, partitions, laws ----------------------------------------------------------------------------
def one_more_in_the_denominator(original):
    return lambda world: original(world) + np.log(world.negatives / (world.negatives + 1))


def sum_over_negatives(original):
    return lambda world: original(world) + np.log(world.negatives)


def log_weight_dropped(original):
    def losses(world, **options):
        return original(dataclasses.replace(world, weight=np.ones(len(world.weight))), **options)

    return losses


def temperature_squared(original):
    return lambda world: original(world) / world.temperature[:, None, None]


def prior_dropped(original):
    return lambda world, weights=None, bias=None: original(world, weights, 0 * world.prior)


def means_not_normalised(original):
    return lambda world: original(world) * world.prior[..., None]


def points_not_weighted(_):
    return lambda world: special.logsumexp(finite_worlds.scores(world), axis=2) - np.log(world.conditional.shape[2])


def classes_not_weighted(_):
    return lambda world: special.logsumexp(finite_worlds.class_scores(world), axis=2) - np.log(world.prior.shape[1])


def twice_the_temperature(original):
    return lambda world: original(dataclasses.replace(world, temperature=2 * world.temperature))


def equal_classes(original):
    return lambda world: original(dataclasses.replace(world, prior=np.full_like(world.prior, 1 / world.prior.shape[1])))


def moves_anywhere(original):
    return lambda world, **options: original(dataclasses.replace(world, moves=np.ones_like(world.moves)), **options)


def a_tenth_more(original):
    return lambda *arguments, **options: original(*arguments, **options) + 0.1


def nobody_moves(original):
    return lambda world, adversary: original(world, finite_worlds.stay(world))


def knows_the_class(_):
    return lambda world: finite_worlds.worst_case(world, finite_worlds.limit_losses(world))


def one_over_temperature(_):
    return lambda world: 1 / world.temperature


def one_more_negative(original):
    return lambda world: original(dataclasses.replace(world, negatives=world.negatives + 1))


def scaled(factor):
    return lambda original: lambda *arguments, **options: factor * original(*arguments, **options)


# -- sharpness, attacks ----------------------------------------------------------------------------------
def variance_part_dropped(_):
    return lambda parameters, squared_norm, sigma, prior_sigma: squared_norm / np.square(prior_sigma) / 2


def centre_only(original):
    def grid(radius, steps):
        offsets, cover = original(radius, steps)
        return 0 * offsets, cover

    return grid


def half_as_wide(original):
    return lambda sigma, **options: original(sigma / 2, **options)


def budget_short(original):
    return lambda risk, budget: original(risk, 0.95 * np.asarray(budget))


def half_as_far(original):
    return lambda layers, low, high: tuple(bound / 2 for bound in original(layers, low, high))


def own_score_kept(_):
    def losses(scores, rows):
        size = rows.shape[1]
        score = scores[rows[:, :, None], rows[:, None, :]]
        here = np.arange(size)
        positive = score[:, here, (here + size // 2) % size]
        return (special.logsumexp(score, axis=2) - positive).mean(axis=1)

    return losses


def ceiling_at_one_over_temperature(original):
    def ends(temperature, weight):
        return original(temperature, weight)[0], np.log1p(weight * np.exp(1 / np.asarray(temperature)))

    return ends


def descent(original):
    return lambda gradient, radius, *, norm: -original(gradient, radius, norm=norm)


def infinity_ball(original):
    return lambda centres, radius, norm, low, high: original(centres, radius, np.inf, low, high)


def primal_norm(_):
    return lambda vectors, norm: torch.linalg.vector_norm(vectors, ord=norm, dim=-1)


def function(what, target, wrong, *claims):
    return [Fault(what, target, wrong, NOTEBOOK, f"RC-{claim}") for claim in claims]


def cell(claim, what, piece, replacement, **options):
    return [Fault(what, CELL, None, NOTEBOOK, f"RC-{claim}", piece, replacement, **options)]


WORLDS, TERMS, BOUNDS = f"{ROOM}.finite_worlds", f"{ROOM}.decomposition", f"{ROOM}.robust_bounds"
FAULTS = [
    *function("K + 1 for K", f"{TERMS}.log_average", one_more_in_the_denominator, "L1", "T1", "T2"),
    *function("sum for mean over negatives", f"{TERMS}.log_average", sum_over_negatives, "L4", "T1d"),
    *function("log beta dropped", f"{TERMS}.tuple_losses", log_weight_dropped, "T2", "T4b"),
    *function("tau squared", f"{WORLDS}.scores", temperature_squared, "T1", "L1"),
    *function("bias of the prior dropped", f"{WORLDS}.cross_entropy", prior_dropped, "T1", "V1"),
    *function("class means not normalised", f"{WORLDS}.class_means", means_not_normalised, "T2"),
    *function(
        "one negative without its law",
        f"{WORLDS}.label_free_log_partition",
        points_not_weighted,
        "L3",
        "T1",
        "T2",
        "T4b",
        "T1d",
        "V1",
    ),
    *function(
        "one negative at twice the temperature",
        f"{WORLDS}.label_free_log_partition",
        twice_the_temperature,
        "T1",
        "T2",
        "T4b",
        "V1",
    ),
    *function("class log-sum without its weights", f"{WORLDS}.log_partition", classes_not_weighted, "T1", "T3"),
    *function("negatives of equally likely classes", f"{TERMS}.negatives_law", equal_classes, "T1", "T2", "L4", "T1d"),
    *function("K + 1 draws", f"{ROOM}.many_negatives.log_denominator", one_more_negative, "T1", "T2", "T4b"),
    *function("the tuple attack goes anywhere", f"{TERMS}.tuple_attack", moves_anywhere, "T2", "T2b"),
    *function("the tuple attack is a tenth too strong", f"{TERMS}.tuple_attack", a_tenth_more, "T2"),
    *function("the tuple attack knows the class", f"{TERMS}.limit_tuple_attack", knows_the_class, "V1"),
    *function("marginals of the benign points", f"{WORLDS}.marginal_law", nobody_moves, "N1", "T3"),
    *function("transport costs 3 % less", "information.divergences.wasserstein_one", scaled(0.97), "T3", "T3d"),
    *function("slope 1/tau", f"{WORLDS}.slope", one_over_temperature, "T3"),
    *function("a tenth of the price of K", f"{BOUNDS}.negatives_price", scaled(0.1), "L2", "T6"),
    *function("half of the price of K", f"{BOUNDS}.negatives_price", scaled(0.5), "L2", "T6"),
    *function("negatives cost nothing", f"{BOUNDS}.negatives_price", scaled(0.0), "L2", "T2", "T6"),
    *function("kappa 5 % smaller", f"{BOUNDS}.reverse_jensen", scaled(0.95), "L3", "L5", "R2"),
    *function("half of the Jensen-Shannon divergence", "information.divergences.jensen_shannon", scaled(0.5), "G1"),
    *function("attack switched off", f"{ROOM}.angle_encoder.mean_losses", with_options(attacked=False), "T6"),
    *function("losses halved", f"{ROOM}.angle_encoder.mean_losses", scaled(0.5), "T6"),
    *function("centre for the ball", f"{ROOM}.pac_bayes.ball_grid", centre_only, "T6"),
    *function("no Lipschitz term", f"{ROOM}.angle_encoder.steepness", scaled(0.0), "T6"),
    *function("half of the noise", f"{ROOM}.pac_bayes.gaussian_cells", half_as_wide, "T6"),
    *function("half of the noise in the complexity", f"{ROOM}.pac_bayes.noise_scale", scaled(0.5), "T6"),
    *function("ceiling with 1/tau", f"{BOUNDS}.loss_range", ceiling_at_one_over_temperature, "T6"),
    *function("variance part of KL dropped", f"{ROOM}.pac_bayes.gaussian_divergence", variance_part_dropped, "T5"),
    *function("hidden units bounded twice too tightly", f"{ROOM}.exact_verification.hidden_bounds", half_as_far, "X1"),
    *function(
        "budget of the inverse divergence 5 % smaller", f"{ROOM}.pac_bayes.divergence_inverse", budget_short, "X2"
    ),
    *function("two per cent of the score of pairs", f"{TERMS}.pair_score", scaled(0.98), "X3"),
    *function("the anchor among its own negatives", f"{ROOM}.view_worlds.batch_losses", own_score_kept, "X4"),
    *cell("X3", "divided by n - 1", ".var(axis=2)", ".var(axis=2, ddof=1)"),
    *cell("X4", "one view of a pair twice", "(v[..., first] + v[..., second]) / 2", "v[..., first]"),
    *function("SAM step downhill", "optimise.sharpness.sam_step", negated, "S1"),
    *function("attack in the descent direction", "adversarial.attacks.steepest", descent, "A1"),
    *function("projection on the wrong ball", "adversarial.attacks._projection", infinity_ball, "A3"),
    *function("primal for dual norm", "adversarial.attacks.dual_norm", primal_norm, "A1", "A2"),
    *cell(
        "T6",
        "least loss of the ball",
        "smooth[:, None], empirical.max(axis=1)",
        "smooth[:, None], empirical.min(axis=1)",
    ),
    *cell("T4b", "sign of J in the rest", "first - s[:, None] / 2", "first + s[:, None] / 2"),
    *cell("T4b", "sign of the local shift", "local, free = -change(own)", "local, free = change(own)"),
    *cell(
        "T1b",
        "half of log(1/pi_min)",
        "rarest = -np.log(w.prior.min(axis=1))",
        "rarest = -np.log(w.prior.min(axis=1)) / 2",
    ),
    *cell("T1c", "V dropped", "between = np.array(V)", "between = 0 * np.array(V)"),
    *cell("V2", "own score 0.05 % larger", "log_average - 1 / tau", "log_average - 1.0005 / tau"),
    *cell("V3", "unequal classes", "stats.binom.pmf(opposite, K, 0.5)", "stats.binom.pmf(opposite, K, 0.501)"),
    *cell("A4", "noise 5 % larger", "u @ centre - noise *", "u @ centre - 1.05 * noise *"),
    *cell("A5", "the constant 5 % smaller", "sum(dim=-1) / 2", "sum(dim=-1) / 2.1"),
    *cell("A6", "random search forgotten", "return values - chance", "return values", by_control=True),
    *cell(
        "T3b",
        "the contrastive loss left out of the bound",
        "b.contrastive + robust_bounds.allowance(w.temperature, K, w.weight) + w.entropy",
        "w.entropy",
    ),
    *cell(
        "T4",
        "largest coordinate for the norm",
        ", axis=-1).max(axis=(1, 2))",
        ", axis=-1, ord=np.inf).max(axis=(1, 2))",
    ),
    *cell("G2", "cube for the square", ", points) ** 2)", ", points) ** 3)"),
]
