import matplotlib
import numpy as np
import pytest

from helpers.figures import seed_curves
from helpers.papers.mutual_information import figures
from helpers.recording import recorded

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def axes():
    fig, panels = plt.subplots(2, 3)
    yield panels
    plt.close(fig)


def test_colourings_spell_the_squares_and_frame_the_marked_ones(axes):
    squares = np.arange(8).reshape(2, 2, 2) % 3
    spelt = figures.colourings(axes[0, 0], squares, ["A", "other"], columns=2, marked={"A": "red"})
    assert spelt == ["0120", "1201"]
    assert len(axes[0, 0].patches) == 1


def test_batch_sizes_return_what_is_drawn(axes):
    rows = [
        {
            "pairing": "p",
            "candidates": K,
            "seed": s,
            "training_value": 0 if K == "raw" else K / 10 + s,
            "information": 2.0,
            "accuracy": 0.9,
        }
        for K in (2, 4, "raw")
        for s in (0, 1)
    ]
    table = recorded.Recording(rows, {"seeds": [0, 1]})
    form = {"pairing": "p", "numbers": (2, 4), "baselines": ("raw",), "ceilings": {"ln K": np.log}}
    shown = figures.batch_sizes(axes[0, 0], axes[1, 0], table, **form)
    assert list(shown["p: training value"][0]) == [2, 4]
    assert shown["p: training value"][1].mean(axis=1) == pytest.approx([0.7, 0.9])
    assert shown["p: probe accuracy, raw"][1].ravel() == pytest.approx([0.9, 0.9])
    assert "p: training value, raw" not in shown
    assert seed_curves.columns(shown)["x"].count(0) == 4


def test_measures_and_correlations(axes):
    rng = np.random.default_rng(0)
    values = {key: rng.random((5, 3)) for key in ("a", "b", "accuracy")}
    family = np.array(["x", "x", "y", "y", "y"])
    panels = list(axes[0, :2])
    shown = figures.measures(panels, values, family, {"a": "A", "b": "B"}, accuracy="accuracy", classes=10)
    assert set(shown) == {"A: x", "A: y", "B: x", "B: y", "certified"}
    assert shown["A: y"][0] == pytest.approx(values["a"][2:].mean(axis=1))
    table = {"probe": rng.random((2, 3)), "neighbours": rng.random((2, 3))}
    ranks = figures.correlations(axes[1, 2], table, ["a", "b"])
    assert ranks["correlation: neighbours"][1] == pytest.approx(table["neighbours"])
    assert len(seed_curves.columns(shown | ranks)["x"]) == 5 + 5 + 100 + 12


def test_factor_probes_and_readings(axes):
    rng, sets = np.random.default_rng(1), ("untrained", "colour", "colour+digit")
    found = {name: rng.random((3, 2)) for name in ("colour", "digit", "position")}
    probes = figures.factor_probes(axes[0, 0], found, sets)
    assert probes["digit probe"][1] == pytest.approx(found["digit"])
    readings = {"post": rng.random((2, 2)), "training": rng.random((2, 2))}
    read = figures.readings_against_truth(axes[0, 1], np.array([1.0, 2.0]), readings, candidates=64)
    assert set(read) == {"truth", "best value at K = 64", "post", "training"}
    assert np.all(read["best value at K = 64"][1] <= read["truth"][1] + 1e-12)
    assert len(seed_curves.columns(probes | read)["value"]) == 18 + 120 + 8
