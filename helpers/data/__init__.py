"""Images that travel or are fetched, augmented views of them, and images made from factors."""

from .datasets import (
    IMAGE_SETS,
    DataCorrupt,
    DataUnavailable,
    Images,
    byte_images,
    cifar10,
    digits,
    fashion_mnist,
    images,
    split,
)

__all__ = [
    "IMAGE_SETS",
    "DataCorrupt",
    "DataUnavailable",
    "Images",
    "byte_images",
    "cifar10",
    "digits",
    "fashion_mnist",
    "images",
    "split",
]
