"""InfoNCE with finitely many random negatives: exact expectation, expansion in their number, moving minimiser.

A population of n objects; the anchor is uniform, its positive is drawn by a transition matrix, and N - 1 negatives
are drawn independently and uniformly from all n objects, the anchor and the positive included. N counts the terms of
the denominator.
"""

import itertools
import math

import numpy as np
import torch

from helpers.information import finite_samples


def expected_infonce(transition, log_kernel, *, candidates):
    """Exact expectation of InfoNCE with N - 1 random negatives, by summing over all their multinomial counts.

    The number of counts is binomial(N + n - 2, n - 1): meant for populations of three or four objects. They are summed
    in blocks, so that 256 candidates of four objects stay below a gigabyte.

    Parameters
    ----------
    transition : Tensor, shape (..., n, n), float64
        Row-stochastic; its diagonal may be positive.
    log_kernel : Tensor, shape (..., n, n), float64
        Of moderate size: it is exponentiated.
    candidates : int >= 2
        N, the number of terms of the denominator: the positive and N - 1 negatives.

    Returns
    -------
    Tensor, shape (...)
        In nats, averaged over anchors.

    Raises
    ------
    ValueError
        If the shapes differ, there is no negative, or there are too many counts (``finite_samples.MOST``).

    >>> alike = torch.full((3, 3), 1 / 3, dtype=torch.float64)
    >>> round(expected_infonce(alike, torch.zeros_like(alike), candidates=8).exp().item(), 6)
    8.0
    """
    n = log_kernel.shape[-1]
    if transition.shape[-2:] != (n, n) or log_kernel.shape[-2] != n:
        raise ValueError(f"transition has shape {tuple(transition.shape)}, log_kernel {tuple(log_kernel.shape)}")
    if candidates < 2:
        raise ValueError(f"candidates is {candidates}, expected at least 2: the positive and one negative")
    counts = finite_samples.compositions(candidates - 1, n)
    log_chance = math.lgamma(candidates) - torch.lgamma(counts + 1).sum(-1) - (candidates - 1) * math.log(n)
    kernel = log_kernel.exp()

    def term(counts, chance):
        negatives = torch.einsum("mk,...ik->...im", counts, kernel)
        return torch.log(kernel[..., None] + negatives[..., None, :]) @ chance

    log_sum = finite_samples.sum_in_blocks(term, counts, log_chance.softmax(0), width=kernel.numel())
    return (transition * (log_sum - log_kernel)).sum(-1).mean(-1)


def expansion(transition, log_kernel):
    """Coefficients c_1, c_2, c_3 of ``E L_N = H/n + log(N/n) + c_1/N + c_2/N^2 + c_3/N^3 + O(N^-4)``.

    Taylor expansion of log(1 + (a + D)/N) with a = K_pos/mean - 1 and D the sum of N - 1 centred terms with central
    moments s_2, s_3, s_4 (relative to the mean), collected by powers of N.

    Parameters
    ----------
    transition, log_kernel : Tensor, shape (..., n, n), float64

    Returns
    -------
    tuple of three Tensors, shape (...)

    >>> uniform = torch.full((3, 3), 1 / 3, dtype=torch.float64)
    >>> [c.item() for c in expansion(uniform, torch.zeros_like(uniform))]
    [0.0, 0.0, 0.0]
    """
    kernel = log_kernel.exp()
    relative = kernel / kernel.mean(-1, keepdim=True) - 1
    s2, s3, s4 = (relative.pow(k).mean(-1, keepdim=True) for k in (2, 3, 4))
    a = relative  # for positive j of anchor i; averaged over the transition below
    first = a - s2 / 2
    second = -a.square() / 2 + s2 / 2 + a * s2 + s3 / 3 - 3 * s2.square() / 4
    third = a.pow(3) / 3 - a * s2 - s3 / 3 - (6 * a.square() * s2 + 4 * a * s3 + s4 - 9 * s2.square()) / 4
    third = third + 3 * a * s2.square() + 2 * s2 * s3 - 5 * s2.pow(3) / 2
    return tuple((transition * c).sum(-1).mean(-1) for c in (first, second, third))


