"""Drawing functions of the multimodal room: what they plot is what they hand on."""

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from helpers.papers.multimodal_svd import figures


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_a_line_never_changes_between_used_and_left_out():
    penalties = np.array([1.0, 0.1, 0.01])
    spectrum = np.array([[5.0, 4.0, 1.0], [3.0, 2.0, 1.0], [2.0, 1.0, 0.5]])
    used = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], bool)
    curves = dict.fromkeys(("descent", "refreshed", "frozen"), np.arange(4.0))
    figure, columns = figures.frozen_refreshed_converged(curves, penalties, spectrum, used)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[1].lines}
    assert list(lines["used by CLIP"]) == [5.0, 3.0, 1.0]
    assert list(lines["left out"]) == [1.0, 1.0, 2.0]
    chosen = [v for v, c, u in zip(columns["value"], columns["curve"], columns["used"], strict=True) if u]
    assert sorted(chosen) == sorted(spectrum[used])
    assert len(columns["value"]) == 12 + 9


def test_the_points_of_the_wrong_pairs_are_root_mean_squares():
    squares = np.arange(1.0, 25).reshape(2, 3, 4)
    law = np.array([1.0, 0.5])
    figure, columns = figures.wrong_pairs(np.array([10, 20, 40]), [0.0, 1.0], squares, np.array([10, 40]), law, 1.2)
    assert columns["rms"] == pytest.approx(np.sqrt(squares.mean(axis=-1)).ravel())
    assert columns["share"] == [0.0] * 3 + [1.0] * 3
    assert len(figure.axes[1].containers) == 1  # with every pair wrong there is nothing to collapse


def test_weights_at_the_pole_are_not_drawn_as_errors():
    grids = {0.5: np.array([0.5, 4.0, 2.0])}
    small, large = {0.5: np.full((3, 5), 4.0)}, {0.5: (np.full((2, 3), 9.0), np.zeros((2, 3)))}
    _, columns = figures.positive_weight(grids, small, large)
    kinds = list(zip(columns["kind"], columns["nu"], columns["value"], strict=True))
    assert ("saturated error", 4.0, 2.0) in kinds
    assert ("algorithm 4 error", 4.0, 3.0) in kinds
    assert not [kind for kind, nu, _ in kinds if nu == 2.0 and kind != "coefficient"]
