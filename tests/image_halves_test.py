import numpy as np
import pytest

from helpers import data
from helpers.papers.multimodal_svd import image_halves


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
