"""Exact information of finite laws: entropies, mutual information, density ratio, chi-square, Bayes error, Fano.

A joint law is a table of shape (..., x, y): rows are values of X, columns values of Y, entries sum to one over the
last two axes; leading axes are a batch. A table with a class has shape (..., classes, x, y). Everything in nats, NumPy
float64; :func:`to_bits` is the one place where the unit changes. Entries that are zero contribute nothing.
"""

import numpy as np
from scipy import special

ROUNDING = 1e-9  # how far a sum of probabilities may be from one


def to_bits(nats):
    """Nats to bits: divide by log 2. For the axis of a plot, or a number printed in bits elsewhere.

    >>> round(float(to_bits(np.log(10))), 6)
    3.321928
    """
    return np.asarray(nats, float) / np.log(2)


def entropy(law, *, axes=1):
    """``-sum p log p`` over the last ``axes`` axes.

    Parameters
    ----------
    law : array_like, shape (..., atoms), or a table if ``axes`` > 1
        Non-negative, sums to one over the last ``axes`` axes.
    axes : int
        1 for H(X) of a law, 2 for H(X, Y) of a joint table.

    Returns
    -------
    ndarray or float, nats

    Raises
    ------
    ValueError
        If the law is empty, holds a NaN or a negative number, or does not sum to one.

    >>> round(float(entropy([0.5, 0.25, 0.25])), 4)
    1.0397
    """
    law = _law("law", law, axes)
    return special.entr(law).sum(axis=tuple(range(-axes, 0)))


def binary_entropy(probability):
    """``h(e) = -e log e - (1 - e) log(1 - e)`` in nats, for probabilities of any shape.

    Raises
    ------
    ValueError
        If a value lies outside [0, 1].

    >>> round(float(binary_entropy(0.5)), 4)
    0.6931
    """
    probability = _probability("probability", probability)
    return special.entr(probability) + special.entr(1 - probability)


def marginals(joint):
    """Laws of X and of Y of a joint table.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    tuple of ndarray, shapes (..., x) and (..., y)

    >>> [law.tolist() for law in marginals([[0.5, 0.0], [0.25, 0.25]])]
    [[0.5, 0.5], [0.75, 0.25]]
    """
    joint = _law("joint", joint, 2)
    return joint.sum(axis=-1), joint.sum(axis=-2)


def mutual_information(joint):
    """``I(X; Y) = sum p(x, y) log( p(x, y) / (p(x) p(y)) )``, the divergence of the joint law from independence.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
        Non-negative, sums to one over the last two axes.

    Returns
    -------
    ndarray or float, nats

    Raises
    ------
    ValueError
        If the table is empty, holds a NaN or a negative number, or does not sum to one.

    >>> round(float(mutual_information([[0.5, 0.0], [0.0, 0.5]])), 4)
    0.6931
    """
    joint = _law("joint", joint, 2)
    return special.rel_entr(joint, _product(joint)).sum(axis=(-2, -1))


def conditional_entropy(joint):
    """``H(X | Y) = sum_y p(y) H(X | Y = y)``: what is unknown of the row variable once the column is seen.

    Transpose the last two axes for H(Y | X).

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    ndarray or float, nats

    >>> round(float(conditional_entropy([[0.25, 0.0], [0.25, 0.5]])), 4)
    0.3466
    """
    joint = _law("joint", joint, 2)
    column = joint.sum(axis=-2, keepdims=True)
    conditional = joint / np.where(column > 0, column, 1.0)
    return (column[..., 0, :] * special.entr(conditional).sum(axis=-2)).sum(axis=-1)


def class_uncertainties(table):
    """``H(C | X)``, ``H(C | Y)`` and ``H(C | X, Y)`` of a law with a class.

    Parameters
    ----------
    table : array_like, shape (..., classes, x, y)

    Returns
    -------
    ndarray, shape (3, ...), nats

    >>> class_uncertainties([[[0.5, 0.0]], [[0.25, 0.25]]]).round(4).tolist()
    [0.6931, 0.4774, 0.4774]
    """
    table = _law("table", table, 3)
    seen = table.sum(axis=-1), table.sum(axis=-2), table.reshape(*table.shape[:-2], -1)
    return np.stack([conditional_entropy(law) for law in seen])


def conditional_mutual_information(table):
    """``I(X; Y | C) = sum_c p(c) I(X; Y | C = c)``.

    Parameters
    ----------
    table : array_like, shape (..., classes, x, y)
        Joint law of (C, X, Y): the conditioning variable is the *first* of the last three axes.

    Returns
    -------
    ndarray or float, nats

    >>> round(float(conditional_mutual_information([[[0.5, 0.0], [0.0, 0.5]]])), 4)
    0.6931
    """
    table = _law("table", table, 3)
    prior = table.sum(axis=(-2, -1), keepdims=True)
    conditional = table / np.where(prior > 0, prior, 1.0)
    product = conditional.sum(axis=-1, keepdims=True) * conditional.sum(axis=-2, keepdims=True)
    return (prior[..., 0, 0] * special.rel_entr(conditional, product).sum(axis=(-2, -1))).sum(axis=-1)


