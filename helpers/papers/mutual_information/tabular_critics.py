"""Critics that are free tables f(x, y): trained to the exact optimum of the population loss, read at any batch size.

A law of pairs is a table (x, y) as in ``information``, a critic a table of the same shape. The population value
``I_K(f) = log K - E loss`` is evaluated by counts of the negatives for training (``infonce_gap.expected_infonce``)
and, for any K, by one quadrature a row. K counts the positive; values are in nats.
"""

import numpy as np
import torch
from scipy import optimize

from helpers.information import estimators, finite_samples

from . import infonce_gap


def value(joint, critic, candidates):
    """``I_K(f)`` of table critics for any K, thousands included, by one-dimensional quadrature.

    Shares no code with the sum over counts: ``E log(e^f(x,y_1) + ... + e^f(x,y_K))`` comes from Laplace transforms.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)
    candidates : int >= 2, or sequence of int, shape (ks,)

    Returns
    -------
    ndarray, shape (..., ks), or (...) for one K; nats

    Raises
    ------
    ValueError
        If the shapes differ or there is no negative.

    >>> bool(abs(value(np.full((2, 2), 0.25), np.ones((2, 2)), 64)) < 1e-12)
    True
    """
    joint, critic = np.asarray(joint, float), np.asarray(critic, float)
    if joint.shape != critic.shape or joint.ndim < 2 or np.min(candidates) < 2:
        raise ValueError(
            f"joint {joint.shape}, critic {critic.shape}, {candidates} candidates: expected two alike, >= 2"
        )
    rows, law = joint.sum(axis=-1), np.broadcast_to(joint.sum(axis=-2, keepdims=True), joint.shape)
    given = joint / rows[..., None]
    weights = np.exp(critic - (given * critic).sum(axis=-1, keepdims=True))  # c(x) does not matter

    def value_at(count):
        log_sum = finite_samples.expected_log_mean(
            weights, law, count - 1, scale=float(count - 1), extra=weights, extra_masses=given
        )
        return np.log(count) - (rows * log_sum).sum(axis=-1)

    values = np.array([value_at(count) for count in np.ravel(candidates)])
    return np.moveaxis(values, 0, -1).reshape(joint.shape[:-2] + np.shape(candidates))[()]


def losses(joint, critic, candidates):
    """Expected InfoNCE losses ``log K - I_K(f)`` of table critics at several K, by sums over counts.

    Parameters
    ----------
    joint : array_like, shape (problems, x, y)
    critic : array_like, shape (problems, x, y), or (ks, problems, x, y) for one critic a K
    candidates : sequence of int, shape (ks,)

    Returns
    -------
    ndarray, shape (problems, ks), nats

    >>> losses(torch.full((1, 2, 2), 0.25), torch.zeros(1, 2, 2), [2, 4]).round(4).tolist()
    [[0.6931, 1.3863]]
    """
    joint, critic = (torch.as_tensor(table, dtype=torch.float64) for table in (joint, critic))
    each = critic.expand(len(candidates), *joint.shape)
    values = [infonce_gap.expected_infonce(joint, f, candidates=K) for f, K in zip(each, candidates, strict=True)]
    return np.log(candidates) - torch.stack(values, dim=1).numpy()


def train(joint, start, *, candidates, parametrisation=None, iterations=400):
    """Maximise the exact population value of many critics at once by L-BFGS.

    Free tables make the problem concave; a parametrisation need not.

    Parameters
    ----------
    joint : array_like, shape (x, y) or (problems, x, y)
    start : Tensor, shape (problems, ...), float64
        Starting tables, or starting parameters.
    candidates : int >= 2
        K of training.
    parametrisation : callable, optional
        Maps parameters (problems, ...) to tables (problems, x, y); the identity by default.
    iterations : int

    Returns
    -------
    point : Tensor, shape (problems, ...)
    slope : Tensor, shape (problems,)
        Euclidean norm of the gradient there: look at it before believing in an optimum.

    >>> critic, slope = train(torch.eye(2).double() * 0.3 + 0.1, torch.zeros(1, 2, 2).double(), candidates=2)
    >>> critic.diff(dim=-1).flatten().round(decimals=6).tolist()  # log(1/4) and log(4)
    [-1.386294, 1.386294]
    """
    joint = torch.as_tensor(joint, dtype=torch.float64)

    def objective(point):
        critic = point if parametrisation is None else parametrisation(point)
        return infonce_gap.expected_infonce(joint, critic, candidates=candidates).sum()

    return _climb(objective, start, iterations)


def best_scale(joint, direction, *, candidates):
    """Best critic of a family with one parameter, ``f = scale * direction``: a misspecified family as a rule.

    Parameters
    ----------
    joint, direction : array_like, shape (x, y)
    candidates : int >= 2

    Returns
    -------
    float
        The maximiser of the concave ``I_K``.

    >>> round(best_scale([[0.4, 0.1], [0.1, 0.4]], torch.eye(2), candidates=2), 6)  # log 4
    1.386294
    """
    direction = torch.as_tensor(direction, dtype=torch.float64)
    found = optimize.minimize_scalar(
        lambda scale: -infonce_gap.expected_infonce(joint, scale * direction, candidates=candidates).item()
    )
    return float(found.x)


