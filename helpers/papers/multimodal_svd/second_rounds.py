"""Whole experiments with a second round of training: fresh data, first encoders, one more round, errors.

Around ``pseudo_pairs`` and with its conventions; the experiments of section 4 and of theorem 7.1 of Nakada
et al. (2023) on the spiked model, with unit signals and one isotropic noise **variance** for both sides.
"""

from dataclasses import dataclass

import numpy as np

from . import linear_clip, pseudo_pairs, spiked_model


# -- data in no order ---------------------------------------------------------------------------------------
def shuffled(model, n, rng):
    """Samples of both modalities in no common order: left (n, p), right (n, q) and their hidden pairing (n,)."""
    pairing = pseudo_pairs.hidden_pairing(rng, n)
    return (*spiked_model.draw(model, pairing, rng), pairing)


def oracle_scores(rng, rank, n, *, noise, share=None, extra=8):
    """Similarities under the true subspaces, ``s = X U1 U2^T Y^T``, and the true pairs.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank, n : int
    noise : float
        Noise variance of both modalities, in rank + extra dimensions each.
    share : float, optional
        Of wrong pairs among the equal rows; by default the data are shuffled.
    extra : int

    Returns
    -------
    scores : ndarray, shape (n, n)
    pairing : ndarray, shape (n,), int
    """
    dimension = rank + extra
    model = spiked_model.spiked_model(rng, dimensions=(dimension, dimension), rank=rank, noise=(noise, noise))
    hidden = share is None
    pairing = pseudo_pairs.hidden_pairing(rng, n) if hidden else spiked_model.pairings(rng, 1, n, share=share)[0]
    left, right = spiked_model.draw(model, pairing, rng)
    return (left @ model.left_basis) @ (right @ model.right_basis).T, pairing


def gap_changes(rng, *, rank, dimension, noise, n, draws):
    """:func:`pseudo_pairs.gap_change` for shuffled data, the true coupling and Gaussian changes of it.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank, dimension : int
    noise : float
        Noise variance of both modalities.
    n, draws : int

    Returns
    -------
    list of (float, float)
        Largest move of a gap and the largest that is allowed, once for each draw.
    """
    model = spiked_model.spiked_model(rng, dimensions=(dimension, dimension), rank=rank, noise=(noise, noise))
    changes = rng.standard_normal((draws, dimension, dimension))
    return [pseudo_pairs.gap_change(*shuffled(model, n, rng), model.signal, change) for change in changes]


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
    step : pseudo_pairs.SecondStep
    """

    model: spiked_model.SpikedModel
    first: np.ndarray
    left: np.ndarray
    right: np.ndarray
    pairing: np.ndarray
    step: pseudo_pairs.SecondStep

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
        return pseudo_pairs.recovered_share(self.step.pairs, self.pairing)

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
    noise : float
        Noise variance of both modalities; signal variances are 1.
    pairs, unpaired : int
        n and N.
    temperature, positive_weight, penalty : float
        tau and nu of the second step; rho of the first. Similarities scale with 1 / rho, so tau has to follow.

    Returns
    -------
    Outcome
    """
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=(noise, noise))
    first = spiked_model.contrastive_cross_covariance(*spiked_model.draw(model, np.arange(pairs), rng))
    encoders = spiked_model.best_encoders(first, rank=rank, penalty=penalty)
    left, right, pairing = shuffled(model, unpaired, rng)
    constants = {"temperature": temperature, "positive_weight": positive_weight}
    step = pseudo_pairs.semi_supervised(left, right, encoders, **constants)
    return Outcome(model, first, left, right, pairing, step)


def algorithm_4(rng, *, rank, dimensions, noise, pairs, share, temperature, positive_weight):
    """Algorithm 4 of the paper on fresh data: first encoders and one more round from the same pairs, some wrong.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank : int
    dimensions : (int, int)
    noise : float
        Noise variance of both modalities; signal variances are 1.
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
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=(noise, noise))
    pairing = spiked_model.pairings(rng, 1, pairs, share=share)[0]
    left, right = spiked_model.draw(model, pairing, rng)
    first = spiked_model.contrastive_cross_covariance(left, right)
    encoders = spiked_model.best_encoders(first, rank=rank, penalty=1.0)
    constants = {"temperature": temperature, "positive_weight": positive_weight}
    step = pseudo_pairs.trained_once_more(left, right, encoders, **constants)
    return Outcome(model, first, left, right, pairing, step)


# -- parts of it --------------------------------------------------------------------------------------------
def first_step_errors(rng, *, rank, dimension, noise, pairs, draws):
    """Squared operator-norm errors ``|G1^T G2 - M*|^2`` of encoders from n true pairs (penalty 1), shape (draws,).

    Parameters
    ----------
    rng : numpy.random.Generator
    rank, dimension : int
        Both modalities have the same dimension.
    noise : float
        Noise variance of both modalities; signal variances are 1.
    pairs, draws : int
    """
    shape = {"dimensions": (dimension, dimension), "rank": rank, "shape": (draws,)}
    model = spiked_model.spiked_model(rng, noise=(noise, noise), **shape)
    data = spiked_model.draw(model, np.tile(np.arange(pairs), (draws, 1)), rng)
    found = spiked_model.best_coupling(spiked_model.contrastive_cross_covariance(*data), rank=rank, penalty=1.0)
    return np.linalg.norm(found - model.signal, ord=2, axis=(-2, -1)) ** 2


def frozen_and_final(rng, *, rank, dimensions, noise, pairs, temperature, positive_weight):
    """One SVD step with frozen weights against a minimiser of the whole loss (7.1), penalty 1, on n true pairs.

    The step starts from the true subspaces, the minimiser (L-BFGS and Newton) from one random point.

    Parameters
    ----------
    rng : numpy.random.Generator
    rank : int
    dimensions : (int, int)
    noise : float
        Noise variance of both modalities; signal variances are 1.
    pairs : int
    temperature, positive_weight : float

    Returns
    -------
    ndarray, shape (4,)
        Sin-theta errors of the left subspace: frozen weights, whole loss, linear loss. Then the norm of the gradient
        at the minimiser.
    """
    model = spiked_model.spiked_model(rng, dimensions=dimensions, rank=rank, noise=(noise, noise))
    data = spiked_model.draw(model, np.arange(pairs), rng)
    problem = linear_clip.LinearClip(*data, temperature, 1.0, positive_weight)
    frozen = linear_clip.svd_iteration(problem, model.signal, rank=rank, steps=1)[-1]
    end = linear_clip.stationary_points(problem, rank=rank, restarts=1, rng=rng)
    linear = spiked_model.contrastive_cross_covariance(*data)
    matrices = np.stack([frozen, linear_clip.coupling_of(problem, end.features), linear])
    errors, _ = spiked_model.recovery_errors(matrices, model.left_basis, model.right_basis)
    return np.append(errors, end.gradient_norms[0])
