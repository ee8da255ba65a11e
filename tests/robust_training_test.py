import math
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from helpers.networks import encoders
from helpers.optimise import sharpness
from helpers.papers.robust_contrastive import ensemble, four_terms, robust_scores, robust_training

THREAT = robust_scores.Threat(0.1, 2, 0.0, 1.0)
FULL = robust_training.Terms(adversarial=1.0, benign=2.0, sharpness=0.5, discriminator=0.3)


def perceptron(*, seed=0):
    return encoders.encoder((16, 12, 3), batch_norm=False, normalise=True, seed=seed)


def convolutional(*, batch_norm=True):
    return encoders.convolutional(
        (4, 6), (6, 3), colours=1, normalise=True, seed=0, batch_norm=batch_norm, head_norm="none"
    )


def images(count=24, *, seed=0, side=4):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(2, side, side, generator=generator)
    labels = torch.arange(count) % 2
    return (centres[labels] + 0.2 * torch.randn(count, side, side, generator=generator)).clamp(0, 1), labels


def pairs(rows, generator):
    everything, labels = images()
    other = torch.where(labels[rows] == 0, 2, 3)
    noise = 0.05 * torch.rand(len(rows), 4, 4, generator=generator)
    return (everything[rows] + noise).clamp(0, 1), everything[other]


def gradient(model, rule, rows):
    model.zero_grad()
    value = rule(model, rows, torch.Generator().manual_seed(3))
    value.backward()
    return value.item(), [p.grad.clone() for p in model.parameters()]


def watched(encoder, *, judge=None):
    model = robust_training.Watched(encoder, 3)
    if judge is not None:
        model.judge.copy_(judge)
    return model


def test_without_sharpness_the_gradient_is_that_of_a_population_of_one():
    judge, rows = torch.tensor([[0.4, -1.0, 0.7, 0.1]]), torch.arange(10)
    encoder = perceptron()
    layers = [p.detach() for p in encoder.parameters()]
    layers = [(p if p.ndim == 2 else p[None])[None].clone().requires_grad_() for p in layers]
    anchors, positives = (v.flatten(1)[None] for v in pairs(rows, torch.Generator().manual_seed(3)))
    still = robust_scores.Threat(0.0, 1, 0.0, 1.0)  # the attack stays where it is
    for row in ((0.0, 2.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0), (1.0, 2.0, 0.0, 0.3)):
        terms = robust_training.Terms(row[0], row[1], discriminator=row[3])
        rule = robust_training.objective(terms, pairs, still, temperature=0.5)
        found = gradient(watched(encoder, judge=judge), rule, rows)[1]
        expected = ensemble.gradients(layers, ensemble.recipe([row]), judge, anchors, anchors, positives, 0.5)
        assert all(torch.allclose(a, b.reshape(a.shape), atol=1e-6) for a, b in zip(found, expected, strict=True))


def test_sharpness_acts_on_the_benign_term_alone():
    encoder, rows = perceptron(), torch.arange(12)
    value, found = gradient(watched(encoder), robust_training.objective(FULL, pairs, THREAT, temperature=0.5), rows)
    calm = robust_training.Terms(FULL.adversarial, 0.0, discriminator=FULL.discriminator)
    rest, slopes = gradient(watched(encoder), robust_training.objective(calm, pairs, THREAT, temperature=0.5), rows)
    anchors, positives = pairs(rows, torch.Generator().manual_seed(3))

    def benign():
        return 2 * four_terms.contrast(encoder(anchors), encoder(positives), temperature=0.5).mean()

    sharp = sharpness.gradient_at_worst_neighbour(benign, encoder.parameters(), 0.5, adaptive=True)
    assert all(torch.allclose(a, b + c, atol=1e-5) for a, b, c in zip(found, slopes, sharp, strict=True))
    assert value - rest > benign().item()


def test_the_attack_raises_the_loss_and_stays_in_the_ball():
    seen, rows = [], torch.arange(12)

    class Spy(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = perceptron()

        def forward(self, batch):
            seen.append(batch.detach())
            return self.encoder(batch)

    model = watched(Spy())
    rule = robust_training.objective(robust_training.Terms(1.0, 0.0), pairs, THREAT, temperature=0.5)
    attacked_loss = rule(model, rows, torch.Generator().manual_seed(3)).item()
    anchors, positives = pairs(rows, torch.Generator().manual_seed(3))
    attacked = seen[-1].chunk(3)[2]
    assert (attacked - anchors).abs().max() <= 0.1 + 1e-6
    assert attacked.min() >= 0
    assert attacked.max() <= 1
    assert attacked_loss > four_terms.contrast(model(anchors), model(positives), temperature=0.5).mean()


@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_attack_and_second_pass_leave_running_statistics_alone(radius):
    encoder, twin = convolutional(), convolutional()
    terms = robust_training.Terms(1.0, 2.0, sharpness=radius)
    seen = []
    encoder.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].detach(), _momentum(module))))
    robust_training.objective(terms, pairs, THREAT, temperature=0.5)(
        watched(encoder).train(), torch.arange(12), torch.Generator().manual_seed(3)
    )
    counted = [batch for batch, momentum in seen if momentum]
    assert len(counted) == (2 if radius else 1)
    assert len(seen) > 4
    if not radius:
        twin.train()(counted[0])
        norms = [[m for m in e.modules() if isinstance(m, nn.BatchNorm2d)] for e in (encoder, twin)]
        assert all(torch.equal(a.running_mean, b.running_mean) for a, b in zip(*norms, strict=True))


