"""The pictures of paper 3 draw what they store: columns of one length, and the numbers that were handed in."""

import matplotlib
import numpy as np
import pytest

from helpers.papers.mutual_information import figures
from helpers.recording import recorded

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def checked(figure, columns, panels):
    """The columns of a picture as arrays, of one length; at most three panels (legends aside)."""
    assert len(figure.axes) == panels <= 3
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    assert len({len(values) for values in arrays.values()}) == 1
    return arrays


def test_ceilings_store_the_range_of_the_frozen_critics():
    sizes, classes, many = np.array([1, 2, 10, 64]), np.array([2, 10]), np.array([2, 4])
    frozen = np.array([[0.5, 0.9], [0.6, 1.1]])
    found = checked(*figures.two_ceilings(sizes, classes, np.ones((4, 2)), many, frozen), 2)
    assert found["nats"][found["series"] == "frozen_highest"].tolist() == [0.6, 1.1]
    assert np.sum(found["series"] == "best") == 8


def test_bars_end_where_the_uncertainties_say():
    one = np.array([0.0, 0.2])
    found = checked(*figures.class_entropy_bars(["clear", "blurred"], 1.0, one, 2 * one, one / 2), 1)
    overlap = found["bar"] == "known from either alone: I(X;Y)"
    assert found["end"][overlap].tolist() == [1.0, 0.8]
    assert found["start"][overlap] == pytest.approx([0.0, 0.3])


def test_the_gap_has_its_errors():
    curve = np.array([1.0, 0.1])
    laws = {name: (curve, curve, curve, curve, curve / 10) for name in "abcd"}
    found = checked(*figures.infonce_gap(np.array([1, 10]), np.array([1, 10]), laws), 2)
    assert found["error"][found["curve"] == "in_batch"].tolist() == [0.1, 0.01] * 4


def test_the_urn_stores_distribution_functions():
    law = np.array([0.9, 0.95, 1.0]), np.array([0.2, 0.3, 0.5])
    drawn = figures.batch_as_urn([2, 1], law, law[1], (law[0], law[1]), (0.96, 0.01), draws=100)
    found = checked(*drawn, 3)
    assert found["value"][found["series"] == "exact"] == pytest.approx([0.2, 0.5, 1.0])
    assert found["bits"][found["series"] == "exact_mean"] == pytest.approx([0.965])


def test_ntxent_and_hash():
    excess = {name: np.arange(6.0).reshape(3, 2) for name in ("log(2B - 1)", "log B", "one view")}
    found = checked(*figures.ntxent_ceilings(np.array([2, 3, 4]), np.array([2, 3]), excess), 2)
    assert found["nats"].max() == 5
    codes = {"hash": np.array([1.0, 2.0]), "pixels": np.array([3.0, 4.0])}
    curve = (np.array([0.1, 1.0]), np.array([0.0, 2.3]))
    found = checked(
        *figures.hash_and_pixels({"hash": 1.0, "pixels": 1.0}, codes, codes, {"a": curve}, {"dot": (0.8, 1.0)}), 2
    )
    assert found["nats"][found["series"] == "pixels_held_out"].tolist() == [3.0, 4.0]


def test_maximisers_spell_the_squares():
    squares = np.arange(36).reshape(4, 3, 3) % 3
    names = ["A", "B", "Latin", "other"]
    found = checked(*figures.maximisers(squares, names, [1.0, 0, 0, 0.3], [0, 1.0, 0, 0.3]), 2)
    assert found["name"][0] == "A"
    assert sorted(found["encoder"]) == sorted("".join(map(str, square.ravel())) for square in squares)


