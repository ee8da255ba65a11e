from functools import partial

import pytest
import torch

from helpers.papers.robust_contrastive import ensemble, four_terms, robust_scores
from helpers.papers.robust_contrastive.tables import robust_ablation, robust_digits

PLAIN = {"temperature": 0.5, "radius": 0.3, "attack_steps": 2}


def trained(rows, seeds, *, steps=3, data_seed=0, **options):
    draw = torch.Generator().manual_seed(data_seed)
    labels = torch.arange(16)[None] % 2
    pairs = [[ensemble.robust_and_weak(labels, draw) for _ in range(2)] for _ in range(steps)]
    batches = iter(pairs)
    layers = ensemble.initial((11, 6, 2), seeds)
    repeat = lambda: [part.expand(len(seeds), -1, -1) for part in next(batches)]  # noqa: E731
    options = PLAIN | {"learning_rate": 0.01, "generator": torch.Generator().manual_seed(1)} | options
    ensemble.train(layers, ensemble.recipe(rows), repeat, steps=steps, **options)
    return layers


def test_a_network_does_not_depend_on_its_company_and_every_term_acts():
    rows = [(0, 1, 0, 0), (0, 2, 0.5, 0), (0, 1, 0, 0)]
    together = trained(rows, [3, 3, 4], radius=0.0)
    for number, (row, seed) in enumerate(zip(rows, (3, 3, 4), strict=True)):
        alone = trained([row], [seed], radius=0.0)
        assert all(torch.allclose(a[number], b[0], atol=1e-5) for a, b in zip(together, alone, strict=True))
    for row in ((1, 1, 0, 0), (0, 1, 0.5, 0), (0, 1, 0, 0.5)):
        other = trained([row], [3])
        assert not torch.allclose(other[0][0], together[0][0], atol=1e-6)


def test_features_have_unit_length_and_keep_leading_axes():
    layers = ensemble.initial((11, 6, 2), [0, 1])
    z = ensemble.features(layers, torch.randn(5, 2, 7, 11))
    assert z.shape == (5, 2, 7, 2)
    assert torch.allclose(z.norm(dim=-1), torch.ones(5, 2, 7))


def test_worst_step_has_the_radius_per_network_and_none_where_there_is_none():
    gradients = [torch.randn(3, 4, 2), torch.randn(3, 1, 4)]
    step = ensemble.worst_step(gradients, torch.tensor([0.5, 2.0, 0.0]))
    lengths = sum((s**2).flatten(1).sum(dim=1) for s in step).sqrt()
    assert torch.allclose(lengths, torch.tensor([0.5, 2.0, 0.0]))


def test_binary_cross_entropy_of_an_ignorant_judge_is_log_two():
    z = torch.randn(2, 5, 3)
    assert torch.allclose(four_terms.binary_cross_entropy(torch.zeros(2, 4), z, z), torch.full((2,), 0.6931472))


def test_discriminators_descend_their_cross_entropy_and_only_where_they_have_a_weight(monkeypatch):
    calls, fit = [], ensemble.training.fit

    def spy(population, *arguments, **options):
        calls.append(population)
        return fit(population, *arguments, **options)

    monkeypatch.setattr(ensemble.training, "fit", spy)
    trained([(1, 1, 0, 0.1)], [0])
    trained([(1, 1, 0, 0)], [0])
    assert [bool(population.judge.any()) for population in calls] == [True, False]
    assert [name for name, _ in calls[0].named_buffers()] == ["judge"]  # a checkpoint holds it
    z = torch.nn.functional.normalize(torch.randn(1, 40, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    judge, moved = torch.zeros(1, 4), z + torch.tensor([0.5, 0.0, 0.0])
    better = four_terms.discriminator_step(judge, z, moved, rate=0.2)
    first, second = (four_terms.binary_cross_entropy(d, z, moved) for d in (judge, better))
    assert second < first
    assert not judge.any()


def test_a_training_that_blows_up_is_named():
    with pytest.raises(FloatingPointError, match="the loss is nan at step 1"):
        trained([(0, float("nan"), 0, 0)], [0], steps=1)


def test_weak_coordinates_have_their_mean_and_spread():
    x = ensemble.robust_and_weak(torch.ones(20000, dtype=torch.long), torch.Generator().manual_seed(0))
    assert torch.allclose(x.mean(dim=0), torch.tensor([1.0, *[0.25] * 10]), atol=0.03)
    assert torch.allclose(x.std(dim=0), torch.tensor([0.6, *[0.12] * 10]), atol=0.02)


def test_mean_classifier_and_scores():
    layers = ensemble.initial((11, 6, 2), [0])
    labels = torch.arange(40)[None] % 2
    x = ensemble.robust_and_weak(labels, torch.Generator().manual_seed(0))
    z = ensemble.features(layers, x).detach()
    weights, bias = robust_scores.mean_classifier(z, labels, classes=2, temperature=0.5)
    assert torch.allclose(weights[0, 1], z[0, 1::2].mean(dim=0) / 0.5, atol=1e-6)
    assert torch.allclose(bias, torch.full((1, 1, 2), 0.5).log())
    with pytest.raises(ValueError, match="no sample"):
        robust_scores.mean_classifier(z, labels, classes=3, temperature=0.5)
    call = partial(robust_scores.scores, layers, x, labels, (weights, bias))
    harmless, hard = (call(robust_scores.Threat(r, 5), generator=torch.Generator().manual_seed(0)) for r in (0.0, 0.35))
    assert torch.allclose(harmless.clean_loss, harmless.robust_loss, atol=1e-6)
    assert hard.robust_loss >= hard.clean_loss
    assert hard.robust_accuracy <= hard.clean_accuracy
    assert (hard.points - x).abs().max() <= 0.35 + 1e-6
    adversarial = {"threat": robust_scores.Threat(0.1, 2), "iterations": 3}
    probe = robust_scores.fit_probe(
        layers, x, labels, classes=2, temperature=0.5, generator=torch.Generator().manual_seed(0), **adversarial
    )
    assert probe[0].shape == (1, 2, 2)
    clean, attacked = robust_scores.tuple_losses(
        layers, x, x, x, hard.points[None], robust_scores.Threat(0.35, 3), temperature=0.5
    )
    assert torch.all(attacked >= clean.min() - 1)
    assert attacked.mean() >= clean.mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "cell"), [(robust_digits, 0), (robust_digits, 7), (robust_ablation, 0), (robust_ablation, 6)]
)
def test_tables_measure_fractions_and_losses(table, cell):
    values = table.measure(table.CELLS[cell], 0, torch.device("cpu"), steps=2)
    assert all(0 <= value < 10 for value in values.values())
    with pytest.raises(ValueError, match="recorded on the CPU"):
        table.measure(table.CELLS[cell], 0, torch.device("meta"), steps=2)


