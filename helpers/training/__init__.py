"""The one training loop: steps, checkpoints, stages, and one batch over several devices."""

from .loop import LOG, LOOK_EVERY, OPTIMISERS, cosine, fit, two_views, with_gradient

__all__ = ["LOG", "LOOK_EVERY", "OPTIMISERS", "cosine", "fit", "two_views", "with_gradient"]
