"""Images of the repository and their small encoders."""

import pytest
import torch

from helpers.papers.alpha_cl import small_images


@pytest.mark.parametrize(("name", "side"), [("digits", 8), ("clothes", 14)])
def test_parts_are_disjoint_images_between_zero_and_one(name, side):
    train, test = small_images.parts(name, 0)
    assert train.shape == (1300, side, side)
    assert test.shape == (256, side, side)
    assert train.dtype == torch.float32
    assert min(train.min(), test.min()) >= 0
    assert 0.9 < max(train.max(), test.max()) <= 1
    assert torch.cdist(test.flatten(1), train.flatten(1)).amin() > 0
    assert torch.equal(train, small_images.parts(name, 0)[0])
    assert not torch.equal(train, small_images.parts(name, 1)[0])


def test_unknown_images_are_refused():
    with pytest.raises(ValueError, match="name is 'faces', expected one of digits, clothes"):
        small_images.parts("faces", 0)


def test_an_encoder_is_a_function_of_its_seed_and_reads_on_the_sphere():
    images = small_images.parts("digits", 0)[0][:256]
    first, again = (small_images.trained(images, 3, "cpu", epochs=1) for _ in range(2))
    z = first(images)
    assert torch.equal(z, again(images))
    assert not first.training
    assert torch.allclose(z.norm(dim=1), torch.ones(256))
    assert not torch.allclose(z, small_images.trained(images, 4, "cpu", epochs=1)(images))
