"""The nearest-neighbour estimate of Kraskov, Stoegbauer and Grassberger, for vectors of any dimension."""

import numpy as np
from scipy import spatial, special


def ksg(first, second, *, neighbours=3):
    """``psi(k) + psi(N) - mean[psi(n_x + 1) + psi(n_y + 1)]``, their first estimate (Physical Review E, 2004).

    Distances are the largest difference of any coordinate; n_x and n_y count the other points that are nearer in x,
    or in y, than the k-th neighbour in both.

    Parameters
    ----------
    first, second : array_like, shapes (N, d) and (N, d')
        Independent pairs of a law with a density: no two points alike.
    neighbours : int
        k, in 1..N - 1.

    Returns
    -------
    float
        In nats; not clipped at 0. No bound of the mutual information in either direction.

    Raises
    ------
    ValueError
        If the sides do not correspond, k does not fit, or points coincide.

    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> abs(ksg(x, x[::-1])) < 0.3 < ksg(x, x + 0.1 * x[::-1])
    True
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if first.ndim != 2 or second.ndim != 2 or len(first) != len(second):
        raise ValueError(f"first has shape {first.shape} and second {second.shape}, expected (N, d) and (N, d')")
    if not 1 <= neighbours < len(first):
        raise ValueError(f"neighbours is {neighbours} for {len(first)} pairs, expected 1 to {len(first) - 1}")
    largest = np.inf  # Minkowski's exponent: the maximum norm
    both = np.concatenate([first, second], axis=1)
    radius = spatial.KDTree(both).query(both, k=[neighbours + 1], p=largest)[0][:, 0]
    if not radius.min() > 0:
        raise ValueError(
            f"{np.count_nonzero(radius == 0)} points have {neighbours} copies: expected a law with a density"
        )
    inside = np.nextafter(radius, 0)  # strictly nearer
    near = [
        spatial.KDTree(side).query_ball_point(side, inside, p=largest, return_length=True) for side in (first, second)
    ]
    # a ball holds its own centre: n + 1
    return float(
        special.digamma(neighbours) + special.digamma(len(both)) - sum(special.digamma(n).mean() for n in near)
    )
