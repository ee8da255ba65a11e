"""Rows of all processes of a group, with their gradients: what a loss over a batch spread over processes needs.

Without a group a process shares with nobody. A loss of the own anchors against everybody's candidates, averaged over
processes as DistributedDataParallel averages gradients, has the gradient of one process with the whole batch.
"""

import torch
import torch.distributed as group


def processes():
    """Number of processes; 1 without a group."""
    return group.get_world_size() if group.is_available() and group.is_initialized() else 1


def rank():
    """Number of this process; 0 without a group."""
    return group.get_rank() if processes() > 1 else 0


def gather(rows):
    """Rows of every process in the order of ranks; integer rows without gradients.

    Parameters
    ----------
    rows : Tensor, shape (n, ...)
        The same shape on every process.

    Returns
    -------
    Tensor, shape (processes * n, ...)
        The gradients that all processes have for a row come back to it, summed.
    """
    if processes() == 1:
        return rows
    return _Gather.apply(rows) if rows.is_floating_point() else _everyone(rows.contiguous())


def _everyone(rows):
    found = [torch.empty_like(rows) for _ in range(processes())]
    group.all_gather(found, rows)
    return torch.cat(found)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows):
        ctx.rows = len(rows)
        return _everyone(rows.contiguous())

    @staticmethod
    @torch.autograd.function.once_differentiable  # a second derivative would miss the other processes' parts
    def backward(ctx, upstream):
        total = upstream.contiguous().clone()
        group.all_reduce(total)
        return total[ctx.rows * rank() : ctx.rows * (rank() + 1)]
