"""Inputs that show one feature at a time: one-hot orthogonal mixtures, and objects made of features.

Samples are written in feature coordinates: ``views[..., i, m]`` is the magnitude of feature m in the first view of
sample i, 0 for every feature it does not show. Drawn by a NumPy generator, returned as float64 tensors.
"""

import itertools

import numpy as np
import torch

from helpers.losses import pair_family


def one_hot_mixture(count, samples, features, *, view_noise, rng):
    """Mixtures whose two views show the same feature with positive magnitudes.

    Sample i shows feature i modulo ``features``; each data set draws one magnitude a feature, uniform on [0.5, 1.5],
    and every view multiplies it by ``exp(view_noise * standard normal)``.

    Parameters
    ----------
    count : int
        Number of data sets.
    samples, features : int
        ``samples >= 2 * features``, so that every feature is seen at least twice.
    view_noise : float >= 0
        0: magnitudes are constant within a feature and not augmented.
    rng : numpy.random.Generator

    Returns
    -------
    (Tensor, Tensor)
        Both views, shape (count, samples, features), float64.

    Raises
    ------
    ValueError
        If there are too few samples or the noise is negative.

    >>> views, other = one_hot_mixture(1, 4, 2, view_noise=0.0, rng=np.random.default_rng(0))
    >>> (views > 0).int().tolist(), torch.equal(views, other)
    ([[[1, 0], [0, 1], [1, 0], [0, 1]]], True)
    """
    if samples < 2 * features:
        raise ValueError(f"samples is {samples}, expected at least twice the {features} features")
    if view_noise < 0:
        raise ValueError(f"view_noise is {view_noise}, expected a number >= 0")
    shown = np.arange(samples) % features
    magnitudes = rng.uniform(0.5, 1.5, (count, 1, features))[..., shown]
    noise = np.exp(view_noise * rng.standard_normal((count, 2, samples)))
    both = (magnitudes * noise)[..., None] * np.eye(features)[shown]
    return torch.from_numpy(both[:, 0]), torch.from_numpy(both[:, 1])


def random_pair_weights(count, samples, *, rng):
    """Random pair weights, uniform on (0, 1], zero diagonal, not symmetric; shape (count, samples, samples)."""
    weights = 1.0 - rng.random((count, samples, samples))
    return torch.from_numpy(weights * ~np.eye(samples, dtype=bool))


def random_problem(count, features, *, view_noise, rng):
    """Random mixtures with random pair weights, 4 samples a feature, and their contrastive covariances.

    The weights of each problem are scaled so that its covariance has spectral norm 1, the unit of every energy.

    Returns
    -------
    covariance : Tensor, shape (count, features, features), float64
        C_alpha[a]: symmetric, non-positive off the diagonal; positive semi-definite if ``view_noise`` is 0.
    weights : Tensor, shape (count, 4 features, 4 features)
    views, other : Tensor, shape (count, 4 features, features)
    """
    samples = 4 * features
    views, other = one_hot_mixture(count, samples, features, view_noise=view_noise, rng=rng)
    weights = random_pair_weights(count, samples, rng=rng)
    size = torch.linalg.matrix_norm(pair_family.contrastive_covariance(weights, views, other), 2)
    weights = weights / size[:, None, None]
    return pair_family.contrastive_covariance(weights, views, other), weights, views, other


def object_views(count, samples, *, objects, parts, strength, rng):
    """Objects that show one of their features a view: the augmentation may show another one.

    A sample is one of ``objects`` objects, drawn uniformly; each has ``parts`` features of its own. View 1 shows one
    of them, drawn uniformly; view 2 draws again with probability ``strength`` and repeats view 1 otherwise.

    Parameters
    ----------
    count : int
        Number of data sets.
    samples, objects, parts : int
    strength : float in [0, 1]
    rng : numpy.random.Generator

    Returns
    -------
    (Tensor, Tensor)
        One-hot views, shape (count, samples, objects * parts), float64; feature ``parts * o + p`` belongs to object o.
    """
    _check_strength(strength)
    thing = rng.integers(objects, size=(count, samples))
    first, second = rng.integers(parts, size=(2, count, samples))
    second = np.where(rng.random((count, samples)) < strength, second, first)
    eye = np.eye(objects * parts)
    return torch.from_numpy(eye[parts * thing + first]), torch.from_numpy(eye[parts * thing + second])


