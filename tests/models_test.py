import pytest
import torch
from torch import nn

from helpers import models


def parameters(model):
    return torch.cat([p.flatten() for p in model.parameters()])


def test_weights_are_a_function_of_the_seed_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, again, other = (
        models.encoder((6, 5, 4), (4, 3), batch_norm=True, normalise=True, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(parameters(first), parameters(again))
    assert not torch.equal(parameters(first), parameters(other))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("normalise", [True, False])
def test_outputs_are_normalised_and_features_are_not(normalise):
    model = models.encoder((64, 16, 8), (8, 5), batch_norm=True, normalise=normalise, seed=0).double().eval()
    images = torch.rand(7, 8, 8, dtype=torch.float64)
    assert model.features(images).shape == (7, 8)
    norms = model(images).norm(dim=1)
    assert bool(((norms - 1).abs() < 1e-12).all()) == normalise


def test_layers_are_the_documented_ones():
    model = models.encoder((6, 5, 4), (4, 3, 2), batch_norm=True, normalise=False, seed=0, final_batch_norm=True)
    kinds = [type(layer) for layer in model.backbone]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert model.projector[-1].affine is False
    plain = models.encoder((6, 5, 4), batch_norm=False, normalise=False, seed=0, final_relu=True)
    assert [type(layer) for layer in plain.backbone] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU]
    assert isinstance(plain.projector, nn.Identity)
    assert float(plain.features(torch.randn(20, 6)).detach().min()) == 0


@pytest.mark.parametrize(("backbone", "projector"), [((6,), ()), ((6, 0), ()), ((6, 5), (5,)), ((6, 5), (4, 3))])
def test_widths_that_do_not_fit_are_refused(backbone, projector):
    with pytest.raises(ValueError, match="projector"):
        models.encoder(backbone, projector, batch_norm=False, normalise=False, seed=0)
