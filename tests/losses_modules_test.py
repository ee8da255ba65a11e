import copy
import math

import pytest
import torch
from torch.nn.functional import normalize

from helpers import losses


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


X, Y, QUEUE = normal(8, 4), normal(8, 4, seed=1), normal(5, 4, seed=2)
LABELS, QUEUE_LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 3]), torch.tensor([0, 1, 5, 6, 3])
x, y, queue = (normalize(rows, dim=1) for rows in (X, Y, QUEUE))
MEAN = {"positive_in_denominator": True, "reduction": "mean"}
SELF = {"include_self": False, **MEAN}
# Each module beside the function it stands for, at the module's defaults.
PAIRS = {
    "InfoNCE": (losses.InfoNCE(), (X, Y), lambda: losses.infonce(x, y, temperature=0.1, **MEAN)),
    "InfoNCE, bank": (
        losses.InfoNCE(),
        (X, Y, QUEUE),
        lambda: losses.bank_infonce(x, y, queue, temperature=0.1, **MEAN),
    ),
    "NTXent": (losses.NTXent(), (X, Y), lambda: losses.ntxent(torch.cat([x, y]), temperature=0.5, **SELF)),
    "CLIP": (losses.CLIP().double(), (X, Y), lambda: losses.clip(x, y, temperature=0.07, **MEAN)),
    "SupCon": (
        losses.SupCon(),
        (X, LABELS),
        lambda: losses.supcon(x, LABELS, form="out", temperature=0.1, **SELF),
    ),
    "SigLIP": (
        losses.SigLIP().double(),
        (X, Y),
        lambda: losses.siglip(x, y, scale=10.0, bias=-10.0, reduction="mean"),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_module_is_its_function_on_unit_rows(name):
    module, arguments, expected = PAIRS[name]
    # A learnt scale starts from a logarithm in single precision.
    assert module(*arguments).item() == pytest.approx(
        expected().item(), rel=1e-6 if list(module.parameters()) else 1e-14
    )


def test_options_reach_the_functions():
    def halves(rows, columns):
        return 0.1 + ((3 * rows + 5 * columns) % 7) / 7.0

    extra = {"queue": QUEUE, "weights": halves}
    decoupled = {"positive_in_denominator": False, "reduction": "none"}
    found = losses.InfoNCE(0.3, normalise=False, **decoupled)(X, Y, **extra)
    assert torch.equal(found, losses.infonce(X, Y, temperature=0.3, **extra, **decoupled))
    found = losses.InfoNCE(0.3, normalise=False, **decoupled)(X, Y, QUEUE, weights=halves)
    assert torch.equal(found, losses.bank_infonce(X, Y, QUEUE, temperature=0.3, weights=halves, **decoupled))
    found = losses.NTXent(0.3, normalise=False, include_self=True, **decoupled)(X, Y, **extra)
    views = torch.cat([X, Y])
    assert torch.equal(found, losses.ntxent(views, temperature=0.3, include_self=True, **extra, **decoupled))
    found = losses.CLIP(0.3, learnable=False, normalise=False, **decoupled)(X, Y, weights=halves)
    assert torch.equal(found, losses.clip(X, Y, temperature=0.3, weights=halves, **decoupled))
    extra["queue_labels"] = QUEUE_LABELS
    found = losses.SupCon(0.3, form="in", normalise=False, include_self=True, **decoupled)(X, LABELS, **extra)
    chosen = {"form": "in", "include_self": True, "temperature": 0.3}
    assert torch.equal(found, losses.supcon(X, LABELS, **chosen, **extra, **decoupled))
    found = losses.SigLIP(2.0, -1.0, learnable=False, normalise=False, reduction="none")(X, Y, weights=halves)
    assert torch.equal(found, losses.siglip(X, Y, scale=2.0, bias=-1.0, weights=halves, reduction="none"))


@pytest.mark.parametrize(
    "module",
    [
        losses.InfoNCE(0.3, learnable=True),
        losses.NTXent(0.3, learnable=True),
        losses.CLIP(0.3),
        losses.SupCon(0.3, learnable=True),
        losses.SigLIP(3.0, -2.0),
    ],
    ids=lambda module: type(module).__name__,
)
def test_what_is_learnable_is_learnt_and_saved(module):
    module = copy.deepcopy(module).double()
    second = LABELS if isinstance(module, losses.SupCon) else Y
    optimiser = torch.optim.SGD(module.parameters(), lr=0.01)
    before = module(X, second)
    before.backward()
    gradient = module.log_scale.grad.item()
    shifted = copy.deepcopy(module)
    with torch.no_grad():
        shifted.log_scale += 1e-6
    assert (shifted(X, second) - before).item() / 1e-6 == pytest.approx(gradient, rel=1e-3)
    optimiser.step()
    assert module(X, second) < before
    fresh = type(module)().double() if isinstance(module, losses.CLIP | losses.SigLIP) else None
    if fresh is not None:
        fresh.load_state_dict(module.state_dict())
        assert torch.equal(fresh(X, second), module(X, second))


def test_what_is_not_learnable_has_no_parameters():
    for module in (losses.InfoNCE(), losses.NTXent(), losses.CLIP(learnable=False), losses.SigLIP(learnable=False)):
        assert not list(module.parameters())
        assert not module.state_dict()


def test_the_defaults_that_a_module_shows():
    assert repr(losses.NTXent()) == (
        "NTXent(temperature=0.5, positive_in_denominator=True, normalise=True, reduction='mean', "
        "gather_distributed=False)"
    )
    assert "temperature=0.07, learnt" in repr(losses.CLIP())
    assert "form='out', include_self=False" in repr(losses.SupCon())
    assert "scale=10, bias=-10, learnt" in repr(losses.SigLIP())


def test_refusals():
    with pytest.raises(ValueError, match="temperature is 0, expected a positive finite number"):
        losses.InfoNCE(0)
    with pytest.raises(ValueError, match="form is 'middle'"):
        losses.SupCon(form="middle")
    with pytest.raises(ValueError, match="reduction is 'max'"):
        losses.CLIP(reduction="max")
    with pytest.raises(ValueError, match="scale is -1, expected a positive finite number"):
        losses.SigLIP(-1)
    with pytest.raises(ValueError, match="bias is inf, expected a finite number"):
        losses.SigLIP(bias=math.inf)
    with pytest.raises(ValueError, match="got a bank and a queue"):
        losses.InfoNCE()(X, Y, QUEUE, queue=QUEUE)
    with pytest.raises(ValueError, match=r"views have shapes \(8, 4\) and \(5, 4\)"):
        losses.NTXent()(X, QUEUE)
    with pytest.raises(TypeError, match=r"features is of type numpy\.ndarray"):
        losses.CLIP()(X.numpy(), Y.numpy())


def test_siglip_shows_what_it_has_learnt():
    module = losses.SigLIP(4.0, -2.0)
    with torch.no_grad():
        module.bias.fill_(-3.0)
    assert "scale=4, bias=-3, learnt" in repr(module)
    assert "scale=4, bias=-2, " in repr(losses.SigLIP(4.0, -2.0, learnable=False))
