"""In which precision the losses compute: half precision is summed in float32, whatever autocast would do."""

import contextlib

import torch

SUMMED_AS_THEY_ARE = (torch.float32, torch.float64)
AS_IT_IS = contextlib.nullcontext()


def summed(dtype):
    """The dtype in which values of a floating dtype are summed.

    >>> summed(torch.float16), summed(torch.float64)
    (torch.float32, torch.float64)
    """
    return torch.promote_types(dtype, torch.float32)


def full(values):
    """A tensor in the precision of its sums; its gradient is rounded back last, after any loss scale."""
    return values if values.dtype in SUMMED_AS_THEY_ARE else values.to(summed(values.dtype))


def without_autocast(like):
    """Context in which matrix products keep the precision of their arguments, on the device of a tensor."""
    device = like.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else AS_IT_IS
