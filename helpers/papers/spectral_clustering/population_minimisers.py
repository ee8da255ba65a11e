"""Embeddings that minimise a population loss, found by quasi-Newton and Newton steps with closed-form gradients.

The loss is population InfoNCE summed over anchors, H(Z) = - sum_ij P_ij log Q_ij, with Q the row-normalised kernel
of the embedding (Tan et al. 2024). Three geometries:

======== ==================================== =================================================
geometry log-kernel of rows z_i, z_j          rows
======== ==================================== =================================================
free     - abs(z_i - z_j)^2 / (2 temperature)   free
sphere   z_i.z_j / temperature                unit norm (the Gaussian kernel up to a factor that cancels)
dot      z_i.z_j / temperature                free
======== ==================================== =================================================

``include_self`` says whether an object is a candidate of its own denominator. Plain float64 NumPy, one problem at a
time: the functions of ``helpers.losses`` compute the same numbers by other means.
"""

import numpy as np
from scipy import integrate

from helpers.optimise import newton
from helpers.spectral import graphs

GEOMETRIES = ("free", "sphere", "dot")


def collapse_threshold(n, *, include_self):
    """c_n: at collapse, Laplacian eigenvectors with eigenvalue below it are escape directions.

    Parameters
    ----------
    n : int >= 2
    include_self : bool

    Returns
    -------
    float
        1 if the anchor is in its own denominator, n / (n - 1) if not.

    >>> collapse_threshold(5, include_self=False)
    1.25
    """
    return 1.0 if include_self else n / (n - 1)


def chances(features, *, temperature, geometry, include_self):
    """Row-normalised kernel of an embedding.

    Parameters
    ----------
    features : array_like, shape (n, d)
        Used as they are; geometry ``sphere`` expects unit rows and does not normalise them.
    temperature : float > 0
    geometry : {"free", "sphere", "dot"}
    include_self : bool

    Returns
    -------
    ndarray, shape (n, n)
        Q, rows sum to one; zero diagonal without self.
    """
    return _chances(np.asarray(features, dtype=float), temperature, geometry, include_self)[0]


def value_and_gradient(features, transition, *, temperature, geometry, include_self):
    """Population InfoNCE summed over anchors and its Euclidean gradient, both in closed form.

    For the Gaussian kernel the gradient is ``(2 / temperature) (L(P) - L(Q)) Z``, with L the Laplacian of the
    symmetrised weights; for inner products it is ``(1 / temperature) (A + A^T) Z`` with A = Q - P.

    Parameters
    ----------
    features : array_like, shape (n, d)
    transition : array_like, shape (n, n)
        Row-stochastic; zero diagonal without self.
    temperature, geometry, include_self
        See :func:`chances`.

    Returns
    -------
    value : float
        In nats.
    gradient : ndarray, shape (n, d)
        Not projected to the sphere.
    """
    transition = _checked(transition, temperature, geometry, include_self)
    return _objective(transition, temperature, geometry, include_self)[0](np.asarray(features, dtype=float))


def divergence(features, transition, *, temperature, geometry, include_self):
    """``H - Ent(P) = sum_i KL(P_i | Q_i)`` in nats: what an embedding leaves unexplained, zero iff Q = P.

    Parameters
    ----------
    features, transition, temperature, geometry, include_self
        See :func:`value_and_gradient`.

    Returns
    -------
    float
    """
    settings = {"temperature": temperature, "geometry": geometry, "include_self": include_self}
    return value_and_gradient(features, transition, **settings)[0] - float(graphs.entropy(transition))


def minimise(
    transition,
    *,
    dimension,
    temperature,
    geometry,
    include_self,
    restarts,
    rng,
    spread=1.0,
    starts=None,
    tolerance=1e-9,
    iterations=2000,
    polish=60,
):
    """Minimise population InfoNCE over embeddings, from several random starts.

    L-BFGS, then Newton steps on the closed-form Hessian (solved by MINRES, which leaves the flat directions of
    translation and rotation alone) until the gradient norm is below `tolerance` or rounding stops it.

    Parameters
    ----------
    transition : array_like, shape (n, n)
        Row-stochastic; zero diagonal if `include_self` is False.
    dimension : int >= 1
    temperature : float > 0
    geometry : {"free", "sphere", "dot"}
    include_self : bool
    restarts : int >= 1
        Ignored if `starts` is given.
    rng : numpy.random.Generator
    spread : float
        Standard deviation of the Gaussian start, in units of sqrt(temperature) (free, dot; the sphere normalises).
    starts : array_like, shape (restarts, n, dimension), optional
        Used in place of random starts.
    tolerance : float
        Target of the gradient norm.
    iterations, polish : int
        Largest numbers of L-BFGS iterations and of Newton steps; ``polish=0`` saves time where no minimiser exists.

    Returns
    -------
    newton.Minimum
        Free embeddings are centred, which changes no loss. On a disconnected graph the free problem has no
        minimiser: the gradient still tends to zero, while the components fly apart.

    Raises
    ------
    ValueError
        For a transition matrix that does not fit the convention, an unknown geometry or a size that is not positive.
    """
    transition = _checked(transition, temperature, geometry, include_self)
    if starts is None:
        if dimension < 1 or restarts < 1:
            raise ValueError(f"dimension is {dimension} and restarts {restarts}, expected at least 1 each")
        starts = spread * np.sqrt(temperature) * rng.standard_normal((restarts, len(transition), dimension))
    starts = np.asarray(starts, dtype=float)
    if starts.ndim != 3 or starts.shape[1] != len(transition):
        raise ValueError(f"starts has shape {starts.shape}, expected (restarts, {len(transition)}, dimension)")
    loss, hessian_product = _objective(transition, temperature, geometry, include_self)
    unit = geometry == "sphere"
    limits = {"tolerance": tolerance, "iterations": iterations, "polish": polish}
    runs = np.array([newton.descend(loss, hessian_product, start, on_sphere=unit, **limits) for start in starts])
    if geometry == "free":
        runs = runs - runs.mean(axis=1, keepdims=True)
    return newton.collect(loss, runs, on_sphere=unit)