def expected_log_sum(transform, offset, mean, count):
    """``E log(a + K_1 + ... + K_M)`` for independent positive K, from their Laplace transform: no sampling.

    ``log x = log c + int_0^inf (e^-ct - e^-xt) dt / t`` (Frullani) turns the expectation into one integral of
    ``e^-ct - e^-at phi(t)^M``. With c the mean of the sum and t = e^u the integrand is smooth and dies out at both
    ends, so that the trapezoidal rule converges faster than any power of its step.

    Parameters
    ----------
    transform : callable
        phi(t) = E e^(-t K) of one summand, for an ndarray t >= 0.
    offset : float >= 0
        a; at least one of a and `count` is positive.
    mean : float > 0
        Of one summand.
    count : int >= 0
        M.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If `offset` or `count` is negative, `mean` is not positive, or the sum is empty.

    >>> round(expected_log_sum(lambda t: np.exp(-t), 1.0, 1.0, 7), 12) == round(math.log(8), 12)
    True
    """
    if offset < 0 or count < 0 or mean <= 0 or offset + count == 0:
        raise ValueError(f"offset is {offset}, count {count} and mean {mean}: expected a sum with a positive mean")
    centre = offset + count * mean
    step = 1 / 16
    t = np.exp(np.arange(-40, 40, step)) / centre
    with np.errstate(under="ignore"):
        difference = np.exp(-centre * t) - np.exp(-offset * t) * transform(t) ** count
    return float(math.log(centre) + step * difference.sum())


def newton(function, start, *, steps=20):
    """Minimum of a smooth scalar function near ``start``, by Newton's method, until the gradient stops falling.

    Parameters
    ----------
    function : callable
        Maps a vector (p,) to a scalar, in torch operations.
    start : Tensor, shape (p,), float64
    steps : int

    Returns
    -------
    Tensor, shape (p,)

    Raises
    ------
    ValueError
        If the gradient is still above 1e-10 after the last step, or the Hessian there is not positive definite.

    >>> newton(lambda x: (x - 3).square().sum(), torch.zeros(2, dtype=torch.float64)).tolist()
    [3.0, 3.0]
    """
    gradient, hessian = torch.func.grad(function), torch.func.hessian(function)
    point, best = start.detach(), math.inf
    for _ in range(steps):
        slope = gradient(point)
        if slope.norm() <= 1e-13 or (slope.norm() <= 1e-10 and slope.norm() > best / 4):
            break
        best = slope.norm()
        point = point - torch.linalg.solve(hessian(point), slope)
    size, curvature = gradient(point).norm().item(), torch.linalg.eigvalsh(hessian(point))[0].item()
    if not (size <= 1e-10 and curvature > 0):
        raise ValueError(f"no minimum found: gradient norm {size:g}, smallest curvature {curvature:g}")
    return point


def moved_minimiser(functions, start):
    """How the minimiser of f_0 + f_1/N + f_2/N^2 + ... leaves that of f_0: its first two coefficients in 1/N.

    Parameters
    ----------
    functions : sequence of three callables
        f_0, f_1, f_2, each a vector (p,) to a scalar.
    start : Tensor, shape (p,), float64
        A stationary point of f_0.

    Returns
    -------
    first, second : Tensor, shape (p,)
        The minimiser is ``start + first/N + second/N^2 + O(N^-3)``.

    >>> f = lambda x: x.square().sum() / 2, lambda x: x.sum(), lambda x: 0 * x.sum()
    >>> moved_minimiser(f, torch.zeros(1, dtype=torch.float64))[0].tolist()
    [-1.0]
    """
    gradients = [torch.func.grad(function) for function in functions]
    hessian = torch.func.hessian(functions[0])
    first = -torch.linalg.solve(hessian(start), gradients[1](start))

    def along(field, point):
        return torch.func.jvp(field, (point,), (first,))[1]

    curvature = along(lambda x: along(gradients[0], x), start)
    rest = curvature / 2 + along(gradients[1], start) + gradients[2](start)
    return first, -torch.linalg.solve(hessian(start), rest)


def all_batches(images, views):
    """Every batch of two images, two views each: (batches, 4) indices, two first views, then their partners."""
    pairs = [list(itertools.combinations(range(i * views, (i + 1) * views), 2)) for i in range(images)]
    chosen = [(p, q) for first, second in itertools.combinations(pairs, 2) for p, q in itertools.product(first, second)]
    return np.array([(p[0], q[0], p[1], q[1]) for p, q in chosen])
