"""Deep linear networks under contrastive pair weights, frozen or live (Tian 2022).

A network is a list of weights W_1, ..., W_L (first layer first), tensors (..., n_l, n_{l-1}), float64; its output is
``P x`` with ``P = W_L ... W_1``. Leading axes count problems.

Frozen weights: with X the contrastive covariance of the input, shape (..., d, d), d = n_0, the energy is
``E = tr(P X P^T) / 2``.

Live weights: the loss is the decoupled InfoNCE (the positive is not in the denominator) without output normalisation,
averaged over anchors, ``mean_i [ d_i^2 + temperature * logsumexp_{j != i}( -d_ij^2 / temperature ) ]`` with half
squared distances of P x. It depends on the layers through P only.
"""

from itertools import pairwise

import torch

from helpers.optimise import manifolds, riemannian


# -- frozen pair weights ---------------------------------------------------------------------------------------
def product(weights):
    """``W_L ... W_1``, shape (..., n_L, n_0).

    >>> product([torch.ones(2, 3), torch.ones(1, 2)])
    tensor([[2., 2., 2.]])
    """
    total = weights[0]
    for weight in weights[1:]:
        total = weight @ total
    return total


def above(weights):
    """Products of the later layers: entry l (from 0) is ``W_L ... W_{l+2}`` for layer l + 1, the identity for the last.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})

    Returns
    -------
    list of Tensor, shapes (..., n_L, n_l)
    """
    last = weights[-1]
    products = [torch.eye(last.shape[-2], dtype=last.dtype).expand(*last.shape[:-2], -1, -1)]
    for weight in reversed(weights[1:]):
        products.append(products[-1] @ weight)
    return products[::-1]


def below(weights):
    """Products of the earlier layers: entry l (from 0) is ``W_l ... W_1``, the identity for the first layer.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})

    Returns
    -------
    list of Tensor, shapes (..., n_l, n_0), l = 0, ..., L - 1
    """
    first = weights[0]
    products = [torch.eye(first.shape[-1], dtype=first.dtype).expand(*first.shape[:-2], -1, -1)]
    for weight in weights[:-1]:
        products.append(weight @ products[-1])
    return products


def energy(weights, covariance):
    """``tr(P X P^T) / 2`` with P the product of all layers, shape (...,).

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    covariance : Tensor, shape (..., n_0, n_0), symmetric

    Returns
    -------
    Tensor, shape (...,)

    >>> energy([torch.eye(2)], torch.diag(torch.tensor([3.0, 1.0])))
    tensor(2.)
    """
    total = product(weights)
    return ((total @ covariance) * total).sum((-2, -1)) / 2


def value_and_gradient(weights, covariance):
    """Energy and its gradient in closed form: ``dE/dW_l = A_l^T A_l W_l C_{l-1}``.

    Here A_l is the product of the later layers and ``C_{l-1} = F X F^T`` with F the product of the earlier ones.
    Evaluated as ``A_l^T (P X) F^T``, which costs no matrix wider than a layer.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    covariance : Tensor, shape (..., n_0, n_0), symmetric

    Returns
    -------
    value : Tensor, shape (...,)
    gradients : list of Tensor, shapes as ``weights``
    """
    before = [weights[0]]
    for weight in weights[1:]:
        before.append(weight @ before[-1])
    pull = before[-1] @ covariance
    value, gradients = (pull * before[-1]).sum((-2, -1)) / 2, []
    for layer in range(len(weights) - 1, 0, -1):
        gradients.append(pull @ before[layer - 1].mT)
        pull = weights[layer].mT @ pull
    return value, [pull, *gradients[::-1]]


def gradient(weights, covariance):
    """The gradients of :func:`value_and_gradient` alone."""
    return value_and_gradient(weights, covariance)[1]


def flow(weights, covariance):
    """Velocity of the gradient flow on unit-norm layers, ``dE/dW_l - 2 E W_l``; tensors shaped as ``weights``.

    It keeps every Frobenius norm, because ``<dE/dW_l, W_l> = 2 E``; the layers must have norm 1.
    """
    value, gradients = value_and_gradient(weights, covariance)
    return [slope - 2 * value[..., None, None] * weight for slope, weight in zip(gradients, weights, strict=True)]


