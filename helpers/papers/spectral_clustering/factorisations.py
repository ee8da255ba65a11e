"""Minimisers of quadratic-type losses over factors and of InfoNCE over a free table of scores.

The optimiser's side of statements whose other side is linear algebra: the spectral contrastive loss (one and two
modalities), the weak-signal limit of Gaussian InfoNCE, and the best unrestricted critic. Same descent and same
result type as ``helpers.papers.spectral_clustering.population_minimisers``; plain float64 NumPy, closed-form gradients.
"""

import itertools

import numpy as np

from helpers.optimise import newton


def spectral(target, *, dimension, restarts, rng, tolerance=1e-12):
    """Minimise ``|A - F F^T|^2`` over F from random starts: the spectral contrastive loss up to a constant.

    Parameters
    ----------
    target : array_like, shape (n, n), symmetric
        For HaoChen et al. (2021): D^{-1/2} w D^{-1/2} with w the joint law of positive pairs.
    dimension, restarts : int >= 1
    rng : numpy.random.Generator
    tolerance : float
        Target of the gradient norm.

    Returns
    -------
    newton.Minimum
    """
    target = np.asarray(target, dtype=float)
    if target.ndim != 2 or not np.allclose(target, target.T, rtol=0, atol=1e-12 * np.abs(target).max()):
        raise ValueError(f"target has shape {target.shape}, expected one symmetric matrix (n, n)")

    def loss(factor):
        residual = target - factor @ factor.T
        return np.sum(residual**2), -4 * residual @ factor

    def hessian_product(factor):
        residual = target - factor @ factor.T
        return lambda step: -4 * (residual @ step - (step @ factor.T + factor @ step.T) @ factor)

    starts = rng.standard_normal((restarts, len(target), dimension)) / np.sqrt(len(target))
    runs = np.array(
        [newton.descend(loss, hessian_product, start, on_sphere=False, tolerance=tolerance) for start in starts]
    )
    return newton.collect(loss, runs, on_sphere=False)


def wrong_critical_points(values, vectors, rank):
    """Every critical point of ``|A - F F^T|^2`` that is no minimum: square-root scaled sets of wrong eigenvectors.

    Parameters
    ----------
    values, vectors : ndarray, shapes (n,) and (n, n)
        All eigenpairs of A, descending.
    rank : int
        Number of columns of F.

    Returns
    -------
    points : ndarray, shape (count, n, rank)
        One for every set of at most `rank` eigenvectors with positive eigenvalues, except the minimising set; unused
        columns are zero.
    gaps : ndarray, shape (count,)
        max of lambda_i - lambda_j over omitted i and used j (0 for an unused column), > 0: turning v_j towards v_i
        has curvature -4 (lambda_i - lambda_j).
    """
    positive = [k for k in range(len(values)) if values[k] > 0]
    points, gaps = [], []
    for size in range(rank + 1):
        for used in itertools.combinations(positive, size):
            if used == tuple(positive[:rank]):
                continue
            point = np.zeros((len(values), rank))
            point[:, :size] = vectors[:, used] * np.sqrt(values[list(used)])
            omitted = max(values[k] for k in positive if k not in used)
            lowest = min(values[list(used)]) if size == rank else 0.0
            points.append(point)
            gaps.append(omitted - lowest)
    return np.array(points), np.array(gaps)


def bimodal(target, *, dimension, restarts, rng, tolerance=1e-12):
    """Minimise ``|A - F G^T|^2`` over F and G from random starts: the two-modality spectral loss up to a constant.

    Parameters
    ----------
    target : array_like, shape (a, b)
    dimension, restarts : int >= 1
    rng : numpy.random.Generator
    tolerance : float
        Target of the gradient norm.

    Returns
    -------
    newton.Minimum
        Rows of F, then rows of G, in ``features``, shape (a + b, dimension).
    """
    target = np.asarray(target, dtype=float)
    split = len(target)

    def loss(stacked):
        left, right = stacked[:split], stacked[split:]
        residual = target - left @ right.T
        return np.sum(residual**2), -2 * np.vstack([residual @ right, residual.T @ left])

    def hessian_product(stacked):
        left, right = stacked[:split], stacked[split:]
        residual = target - left @ right.T

        def product(step):
            change = step[:split] @ right.T + left @ step[split:].T
            return -2 * np.vstack(
                [residual @ step[split:] - change @ right, residual.T @ step[:split] - change.T @ left]
            )

        return product

    starts = rng.standard_normal((restarts, sum(target.shape), dimension)) / np.sqrt(sum(target.shape))
    runs = np.array(
        [newton.descend(loss, hessian_product, start, on_sphere=False, tolerance=tolerance) for start in starts]
    )
    return newton.collect(loss, runs, on_sphere=False)


