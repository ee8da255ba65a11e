"""Random views of images: shift, gain, noise, cut-out, flip, crop, and their composition.

Every function takes a batch of images on any device and a CPU ``torch.Generator``. All random numbers are drawn on
the CPU and moved, so that the views do not depend on the device; each image gets its own. The last two axes are
height and width, the first one counts images, axes between them (colours) share the draw.
"""

from functools import reduce

import torch
from torch.nn import functional


def compose(*steps):
    """Apply augmentations one after the other.

    Parameters
    ----------
    *steps : callable
        Each maps ``(images, generator)`` to images; fix their options with ``functools.partial``.

    Returns
    -------
    callable
        Maps ``(images, generator)`` to images.

    >>> from functools import partial
    >>> augment = compose(partial(shift, maximum=1), partial(noise, deviation=0.1))
    >>> augment(torch.zeros(5, 8, 8), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 8, 8])
    """
    return lambda images, generator: reduce(lambda views, step: step(views, generator), steps, images)


def shift(images, generator, *, maximum):
    """Move every image by whole pixels, uniformly in {-maximum, ..., maximum} along each axis; zeros come in.

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
        On the CPU.
    maximum : int >= 0
        In pixels.

    Returns
    -------
    Tensor, shape of `images`
    """
    if maximum < 0:
        raise ValueError(f"maximum is {maximum}, expected a number of pixels >= 0")
    planes, height, width = _planes(images)
    offsets = torch.randint(0, 2 * maximum + 1, (2, len(images), 1), generator=generator).to(images.device)
    rows = torch.arange(height, device=images.device) + offsets[0]
    columns = torch.arange(width, device=images.device) + offsets[1]
    padded = functional.pad(planes, (maximum, maximum, maximum, maximum))
    index = torch.arange(len(images), device=images.device)[:, None, None]
    moved = padded.movedim(1, -1)[index, rows[:, :, None], columns[:, None, :]]
    return moved.movedim(-1, 1).reshape(images.shape)


def gain(images, generator, *, low, high):
    """Multiply every image by a factor drawn uniformly from [low, high] (contrast against a black ground).

    Values are not clipped: brighter than 1 is allowed.

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
    low, high : float, 0 <= low <= high

    Returns
    -------
    Tensor, shape of `images`
    """
    if not 0 <= low <= high:
        raise ValueError(f"low is {low} and high {high}, expected 0 <= low <= high")
    _planes(images)
    draws = torch.rand(len(images), generator=generator, dtype=images.dtype).to(images.device)
    return images * (low + (high - low) * draws).reshape(-1, *(1,) * (images.ndim - 1))


def noise(images, generator, *, deviation):
    """Add independent Gaussian noise of this standard deviation to every pixel; values are not clipped."""
    if deviation < 0:
        raise ValueError(f"deviation is {deviation}, expected a standard deviation >= 0")
    _planes(images)
    return images + deviation * torch.randn(images.shape, generator=generator, dtype=images.dtype).to(images.device)


def erase(images, generator, *, size):
    """Set a square of ``size`` x ``size`` pixels to zero, its place uniform among all that fit (cut-out).

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
    size : int
        In pixels, from 0 to the smaller side.

    Returns
    -------
    Tensor, shape of `images`
    """
    _, height, width = _planes(images)
    if not 0 <= size <= min(height, width):
        raise ValueError(f"size is {size}, expected 0 to {min(height, width)} for images of {height} x {width}")
    masks = []
    for side in (height, width):
        start = torch.randint(0, side - size + 1, (len(images), 1), generator=generator).to(images.device)
        place = torch.arange(side, device=images.device)
        masks.append((place >= start) & (place < start + size))
    hole = masks[0][:, :, None] & masks[1][:, None, :]
    return images.masked_fill(hole.reshape(len(images), *(1,) * (images.ndim - 3), height, width), 0)


def flip(images, generator, *, chance=0.5):
    """Mirror every image left to right with this chance."""
    if not 0 <= chance <= 1:
        raise ValueError(f"chance is {chance}, expected a probability")
    _planes(images)
    chosen = (torch.rand(len(images), generator=generator) < chance).to(images.device)
    return torch.where(chosen.reshape(-1, *(1,) * (images.ndim - 1)), images.flip(-1), images)


def crop(images, generator, *, smallest):
    """Cut out a random square part and enlarge it to the full size (bilinear).

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
    smallest : float
        In (0, 1]: the part's side, as a fraction of the whole, is uniform in [smallest, 1]; its place is uniform.

    Returns
    -------
    Tensor, shape of `images`
    """
    if not 0 < smallest <= 1:
        raise ValueError(f"smallest is {smallest}, expected a fraction of the side in (0, 1]")
    planes, height, width = _planes(images)
    draws = torch.rand(3, len(images), generator=generator, dtype=images.dtype).to(images.device)
    side = smallest + (1 - smallest) * draws[0]
    centres = (1 - side) * (2 * draws[1:] - 1)
    frame = torch.zeros(len(images), 2, 3, dtype=images.dtype, device=images.device)
    frame[:, 0, 0] = frame[:, 1, 1] = side
    frame[:, 0, 2], frame[:, 1, 2] = centres[0], centres[1]
    grid = functional.affine_grid(frame, [*planes.shape[:2], height, width], align_corners=False)
    return functional.grid_sample(planes, grid, padding_mode="border", align_corners=False).reshape(images.shape)


def _planes(images):
    """Images as (n, colours, height, width), with height and width."""
    if images.ndim < 3 or not images.is_floating_point():
        raise ValueError(
            f"images has shape {tuple(images.shape)} ({images.dtype}), expected floating (n, ..., height, width)"
        )
    height, width = images.shape[-2:]
    return images.reshape(len(images), -1, height, width), height, width
