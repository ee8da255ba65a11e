"""Finite worlds: classes, places, moves, and what needs no negatives: mean classifier, partitions, adversaries.

A world has *places* (unit features), *points* (benign inputs; point i sits at place i, the places after the points
can only be reached by an attack), a law of points for every class, and for every point the places an attack may
move it to. Every function works on a batch of worlds of one size; the contrastive loss is in ``decomposition``.

Shapes: w worlds, c classes, n points, u places. An *adversary* is an integer array (w, c, n): the place to which
the point x of class c is moved. Scores are divided by the temperature. NumPy float64, nats.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import special


@dataclass(frozen=True)
class World:
    """A batch of worlds of one size.

    Attributes
    ----------
    features : ndarray, shape (w, u, dimension)
        Feature of every place; unit rows unless a control breaks that on purpose.
    prior : ndarray, shape (w, c)
        Class probabilities.
    conditional : ndarray, shape (w, c, n)
        Law of the points given the class.
    moves : ndarray of bool, shape (w, n, u)
        Where each point may be moved; staying is always allowed.
    temperature, weight : ndarray, shape (w,)
        Temperature, and total weight beta of the negatives.
    negatives : int
        Number K of negatives.

    Raises
    ------
    ValueError
        If shapes do not fit, laws do not sum to one, or a point may not stay.
    """

    features: np.ndarray
    prior: np.ndarray
    conditional: np.ndarray
    moves: np.ndarray
    temperature: np.ndarray
    weight: np.ndarray
    negatives: int

    def __post_init__(self):
        worlds, classes, points = self.conditional.shape
        places = self.features.shape[1]
        expected = {"prior": (worlds, classes), "moves": (worlds, points, places)}
        expected |= {"temperature": (worlds,), "weight": (worlds,)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has shape {getattr(self, name).shape}, expected {shape}")
        for name in ("prior", "conditional"):
            sums = getattr(self, name).sum(axis=-1)
            if not np.allclose(sums, 1, rtol=0, atol=1e-12):
                raise ValueError(f"{name} must sum to one, a row sums to {sums[np.abs(sums - 1) > 1e-12].flat[0]}")
        here = np.arange(points)
        if places < points or not np.all(self.moves[:, here, here]):
            raise ValueError(f"moves must let each of the {points} points stay at its own place")

    @property
    def pairs(self):
        """Law of (x, x+) given the class, shape (w, c, n, n): two independent draws of one class."""
        return self.conditional[:, :, :, None] * self.conditional[:, :, None, :]

    @property
    def points(self):
        """Law of a point, shape (w, n): the mixture of the classes."""
        return np.einsum("wc,wcn->wn", self.prior, self.conditional)

    @property
    def joint(self):
        """Law of (class, point), shape (w, c, n)."""
        return self.prior[:, :, None] * self.conditional

    @property
    def entropy(self):
        """Entropy of the prior, shape (w,)."""
        return special.entr(self.prior).sum(axis=1)

    @property
    def magnitude(self):
        """Largest size any term of the decomposition can have, shape (w,): scale of the rounding errors."""
        return 2 / self.temperature + np.log1p(self.weight) + np.log1p(1 / self.weight)


def unit(vectors):
    """Divide the rows of an array (..., dimension) by their Euclidean norm."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def make_worlds(features, prior, conditional, *, moves=None, temperature=0.5, weight=1.0, negatives=1):
    """Worlds from their parts, with missing leading dimensions and scalars filled in.

    Parameters
    ----------
    features : array_like, shape ([w,] u, dimension)
    prior : array_like, shape ([w,] c)
    conditional : array_like, shape ([w,] c, n)
    moves : array_like of bool, shape ([w,] n, u), optional
        By default points stay where they are.
    temperature, weight : array_like, scalar or shape (w,)
    negatives : int

    Returns
    -------
    World
    """
    features, prior, conditional = (np.asarray(part, float) for part in (features, prior, conditional))
    points, places = conditional.shape[-1], features.shape[-2]
    moves = np.eye(points, places, dtype=bool) if moves is None else np.asarray(moves, bool)
    temperature, weight = np.asarray(temperature, float), np.asarray(weight, float)
    leads = [features.shape[:-2], prior.shape[:-1], conditional.shape[:-2], moves.shape[:-2]]
    worlds = np.broadcast_shapes((1,), *leads, temperature.shape, weight.shape)
    return World(
        np.broadcast_to(features, worlds + features.shape[-2:]),
        np.broadcast_to(prior, worlds + prior.shape[-1:]),
        np.broadcast_to(conditional, worlds + conditional.shape[-2:]),
        np.broadcast_to(moves, (*worlds, points, places)),
        np.broadcast_to(temperature, worlds),
        np.broadcast_to(weight, worlds),
        int(negatives),
    )