def weak_signal(signal, *, dimension, restarts, rng, tolerance=1e-12):
    """Minimise the weak-signal limit of Gaussian InfoNCE for P = J/n + epsilon M, over centred X.

    ``- tr(X^T M X) + |X X^T|^2 / (2n) + (n/8) Var_j |x_j|^2``, the coefficient of epsilon^2 in H at
    Z = sqrt(epsilon temperature) X, anchors in their own denominators. Without the last term the minimiser is a
    truncated eigendecomposition; that term equalises the norms.

    Parameters
    ----------
    signal : array_like, shape (n, n), symmetric, rows summing to zero
        M.
    dimension, restarts : int >= 1
    rng : numpy.random.Generator
    tolerance : float
        Target of the gradient norm.

    Returns
    -------
    newton.Minimum
        Features are X, centred.
    """
    signal = np.asarray(signal, dtype=float)
    if signal.ndim != 2 or not np.allclose(signal, signal.T, rtol=0, atol=1e-12 * np.abs(signal).max()):
        raise ValueError(f"signal has shape {signal.shape}, expected one symmetric matrix (n, n)")
    if np.abs(signal.sum(1)).max() > 1e-10 * np.abs(signal).max():
        raise ValueError(f"rows of signal sum to {np.abs(signal.sum(1)).max():.3g} in absolute value, expected 0")
    n = len(signal)

    def centred(points):
        return points - points.mean(axis=0)

    def loss(points):
        points = centred(points)
        gram, squares = points.T @ points, np.sum(points**2, axis=1)
        value = -np.sum(points * (signal @ points)) + np.sum(gram**2) / (2 * n) + n / 8 * squares.var()
        uneven = (squares - squares.mean())[:, None] * points / 2
        return value, centred(-2 * signal @ points + 2 / n * points @ gram + uneven)

    def hessian_product(points):
        points = centred(points)
        gram, squares = points.T @ points, np.sum(points**2, axis=1)

        def product(step):
            step = centred(step)
            cross, change = points.T @ step, np.sum(points * step, axis=1)
            uneven = (squares - squares.mean())[:, None] * step / 2 + (change - change.mean())[:, None] * points
            return centred(-2 * signal @ step + 2 / n * (step @ gram + points @ (cross + cross.T)) + uneven)

        return product

    starts = rng.standard_normal((restarts, n, dimension))
    runs = [newton.descend(loss, hessian_product, start, on_sphere=False, tolerance=tolerance) for start in starts]
    return newton.collect(loss, np.array([centred(run) for run in runs]), on_sphere=False)


def critic(joint, *, weighted_negatives, rng):
    """Minimise the symmetric two-direction InfoNCE over an unrestricted table of scores s_ab (convex).

    ``- 2 sum p_ab s_ab + sum_a p_a log sum_b u_b exp(s_ab) + sum_b p_b log sum_a u_a exp(s_ab)``; the weights u of
    the denominators are one (every object once) or the marginals of `joint` (negatives drawn from the data).

    Parameters
    ----------
    joint : array_like, shape (a, b), positive, summing to one
    weighted_negatives : bool
        True: marginals in the denominators. False: every object counts once.
    rng : numpy.random.Generator
        Draws the start.

    Returns
    -------
    scores : ndarray, shape (a, b)
        Shifted to mean zero (an additive constant changes no loss).
    gradient_norm : float
    """
    joint = np.asarray(joint, dtype=float)
    if np.any(joint <= 0) or abs(joint.sum() - 1) > 1e-12:
        raise ValueError(f"joint must be positive and sum to 1, has minimum {joint.min():.3g}, sum {joint.sum():.17g}")
    rows, columns = joint.sum(1, keepdims=True), joint.sum(0, keepdims=True)
    weights = (columns, rows) if weighted_negatives else (np.ones_like(columns), np.ones_like(rows))

    def loss(scores):
        powers = np.exp(scores - scores.max())
        by_row, by_column = powers * weights[0], powers * weights[1]
        sums = by_row.sum(1, keepdims=True), by_column.sum(0, keepdims=True)
        value = -2 * np.sum(joint * (scores - scores.max())) + np.sum(rows * np.log(sums[0]))
        gradient = rows * by_row / sums[0] + columns * by_column / sums[1] - 2 * joint
        return value + np.sum(columns * np.log(sums[1])), gradient

    def hessian_product(scores):
        powers = np.exp(scores - scores.max())
        across, down = powers * weights[0], powers * weights[1]
        across, down = across / across.sum(1, keepdims=True), down / down.sum(0, keepdims=True)

        def product(step):
            by_row = across * (step - np.sum(across * step, axis=1, keepdims=True))
            return rows * by_row + columns * down * (step - np.sum(down * step, axis=0, keepdims=True))

        return product

    scores = newton.descend(loss, hessian_product, rng.standard_normal(joint.shape), on_sphere=False, tolerance=1e-14)
    return scores - scores.mean(), float(np.linalg.norm(loss(scores)[1]))


def classical_scaling(similarity, *, temperature, surplus):
    """Points whose Gaussian kernel is proportional to a given similarity, off the diagonal.

    Squared distances are set to ``-2 temperature log S_ij + s``: a Euclidean distance matrix as soon as s reaches the
    largest eigenvalue of the doubly centred ``-2 temperature log S`` (zero diagonal).

    Parameters
    ----------
    similarity : array_like, shape (..., n, n)
        Symmetric, positive off the diagonal; the diagonal is not used.
    temperature : float > 0
    surplus : float >= 0
        s minus its smallest possible value.

    Returns
    -------
    points : ndarray, shape (..., n, n)
        Centred; columns by ascending spread, the last ones are the leading axes.
    spreads : ndarray, shape (..., n)
        Squared lengths of the columns, ascending; two vanish at surplus 0, one otherwise.
    """
    similarity = np.asarray(similarity, dtype=float)
    n = similarity.shape[-1]
    off, centring = ~np.eye(n, dtype=bool), np.eye(n) - 1 / n
    if not np.allclose(similarity, np.swapaxes(similarity, -1, -2)) or np.any(similarity[..., off] <= 0):
        raise ValueError("similarity must be symmetric and positive off the diagonal")
    logs = centring @ np.where(off, -2 * temperature * np.log(np.where(off, similarity, 1.0)), 0.0) @ centring
    least = np.linalg.eigvalsh(logs)[..., -1, None, None]
    spreads, axes = np.linalg.eigh(((least + surplus) * centring - logs) / 2)
    return axes * np.sqrt(np.maximum(spreads, 0.0))[..., None, :], spreads