# -- special points and measures -------------------------------------------------------------------------------
def aligned(vectors):
    """Aligned rank-1 network ``W_l = v_l v_{l-1}^T``.

    Parameters
    ----------
    vectors : sequence of Tensor, shapes (..., n_l)
        v_0 (input side) to v_L.

    Returns
    -------
    list of Tensor, shapes (..., n_l, n_{l-1})
        Of Frobenius norm 1 if the vectors have norm 1.

    >>> product(aligned([torch.tensor([1.0, 0.0]), torch.tensor([0.6, 0.8]), torch.tensor([1.0])]))
    tensor([[1., 0.]])
    """
    return [upper[..., :, None] * lower[..., None, :] for lower, upper in pairwise(vectors)]


def random_aligned(first, widths, rng):
    """Aligned rank-1 network with given v_0 and random unit v_1, ..., v_L.

    Parameters
    ----------
    first : Tensor, shape (problems, n_0)
        Unit vectors.
    widths : sequence of int
        n_0, ..., n_L.
    rng : numpy.random.Generator

    Returns
    -------
    list of Tensor, shapes (problems, n_l, n_{l-1})
    """
    vectors = [torch.from_numpy(rng.standard_normal((len(first), width))) for width in widths[1:]]
    return aligned([first, *(vector / vector.norm(dim=1, keepdim=True) for vector in vectors)])


def maximise(widths, covariance, rng, *, constraint="layer", tolerance=1e-11):
    """Ascend the energy from one random start a covariance, until the gradient vanishes.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L.
    covariance : Tensor, shape (problems, n_0, n_0)
    rng : numpy.random.Generator
        Of the starts, uniform on the constraint set.
    constraint, tolerance
        As in ``riemannian.ascend``.

    Returns
    -------
    riemannian.Ascent
    """
    return riemannian.ascend(
        energy,
        manifolds.random_weights(widths, len(covariance), rng, constraint=constraint),
        parameters=(covariance,),
        constraint=constraint,
        gradient=value_and_gradient,
        tolerance=tolerance,
    )


def balance(weights):
    """``W_{l+1}^T W_{l+1} - W_l W_l^T`` for every interface, a list of L - 1 tensors (..., n_l, n_l)."""
    return [upper.mT @ upper - lower @ lower.mT for lower, upper in pairwise(weights)]


def balance_distance(left, right):
    """Frobenius distance of two lists of interface matrices, all interfaces together; shape (...,)."""
    return sum((a - b).square().sum((-2, -1)) for a, b in zip(left, right, strict=True)).sqrt()


def singular_ratio(weights):
    """Second over first singular value of every layer, the worst over layers; 0 iff all layers have rank 1.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})

    Returns
    -------
    Tensor, shape (...,)
    """
    ratios = []
    for weight in weights:
        if min(weight.shape[-2:]) == 1:
            ratios.append(weight.new_zeros(weight.shape[:-2]))
            continue
        values = torch.linalg.svdvals(weight)
        ratios.append(values[..., 1] / values[..., 0])
    return torch.stack(ratios).amax(0)


