"""Exact retrieval probabilities against nested quadrature, simulation and limits."""

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

from helpers.papers.multimodal_svd import retrieval_laws

NOISE = {"left_noise": 0.3, "right_noise": 0.7}


def test_inner_product_agrees_with_nested_adaptive_quadrature():
    constant = 1 / (2**2.5 * math.gamma(3.5) * math.sqrt(2 * math.pi))  # of the densities of chi_7 and of g

    def integrand(g, chi):
        lead = math.sqrt(1.3) * chi / 1.3 + g * math.sqrt(0.3 / 1.3 + 0.7)
        return constant * chi**6 * math.exp(-(chi**2 + g**2) / 2) * special.ndtr(lead / math.sqrt(1.7)) ** 19

    exact = integrate.dblquad(integrand, 0, 10, -9, 9, epsabs=1e-9)[0]
    assert abs(retrieval_laws.hit_probability(7, 20, **NOISE, score="inner product") - exact) < 1e-8


def test_cosine_agrees_with_the_law_given_the_anchor():
    # given the anchor, partner = u e + spread h with h in r - 1 directions: an integral over R, g and |h|
    def integrand(h, g, chi):
        spread = np.sqrt(0.3 / 1.3 + 0.7)
        u = np.sqrt(1.3) * chi / 1.3 + g * spread
        below = special.betainc(1.5, 1.5, (1 + u / np.hypot(u, spread * h)) / 2)
        return stats.norm.pdf(g) * stats.chi(4).pdf(chi) * stats.chi(3).pdf(h) * below**9

    x, w = np.polynomial.legendre.leggauss(80)
    chi, g, h = 4.5 * (x + 1)[:, None, None], 9 * x[:, None], 4.5 * (x + 1)
    exact = np.einsum("i,j,k,ijk->", 4.5 * w, 9 * w, 4.5 * w, integrand(h, g, chi))
    assert abs(retrieval_laws.hit_probability(4, 10, **NOISE, score="cosine") - exact) < 1e-7


@pytest.mark.parametrize("score", retrieval_laws.SCORES)
def test_two_candidates_without_signal_are_a_coin(score):
    assert abs(retrieval_laws.hit_probability(5, 2, left_noise=1e12, right_noise=1e12, score=score) - 0.5) < 1e-5


@pytest.mark.parametrize("rank", [2, 5, 20, 80])
@pytest.mark.parametrize("rho", [0.05, 0.8, 0.99])
def test_densities_integrate_to_one(rank, rho):
    assert abs(retrieval_laws._cosine_law(rank, rho)[0].sum() - 1) < 1e-11
    assert abs(retrieval_laws._inner_product_law(rank, 0.5, 0.2, 0.0)[0].sum() - 1) < 1e-11


def test_cosine_without_noise_always_hits_and_inner_product_does_not():
    clean = {"left_noise": 0.0, "right_noise": 0.0}
    assert retrieval_laws.hit_probability(10, 1000, **clean, score="cosine") == 1
    assert 0.4 < retrieval_laws.hit_probability(10, 1000, **clean, score="inner product") < 0.42


@pytest.mark.parametrize("score", retrieval_laws.SCORES)
def test_half_hits_approach_the_critical_ratio_from_above(score):
    limit = retrieval_laws.critical_ratio(0.09, 0.04, score=score)
    ratios = [
        retrieval_laws.half_hit_log_count(r, left_noise=0.09, right_noise=0.04, score=score) / r
        for r in (10, 20, 40, 80)
    ]
    assert limit < ratios[3] < ratios[2] < ratios[1] < ratios[0]
    assert ratios[3] < 1.08 * limit


def test_guaranteed_gap_against_simulation():
    rank, count, noise = 30, 40, 0.04
    promise = retrieval_laws.guaranteed_gap(rank, count, left_noise=noise, right_noise=noise, failure=0.2)
    rng, worst = np.random.default_rng(0), []
    for _ in range(400):
        z = rng.standard_normal((count, rank))
        scores = (z + 0.2 * rng.standard_normal(z.shape)) @ (z + 0.2 * rng.standard_normal(z.shape)).T
        truth = scores.diagonal().copy()
        np.fill_diagonal(scores, -np.inf)
        worst.append(np.min(truth - np.maximum(scores.max(axis=0), scores.max(axis=1))))
    below = np.mean(np.array(worst) < promise)
    assert 0.08 < below < 0.2  # a union bound: at most 0.2, and of that order


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"score": "dot"}, "score is 'dot'"),
        ({"score": "cosine", "margin": 1.0}, "margin is 1.0"),
        ({"score": "cosine", "left_noise": -1.0}, "-1.0"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        retrieval_laws.miss_probability(5, 2.0, **(NOISE | arguments))
    with pytest.raises(ValueError, match="rank 1"):
        retrieval_laws.miss_probability(1, 2.0, **NOISE, score="cosine")
    with pytest.raises(ValueError, match="log_count from 0"):
        retrieval_laws.hit_probability(5, 1, **NOISE, score="cosine")
