"""Wrong formulas for notebook 3."""

import numpy as np
import torch
from faults import Fault, with_options

from helpers.information import variational_bounds
from helpers.papers.mutual_information import class_counts

NOTEBOOK = "03_mutual_information"


def in_bits(original):
    return lambda *args, **options: original(*args, **options) / np.log(2)


def transposed(original):
    """H(Y | X) for H(X | Y)."""
    return lambda joint: original(np.swapaxes(joint, -1, -2))


def no_error_term(original):
    """F(e) = h(e): e log(C - 1) forgotten."""
    return lambda error, *, classes: original(error, classes=2)


def changed_for_redrawn(_):
    def copy_table(values, keep):
        keep = np.asarray(keep, float)[..., None, None]
        return (keep * np.eye(values) + (1 - keep) * (1 - np.eye(values)) / (values - 1)) / values

    return copy_table


def read_in_sample(original):
    return lambda critic, train, held_out, **options: original(critic, train, train, **options)


def critic_transposed(original):
    return lambda method, scores, **options: original(method, scores.mT, **options)


def one_over_e_forgotten(original):
    """E_P f - E_Q exp(f): the "+1" of the optimal critic is gone."""
    return lambda joint, critic: original(joint, critic + 1) - 1


def one_candidate_too_many(original):
    return lambda *args, candidates, **options: original(*args, candidates=candidates + 1, **options)


def leading_term_doubled(original):
    return lambda joint: (2 * original(joint)[0], *original(joint)[1:])


def logarithm_forgotten(_):
    """E_P f - E_Q exp(f) + 1 for Donsker and Varadhan's bound."""
    return lambda joint, critic: variational_bounds.tuba(joint, critic, torch.zeros(critic.shape[-1]))


def clipped_from_above_only(_):
    def smile(joint, critic, clip):
        joint = torch.as_tensor(joint)
        product = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
        mean = (product * critic.clamp(max=clip).exp()).sum((-1, -2))
        return torch.where(joint > 0, joint * critic, 0.0).sum((-1, -2)) - mean.log()

    return smile


def negatives_drawn_independently(_):
    def two_view_loss(pairs, classes):  # as if the 2B - 2 negatives of NT-Xent did not come in pairs
        pairs = np.asarray(pairs)
        logs = np.log(2 * pairs - 1).reshape(pairs.shape + (1,) * np.ndim(classes))
        return logs - class_counts.best_value_uniform(2 * pairs - 1, classes)

    return two_view_loss


def every_view_a_candidate(original):
    return lambda candidates, prior: original(2 * np.asarray(candidates) - 1, prior)


def balanced_labels(_):
    def draw_labels(rng, prior, candidates, batches):
        labels = np.arange(candidates) % len(prior)
        return rng.permuted(np.broadcast_to(labels, (batches, candidates)), axis=1)

    return draw_labels


def balanced_counts(_):
    def draw(rng, prior, candidates, batches):
        return np.tile(np.bincount(np.arange(candidates) % len(prior), minlength=len(prior)), (batches, 1))

    return draw


def not_corrected(original):
    return lambda draws, law, *, orders: 0 * original(draws, law, orders=orders)


def with_replacement(_):
    return lambda candidates, classes, members: class_counts.best_value_uniform(candidates, classes)


def mean_inside_the_logarithm(_):
    return lambda candidates, prior: class_counts.jensen_value(candidates, prior)


def marginal_forgotten(_):
    return lambda joint: torch.as_tensor(joint, dtype=torch.float64).log()


def merged_too_eagerly(original):
    return lambda joint, **options: original(joint, tolerance=0.5)


def one_partition_lost(original):
    return lambda states, **options: np.delete(original(states, **options), [100], axis=0)


def classes_ignored(original):
    return lambda features, labels: original(features, 0 * labels)


