"""Left and right halves of images as two modalities, with the whole set of images as the population.

Drawing with replacement from a finite set gives independent samples of a law whose every moment is known, so that a
theorem for samples can be tried on real data with an exact truth beside it.
"""

import contextlib
from dataclasses import dataclass

import numpy as np

from helpers import data
from helpers.spectral import subspaces

from . import recovery_laws, spiked_model


@dataclass(frozen=True)
class PairedPopulation:
    """A finite population of pairs in the singular coordinates of its own cross-covariance.

    Attributes
    ----------
    left, right : ndarray, shape (population, d)
        Centred coordinates along the left and right singular vectors, so that ``left^T right / population`` is
        ``diag(strengths)``; rows of equal index are the true pairs.
    strengths : ndarray, shape (d,)
        Singular values, descending.
    rank : int
        r: the first r coordinates are the signal of either side.
    """

    left: np.ndarray
    right: np.ndarray
    strengths: np.ndarray
    rank: int

    @property
    def basis(self):
        """The signal subspace, of either side: the first r coordinate vectors, shape (d, r)."""
        return np.eye(len(self.strengths))[:, : self.rank]


def halves(images):
    """Pixels of the left and of the right half of every image.

    Parameters
    ----------
    images : ndarray, shape (n, height, width)
        Even width.

    Returns
    -------
    left, right : ndarray, shape (n, height * width / 2), float64

    Raises
    ------
    ValueError
        If the width is odd.

    >>> [half.tolist() for half in halves(np.array([[[1, 2], [3, 4]]]))]
    [[[1.0, 3.0]], [[2.0, 4.0]]]
    """
    images = np.asarray(images, dtype=float)
    if images.ndim != 3 or images.shape[2] % 2:
        raise ValueError(f"images has shape {images.shape}, expected (n, height, width) with an even width")
    return tuple(half.reshape(len(images), -1) for half in np.split(images, 2, axis=2))


def fashion_images(*, everything):
    """The 10,000 test images of Fashion-MNIST, and behind them the 60,000 training ones if asked for and present.

    Parameters
    ----------
    everything : bool
        Also the training images, where this machine has them.

    Returns
    -------
    ndarray, shape (10000 or 70000, 28, 28)
    """
    parts = [data.fashion_mnist("test").images]
    if everything:
        with contextlib.suppress(data.DataUnavailable):
            parts.append(data.fashion_mnist("train").images)
    return np.concatenate(parts)


def population(left, right, *, rank, components=None):
    """Centre a set of pairs and rotate either side into the singular coordinates of the cross-covariance.

    Parameters
    ----------
    left, right : array_like, shape (population, d)
    rank : int
    components : int, optional
        Keep that many leading principal components of either side first. (Keeping all of them changes no error.)

    Returns
    -------
    PairedPopulation
    """
    left, right = subspaces.centre(left), subspaces.centre(right)
    if left.shape != right.shape:
        raise ValueError(f"the sides have shapes {left.shape} and {right.shape}, expected equal ones")
    if components is not None:
        left, right = (side @ subspaces.top_eigenvectors(side.T @ side, components)[1] for side in (left, right))
    u, values, v = subspaces.truncated_svd(left.T @ right / len(left), left.shape[1])
    return PairedPopulation(left @ u, right @ v, values, rank)


def singular_pictures(images, rank):
    """Leading singular pairs of the cross-covariance of left and right halves, as images.

    Parameters
    ----------
    images : ndarray, shape (n, height, width)
        Even width.
    rank : int

    Returns
    -------
    ndarray, shape (rank, height, width)
        Left and right vector side by side; the entry of largest absolute value is positive.
    """
    left, right = (subspaces.centre(half) for half in halves(images))
    u, _, v = subspaces.truncated_svd(left.T @ right / len(left), rank)
    height = np.shape(images)[1]
    pictures = np.concatenate([side.T.reshape(rank, height, -1) for side in (u, v)], axis=2)
    return np.array([picture * np.sign(picture.flat[np.abs(picture).argmax()]) for picture in pictures])


def fashion_population(*, rank, components, everything):
    """:func:`population` of the halves of :func:`fashion_images`."""
    return population(*halves(fashion_images(everything=everything)), rank=rank, components=components)