def lowest_stretch(start, covariance, *, rounds=80):
    """Least squared length of ``exp(X t) w`` over t >= 0, for unit vectors w: what decides a bottleneck's fate.

    ``sum_k c_k exp(2 lambda_k t)``, c_k the squared components of w along the eigenvectors of X, is convex in t; its
    minimum is bracketed by doubling and found by bisection of the slope.

    Parameters
    ----------
    start : Tensor, shape (..., d)
    covariance : Tensor, shape (..., d, d), symmetric
        With a positive eigenvalue along which every start has a component; else the infimum may be at infinity.
    rounds : int
        Bisections; the time is good to 2^-rounds of its bracket.

    Returns
    -------
    value, time, bend : Tensor, shape (...,)
        The minimum, where it is, and the second derivative there.

    >>> X = torch.diag(torch.tensor([1.0, -1.0], dtype=torch.float64))
    >>> value, time, _ = lowest_stretch(torch.tensor([0.6, 0.8], dtype=torch.float64), X)
    >>> round(value.item(), 6), round(time.item(), 6)  # 2 * 0.6 * 0.8 at log(0.8 / 0.6) / 2
    (0.96, 0.143841)
    """
    values, vectors = torch.linalg.eigh(covariance)
    share = (vectors.mT @ start[..., None])[..., 0].square()

    def moment(time, order):
        return (share * (2 * values) ** order * torch.exp(2 * values * time[..., None])).sum(-1)

    low = torch.zeros_like(share[..., 0])
    high = torch.full_like(low, 1.0) / values.abs().amax(-1)
    for _ in range(60):
        falling = moment(high, 1) < 0
        if not falling.any():
            break
        high = torch.where(falling, 2 * high, high)
    for _ in range(rounds):
        middle = (low + high) / 2
        falling = moment(middle, 1) < 0
        low, high = torch.where(falling, middle, low), torch.where(falling, high, middle)
    time = torch.where(moment(torch.zeros_like(low), 1) < 0, (low + high) / 2, torch.zeros_like(low))
    return moment(time, 0), time, moment(time, 2)


# -- live pair weights -----------------------------------------------------------------------------------------
def live_loss_and_covariance(linear_map, first, second, temperature):
    """Live InfoNCE and the contrastive covariance of the inputs under its weights.

    Parameters
    ----------
    linear_map : Tensor, shape (..., m, d)
        The linear map from inputs to outputs.
    first, second : Tensor, shape (..., n, d)
        Two views of n samples; only first views are compared between samples.
    temperature : Tensor, shape (...,) or scalar, > 0

    Returns
    -------
    loss : Tensor, shape (...,)
        Mean over anchors.
    covariance : Tensor, shape (..., d, d), symmetric
        ``C_alpha[x] / n`` with ``alpha_ij = softmax_{j != i}(-d_ij^2 / temperature)``.
    """
    temperature = torch.as_tensor(temperature, dtype=first.dtype)[..., None, None]
    features, difference = first @ linear_map.mT, first - second
    gram = features @ features.mT
    squared = gram.diagonal(dim1=-2, dim2=-1)
    scores = (gram - (squared[..., :, None] + squared[..., None, :]) / 2) / temperature
    itself = torch.eye(first.shape[-2], dtype=torch.bool)
    scores = scores.masked_fill(itself, -torch.inf)
    log_sum = torch.logsumexp(scores, dim=-1)
    weights = torch.exp(scores - log_sum[..., None])
    within = (difference @ linear_map.mT).square().sum(-1) / 2
    loss = (within + temperature[..., 0] * log_sum).mean(-1)
    cross = first.mT @ weights @ first
    degrees = 1.0 + weights.sum(-2)
    covariance = (first.mT * degrees[..., None, :]) @ first - cross - cross.mT - difference.mT @ difference
    return loss, covariance / first.shape[-2]


def negative_live_loss(weights, first, second, temperature):
    """Minus the live loss of a network: what its ascent maximises; shape (...,)."""
    return -live_loss_and_covariance(product(weights), first, second, temperature)[0]


def live_value_and_gradient(weights, first, second, temperature):
    """Minus the live loss and its gradient, by the gradient identity: that of the energy at the current covariance.

    Parameters
    ----------
    weights : list of Tensor, shapes (..., n_l, n_{l-1})
    first, second : Tensor, shape (..., n, n_0)
    temperature : Tensor, shape (...,) or scalar, > 0

    Returns
    -------
    value : Tensor, shape (...,)
    gradients : list of Tensor, shapes as ``weights``
    """
    loss, covariance = live_loss_and_covariance(product(weights), first, second, temperature)
    return -loss, gradient(weights, covariance)