def test_weights_start_uniform_within_one_over_the_root_of_the_inputs():
    layers = ensemble.initial((100, 400, 2), [0])
    for layer, inputs in zip(layers[:3], (100, 100, 400), strict=True):
        assert layer.abs().max() * inputs**0.5 <= 1 + 1e-6
    # a share 1e-3 of the range is missed by 40,000 draws with probability exp(-40)
    assert layers[0].max() * 10 > 0.998
    assert layers[0].min() * 10 < -0.998


def test_terms_are_those_of_the_library():
    generator = torch.Generator().manual_seed(1)
    z, candidates = torch.randn(2, 2, 7, 3, dtype=torch.float64, generator=generator)
    judge = torch.randn(2, 4, dtype=torch.float64, generator=generator)
    functional = torch.nn.functional
    rows = [
        functional.cross_entropy(a @ b.T / 0.5, torch.arange(7), reduction="none")
        for a, b in zip(z, candidates, strict=True)
    ]
    found = four_terms.contrast(z, candidates, temperature=0.5)
    assert torch.allclose(found, torch.stack(rows), rtol=0, atol=1e-13)
    logits, attacked = (
        torch.stack([functional.linear(a, d[None, :3], d[3:])[:, 0] for a, d in zip(side, judge, strict=True)])
        for side in (z, candidates)
    )
    assert torch.allclose(four_terms.logit(judge, z), logits, rtol=0, atol=1e-13)
    truth = torch.tensor([1.0, 0.0], dtype=torch.float64).repeat_interleave(7)
    both = torch.cat([logits, attacked], dim=1)
    expected = torch.stack([functional.binary_cross_entropy_with_logits(row, truth) for row in both])
    found = four_terms.binary_cross_entropy(judge, z, candidates)
    assert torch.allclose(found, expected, rtol=0, atol=1e-13)
    harm = four_terms.harm(z, candidates, logits, weight=0.3, temperature=0.5)
    assert torch.allclose(harm, torch.stack(rows) + 0.3 * torch.log(1 - torch.sigmoid(logits)), rtol=0, atol=1e-12)


def test_scores_of_a_harmless_attack_are_those_of_the_clean_points():
    layers = ensemble.initial((11, 6, 2), [0])
    labels = torch.arange(40)[None] % 2
    x = ensemble.robust_and_weak(labels, torch.Generator().manual_seed(0))
    z = ensemble.features(layers, x).detach()
    weights, bias = robust_scores.mean_classifier(z, labels, classes=2, temperature=0.5)
    logits = z[0] @ weights[0].T + bias[0]
    right = (logits.argmax(dim=-1) == labels[0]).float().mean()
    assert right > 0.6  # a classifier that is wrong everywhere would not do
    found = robust_scores.scores(
        layers, x, labels, (weights, bias), robust_scores.Threat(0.0, 2), generator=torch.Generator().manual_seed(0)
    )
    assert found.clean_accuracy.item() == pytest.approx(right.item(), abs=1e-6)
    assert found.robust_accuracy.item() == pytest.approx(right.item(), abs=1e-6)
    loss = torch.nn.functional.cross_entropy(logits, labels[0])
    assert found.clean_loss.item() == pytest.approx(loss.item(), rel=1e-5)


def test_clean_tuple_losses_by_hand():
    layers = ensemble.initial((11, 6, 2), [0, 1])
    generator = torch.Generator().manual_seed(2)
    x, positives, negatives = (torch.randn(2, count, 11, generator=generator) for count in (5, 5, 3))
    start = x[None].repeat(4, 1, 1, 1)
    clean, attacked = robust_scores.tuple_losses(
        layers, x, positives, negatives, start, robust_scores.Threat(0.0, 1), temperature=0.5
    )
    z, plus, minus = (ensemble.features(layers, points).detach() for points in (x, positives, negatives))
    for network in range(2):
        for n in range(5):
            gaps = (z[network, n] @ minus[network].T - z[network, n] @ plus[network, n]) / 0.5
            assert clean[network, n].item() == pytest.approx(torch.log(1 + gaps.exp().sum()).item(), rel=1e-5)
    assert torch.allclose(attacked, clean, atol=1e-6)
