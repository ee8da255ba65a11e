"""Training an encoder on a stream of positive pairs: where the pairs come from, and InfoNCE on groups of K of them.

A stream is a callable that maps ``(count, generator)`` to ``count`` independent pairs, two Tensors whose rows
correspond; ``generator`` is the CPU generator all randomness comes from. Those of ``critics`` (same class, fixed pairs)
are streams too. The same number of pairs a step can be split into few large batches or many small ones, so that a
comparison of batch sizes changes nothing but the number K of candidates.
"""

import math

import torch

from helpers import losses, training
from helpers.data import factor_images


# -- streams ----------------------------------------------------------------------------------------------------
def factor_views(shared, *, noise):
    """Pairs of factor images that share some factors and draw the others afresh; every image new.

    Parameters
    ----------
    shared : collection of str
        From ``factor_images.NAMES``; may be empty.
    noise : float >= 0
        Standard deviation in every pixel and channel.

    Returns
    -------
    callable
        Stream of images, Tensors of shape (count, 3, 14, 10), float32.

    Raises
    ------
    ValueError
        For an unknown name.

    >>> factor_views({"digit"}, noise=0.1)(4, torch.Generator())[0].shape
    torch.Size([4, 3, 14, 10])
    """
    if unknown := set(shared) - set(factor_images.NAMES):
        raise ValueError(f"shared holds {sorted(unknown)}, expected names from {factor_images.NAMES}")
    known = torch.from_numpy(factor_images.templates(factor_images.every_combination()))
    sizes = torch.tensor(factor_images.SIZES)
    place = torch.tensor([math.prod(factor_images.SIZES[k + 1 :]) for k in range(len(sizes))])
    kept = torch.tensor([name in shared for name in factor_images.NAMES])

    def stream(count, generator):
        chances = torch.rand(2, count, len(sizes), generator=generator, dtype=torch.float64)
        first, second = (chances * sizes).long()
        codes = [(factors * place).sum(dim=1) for factors in (first, torch.where(kept, first, second))]
        return tuple(known[code] + noise * torch.randn(known[code].shape, generator=generator) for code in codes)

    return stream


def views_of_objects(views):
    """Pairs of two different views of one object, from a table of views made beforehand.

    Parameters
    ----------
    views : Tensor, shape (m, n, ...)
        m >= 2 views of each of n objects.

    Returns
    -------
    callable
        Stream; the object is uniform, the two views are distinct and uniform.

    Raises
    ------
    ValueError
        If there is a single view.

    >>> first, second = views_of_objects(torch.arange(6).reshape(2, 3))(50, torch.Generator())
    >>> torch.equal(first % 3, second % 3), bool((first == second).any())
    (True, False)
    """
    if views.ndim < 2 or len(views) < 2:
        raise ValueError(f"views has shape {tuple(views.shape)}, expected (m, n, ...) with m >= 2")
    number, objects = views.shape[:2]

    def stream(count, generator):
        chosen = torch.randint(objects, (count,), generator=generator)
        first = torch.randint(number, (count,), generator=generator)
        second = (first + torch.randint(1, number, (count,), generator=generator)) % number
        return views[first, chosen], views[second, chosen]

    return stream


# -- objective and fit ------------------------------------------------------------------------------------------
def grouped_infonce(first, second, *, candidates, temperature):
    """Mean InfoNCE loss when pairs are split into batches of K, in their order; first views are the anchors.

    Parameters
    ----------
    first, second : Tensor, shape (n, d)
        Rows correspond; scores are inner products.
    candidates : int
        K, the positive included; divides n.
    temperature : float > 0

    Returns
    -------
    Tensor, scalar, nats
        ``ln K`` for a constant encoder.

    Raises
    ------
    ValueError
        If K does not divide the number of pairs.

    >>> round(grouped_infonce(torch.ones(8, 2), torch.ones(8, 2), candidates=4, temperature=0.5).exp().item(), 4)
    4.0
    """
    if candidates < 1 or len(first) % candidates:
        raise ValueError(f"{len(first)} pairs cannot be split into batches of {candidates}")
    anchors, others = (side.unflatten(0, (-1, candidates)) for side in (first, second))
    scores = anchors @ others.mT
    return losses.infonce_from_scores(scores, temperature=temperature, positive_in_denominator=True).mean()


def stream_objective(stream, *, candidates, temperature):
    """:func:`grouped_infonce` of fresh pairs of a stream, for ``training.fit`` on tickets.

    Parameters
    ----------
    stream : callable
    candidates : int
    temperature : float

    Returns
    -------
    callable
        Objective of ``(model, tickets, generator)``; a ticket is a row of anything and stands for a pair still to be
        drawn, so that an epoch has as many pairs as there are tickets.
    """

    def objective(network, tickets, generator):
        first, second = (side.to(tickets.device) for side in stream(len(tickets), generator))
        outputs = network(torch.cat([first, second])).chunk(2)
        return grouped_infonce(*outputs, candidates=candidates, temperature=temperature)

    return objective


def fit_encoder(model, stream, *, steps, pairs, candidates, temperature, learning_rate, seed, device="cpu", blocks=10):
    """Train an encoder by InfoNCE on a stream of pairs.

    Parameters
    ----------
    model : encoders.Encoder
        Trained in place; its outputs enter the loss.
    stream : callable
    steps, pairs : int
        Adam steps, a multiple of ``blocks``, and pairs a step.
    candidates : int
        K; divides ``pairs``.
    temperature, learning_rate, seed, device
        As in ``training.fit``.
    blocks : int

    Returns
    -------
    float
        The training value ``ln K - loss``, mean over the last of ``blocks`` equal parts of the steps, in nats. It is a
        reading of the loss (temperature and projector inside, in-sample), not a measurement of information.

    Raises
    ------
    ValueError
        If the steps cannot be split into blocks, or as :func:`grouped_infonce`.
    """
    if blocks < 1 or steps < blocks or steps % blocks:
        raise ValueError(f"{steps} steps cannot be split into {blocks} blocks")
    objective = stream_objective(stream, candidates=candidates, temperature=temperature)
    tickets = torch.zeros(steps // blocks * pairs)  # a ticket is a pair still to be drawn
    options = {"learning_rate": learning_rate, "seed": seed, "device": device}
    return math.log(candidates) - training.fit(model, objective, tickets, epochs=blocks, batch=pairs, **options)[-1]