def random_worlds(
    rng, *, count, negatives, points=4, places=7, classes=3, dimension=3, temperature=(0.25, 1.0), weight=(0.5, 50.0)
):
    """Random worlds: Gaussian directions, Dirichlet prior and conditionals, each move allowed with probability 1/2.

    Parameters
    ----------
    rng : numpy.random.Generator
    count, negatives, points, places, classes, dimension : int
    temperature, weight : tuple of float
        Ends of the intervals in which they are drawn log-uniformly.

    Returns
    -------
    World
    """
    moves = rng.random((count, points, places)) < 0.5
    moves |= np.eye(points, places, dtype=bool)
    return World(
        unit(rng.normal(size=(count, places, dimension))),
        rng.dirichlet(np.ones(classes), size=count),
        rng.dirichlet(np.ones(points), size=(count, classes)),
        moves,
        np.exp(rng.uniform(*np.log(temperature), size=count)),
        np.exp(rng.uniform(*np.log(weight), size=count)),
        negatives,
    )


def antipodal(**options):
    """Two collapsed antipodal classes in the plane, uniform prior, each free to move onto the other.

    Parameters
    ----------
    **options
        Temperature, weight and negatives, as in :func:`make_worlds`.

    Returns
    -------
    World
        The strongest attack swaps the classes, which leaves the law of the features as it was.
    """
    return make_worlds([[1, 0], [-1, 0]], [0.5, 0.5], np.eye(2), moves=np.ones((2, 2)), **options)


# -- the mean classifier and the two partition functions ------------------------------------------------------
def class_means(world):
    """Mean benign feature of every class, shape (w, c, dimension)."""
    points = world.conditional.shape[2]
    return world.conditional @ world.features[:, :points]


def slope(world):
    """Lipschitz constant ``max |mu_c| / temperature`` of the log-partition of the mean classifier, shape (w,)."""
    return np.linalg.norm(class_means(world), axis=2).max(axis=1) / world.temperature


def class_scores(world):
    """Scores of the mean classifier without bias, ``z . mu_c / temperature`` for every place, shape (w, u, c)."""
    return world.features @ class_means(world).swapaxes(1, 2) / world.temperature[:, None, None]


def scores(world):
    """Scores of every place against every point, shape (w, u, n)."""
    points = world.conditional.shape[2]
    return world.features @ world.features[:, :points].swapaxes(1, 2) / world.temperature[:, None, None]


def log_partition(world):
    """Log-partition of the mean classifier with prior bias, ``G``, at every place, shape (w, u)."""
    return special.logsumexp(class_scores(world) + np.log(world.prior)[:, None], axis=2)


def label_free_log_partition(world):
    """``G_un``: logarithm of the mean of exp(score) over one negative, at every place, shape (w, u)."""
    return special.logsumexp(scores(world), b=world.points[:, None], axis=2)


def cross_entropy(world, weights=None, bias=None):
    """Cross-entropy of a linear classifier at every place for every label, shape (w, c, u).

    Parameters
    ----------
    world : World
    weights : ndarray, shape (w, c, dimension), optional
        The mean classifier ``mu / temperature`` by default.
    bias : ndarray, shape (w, c), optional
        ``log prior`` by default.

    Returns
    -------
    ndarray
    """
    weights = class_means(world) / world.temperature[:, None, None] if weights is None else weights
    bias = np.log(world.prior) if bias is None else bias
    logits = np.einsum("wcd,wud->wcu", weights, world.features) + bias[:, :, None]
    return -special.log_softmax(logits, axis=1)


def limit_losses(world):
    """Limit of ``class_losses - log weight`` for ever more negatives of ever more weight, shape (w, c, u).

    ``-z . mu_c / temperature + G_un(z)``: neither negatives nor positives are drawn, so the number of points may be
    large.
    """
    return label_free_log_partition(world)[:, None] - class_scores(world).swapaxes(1, 2)


