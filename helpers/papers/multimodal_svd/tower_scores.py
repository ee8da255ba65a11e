"""What two trained encoders are worth: linear probe, retrieval, guessed pairs, and the gradient identity at them.

``images`` are whole images, uint8 or floating, shape (n, height, width) or (n, colours, height, width); the modalities
are their left and right halves, cut where :class:`dual_encoder.TwoTowers` cuts. ``left`` and ``right`` are outputs of
the two sides, ndarrays of shape (n, outputs), before they are scaled.
"""

import copy

import numpy as np
import torch
from torch.nn import functional

from helpers import evaluation
from helpers.losses import pair_loss_family

from . import dual_encoder, spiked_model


def observed(images, pairing):
    """Left halves beside the right halves they were observed with: row i takes the right half of ``pairing[i]``.

    Parameters
    ----------
    images : Tensor, shape (n, ..., width)
    pairing : array_like of int, shape (n,)

    Returns
    -------
    Tensor, same shape as `images`

    >>> observed(torch.tensor([[[1, 2]], [[3, 4]]]), [1, 0]).tolist()
    [[[1, 4]], [[3, 2]]]
    """
    split = images.shape[-1] // 2
    return torch.cat([images[..., :split], images[torch.as_tensor(pairing)][..., split:]], dim=-1)


def outputs(model, images, *, device="cpu"):
    """Outputs of both encoders in evaluation mode, before they are scaled.

    Parameters
    ----------
    model : dual_encoder.TwoTowers
        Of two ``encoders.Encoder``.
    images : Tensor
    device : torch.device or str

    Returns
    -------
    left, right : ndarray, shape (n, outputs), float64
    """
    sides = (model.left, images[..., : model.split]), (model.right, images[..., model.split :])
    return tuple(evaluation.frozen_features(tower, half, device=device, outputs=True) for tower, half in sides)


def linear_encoder(images, *, rank):
    """The linear estimator on the same pairs: the encoders of one SVD of the cross-covariance of the pixels.

    Parameters
    ----------
    images : Tensor, uint8
        Observed pairs, see :func:`observed`.
    rank : int

    Returns
    -------
    callable
        Maps images to (left, right), centred by the means of the pairs.
    """

    def pixels(some):
        split = some.shape[-1] // 2
        return [half.reshape(len(some), -1).numpy() / 255.0 for half in (some[..., :split], some[..., split:])]

    sides = pixels(images)
    cross = spiked_model.contrastive_cross_covariance(*sides)
    maps, means = spiked_model.best_encoders(cross, rank=rank, penalty=1.0), [side.mean(axis=0) for side in sides]
    return lambda some: tuple((x - mean) @ one.T for x, mean, one in zip(pixels(some), means, maps, strict=True))


def scores(encode, probe, test, *, strength, candidates):
    """Linear probe and retrieval of a pair of encoders.

    Parameters
    ----------
    encode : callable
        Maps images to (left, right), such as :func:`linear_encoder` makes.
    probe, test : (Tensor, ndarray)
        Images with labels: the probe is fitted on the first and scored on the second, as is retrieval.
    strength : float
        See ``evaluation.logistic_probe``.
    candidates : int
        At most as many as there are test images are taken.

    Returns
    -------
    dict of str to float
        ``error``: of the probe on the outputs of both sides; ``left_error``: on the left ones alone; ``hit``: share
        of left halves whose right half is the most similar of ``candidates``.
    """
    known, unknown = encode(probe[0]), encode(test[0])

    def error(*sides):
        train, new = (np.hstack([both[k] for k in sides]) for both in (known, unknown))
        return 1 - evaluation.logistic_probe(train, probe[1], new, test[1], strength=strength).value

    hits = evaluation.retrieved(*unknown, candidates=min(candidates, len(test[1])))
    return {"error": error(0, 1), "left_error": error(0), "hit": float(hits.mean())}


def guessed_right(left, right, rng, *, batch, draws=20):
    """Share of right ones among the pairs that ``dual_encoder.best_partners`` guesses in batches of true pairs.

    Parameters
    ----------
    left, right : ndarray, shape (n, outputs)
        Equal rows belong together.
    rng : numpy.random.Generator
    batch, draws : int

    Returns
    -------
    dict of str to float
        In ``aligned`` batches, which hold the partner of every item, and in ``shuffled`` ones, whose right items are
        drawn independently.
    """
    shares = {"aligned": [], "shuffled": []}
    for _ in range(draws):
        rows, drawn = rng.permutation(len(left))[:batch], rng.integers(len(left), size=batch)
        for name, columns in (("aligned", rows), ("shuffled", drawn)):
            sides = (functional.normalize(torch.from_numpy(x), dim=1) for x in (left[rows], right[columns]))
            weights = dual_encoder.best_partners(dual_encoder.scores_of(*sides)).numpy()
            shares[name].append(weights[rows[:, None] == columns[None, :]].sum() / batch)
    return {name: float(np.mean(values)) for name, values in shares.items()}


def identity_error(model, images, *, temperature, device="cpu"):
    """How far the gradient of CLIP at these encoders is from the one at frozen pair weights, relative, in float64.

    Zero up to rounding at any encoders (Nakada et al. 2023, proposition 2.1 as corrected).

    Parameters
    ----------
    model : dual_encoder.TwoTowers
        Left as it was.
    images : Tensor, uint8
        Pairs.
    temperature : float
    device : torch.device or str

    Returns
    -------
    float
    """
    model = copy.deepcopy(model).to(device).double().eval()
    s, own = model.scores(images.to(device).double() / 255), {"self_weight": 1.0, "positive_factor": 1.0}
    member = pair_loss_family.clip(temperature=temperature)
    frozen = pair_loss_family.signed_weights(member, s, **own).detach()
    weights = list(model.parameters())
    loss = pair_loss_family.loss(member, s, **own, scale=len(s))
    direct = torch.autograd.grad(loss, weights, retain_graph=True)
    surrogate = torch.autograd.grad((frozen * s).sum() / len(s), weights)
    off = sum((one + other).square().sum() for one, other in zip(direct, surrogate, strict=True))
    return float((off / sum(one.square().sum() for one in direct)).sqrt())
