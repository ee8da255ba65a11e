"""What a linear probe on features of a pair graph gets wrong, and how well the graph separates the labels.

A *joint law* is a symmetric matrix of weights of positive pairs; it is divided by its sum. Labels belong to nodes.
"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from helpers.spectral import graphs

TIE = 1e-9  # a label ahead by less than this counts as a tie, and a tie as an error
LARGEST = 13


@dataclass(frozen=True)
class Probe:
    """Mean squared error of the best linear map to one-hot labels, and the chance that its largest output is wrong."""

    squared: float
    wrong: float


def law(weights):
    """Joint law and its marginal, shapes (n, n) and (n,).

    Raises
    ------
    ValueError
        If the weights are not symmetric or a node has none.
    """
    joint = graphs.symmetrised(weights)
    if joint.ndim != 2 or not np.array_equal(joint, weights):
        raise ValueError(f"weights of shape {np.shape(weights)}, expected one symmetric matrix")
    if np.any(joint < 0) or np.any(joint.sum(axis=1) == 0):
        raise ValueError(f"weights range from {joint.min():g}, expected non-negative ones and no empty row")
    joint = joint / joint.sum()
    return joint, joint.sum(axis=1)


def eigenfunctions(weights):
    """Eigenvalues of the normalised Laplacian, ascending, and eigenfunctions f of ``w f = (1 - lambda) D f``.

    >>> eigenfunctions(np.ones((2, 2)))[0].round(12).tolist()
    [0.0, 1.0]
    """
    joint, marginal = law(weights)
    similarity, functions = linalg.eigh(joint, np.diag(marginal))
    return 1 - similarity[::-1] + 0.0, functions[:, ::-1]


def disagreement(weights, labels):
    """Chance that the two members of a positive pair differ in their label.

    >>> disagreement([[1.0, 1.0], [1.0, 1.0]], np.array([0, 1]))
    0.5
    """
    joint, _ = law(np.asarray(weights))
    return float(joint[labels[:, None] != labels].sum())


def probe(weights, features, labels):
    """Weighted least squares from features (n, k) to one-hot labels; nodes count by their marginal.

    No intercept is added: the first eigenfunction is constant. Ties count as errors.

    Parameters
    ----------
    weights : ndarray, shape (n, n), symmetric
    features : ndarray, shape (n, k)
    labels : ndarray, shape (n,), int

    Returns
    -------
    Probe

    Raises
    ------
    ValueError
        If features or labels do not have one row a node.

    >>> two = np.kron(np.eye(2), np.ones((2, 2)))
    >>> probe(two, eigenfunctions(two)[1][:, :2], np.array([0, 0, 1, 1])).wrong
    0.0
    """
    _, marginal = law(weights)
    if len(features) != len(marginal) or len(labels) != len(marginal):
        raise ValueError(f"{len(features)} features and {len(labels)} labels for {len(marginal)} nodes")
    target = 1.0 * (labels[:, None] == np.unique(labels))
    half = np.sqrt(marginal)[:, None]
    found = features @ np.linalg.lstsq(half * features, half * target, rcond=None)[0]
    own = (found * target).sum(axis=1)
    rival = np.where(target == 1, -np.inf, found).max(axis=1)
    squared = marginal @ ((found - target) ** 2).sum(axis=1)
    return Probe(float(squared), float(marginal @ (own - rival <= TIE)))


def sparsest_partition(weights, parts):
    """Least, over all partitions into ``parts`` sets, of the largest conductance, by listing them.

    The conductance of a set is the chance that a positive pair that starts in it leaves it.

    Raises
    ------
    ValueError
        For more than 13 nodes, or parts that are not within 2 and the number of nodes.

    >>> round(sparsest_partition(np.array([[3.0, 1.0], [1.0, 3.0]]), 2), 12)
    0.25
    """
    joint, marginal = law(weights)
    n = len(marginal)
    if not 2 <= parts <= n <= LARGEST:
        raise ValueError(f"{parts} parts of {n} nodes, expected 2 to n parts of at most {LARGEST} nodes")
    names = np.array(list(itertools.product(range(parts), repeat=n - 1)), dtype=np.int8)
    names = np.pad(names, ((0, 0), (1, 0)))  # the first node is in the first set
    worst = np.zeros(len(names))
    for part in range(parts):
        inside = 1.0 * (names == part)
        mass = inside @ marginal
        stay = ((inside @ joint) * inside).sum(axis=1)
        with np.errstate(invalid="ignore"):
            worst = np.maximum(worst, np.where(mass > 0, 1 - stay / mass, np.inf))
    return float(worst.min())
