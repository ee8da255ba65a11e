import numpy as np
import pytest

from helpers.data import factor_images


def test_every_combination_has_its_own_image_and_is_decoded():
    combinations = factor_images.every_combination()
    images = factor_images.templates(combinations)
    assert images.shape == (320, 3, 14, 10)
    assert images.dtype == np.float32
    assert len(np.unique(images.reshape(320, -1), axis=0)) == 320
    assert np.array_equal(factor_images.decode(images), combinations)


def test_one_quarter_is_drawn_in_one_colour():
    image = factor_images.templates([[4, 8, 3]])[0]
    assert np.all(image[:, :7] == 0)
    assert np.all(image[:, 7:, :5] == 0)
    assert np.allclose(np.unique(image[0]), [0, 0.3])
    assert np.allclose(np.unique(image[2]), [0, 1])


def test_little_noise_is_decoded_and_much_is_not():
    rng = np.random.default_rng(0)
    factors = factor_images.two_views(rng, 500, set())[0]
    assert np.array_equal(factor_images.decode(factor_images.render(factors, rng)), factors)
    assert not np.array_equal(factor_images.decode(factor_images.render(factors, rng, noise=1.2)), factors)


def test_two_views_share_what_they_should():
    first, second = factor_images.two_views(np.random.default_rng(1), 5000, {"colour", "position"})
    assert np.array_equal(first[:, [0, 2]], second[:, [0, 2]])
    assert abs(np.mean(first[:, 1] == second[:, 1]) - 0.1) < 0.02
    for column, size in enumerate(factor_images.SIZES):
        assert np.array_equal(np.unique(second[:, column]), np.arange(size))


def test_what_is_no_factor_is_refused():
    with pytest.raises(ValueError, match="entries below"):
        factor_images.templates([[8, 0, 0]])
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        factor_images.templates([0, 0])
    with pytest.raises(ValueError, match=r"images have shape \(3, 14, 10\)"):
        factor_images.decode(np.zeros((3, 14, 10)))
    with pytest.raises(ValueError, match="shared holds \\['size'\\]"):
        factor_images.two_views(np.random.default_rng(0), 3, {"size"})


def test_the_nearest_template_is_found():
    combinations = factor_images.every_combination()
    known = factor_images.templates(combinations)
    images = np.random.default_rng(5).uniform(size=(300, *known.shape[1:]))
    distances = ((images.reshape(300, 1, -1) - known.reshape(1, len(known), -1)) ** 2).sum(axis=2)
    assert np.array_equal(factor_images.decode(images), combinations[distances.argmin(axis=1)])
