import numpy as np
import torch

from helpers.losses import pair_loss_family
from helpers.networks import encoders
from helpers.papers.multimodal_svd import dual_encoder, spiked_model, tower_scores


def images(n=60, width=6):
    return torch.randint(0, 256, (n, 8, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def towers(seed=0, outputs=5):
    sides = [
        encoders.convolutional((3, 4), (4, outputs), colours=1, normalise=False, seed=seed + number)
        for number in (0, 1)
    ]
    return dual_encoder.TwoTowers(*sides, split=3, normalise=True)


def test_observed_pairs_keep_the_left_and_take_the_right():
    own, pairing = images(4), np.array([0, 2, 1, 3])
    rows = tower_scores.observed(own, pairing)
    assert torch.equal(rows[..., :3], own[..., :3])
    assert torch.equal(rows[1, :, 3:], own[2, :, 3:])
    assert torch.equal(tower_scores.observed(rows, pairing), own)  # an involution
    colours = torch.stack([own, own, own], dim=1)
    assert torch.equal(tower_scores.observed(colours, pairing)[:, 1], rows)


def test_outputs_are_what_the_towers_compare():
    model, some = towers(), images()
    left, right = tower_scores.outputs(model, some)
    unit = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in (left, right)]
    with torch.no_grad():
        np.testing.assert_allclose(unit[0] @ unit[1].T, model.eval().scores(some).numpy(), atol=1e-5)


def test_the_linear_encoder_is_the_best_coupling():
    own = images()
    encode = tower_scores.linear_encoder(own, rank=2)
    left, right = encode(own)
    x, y = (half.reshape(60, -1).numpy() / 255 for half in (own[..., :3], own[..., 3:]))
    coupling = spiked_model.best_coupling(spiked_model.contrastive_cross_covariance(x, y), rank=2, penalty=1.0)
    np.testing.assert_allclose(left @ right.T, (x - x.mean(0)) @ coupling @ (y - y.mean(0)).T, atol=1e-12)


def test_guesses_are_right_where_the_partner_is_there():
    right = np.random.default_rng(0).normal(size=(400, 60))
    found = tower_scores.guessed_right(2 * right, right, np.random.default_rng(1), batch=40)
    assert found["aligned"] == 1.0
    assert found["shuffled"] < 0.2  # a partner is in the batch one time in ten


def test_scores_of_encoders_that_know_and_of_some_that_do_not():
    labels = np.arange(200) % 4
    clear = torch.zeros(200, 8, 6, dtype=torch.uint8)
    clear[torch.arange(200), torch.from_numpy(labels)] = 200
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(200, 30))

    def knowing(some):
        return some[:, :4, 0].double().numpy(), some[:, :4, 5].double().numpy()

    found = tower_scores.scores(knowing, (clear, labels), (clear, labels), strength=1.0, candidates=100)
    assert found["error"] == found["left_error"] == 0.0
    assert found["hit"] < 0.1  # the first of 25 equal ones
    parts = (clear, rng.permutation(labels)), (clear, labels)
    blind = tower_scores.scores(lambda some: (codes, codes), *parts, strength=1.0, candidates=100)
    assert blind["hit"] == 1.0
    assert blind["error"] > 0.4


def test_the_gradient_identity_holds_at_convolutional_encoders():
    model = towers().eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert tower_scores.identity_error(model, images(30), temperature=0.3) < 64 * np.finfo(float).eps * 30
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_the_identity_breaks_with_the_printed_weights(monkeypatch):
    right = pair_loss_family.signed_weights

    def wrong(*arguments, **options):
        monkeypatch.setattr(pair_loss_family, "signed_weights", right)  # the printed ones are made from these
        return pair_loss_family.printed_weights(*arguments, **options)

    monkeypatch.setattr(pair_loss_family, "signed_weights", wrong)
    assert tower_scores.identity_error(towers(), images(30), temperature=0.3) > 0.01


def test_the_probe_reads_the_sides_that_it_names():
    rng = np.random.default_rng(4)
    labels = np.arange(200) % 2
    codes, noise = np.eye(2)[labels], rng.standard_normal((200, 2))
    parts = (codes, labels), (codes, labels)
    options = {"strength": 1.0, "candidates": 100}
    left = tower_scores.scores(lambda some: (some, noise), *parts, **options)
    right = tower_scores.scores(lambda some: (noise, some), *parts, **options)
    assert (left["error"], left["left_error"]) == (0.0, 0.0)
    assert right["error"] == 0.0
    assert right["left_error"] > 0.2
