"""Many small encoders trained at once with the four-term robust contrastive objective.

A population is one batch of networks of the same widths: the leading axis of every tensor counts networks, which may
differ in seed, data and recipe. Adam works entry by entry, so each network is trained as if it were alone. Features
have unit length. Torch, float32 by default, any device; random numbers are drawn on the CPU. One encoder of any kind is
trained by ``robust_training``; the terms of both are ``four_terms``.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from helpers import training
from helpers.adversarial import attacks

from . import four_terms


@dataclass(frozen=True)
class Recipe:
    """Weights of the four terms, one number a network (Tensors of shape (networks,)).

    The encoder descends ``adversarial * InfoNCE(attacked) + benign * InfoNCE(clean) - discriminator * BCE``.

    Attributes
    ----------
    adversarial, benign : Tensor
    sharpness : Tensor
        Radius of the SAM step of the benign term; 0 for none.
    discriminator : Tensor
        Weight of the linear discriminator's cross-entropy (label 1 = benign); it also enters the attack.
    """

    adversarial: torch.Tensor
    benign: torch.Tensor
    sharpness: torch.Tensor
    discriminator: torch.Tensor


def recipe(rows, *, device="cpu"):
    """A :class:`Recipe` from one (adversarial, benign, sharpness, discriminator) a network."""
    return Recipe(*torch.tensor(rows, dtype=torch.float32, device=device).T)


def initial(widths, seeds, *, device="cpu"):
    """Weights and biases of a population, by PyTorch's rule for linear layers.

    Parameters
    ----------
    widths : sequence of int
        Such as (11, 32, 2).
    seeds : sequence of int
        One a network; equal seeds give equal networks.
    device : torch.device or str

    Returns
    -------
    list of Tensor that require gradients
        Alternating weights (networks, outputs, inputs) and biases (networks, 1, outputs).
    """
    layers = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        layers.append(
            [
                (2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(inputs)
                for inputs, outputs in pairwise(widths)
                for shape in ((outputs, inputs), (1, outputs))
            ]
        )
    return [torch.stack(kind).to(device).requires_grad_() for kind in zip(*layers, strict=True)]


def features(layers, inputs):
    """Unit features: linear layers with ReLU between them, then division by the length.

    Parameters
    ----------
    layers : list of Tensor
        As :func:`initial` gives them.
    inputs : Tensor, shape (..., networks, n, d)

    Returns
    -------
    Tensor, shape (..., networks, n, m)
    """
    last = len(layers) - 2
    for number in range(0, len(layers), 2):
        inputs = inputs @ layers[number].mT + layers[number + 1]
        inputs = inputs if number == last else inputs.relu()
    return functional.normalize(inputs, dim=-1)


def train(
    layers,
    weights,
    draw,
    *,
    steps,
    temperature,
    radius,
    attack_steps,
    learning_rate,
    generator,
    low=-math.inf,
    high=math.inf,
    discriminator_rate=0.2,
):
    """Train a population in place: attack the anchors (l_inf PGD from a random start), then one Adam step.

    One run of ``training.fit`` over a stream: all networks are its model, a batch of all of them is one step.

    Parameters
    ----------
    layers : list of Tensor
    weights : Recipe
    draw : callable
        Without arguments; gives anchors and positives, each (networks, batch, d), rows corresponding.
    steps : int
    temperature : float
    radius : float
        Of the l_inf ball; the step size of the attack is 2.5 radius / attack_steps.
    attack_steps : int
    learning_rate : float
    generator : torch.Generator
        On the CPU, of the attacks' random starts.
    low, high : float
        Data range.
    discriminator_rate : float
        Step size of the discriminator's gradient descent.

    Raises
    ------
    FloatingPointError
        If the objective or a weight stops being finite.
    """
    ball = {"radius": radius, "norm": math.inf, "low": low, "high": high}
    sizes = [2.5 * radius / attack_steps] * attack_steps
    judging = bool((weights.discriminator != 0).any())
    attacking = judging or bool((weights.adversarial != 0).any())
    seen = {}

    def objective(population, pair, _):
        anchors, positives = pair
        attacked, layers, judge = anchors, list(population.layers), population.judge
        if attacking:
            with torch.no_grad():
                candidates = features(layers, positives)

            def harm(points):
                z = features(layers, points)
                form = {"weight": weights.discriminator[:, None], "temperature": temperature}
                return four_terms.harm(z, candidates, four_terms.logit(judge, z), **form)

            start = attacks.random_points(anchors, count=1, generator=generator, **ball)
            attacked = attacks.pgd(harm, anchors, start, step_sizes=sizes, **ball).points
        seen["anchors"], seen["attacked"] = anchors, attacked
        value, slopes = _value_and_gradients(layers, weights, judge, anchors, attacked, positives, temperature)
        return training.with_gradient(value, layers, slopes)

    def after_step(population):
        if judging:
            with torch.no_grad():
                benign, moved = (features(list(population.layers), seen[kind]) for kind in ("anchors", "attacked"))
            population.judge.copy_(
                four_terms.discriminator_step(population.judge, benign, moved, rate=discriminator_rate)
            )

    population = _Population(layers)
    options = {"epochs": steps, "learning_rate": learning_rate, "seed": 0, "device": layers[0].device}
    training.fit(population, objective, lambda _: draw(), after_step=after_step, **options)
    if not all(torch.isfinite(layer).all() for layer in layers):
        raise FloatingPointError(f"a weight is not finite after {steps} steps; try a smaller rate")


class _Population(nn.Module):
    """Views of a population's tensors as parameters, and its linear discriminators, which are not descended on."""

    def __init__(self, layers):
        super().__init__()
        self.layers = nn.ParameterList([nn.Parameter(layer.detach()) for layer in layers])
        judge = torch.zeros(len(layers[0]), layers[-1].shape[-1] + 1, device=layers[0].device)
        self.register_buffer("judge", judge)