def test_estimators_and_temperature():
    grid, bits = np.array([1.0, 2.0]), np.array([2, 4])
    readings = np.log(2) * np.array([[1.0, 2.0, 3.0], [2.0, 3.0, 4.0]])
    family = {"best": grid, "joint": readings, "separable": readings, "published": (np.arange(1, 7.0), np.ones(6))}
    found = checked(*figures.infonce_on_ground_truth(grid, bits, {"gaussian": family, "classes": family}), 2)
    assert found["read"][found["curve"] == "joint"] == pytest.approx([2, 3, 2, 3])
    names = ("NWJ", "DV", "JS", "SMILE 1", "SMILE 5")
    recordings = {f: dict.fromkeys(names, readings) for f in ("gaussian", "classes")}
    closed = {name: {"gaussian": grid, "classes": grid} for name in names[3:]}
    found = checked(*figures.others_on_ground_truth(bits, recordings, grid, closed), 2)
    assert found["off"][(found["what"] == "mean") & (found["estimator"] == "JS")] == pytest.approx([0, -1, 0, -1])
    values, limits = np.ones((2, 4)), np.ones((1, 2))
    taus = np.array([0.1, 0.2, 0.5, 1])
    drawn = figures.temperature(grid, taus, values, [2, 8], readings, np.array([0.1, 1]), np.array([2]), limits)
    assert checked(*drawn, 2)["spread"].max() == pytest.approx(np.log(2))


def test_an_overshoot_is_stored_with_its_sign():
    sizes, rows = np.array([8, 16, 32]), np.array([[-1.0, -0.5, -0.25], [-0.1, -0.02, -0.01], [0.1, -0.01, -0.001]])
    variance = {"uniform": np.ones(3), "skewed": np.ones(3)}
    leads = variance | {"wrong law": np.ones(3)}
    found = checked(*figures.bias_and_variance(sizes, rows, rows, variance, leads), 2)
    assert found["exact"][0] == -1
    assert np.sum(found["exact"][:9] > 0) == 1


def made_up():
    rows = [
        {"pairing": "p", "candidates": K, "seed": s, "training_value": K / 10 + s, "information": 2.0, "accuracy": 0.9}
        if K != "raw"
        else {"pairing": "p", "candidates": K, "seed": s, "information": 1.0 + s, "accuracy": 0.8}
        for K in (2, 4, "raw")
        for s in (0, 1)
    ]
    return recorded.Recording(rows, {"seeds": [0, 1]})


def test_batch_sizes_store_means_spreads_and_baselines():
    found = figures.sweep_of(made_up(), "p", (2, 4), ("raw",))
    assert found["training_value"].mean(axis=1) == pytest.approx([0.7, 0.9])
    ceilings = {"log K": np.log([2, 4])}
    drawn = checked(*figures.batch_sizes((2, 4), found, np.array([2, 4]), ceilings, read_candidates=512), 2)
    assert drawn["mean"][drawn["curve"] == "information, raw"].tolist() == [1.5]
    assert drawn["spread"][drawn["curve"] == "training_value"] == pytest.approx([0.5**0.5] * 2)


@pytest.mark.parametrize("draw", [figures.digit_measures, figures.fashion_measures])
def test_measures_and_ranks(draw):
    rng = np.random.default_rng(0)
    values = {key: rng.random((5, 3)) for key in ("same_class", "augmentation", "accuracy")}
    family = np.array(["x", "x", "y", "y", "y"])
    ranks = {name: rng.random((2, 3)) for name in ("accuracy", "neighbours")}
    titles = {"same_class": "same-class information (nats)", "augmentation": "augmentation information (nats)"}
    found = checked(*draw(values, family, titles, ranks), 3)
    chosen = (found["panel"] == "augmentation") & (found["series"] == "y")
    assert found["x"][chosen] == pytest.approx(values["augmentation"][2:].mean(axis=1))
    assert found["x"][found["series"] == "neighbours"] == pytest.approx(ranks["neighbours"].mean(axis=1))


def test_labels_and_shared_factors():
    sizes, irrelevant = np.array([1.0, 10.0]), np.array([1, 2])
    curves = np.array([[0.1, 0.5], [0.1, 0.3]])
    drawn = figures.few_labels(sizes, irrelevant, curves, 5, np.array([0.3, 0.2]), np.array([0.01, 0.01]))
    assert checked(*drawn, 1)["error"].max() == 0.01
    rng, sets = np.random.default_rng(1), ("untrained", "colour", "colour+digit")
    probes = {name: rng.random((3, 2)) for name in ("colour", "digit", "position")}
    readings = {"post": rng.random((2, 2)), "training": rng.random((2, 2))}
    found = checked(*figures.shared_factors(probes, sets, np.array([1.0, 2.0]), readings, candidates=64), 2)
    assert found["x"][found["series"] == "digit"] == pytest.approx(probes["digit"].mean(axis=1))
    assert found["y"][found["series"] == "post"] == pytest.approx(readings["post"].mean(axis=1))