def pair_costs(world):
    """What one right and one wrong pair add to the first-order error of either subspace.

    ``n (1 - share)^2 E|sin|^2 -> (1 - share) right + share wrong``. To first order the j-th coordinate of the k-th
    estimated left vector (k <= r < j) is ``(s_k E_jk + s_j E_kj) / (s_k^2 - s_j^2)`` for a perturbation E, and a pair
    perturbs by ``E_jk = x_j y_k``: `right` is the mean square over true pairs, `wrong` that over independent x and y.
    In the spiked model of Nakada et al. (2023) s_j = 0 and the two are equal.

    Parameters
    ----------
    world : PairedPopulation

    Returns
    -------
    right, wrong : ndarray, shape (2,)
        For the left and the right subspace.
    """
    r, top, rest = world.rank, world.strengths[: world.rank, None], world.strengths[None, world.rank :]
    gap, right, wrong = (top**2 - rest**2) ** 2, [], []
    for x, y in ((world.left, world.right), (world.right, world.left)):
        own, other = [side.T @ side / len(side) for side in (x, y)]
        straight = top**2 * np.outer(np.diag(other)[:r], np.diag(own)[r:])
        crossed = rest**2 * np.outer(np.diag(own)[:r], np.diag(other)[r:])
        both = 2 * top * rest
        wrong.append(np.sum((straight + crossed + both * own[:r, r:] * other[:r, r:]) / gap))
        straight = top**2 * (np.square(y[:, :r]).T @ np.square(x[:, r:])) / len(x)
        crossed = rest**2 * (np.square(x[:, :r]).T @ np.square(y[:, r:])) / len(x)
        product = x * y
        right.append(np.sum((straight + crossed + both * (product[:, :r].T @ product[:, r:]) / len(x)) / gap))
    return np.array(right), np.array(wrong)


def spiked_costs(world):
    """The cost of a pair as in the spiked model, without the smaller singular values, shape (2,): left and right."""
    r, power = world.rank, [np.mean(side**2, axis=0) for side in (world.left, world.right)]
    seen = [np.sum(side[:r] / world.strengths[:r] ** 2) for side in power]
    return np.array([power[0][r:].sum() * seen[1], power[1][r:].sum() * seen[0]])


def first_order(world, n, *, share):
    """First-order law of the squared errors: ``((1 - share) right + share wrong) / (n (1 - share)^2)``.

    Parameters
    ----------
    world : PairedPopulation
    n : int or ndarray
    share : float or ndarray, below 1

    Returns
    -------
    ndarray, shape (2, ...)
        Left and right subspace; the costs are those of :func:`pair_costs`.
    """
    right = 1 - np.asarray(share)
    straight, stray = pair_costs(world)
    return (np.multiply.outer(straight, right) + np.multiply.outer(stray, 1 - right)) / (n * right**2)


def sweep_errors(world, sizes, rng, *, shares, draws):
    """Squared errors along a sweep.

    Parameters
    ----------
    world : PairedPopulation
    sizes, shares : sequence or one for all points
    rng : numpy.random.Generator
    draws : int
        At each point.

    Returns
    -------
    ndarray, shape (2, points, draws)
        Left and right.
    """
    along = recovery_laws.sweep(None, sizes, shares)
    return np.stack([squared_errors(world, n, rng, share=share, draws=draws) for _, n, share in along], axis=1)


def squared_errors(world, n, rng, *, share, draws):
    """Squared sin-theta errors of the linear contrastive loss on samples drawn with replacement.

    Parameters
    ----------
    world : PairedPopulation
    n : int
        Pairs in a sample.
    rng : numpy.random.Generator
    share : float
        Share of wrong pairs.
    draws : int

    Returns
    -------
    ndarray, shape (2, draws)
        Left and right.
    """
    squares = []
    for pairing in spiked_model.pairings(rng, draws, n, share=share):
        chosen = rng.integers(len(world.left), size=n)
        cross = spiked_model.contrastive_cross_covariance(world.left[chosen], world.right[chosen[pairing]])
        squares.append(np.square(spiked_model.recovery_errors(cross, world.basis, world.basis)))
    return np.transpose(squares)