def worst_step(gradients, radius):
    """SAM's step for every network: ``radius * g / |g|``, the length taken over all its layers.

    Parameters
    ----------
    gradients : list of Tensor, leading axis networks
    radius : Tensor, shape (networks,)

    Returns
    -------
    list of Tensor
        Zero where the radius or the gradient is.
    """
    square = sum((gradient**2).flatten(1).sum(dim=1) for gradient in gradients)
    scale = torch.where(square > 0, radius / torch.where(square > 0, square, 1.0).sqrt(), 0.0)
    return [scale.reshape(-1, *[1] * (gradient.ndim - 1)) * gradient for gradient in gradients]


def gradients(layers, weights, judge, anchors, attacked, positives, temperature):
    """Descent gradient of the objective: the benign term at SAM's worst neighbour, the other terms at the weights.

    Parameters
    ----------
    layers : list of Tensor that require gradients
    weights : Recipe
    judge : Tensor, shape (networks, m + 1)
        Weights and bias of the linear discriminators, held fixed.
    anchors, attacked, positives : Tensor, shape (networks, batch, d)
    temperature : float

    Returns
    -------
    list of Tensor
        Shaped like the layers.
    """
    return _value_and_gradients(layers, weights, judge, anchors, attacked, positives, temperature)[1]


def _value_and_gradients(layers, weights, judge, anchors, attacked, positives, temperature):
    def benign(layers):
        z, candidates = features(layers, anchors), features(layers, positives)
        return (weights.benign * four_terms.contrast(z, candidates, temperature=temperature).mean(dim=-1)).sum()

    def rest(layers):
        z, candidates = features(layers, attacked), features(layers, positives)
        penalty = None
        if bool((weights.discriminator != 0).any()):
            penalty = weights.discriminator * four_terms.binary_cross_entropy(judge, features(layers, anchors), z)
        form = {"weight": weights.adversarial, "temperature": temperature, "penalty": penalty}
        return four_terms.attacked_loss(z, candidates, **form).sum()

    with torch.enable_grad():
        at = layers
        if bool((weights.sharpness > 0).any()):
            first = torch.autograd.grad(benign(layers), layers)
            step = worst_step(first, weights.sharpness)
            at = [(layer.detach() + move).requires_grad_() for layer, move in zip(layers, step, strict=True)]
        values = benign(at), rest(layers)
        calm, stirred = torch.autograd.grad(values[0], at), torch.autograd.grad(values[1], layers)
    return sum(values).detach(), [one + two for one, two in zip(calm, stirred, strict=True)]


def robust_and_weak(labels, generator, *, weak=10):
    """Inputs of two classes with one robust coordinate and many weak ones.

    Coordinate 0 is +-1 with standard deviation 0.6; the others are +-0.25 with standard deviation 0.12: together they
    separate the classes far better, but an l_inf attack of radius above 0.25 turns all their signs around.

    Parameters
    ----------
    labels : Tensor of int, shape (..., n)
        0 or 1, on the CPU.
    generator : torch.Generator
    weak : int
        Number of weak coordinates.

    Returns
    -------
    Tensor, shape (..., n, 1 + weak), float32
    """
    mean, spread = torch.full((2, 1 + weak), 0.25).mul_(torch.tensor([[1.0], [0.48]]))  # 0.12 = 0.48 * 0.25
    mean[0], spread[0] = 1.0, 0.6
    sign = (2 * labels - 1)[..., None]
    return sign * mean + spread * torch.randn((*labels.shape, 1 + weak), generator=generator)
