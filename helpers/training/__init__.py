"""The one training loop: steps, checkpoints, stages, and one batch over several devices."""

from .checkpoints import Checkpoint
from .loop import OPTIMISERS, cosine, fit, two_views, with_gradient
from .stages import reached

__all__ = ["OPTIMISERS", "Checkpoint", "cosine", "fit", "reached", "two_views", "with_gradient"]
