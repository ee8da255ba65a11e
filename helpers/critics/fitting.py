"""Critics f(x, y): optimal ones in closed form, learned ones, and mutual information read off after training.

A critic is a callable that maps ``first`` (..., n, d) and ``second`` (..., m, d') to scores (..., n, m), rows being
anchors. Learned critics are ``nn.Module``; their weights are a function of a seed alone. Which estimator reads a score
matrix is the business of ``helpers.information.estimators``.

The post-training protocol: an encoder is frozen, a *fresh* critic is fitted on pairs of training features, and its
value is read on pairs it has never seen. Read in-sample, a critic that memorises reports any value.
"""

import contextlib
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from helpers import training
from helpers.information import estimators
from helpers.networks import encoders

Critic = Callable[[Tensor, Tensor], Tensor]
Draw = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]
NEVER = -1e9  # "minus infinity" of a class critic: finite, so that products with zero stay zero


# -- closed forms -----------------------------------------------------------------------------------------------
def table_critic(table: Tensor) -> Critic:
    """A critic on finite alphabets: looks scores up.

    Parameters
    ----------
    table : Tensor, shape (symbols of x, symbols of y)

    Returns
    -------
    callable
        Maps integer tensors (..., n) or (..., n, 1) and (..., m) or (..., m, 1) to scores (..., n, m).

    >>> table_critic(torch.eye(2))(torch.tensor([0, 1]), torch.tensor([1]))[:, 0].tolist()
    [0.0, 1.0]
    """

    def critic(first, second):
        first, second = (
            side.squeeze(-1) if side.ndim > 1 and side.shape[-1] == 1 else side for side in (first, second)
        )
        return table[first[..., :, None], second[..., None, :]]

    return critic


def class_critic(prior: Tensor) -> Critic:
    """The optimal critic of same-class pairs: ``-ln p_c`` inside class c, ``NEVER`` across classes.

    Parameters
    ----------
    prior : Tensor, shape (classes,)

    Returns
    -------
    callable
        On integer labels, as :func:`table_critic`.
    """
    return table_critic(torch.full((len(prior), len(prior)), NEVER, dtype=prior.dtype).diagonal_scatter(-prior.log()))


def gaussian_critic(correlation: float) -> Critic:
    """``ln r`` of independent coordinate pairs of standard normals with one correlation.

    Parameters
    ----------
    correlation : float
        In (-1, 1).

    Returns
    -------
    callable
        On floating tensors (..., n, d) and (..., m, d).

    Raises
    ------
    ValueError
        If the correlation is not inside (-1, 1).

    >>> gaussian_critic(0.0)(torch.randn(2, 3), torch.randn(4, 3)).abs().max().item()
    0.0
    """
    if not -1 < correlation < 1:
        raise ValueError(f"correlation is {correlation}, expected a number inside (-1, 1)")
    unexplained = 1 - correlation**2

    def critic(first, second):
        norms = first.square().sum(-1)[..., :, None] + second.square().sum(-1)[..., None, :]
        inner = first @ second.mT
        quadratic = (correlation * inner - correlation**2 * norms / 2) / unexplained
        return quadratic - first.shape[-1] / 2 * math.log(unexplained)

    return critic


