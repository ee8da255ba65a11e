"""Estimators of mutual information from scores: InfoNCE, NWJ, TUBA, Donsker-Varadhan, SMILE, Jensen-Shannon.

One interface for all. A batch holds K pairs; ``scores[i, j] = f(x_i, y_j)``, anchors are rows, the diagonal is the
positive, and every other entry of a batch is a sample of the product law. K counts all candidates of an anchor, the
positive included. Everything in nats.

=========  ==========================================================  ============  =============================
method     value of one batch                                           lower bound   optimal critic
=========  ==========================================================  ============  =============================
infonce    ln K - mean_i (logsumexp_j s_ij - s_ii)                      yes           ln r + c(x)
nwj        mean s_ii - mean_{i != j} exp(s_ij) / e                      yes           1 + ln r
tuba       1 + mean (s_ii - ln a_i) - mean_{i != j} exp(s_ij) / a_j     yes           ln r + ln a(y)
dv         mean s_ii - ln mean_{i != j} exp(s_ij)                       no            ln r + constant
smile      dv with exp(s_ij) clipped to [exp(-t), exp(t)]               no            ln r + constant
js         nwj of s + 1, for critics trained by the JS objective        yes           ln r
=========  ==========================================================  ============  =============================

"Lower bound" means: in expectation, for any critic that does not depend on the batch. :func:`values` is differentiable
and doubles as a training objective; :func:`from_pairs` needs memory for one block of scores only.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from helpers import losses, validation

Critic = Callable[[Tensor, Tensor], Tensor]
METHODS = ("infonce", "nwj", "tuba", "dv", "smile", "js")
LOWER_BOUNDS = ("infonce", "nwj", "tuba", "js")


@dataclass(frozen=True)
class Estimate:
    """What an estimator says, and what has to be known to read it.

    Attributes
    ----------
    value, standard_error : float
        Mean over independent batches and its standard error (NaN for a single batch).
    candidates : int
        K, the positive included; an InfoNCE value never exceeds ``ln K``.
    trials : int
        Number of batches.
    method : str
        From ``METHODS``.
    is_lower_bound : bool
        Whether the expectation is at most the mutual information, for any critic fixed before the batch.
    unit : str
        Always ``"nats"``.
    """

    value: float
    standard_error: float
    candidates: int
    trials: int
    method: str
    is_lower_bound: bool
    unit: str = "nats"

    @property
    def ceiling(self) -> float:
        """``ln K``, the largest InfoNCE value at this number of candidates."""
        return math.log(self.candidates)


def values(method: str, scores: Tensor, *, clip: float | None = None, log_baseline: Tensor | None = None) -> Tensor:
    """Value of every batch; plain differentiable torch.

    Parameters
    ----------
    method : str
        From ``METHODS``.
    scores : Tensor, shape (..., K, K), floating
        Leading dimensions are batches.
    clip : float > 0, optional
        SMILE's threshold t; required there, refused elsewhere.
    log_baseline : Tensor, shape (..., K), optional
        TUBA's ``ln a(y_j)``, one a column; required there, refused elsewhere.

    Returns
    -------
    Tensor, shape (...)
        In nats.

    Raises
    ------
    ValueError
        For an unknown method, a missing or superfluous option, scores that are not square, hold a NaN or, but for
        InfoNCE, no second pair, or a baseline that does not fit the scores.

    >>> values("infonce", torch.zeros(4, 4)).item()
    0.0
    """
    validation.require_square("scores", scores)
    _check_options(method, clip, log_baseline, scores.shape[-1])
    if log_baseline is not None:
        _check_baseline(log_baseline, scores.shape)
    if method == "infonce":
        per_anchor = losses.infonce_from_scores(scores, temperature=1.0, positive_in_denominator=True)
        return math.log(scores.shape[-1]) - per_anchor.mean(-1)
    positive, negative = _prepared(method, scores.diagonal(dim1=-2, dim2=-1), scores, clip, log_baseline)
    itself = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    log_sum = negative.masked_fill(itself, -torch.inf).logsumexp((-1, -2))
    return _combined(method, positive, log_sum - math.log(scores.shape[-1] * (scores.shape[-1] - 1)))


def jensen_shannon_objective(scores: Tensor) -> Tensor:
    """``-mean softplus(-s_ii) - mean_{i != j} softplus(s_ij)`` of every batch: trains a critic towards ln r.

    Parameters
    ----------
    scores : Tensor, shape (..., K, K), floating

    Returns
    -------
    Tensor, shape (...)
        At most 0; its population maximum is ``2 JSD(joint, product) - 2 ln 2``.

    >>> round(jensen_shannon_objective(torch.zeros(3, 3)).item(), 4)
    -1.3863
    """
    validation.require_square("scores", scores)
    count = scores.shape[-1]
    if count < 2:
        raise ValueError(f"scores has shape {tuple(scores.shape)}: one pair has no product sample")
    positive = scores.diagonal(dim1=-2, dim2=-1)
    everything = functional.softplus(scores).sum((-1, -2)) - functional.softplus(positive).sum(-1)
    return -functional.softplus(-positive).mean(-1) - everything / (count * (count - 1))


def from_scores(method: str, scores: Tensor, **options: Any) -> Estimate:
    """The estimate of independent batches of scores.

    Parameters
    ----------
    method : str
    scores : Tensor, shape (K, K) or (batches, K, K)
    **options
        As :func:`values` takes them.

    Returns
    -------
    Estimate

    >>> from_scores("infonce", 50.0 * torch.eye(8).expand(2, 8, 8)).value > 2.07
    True
    """
    with torch.no_grad():
        return summary(method, values(method, scores, **options).reshape(-1), scores.shape[-1])


def from_pairs(
    method: str,
    critic: Critic,
    first: Tensor,
    second: Tensor,
    *,
    anchors: int | None = None,
    block: int = 1024,
    clip: float | None = None,
    baseline: Callable[[Tensor], Tensor] | None = None,
) -> Estimate:
    """The estimate of a critic on independent batches of pairs, in memory for ``block * block`` scores.

    Parameters
    ----------
    method : str
    critic : callable
        Maps ``(first, second)`` of shapes (n, d) and (m, d') to scores (n, m); see ``helpers.critics``.
    first, second : Tensor, shape (K, ...) or (batches, K, ...)
        Rows correspond. Pass indices of shape (batches, K, 1) for a critic on tables.
    anchors : int, optional
        Only the first rows of a batch serve as anchors (all K are candidates): K of 10^5 and more then takes
        seconds, and the expectation is the same.
    block : int
        Rows and columns scored at once.
    clip : float, optional
        SMILE's threshold.
    baseline : callable, optional
        TUBA's ``ln a``, maps rows of ``second`` (m, d') to (m,).

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If the two sides do not correspond, the critic or the baseline gives another shape or a NaN, or as
        :func:`values`.
    """
    if first.ndim == 2:
        first, second = first[None], second[None]
    if first.shape[:2] != second.shape[:2] or first.ndim < 3 or len(first) == 0:
        raise ValueError(f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}: pairs correspond")
    count = first.shape[1]
    rows = count if anchors is None else anchors
    if not 1 <= rows <= count or block < 1:
        raise ValueError(f"anchors is {anchors} and block {block} for {count} pairs a batch")
    _check_options(method, clip, baseline, count)
    with torch.no_grad():
        batches = [
            _streamed(method, critic, x[:rows], y, block, clip, baseline) for x, y in zip(first, second, strict=True)
        ]
    return summary(method, torch.stack(batches), count)


def sweep(scores: Tensor) -> Tensor:
    """InfoNCE for every K = 1..n from one set of scores, in one batched pass.

    The anchor of row i meets the candidates i, i+1, ..., i+K-1 (cyclically): K - 1 negatives that are independent of
    the pair, so that the expectation at each K is that of a batch of K. One cumulative logsumexp along the rolled rows
    serves every K at once, and every row serves every K.

    Parameters
    ----------
    scores : Tensor, shape (..., n, n), floating
        Leading dimensions are independent batches of n pairs.

    Returns
    -------
    Tensor, shape (..., n)
        Entry K - 1 belongs to K candidates. Rows of a batch share candidates: take standard errors over batches.

    >>> sweep(torch.zeros(3, 3)).tolist()
    [0.0, 0.0, 0.0]
    """
    validation.require_square("scores", scores)
    n = scores.shape[-1]
    ahead = (torch.arange(n)[:, None] + torch.arange(n)) % n
    rolled = scores.gather(-1, ahead.to(scores.device).expand(scores.shape))
    log_counts = torch.arange(1, n + 1, device=scores.device, dtype=scores.dtype).log()
    return log_counts - (rolled.logcumsumexp(-1) - rolled[..., :1]).mean(-2)


def block_sweep(critic: Critic, first: Tensor, second: Tensor, candidates: Sequence[int]) -> list[Estimate]:
    """InfoNCE at several K from one sample of N pairs, cut into N / K batches at each K.

    Cheaper than :func:`sweep` where only a few K are wanted. Where K doubles, each anchor is scored against the other
    half of its new batch only and its denominator is continued: over powers of two every score is formed once.

    Parameters
    ----------
    critic : callable
        Takes leading batch dimensions; see ``helpers.critics``.
    first, second : Tensor, shape (N, ...)
    candidates : sequence of int
        Each divides N; ascending powers of two are cheapest. Up to ``N K`` scores exist at once.

    Returns
    -------
    list of Estimate
        One a K, equal to that of ``N / K`` batches scored one by one.

    Raises
    ------
    ValueError
        If a K does not divide N, or the critic gives another shape or a NaN.

    >>> [e.trials for e in block_sweep(lambda x, y: x @ y.mT, torch.ones(8, 1), torch.ones(8, 1), [2, 4])]
    [4, 2]
    """
    found, before, total = [], None, None
    for count in map(int, candidates):
        if count < 1 or len(first) % count or len(first) != len(second):
            raise ValueError(f"{len(first)} and {len(second)} pairs cannot be cut into batches of {count}")
        with torch.no_grad():
            if total is not None and count == 2 * before:
                anchors, others = (side.unflatten(0, (-1, 2, before)) for side in (first, second))
                added = _scores(critic, anchors, others.flip(1), 3).logsumexp(-1).flatten()
                total = torch.logaddexp(total, added)
            else:
                scores = _scores(critic, *(side.unflatten(0, (-1, count)) for side in (first, second)), 2)
                positive, total = scores.diagonal(dim1=-2, dim2=-1).flatten(), scores.logsumexp(-1).flatten()
        before = count
        per_batch = (total - positive).unflatten(0, (-1, count)).mean(-1)
        found.append(summary("infonce", math.log(count) - per_batch, count))
    return found


def shortfall(scores: Tensor) -> Tensor:
    """Mean score of the positives minus :func:`sweep`, for every K = 1..n.

    With the critic ``ln r`` its expectation is the gap ``I - I*_K``, and its variance is far below that of the value:
    the fluctuation of ``ln r`` on the positives cancels.

    Parameters
    ----------
    scores : Tensor, shape (..., n, n), floating

    Returns
    -------
    Tensor, shape (..., n)
        Each entry is a mean over anchors of ``logsumexp - ln K`` of the candidates.

    >>> [round(value, 6) for value in shortfall(torch.ones(2, 2)).tolist()]
    [1.0, 1.0]
    """
    return scores.diagonal(dim1=-2, dim2=-1).mean(-1)[..., None] - sweep(scores)


def summary(method: str, batches: Tensor, candidates: int) -> Estimate:
    """The estimate of values of independent batches.

    Parameters
    ----------
    method : str
    batches : Tensor, shape (batches,)
        One value a batch, in nats.
    candidates : int

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If a value is NaN, as scores of plus infinity make it: no bound then holds.
    """
    count, undefined = batches.numel(), int(batches.isnan().sum())
    if undefined:
        raise ValueError(f"the {method} value is NaN in {undefined} of {count} batches: are scores infinite?")
    error = float(batches.std()) / math.sqrt(count) if count > 1 else math.nan
    return Estimate(float(batches.mean()), error, candidates, count, method, method in LOWER_BOUNDS)


# -- one place for what distinguishes the methods ---------------------------------------------------------------
def _prepared(method, positive, negative, clip, log_baseline):
    if method == "smile":
        return positive, negative.clamp(-clip, clip)
    if method == "tuba":
        return positive - log_baseline[..., : positive.shape[-1]], negative - log_baseline[..., None, :]
    if method in ("nwj", "js"):
        return (positive, negative - 1) if method == "nwj" else (positive + 1, negative)
    return positive, negative


def _combined(method, positive, log_mean):
    """Value of a batch from its prepared positives (..., K) and the log of the mean of exp over its negatives."""
    if method in ("dv", "smile"):
        return positive.mean(-1) - log_mean
    return positive.mean(-1) - log_mean.exp() + (method == "tuba")


def _streamed(method, critic, first, second, block, clip, baseline):
    """Value of one batch; scores exist one block at a time."""
    rows, count, found = len(first), len(second), []
    for top in range(0, rows, block):
        x = first[top : top + block]
        total, positive = None, None
        for left in range(0, count, block):
            y = second[left : left + block]
            scores = _scores(critic, x, y, 1)
            own = torch.arange(top, top + len(x), device=scores.device)[:, None] - left
            own = own == torch.arange(len(y), device=scores.device)
            here = torch.where(own, scores, 0).sum(-1)
            negative = scores
            if method != "infonce":
                log_a = baseline(y) if baseline is not None else None
                if log_a is not None:
                    _check_baseline(log_a, scores.shape)
                here, negative = _prepared_block(method, here, own, scores, clip, log_a)
            part = negative.logsumexp(-1)
            total = part if total is None else torch.logaddexp(total, part)
            positive = here if positive is None else positive + here
        found.append((positive, total))
    positive, total = (torch.cat(parts) for parts in zip(*found, strict=True))
    if method == "infonce":
        return math.log(count) - (total - positive).mean()
    if method == "js":
        positive = positive + 1
    return _combined(method, positive, total.logsumexp(0) - math.log(rows * (count - 1)))


def _scores(critic, first, second, axes):
    """What a critic gives, refused if it is no score of every pair; `axes` lead to the rows, theirs included."""
    scores = critic(first, second)
    expected = (*first.shape[:axes], second.shape[axes - 1])
    if scores.shape != expected:
        raise ValueError(f"the critic gave scores of shape {tuple(scores.shape)}, expected {expected}: one a pair")
    validation.require_numbers("scores", scores)
    return scores


def _check_baseline(log_baseline, shape):
    if log_baseline.shape not in (shape[-1:], shape[:-2] + shape[-1:]):
        raise ValueError(
            f"the baseline has shape {tuple(log_baseline.shape)} for scores of shape {tuple(shape)}, expected one "
            f"value a column"
        )
    validation.require_numbers("the baseline", log_baseline)


def _prepared_block(method, positive, own, scores, clip, log_baseline):
    if method == "tuba":
        positive = positive - torch.where(own, log_baseline, 0).sum(-1)
    negative = _prepared(method, scores[..., :0], scores, clip, log_baseline)[1]
    return positive, negative.masked_fill(own, -torch.inf)


def _check_options(method, clip, baseline, candidates):
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {', '.join(METHODS)}")
    if (clip is not None) != (method == "smile") or (baseline is not None) != (method == "tuba"):
        raise ValueError(
            f"{method} came with clip {clip} and a baseline {baseline is not None}: smile needs a clip only"
        )
    if clip is not None:
        validation.require_positive("clip", clip)
    if method != "infonce" and candidates < 2:
        raise ValueError(f"{method} needs at least two pairs a batch, got {candidates}")
