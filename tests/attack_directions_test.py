import torch

from helpers.adversarial import attacks
from helpers.papers.robust_contrastive import attack_directions, ensemble, toy


def scene(seed=0):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    centre = torch.nn.functional.normalize(torch.randn(5, generator=generator, dtype=torch.float64), dim=0)
    labels = torch.arange(4) % 2
    return matrix, attack_directions.sample(labels, centre, generator), labels, centre


def test_classes_lie_around_opposite_centres():
    _, _, _, centre = scene()
    labels = torch.arange(40_000) % 2
    points = attack_directions.sample(labels, centre, torch.Generator().manual_seed(1))
    assert torch.allclose(points[labels == 1].mean(dim=0), centre, atol=0.02)
    assert torch.allclose(points[labels == 0].mean(dim=0), -centre, atol=0.02)
    assert abs(points.std().item() - (0.25 + 1 / 5) ** 0.5) < 0.02


def test_tuple_gradients_are_autograd_s_of_each_tuple():
    matrix, x, labels, centre = scene()
    form = {"tuples": 3, "negatives": 6, "temperature": 0.5}
    found = attack_directions.tuple_gradients(matrix, x, labels, centre, torch.Generator().manual_seed(2), **form)
    generator = torch.Generator().manual_seed(2)
    plus = attack_directions.encode(attack_directions.sample(labels.expand(3, -1), centre, generator), matrix)
    classes = torch.randint(2, (3, 6), generator=generator)
    minus = attack_directions.encode(attack_directions.sample(classes, centre, generator), matrix)
    for row in range(3):
        leaf = x.clone().requires_grad_()
        z = attack_directions.encode(leaf, matrix)
        loss = attacks.anchor_losses(z, plus[row], minus[row], temperature=0.5, weight=6)
        (slope,) = torch.autograd.grad(loss.sum(), leaf)
        assert torch.allclose(found[row], slope, atol=1e-12)


def test_supervised_gradient_points_towards_the_other_class():
    matrix, x, labels, centre = scene()
    generator = torch.Generator().manual_seed(3)
    slope = attack_directions.supervised_gradient(matrix, x, labels, centre, generator, temperature=0.5, points=2000)
    means = [attack_directions.encode(x + step * slope, matrix) for step in (0.0, 0.1)]
    axis = attack_directions.encode(centre[None], matrix)[0]
    gain = ((means[1] - means[0]) @ axis) * (1 - 2 * labels)
    assert torch.all(gain > 0)


def test_the_toy_trains_every_variant_on_the_same_data():
    generator = torch.Generator().manual_seed(0)
    layers = toy.train(generator, seeds=2, radius=0.35, device="cpu", steps=2)
    assert layers[0].shape == (8, 32, 11)
    assert not any(layer.requires_grad for layer in layers)
    x, y = toy.pairs(toy.alternating(6, 2), generator, device="cpu")
    assert x.shape == (8, 6, 11)
    assert torch.equal(x[:2], x[2:4])
    assert not torch.equal(x, y)
    start = ensemble.initial((11, 32, 2), [0])
    assert start[0].shape == (1, 32, 11)


def test_supervised_gradient_is_autograd_s_with_the_means_of_both_classes():
    matrix, x, labels, centre = scene()
    form = {"temperature": 0.5, "points": 500}
    found = attack_directions.supervised_gradient(matrix, x, labels, centre, torch.Generator().manual_seed(4), **form)
    generator = torch.Generator().manual_seed(4)
    points = [attack_directions.sample(torch.full((500,), label), centre, generator) for label in (0, 1)]
    means = torch.stack([attack_directions.encode(each, matrix).mean(dim=0) for each in points])
    leaf = x.clone().requires_grad_()
    logits = attack_directions.encode(leaf, matrix) @ means.T / 0.5
    (slope,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, labels, reduction="sum"), leaf)
    assert torch.allclose(found, slope, rtol=0, atol=1e-13)


def test_the_toy_draws_two_classes(monkeypatch):
    drawn = []
    monkeypatch.setattr(ensemble, "train", lambda layers, recipe, batch, **_: drawn.append(batch()))
    toy.train(torch.Generator().manual_seed(0), seeds=3, radius=0.35, device="cpu")
    for points in drawn[0]:
        weak = points[..., 1:].mean(dim=-1).abs()  # 0.25 in both classes, ten coordinates of deviation 0.12
        assert weak.max() < 0.25 + 6 * 0.12 / 10**0.5