def gradient_flow(transition, start, times, *, temperature, include_self, precision=1e-10):
    """Path of ``dZ/dt = - grad H(Z)`` for the Gaussian kernel, by an eighth-order Runge-Kutta method.

    Parameters
    ----------
    transition : array_like, shape (n, n)
    start : array_like, shape (n, d)
    times : array_like, shape (steps,), ascending, from 0
    temperature : float > 0
    include_self : bool
    precision : float
        Local error a step, relative to the size of each coordinate and, for coordinates near zero, to the start.

    Returns
    -------
    ndarray, shape (steps, n, d)
    """
    transition, start = _checked(transition, temperature, "free", include_self), np.asarray(start, dtype=float)
    loss = _objective(transition, temperature, "free", include_self)[0]
    solution = integrate.solve_ivp(
        lambda _, flat: -loss(flat.reshape(start.shape))[1].ravel(),
        (times[0], times[-1]),
        start.ravel(),
        method="DOP853",
        t_eval=times,
        rtol=precision,
        atol=precision * np.abs(start).max(),
    )
    return solution.y.T.reshape(-1, *start.shape)


def ideal_block_divergence(blocks, size, contrast, temperature):
    """Least ``H - Ent(P)`` of the ideal block graph on the sphere, dimension >= blocks; shape of `temperature`.

    Blocks are points of a simplex of squared side min(2 temperature log contrast, 2 k / (k - 1)), no self.
    """
    temperature = np.asarray(temperature, dtype=float)
    side = np.minimum(2 * temperature * np.log(contrast), 2 * blocks / (blocks - 1))
    far = np.exp(-side / (2 * temperature))
    inside, across = size - 1, (blocks - 1) * size
    w_out = 1 / (inside * contrast + across)
    log_sum = np.log(inside + across * far)
    row = inside * contrast * w_out * np.log(contrast * w_out) + across * w_out * np.log(w_out / far)
    return blocks * size * (row + log_sum)


# -- closed forms -------------------------------------------------------------------------------------------
def _chances(features, temperature, geometry, include_self):
    logits = features @ features.T
    if geometry == "free":
        half = np.einsum("ij,ij->i", features, features) / 2
        logits -= half[:, None] + half
    logits /= temperature
    if not include_self:
        np.fill_diagonal(logits, -np.inf)
    shift = logits.max(axis=1, keepdims=True)
    logits -= shift
    powers = np.exp(logits, out=logits)
    sums = powers.sum(axis=1, keepdims=True)
    log_sums = np.log(sums) + shift
    powers /= sums
    return powers, log_sums[:, 0]


def _objective(transition, temperature, geometry, include_self):
    """The loss (value and gradient) and the Hessian product of one problem, as two functions of the features."""
    gaussian = geometry == "free"
    attraction = graphs.laplacian(transition) if gaussian else -graphs.symmetrised(transition)
    factor = 2 / temperature

    def spread_of(weights, features):
        """L(W) Z for the Gaussian kernel, -S(W) Z for inner products, with S the symmetrised weights."""
        mixed = -(weights @ features + weights.T @ features) / 2
        if gaussian:
            mixed += ((weights.sum(1) + weights.sum(0)) / 2)[:, None] * features
        return mixed

    def loss(features):
        kernel, log_sums = _chances(features, temperature, geometry, include_self)
        pulled = attraction @ features
        value = np.sum(features * pulled) / temperature + log_sums.sum()
        return value, factor * (pulled - spread_of(kernel, features))

    def hessian_product(features):
        kernel = _chances(features, temperature, geometry, include_self)[0]

        def product(step):
            change = features @ step.T + step @ features.T
            if gaussian:
                own = np.einsum("ij,ij->i", features, step)
                change -= own[:, None] + own
            change /= temperature
            turned = kernel * (change - np.sum(kernel * change, axis=1, keepdims=True))
            return factor * (attraction @ step - spread_of(kernel, step) - spread_of(turned, features))

        return product

    return loss, hessian_product


def _checked(transition, temperature, geometry, include_self):
    transition = np.asarray(transition, dtype=float)
    if transition.ndim != 2 or transition.shape[0] != transition.shape[1]:
        raise ValueError(f"transition has shape {transition.shape}, expected (n, n)")
    if geometry not in GEOMETRIES:
        raise ValueError(f"geometry is {geometry!r}, expected one of {', '.join(GEOMETRIES)}")
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}, expected a positive number")
    if np.any(transition < 0) or np.abs(transition.sum(1) - 1).max() > 1e-10:
        raise ValueError("rows of transition are no probability vectors: use graphs.row_stochastic")
    if not include_self and np.any(np.diagonal(transition) > 0):
        raise ValueError("transition has a positive diagonal entry, but include_self is False")
    return transition
