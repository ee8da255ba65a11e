"""Ascent converges where it should, whatever the chunk, the engine or the scale; Hessians live on the tangent space."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from helpers.optimise import manifolds, riemannian
from helpers.papers.alpha_cl import linear_networks


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def problems(rng, count=40, size=4):
    return linear_networks.symmetric(linear_networks.spectra(count, size, rng), rng)[0]


def quadratic(weights, covariance):
    return ((weights[0] @ covariance) * weights[0]).sum((1, 2)) / 2


def test_every_restart_converges_to_the_largest_eigenvalue(rng):
    covariance = problems(rng)
    end = riemannian.ascend(quadratic, manifolds.random_weights((4, 2), 40, rng), parameters=(covariance,))
    assert end.gradient_norm.max() <= 1e-11
    assert torch.allclose(2 * end.value, torch.linalg.eigvalsh(covariance)[:, -1], rtol=0, atol=1e-13)
    assert torch.allclose(end.weights[0].norm(dim=(1, 2)), torch.ones(40).double())
    assert end.steps.max() < 200


def test_the_chunk_does_not_matter(rng):
    covariance, start = problems(rng), manifolds.random_weights((4, 3, 2), 40, rng)
    ends = [
        riemannian.ascend(linear_networks.energy, start, parameters=(covariance,), chunk=chunk) for chunk in (3, 40)
    ]
    assert torch.allclose(ends[0].weights[0], ends[1].weights[0], atol=1e-8)
    assert torch.allclose(ends[0].value, ends[1].value, rtol=0, atol=1e-13)


def test_hand_written_gradients_and_autograd_agree(rng):
    covariance, start = problems(rng), manifolds.random_weights((4, 3, 2), 40, rng)
    ends = [
        riemannian.ascend(linear_networks.energy, start, parameters=(covariance,), gradient=gradient)
        for gradient in (None, linear_networks.value_and_gradient)
    ]
    assert torch.allclose(ends[0].value, ends[1].value, rtol=0, atol=1e-13)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_the_first_step_does_not_depend_on_the_scale_of_the_energy(rng, scale):
    covariance, start = scale * problems(rng), manifolds.random_weights((4, 2), 40, rng)
    end = riemannian.ascend(quadratic, start, parameters=(covariance,), tolerance=1e-10 * scale)
    assert end.gradient_norm.max() <= 1e-10 * scale


def test_the_ascent_is_monotone_up_to_rounding(rng):
    covariance, start = problems(rng), manifolds.random_weights((4, 3, 2), 40, rng)
    values = [
        riemannian.ascend(linear_networks.energy, start, parameters=(covariance,), limit=limit).value
        for limit in range(1, 60, 4)
    ]
    assert all(torch.all(late >= early - 1e-14) for early, late in pairwise(values))


def test_a_problem_that_reaches_the_limit_comes_back_with_its_gradient_norm(rng):
    covariance, start = problems(rng), manifolds.random_weights((4, 2), 40, rng)
    end = riemannian.ascend(quadratic, start, parameters=(covariance,), limit=3)
    assert end.gradient_norm.min() > 1e-6
    assert torch.all(end.steps == 3)
    value, slopes = riemannian.value_and_gradient(quadratic, end.weights, (covariance,))
    assert torch.allclose(end.value, value, rtol=0, atol=0)
    assert torch.allclose(end.gradient_norm, manifolds.tangent(slopes, end.weights)[0].norm(dim=(1, 2)))


def test_free_problems_and_mixed_constraints(rng):
    target = torch.from_numpy(rng.standard_normal((5, 2, 3)))

    def distance(weights, target):
        return -((weights[1] @ weights[0] - target) ** 2).sum((1, 2))

    start = manifolds.random_weights((3, 4, 2), 5, rng, constraint=("row", "free"))
    end = riemannian.ascend(distance, start, parameters=(target,), constraint=("row", "free"), tolerance=1e-8)
    assert end.gradient_norm.max() <= 1e-8
    assert torch.allclose(end.weights[0].norm(dim=2), torch.ones(5, 4).double())


def test_energies_that_nearly_cancel_need_their_magnitude(rng):
    covariance, start = problems(rng), manifolds.random_weights((4, 2), 40, rng)

    def cancelling(weights, covariance):
        return (quadratic(weights, covariance) + 1e4) - 1e4 - torch.linalg.eigvalsh(covariance)[:, -1] / 2

    end = riemannian.ascend(cancelling, start, parameters=(covariance,), magnitude=1e4, tolerance=1e-9)
    assert end.gradient_norm.max() <= 1e-9


def test_hessians_match_finite_differences_along_great_circles(rng):
    covariance = problems(rng, count=3)
    weights = manifolds.random_weights((4, 2), 3, rng)
    spectrum = riemannian.hessian_eigenvalues(quadratic, weights, parameters=(covariance,))
    assert spectrum.shape == (3, 7)
    basis, h = manifolds.tangent_basis(weights), 1e-4
    point = manifolds.join(weights)
    for index in range(7):
        arrow = basis[:, :, index]
        values = [
            quadratic([(np.cos(t) * point + np.sin(t) * arrow).reshape(3, 2, 4)], covariance) for t in (-h, 0.0, h)
        ]
        second = (values[0] - 2 * values[1] + values[2]) / h**2
        assert torch.all(second <= spectrum[:, -1] + 1e-6)
        assert torch.all(second >= spectrum[:, 0] - 1e-6)


def test_tensors_that_do_not_fit_are_refused(rng):
    start = manifolds.random_weights((4, 2), 5, rng)
    with pytest.raises(ValueError, match="leading axis 40, expected 5"):
        riemannian.ascend(quadratic, start, parameters=(problems(rng),))
    with pytest.raises(ValueError, match="expected 3 axes, float64"):
        riemannian.ascend(quadratic, [start[0].float()])
    with pytest.raises(ValueError, match="not finite at 5 of 5 starts"):
        riemannian.ascend(lambda weights: torch.log(-weights[0].square().sum((1, 2))), start)
