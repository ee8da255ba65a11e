"""Random views of images: crop, shift, flip, colours, blur, noise, cut-out, their composition, and SimCLR's pipeline.

Every function takes a batch of images on any device and a CPU ``torch.Generator``. All random numbers are drawn on
the CPU and moved, so that the views do not depend on the device; each image gets its own. The last two axes are
height and width, the first one counts images, axes between them (colours) share the draw. Images are floating;
:func:`compose` starts from bytes too, so that a data set can lie in memory as uint8.

Written here because kornia, which does the same without torchvision, draws from PyTorch's global generator and takes
two to three times as long for SimCLR's pipeline on one CPU thread (``benchmarks/images.py`` times both).
"""

import math
from functools import partial, reduce

import torch
from torch.nn import functional

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601
TRIES = 10  # rectangles drawn for one crop; the first that fits is taken


def compose(*steps):
    """Apply augmentations one after the other; images of uint8 pass through :func:`to_float` first.

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
    return lambda images, generator: reduce(lambda views, step: step(views, generator), steps, to_float(images))


def simclr(*, area=(0.2, 1.0), strength=0.5, blur_size=0):
    """The views of Chen et al. (2020) in the form used for small images: crop, flip, colour jitter, grey, maybe blur.

    Parameters
    ----------
    area : (float, float)
        Of :func:`resized_crop`: (0.2, 1) in codes for CIFAR-10, (0.08, 1) in the paper.
    strength : float in [0, 1.25]
        Brightness, contrast and saturation vary by 0.8 times this, hue by 0.2 times this, with chance 0.8: 0.5 gives
        the (0.4, 0.4, 0.4, 0.1) usual for CIFAR-10, 1 is the paper's for ImageNet.
    blur_size : int
        Side of the Gaussian kernel, odd, a tenth of the image's in the paper, with chance 0.5; 0 for no blur.

    Returns
    -------
    callable
        Maps ``(images, generator)`` to views in [0, 1]; ``images`` in [0, 1] or uint8, of one colour (then saturation,
        hue and grey do nothing) or three.

    >>> views = simclr()(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> views.shape, views.dtype
    (torch.Size([5, 3, 32, 32]), torch.float32)
    """
    vary, turn = 0.8 * strength, 0.2 * strength
    steps = [
        partial(resized_crop, area=area),
        flip,
        partial(jitter, brightness=vary, contrast=vary, saturation=vary, hue=turn, chance=0.8),
        partial(grey, chance=0.2),
    ]
    return compose(*steps, partial(blur, size=blur_size, chance=0.5)) if blur_size else compose(*steps)


def to_float(images):
    """Bytes as numbers in [0, 1], float32, on their device; floating images as they are.

    >>> to_float(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist()
    [0.0, 0.20000000298023224, 1.0]
    """
    return images.float() / 255 if images.dtype == torch.uint8 else images


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
    offsets = _moved(torch.randint(0, 2 * maximum + 1, (2, len(images), 1), generator=generator), images.device)
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
    draws = _moved(torch.rand(len(images), generator=generator, dtype=images.dtype), images.device)
    return images * (low + (high - low) * draws).reshape(-1, *(1,) * (images.ndim - 1))


def noise(images, generator, *, deviation):
    """Add independent Gaussian noise of this standard deviation to every pixel; values are not clipped."""
    if deviation < 0:
        raise ValueError(f"deviation is {deviation}, expected a standard deviation >= 0")
    _planes(images)
    draws = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    return images + deviation * _moved(draws, images.device)


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
        start = _moved(torch.randint(0, side - size + 1, (len(images), 1), generator=generator), images.device)
        place = torch.arange(side, device=images.device)
        masks.append((place >= start) & (place < start + size))
    hole = masks[0][:, :, None] & masks[1][:, None, :]
    return images.masked_fill(hole.reshape(len(images), *(1,) * (images.ndim - 3), height, width), 0)


def flip(images, generator, *, chance=0.5):
    """Mirror every image left to right with this chance."""
    planes, *_ = _planes(images)
    return torch.where(_chosen(images, generator, chance), planes.flip(-1), planes).reshape(images.shape)


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
    draws = _moved(torch.rand(3, len(images), generator=generator, dtype=images.dtype), images.device)
    side = smallest + (1 - smallest) * draws[0]
    centres = (1 - side) * (2 * draws[1:] - 1)
    frame = torch.zeros(len(images), 2, 3, dtype=images.dtype, device=images.device)
    frame[:, 0, 0] = frame[:, 1, 1] = side
    frame[:, 0, 2], frame[:, 1, 2] = centres[0], centres[1]
    grid = functional.affine_grid(frame, [*planes.shape[:2], height, width], align_corners=False)
    return functional.grid_sample(planes, grid, padding_mode="border", align_corners=False).reshape(images.shape)


def resized_crop(images, generator, *, area=(0.08, 1.0), aspect=(3 / 4, 4 / 3)):
    """Cut out a random rectangle of whole pixels and enlarge it to the full size (bilinear).

    The area is uniform and the logarithm of width / height is uniform; the sides are rounded. A rectangle that does not
    fit is drawn anew, up to ``TRIES`` in all; after them the image stays whole. The place is uniform.

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
    area : (float, float)
        Bounds, in (0, 1], as fractions of the image's area.
    aspect : (float, float)
        Bounds of width / height, positive.

    Returns
    -------
    Tensor, shape of `images`
    """
    if not (0 < area[0] <= area[1] <= 1 and 0 < aspect[0] <= aspect[1]):
        raise ValueError(f"area is {area} and aspect {aspect}, expected 0 < low <= high, areas up to 1")
    planes, height, width = _planes(images)
    frame = _rectangles(len(images), height, width, generator, area, aspect).to(images.dtype)
    top, left, rows, columns = _moved(frame, images.device)[..., None]
    down, across = _sources(top, rows, height), _sources(left, columns, width)
    grid = torch.stack(torch.broadcast_tensors(across[:, None, :], down[:, :, None]), dim=-1)
    return functional.grid_sample(planes, grid, padding_mode="border", align_corners=False).reshape(images.shape)


def jitter(images, generator, *, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0, chance=1.0):
    """Vary brightness, contrast, saturation and hue of some images, in a random order that the batch shares.

    Brightness multiplies by a factor; contrast and saturation move away from, or towards, the image's mean luminance
    and each pixel's luminance by a factor; hue turns the colour circle. Results are clipped to [0, 1] each time.

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating, in [0, 1]
        One colour or three; with one, saturation and hue do nothing.
    generator : torch.Generator
    brightness, contrast, saturation : float in [0, 1]
        Factors are uniform in [1 - this, 1 + this].
    hue : float in [0, 0.5]
        In turns: the angle is uniform in [-hue, hue].
    chance : float
        Of each image to be changed at all.

    Returns
    -------
    Tensor, shape of `images`
    """
    amounts = (brightness, contrast, saturation, hue)
    if not (all(0 <= amount <= 1 for amount in amounts) and hue <= 0.5):
        raise ValueError(
            f"brightness, contrast, saturation and hue are {amounts}, expected 0 to 1, the last one to 0.5"
        )
    planes, *_ = _coloured(images)
    chosen = _chosen(images, generator, chance)
    order = torch.randperm(4, generator=generator).tolist()
    draws = 2 * torch.rand(4, len(images), 1, 1, 1, generator=generator) - 1
    draws = _moved(draws.to(images.dtype), images.device)
    changed = planes
    for number in order:
        if amounts[number] and (number < 2 or planes.shape[1] == 3):
            changed = _COLOUR_CHANGES[number](changed, amounts[number] * draws[number])
    return torch.where(chosen, changed, planes).reshape(images.shape)


def grey(images, generator, *, chance):
    """Replace all three colours by the luminance, with this chance; images of one colour stay as they are."""
    planes, *_ = _coloured(images)
    return torch.where(_chosen(images, generator, chance), _luminance(planes), planes).reshape(images.shape)


def blur(images, generator, *, size, deviation=(0.1, 2.0), chance=0.5):
    """Smooth some images with a Gaussian kernel, mirrored at the edges (the edge itself is not repeated).

    Parameters
    ----------
    images : Tensor, shape (n, ..., height, width), floating
    generator : torch.Generator
    size : int
        Side of the kernel in pixels, odd; the kernel is cut off there and sums to one.
    deviation : (float, float)
        Bounds of the standard deviation in pixels, positive; uniform between them.
    chance : float
        Of each image to be smoothed.

    Returns
    -------
    Tensor, shape of `images`
    """
    planes, height, width = _planes(images)
    if not (size % 2 == 1 and 0 < size < 2 * min(height, width)):
        raise ValueError(f"size is {size}, expected an odd number below {2 * min(height, width)}")
    if not 0 < deviation[0] <= deviation[1]:
        raise ValueError(f"deviation is {deviation}, expected 0 < low <= high")
    chosen = _chosen(images, generator, chance)
    deviations = deviation[0] + (deviation[1] - deviation[0]) * torch.rand(len(images), 1, generator=generator)
    reach = size // 2
    weights = torch.softmax(-((torch.arange(-reach, reach + 1) / deviations) ** 2) / 2, dim=1)
    weights = _moved(weights.to(images.dtype), images.device)[:, :, None, None, None]
    padded = functional.pad(planes, (reach, reach, reach, reach), mode="reflect")
    smooth = sum(weights[:, k] * padded[:, :, k : k + height] for k in range(size))
    smooth = sum(weights[:, k] * smooth[..., k : k + width] for k in range(size))
    # a mean lies between its terms: rounding must not carry it beyond white or black
    smooth = smooth.clamp(*(end((1, 2, 3), keepdim=True) for end in (planes.amin, planes.amax)))
    return torch.where(chosen, smooth, planes).reshape(images.shape)


def _rectangles(count, height, width, generator, area, aspect):
    """Top, left, rows and columns of random rectangles, shape (4, count), whole numbers."""
    areas, ratios, down, across = torch.rand(4, count, TRIES, generator=generator)
    areas = height * width * (area[0] + (area[1] - area[0]) * areas)
    ratios = torch.exp(math.log(aspect[0]) + math.log(aspect[1] / aspect[0]) * ratios)
    rows, columns = (areas / ratios).sqrt().round(), (areas * ratios).sqrt().round()
    fits = (rows >= 1) & (rows <= height) & (columns >= 1) & (columns <= width)
    first = fits.byte().argmax(dim=1, keepdim=True)
    fits, rows, columns, down, across = (each.gather(1, first)[:, 0] for each in (fits, rows, columns, down, across))
    rows, columns = torch.where(fits, rows, height), torch.where(fits, columns, width)
    return torch.stack([(down * (height - rows + 1)).floor(), (across * (width - columns + 1)).floor(), rows, columns])


def _sources(start, size, total):
    """Where the pixels of the enlarged part come from, shape (n, total), in the coordinates of ``grid_sample``."""
    centres = torch.arange(total, dtype=start.dtype, device=start.device) + 0.5
    inside = torch.minimum((centres * (size / total)).clamp(min=0.5), size - 0.5)  # no pixel beyond the part's edge
    return 2 * (start + inside) / total - 1


def _luminance(planes):
    if planes.shape[1] == 1:
        return planes
    red, green, blue = planes.split(1, dim=1)
    return LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue


def _brightened(planes, draws):
    return (planes * (1 + draws)).clamp_(0, 1)


def _contrasted(planes, draws):
    return torch.lerp(_luminance(planes).mean((1, 2, 3), keepdim=True), planes, 1 + draws).clamp_(0, 1)


def _saturated(planes, draws):
    return torch.lerp(_luminance(planes), planes, 1 + draws).clamp_(0, 1)


def _turned(planes, draws):
    """Hue turned by these parts of a circle; value and chroma of every pixel stay.

    On the colour circle, in sixths of a turn from red, a colour's amount falls from 1 to 0 between the distances 1 and
    2 from its own place.
    """
    red, green, blue = planes.unbind(1)
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    per_chroma = 1 / torch.where(chroma > 0, chroma, 1)
    from_green, from_blue = (blue - red) * per_chroma + 2, (red - green) * per_chroma - 2
    sixths = torch.where(value == green, from_green, from_blue)
    sixths = torch.where(value == red, (green - blue) * per_chroma, sixths) + 6 * draws[:, 0]
    sixths = sixths - 6 * (sixths / 6).round()  # in [-3, 3]
    lacking = (sixths.abs() - 1, 2 - (sixths + 1).abs(), 2 - (sixths - 1).abs())
    return torch.stack([value - chroma * share.clamp(0, 1) for share in lacking], dim=1)


_COLOUR_CHANGES = (_brightened, _contrasted, _saturated, _turned)


def _chosen(images, generator, chance):
    """Which images are changed, shape (n, 1, 1, 1)."""
    if not 0 <= chance <= 1:
        raise ValueError(f"chance is {chance}, expected a probability")
    return _moved(torch.rand(len(images), generator=generator) < chance, images.device)[:, None, None, None]


def _moved(draws, device):
    """Draws on the images' device; the CPU does not wait for the GPU to take them."""
    return draws.to(device, non_blocking=True)


def _coloured(images):
    planes, height, width = _planes(images)
    if planes.shape[1] not in (1, 3):
        raise ValueError(f"images has shape {tuple(images.shape)}: {planes.shape[1]} colours, expected 1 or 3")
    return planes, height, width


def _planes(images):
    """Images as (n, colours, height, width), with height and width."""
    if images.ndim < 3 or not images.is_floating_point():
        raise ValueError(
            f"images has shape {tuple(images.shape)} ({images.dtype}), expected floating (n, ..., height, width)"
        )
    height, width = images.shape[-2:]
    return images.reshape(len(images), -1, height, width), height, width
