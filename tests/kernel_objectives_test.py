import pytest
import torch

from helpers.losses import kernel_objectives


@pytest.mark.parametrize("kernel", kernel_objectives.KERNELS)
def test_every_kernel_gives_a_finite_gradient(kernel):
    points = torch.randn(8, 6, generator=torch.Generator().manual_seed(0), requires_grad=True)
    first = points[:4]
    # two coinciding views: distance zero must not give a NaN
    second = torch.cat([first[:1], points[4:7]])
    loss = kernel_objectives.objective(kernel, 0.3)(first, second)
    loss.backward()
    assert bool(torch.isfinite(points.grad).all())


def test_the_gaussian_is_the_cosine_softmax():
    logits, first, second = cosines(0.3 / 2)
    expected = torch.nn.functional.cross_entropy(logits, torch.arange(10).roll(5))
    got = kernel_objectives.objective("gaussian", 0.3)(first, second)
    assert float((got - expected).abs()) < 1e-12


def test_mixtures_by_their_definitions():
    logits, first, second = cosines(1.0)
    distance = (2 - 2 * logits).clamp(min=0).sqrt()
    distance.fill_diagonal_(torch.inf)
    gaussian, laplacian = torch.exp(-(distance**2) / 0.3), torch.exp(-distance / 0.3)

    def nce(kernel):
        return -torch.log(kernel.roll(5, dims=1).diagonal() / kernel.sum(1)).mean()

    expected = {
        "laplacian": nce(laplacian),
        "exponent 0.5": nce(torch.exp(-(distance**0.5) / 0.3)),
        "sum of kernels": nce(gaussian + laplacian),
        "sum of losses": (nce(gaussian) + nce(laplacian)) / 2,
    }
    for kernel, value in expected.items():
        assert float((kernel_objectives.objective(kernel, 0.3)(first, second) - value).abs()) < 1e-12
    # the same points in both halves: concatenation is then the sum
    doubled = [torch.cat([part, part], dim=1) for part in (first, second)]
    got = kernel_objectives.objective("concatenation", 0.3)(*doubled)
    assert float((got - expected["sum of kernels"]).abs()) < 1e-12
    assert kernel_objectives.output_width("concatenation", 3) == doubled[0].shape[1]


def test_an_unknown_kernel_is_named():
    with pytest.raises(ValueError, match="no kernel is named 'cauchy'; there are gaussian"):
        kernel_objectives.objective("cauchy", 0.3)


def cosines(temperature):
    """Cosines over temperature of ten random views, an anchor's own left out, and the views."""
    first, second = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    points = torch.nn.functional.normalize(torch.cat([first, second]), dim=1)
    logits = points @ points.T / temperature
    return logits.fill_diagonal_(-torch.inf), first, second