# -- learned ----------------------------------------------------------------------------------------------------
class Separable(nn.Module):
    """``f(x, y) = g(x) . h(y)`` with two perceptrons; made by :func:`separable`."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, first, second):
        return self.first(first) @ self.second(second).mT


class Joint(nn.Module):
    """A perceptron on the concatenation (x, y) of every pair; made by :func:`joint`.

    The first layer acts on x and y separately and is summed over pairs, so that no concatenation is ever built.
    """

    def __init__(self, inlet, rest, split):
        super().__init__()
        self.inlet, self.rest, self.split = inlet, rest, split

    def forward(self, first, second):
        left, right = self.inlet.weight.split([self.split, self.inlet.in_features - self.split], dim=1)
        hidden = (first @ left.T + self.inlet.bias)[..., :, None, :] + (second @ right.T)[..., None, :, :]
        return self.rest(hidden).squeeze(-1)


def separable(widths: Sequence[int], second_widths: Sequence[int] | None = None, *, seed: int) -> Separable:
    """A separable critic with ReLU perceptrons.

    Parameters
    ----------
    widths, second_widths : sequence of int
        From the inputs to the common embedding, such as (64, 128, 32); the second defaults to the first (the two
        perceptrons have weights of their own).
    seed : int
        PyTorch's global generator is left as it was.

    Returns
    -------
    Separable
        On the CPU, float32.

    Raises
    ------
    ValueError
        If the two embeddings differ in width.

    >>> separable((5, 16, 8), seed=0)(torch.zeros(3, 5), torch.zeros(4, 5)).shape
    torch.Size([3, 4])
    """
    widths = list(widths)
    second_widths = widths if second_widths is None else list(second_widths)
    if min(len(widths), len(second_widths)) < 2 or widths[-1] != second_widths[-1]:
        raise ValueError(f"widths are {widths} and {second_widths}: expected at least two, with the same last one")
    with _seeded(seed):
        return Separable(*(encoders.perceptron(w, batch_norm=False) for w in (widths, second_widths)))


def joint(first: int, second: int, *, hidden: Sequence[int], seed: int) -> Joint:
    """A joint critic: a ReLU perceptron on (x, y).

    Parameters
    ----------
    first, second : int
        Dimensions of x and y.
    hidden : sequence of int
        Widths of the hidden layers, such as (256, 256).
    seed : int

    Returns
    -------
    Joint
        On the CPU, float32.

    >>> joint(2, 3, hidden=(16, 16), seed=0)(torch.zeros(7, 5, 2), torch.zeros(7, 5, 3)).shape
    torch.Size([7, 5, 5])
    """
    hidden = list(hidden)
    if min(first, second) < 1 or not hidden:
        raise ValueError(f"dimensions {first} and {second} with hidden widths {hidden}: expected positive numbers")
    with _seeded(seed):
        inlet = nn.Linear(first + second, hidden[0])
        rest = encoders.perceptron([*hidden, 1], batch_norm=False)
    return Joint(inlet, nn.Sequential(nn.ReLU(), *rest), first)


def infonce_objective(scores: Tensor) -> Tensor:
    """What :func:`fit` maximises unless told otherwise: the mean InfoNCE value of the batches, in nats."""
    return estimators.values("infonce", scores).mean()


def fit(
    critic: nn.Module,
    draw: Draw,
    *,
    steps: int,
    pairs: int,
    candidates: int,
    learning_rate: float,
    seed: int,
    objective: Callable[[Tensor], Tensor] = infonce_objective,
    weight_decay: float = 0.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Train a critic with Adam on fresh pairs at every step, through ``training.fit``.

    Parameters
    ----------
    critic : nn.Module
        Trained in place and moved to ``device``; left in evaluation mode.
    draw : callable
        Maps ``(count, generator)`` to ``count`` independent pairs ``(first, second)``, two Tensors (count, d) and
        (count, d') whose rows correspond. ``generator`` is the CPU generator all randomness has to come from.
    steps : int
    pairs, candidates : int
        Pairs a step, split into batches of ``candidates`` = K of them; K divides ``pairs``.
    learning_rate, weight_decay : float
    seed : int
        Of the pairs; the critic's own weights were seeded when it was made.
    objective : callable
        Maps scores (pairs / K, K, K) to the scalar to be *maximised*, such as :func:`infonce_objective`.
    device : torch.device or str

    Returns
    -------
    Tensor, shape (steps,)
        The objective at every step, on the CPU: the training values.

    Raises
    ------
    ValueError
        If K does not divide the number of pairs.
    FloatingPointError
        If the objective stops being finite; the message names the step, the first being 1.
    """
    if candidates < 1 or pairs < 1 or pairs % candidates:
        raise ValueError(f"{pairs} pairs a step cannot be split into batches of {candidates}")

    def loss(network, rows, generator):
        del generator
        first, second = (side.to(device).unflatten(0, (-1, candidates)) for side in rows)
        return -objective(network(first, second))

    options = {"learning_rate": learning_rate, "weight_decay": weight_decay, "seed": seed, "device": device}
    return -torch.tensor(training.fit(critic, loss, partial(draw, pairs), epochs=steps, **options))


