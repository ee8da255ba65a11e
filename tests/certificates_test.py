import numpy as np
import pytest

from helpers.papers.mutual_information import certificates


@pytest.mark.parametrize(("values", "samples"), [(5, 3), (40, 7), (3, 4)])
def test_all_distinct_against_the_product(values, samples):
    expected = np.prod(1 - np.arange(samples) / values) if samples <= values else 0.0
    assert np.exp(certificates.log_all_distinct(values, samples)) == pytest.approx(expected)


@pytest.mark.parametrize("samples", [1, 2, 20, 300])
def test_fewest_values_is_the_smallest(samples):
    found = certificates.fewest_values(samples, miss=0.05)
    assert np.exp(certificates.log_all_distinct(found, samples)) > 0.05
    assert found == samples or np.exp(certificates.log_all_distinct(found - 1, samples)) <= 0.05


def test_the_gaussian_certificate_is_invariant_and_survives_correlations_near_one():
    x, y = np.random.default_rng(0).normal(size=(2, 100, 50))
    plain = certificates.gaussian_certificate(x, 2 * x + y, miss=0.1)
    assert np.allclose(certificates.gaussian_certificate(3 * x - 1, -4 * (-2 * x - y) + 7, miss=0.1), plain)
    correlation = np.array([np.corrcoef(*pair)[0, 1] for pair in zip(x, 2 * x + y, strict=True)])
    fisher = np.arctanh(correlation) - 1.2815515655446004 / np.sqrt(47)
    assert np.allclose(plain, -np.log1p(-(np.tanh(fisher) ** 2)) / 2)
    close = certificates.gaussian_certificate(x, x + 1e-9 * y, miss=0.5)
    assert np.allclose(close, np.log(1e9), atol=1)


def test_refusals():
    with pytest.raises(ValueError, match="samples is 0"):
        certificates.fewest_values(0, miss=0.05)
    with pytest.raises(ValueError, match=r"miss 1\.0"):
        certificates.fewest_values(3, miss=1.0)
