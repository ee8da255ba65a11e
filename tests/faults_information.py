"""Wrong formulas for notebook 3."""

import numpy as np
import torch
from faults import CELL, Fault, with_options

from helpers.information import finite_samples, laws, variational_bounds
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


def log_of_all_classes(_):
    """F(e) = h(e) + e log C."""
    return lambda error, *, classes: laws.binary_entropy(error) + error * np.log(classes)


def errors_charged_twice(_):
    """F(e) = h(e) + 2 e log(C - 1)."""
    return lambda error, *, classes: laws.binary_entropy(error) + 2 * error * np.log(classes - 1)


def coin_charged_thrice(_):
    """F(e) = 3 h(e) + e log(C - 1)."""
    return lambda error, *, classes: 3 * laws.binary_entropy(error) + error * np.log(classes - 1)


def anchors_in_turn(original):
    """Every image is an anchor once before any is again: the law of a pair is right, pairs are not independent."""

    def same_class_pairs(features, labels):
        draw, places = original(features, labels), [torch.nonzero(labels == label)[:, 0] for label in labels]

        def in_turn(count, generator):
            draw(count, generator)
            anchor = torch.arange(count) % len(labels)
            chance = torch.rand(count, generator=generator)
            partner = [places[a][int(c * len(places[a]))] for a, c in zip(anchor, chance, strict=True)]
            return features[anchor], features[torch.stack(partner)]

        return in_turn

    return same_class_pairs


def always_the_next_view(_):
    def views_of_objects(views):
        def stream(count, generator):
            chosen = torch.randint(views.shape[1], (count,), generator=generator)
            first = torch.randint(len(views), (count,), generator=generator)
            return views[first, chosen], views[(first + 1) % len(views), chosen]

        return stream

    return views_of_objects


def colour_shared_too(original):
    return lambda shared, **options: original({*shared, "colour"}, **options)


def at_ninety_per_cent(original):
    return lambda first, second, *, miss: original(first, second, miss=2 * miss)


def one_value_more(original):
    return lambda samples, *, miss: original(samples, miss=miss) + 1


def one_draw_fewer(original):
    """K - 1 candidates for K, from three candidates on."""
    return lambda law, total: original(law, total - 1 if total > 1 else total)


def lower_clip_forgotten(original):
    def prepared(method, positive, negative, clip, log_baseline):
        if method == "smile":
            return positive, negative.clamp(max=clip)
        return original(method, positive, negative, clip, log_baseline)

    return prepared


def baseline_of_the_anchor(original):
    def prepared(method, positive, negative, clip, log_baseline):
        if method == "tuba":
            return positive - log_baseline, negative - log_baseline[..., :, None]
        return original(method, positive, negative, clip, log_baseline)

    return prepared


def mean_over_all_entries(original):
    """The mean inside Donsker and Varadhan's logarithm taken over K^2 entries instead of K (K - 1)."""

    def combined(method, positive, log_mean):
        count = positive.shape[-1]
        return original(method, positive, log_mean + np.log((count - 1) / count) * (method == "dv"))

    return combined


def variance_halved(original):
    return lambda draws, law, batches: [side * [1, 0.5**0.5] for side in original(draws, law, batches)]


def a_tenth_more(original):
    return lambda *args, **options: 1.1 * original(*args, **options)


def pairs_counted(_):
    """All K^2 places in the second mean."""
    return lambda scores: scores.diagonal(dim1=-2, dim2=-1).mean(-1) - scores.mean((-2, -1))


def sides_exchanged(original):
    return lambda scores: original(scores.mT)


def weights_exchanged(original):
    return lambda *args, weight, **options: original(*args, weight=1 - weight, **options)


def mean_of_the_others(_):
    """D without the candidate itself: a bound as well, but another."""

    def interpolated(joint, critic, log_baseline, *, candidates, weight):
        joint, value = torch.as_tensor(joint), torch.as_tensor(critic).exp()
        first, second = joint.sum(-1), joint.sum(-2)
        counts, chance = finite_samples.multinomial(second, candidates - 1)
        mean = weight * (value @ counts.mT) / (candidates - 1) + (1 - weight) * log_baseline.exp()[..., None]
        paired = (joint * critic).sum((-1, -2)) - (first[..., None] * chance[..., None, :] * mean.log()).sum((-1, -2))
        apart = (value * second[..., None, :]).sum(-1, keepdim=True) / mean
        return 1 + paired - (first[..., None] * chance[..., None, :] * apart).sum((-1, -2))

    return interpolated