# -- adversaries ----------------------------------------------------------------------------------------------
def stay(world):
    """The adversary that does nothing."""
    return np.broadcast_to(np.arange(world.conditional.shape[2]), world.conditional.shape)


def strongest(world, values):
    """The adversary that moves every point to its allowed place of largest value, and that value.

    Parameters
    ----------
    world : World
    values : ndarray, shape (w, c, u)
        What the attack maximises, for every label and place; the cross-entropy gives the supervised attack.

    Returns
    -------
    tuple of ndarray
        Adversary (w, c, n) and values (w, c, n). Ties go to the place of lowest index.
    """
    allowed = np.where(world.moves[:, None], values[:, :, None], -np.inf)
    return allowed.argmax(axis=-1), allowed.max(axis=-1)


def supervised_attack(world):
    """The strongest adversary against the mean classifier."""
    return strongest(world, cross_entropy(world))[0]


def worst_case(world, values):
    """Mean over (class, point) of the largest allowed value, shape (w,): ``E max``, of a value (w, c, u)."""
    return (world.joint * strongest(world, values)[1]).sum(axis=(1, 2))


def random_adversary(rng, world):
    """An adversary that picks one allowed place for every label and point, uniformly."""
    noise = rng.random((*world.conditional.shape, world.features.shape[1]))
    return np.where(world.moves[:, None], noise, -1.0).argmax(axis=-1)


def every_adversary(world):
    """All deterministic adversaries of a single small world, shape (adversaries, 1, c, n)."""
    classes = world.conditional.shape[1]
    choices = [np.flatnonzero(row) for row in world.moves[0]]
    return np.array(list(product(*(choices * classes)))).reshape(-1, 1, classes, len(choices))


def expectation(world, values, adversary):
    """Mean over (class, point) of a value at the attacked place, shape (w,).

    Parameters
    ----------
    world : World
    values : ndarray, shape (w, u) or (w, c, u)
    adversary : ndarray of int, shape (..., w, c, n)
    """
    values = values if values.ndim == 3 else np.broadcast_to(values[:, None], (len(values), *_shape(world)))
    chosen = np.take_along_axis(np.broadcast_to(values, adversary.shape[:-1] + values.shape[-1:]), adversary, axis=-1)
    return (world.joint * chosen).sum(axis=(-2, -1))


def displacement(world, adversary=None):
    """Mean distance between the features before and after an attack, shape (w,); without one, of the largest move."""
    start = world.features[:, : world.conditional.shape[2]]
    distance = np.linalg.norm(world.features[:, None] - start[:, :, None], axis=-1)
    if adversary is None:
        return (world.points * np.where(world.moves, distance, 0.0).max(axis=2)).sum(axis=1)
    every = np.broadcast_to(distance[:, None], (*adversary.shape, distance.shape[2]))
    moved = np.take_along_axis(every, adversary[..., None], axis=-1)[..., 0]
    return (world.joint * moved).sum(axis=(1, 2))


def latent_law(world, adversary):
    """Law of the attacked feature over the places given the class, shape (w, c, u)."""
    places = np.arange(world.features.shape[1])
    return np.einsum("wcn,wcnu->wcu", world.conditional, (adversary[..., None] == places).astype(float))


def marginal_law(world, adversary):
    """Law of the attacked feature over the places, classes forgotten, shape (w, u)."""
    return np.einsum("wc,wcu->wu", world.prior, latent_law(world, adversary))


def attack(world, values, *, axis):
    """Replace an axis over places by an axis over points: each point takes its worst allowed place.

    Parameters
    ----------
    world : World
    values : ndarray, shape (w, ...), with u places along ``axis``
    axis : int >= 1

    Returns
    -------
    ndarray, with n points along ``axis``
    """
    values = np.moveaxis(values, axis, -1)
    own = (len(values), *[1] * (values.ndim - 2), values.shape[-1])
    worst = [values.max(axis=-1, where=may.reshape(own), initial=-np.inf) for may in world.moves.swapaxes(0, 1)]
    worst = np.stack(worst, axis=-1)
    return np.moveaxis(worst, -1, axis)


def _shape(world):
    return world.conditional.shape[1], world.features.shape[1]
