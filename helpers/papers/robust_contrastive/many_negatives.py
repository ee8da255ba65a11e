"""Terms of the decomposition for any number of negatives, by a Laplace transform: no draw is ever enumerated.

Second route to ``decomposition``, which sums over count vectors; the two share the table of scores and nothing else.
Worlds, shapes and units as in ``finite_worlds``.
"""

import numpy as np

from helpers.information import finite_samples

from . import finite_worlds


def log_average(world):
    """Mean over negatives of ``log (1/K sum_k exp(score of negative k))`` at every place, shape (w, u)."""
    return finite_samples.expected_log_mean(np.exp(finite_worlds.scores(world)), world.points[:, None], world.negatives)


def log_denominator(world):
    """Mean over positives of a class and negatives of ``log (exp(s_+) + weight/K sum_k exp(s_k))``, shape (w, c, u)."""
    score = np.exp(finite_worlds.scores(world))[:, None]
    return finite_samples.expected_log_mean(
        score,
        world.points[:, None, None],
        world.negatives,
        scale=world.weight[:, None, None],
        extra=score,
        extra_masses=world.conditional[:, :, None],
    )


def class_losses(world):
    """Contrastive loss of every anchor place for every label, shape (w, c, u), as ``decomposition.class_losses``."""
    return log_denominator(world) - finite_worlds.class_scores(world).swapaxes(1, 2)


def jensen_gap(world):
    """Slack of finitely many negatives at every place, shape (w, u)."""
    mean = (world.points[:, None] * np.exp(finite_worlds.scores(world))).sum(axis=2)
    return np.log(mean) - log_average(world)


def positive_gap(world):
    """Slack of the positive in its own denominator, for every label and place, shape (w, c, u)."""
    return log_denominator(world) - np.log(world.weight)[:, None, None] - log_average(world)[:, None]