def one_sample_more(original):
    return lambda *args, samples: original(*args, samples=samples + 1)


def oldest_batch_first(original):
    return lambda *args: original(*args)[::-1]


def covariance_for_dispersion(original):
    return lambda first, second, freedom: original(first, second, freedom + 2)


def one_neighbour_more(original):
    return lambda first, second, *, neighbours=3: original(first, second, neighbours=neighbours + 1)


def one_side_twice(original):
    """log det of the first block for the second."""

    def gaussian_information(covariance, first):
        blocks = covariance[:first, :first], covariance
        logs = [np.linalg.slogdet(block)[1] for block in blocks]
        return (2 * logs[0] - logs[1] + np.log(1.05)) / 2

    return gaussian_information


def angle_with_the_radius(_):
    def spiral(points, speed):
        turned = (points[..., 0] + 1j * points[..., 1]) * np.exp(1j * speed * np.linalg.norm(points, axis=-1))
        return np.stack([turned.real, turned.imag], axis=-1)

    return spiral


FAULTS = [
    Fault("bits for nats", "information.laws.mutual_information", in_bits, NOTEBOOK, "MI-T1"),
    Fault("bits for nats", "information.laws.entropy", in_bits, NOTEBOOK, "MI-T2"),
    Fault("conditioning on the wrong variable", "information.laws.conditional_entropy", transposed, NOTEBOOK, "MI-T2"),
    Fault("Fano without e log(C-1)", "information.laws.fano", no_error_term, NOTEBOOK, "MI-M1"),
    Fault("Fano with log C", "information.laws.fano", log_of_all_classes, NOTEBOOK, "MI-T3"),
    Fault("Fano with log C", "information.laws.fano", log_of_all_classes, NOTEBOOK, "MI-M1"),
    Fault("Fano with 2 e log(C-1)", "information.laws.fano", errors_charged_twice, NOTEBOOK, "MI-T3"),
    Fault("Fano with 3 h(e)", "information.laws.fano", coin_charged_thrice, NOTEBOOK, "MI-M1"),
    Fault("bits for nats", "information.laws.mutual_information", in_bits, NOTEBOOK, "MI-I3"),
    Fault("read after one step", "critics.fitting.post_training_information", with_options(steps=1), NOTEBOOK, "MI-D4"),
    Fault("no lower clip in batches", "information.estimators._prepared", lower_clip_forgotten, NOTEBOOK, "MI-B9"),
    Fault("TUBA with a(x) in batches", "information.estimators._prepared", baseline_of_the_anchor, NOTEBOOK, "MI-B6"),
    Fault("mean over all entries", "information.estimators._combined", mean_over_all_entries, NOTEBOOK, "MI-B7"),
    Fault(
        "a certificate at 90 %",
        "papers.mutual_information.certificates.gaussian_certificate",
        at_ninety_per_cent,
        NOTEBOOK,
        "MI-B11",
    ),
    Fault("m* + 1", "papers.mutual_information.certificates.fewest_values", one_value_more, NOTEBOOK, "MI-B11"),
    Fault("one negative too few", "information.finite_samples.multinomial", one_draw_fewer, NOTEBOOK, "MI-S7"),
    Fault("variance halved", "information.plug_in.sampling_errors", variance_halved, NOTEBOOK, "MI-S2"),
    Fault(
        "certificate a tenth too high",
        "evaluation.encoder_measures.certified_accuracy",
        a_tenth_more,
        NOTEBOOK,
        "MI-E2",
    ),
    Fault(
        "information a millionth too low",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-B1",
        piece="truth = mutual_information(tables)",
        replacement="truth = mutual_information(tables) - 1e-6",
    ),
    Fault(
        "mates without the anchor",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-S14",
        piece="C * (1 - (1 - 1 / C) ** sizes) - 1",
        replacement="C * (1 - (1 - 1 / C) ** sizes)",
    ),
    Fault(
        "contrast of orthogonal classes",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-S11",
        piece="contrast = C / ((C - 1) * tau)",
        replacement="contrast = 1 / tau",
    ),
    Fault(
        "2B for 2B - 1",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-S13",
        piece="np.log(2 * images - 1)[:, None] - loss - np.log(classes)",
        replacement="np.log(2 * images)[:, None] - loss - np.log(classes)",
    ),
    Fault(
        "every view feasible",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-I1",
        piece="views = every[kept >= needed] if constrained else every",
        replacement="views = every",
    ),
    Fault(
        "H(C|X,Y) subtracted twice",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-T2",
        piece="return first + second - both",
        replacement="return first + second - 2 * both",
    ),
    Fault(
        "probe in the place of the Bayes classifier",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-M1",
        piece="accuracy = 1 - information.bayes_error(label)",
        replacement="accuracy = np.sort(label, axis=1)[:, -2].sum(axis=1)",
    ),
    Fault(
        "a grid of step 0.002",
        CELL,
        notebook=NOTEBOOK,
        claim="MI-T8",
        piece="np.arange(501) / 1000)",
        replacement="np.arange(251) / 500)",
    ),
    Fault("anchors in turn", "critics.fitting.same_class_pairs", anchors_in_turn, NOTEBOOK, "MI-D2"),
    Fault("labels ignored when pairing", "critics.fitting.same_class_pairs", classes_ignored, NOTEBOOK, "MI-D2"),
    Fault(
        "always the next view",
        "papers.mutual_information.pair_streams.views_of_objects",
        always_the_next_view,
        NOTEBOOK,
        "MI-D2",
    ),
    Fault(
        "colour shared too",
        "papers.mutual_information.pair_streams.factor_views",
        colour_shared_too,
        NOTEBOOK,
        "MI-D5",
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
    Fault("pairs counted among the others", "information.upper_bounds.club", pairs_counted, NOTEBOOK, "MI-X1"),
    Fault(
        "anchors and candidates exchanged", "information.upper_bounds.leave_one_out", sides_exchanged, NOTEBOOK, "MI-X1"
    ),
    Fault(
        "weights of mean and baseline exchanged",
        "information.variational_bounds.interpolated",
        weights_exchanged,
        NOTEBOOK,
        "MI-X2",
    ),
    Fault(
        "mean of the other candidates only",
        "information.variational_bounds.interpolated",
        mean_of_the_others,
        NOTEBOOK,
        "MI-X2",
    ),
    Fault(
        "critic of NWJ without its 1",
        CELL,
        piece='reader("nwj", 1.0)',
        replacement='reader("nwj")',
        notebook=NOTEBOOK,
        claim="MI-X3",
    ),
    Fault(
        "second copy put beside the wrong side",
        CELL,
        piece="bij,bkl->bikjl",
        replacement="bij,bkl->bijkl",
        notebook=NOTEBOOK,
        claim="MI-X3",
    ),
    Fault(
        "one sample more in a batch",
        "papers.mutual_information.moving_averages.expected_ratio",
        one_sample_more,
        NOTEBOOK,
        "MI-X4",
    ),
    Fault(
        "oldest batch first", "papers.mutual_information.moving_averages.weights", oldest_batch_first, NOTEBOOK, "MI-X4"
    ),
    Fault(
        "covariance taken for dispersion",
        "papers.mutual_information.benchmark_tasks.student_excess",
        covariance_for_dispersion,
        NOTEBOOK,
        "MI-X5",
    ),
    Fault("one neighbour more", "information.nearest_neighbours.ksg", one_neighbour_more, NOTEBOOK, "MI-X5"),
    Fault(
        "determinant 5 % too large",
        "papers.mutual_information.benchmark_tasks.gaussian_information",
        one_side_twice,
        NOTEBOOK,
        "MI-X5",
    ),
    Fault(
        "angle with the radius",
        "papers.mutual_information.benchmark_tasks.spiral",
        angle_with_the_radius,
        NOTEBOOK,
        "MI-X5",
    ),
    Fault("bits for nats", "information.laws.binary_entropy", in_bits, NOTEBOOK, "MI-X6"),
    Fault(
        "a whole logarithm",
        CELL,
        piece="linear = -np.log1p(-square) / 2",
        replacement="linear = -np.log1p(-square)",
        notebook=NOTEBOOK,
        claim="MI-X6",
    ),
    Fault(
        "Jacobian of the inverse",
        CELL,
        piece="- jacobian * stretch * v",
        replacement="+ jacobian * stretch * v",
        notebook=NOTEBOOK,
        claim="MI-X7",
    ),
    Fault(
        "stretched the other way",
        CELL,
        piece="np.exp(-s * v)",
        replacement="np.exp(s * v)",
        notebook=NOTEBOOK,
        claim="MI-X7",
    ),
]
