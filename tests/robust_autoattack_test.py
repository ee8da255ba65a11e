"""The table of AutoAttack's parts: what can be tried without the package."""

from importlib import metadata
from types import SimpleNamespace

import pytest
import torch

from helpers.papers.robust_contrastive.tables import robust_autoattack as table


def test_a_row_without_attacks_of_the_package():
    row = table.measure(table.CELLS[0], 0, "cpu", steps=2, names=())
    assert set(row) == {"clean", "pgd", "together", "all"}
    assert row["pgd"] <= row["clean"] == row["together"]
    assert row["all"] == row["pgd"]


def test_another_version_of_the_package_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda name: "0.0.1")
    with pytest.raises(ImportError, match=r"pyautoattack is 0\.0\.1, this table is recorded with 0.2.0"):
        table.package()


def test_the_package_has_to_be_there(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    with pytest.raises(ImportError, match="pyautoattack is not installed"):
        table.package()


def test_another_device_is_refused():
    with pytest.raises(ValueError, match="recorded on the CPU, not on cuda"):
        table.measure(table.CELLS[0], 0, "cuda")


def test_an_answer_outside_the_ball_is_refused(monkeypatch):
    class Tool:
        def __init__(self, *_, **__):
            self.apgd, self.fab, self.square = SimpleNamespace(), SimpleNamespace(), SimpleNamespace()

        def run_standard_evaluation(self, images, labels, *, batch_size):
            return images + 0.5

    monkeypatch.setattr(table, "package", lambda: SimpleNamespace(AutoAttack=Tool))
    images, limits = torch.zeros(3, 1, 8, 8), {"radius": 0.1, "queries": 5, "seed": 0}
    with pytest.raises(ValueError, match=r"square moved a pixel by 0\.5, the radius is 0\.1"):
        table.attacked(None, images, torch.zeros(3).long(), "square", **limits)