def _momentum(module):
    return next(m for m in module.modules() if isinstance(m, nn.BatchNorm2d)).momentum


def fitted(tmp_path=None, *, stop_at=None, epochs=3):
    encoder, calls = perceptron(), []

    def measure(model):
        assert not model.training
        calls.append(1)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return dict.fromkeys(robust_training.READINGS, next(model.parameters()).sum().item())

    curve = robust_training.fit(
        encoder, torch.arange(24), pairs, FULL, THREAT, width=3, temperature=0.5, epochs=epochs, batch=8,
        learning_rate=1e-2, seed=5, measure=measure, marks=(0, 1, 3),
        checkpoint=None if tmp_path is None else tmp_path / "run.pt",
    )  # fmt: skip
    return [p.detach() for p in encoder.parameters()], curve, len(calls)


def test_a_resumed_training_ends_where_it_would_have_with_its_curve(tmp_path):
    straight, curve, calls = fitted()
    assert calls == 3
    assert len({*curve["bound"]}) == 3
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, stop_at=3)
    resumed, curve_again, calls = fitted(tmp_path)
    assert calls == 2  # before the training and at its end; epoch 1 is read from the checkpoint
    assert all(torch.equal(a, b) for a, b in zip(straight, resumed, strict=True))
    assert curve == curve_again


def test_a_batch_of_one_is_refused():
    rule = robust_training.objective(FULL, pairs, THREAT, temperature=0.5)
    with pytest.raises(ValueError, match="a batch of one image has no negatives"):
        rule(watched(perceptron()), torch.arange(1), torch.Generator())


def test_bound_terms_add_up():
    encoder = convolutional(batch_norm=False).eval()
    (test, labels), (pool, pool_labels) = images(20), images(60, seed=1)
    found = robust_training.bound_terms(
        encoder, test, labels, pool, pool_labels, robust_scores.Threat(0.1, 5, 0.0, 1.0), classes=2, temperature=0.5,
        generator=torch.Generator().manual_seed(0), negatives=40, tuple_steps=3,
    )  # fmt: skip
    assert math.isclose(
        found["robust_loss"] - found["clean_loss"], found["local_shift"] + found["global_shift"], abs_tol=1e-5
    )
    assert found["adversarial"] >= found["benign"] - 1e-6
    assert found["bound"] > found["robust_loss"] >= found["clean_loss"] - 1e-6


def test_divergence_knows_equal_from_separate():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(200, 3))
    assert abs(robust_training.divergence(points, rng.permutation(points))) < 0.1
    assert robust_training.divergence(points, points + 20) > 0.69


def test_sharpness_term_is_positive_and_leaves_the_weights():
    encoder = perceptron()
    before = [p.detach().clone() for p in encoder.parameters()]
    views = pairs(torch.arange(12), torch.Generator().manual_seed(0))
    small, large = (robust_training.sharpness_term(encoder, *views, r, temperature=0.5) for r in (0.01, 0.02))
    assert 1.9 < large / small < 2.2  # radius times the gradient's length, and a second-order rest
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))


def test_encoding_in_pieces_is_encoding_at_once():
    encoder, points = perceptron(), torch.rand(3, 1, 7, 16)
    whole, pieces = (robust_training.encoding(encoder, (4, 4), batch=b)(points) for b in (100, 4))
    assert torch.allclose(whole, pieces, atol=1e-6)
    assert whole.shape == (3, 1, 7, 3)


def test_probes_of_a_callable_encoder_and_of_layers_agree():
    encoder, (points, labels) = perceptron(), images(40)
    layers = [p.detach() for p in encoder.parameters()]
    layers = [(p if p.ndim == 2 else p[None])[None] for p in layers]
    fit = partial(
        robust_scores.fit_probe, inputs=points.flatten(1)[None], labels=labels[None], classes=2, temperature=0.5,
        threat=THREAT, iterations=4, batch=16,
    )  # fmt: skip
    encode = robust_training.encoding(encoder, (4, 4))
    one, two = (fit(form, generator=torch.Generator().manual_seed(0)) for form in (encode, layers))
    assert torch.allclose(one[0], two[0], atol=1e-4)


def test_terms_that_are_not_named_are_absent():
    terms = robust_training.Terms(1.0, 1.0)
    assert (terms.sharpness, terms.discriminator) == (0.0, 0.0)
