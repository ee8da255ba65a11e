"""Points stay on their spheres, tangents are tangent, and the basis spans exactly the tangent space."""

import numpy as np
import pytest
import torch

from helpers.optimise import manifolds


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("constraint", "norm", "row"), [("layer", 1.0, None), ("filter", 1.0, 0.5), ("row", 2.0, 1.0)])
def test_points_have_the_stated_norms(rng, constraint, norm, row):
    (weight,) = manifolds.random_weights((3, 4), 5, rng, constraint=constraint)
    assert torch.allclose(weight.norm(dim=(1, 2)), torch.tensor(norm).double())
    if row:
        assert torch.allclose(weight.norm(dim=2), torch.tensor(row).double())


def test_free_weights_are_left_alone(rng):
    weights = [torch.full((2, 3, 4), 7.0, dtype=torch.float64)]
    assert torch.equal(manifolds.normalise(weights, "free")[0], weights[0])


def test_the_first_problems_do_not_depend_on_the_count():
    few, many = (manifolds.random_weights((3, 4, 2), n, np.random.default_rng(1)) for n in (3, 50))
    assert all(torch.equal(a, b[:3]) for a, b in zip(few, many, strict=True))


@pytest.mark.parametrize("constraint", ["layer", "filter", "row", "free", ("layer", "row")])
def test_tangent_vectors_keep_the_norms_to_first_order(rng, constraint):
    weights = manifolds.random_weights((3, 4, 2), 6, rng, constraint=constraint)
    arrows = manifolds.tangent(manifolds.random_weights((3, 4, 2), 6, rng, constraint="free"), weights, constraint)
    moved = [weight + 1e-6 * arrow for weight, arrow in zip(weights, arrows, strict=True)]
    for a, b in zip(manifolds.normalise(moved, constraint), moved, strict=True):
        assert (a - b).abs().max() < 1e-10
    basis = manifolds.tangent_basis(weights, constraint)
    flat = manifolds.join(arrows)[..., None]
    assert torch.allclose(basis.mT @ basis, torch.eye(basis.shape[2]).double(), atol=1e-14)
    assert torch.allclose(basis @ (basis.mT @ flat), flat, atol=1e-13)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("off", [0.0, 1e-12, 1e-8, 1e-4])
def test_the_basis_is_orthonormal_beside_the_first_axis(side, off):
    """Where a reflection that maps the axis onto itself would divide rounding by rounding."""
    weight = torch.zeros(1, 1, 5, dtype=torch.float64)
    weight[0, 0, :2] = torch.tensor([side, off])
    basis = manifolds.tangent_basis([weight / weight.norm()], "layer")[0]
    assert basis.shape == (5, 4)
    assert torch.allclose(basis.T @ basis, torch.eye(4).double(), atol=1e-14)
    assert (weight.flatten() @ basis).abs().max() <= 1e-14


def test_the_basis_misses_one_direction_a_sphere(rng):
    weights = manifolds.random_weights((3, 4, 2), 1, rng, constraint=("layer", "row"))
    assert manifolds.tangent_basis(weights, ("layer", "row")).shape == (1, 20, 11 + 2 * 3)


def test_join_and_split_are_inverse(rng):
    weights = manifolds.random_weights((3, 4, 2), 6, rng)
    again = manifolds.split(manifolds.join(weights), [(4, 3), (2, 4)])
    assert all(torch.equal(a, b) for a, b in zip(weights, again, strict=True))


@pytest.mark.parametrize("widths", [(3,), (3, 0)])
def test_widths_must_describe_a_network(rng, widths):
    with pytest.raises(ValueError, match="expected at least an input and an output width"):
        manifolds.random_weights(widths, 2, rng)


@pytest.mark.parametrize("constraint", ["sphere", ("layer",), ("layer", "layer", "layer")])
def test_unknown_constraints_are_refused(rng, constraint):
    with pytest.raises(ValueError, match="expected one of layer, filter, row, free"):
        manifolds.random_weights((3, 4, 2), 2, rng, constraint=constraint)
