"""What wrong pairs cost in samples: does an error depend on n pairs, a share p of them wrong, through one number?

In the linear theory of Nakada et al. (2023) that number is ``n (1 - p)^2`` to first order. More generally let an error
be a function of ``n (1 - p)^exponent``: 2 is the linear theory; 1 says that only the number of right pairs counts, and
that the wrong ones do no harm beyond their absence; 0 that they are as good as right ones. Nothing is assumed of the
function but that its curve is smooth, so that the exponent can be compared between errors with different floors.
"""

import numpy as np
from scipy import optimize

RANGE = (-1.0, 6.0)  # of exponents that are searched


def effective_size(n, share, exponent):
    """``n (1 - share)^exponent``.

    >>> float(effective_size(400, 0.5, 2))
    100.0
    """
    return np.asarray(n) * (1 - np.asarray(share, dtype=float)) ** exponent


def spread(values, n, share, *, exponent, degree=2):
    """Root mean square distance of values to one smooth curve in ``n (1 - p)^exponent``.

    Parameters
    ----------
    values : array_like, shape (..., cells)
        Logarithms of errors, or any number that is wanted as a function of the effective size.
    n, share : array_like, shape (cells,)
    exponent : float
    degree : int
        Of the polynomial in the logarithm of the effective size, fitted by least squares.

    Returns
    -------
    ndarray, shape (...,)
        With ``cells - degree - 1`` in the denominator.
    """
    values, log_n, log_right = _checked(values, n, share)
    if (free := log_n.size - degree - 1) < 1:
        raise ValueError(f"{log_n.size} cells do not suffice for a curve of degree {degree}")
    x = log_n + exponent * log_right
    design = np.polynomial.chebyshev.chebvander((x - x.mean()) / max(np.ptp(x), 1e-12), degree)
    residuals = values - (values @ np.linalg.pinv(design).T) @ design.T
    return np.sqrt(np.sum(residuals**2, axis=-1) / free)


def collapse_exponent(values, n, share, *, degree=2):
    """The exponent at which values lie closest to one curve in ``n (1 - p)^exponent``, searched within ``RANGE``.

    Parameters
    ----------
    values, n, share, degree
        As in :func:`spread`; some share must differ from another.

    Returns
    -------
    ndarray, shape (...,)
        One for each seed: an independent measurement each, if the seeds are.

    >>> n, share = np.array([1, 2, 4, 8, 1, 2, 4, 8]), np.repeat([0.0, 0.5], 4)
    >>> round(float(collapse_exponent(np.exp(-effective_size(n, share, 1.3)), n, share, degree=5)), 2)
    1.3
    """
    values, log_n, log_right = _checked(values, n, share)
    if np.ptp(log_right) == 0:
        raise ValueError(f"every cell has the share {np.ravel(share)[0]}: no exponent of 1 - p can be seen")
    grid = np.linspace(*RANGE, 71)

    def best(own):
        sizes = {"n": np.exp(log_n), "share": -np.expm1(log_right), "degree": degree}
        place = int(np.argmin([spread(own, exponent=exponent, **sizes) for exponent in grid]))
        around = grid[max(place - 1, 0)], grid[min(place + 1, grid.size - 1)]
        found = optimize.minimize_scalar(
            lambda exponent: spread(own, exponent=exponent, **sizes), bounds=around, method="bounded"
        )
        return found.x

    return np.apply_along_axis(best, -1, values)


def matched(n, share, *, exponent):
    """Pairs of cells with the same ``n (1 - p)^exponent`` and different shares: a comparison without any fit.

    Parameters
    ----------
    n, share : array_like, shape (cells,)
    exponent : float

    Returns
    -------
    ndarray, shape (pairs, 2), int
        Indices of the cell with the larger share of wrong pairs, then of the one with the smaller.

    >>> matched([4, 1, 2], [0.5, 0.0, 0.0], exponent=2).tolist()
    [[0, 1]]
    """
    size, share = effective_size(n, share, exponent), np.asarray(share, dtype=float)
    same = np.isclose(size[:, None], size[None, :], rtol=1e-6) & (share[:, None] > share[None, :])
    return np.argwhere(same)


def _checked(values, n, share):
    values, n, right = np.asarray(values, float), np.asarray(n, float), 1 - np.asarray(share, float)
    if n.ndim != 1 or n.shape != right.shape or values.shape[-1:] != n.shape:
        raise ValueError(
            f"values {values.shape}, n {n.shape} and share {right.shape} do not fit: expected (..., cells)"
        )
    if not np.all(np.isfinite(values)) or n.min() <= 0 or right.min() <= 0:
        raise ValueError("expected finite values (errors: positive ones), n > 0 and shares below 1")
    return values, np.log(n), np.log(right)
