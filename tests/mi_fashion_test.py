"""The table of encoders of Fashion-MNIST: every family is measured, settings count, the table is read right."""

import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import torch

from helpers.evaluation import encoder_measures
from helpers.papers.mutual_information.tables import mi_fashion
from helpers.recording import recorded

matplotlib.use("Agg")
import matplotlib.pyplot as plt

CPU = torch.device("cpu")
TINY = {
    "split": "test part",
    "train": 320,
    "test": 300,
    "encoder": [4, 8],
    "projector": [8, 8, 4],
    "epochs": 2,
    "pairs": 64,
    "viewed": 200,
    "measured": 200,
    "critic": {"steps": 5, "pairs": 64, "candidates": 64, "batches": 2, "read_candidates": 128},
}
NAMES = {*mi_fashion.MEASURES, "accuracy", "neighbours"}


def first(family):
    return next(cell for cell in mi_fashion.CELLS if cell["family"] == family)


def tiny(family, **changes):
    return mi_fashion.measure(mi_fashion.CONSTANTS | TINY | first(family) | changes, 0, CPU)


@pytest.mark.slow
@pytest.mark.parametrize("family", list(dict.fromkeys(cell["family"] for cell in mi_fashion.CELLS)))
def test_every_family_is_measured(family):
    values, trained = tiny(family), family in (mi_fashion.SAME, mi_fashion.VIEWS)
    names = NAMES | ({"training_value"} if trained else set())
    assert set(values) == names | ({f"{name} after 1" for name in names} if trained else set())
    assert all(np.isfinite(value) for value in values.values())
    assert 0.2 < values["accuracy"] < 1
    assert values["same_class"] <= np.log(128)


@pytest.mark.slow
def test_rows_are_functions_of_settings_and_seed(tmp_path):
    once = tiny(mi_fashion.SAME, candidates=8)
    assert once == tiny(mi_fashion.SAME, candidates=8)
    settings = mi_fashion.CONSTANTS | TINY | first(mi_fashion.SAME) | {"candidates": 8}
    assert mi_fashion.measure(settings, 0, CPU, tmp_path / "row.pt") == once
    assert not list(tmp_path.iterdir())
    assert mi_fashion.measure(settings, 1, CPU)["accuracy"] != once["accuracy"]
    assert tiny(mi_fashion.SAME, candidates=8, read_after=[])["training_value"] == once["training_value"]
    assert 0 < once["training_value"] < np.log(8)


def test_parts_of_the_shipped_images_are_disjoint():
    settings = mi_fashion.CONSTANTS | {"split": "test part", "train": 6000, "test": 4000}
    train, test = mi_fashion.parts(settings, 3)
    seen = np.concatenate([part.images.reshape(len(part), -1) for part in (train, test)])
    whole = np.sort(mi_fashion.parts(settings, 4)[0].images.sum(axis=(1, 2)))
    assert seen.shape == (10_000, 784)
    assert not np.array_equal(np.sort(train.images.sum(axis=(1, 2))), whole)


def test_the_cells():
    assert len(mi_fashion.CELLS) == 7 + 4 + 8 + 4
    full = mi_fashion.CONSTANTS | mi_fashion.FULL["constants"]
    assert set(full) == set(mi_fashion.CONSTANTS)
    for constants, cells in ((mi_fashion.CONSTANTS, mi_fashion.CELLS), (full, mi_fashion.FULL["cells"])):
        assert all(constants["pairs"] % cell["candidates"] == 0 for cell in cells if "candidates" in cell)
        assert len({str(cell) for cell in cells}) == len(cells)


def made_up():
    """A recording in which the same-class information ranks encoders as the accuracy does, and alignment backwards."""
    rng, seeds, rows = np.random.default_rng(0), [0, 1, 2], []
    for number, cell in enumerate(mi_fashion.CELLS):
        for seed in seeds:
            row = dict(cell) | {"seed": seed}
            for end in [" after 1", ""] if cell["family"] in (mi_fashion.SAME, mi_fashion.VIEWS) else [""]:
                accuracy = 0.3 + 0.02 * number + 0.01 * (end == "") + 0.001 * seed
                row |= {f"{key}{end}": float(rng.normal()) for key in mi_fashion.MEASURES}
                row |= {f"accuracy{end}": accuracy, f"neighbours{end}": accuracy, f"training_value{end}": 1.0}
                row |= {f"same_class{end}": 2 * accuracy, f"alignment{end}": accuracy**2}
            rows.append(row)
    return recorded.Recording(rows, {"seeds": seeds, "constants": mi_fashion.CONSTANTS})


def test_encoders_and_correlations():
    values, family = mi_fashion.by_encoder(made_up())
    assert {part.shape for part in values.values()} == {(7 + 2 * 12 + 4, 3)}
    assert list(family[:3]) == ["untrained", "raw pixels", "principal components"]
    ranks = mi_fashion.correlations(values, encoder_measures.rank_correlation)
    assert ranks.shape == (5, 3)
    assert ranks[0] == pytest.approx(np.ones(3))
    assert ranks[2] == pytest.approx(-np.ones(3))
    some = mi_fashion.correlations(values, encoder_measures.linear_correlation, chosen=family == mi_fashion.VIEWS)
    assert some[0] == pytest.approx(np.ones(3))


def test_the_sweep_and_the_picture():
    recording = made_up()
    rows = mi_fashion.sweep(recording)
    assert rows.values("accuracy", pairing=mi_fashion.VIEWS, candidates=256).shape == (3,)
    assert rows.values("accuracy", pairing=mi_fashion.SAME, candidates="untrained") == pytest.approx(
        [0.31, 0.311, 0.312]
    )
    assert mi_fashion.numbers(recording) == [2, 8, 32, 256]
    assert len(mi_fashion.draw(recording).axes) == 3
    plt.close("all")


def test_the_tables_of_text():
    recording = made_up()
    header, rows = mi_fashion.batch_rows(recording)
    assert len(rows) == 2 * (4 + 2)
    assert {len(row) for row in rows} == {len(header)}
    assert rows[0][:3] == [mi_fashion.SAME, "2", "1.000 ± 0.000"]
    assert rows[0][6] == "-0.060 (-0.060 to -0.060)"
    assert rows[3][6] == ""
    assert rows[4][1:3] == ["untrained", ""]
    header, rows = mi_fashion.measure_rows(recording)
    assert {len(row) for row in rows} == {len(header)} == {9}
    assert rows[0][1:3] == ["1.000 ± 0.000", ""]
    assert rows[2][2] == "-2.000 (-2.000 to -2.000)"


@pytest.mark.slow
def test_the_live_row_takes_seconds():
    values = mi_fashion.measure(mi_fashion.CONSTANTS | mi_fashion.LIVE | first(mi_fashion.SAME) | {"epochs": 1}, 0, CPU)
    assert values["accuracy"] > 0.6


@pytest.mark.slow
def test_the_numerical_libraries_suffice():
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'tqdm', 'networkx', 'IPython'): sys.modules[name] = None\n"
        "import helpers.papers.mutual_information.tables.mi_fashion"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
