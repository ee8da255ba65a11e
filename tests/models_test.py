from itertools import pairwise

import pytest
import torch
from torch import nn

from helpers.networks import encoders


def parameters(model):
    return torch.cat([p.flatten() for p in model.parameters()])


def test_weights_are_a_function_of_the_seed_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (
        encoders.encoder((6, 5, 4), (4, 3), batch_norm=True, normalise=True, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(parameters(first), parameters(again))
    assert not torch.equal(parameters(first), parameters(other))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("normalise", [True, False])
def test_outputs_are_normalised_and_features_are_not(normalise):
    model = encoders.encoder((64, 16, 8), (8, 5), batch_norm=True, normalise=normalise, seed=0).double().eval()
    images = torch.rand(7, 8, 8, dtype=torch.float64)
    assert model.features(images).shape == (7, 8)
    norms = model(images).norm(dim=1)
    assert bool(((norms - 1).abs() < 1e-12).all()) == normalise


def test_layers_are_the_documented_ones():
    model = encoders.encoder((6, 5, 4), (4, 3, 2), batch_norm=True, normalise=False, seed=0, final_batch_norm=True)
    kinds = [type(layer) for layer in model.backbone]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert model.projector[-1].affine is False
    plain = encoders.encoder((6, 5, 4), batch_norm=False, normalise=False, seed=0, final_relu=True)
    assert [type(layer) for layer in plain.backbone] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU]
    assert isinstance(plain.projector, nn.Identity)
    assert float(plain.features(torch.randn(20, 6)).detach().min()) == 0


@pytest.mark.parametrize(("backbone", "projector"), [((6,), ()), ((6, 0), ()), ((6, 5), (5,)), ((6, 5), (4, 3))])
def test_widths_that_do_not_fit_are_refused(backbone, projector):
    with pytest.raises(ValueError, match="projector"):
        encoders.encoder(backbone, projector, batch_norm=False, normalise=False, seed=0)


def small(kind, seed=0, colours=1, **options):
    if kind == "resnet18":
        return encoders.resnet18((32, 16, 8), colours=colours, normalise=True, seed=seed, width=4, **options)
    return encoders.convolutional((8, 16), (16, 16, 8), colours=colours, normalise=True, seed=seed, **options)


@pytest.mark.parametrize("kind", ["resnet18", "convolutional"])
def test_convolutional_weights_are_a_function_of_the_seed_alone(kind):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (small(kind, seed) for seed in (1, 1, 2))
    assert torch.equal(parameters(first), parameters(again))
    assert not torch.equal(parameters(first), parameters(other))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("kind", ["resnet18", "convolutional"])
@pytest.mark.parametrize("colours", [1, 3])
def test_bytes_and_numbers_give_the_same_features(kind, colours):
    model = small(kind, colours=colours).eval()
    levels = torch.randint(0, 256, (6, colours, 12, 12), dtype=torch.uint8)
    features = model.features(levels)
    assert torch.equal(features, model.features(levels / 255))
    assert features.shape == (6, {"resnet18": 32, "convolutional": 16}[kind])
    assert float(features.detach().min()) >= 0
    norms = model(levels).norm(dim=1)
    assert float((norms - 1).abs().max().detach()) < 1e-6
    if colours == 1:
        assert torch.equal(features, model.features(levels[:, 0]))


def test_a_perceptron_takes_bytes():
    model = encoders.encoder((64, 8), batch_norm=False, normalise=False, seed=0)
    levels = torch.randint(0, 256, (6, 8, 8), dtype=torch.uint8)
    assert torch.equal(model(levels), model(levels / 255))


@pytest.mark.parametrize("kind", ["resnet18", "convolutional"])
@pytest.mark.parametrize("shape", [(4, 1, 12, 12), (4, 12, 12), (4, 144)])
def test_images_of_other_colours_are_refused(kind, shape):
    with pytest.raises(ValueError, match=r"expected \(n, 3, height, width\)$"):
        small(kind, colours=3)(torch.zeros(shape))


def count(module):
    return sum(weights.numel() for weights in module.parameters())


def test_resnet18_has_the_known_number_of_parameters():
    # 3 x 3 convolutions of 4 stages of 2 blocks, 1 x 1 shortcuts where the width doubles, 2 numbers for each BatchNorm
    shortcuts = 64 * 128 + 128 * 256 + 256 * 512
    wide = [64] * 5 + [128] * 4 + [256] * 4 + [512] * 4
    convolutions = 9 * (3 * 64 + sum(inputs * outputs for inputs, outputs in pairwise(wide)))
    norms = 2 * (sum(wide) + 128 + 256 + 512)
    assert convolutions + shortcuts + norms == 11_168_832
    assert count(encoders.resnet18(colours=3, normalise=True, seed=0).backbone) == 11_168_832


def test_resnet18_keeps_the_size_at_first_and_halves_it_three_times():
    sizes = []
    model = encoders.resnet18(colours=3, normalise=False, seed=0, width=4)
    for layer in model.backbone:
        layer.register_forward_hook(lambda layer, given, result: sizes.append(tuple(result.shape[1:])))
    model(torch.rand(2, 3, 32, 32))
    assert sizes[:3] == [(4, 32, 32)] * 3
    blocks = [(4, 32, 32), (8, 16, 16), (16, 8, 8), (32, 4, 4)]
    assert sizes[3:11] == [size for size in blocks for _ in range(2)]
    assert sizes[11:] == [(32, 1, 1), (32,)]


@pytest.mark.parametrize("head_norm", encoders.HEAD_NORMS)
def test_projectors_are_the_documented_ones(head_norm):
    head = small("convolutional", head_norm=head_norm).projector
    kinds = [type(layer) for layer in head]
    if head_norm == "none":
        assert kinds == [nn.Linear, nn.ReLU, nn.Linear]
    else:
        assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
        assert head[1].affine == (head_norm == "affine")


def test_batch_norm_can_be_left_out_and_put_behind_the_last_layer():
    model = small("convolutional", batch_norm=False, final_batch_norm=True)
    assert [type(layer) for layer in model.backbone[:4]] == [nn.Conv2d, nn.ReLU] * 2
    assert model.projector[-1].affine is False
    bare = encoders.convolutional((4,), colours=1, normalise=False, seed=0, final_batch_norm=True)
    assert isinstance(bare.projector, nn.BatchNorm1d)


def test_an_encoder_by_its_name_in_the_settings():
    options = {"colours": 1, "normalise": True, "seed": 3}
    by_name = encoders.image_encoder([8, 16], (16, 4), **options)
    assert torch.equal(parameters(by_name), parameters(encoders.convolutional((8, 16), (16, 4), **options)))
    assert count(encoders.image_encoder("resnet18", width=4, **options)) == count(encoders.resnet18(width=4, **options))
    with pytest.raises(ValueError, match="'vgg', expected 'resnet18'"):
        encoders.image_encoder("vgg", **options)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (((),), {}, "at least one channel"),
        (((8, 0),), {}, "positive numbers"),
        (((8, 16), (8, 4)), {}, r"projector is \[8, 4\], expected \(16, ..., outputs\)"),
        (((8, 16), (16,)), {}, "projector"),
        (((8, 16), (16, 0)), {}, "projector"),
        (((8, 16), (16, 4)), {"head_norm": "layer"}, "head_norm is 'layer', expected one of affine"),
    ],
)
def test_convolutional_encoders_that_do_not_fit_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        encoders.convolutional(*arguments, colours=1, normalise=False, seed=0, **options)