def gradient(joint, critic, *, candidates):
    """Gradient of the population loss ``log K - I_K`` in the entries of the critic, Tensor of shape (..., x, y).

    >>> gradient(torch.full((2, 2), 0.25), torch.zeros(2, 2), candidates=3).abs().max().item() < 1e-15
    True
    """
    critic = torch.as_tensor(critic, dtype=torch.float64).detach().clone().requires_grad_()
    loss = -infonce_gap.expected_infonce(joint, critic, candidates=candidates).sum()
    return torch.autograd.grad(loss, critic)[0]


def curvatures(joint, critic, *, candidates, parametrisation=None):
    """Eigenvalues of the Hessian of the population loss, increasing.

    Parameters
    ----------
    joint : array_like, shape (x, y) or (problems, x, y)
    critic : array_like, shape (x, y) or (problems, x, y)
    candidates : int
    parametrisation : callable, optional
        Maps a problem's ``critic``, then a tensor of parameters of any shape, to a table; the identity by default.

    Returns
    -------
    Tensor, shape (parameters,) or (problems, parameters)

    >>> curvatures(torch.full((2, 2), 0.25), torch.zeros(2, 2), candidates=2).round(decimals=4).tolist()
    [0.0, 0.0, 0.125, 0.125]
    """
    joint, point = (torch.as_tensor(table, dtype=torch.float64) for table in (joint, critic))
    if joint.ndim == 3:
        options = {"candidates": candidates, "parametrisation": parametrisation}
        return torch.stack([curvatures(law, f, **options) for law, f in zip(joint, point, strict=True)])

    def loss(flat):
        table = flat.reshape(point.shape)
        table = table if parametrisation is None else parametrisation(table)
        return -infonce_gap.expected_infonce(joint, table, candidates=candidates)

    return torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, point.flatten()))


def without_row_shift(critic):
    """Subtract each row's mean: InfoNCE does not see ``c(x)``.

    >>> without_row_shift(torch.tensor([[1.0, 3.0]])).tolist()
    [[-1.0, 1.0]]
    """
    return critic - critic.mean(-1, keepdim=True)


def balanced_value(model, critic):
    """Value of a table critic on class-balanced batches: exactly one pair of every class, so K = C.

    Such batches are not independent draws, and their value is no lower bound on the mutual information. All views of
    all pairs are enumerated: a few classes with a few values.

    Parameters
    ----------
    model : sequence of three array_like
        Prior (unused: every class appears once), then the laws of either view in a class, shapes (classes, x) and
        (classes, y); a ``pair_laws.ClassModel`` without batch dimensions.
    critic : array_like, shape (x, y)

    Returns
    -------
    float, nats

    >>> round(balanced_value(([0.5, 0.5], np.eye(2), np.eye(2)), 50 * np.eye(2)), 6)  # log 2: no noise, no variance
    0.693147
    """
    return float(_balanced(model)(torch.as_tensor(critic, dtype=torch.float64)))


def best_balanced_value(model):
    """The largest :func:`balanced_value` of any table critic, by L-BFGS on a concave problem.

    Parameters
    ----------
    model : as in :func:`balanced_value`
        Noisy: with views that tell the class the best critic is infinite.

    Returns
    -------
    value : float, nats
    slope : float
        Euclidean norm of the gradient there.

    >>> value, slope = best_balanced_value((None, torch.full((2, 2), 0.5), torch.full((2, 2), 0.5)))
    >>> abs(value) < 1e-12  # views that know nothing
    True
    """
    value = _balanced(model)
    shape = np.shape(model[1])[1], np.shape(model[2])[1]
    critic, slope = _climb(lambda tables: value(tables[0]), torch.zeros(1, *shape, dtype=torch.float64), 400)
    return float(value(critic[0])), float(slope[0])


def _balanced(model):
    """The value of class-balanced batches as a differentiable function of the table."""
    first, second = (torch.as_tensor(side, dtype=torch.float64) for side in model[1:])
    classes = len(first)
    sizes = [first.shape[1]] * classes + [second.shape[1]] * classes
    draws = torch.cartesian_prod(*map(torch.arange, sizes))
    x, y = draws[:, :classes], draws[:, classes:]
    which = torch.arange(classes)
    chance = first[which, x].prod(dim=1) * second[which, y].prod(dim=1)
    return lambda critic: chance @ estimators.values("infonce", critic[x[:, :, None], y[:, None, :]])


def _climb(objective, start, iterations):
    """Maximise a sum over problems by L-BFGS; the point and each problem's gradient norm."""
    point = start.detach().clone().requires_grad_()
    search = torch.optim.LBFGS(
        [point], max_iter=iterations, history_size=50, tolerance_grad=1e-12, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        search.zero_grad()
        loss = -objective(point)
        loss.backward()
        return loss

    search.step(closure)
    closure()
    return point.detach(), point.grad.flatten(1).norm(dim=1)
