"""Variational bounds of mutual information on finite laws: NWJ, TUBA, Donsker-Varadhan, SMILE, Jensen-Shannon.

The population forms, exact: P = p(x, y), Q = p(x) p(y), critics are tables of scores. What a finite batch makes of them
is in ``estimators``; InfoNCE, which has no population form without a number of candidates, is in ``contrast_gap``, and
:func:`interpolated` leads from TUBA to it.
Torch float64, nats, leading axes are a batch; differentiable in the critic. Where p(x, y) = 0 a score may be -inf.
"""

import torch
from torch.nn import functional

from . import finite_samples


def nwj(joint, critic):
    """``E_P f - E_Q exp(f) / e`` (Nguyen, Wainwright and Jordan); I at f = 1 + ln r.

    Parameters
    ----------
    joint : array_like, shape (..., x, y)
    critic : array_like, shape (..., x, y)

    Returns
    -------
    Tensor, shape (...)

    >>> nwj(torch.full((2, 2), 0.25), torch.ones(2, 2)).item()
    0.0
    """
    joint, product, critic = _arguments(joint, critic)
    return _mean(joint, critic) - (product * (critic - 1).exp()).sum((-1, -2))


def tuba(joint, critic, log_baseline):
    """``1 + E_P f - E_Q exp(f)/a(y) - E ln a(y)`` (Poole et al. 2019); I at f = ln r + ln a(y).

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)
    log_baseline : array_like, shape (..., y)
        ln a(y).

    Returns
    -------
    Tensor, shape (...)

    >>> tuba(torch.full((2, 2), 0.25), torch.zeros(2, 2), torch.zeros(2)).item()
    0.0
    """
    joint, product, critic = _arguments(joint, critic)
    shifted = critic - torch.as_tensor(log_baseline, dtype=torch.float64)[..., None, :]
    return 1 + _mean(joint, shifted) - (product * shifted.exp()).sum((-1, -2))


def donsker_varadhan(joint, critic):
    """``E_P f - ln E_Q exp(f)``; I at f = ln r + constant.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)

    Returns
    -------
    Tensor, shape (...)

    >>> donsker_varadhan(torch.full((2, 2), 0.25), torch.full((2, 2), 7.0)).item()
    0.0
    """
    joint, product, critic = _arguments(joint, critic)
    return _mean(joint, critic) - (product * critic.exp()).sum((-1, -2)).log()


def smile(joint, critic, clip):
    """``E_P f - ln E_Q clip(exp(f), exp(-t), exp(t))`` (Song and Ermon 2020): no lower bound.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)
    clip : float or Tensor > 0
        t, in nats.

    Returns
    -------
    Tensor, shape (...)

    >>> smile(torch.full((2, 2), 0.25), torch.zeros(2, 2), 1.0).item()
    0.0
    """
    joint, product, critic = _arguments(joint, critic)
    return _mean(joint, critic) - (product * critic.clamp(-clip, clip).exp()).sum((-1, -2)).log()


def jensen_shannon(joint, critic):
    """``-E_P softplus(-f) - E_Q softplus(f)``: largest only at f = ln r, where it is ``2 JSD(P, Q) - 2 ln 2``.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)

    Returns
    -------
    Tensor, shape (...)

    >>> round(jensen_shannon(torch.full((2, 2), 0.25), torch.zeros(2, 2)).item(), 4)
    -1.3863
    """
    joint, product, critic = _arguments(joint, critic)
    return -_mean(joint, functional.softplus(-critic)) - _mean(product, functional.softplus(critic))