def object_covariance(objects, parts, strength):
    """Population covariance of :func:`object_views` between a sample's two views.

    ``(1 - rho) I / M + rho blockdiag(1 1^T) / (Y q^2) - 1 1^T / M^2`` with Y objects, q parts, M = Y q, rho the
    strength. For pair weights that do not depend on the data, E C_alpha = 2 (sum of the weights) times this matrix.

    Returns
    -------
    Tensor, shape (objects * parts, objects * parts), float64

    >>> object_covariance(2, 2, 1.0)[0].tolist()
    [0.0625, 0.0625, -0.0625, -0.0625]
    """
    _check_strength(strength)
    features = objects * parts
    together = np.kron(np.eye(objects), np.ones((parts, parts))) / (objects * parts**2)
    matrix = (1 - strength) * np.eye(features) / features + strength * together - 1 / features**2
    return torch.from_numpy(matrix)


def best_nonnegative(covariance):
    """Exact maximum of ``s^T C s`` over unit vectors s >= 0, by trying every support.

    Inside its support a maximiser is an eigenvector of that block without a negative entry, so the best such
    eigenvector over all supports is the answer.

    Parameters
    ----------
    covariance : Tensor, shape (features, features), symmetric
        At most 16 features (there are 2^features - 1 supports).

    Returns
    -------
    value : float
    vector : Tensor, shape (features,)

    Raises
    ------
    ValueError
        For more than 16 features.

    >>> value, vector = best_nonnegative(torch.tensor([[1.0, -3.0], [-3.0, 2.0]], dtype=torch.float64))
    >>> round(value, 12), vector.tolist()
    (2.0, [0.0, 1.0])
    """
    features = covariance.shape[-1]
    if features > 16:
        raise ValueError(f"covariance has {features} features, expected at most 16 (every support is tried)")
    best, vector = -np.inf, None
    covariance = covariance.double()
    slack = 64 * torch.finfo(covariance.dtype).eps
    for size in range(1, features + 1):
        supports = torch.tensor(list(itertools.combinations(range(features), size)))
        blocks = covariance[supports[:, :, None], supports[:, None, :]]
        values, vectors = torch.linalg.eigh(blocks)
        vectors = torch.where(vectors.sum(dim=-2, keepdim=True) < 0, -vectors, vectors)
        allowed = (vectors >= -slack).all(dim=-2)
        values = torch.where(allowed, values, torch.full_like(values, -torch.inf))
        flat = int(values.argmax())
        row, column = divmod(flat, size)
        if values[row, column] > best + slack * abs(values[row, column]):
            best = float(values[row, column])
            vector = torch.zeros(features, dtype=covariance.dtype)
            vector[supports[row]] = vectors[row, :, column].clamp_min(0.0)
    return best, vector


def search_nonnegative(covariance, *, starts, rng, steps=2_000):
    """The same maximum by search: the power method with negative entries cut, from random non-negative starts.

    ``s <- [(C + shift) s]_+ / norm`` with a shift that makes C + shift positive definite raises ``s^T C s`` in every
    step. Half of the starts are random vectors, the others random single features.

    Parameters
    ----------
    covariance : Tensor, shape (features, features), symmetric
    starts : int
    rng : numpy.random.Generator
    steps : int

    Returns
    -------
    values : Tensor, shape (starts,)
        Best first.
    vectors : Tensor, shape (starts, features)
    """
    features = covariance.shape[-1]
    vectors = rng.random((starts, features))
    vectors[::2] = np.eye(features)[rng.integers(features, size=len(vectors[::2]))]
    vectors = torch.from_numpy(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    values = torch.linalg.eigvalsh(covariance)
    shifted = covariance + (0.1 * values[-1].abs() - values[0].clamp_max(0.0)) * torch.eye(
        features, dtype=torch.float64
    )
    for _ in range(steps):
        raised = torch.relu(vectors @ shifted)
        vectors = raised / raised.norm(dim=1, keepdim=True)
    values = ((vectors @ covariance) * vectors).sum(dim=1)
    order = values.argsort(descending=True)
    return values[order], vectors[order]


def _check_strength(strength):
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}, expected a probability in [0, 1]")
