"""What attacked encoders are worth: mean classifiers, probes fitted clean or under attack, and the bound's estimate.

Everything is batched over a population of encoders, see ``populations``: inputs (networks, n, d), labels
(networks, n). Where ``layers`` are asked for, a callable will do that maps inputs (..., networks, n, d) to unit
features (..., networks, n, m), such as ``robust_training.encoding``. All attacks are l_inf PGD, so every robust number
is an estimate from one side: robust losses from below, robust accuracies from above.
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from helpers import training
from helpers.adversarial import attacks

from . import ensemble


@dataclass(frozen=True)
class Scores:
    """Of a linear classifier on every encoder; Tensors of shape (networks,), and the attacked inputs.

    Attributes
    ----------
    clean_loss, robust_loss : Tensor
        Cross-entropy, nats.
    clean_accuracy, robust_accuracy : Tensor
        Fractions.
    points : Tensor, shape (networks, n, d)
        The attacked inputs.
    """

    clean_loss: torch.Tensor
    robust_loss: torch.Tensor
    clean_accuracy: torch.Tensor
    robust_accuracy: torch.Tensor
    points: torch.Tensor


@dataclass(frozen=True)
class Threat:
    """The l_inf attack used for scoring: ``radius``, number of ``steps`` of 2.5 radius / steps, and data range."""

    radius: float
    steps: int
    low: float = -math.inf
    high: float = math.inf

    @property
    def ball(self):
        """Options of the allowed set, as ``attacks.pgd`` takes them."""
        return {"radius": self.radius, "norm": math.inf, "low": self.low, "high": self.high}

    @property
    def step_sizes(self):
        """Step sizes of :func:`attacks.pgd`."""
        return [2.5 * self.radius / self.steps] * self.steps


def mean_classifier(z, labels, *, classes, temperature):
    """Class means divided by the temperature, with the prior's logarithm as bias.

    Parameters
    ----------
    z : Tensor, shape (networks, n, m)
    labels : Tensor of int, shape (networks, n)
    classes : int
    temperature : float

    Returns
    -------
    tuple of Tensor
        Weights (networks, classes, m) and bias (networks, 1, classes).

    Raises
    ------
    ValueError
        If a class has no sample.
    """
    member = functional.one_hot(labels, classes).to(z.dtype).mT
    count = member.sum(dim=-1, keepdim=True)
    if torch.any(count == 0):
        raise ValueError(f"one of the {classes} classes has no sample among the labels")
    return (member @ z) / count / temperature, (count / labels.shape[-1]).log().mT


def scores(layers, inputs, labels, classifier, threat, *, generator, restarts=1, starts=None):
    """Clean and attacked loss and accuracy of a linear classifier.

    The attack starts from the clean input, from random points and from the given ones; the worst answer counts.

    Parameters
    ----------
    layers : list of Tensor or callable
    inputs : Tensor, shape (networks, n, d)
    labels : Tensor of int, shape (networks, n)
    classifier : tuple of Tensor
        As :func:`mean_classifier` gives.
    threat : Threat
    generator : torch.Generator
    restarts : int
        Number of random starts.
    starts : Tensor, shape (count, networks, n, d), optional
        More starts, such as a guess at the worst point: gradients alone may be stuck.

    Returns
    -------
    Scores
    """
    encode, (weights, bias) = _encoder(layers), classifier

    def loss(points):
        return attacks.supervised_losses(encode(points), labels, weights, bias)

    tries = [inputs[None], attacks.random_points(inputs, count=restarts, generator=generator, **threat.ball)]
    tries += [] if starts is None else [starts]
    worst = attacks.pgd(loss, inputs, torch.cat(tries), step_sizes=threat.step_sizes, **threat.ball)

    def right(points):
        return ((encode(points) @ weights.mT + bias).argmax(dim=-1) == labels).float()

    with torch.no_grad():
        clean, robust = right(inputs), right(worst.points) * right(inputs)
        means = [row.mean(dim=-1) for row in (loss(inputs), worst.values, clean, robust)]
    return Scores(*means, worst.points)


def fit_probe(
    layers, inputs, labels, *, classes, temperature, generator, threat=None, iterations=200, rate=0.1, batch=None
):
    """A linear classifier on frozen features, fitted by Adam from the mean classifier.

    Parameters
    ----------
    layers, inputs, labels
        As :func:`scores`.
    classes : int
    temperature : float
        Of the mean classifier the fit starts from.
    generator : torch.Generator
    threat : Threat, optional
        Attack the inputs anew in every iteration (adversarial linear fine-tuning); none for the standard probe.
    iterations : int
    rate : float
    batch : int, optional
        Random inputs an iteration, the same of every network; all of them by default.

    Returns
    -------
    tuple of Tensor
        Weights and bias.
    """
    encode = _encoder(layers)
    with torch.no_grad():
        known = encode(inputs)
    probe = _Probe(*mean_classifier(known, labels, classes=classes, temperature=temperature))

    def chosen(_):
        if batch is None:
            return slice(None)
        return torch.randint(inputs.shape[1], (batch,), generator=generator).to(inputs.device)

    def objective(probe, rows, _):
        z, own = known[:, rows], labels[:, rows]
        if threat is not None:
            frozen = probe.weights.detach(), probe.bias.detach()
            points = _attacked(encode, inputs[:, rows], own, frozen, threat, generator)
            with torch.no_grad():
                z = encode(points)
        return attacks.supervised_losses(z, own, probe.weights, probe.bias).mean(dim=-1).sum()

    training.fit(probe, objective, chosen, epochs=iterations, learning_rate=rate, seed=0, device=inputs.device)
    return probe.weights.detach(), probe.bias.detach()


class _Probe(nn.Module):
    def __init__(self, weights, bias):
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights.clone()), nn.Parameter(bias.clone())


def tuple_losses(layers, anchors, positives, negatives, start, threat, *, temperature):
    """InfoNCE under the tuple attack, estimated by PGD from given starts; the negatives' weight is their number.

    Parameters
    ----------
    layers : list of Tensor or callable
    anchors, positives : Tensor, shape (networks, n, d)
    negatives : Tensor, shape (networks, K, d)
        Shared by the anchors of a network.
    start : Tensor, shape (count, networks, n, d)
        With the answer of the supervised attack among them the estimate is at least the loss there.
    threat : Threat
    temperature : float

    Returns
    -------
    tuple of Tensor, shapes (networks, n)
        Losses of the clean and of the attacked anchors, nats.
    """
    encode = _encoder(layers)
    with torch.no_grad():
        plus, minus = encode(positives), encode(negatives)
    scale = {"temperature": temperature, "weight": minus.shape[-2]}

    def loss(points):
        z = encode(points)
        plus_here, minus_here = (part.expand(*z.shape[:-3], *part.shape) for part in (plus, minus))
        return attacks.anchor_losses(z, plus_here, minus_here, **scale)

    worst = attacks.pgd(loss, anchors, start, step_sizes=threat.step_sizes, **threat.ball)
    with torch.no_grad():
        return loss(anchors), worst.values


def _encoder(layers):
    """A population as the function it computes, its weights held fixed; a function is taken as it is."""
    if callable(layers):
        return layers
    layers = [layer.detach() for layer in layers]
    return lambda points: ensemble.features(layers, points)


def _attacked(encode, inputs, labels, classifier, threat, generator):
    def loss(points):
        return attacks.supervised_losses(encode(points), labels, *classifier)

    start = attacks.random_points(inputs, count=1, generator=generator, **threat.ball)
    return attacks.pgd(loss, inputs, start, step_sizes=threat.step_sizes, **threat.ball).points