def test_a_resnet_without_width_is_refused():
    with pytest.raises(ValueError, match="width is 0"):
        encoders.resnet18(colours=3, normalise=False, seed=0, width=0)


def test_a_grid_keeps_places_apart():
    images = torch.rand(3, 28, 14, generator=torch.Generator().manual_seed(0))
    options = {"colours": 1, "normalise": False, "seed": 0}
    apart = encoders.convolutional((4, 8, 6), grid=(4, 2), **options).eval().features(images)
    assert apart.shape == (3, 6 * 4 * 2)
    together = encoders.convolutional((4, 8, 6), **options).eval().features(images)
    torch.testing.assert_close(apart.reshape(3, 6, 8).mean(-1), together)
    with pytest.raises(ValueError, match=r"grid \(0, 2\)"):
        encoders.convolutional((4,), grid=(0, 2), **options)


def test_a_residual_block_adds_its_branch_to_its_shortcut():
    model = encoders.resnet18(colours=3, normalise=False, seed=0, width=4).eval()
    blocks = [module for module in model.modules() if isinstance(module, encoders._Residual)]
    assert len(blocks) == 8
    for block in blocks:
        inputs = block.branch[0].in_channels
        maps = torch.randn(2, inputs, 8, 8, generator=torch.Generator().manual_seed(0))
        branch, shortcut = block.branch(maps), block.shortcut(maps)
        assert torch.equal(block(maps), torch.relu(branch + shortcut))
        assert branch.abs().max() > 0.1
        assert shortcut.abs().max() > 0.1