FAULTS = [
    Fault("bits for nats", "information.laws.mutual_information", in_bits, NOTEBOOK, "MI-T1"),
    Fault("bits for nats", "information.laws.entropy", in_bits, NOTEBOOK, "MI-T2"),
    Fault("conditioning on the wrong variable", "information.laws.conditional_entropy", transposed, NOTEBOOK, "MI-T2"),
    Fault("Fano without e log(C-1)", "information.laws.fano", no_error_term, NOTEBOOK, "MI-M1"),
    Fault(
        "sampling without replacement",
        "papers.mutual_information.pair_laws.sample_same_class",
        with_options(include_self=False),
        NOTEBOOK,
        "MI-D2",
    ),
    Fault(
        "sampling without replacement",
        "papers.mutual_information.pair_laws.pool_table",
        with_options(include_self=False),
        NOTEBOOK,
        "MI-T5",
    ),
    Fault(
        "sampling with replacement",
        "papers.mutual_information.class_counts.without_replacement",
        with_replacement,
        NOTEBOOK,
        "MI-S12",
    ),
    Fault(
        "redrawn read as changed",
        "papers.mutual_information.pair_laws.copy_table",
        changed_for_redrawn,
        NOTEBOOK,
        "MI-T8",
    ),
    Fault("read in sample", "critics.fitting.post_training_information", read_in_sample, NOTEBOOK, "MI-M3"),
    Fault("critic transposed", "information.estimators.values", critic_transposed, NOTEBOOK, "MI-D3"),
    Fault(
        "one negative too many",
        "papers.mutual_information.infonce_gap.expected_infonce",
        one_candidate_too_many,
        NOTEBOOK,
        "MI-B1",
    ),
    Fault(
        "positive missing from the denominator",
        "losses.scores.infonce_from_scores",
        with_options(positive_in_denominator=False),
        NOTEBOOK,
        "MI-B2",
    ),
    Fault(
        "mean over K + 1 candidates",
        "papers.mutual_information.infonce_gap.counted_gap",
        one_candidate_too_many,
        NOTEBOOK,
        "MI-B4",
    ),
    Fault(
        "chi2/K for chi2/(2K)",
        "papers.mutual_information.infonce_gap.gap_expansion",
        leading_term_doubled,
        NOTEBOOK,
        "MI-B5",
    ),
    Fault("NWJ without its 1/e", "information.variational_bounds.nwj", one_over_e_forgotten, NOTEBOOK, "MI-B6"),
    Fault("no logarithm", "information.variational_bounds.donsker_varadhan", logarithm_forgotten, NOTEBOOK, "MI-B7"),
    Fault(
        "clipped from above only", "information.variational_bounds.smile", clipped_from_above_only, NOTEBOOK, "MI-B9"
    ),
    Fault(
        "classes balanced in the batch",
        "papers.mutual_information.class_counts.draw_labels",
        balanced_labels,
        NOTEBOOK,
        "MI-S1",
    ),
    Fault(
        "2B - 1 for B", "papers.mutual_information.class_counts.best_value", every_view_a_candidate, NOTEBOOK, "MI-S1"
    ),
    Fault(
        "mean inside the logarithm",
        "papers.mutual_information.class_counts.best_value",
        mean_inside_the_logarithm,
        NOTEBOOK,
        "MI-S1",
    ),
    Fault(
        "positive missing from the denominator",
        "losses.scores.infonce_from_scores",
        with_options(positive_in_denominator=False),
        NOTEBOOK,
        "MI-S2",
    ),
    Fault(
        "classes balanced in the batch",
        "papers.mutual_information.class_counts.draw",
        balanced_counts,
        NOTEBOOK,
        "MI-S5",
    ),
    Fault("plug-in without its correction", "information.plug_in.correction", not_corrected, NOTEBOOK, "MI-S6"),
    Fault(
        "log p(x, y) for log r",
        "papers.mutual_information.infonce_gap.log_density_ratio",
        marginal_forgotten,
        NOTEBOOK,
        "MI-S7",
    ),
    Fault(
        "negatives independent",
        "papers.mutual_information.class_counts.two_view_loss",
        negatives_drawn_independently,
        NOTEBOOK,
        "MI-S13",
    ),
    Fault(
        "states with different laws merged",
        "papers.mutual_information.partitions.minimal_sufficient",
        merged_too_eagerly,
        NOTEBOOK,
        "MI-I1",
    ),
    Fault(
        "one encoder forgotten",
        "papers.mutual_information.partitions.partitions",
        one_partition_lost,
        NOTEBOOK,
        "MI-I5",
    ),
    Fault("labels ignored when pairing", "critics.fitting.same_class_pairs", classes_ignored, NOTEBOOK, "MI-E2"),
]