def read(
    critic: Critic,
    draw: Draw,
    *,
    batches: int,
    candidates: int,
    seed: int,
    method: str = "infonce",
    device: torch.device | str = "cpu",
    block: int = 1024,
    **options: Any,
) -> estimators.Estimate:
    """The value of a fixed critic on fresh pairs, with its standard error over batches.

    Parameters
    ----------
    critic : callable
    draw : callable
        As in :func:`fit`; must not depend on the pairs the critic was fitted on if the value is to be a bound.
    batches, candidates : int
        Number of independent batches, and K of each.
    seed : int
    method : str
        From ``estimators.METHODS``.
    device : torch.device or str
    block : int
        Rows and columns scored at once, so that K of 10^5 fits into memory.
    **options
        Further options of ``estimators.from_pairs`` (``anchors``, ``clip``, ``baseline``).

    Returns
    -------
    estimators.Estimate
    """
    generator = torch.Generator().manual_seed(seed)
    drawn = draw(batches * candidates, generator)
    first, second = (side.to(device).unflatten(0, (batches, candidates)) for side in drawn)
    return estimators.from_pairs(method, critic, first, second, block=block, **options)


def post_training_information(
    critic: nn.Module,
    train: Draw,
    held_out: Draw,
    *,
    steps: int,
    pairs: int,
    candidates: int,
    batches: int,
    read_candidates: int,
    learning_rate: float = 1e-3,
    weight_decay: float = 0.0,
    seed: int,
    device: torch.device | str = "cpu",
) -> estimators.Estimate:
    """Mutual information between frozen features, read after training: fit on training pairs, report held-out ones.

    Parameters
    ----------
    critic : nn.Module
        Fresh; see :func:`separable` and :func:`joint`.
    train, held_out : callable
        Draw pairs of frozen features, as in :func:`fit`, from two disjoint sets of data.
    steps, pairs, candidates, learning_rate, weight_decay
        Of the fit.
    batches, read_candidates : int
        Number of held-out batches, and K of each.
    seed : int
        The fit and the reading draw from two seeds derived from it.
    device : torch.device or str

    Returns
    -------
    estimators.Estimate
        Its expectation given the critic is at most ``min(I(Z; Z'), ln K)`` if held-out batches are independent pairs.
    """
    fit_seed, read_seed = 2 * seed, 2 * seed + 1
    options = {"learning_rate": learning_rate, "weight_decay": weight_decay, "device": device}
    fit(critic, train, steps=steps, pairs=pairs, candidates=candidates, seed=fit_seed, **options)
    return read(critic, held_out, batches=batches, candidates=read_candidates, seed=read_seed, device=device)


def same_class_pairs(features: Tensor, labels: Tensor) -> Draw:
    """Draws pairs of rows of one class: anchor uniform over all rows, partner uniform over the anchor's class.

    Parameters
    ----------
    features : Tensor, shape (n, d)
    labels : Tensor, shape (n,), integer

    Returns
    -------
    callable
        For :func:`fit` and :func:`read`. The partner may be the anchor itself: two independent draws given the class.

    >>> first, second = same_class_pairs(torch.arange(4.0)[:, None], torch.tensor([0, 0, 1, 1]))(64, torch.Generator())
    >>> torch.equal(first >= 2, second >= 2)
    True
    """
    order = labels.argsort(stable=True)
    _, own, sizes = labels.unique(return_inverse=True, return_counts=True)
    starts = sizes.cumsum(0) - sizes

    def draw(count, generator):
        anchor = torch.randint(len(labels), (count,), generator=generator)
        place = (torch.rand(count, generator=generator, dtype=torch.float64) * sizes[own[anchor]]).long()
        return features[anchor], features[order[starts[own[anchor]] + place]]

    return draw


def in_order(first: Tensor, second: Tensor) -> Draw:
    """Hands out given pairs one after the other, each once; for reading held-out pairs without replacement.

    Raises
    ------
    ValueError
        When more pairs are asked for than there are left.
    """
    used = 0

    def draw(count, generator):
        nonlocal used
        if used + count > len(first):
            raise ValueError(f"{count} pairs asked for, {len(first) - used} of {len(first)} left")
        used += count
        return first[used - count : used], second[used - count : used]

    return draw


@contextlib.contextmanager
def _seeded(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
