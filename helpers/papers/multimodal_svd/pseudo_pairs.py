"""Guessing hidden pairs of two unpaired collections, training once more on the guesses, and whole runs of both rounds.

After section 4 and theorem 7.1 of Nakada et al. (2023). ``left`` is the first modality (rows of the similarity matrix),
``right`` the second (columns). A set of pairs is an integer array of shape (k, 2): column 0 counts rows of ``left``,
column 1 rows of ``right``. The truth is a ``pairing`` as in ``spiked_model``: ``right[j]`` belongs to
``left[pairing[j]]``. No batch axes here, but for :func:`products`: a similarity matrix may be large, 4,000 by 4,000 at
most on a small machine. float64 NumPy. Whole runs draw from the spiked model with unit signals and isotropic noise.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from . import spiked_model


# -- the truth ----------------------------------------------------------------------------------------------
def hidden_pairing(rng, n):
    """A uniformly random pairing of n items: unpaired data must never come in matching order.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int

    Returns
    -------
    ndarray, shape (n,), int

    >>> sorted(hidden_pairing(np.random.default_rng(0), 4).tolist())
    [0, 1, 2, 3]
    """
    return rng.permutation(n)


def true_pairs(pairing):
    """The n pairs (pairing[j], j), shape (n, 2).

    >>> true_pairs([1, 0]).tolist()
    [[1, 0], [0, 1]]
    """
    pairing = np.asarray(pairing)
    return np.stack([pairing, np.arange(len(pairing))], axis=1)


def recovered_share(pairs, pairing):
    """Share of the true pairs that a set of pairs contains, within [0, 1].

    >>> recovered_share([[1, 0], [0, 0], [1, 1]], [1, 0])
    0.5
    """
    found = {tuple(pair) for pair in np.asarray(pairs).tolist()}
    return sum(tuple(pair) in found for pair in true_pairs(pairing).tolist()) / len(pairing)


def false_pairs(pairs, pairing):
    """How many pairs of a set are not true.

    >>> false_pairs([[1, 0], [0, 0], [1, 1]], [1, 0])
    2
    """
    pairs, pairing = np.asarray(pairs), np.asarray(pairing)
    return int(np.count_nonzero(pairing[pairs[:, 1]] != pairs[:, 0]))


# -- similarities -------------------------------------------------------------------------------------------
def inner_product_scores(left, right, encoders):
    """``s_ij = <G1 x_i, G2 y_j>``, shape (n, m).

    Parameters
    ----------
    left, right : array_like, shapes (n, p) and (m, q)
    encoders : pair of array_like, shapes (r, p) and (r, q)
        G1 and G2.

    Returns
    -------
    ndarray, shape (n, m)
    """
    first, second = encoders
    return (np.asarray(left) @ np.transpose(first)) @ (np.asarray(right) @ np.transpose(second)).T


def cosine_scores(left, right, encoders):
    """Cosine of ``G1 x_i`` and ``G2 y_j``, shape (n, m); arguments as :func:`inner_product_scores`.

    It depends on the encoders and not only on ``G1^T G2``: use the balanced ones of
    :func:`spiked_model.best_encoders`.
    """
    codes = [np.asarray(side) @ np.transpose(encoder) for side, encoder in zip((left, right), encoders, strict=True)]
    first, second = (code / np.linalg.norm(code, axis=1, keepdims=True) for code in codes)
    return first @ second.T


SCORES = {"inner product": inner_product_scores, "cosine": cosine_scores}


# -- guesses ------------------------------------------------------------------------------------------------
def candidates(scores):
    """All pairs that are the best of their row or of their column, without repetition.

    Parameters
    ----------
    scores : array_like, shape (n, n)
        Entry (i, j) compares row i of the first modality with row j of the second. Ties go to the first index.

    Returns
    -------
    ndarray, shape (k, 2), int
        Sorted, n <= k <= 2n.

    >>> candidates([[3.0, 1.0], [2.0, 1.5]]).tolist()
    [[0, 0], [1, 0], [1, 1]]
    """
    scores = _square(scores)
    every = np.arange(len(scores))
    rows = np.stack([every, scores.argmax(axis=1)], axis=1)
    columns = np.stack([scores.argmax(axis=0), every], axis=1)
    return np.unique(np.concatenate([rows, columns]), axis=0)


def best_candidates(scores):
    """The n most similar of the :func:`candidates`: the guess (4.2) of the paper in the form its proof uses.

    Parameters
    ----------
    scores : array_like, shape (n, n)

    Returns
    -------
    ndarray, shape (n, 2), int
    """
    pairs = candidates(scores)
    values = np.asarray(scores)[pairs[:, 0], pairs[:, 1]]
    return pairs[np.argsort(-values, kind="stable")[: len(scores)]]


def literal_candidates(scores):
    """Every pair with a similarity at least the n-th largest of the :func:`candidates`: (4.2) read literally.

    May hold more than n pairs, and false ones even where every true pair is the best of its row and of its column.

    >>> len(literal_candidates([[9.0, 5.0], [5.0, 5.0]]))
    4
    """
    chosen = best_candidates(scores)
    scores = np.asarray(scores)
    return np.argwhere(scores >= scores[chosen[:, 0], chosen[:, 1]].min())


def one_to_one(scores):
    """The permutation with the largest total similarity (linear assignment), shape (n, 2).

    >>> one_to_one([[3.0, 2.9], [2.8, 0.0]]).tolist()
    [[0, 1], [1, 0]]
    """
    return np.stack(optimize.linear_sum_assignment(_square(scores), maximize=True), axis=1)


def row_hits(scores, pairing):
    """Whether the best of every row is its true partner: shape (n,), bool.

    >>> row_hits([[1.0, 5.0], [3.0, 4.0]], [1, 0]).tolist()
    [True, False]
    """
    return np.asarray(pairing)[_square(scores).argmax(axis=1)] == np.arange(len(pairing))


def gaps(scores, pairing):
    """Similarity of every true pair minus that of its best competitor in its row or its column.

    Parameters
    ----------
    scores : array_like, shape (n, n), n >= 2
    pairing : array_like, shape (n,), int

    Returns
    -------
    ndarray, shape (n,)
        Entry j belongs to the pair (pairing[j], j). All positive: every true pair is its row's and column's best.

    >>> gaps([[1.0, 5.0], [4.0, 0.0]], [1, 0]).tolist()
    [3.0, 4.0]
    """
    ordered = _square(scores)[np.asarray(pairing)]  # true pairs on the diagonal
    truth = ordered.diagonal().copy()
    np.fill_diagonal(ordered, -np.inf)
    return truth - np.maximum(ordered.max(axis=0), ordered.max(axis=1))


def gap_change(left, right, pairing, coupling, change):
    """How far a change of ``G1^T G2`` moves the gaps, and the largest move (8.12) of the paper allows.

    Parameters
    ----------
    left, right : ndarray, shapes (n, p) and (n, q)
    pairing : ndarray, shape (n,), int
    coupling, change : ndarray, shape (p, q)
        ``G1^T G2`` and what is added to it.

    Returns
    -------
    largest, allowed : float
        Largest absolute move of a gap, and ``2 |change| max|x| max|y|`` with the operator norm.
    """
    before = gaps(left @ coupling @ right.T, pairing)
    after = gaps(left @ (coupling + change) @ right.T, pairing)
    longest = [np.linalg.norm(side, axis=1).max() for side in (left, right)]
    return float(np.abs(after - before).max()), float(2 * np.linalg.norm(change, 2) * np.prod(longest))


# -- training once more -------------------------------------------------------------------------------------
def pseudo_pair_covariance(left, right, pairs, scores, *, temperature, positive_weight):
    """``S^u = (nu / n) sum_{(i, j) in pairs} x_i y_j^T - (1 / n) X^T B Y``, the matrix of (4.4).

    Minus the gradient of the contrastive loss on pseudo-pairs is that of ``tr(G1 S^u G2^T)`` with B frozen.

    Parameters
    ----------
    left, right : array_like, shapes (n, p) and (n, q)
    pairs : array_like, shape (k, 2), int
        Any set of pairs, also one that is no matching.
    scores : array_like, shape (n, n)
    temperature, positive_weight : float
        tau, which divides the scores in B = :func:`spiked_model.softmax_weights`, and nu.

    Returns
    -------
    ndarray, shape (p, q)

    Raises
    ------
    ValueError
        If the scores do not have a row for each row of left and a column for each of right.
    """
    left, right, pairs = np.asarray(left, float), np.asarray(right, float), np.asarray(pairs)
    if np.shape(scores) != (len(left), len(right)):
        raise ValueError(f"scores has shape {np.shape(scores)}, expected ({len(left)}, {len(right)})")
    spread = spiked_model.softmax_weights(scores, temperature=temperature) @ right
    return (positive_weight * left[pairs[:, 0]].T @ right[pairs[:, 1]] - left.T @ spread) / len(left)


@dataclass(frozen=True)
class SecondStep:
    """Outcome of one more training round.

    Attributes
    ----------
    pairs : ndarray, shape (k, 2), int
        The pairs it was trained on.
    scores : ndarray, shape (n, n)
        Similarities under the first encoders.
    covariance : ndarray, shape (p, q)
        S^u; its best rank-r part divided by the penalty is the new ``G1^T G2``.
    """

    pairs: np.ndarray
    scores: np.ndarray
    covariance: np.ndarray


def semi_supervised(left, right, encoders, *, temperature, positive_weight, match=best_candidates):
    """Step 2 of algorithm 1: guess the pairs of unpaired data with given encoders, and form S^u.

    Parameters
    ----------
    left, right : array_like, shapes (n, p) and (n, q)
        The unpaired data alone; the pairs behind the encoders are not used again.
    encoders : pair of ndarray, shapes (r, p) and (r, q)
        From step 1, for instance :func:`spiked_model.best_encoders` of the paired data.
    temperature, positive_weight : float
    match : callable
        Scores to pairs: :func:`best_candidates` (the paper's) or :func:`one_to_one`.

    Returns
    -------
    SecondStep
    """
    scores = inner_product_scores(left, right, encoders)
    pairs = match(scores)
    options = {"temperature": temperature, "positive_weight": positive_weight}
    return SecondStep(pairs, scores, pseudo_pair_covariance(left, right, pairs, scores, **options))


def trained_once_more(left, right, encoders, *, temperature, positive_weight):
    """Algorithm 4 on paired data (row i with row i): ``S = X^T (nu I - B) Y / n`` at the similarities of the encoders.

    Arguments and result as :func:`semi_supervised`; the observed pairs, some of them wrong, take the place of guesses.
    """
    options = {"temperature": temperature, "positive_weight": positive_weight}
    return semi_supervised(left, right, encoders, match=lambda scores: true_pairs(np.arange(len(scores))), **options)


def matching_temperature(rank, count, *, decay):
    """``sqrt(r / log N) / (4 (1 + gamma))``: the temperature of the theorems with C = 1/4, gamma = decay.

    >>> matching_temperature(4, np.e, decay=0.0)
    0.5
    """
    return float(np.sqrt(rank / np.log(count)) / (4 * (1 + decay)))


def weight_deviations(weights, pairing):
    """By how much softmax weights miss their saturated values when row i was observed with row i.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        B of :func:`spiked_model.softmax_weights`.
    pairing : ndarray, shape (n,), int
        Some, but not all, rows must be fixed points.

    Returns
    -------
    list of float
        Worst 1 - B on true pairs that were not observed, worst B on pairs neither true nor observed, worst 1 - B on
        observed true pairs, worst B on observed wrong pairs.
    """
    true, observed = np.zeros(np.shape(weights), dtype=bool), np.eye(len(weights), dtype=bool)
    true[pairing, np.arange(len(pairing))] = True
    groups = (true & ~observed, ~true & ~observed, true & observed, ~true & observed)
    return [float((weights[group] if k % 2 else 1 - weights[group]).max()) for k, group in enumerate(groups)]


def saturation(step, *, temperature):
    """How far the softmax weights of a second step are from 1 on its pairs and from 0 elsewhere.

    Parameters
    ----------
    step : SecondStep
    temperature : float > 0

    Returns
    -------
    float, float
        One minus the least weight on a pair, and the largest weight off the pairs.
    """
    weights = spiked_model.softmax_weights(step.scores, temperature=temperature)
    own = tuple(np.asarray(step.pairs).T)
    least, weights[own] = weights[own].min(), 0.0
    return float(1 - least), float(weights.max())


# -- data in no order ---------------------------------------------------------------------------------------
def shuffled(model, n, rng):
    """Samples of both modalities in no common order: left (n, p), right (n, q) and their hidden pairing (n,)."""
    pairing = hidden_pairing(rng, n)
    return (*spiked_model.draw(model, pairing, rng), pairing)


def oracle_scores(rng, rank, n, *, noise, share=None, extra=8):
    """Similarities under the true subspaces, ``s = X U1 U2^T Y^T``, and the true pairs.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank, n : int
    noise : (float, float)
        Noise variances of the two modalities, in rank + extra dimensions each.
    share : float, optional
        Of wrong pairs among the equal rows; by default the data are shuffled.
    extra : int

    Returns
    -------
    scores : ndarray, shape (n, n)
    pairing : ndarray, shape (n,), int
    """
    dimension = rank + extra
    model = spiked_model.spiked_model(rng, dimensions=(dimension, dimension), rank=rank, noise=noise)
    hidden = share is None
    pairing = hidden_pairing(rng, n) if hidden else spiked_model.pairings(rng, 1, n, share=share)[0]
    left, right = spiked_model.draw(model, pairing, rng)
    return (left @ model.left_basis) @ (right @ model.right_basis).T, pairing


def hit_rates(rng, rank, n, left_noise, right_noise):
    """Share of rows whose best match is right, shuffled data and true subspaces, by inner product and by cosine.

    >>> hit_rates(np.random.default_rng(0), 80, 20, 0.01, 0.01)
    [1.0, 1.0]
    """
    noise = left_noise, right_noise
    model = spiked_model.spiked_model(rng, dimensions=(rank + 6, rank + 3), rank=rank, noise=noise)
    left, right, pairing = shuffled(model, n, rng)
    encoders = model.left_basis.T, model.right_basis.T
    return [float(row_hits(rule(left, right, encoders), pairing).mean()) for rule in SCORES.values()]


def products(left, right, pairing):
    """Mean products of the observed pairs (equal rows) and of the true pairs, two arrays of shape (..., p, q).

    Parameters
    ----------
    left, right : ndarray, shapes (..., n, p) and (..., n, q)
    pairing : ndarray, shape (..., n), int
        ``right[i]`` truly belongs to ``left[pairing[i]]``.
    """
    true_left = np.take_along_axis(left, pairing[..., None], axis=-2)
    observed, true = (np.swapaxes(side, -1, -2) @ right / right.shape[-2] for side in (left, true_left))
    return observed, true


# -- two rounds ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """One run of :func:`algorithm_1` or :func:`algorithm_4`.

    Attributes
    ----------
    model : spiked_model.SpikedModel
    first : ndarray, shape (p, q)
        Cross-covariance behind the first encoders.
    left, right : ndarray, shapes (n, p) and (n, q)
        Data of the second round.
    pairing : ndarray, shape (n,), int
        Their true pairs.
    step : SecondStep
    """

    model: spiked_model.SpikedModel
    first: np.ndarray
    left: np.ndarray
    right: np.ndarray
    pairing: np.ndarray
    step: SecondStep

    @property
    def oracle(self):
        """Mean product of the true pairs: what one would train on if the pairing were known, shape (p, q)."""
        return products(self.left, self.right, self.pairing)[1]

    @property
    def trained_on(self):
        """Sum over the pairs of the second round, guessed or observed, of their products over n, shape (p, q)."""
        pairs = self.step.pairs
        return self.left[pairs[:, 0]].T @ self.right[pairs[:, 1]] / len(self.right)

    @property
    def share(self):
        """Share of the true pairs among those of the second round."""
        return recovered_share(self.step.pairs, self.pairing)

    def errors(self, covariance):
        """Sin-theta distances of leading singular subspaces to the true ones: (..., p, q) to (..., 2), left and right.

        A leading axis counts covariances.
        """
        return np.stack(
            spiked_model.recovery_errors(covariance, self.model.left_basis, self.model.right_basis), axis=-1
        )

    def coefficient(self, covariance):
        """Coefficient of the true signal: ``tr(U1^T S U2) / r``, shape (..., p, q) to (...)."""
        inside = self.model.left_basis.T @ covariance @ self.model.right_basis
        return np.trace(inside, axis1=-2, axis2=-1) / self.model.rank


def algorithm_1(rng, *, rank, dimensions, noise, pairs, unpaired, temperature, positive_weight=2.0, penalty=1.0):
    """Algorithm 1 of the paper on fresh data: first encoders from true pairs, one more round on shuffled data.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank : int
    dimensions : (int, int)
    noise : (float, float)
        Noise variances of the two modalities; signal variances are 1.
    pairs, unpaired : int
        n and N.
    temperature, positive_weight, penalty : float
        tau and nu of the second step; rho of the first. Similarities scale with 1 / rho, so tau has to follow.

    Returns
    -------
    Outcome
    """
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=noise)
    first = spiked_model.contrastive_cross_covariance(*spiked_model.draw(model, np.arange(pairs), rng))
    encoders = spiked_model.best_encoders(first, rank=rank, penalty=penalty)
    left, right, pairing = shuffled(model, unpaired, rng)
    constants = {"temperature": temperature, "positive_weight": positive_weight}
    step = semi_supervised(left, right, encoders, **constants)
    return Outcome(model, first, left, right, pairing, step)


def algorithm_4(rng, *, rank, dimensions, noise, pairs, share, temperature, positive_weight):
    """Algorithm 4 of the paper on fresh data: first encoders and one more round from the same pairs, some wrong.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank : int
    dimensions : (int, int)
    noise : (float, float)
        Noise variances of the two modalities; signal variances are 1.
    pairs : int
        n.
    share : float
        Of wrong pairs.
    temperature, positive_weight : float
        tau and nu. Similarities scale with 1 - share, so tau has to follow.

    Returns
    -------
    Outcome
    """
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=noise)
    pairing = spiked_model.pairings(rng, 1, pairs, share=share)[0]
    left, right = spiked_model.draw(model, pairing, rng)
    first = spiked_model.contrastive_cross_covariance(left, right)
    encoders = spiked_model.best_encoders(first, rank=rank, penalty=1.0)
    constants = {"temperature": temperature, "positive_weight": positive_weight}
    step = trained_once_more(left, right, encoders, **constants)
    return Outcome(model, first, left, right, pairing, step)


# -- pieces -------------------------------------------------------------------------------------------------
def _square(scores):
    scores = np.array(scores, dtype=float)  # a copy: gaps() writes on it
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1] or len(scores) < 2:
        raise ValueError(f"scores has shape {scores.shape}, expected (n, n) with n >= 2")
    if np.any(np.isnan(scores)):
        raise ValueError(f"scores holds {np.count_nonzero(np.isnan(scores))} NaN")
    return scores
