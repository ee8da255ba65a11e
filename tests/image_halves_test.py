import numpy as np
import pytest

from helpers import data
from helpers.papers.multimodal_svd import image_halves, spiked_model


@pytest.fixture(scope="module")
def world():
    images = image_halves.fashion_images(everything=False)
    return image_halves.population(*image_halves.halves(images), rank=2, components=12)


def test_coordinates_are_singular_ones(world):
    cross = world.left.T @ world.right / len(world.left)
    assert np.allclose(cross, np.diag(world.strengths), atol=1e-10)
    assert np.all(np.diff(world.strengths) <= 0)


def test_all_components_change_nothing():
    images = np.random.default_rng(0).uniform(size=(300, 4, 4))
    halves = image_halves.halves(images)
    plain, rotated = (image_halves.population(*halves, rank=1, components=kept) for kept in (None, 8))
    assert np.allclose(plain.strengths, rotated.strengths)
    assert np.allclose(image_halves.pair_costs(plain), image_halves.pair_costs(rotated))


@pytest.mark.slow
def test_first_order_law_holds_and_the_spiked_one_does_not(world):
    right, wrong = image_halves.pair_costs(world)
    for share in (0.0, 0.5):
        squares = image_halves.squared_errors(world, 20_000, np.random.default_rng(1), share=share, draws=150)
        law = ((1 - share) * right + share * wrong) / (20_000 * (1 - share) ** 2)
        error = squares.std(axis=1) / np.sqrt(150)
        assert np.all(np.abs(squares.mean(axis=1) - law) < 5 * error + 0.02 * law)
    assert np.all(image_halves.spiked_costs(world) < 0.95 * right)


def test_sweep_and_law_shapes(world):
    squares = image_halves.sweep_errors(world, [50, 100], np.random.default_rng(2), shares=0.5, draws=3)
    assert squares.shape == (2, 2, 3)
    right, wrong = image_halves.pair_costs(world)
    law = image_halves.first_order(world, 100, share=np.array([0.0, 0.5]))
    assert np.allclose(law, np.stack([right / 100, (right + wrong) / 2 / 25], axis=1))


def test_pictures_are_leading_singular_pairs():
    images = np.random.default_rng(3).uniform(size=(200, 4, 6))
    pictures = image_halves.singular_pictures(images, 2)
    left, right = (half - half.mean(axis=0) for half in image_halves.halves(images))
    u, v = (half.reshape(2, -1) for half in np.split(pictures, 2, axis=2))
    values = np.linalg.svd(left.T @ right / 200, compute_uv=False)[:2]
    assert np.allclose(np.abs(u @ (left.T @ right / 200) @ v.T), np.diag(values))
    assert np.all(pictures.reshape(2, -1).max(axis=1) == np.abs(pictures).reshape(2, -1).max(axis=1))


def test_fashion_population_keeps_components():
    world = image_halves.fashion_population(rank=2, components=8, everything=False)
    assert world.left.shape == (10_000, 8)


def test_odd_width_and_unequal_sides_are_refused():
    with pytest.raises(ValueError, match=r"images has shape \(2, 3, 5\)"):
        image_halves.halves(np.zeros((2, 3, 5)))
    with pytest.raises(ValueError, match="expected equal ones"):
        image_halves.population(np.zeros((4, 2)), np.zeros((4, 3)), rank=1)


def test_missing_training_images_are_skipped(monkeypatch):
    original = data.fashion_mnist

    def without_training(part, **options):
        if part == "train":
            raise data.DataUnavailable("nowhere")
        return original(part, **options)

    monkeypatch.setattr(data, "fashion_mnist", without_training)
    assert len(image_halves.fashion_images(everything=True)) == 10_000


def small_world():
    rng = np.random.default_rng(5)
    latent, noise = rng.standard_normal((400, 3)), rng.standard_normal((2, 400, 6))
    left, right = (
        latent @ rng.standard_normal((3, 6)) + size * each for size, each in zip((0.3, 1.5), noise, strict=True)
    )
    return image_halves.population(left, right, rank=2, components=5)


def test_squared_errors_are_those_of_the_drawn_pairs():
    world, n, draws = small_world(), 60, 3
    found = image_halves.squared_errors(world, n, np.random.default_rng(6), share=0.5, draws=draws)
    rng = np.random.default_rng(6)
    for k, pairing in enumerate(spiked_model.pairings(rng, draws, n, share=0.5)):
        chosen = rng.integers(len(world.left), size=n)
        left, right = world.left[chosen], world.right[chosen[pairing]]
        u, _, vt = np.linalg.svd((left - left.mean(axis=0)).T @ (right - right.mean(axis=0)))
        # |sin|^2 = r - |cos|^2; the leading coordinates of a population span its signal
        expected = [2 - np.sum(side[:2, :2] ** 2) for side in (u, vt.T)]
        assert np.allclose(found[:, k], expected, rtol=0, atol=1e-12)


def test_spiked_costs_are_those_of_independent_coordinates():
    world = small_world()
    squares = [np.mean(side**2, axis=0) for side in (world.left, world.right)]
    found = image_halves.spiked_costs(world)
    for k, (own, other) in enumerate((squares, squares[::-1])):
        pairs = [own[j] * other[i] / world.strengths[i] ** 2 for i in range(2) for j in range(2, len(own))]
        assert np.isclose(found[k], sum(pairs), rtol=1e-13)
