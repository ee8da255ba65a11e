"""The recorded tables about information: each measures finite numbers in a few steps, and means what it says."""

import numpy as np
import pytest
import torch

from helpers.data import factor_images
from helpers.papers.mutual_information.tables import mi_infomin, mi_measures, mi_small_batch
from helpers.recording import recorded

CPU = torch.device("cpu")
SHORT = {"steps": 5, "pairs": 128, "batches": 2, "read_candidates": 128}


@pytest.mark.parametrize(
    "cell",
    [
        {"pairing": "same class", "candidates": 8},
        {"pairing": "same class", "candidates": "untrained"},
        {"pairing": "same class", "candidates": "raw pixels"},
    ],
)
def test_small_batch_measures(cell):
    values = mi_small_batch.measure(cell, 0, CPU, steps=10, critic=SHORT)
    assert ("training_value" in values) == isinstance(cell["candidates"], int)
    assert all(np.isfinite(value) for value in values.values())
    assert 0.5 < values["accuracy"] <= 1
    assert values["information"] <= np.log(128)


def test_small_batch_on_shipped_clothing():
    train, test = mi_small_batch.parts("augmentation", 0)
    assert (train.images.shape, test.images.shape) == ((6000, 14, 14), (2000, 14, 14))
    _, value = mi_small_batch.encode({"pairing": "augmentation", "candidates": 4}, 0, CPU, steps=20)
    assert 0 < value < np.log(4)
    views = mi_small_batch.views(torch.from_numpy(train.images[:8]), torch.Generator().manual_seed(0))
    assert views.shape == (8, 14, 14)


@pytest.mark.parametrize("family", ["raw pixels", "untrained", "principal components", "contrastive", "supervised"])
def test_measures_of_every_family(family):
    cell = next(cell for cell in mi_measures.CELLS if cell["family"] == family)
    values = mi_measures.measure(cell | ({"steps": 8} if family == "contrastive" else {}), 0, CPU, critic=SHORT)
    assert set(values) == {
        "accuracy", "neighbours", "same_class", "augmentation", "alignment", "uniformity", "tolerance",
    }  # fmt: skip
    assert all(np.isfinite(value) for value in values.values())


def test_there_are_twenty_two_different_encoders():
    assert len(mi_measures.CELLS) == 22
    assert len({str(sorted(cell.items())) for cell in mi_measures.CELLS}) == 22


def test_stored_measures_by_encoder():
    stored = recorded.load(recorded.table("03_mutual_information/mi_measures"))
    values, family = mi_measures.by_encoder(stored)
    assert set(values) == {*mi_measures.TITLES, "accuracy", "neighbours"}
    assert {part.shape for part in values.values()} == {(22, len(mi_measures.SEEDS))}
    assert family[0] == "raw pixels"
    assert values["same_class"][0] == pytest.approx(stored.values("same_class", family="raw pixels"))
    assert values["alignment"][2] == pytest.approx(
        -stored.values("alignment", family="principal components", components=1)
    )
    assert np.all(values["uniformity"] >= 0)


def test_infomin_truth_and_measure():
    assert mi_infomin.true_information("digit") == pytest.approx(np.log(10))
    assert mi_infomin.true_information("colour+position") == pytest.approx(np.log(32))
    assert mi_infomin.true_information("untrained") == pytest.approx(np.log(320))
    encoder, value = mi_infomin.encode("colour", 0, CPU, steps=10)
    assert value < np.log(64)
    probes = mi_infomin.probes(encoder, 0, CPU, train=300, test=100)
    assert set(probes) == set(factor_images.NAMES)
    stream = mi_infomin.features_of(encoder, lambda n, g: (torch.rand(n, 3, 14, 10, generator=g),) * 2, CPU)
    first, second = stream(20, torch.Generator().manual_seed(0))
    assert first.shape == (20, 64)
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", ["mi_small_batch", "mi_measures", "mi_infomin"])
def test_the_stored_table_is_the_defined_one(name):
    definition = recorded.table(f"03_mutual_information/{name}")
    stored = recorded.load(definition)
    assert len(stored.rows) == len(definition.cells) * len(definition.seeds)
