import functools

import numpy as np
import pytest
import torch

from helpers import data
from helpers.papers.robust_contrastive import robust_training
from helpers.papers.robust_contrastive.tables import robust_fashion as table
from helpers.recording import recorded

CPU = torch.device("cpu")
TINY = {
    "train_part": "test",
    "unlabelled": 60,
    "reference": 120,
    "test": 30,
    "watched": 20,
    "batch": 20,
    "epochs": 1,
    "marks": [0, 1],
    "encoder": [4, 6],
    "projector": [6, 4],
    "attack_steps": 1,
    "test_attack_steps": 2,
    "tuple_steps": 2,
    "negatives": 32,
    "probe_iterations": 3,
    "adversarial_probe_iterations": 2,
    "probe_batch": 16,
    "probe_attack_steps": 1,
}
shipped = functools.cache(data.images)


@pytest.fixture(autouse=True)
def images_read_once(monkeypatch):
    monkeypatch.setattr(data, "images", shipped)


def row(objective, seed=0, **changes):
    return table.measure(table.CONSTANTS | TINY | {"objective": objective} | changes, seed, CPU)


@pytest.mark.slow
def test_a_row_is_a_function_of_settings_and_seed():
    first, again, other = row("all four"), row("all four"), row("all four", seed=1)
    assert first == again
    assert first != other
    assert set(first) == {f"{p}_{w}" for p in ("slf", "alf") for w in ("clean", "robust")} | {
        f"{name}@{mark}" for name in robust_training.READINGS for mark in (0, 1)
    }
    assert all(np.isfinite(value) for value in first.values())
    assert all(0 <= first[f"{p}_robust"] <= first[f"{p}_clean"] <= 1 for p in ("slf", "alf"))


@pytest.mark.slow
def test_objectives_part_after_the_same_start():
    rows = [row(name, learning_rate=0.05) for name in table.OBJECTIVES]
    assert len({r["adversarial@0"] for r in rows}) == 1
    assert len({tuple(r.values()) for r in rows}) == len(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change", [{"radius": 0.2}, {"temperature": 0.3}, {"positives": "class"}, {"epochs": 2, "marks": [0, 2]}]
)
def test_settings_are_honoured(change):
    name = f"adversarial@{change.get('epochs', 1)}"
    assert row("adversarial", **change)[name] != row("adversarial")["adversarial@1"]


def test_a_larger_ball_is_worse_and_an_empty_one_harmless():
    radii = [row("benign", radius=radius) for radius in (0.0, 0.2)]
    assert np.isclose(radii[0]["robust_loss@1"], radii[0]["clean_loss@1"], atol=1e-5)
    assert radii[0]["slf_clean"] == radii[0]["slf_robust"]
    assert radii[1]["robust_loss@1"] > radii[1]["clean_loss@1"]


def test_the_full_profile_with_a_network_with_batch_norm_can_be_asked_for():
    full = recorded.table("05_robust_contrastive/robust_fashion", "full")
    settings = full.settings(full.cells[-1])
    assert settings["encoder"] == "resnet18"
    assert settings["negatives"] <= settings["reference"]
    values = row("all four", encoder=[4, 6], batch_norm=True, probe_on="features", optimiser="sgd")
    assert all(np.isfinite(value) for value in values.values())


def test_views_stay_in_the_data_range_and_class_positives_share_the_class():
    settings = table.CONSTANTS | TINY | {"positives": "class", "views": {"crop": 1.0, "gain": [1.0, 1.0]}}
    images, labels = table.parts(settings, 0)[0]
    images = labels[:, None, None] / 10 * torch.ones(1, 28, 28)
    anchors, positives = table.pairing(settings, images, labels)(torch.arange(40), torch.Generator().manual_seed(0))
    assert torch.allclose(anchors.mean(dim=(1, 2)), positives.mean(dim=(1, 2)), atol=1e-5)
    for changes, shape in (({}, (9, 28, 28)), (table.FULL["constants"], (9, 3, 32, 32))):
        augment = table.augmentation(table.CONSTANTS | changes)
        views = augment(torch.rand(shape), torch.Generator().manual_seed(0))
        assert views.shape == shape
        assert views.min() >= 0
        assert views.max() <= 1


@pytest.mark.slow
def test_it_draws_a_recording():
    keys = row("benign", marks=[0, 1]).keys()
    rng, constants = np.random.default_rng(0), table.CONSTANTS | {"marks": [0, 1]}
    rows = [
        {"objective": name, "seed": seed} | {key: rng.random() for key in keys}
        for name in table.OBJECTIVES
        for seed in (0, 1)
    ]
    figure = table.draw(recorded.Recording(rows, {"seeds": [0, 1], "constants": constants}))
    assert len(figure.axes) == 2
