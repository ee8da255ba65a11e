"""Gradient flows and other ordinary differential equations of many problems at once, by a fixed-step integrator."""

import torch


def runge_kutta(field, state, *, duration, steps, record=0):
    """Integrate ``d state / dt = field(state)`` with the classical fourth-order method, fixed step.

    Parameters
    ----------
    field : callable
        Maps a list of tensors to a list of tensors of the same shapes.
    state : list of Tensor
    duration : float or Tensor
        Total time; a tensor must broadcast against every entry of the state (one duration a problem).
    steps : int
    record : int
        Number of equally spaced snapshots after the start to keep; must divide ``steps``. 0: the end point only.

    Returns
    -------
    list of Tensor
        The final state; with ``record`` > 0 every tensor gets a leading axis of length ``record + 1``.

    Raises
    ------
    ValueError
        If ``record`` does not divide ``steps``.

    >>> end = runge_kutta(lambda s: [-s[0]], [torch.ones(1, dtype=torch.float64)], duration=1.0, steps=50)
    >>> round(end[0].item(), 6)
    0.367879
    """
    if steps < 1 or (record and steps % record):
        raise ValueError(f"record is {record}, expected a divisor of steps = {steps}")
    step, every = duration / steps, steps // record if record else 0
    snapshots = [[entry] for entry in state]
    for index in range(steps):
        first = field(state)
        second = field(_move(state, first, step / 2))
        third = field(_move(state, second, step / 2))
        fourth = field(_move(state, third, step))
        slopes = [(a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(first, second, third, fourth, strict=True)]
        state = _move(state, slopes, step)
        if record and (index + 1) % every == 0:
            for kept, entry in zip(snapshots, state, strict=True):
                kept.append(entry)
    return [torch.stack(kept) for kept in snapshots] if record else state


def _move(state, slopes, step):
    return [entry + step * slope for entry, slope in zip(state, slopes, strict=True)]
