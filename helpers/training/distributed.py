"""One batch over several processes: features gathered with their gradients, so that every process sees all negatives.

Started by ``torchrun``; a single process without a group shares with nobody and gathers its own rows. A loss of all
gathered rows is computed on every process, and the parameters' gradients are averaged over processes: together that is
the gradient of the same loss with the whole batch on one device.
"""

import torch
import torch.distributed as group
from torch import nn


def start(device):
    """Join the processes that ``torchrun`` started; does nothing otherwise.

    Parameters
    ----------
    device : torch.device
        NCCL connects GPUs, gloo everything else.
    """
    if group.is_available() and group.is_torchelastic_launched() and not group.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        group.init_process_group("nccl" if device.type == "cuda" else "gloo")


def stop():
    """Leave the group, if there is one."""
    if _grouped():
        group.destroy_process_group()


def processes():
    """Number of processes that train together; 1 without a group."""
    return group.get_world_size() if _grouped() else 1


def rank():
    """Number of this process, from 0; process 0 writes files."""
    return group.get_rank() if _grouped() else 0


def wait():
    """Return when every process has called this."""
    if processes() > 1:
        group.barrier()


def require_same(value, what):
    """Return when every process has called this; ``ValueError`` if their values differ.

    Parameters
    ----------
    value : object that can be pickled and hashed
    what : str
        Its name in the message.
    """
    if processes() == 1:
        return
    everyone = [None] * processes()
    group.all_gather_object(everyone, value)
    if len(set(everyone)) > 1:
        found = ", ".join(str(one) for one in everyone)
        raise ValueError(f"{what} differs between processes ({found}): they have to see the same files")


def share(rows):
    """This process's part of a batch that every process holds.

    Parameters
    ----------
    rows : Tensor, shape (n, ...)
        The same on every process.

    Returns
    -------
    Tensor, shape (n / processes, ...)

    Raises
    ------
    ValueError
        If the rows cannot be split evenly.

    >>> share(torch.arange(3)).tolist()
    [0, 1, 2]
    """
    if len(rows) % processes():
        raise ValueError(f"{len(rows)} rows cannot be split evenly between {processes()} processes")
    return rows.chunk(processes())[rank()]


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
    return _Gather.apply(rows) if _grouped() else rows


def prepare(model):
    """A model for training on all processes: BatchNorm takes its statistics from the whole batch.

    Raises
    ------
    ValueError
        If the model has BatchNorm and the processes share no GPUs: PyTorch synchronises BatchNorm on GPUs only, and
        with statistics of a part of the batch the gradient would be another one.
    """
    if processes() == 1:
        return model
    normed = any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in model.modules())
    if normed and not next(model.parameters()).is_cuda:
        raise ValueError("BatchNorm over several processes needs GPUs; on CPUs train in one process, or without it")
    return nn.SyncBatchNorm.convert_sync_batchnorm(model) if normed else model


def average_gradients(parameters):
    """Replace every gradient by its mean over the processes, in place."""
    if processes() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for work in [group.all_reduce(gradient, async_op=True) for gradient in gradients]:
        work.wait()
    for gradient in gradients:
        gradient /= processes()


def _grouped():
    return group.is_available() and group.is_initialized()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows):
        ctx.own = slice(group.get_rank() * len(rows), (group.get_rank() + 1) * len(rows))
        everyone = rows.new_empty(group.get_world_size() * len(rows), rows.shape[1])
        group.all_gather_into_tensor(everyone, rows.contiguous())
        return everyone

    @staticmethod
    @torch.autograd.function.once_differentiable  # a second derivative would miss the other processes' parts
    def backward(ctx, gradient):
        total = gradient.contiguous().clone()
        group.all_reduce(total)
        return total[ctx.own]