def interpolated(joint, critic, log_baseline, *, candidates, weight):
    """``1 + E_P ln(e^f / D) - E_Q[e^f / D]``, ``D = weight m + (1 - weight) a(x)`` (Poole et al. 2019): at most I.

    m is the mean of ``e^f(x, y_j)`` over K candidates, y_1 among them; the others are independent of the pair. Weight 0
    is TUBA with a baseline of the anchor (NWJ for ``ln a = 1``), weight 1 is InfoNCE.

    Parameters
    ----------
    joint, critic : array_like, shape (..., x, y)
        Scores of moderate size, or -inf where p(x, y) = 0.
    log_baseline : array_like, shape (..., x)
        ln a(x).
    candidates : int >= 1
        K. All counts of the candidates are enumerated.
    weight : float in [0, 1]

    Returns
    -------
    Tensor, shape (...)

    Raises
    ------
    ValueError
        If shapes do not fit, the weight lies outside [0, 1], or there are too many counts (``finite_samples.MOST``).

    >>> abs(interpolated(torch.eye(2) / 2, torch.zeros(2, 2), torch.zeros(2), candidates=3, weight=0.5).item()) < 1e-12
    True
    """
    joint, _, critic = _arguments(joint, critic)
    if not 0 <= weight <= 1 or candidates < 1:
        raise ValueError(
            f"weight is {weight} and candidates is {candidates}, expected 0 <= weight <= 1, candidates >= 1"
        )
    log_baseline = torch.as_tensor(log_baseline, dtype=torch.float64)
    if log_baseline.shape[-1:] != joint.shape[-2:-1]:
        raise ValueError(
            f"log_baseline has shape {tuple(log_baseline.shape)}, joint {tuple(joint.shape)}: one value an x"
        )
    baseline = (1 - weight) * log_baseline.exp()[..., None]
    first, second, value = joint.sum(-1), joint.sum(-2), critic.exp()
    counts, chance = finite_samples.multinomial(second, candidates - 1)
    mean = (value[..., None] + (value @ counts.mT)[..., None, :]) / candidates  # (..., x, y, outcomes)
    paired = (chance[..., None, None, :] * (weight * mean + baseline[..., None]).log()).sum(-1)
    counts, chance = finite_samples.multinomial(second, candidates)
    mean = value @ counts.mT / candidates  # y_1 stands for any of the K: the mean of e^f / D is that of m / D
    share = torch.where(mean > 0, mean / (weight * mean + baseline), float(weight == 1))
    return 1 + _mean(joint, critic - paired) - (first[..., None] * chance[..., None, :] * share).sum((-1, -2))


def expected_log_mean_ratio(joint, *, samples):
    """``E ln( (r_1 + ... + r_n)/n )`` over n independent pairs of the product law, by multinomial counts.

    Its negative is the amount by which the Donsker-Varadhan value with the best critic and n product samples exceeds
    the mutual information in expectation. The number of counts grows like n^(cells - 1): tables of four to six cells.

    Parameters
    ----------
    joint : array_like, shape (x, y)
        Positive entries.
    samples : int >= 1
        n.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If an entry of the table is zero: the expectation is then minus infinity.

    >>> expected_log_mean_ratio(torch.full((2, 2), 0.25), samples=5).item()
    0.0
    """
    joint = torch.as_tensor(joint, dtype=torch.float64)
    if not bool((joint > 0).all()) or joint.ndim != 2:
        raise ValueError(
            f"joint has shape {tuple(joint.shape)}, smallest entry {joint.min():g}; expected positive (x, y)"
        )
    product = _product(joint).reshape(-1)
    counts, chance = finite_samples.multinomial(product, samples)
    return chance @ (counts @ (joint.reshape(-1) / product) / samples).log()


def _arguments(joint, critic):
    joint, critic = torch.as_tensor(joint, dtype=torch.float64), torch.as_tensor(critic, dtype=torch.float64)
    if joint.ndim < 2 or joint.shape[-2:] != critic.shape[-2:]:
        raise ValueError(f"joint has shape {tuple(joint.shape)} and critic {tuple(critic.shape)}, expected (..., x, y)")
    return joint, _product(joint), critic


def _product(joint):
    return joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)


def _mean(law, values):
    return torch.where(law > 0, law * values, 0.0).sum((-1, -2))
