"""One batch over several processes: features gathered with their gradients, so that every process sees all negatives.

Started by ``torchrun``; a single process without a group gathers its own rows. A loss of all gathered rows is computed
on every process, and DistributedDataParallel averages the parameters' gradients over processes: together that is the
gradient of the same loss with the whole batch on one device.
"""

import torch
import torch.distributed as group


def gather(rows):
    """The rows of every process, in the order of their ranks, differentiable.

    Parameters
    ----------
    rows : Tensor, shape (n, d)
        The same n and d on every process.

    Returns
    -------
    Tensor, shape (processes * n, d)
        Its gradient, summed over the processes' losses, comes back to the rows it belongs to. A gather that keeps only
        the own rows' gradient gives one part in `processes` of that; one without gradient loses the negatives' share.

    Raises
    ------
    ValueError
        If the rows are not a matrix.

    >>> gather(torch.eye(2)).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if rows.ndim != 2:
        raise ValueError(f"rows has shape {tuple(rows.shape)}, expected (n, d)")
    if not (group.is_available() and group.is_initialized()):
        return rows
    return _Gather.apply(rows)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows):
        ctx.own = slice(group.get_rank() * len(rows), (group.get_rank() + 1) * len(rows))
        everyone = rows.new_empty(group.get_world_size() * len(rows), rows.shape[1])
        group.all_gather_into_tensor(everyone, rows.contiguous())
        return everyone

    @staticmethod
    def backward(ctx, gradient):
        total = gradient.contiguous().clone()
        group.all_reduce(total)
        return total[ctx.own]
