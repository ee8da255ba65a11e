"""What a frozen encoder is worth: probe, neighbours, few labels, agreement of clusterings; each with its error."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn
from torch.nn import functional

from helpers import statistics, training
from helpers.networks import encoders

# Means of unit rows that are shorter than this are rounding: the rows cancel.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Score:
    """A score with its standard error.

    Attributes
    ----------
    value : float
        Accuracy in [0, 1], or an adjusted Rand index in [-1, 1].
    standard_error : float
        From the finite number of test objects; it does not hold the spread over training seeds.
    """

    value: float
    standard_error: float


def frozen_features(
    model: nn.Module,
    images: ArrayLike | Tensor,
    *,
    device: torch.device | str = "cpu",
    batch: int = 2048,
    outputs: bool = False,
) -> np.ndarray:
    """Features of a frozen encoder.

    Parameters
    ----------
    model : encoders.Encoder
        Used in evaluation mode, and left in the mode it was in.
    images : ndarray or Tensor, shape (n, ...)
    device : torch.device or str
    batch : int
    outputs : bool
        The projector's outputs instead of the backbone's features.

    Returns
    -------
    ndarray, shape (n, d), float64
    """
    images = torch.as_tensor(images)
    was_training = model.training
    model.to(device).eval()
    with torch.no_grad():
        parts = [(model if outputs else model.features)(part.to(device)).cpu() for part in images.split(batch)]
    model.train(was_training)
    return torch.cat(parts).double().numpy()


def standardised(train: np.ndarray, *others: np.ndarray, floor: float = 0.05) -> list[np.ndarray]:
    """Centre and scale columns by the mean and by the standard deviation plus ``floor`` of the training part.

    The floor, in units of the largest standard deviation, keeps dead coordinates from being blown up.

    Returns
    -------
    list of ndarray
        First the training part.
    """
    deviation = train.std(axis=0)
    scale = deviation + floor * deviation.max()
    if not np.all(scale > 0):
        raise ValueError("the training features are constant: there is nothing to scale by")
    return [(part - train.mean(axis=0)) / scale for part in (train, *others)]


def logistic_probe(
    train: np.ndarray, train_labels: ArrayLike, test: np.ndarray, test_labels: ArrayLike, *, strength: float = 1.0
) -> Score:
    """Accuracy of multinomial logistic regression on standardised frozen features.

    Parameters
    ----------
    train, test : ndarray, shapes (n, d) and (m, d)
    train_labels, test_labels : ndarray of int
    strength : float > 0
        Inverse of the ridge penalty (scikit-learn's ``C``).

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If shapes do not fit, or a feature is not finite.

    >>> x, y = np.array([[-1.0], [-0.9], [1.0], [0.9]]), np.array([0, 0, 1, 1])
    >>> logistic_probe(x, y, x, y).value
    1.0
    """
    require_fitting(train, train_labels, test, test_labels)
    train, test = standardised(train, test)
    probe = LogisticRegression(C=strength, max_iter=5000, tol=1e-4).fit(train, train_labels)
    return accuracy(probe.predict(test), test_labels)


def linear_probe(
    train: np.ndarray,
    train_labels: np.ndarray,
    test: np.ndarray,
    test_labels: np.ndarray,
    *,
    epochs: int,
    batch: int,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    device: torch.device | str = "cpu",
) -> Score:
    """Accuracy of multinomial logistic regression on standardised frozen features, by Adam, at its last epoch.

    Where :func:`logistic_probe` finds the optimum, this stops after some epochs; on many or wide features it
    takes seconds instead of minutes.

    Parameters
    ----------
    train, test : ndarray, shapes (n, d) and (m, d)
    train_labels, test_labels : ndarray of int, from 0 on
    epochs, batch : int
    learning_rate, weight_decay : float
        The rate falls to zero along half a cosine; the decay is Adam's ridge penalty, for weights and biases.
    seed : int
        Of initial weights and order.
    device : torch.device or str

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If shapes do not fit, or a feature is not finite.

    >>> import numpy as np
    >>> x, y = np.array([[-1.0], [-0.9], [1.0], [0.9]]), np.array([0, 0, 1, 1])
    >>> linear_probe(x, y, x, y, epochs=50, batch=4, learning_rate=0.1, weight_decay=0.0, seed=0).value
    1.0
    """
    require_fitting(train, train_labels, test, test_labels)
    train, test = (torch.from_numpy(part).float().to(device) for part in standardised(train, test))
    labels = torch.as_tensor(train_labels).long().to(device)
    classes = int(max(train_labels.max(), test_labels.max())) + 1
    probe = encoders.encoder((train.shape[1], classes), batch_norm=False, normalise=False, seed=seed)

    def objective(probe, rows, _):
        return functional.cross_entropy(probe(train[rows]), labels[rows])

    options = {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "weight_decay": weight_decay}
    options |= {"schedule": training.cosine(), "seed": seed, "device": device}
    training.fit(probe, objective, torch.arange(len(train)), **options)
    with torch.no_grad():
        predicted = probe(test).argmax(dim=1).cpu().numpy()
    return accuracy(predicted, test_labels)


def nearest_neighbours(
    train: np.ndarray,
    train_labels: ArrayLike,
    test: np.ndarray,
    test_labels: ArrayLike,
    *,
    neighbours: int = 5,
    metric: str = "cosine",
) -> Score:
    """Accuracy of a majority vote among the nearest training features.

    Parameters
    ----------
    train, test, train_labels, test_labels
        As in :func:`logistic_probe`; features are used as they are.
    neighbours : int
    metric : {"cosine", "euclidean"}

    Returns
    -------
    Score
    """
    require_fitting(train, train_labels, test, test_labels)
    votes = KNeighborsClassifier(neighbours, metric=metric, algorithm="brute").fit(train, train_labels)
    return accuracy(votes.predict(test), test_labels)


def few_shot(
    train: np.ndarray,
    train_labels: ArrayLike,
    test: np.ndarray,
    test_labels: ArrayLike,
    rng: np.random.Generator,
    *,
    shots: int,
    draws: int = 50,
) -> Score:
    """Accuracy of the nearest class mean (cosine) when only a few labels of each class are known.

    Where a probe on many labels is saturated, this still tells encoders apart; nothing is fitted.

    Parameters
    ----------
    train, test, train_labels, test_labels
        As in :func:`logistic_probe`; rows are scaled to unit length first, so none may be zero.
    rng : numpy.random.Generator
        Draws the labelled objects; give two encoders the same state to compare them on the same draws.
    shots : int
        Labelled objects a class.
    draws : int, at least 2

    Returns
    -------
    Score
        Mean over the draws; its standard error is over the draws, the test objects being fixed. A class whose labelled
        objects cancel has no direction: it scores 0 for everybody, as a mean orthogonal to all objects would.

    Raises
    ------
    ValueError
        If a row is zero, which has no direction, or a class has fewer than ``shots`` training objects, or as in
        :func:`logistic_probe`.

    >>> x, y = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]), np.array([0, 0, 1, 1])
    >>> few_shot(x, y, x, y, np.random.default_rng(0), shots=1)
    Score(value=1.0, standard_error=0.0)
    """
    require_fitting(train, train_labels, test, test_labels)
    if shots < 1 or draws < 2:
        raise ValueError(f"shots is {shots} and draws {draws}, expected at least 1 and 2")
    train, test = (_directions(name, part) for name, part in (("train", train), ("test", test)))
    means = []
    for name in (names := np.unique(train_labels)):
        members = np.flatnonzero(train_labels == name)
        if len(members) < shots:
            raise ValueError(f"class {name} has {len(members)} training objects, expected at least shots = {shots}")
        mean = train[rng.permuted(np.tile(members, (draws, 1)), axis=1)[:, :shots]].mean(axis=1)
        length = np.linalg.norm(mean, axis=-1, keepdims=True)
        means.append(np.divide(mean, length, out=np.zeros_like(mean), where=length > ROUNDING))
    scores = np.einsum("md,cbd->bmc", test, np.stack(means), optimize=True)
    mean, error = statistics.mean_se(np.mean(names[scores.argmax(-1)] == test_labels, axis=1))
    return Score(float(mean), float(error))


def _directions(name, rows):
    """Rows of unit length, float64; any finite length that is not zero is scaled without leaving the range."""
    largest = np.abs(np.asarray(rows, dtype=float)).max(axis=1, keepdims=True, initial=0)
    if bad := np.flatnonzero(largest == 0).tolist():
        first = ", ".join(map(str, bad[:5])) + (", ..." if len(bad) > 5 else "")
        raise ValueError(f"{name} has {len(bad)} of {len(rows)} rows that are zero ({first}): they have no direction")
    scaled = rows / largest
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)


def agreement(first: ArrayLike, second: ArrayLike) -> Score:
    """Adjusted Rand index of two clusterings (Hubert and Arabie 1985), with its jackknife standard error.

    Parameters
    ----------
    first, second : array_like of labels, shape (n,), n >= 3

    Returns
    -------
    Score
        1 for equal partitions, 0 on average for independent ones. The standard error is over the objects.

    Raises
    ------
    ValueError
        If the lengths differ or are below 3.

    >>> agreement([0, 0, 1, 1], ["b", "b", "a", "a"])
    Score(value=1.0, standard_error=0.0)
    """
    first, second = np.asarray(first), np.asarray(second)
    if first.shape != second.shape or first.ndim != 1 or first.size < 3:
        raise ValueError(f"labels have shapes {first.shape} and {second.shape}, expected (n,) twice with n >= 3")
    rows, columns = np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    pairs = [(x * (x - 1) / 2).sum() for x in (table, table.sum(1), table.sum(0))]
    value = _adjusted(*pairs, first.size)
    # leave one object of cell (i, j) out: it takes table - 1, row - 1 and column - 1 pairs with it
    left_out = _adjusted(
        pairs[0] - (table - 1),
        pairs[1] - (table.sum(1, keepdims=True) - 1),
        pairs[2] - (table.sum(0, keepdims=True) - 1),
        first.size - 1,
    )
    mean = (table * left_out).sum() / first.size
    variance = (first.size - 1) / first.size * (table * (left_out - mean) ** 2).sum()
    return Score(float(value), math.sqrt(variance))


def _adjusted(together, first, second, size):
    expected = first * second / (size * (size - 1) / 2)
    largest = (first + second) / 2
    flat = np.isclose(largest, expected)  # both partitions trivial: they agree
    return np.where(flat, 1.0, (together - expected) / np.where(flat, 1.0, largest - expected))


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> Score:
    """Share of predictions that are right, with its binomial standard error.

    >>> accuracy(np.array([0, 1, 1, 1]), np.array([0, 1, 1, 0]))
    Score(value=0.75, standard_error=0.21650635094610965)
    """
    value = float(np.mean(predicted == labels))
    return Score(value, math.sqrt(value * (1 - value) / len(labels)))


def require_fitting(train, train_labels, test, test_labels):
    """Raise ``ValueError`` unless features are finite matrices of one width with one label a row."""
    fits = train.ndim == test.ndim == 2 and train.shape[1] == test.shape[1]
    if not fits or len(train) != len(train_labels) or len(test) != len(test_labels) or not len(test):
        raise ValueError(
            f"features {train.shape} and {test.shape} with {len(train_labels)} and {len(test_labels)} labels do not fit"
        )
    for name, part in (("train", train), ("test", test)):
        if not np.all(np.isfinite(part)):
            raise ValueError(f"{name} holds a feature that is not finite")