def density_ratio(joint):
    """``r(x, y) = p(x, y) / (p(x) p(y))``; 0 where a marginal has no mass (such places have probability zero).

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    ndarray, shape (..., x, y)

    >>> density_ratio([[0.5, 0.0], [0.0, 0.5]]).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    joint = _law("joint", joint, 2)
    product = _product(joint)
    return np.divide(joint, product, out=np.zeros_like(joint), where=product > 0)


def chi_squared(joint):
    """``chi2(X; Y) = sum p(x) p(y) (r(x, y) - 1)^2 = E_P r - 1``, >= exp(I) - 1.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)

    Returns
    -------
    ndarray or float

    >>> float(chi_squared(np.eye(10) / 10).round(9))
    9.0
    """
    joint = _law("joint", joint, 2)
    return (_product(joint) * (density_ratio(joint) - 1) ** 2).sum(axis=(-2, -1))


def bayes_error(joint):
    """Least probability of a wrong guess of the row variable from the column variable: ``1 - sum_y max_x p(x, y)``.

    Parameters
    ----------
    joint : array_like, shape (..., classes, z)
        Rows are classes, columns what is seen.

    Returns
    -------
    ndarray or float, in [0, 1 - 1/classes]

    >>> float(bayes_error([[0.5, 0.25], [0.0, 0.25]]))
    0.25
    """
    joint = _law("joint", joint, 2)
    return 1 - joint.max(axis=-2).sum(axis=-1)


def fano(error, *, classes):
    """Fano's ceiling ``F(e) = h(e) + e log(classes - 1)``: the most H(C | Z) can be when the Bayes error is e.

    Parameters
    ----------
    error : array_like, in [0, 1]
    classes : int >= 2

    Returns
    -------
    ndarray or float, nats

    Raises
    ------
    ValueError
        If an error lies outside [0, 1] or there are fewer than two classes.

    >>> round(float(fano(0.9, classes=10)), 4) == round(float(np.log(10)), 4)
    True
    """
    if classes < 2:
        raise ValueError(f"classes is {classes}, expected at least 2")
    error = _probability("error", error)
    return binary_entropy(error) + error * np.log(classes - 1)


def encode(joint, first, second):
    """Joint law of two codes: each view goes through its own channel, ``sum p(x, y) p(z | x) p(z' | y)``.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    first : array_like, shape (..., x, z)
        Row x is the law of the code of x; a deterministic encoder has one 1 a row.
    second : array_like, shape (..., y, z')

    Returns
    -------
    ndarray, shape (..., z, z')

    Raises
    ------
    ValueError
        If a channel's rows are not laws or the shapes do not fit.

    >>> encode(np.eye(4) / 4, np.repeat(np.eye(2), 2, axis=0), np.repeat(np.eye(2), 2, axis=0)).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    joint, first, second = _law("joint", joint, 2), _law("first", first, 1), _law("second", second, 1)
    if first.ndim < 2 or second.ndim < 2 or (first.shape[-2], second.shape[-2]) != joint.shape[-2:]:
        raise ValueError(f"channels have shapes {first.shape} and {second.shape}, joint has {joint.shape}")
    return np.swapaxes(first, -1, -2) @ joint @ second


def symmetric_confusion(classes, accuracy):
    """Channel that shows the class with a given probability and otherwise any other class, all equally often.

    Parameters
    ----------
    classes : int >= 2
    accuracy : array_like in [0, 1], shape (...)
        Probability of the right class; ``1 / classes`` shows nothing.

    Returns
    -------
    ndarray, shape (..., classes, classes)
        Row c is the law of what is shown of class c.

    Raises
    ------
    ValueError
        If an accuracy lies outside [0, 1] or there are fewer than two classes.

    >>> symmetric_confusion(3, 0.5).tolist()
    [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]]
    """
    if classes < 2:
        raise ValueError(f"classes is {classes}, expected at least 2")
    accuracy = _probability("accuracy", accuracy)[..., None, None]
    same = np.eye(classes)
    return accuracy * same + (1 - accuracy) / (classes - 1) * (1 - same)


def _product(joint):
    return joint.sum(axis=-1, keepdims=True) * joint.sum(axis=-2, keepdims=True)


def _law(name, values, axes):
    values = np.asarray(values, float)
    if axes < 1 or values.ndim < axes or 0 in values.shape:
        raise ValueError(f"{name} has shape {values.shape}, expected {axes} non-empty trailing axes of probabilities")
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name} holds {np.count_nonzero(~np.isfinite(values))} value(s) that are not finite")
    if np.any(values < 0):
        raise ValueError(f"{name} holds the negative value {values.min():g}, expected probabilities")
    sums = values.sum(axis=tuple(range(-axes, 0)))
    if np.any(np.abs(sums - 1) > ROUNDING):
        worst = np.ravel(sums)[np.argmax(np.abs(np.ravel(sums) - 1))]
        raise ValueError(f"{name} sums to {worst:g} over its last {axes} axes, expected 1")
    return values


def _probability(name, values):
    values = np.asarray(values, float)
    if values.size == 0 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"{name} is {values}, expected numbers in [0, 1]")
    return values