# -- families of problems ---------------------------------------------------------------------------------------
def gaussian_views(count, samples, scales, rng, *, noise):
    """Two views of Gaussian samples with independent Gaussian augmentation noise.

    Parameters
    ----------
    count, samples : int
        Problems, and samples in each.
    scales : sequence of float, length d
        Standard deviations of the coordinates of the clean sample.
    rng : numpy.random.Generator
    noise : float
        Standard deviation of every coordinate of either view around the clean sample.

    Returns
    -------
    first, second : Tensor, shape (count, samples, d), float64
    """
    shape = (3, count, samples, len(scales))
    clean, left, right = torch.from_numpy(rng.standard_normal(shape))
    clean = clean * torch.as_tensor(scales, dtype=torch.float64)
    return clean + noise * left, clean + noise * right


def symmetric(eigenvalues, rng):
    """Symmetric matrices with given eigenvalues and uniformly random eigenvectors.

    Parameters
    ----------
    eigenvalues : array_like, shape (problems, d)
    rng : numpy.random.Generator

    Returns
    -------
    matrices : Tensor, shape (problems, d, d), float64
        Exactly symmetric.
    vectors : Tensor, shape (problems, d, d)
        Columns in the order of ``eigenvalues``.

    >>> import numpy as np
    >>> matrix, _ = symmetric([[2.0, -1.0]], np.random.default_rng(0))
    >>> torch.linalg.eigvalsh(matrix).numpy().round(12)
    array([[-1.,  2.]])
    """
    values = torch.as_tensor(eigenvalues, dtype=torch.float64)
    if values.ndim != 2:
        raise ValueError(f"eigenvalues has shape {tuple(values.shape)}, expected (problems, d)")
    count, size = values.shape
    vectors, triangle = torch.linalg.qr(torch.from_numpy(rng.standard_normal((count, size, size))))
    vectors = vectors * torch.sign(torch.diagonal(triangle, dim1=-2, dim2=-1))[:, None]
    matrices = (vectors * values[:, None]) @ vectors.mT
    return (matrices + matrices.mT) / 2, vectors


def spectra(count, size, rng, *, negative=0, gap=0.2):
    """Random descending spectra with largest eigenvalue 1, a stated gap and a stated number of negative eigenvalues.

    Parameters
    ----------
    count, size : int
    rng : numpy.random.Generator
    negative : int, 0 <= negative < size
        How many eigenvalues are uniform on [-3, -0.2]; the others, the first apart, are uniform on [0, 1 - gap].
        None negative gives a positive semidefinite family.
    gap : float in [0, 1]
        Least distance of the first two eigenvalues.

    Returns
    -------
    ndarray, shape (count, size), float64

    Raises
    ------
    ValueError
        If ``negative`` or ``gap`` is out of range.

    >>> import numpy as np
    >>> spectra(1, 2, np.random.default_rng(0), gap=1.0)
    array([[1., 0.]])
    """
    if not 0 <= negative < size or not 0 <= gap <= 1:
        raise ValueError(
            f"negative is {negative}, size {size}, gap {gap}: expected 0 <= negative < size and gap within [0, 1]"
        )
    values = rng.uniform(0.0, 1.0 - gap, (count, size))
    values[:, 0] = 1.0
    if negative:
        values[:, -negative:] = rng.uniform(-3.0, -0.2, (count, negative))
    values.sort(axis=1)
    return values[:, ::-1].copy()


def random_problems(widths, count, rng, *, spread=1.2):
    """Random networks, not normalised, each with its own indefinite covariance of spectral norm at most 1.

    Parameters
    ----------
    widths : sequence of int
        n_0, ..., n_L.
    count : int
    rng : numpy.random.Generator
    spread : float >= 1
        Frobenius norms of the layers are drawn log-uniformly from [1 / spread, spread].

    Returns
    -------
    weights : list of Tensor, shapes (count, n_l, n_{l-1}), float64
    covariance : Tensor, shape (count, n_0, n_0)
    """
    norms = torch.from_numpy(spread ** rng.uniform(-1, 1, (len(widths) - 1, count, 1, 1)))
    weights = manifolds.random_weights(widths, count, rng)
    covariance, _ = symmetric(rng.uniform(-1, 1, (count, widths[0])), rng)
    return [norm * weight for norm, weight in zip(norms, weights, strict=True)], covariance
