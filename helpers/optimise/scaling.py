"""Powers of two that bring vectors to the size one: squares then neither underflow nor overflow, and no digit changes.

Torch, any floating type and device.
"""

import torch


def power_of_two(vectors):
    """Largest power of two that is at most the largest size along the last axis; 1 where all entries are zero.

    Division by it is exact, so that a formula of degree zero or one gives the same digits with and without it, as long
    as its intermediate numbers stay in range; with it they do.

    Parameters
    ----------
    vectors : Tensor, shape (..., d), floating

    Returns
    -------
    Tensor, shape (..., 1)
        1 also where an entry is a NaN or infinite.

    >>> power_of_two(torch.tensor([[3.0, -5.0], [0.0, 0.0], [1e-30, 0.0]]))[:, 0].tolist()
    [4.0, 1.0, 7.888609052210118e-31]
    """
    largest = vectors.detach().abs().amax(-1, keepdim=True)
    mantissa, _ = torch.frexp(largest)  # in [1/2, 1)
    return torch.where((largest > 0) & largest.isfinite(), largest / (2 * mantissa), 1.0)
