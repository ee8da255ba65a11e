"""The one training loop: steps, checkpoints, stages, and one batch over several devices."""

from .loop import OPTIMISERS, cosine, fit, two_views, with_gradient

__all__ = ["OPTIMISERS", "cosine", "fit", "two_views", "with_gradient"]
