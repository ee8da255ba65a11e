"""Mutual information of frozen features, read after training by a fresh critic: same-class pairs, or two views.

Features are standardised with a floor first, so that dead coordinates do not wreck the critic; the critic is fitted on
the first part and read on the second, see ``critics.post_training_information``.
"""

import torch

from helpers import critics, evaluation

from . import pair_streams


def same_class(features, labels, *, widths, seed, device="cpu", **protocol):
    """Information of two objects of one class.

    Parameters
    ----------
    features : pair of ndarray, shapes (n, d) and (m, d)
        To fit on, and to read on.
    labels : pair of ndarray of int, shapes (n,) and (m,)
    widths : sequence of int
        Of the critic's two perceptrons, behind the d inputs, such as (128, 32).
    seed : int
        Of the critic and of the pairs.
    device : torch.device or str
    **protocol
        Of ``critics.post_training_information``: steps, pairs, candidates, batches, read_candidates, ...

    Returns
    -------
    float, nats
    """
    scaled = [torch.from_numpy(part).float() for part in evaluation.standardised(*features)]
    streams = [critics.same_class_pairs(part, torch.from_numpy(own)) for part, own in zip(scaled, labels, strict=True)]
    return _read(streams, scaled[0].shape[1], widths, seed, device, protocol)


def two_views(seen, *, widths, seed, device="cpu", **protocol):
    """Information of two views of one image.

    Parameters
    ----------
    seen : pair of ndarray, shapes (views, n, d) and (views, m, d)
        Features of at least two views of every image, of the images to fit on and of those to read on.
    widths, seed, device, **protocol
        As in :func:`same_class`.

    Returns
    -------
    float, nats
    """
    width = seen[0].shape[-1]
    flat = evaluation.standardised(*(part.reshape(-1, width) for part in seen))
    streams = [
        pair_streams.views_of_objects(torch.from_numpy(new).float().reshape(old.shape))
        for new, old in zip(flat, seen, strict=True)
    ]
    return _read(streams, width, widths, seed, device, protocol)


def _read(streams, inputs, widths, seed, device, protocol):
    fresh = critics.separable((inputs, *widths), seed=seed)
    return critics.post_training_information(fresh, *streams, **protocol, seed=seed, device=device).value
