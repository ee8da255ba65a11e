import math

import pytest
import torch
from scipy import stats

from helpers import critics
from helpers.information import estimators


def correlated(count, generator):
    first, fresh = torch.randn(2, count, 2, generator=generator)
    return first, 0.9 * first + math.sqrt(0.19) * fresh


def test_the_gaussian_critic_is_the_log_density_ratio():
    points = torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    scores = critics.gaussian_critic(0.7)(points[:3], points[3:])
    law = stats.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]])
    for i in range(3):
        for j in range(3):
            expected = sum(
                law.logpdf([a, b]) - stats.norm.logpdf(a) - stats.norm.logpdf(b)
                for a, b in zip(points[i].tolist(), points[3 + j].tolist(), strict=True)
            )
            assert scores[i, j].item() == pytest.approx(expected, abs=1e-12)


def test_table_and_class_critics_look_up():
    table = torch.arange(6.0).reshape(2, 3)
    first, second = torch.tensor([[1, 0]]), torch.tensor([[2, 2]])
    assert critics.table_critic(table)(first, second).tolist() == [[[5.0, 5.0], [2.0, 2.0]]]
    assert critics.table_critic(table)(first[..., None], second[..., None]).tolist() == [[[5.0, 5.0], [2.0, 2.0]]]
    scores = critics.class_critic(torch.tensor([0.25, 0.75]))(torch.tensor([0, 1]), torch.tensor([0, 1]))
    assert scores.diagonal().exp().tolist() == pytest.approx([4, 4 / 3])
    assert scores[0, 1] == critics.NEVER


def test_the_joint_critic_scores_concatenated_pairs():
    critic = critics.joint(2, 3, hidden=(8, 4), seed=3)
    first, second = torch.randn(5, 2), torch.randn(6, 3)
    pair = torch.cat([first[:, None].expand(5, 6, 2), second[None].expand(5, 6, 3)], dim=-1)
    assert torch.allclose(critic(first, second), critic.rest(critic.inlet(pair))[..., 0], atol=1e-6)


def test_weights_are_a_function_of_the_seed():
    for make in (
        lambda seed: critics.joint(2, 2, hidden=(4,), seed=seed),
        lambda seed: critics.separable((2, 4), seed=seed),
    ):
        torch.manual_seed(5)
        before = torch.get_rng_state()
        first, again, other = (next(iter(make(seed).parameters())) for seed in (0, 0, 1))
        assert torch.equal(before, torch.get_rng_state())
        assert torch.equal(first, again)
        assert not torch.equal(first, other)
    towers = critics.separable((2, 4), seed=0)
    assert not torch.equal(towers.first[0].weight, towers.second[0].weight)


@pytest.mark.slow
@pytest.mark.parametrize("candidates", [2, 16])
def test_a_fit_approaches_the_truth_and_repeats(candidates):
    fitted = []
    for _ in range(2):
        critic = critics.joint(2, 2, hidden=(16, 16), seed=0)
        trace = critics.fit(critic, correlated, steps=150, pairs=64, candidates=candidates, learning_rate=1e-2, seed=1)
        fitted.append(critics.read(critic, correlated, batches=20, candidates=64, seed=2))
    assert fitted[0] == fitted[1]
    assert trace.shape == (150,)
    assert trace[-50:].mean() < math.log(candidates)
    truth = -math.log(0.19)  # two coordinates
    assert 0.7 * truth < fitted[0].value < truth + 5 * fitted[0].standard_error


def test_post_training_information_reads_held_out_pairs():
    noise = torch.randn(2, 500, 3, generator=torch.Generator().manual_seed(0))
    critic = critics.joint(3, 3, hidden=(64, 64), seed=0)
    found = critics.post_training_information(
        critic,
        lambda count, generator: noise[:, :20],
        critics.in_order(*noise[:, 20:]),
        steps=200,
        pairs=20,
        candidates=20,
        batches=12,
        read_candidates=40,
        learning_rate=1e-2,
        seed=0,
    )
    inside = estimators.from_pairs("infonce", critic, *noise[:, :20]).value
    assert inside > 2.5  # the truth is 0, the ceiling 3.0
    assert found.value < 5 * found.standard_error
    assert (found.candidates, found.trials, found.method) == (40, 12, "infonce")


def test_same_class_pairs_follow_their_law():
    labels = torch.tensor([1, 0, 1, 1, 0, 2])
    draw = critics.same_class_pairs(torch.arange(6.0)[:, None], labels)
    first, second = (side[:, 0].long() for side in draw(60_000, torch.Generator().manual_seed(0)))
    assert torch.equal(labels[first], labels[second])
    seen = torch.zeros(6, 6).index_put((first, second), torch.ones(60_000), accumulate=True)
    sizes = torch.tensor([2, 3, 1])
    expected = 60_000 * (labels[:, None] == labels) / (6 * sizes[labels][:, None])
    allowed = expected > 0
    assert stats.chisquare(seen[allowed], expected[allowed]).pvalue > 1e-6


def test_drawers_of_given_pairs():
    first, second = torch.arange(6.0)[:, None], 10 + torch.arange(6.0)[:, None]
    draw = critics.in_order(first, second)
    assert draw(4, None)[0].tolist() == first[:4].tolist()
    with pytest.raises(ValueError, match="3 pairs asked for, 2 of 6 left"):
        draw(3, None)
    assert draw(2, None)[1].tolist() == second[4:].tolist()


def test_refusals():
    with pytest.raises(ValueError, match=r"correlation is 1\.0"):
        critics.gaussian_critic(1.0)
    with pytest.raises(ValueError, match="with the same last one"):
        critics.separable((2, 4), (2, 5), seed=0)
    with pytest.raises(ValueError, match="expected positive numbers"):
        critics.joint(2, 2, hidden=(), seed=0)
    with pytest.raises(ValueError, match="10 pairs a step cannot be split into batches of 4"):
        critics.fit(
            critics.separable((2, 2), seed=0), correlated, steps=1, pairs=10, candidates=4, learning_rate=1, seed=0
        )
    with pytest.raises(FloatingPointError, match=r"the loss is .* at step 1;"):
        critics.fit(
            critics.separable((2, 2), seed=0),
            correlated,
            steps=2,
            pairs=4,
            candidates=4,
            learning_rate=1e-3,
            seed=0,
            objective=lambda scores: scores.mean() / 0,
        )
