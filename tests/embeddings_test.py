import doctest

import numpy as np
import pytest
import torch

from helpers.losses import kernels, population_losses
from helpers.optimise import newton
from helpers.papers.spectral_clustering import population_minimisers
from helpers.spectral import graphs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_examples_in_docstrings():
    result = doctest.testmod(population_minimisers, extraglobs={"np": np})
    assert result.attempted > 0
    assert result.failed == 0


def log_kernel(points, temperature, geometry):
    if geometry == "free":
        return kernels.log_gaussian(kernels.squared_distances(points, points), temperature=temperature)
    return points @ points.T / temperature


@pytest.mark.parametrize("geometry", population_minimisers.GEOMETRIES)
@pytest.mark.parametrize("include_self", [False, True])
def test_value_gradient_and_hessian_agree_with_autograd(rng, geometry, include_self):
    transition = graphs.random_transition(rng, 1, 6, include_self)[0]
    points, step = rng.standard_normal((2, 6, 3))
    options = {"temperature": 0.7, "geometry": geometry, "include_self": include_self}

    def loss(features):
        scores = log_kernel(features, 0.7, geometry)
        return population_losses.infonce(torch.tensor(transition), scores, include_self=include_self).sum()

    value, gradient = population_minimisers.value_and_gradient(points, transition, **options)
    tracked = torch.tensor(points, requires_grad=True)
    assert value == pytest.approx(loss(tracked).item(), rel=1e-13)
    (expected,) = torch.autograd.grad(loss(tracked), tracked)
    assert np.allclose(gradient, expected.numpy(), atol=1e-11)
    product = population_minimisers._objective(transition, *options.values())[1](points)(step)
    expected = torch.autograd.functional.hvp(loss, torch.tensor(points), torch.tensor(step))[1]
    assert np.allclose(product, expected.numpy(), atol=1e-10)


def test_chances_are_rows_of_a_softmax(rng):
    points = rng.standard_normal((5, 2))
    found = population_minimisers.chances(points, temperature=0.5, geometry="dot", include_self=True)
    assert np.allclose(found, torch.softmax(torch.tensor(points @ points.T / 0.5), 1).numpy())
    found = population_minimisers.chances(points, temperature=0.5, geometry="free", include_self=False)
    assert np.allclose(found.sum(1), 1)
    assert np.all(np.diagonal(found) == 0)


def test_divergence_is_a_kullback_leibler_sum(rng):
    transition, points = graphs.random_transition(rng, 1, 6, include_self=True)[0], rng.standard_normal((6, 2))
    settings = {"temperature": 1.3, "geometry": "free", "include_self": True}
    kernel = population_minimisers.chances(points, **settings)
    expected = np.sum(transition * np.log(transition / kernel))
    assert population_minimisers.divergence(points, transition, **settings) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("geometry", population_minimisers.GEOMETRIES)
def test_minimise_reaches_a_critical_point_below_its_starts(rng, geometry):
    # Without self, inner products have no minimiser on sparse graphs; keep the dense transition's own diagonal there.
    transition = graphs.random_transition(rng, 1, 12, include_self=geometry == "dot", shape=5.0)[0]
    options = {"temperature": 1.0, "geometry": geometry, "include_self": geometry == "dot"}
    found = population_minimisers.minimise(transition, dimension=2, restarts=3, rng=rng, **options)
    assert np.all(found.gradient_norms <= 1e-8)
    assert found.value == pytest.approx(found.values.min(), rel=1e-9)
    assert found.runs.shape == (3, 12, 2)
    gradient = population_minimisers.value_and_gradient(found.features, transition, **options)[1]
    if geometry == "sphere":
        assert np.allclose(np.linalg.norm(found.features, axis=1), 1)
        gradient -= np.sum(gradient * found.features, axis=1, keepdims=True) * found.features
    assert np.linalg.norm(gradient) == pytest.approx(found.gradient_norm, abs=1e-12)


def test_minimise_is_reproducible_and_takes_given_starts(rng):
    transition = graphs.random_transition(rng, 1, 8, include_self=False)[0]
    options = {"dimension": 2, "temperature": 1.0, "geometry": "free", "include_self": False, "restarts": 2}
    first, second = (
        population_minimisers.minimise(transition, rng=np.random.default_rng(5), **options) for _ in range(2)
    )
    assert np.array_equal(first.features, second.features)
    again = population_minimisers.minimise(transition, rng=None, starts=first.runs, **options)
    assert again.value == pytest.approx(first.value, abs=1e-10)


def test_gradient_flow_starts_at_the_start_and_descends(rng):
    transition = graphs.random_transition(rng, 1, 8, include_self=False)[0]
    start, times = 1e-3 * rng.standard_normal((8, 2)), np.linspace(0, 20, 11)
    path = population_minimisers.gradient_flow(transition, start, times, temperature=1.0, include_self=False)
    assert np.array_equal(path[0], start)
    options = {"temperature": 1.0, "geometry": "free", "include_self": False}
    values = [population_minimisers.value_and_gradient(points, transition, **options)[0] for points in path]
    assert np.all(np.diff(values) <= 1e-9)
    finer = population_minimisers.gradient_flow(
        transition, start, times, temperature=1.0, include_self=False, precision=1e-12
    )
    assert np.abs(path - finer).max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"geometry": "torus"}, "'torus'"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"dimension": 0}, "dimension is 0"),
        ({"transition": np.ones((2, 3))}, r"\(2, 3\)"),
        ({"transition": np.eye(3)}, "diagonal"),
        ({"transition": 2 * np.ones((3, 3))}, "probability"),
        ({"starts": np.ones((2, 2))}, r"\(2, 2\)"),
    ],
)
def test_minimise_refuses(change, message):
    good = {"transition": (np.ones((3, 3)) - np.eye(3)) / 2, "dimension": 1, "temperature": 1.0, "geometry": "free"}
    options = good | {"include_self": False, "restarts": 1, "rng": np.random.default_rng(0)} | change
    with pytest.raises(ValueError, match=message):
        population_minimisers.minimise(options.pop("transition"), **options)


def test_of_restarts_that_tie_the_first_is_taken():
    values = iter([2.0, 1.0 + 1e-13, 1.0])

    def loss(points):
        return next(values), np.zeros_like(points)

    found = newton.collect(loss, np.arange(6.0).reshape(3, 2, 1), on_sphere=False)
    assert found.features.ravel().tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("blocks", "size", "contrast"), [(2, 4, 3.0), (3, 3, 2.0)])
def test_ideal_blocks_have_their_closed_form_on_both_sides_of_the_critical_temperature(rng, blocks, size, contrast):
    transition = graphs.ideal_blocks(blocks, size, contrast)[0]
    critical = blocks / (blocks - 1) / np.log(contrast)
    temperatures = critical * np.array([0.8, 1.0, 1.5])
    predicted = population_minimisers.ideal_block_divergence(blocks, size, contrast, temperatures)
    assert np.abs(predicted[:2]).max() < 1e-13
    options = {"dimension": blocks, "geometry": "sphere", "include_self": False, "restarts": 2, "rng": rng}
    found = population_minimisers.minimise(transition, temperature=temperatures[2], **options)
    assert found.value - graphs.entropy(transition) == pytest.approx(predicted[2], abs=1e-12)


def test_an_anchor_in_its_own_denominator_puts_the_threshold_at_one():
    assert population_minimisers.collapse_threshold(5, include_self=True) == 1.0
