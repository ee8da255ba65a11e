"""Pictures of notebook 1: a figure and columns of one length, with the numbers that came in."""

import matplotlib
import numpy as np
import pytest

from helpers.papers.spectral_clustering import figures

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed():
    """No figure stays open."""
    yield
    figures.plt.close("all")


def length(columns):
    """The common length of all columns."""
    (found,) = {np.size(values) for values in columns.values()}
    return found


def test_routes_quote_their_medians():
    times, gaps = np.array([1.0, 2.0]), np.arange(1.0, 19.0).reshape(3, 3, 2)
    controls = {"first": np.ones(2), "second": np.full(2, 2.0)}
    _, columns = figures.three_routes(times, gaps, np.zeros((2, 2)), controls)
    assert length(columns) == 9 * 2
    names = np.array(columns["curve"])
    assert np.array(columns["value"])[names == "loops"].tolist() == np.median(gaps[:, 0], axis=0).tolist()
    assert np.array(columns["value"])[names == "error of the trace"].tolist() == [0.0, 0.0]


def test_bias_quotes_medians_and_predictions():
    sizes = np.array([2, 4])
    bias = np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 5.0]])
    _, columns = figures.batch_bias(sizes, bias, bias / 10, bias / 5, np.full(3, 8.0), np.full(3, 16.0))
    assert length(columns) == 3 * 2
    assert columns["median"][:2] == [2.0, 4.0]
    assert columns["predicted"][:4] == [4.0, 2.0, 4.0, 1.0]


def test_a_block_model_without_minimiser_has_no_angle():
    graphs = np.array([[1.0, 0.9], [0.8, 0.8], [0.7, 0.6], [10.0, 30.0], [0.0, 0.0]])
    table = {(0.5, 0): graphs, (0.5, 0.1): graphs, (1, 0): graphs, (0.75, 0.2): graphs}
    figure, columns = figures.block_model_panel((0, 0.1), table, ("infonce", "spectral", "mutual", "angle"))
    assert len(figure.axes) == 2
    assert length(columns) == 4
    assert columns["mutual"] == pytest.approx([0.65] * 4)
    assert columns["angle"] == [-1.0, 20.0, -1.0, 20.0]


def test_small_angles_are_drawn_at_zero():
    angles = {"spectral loss": [[1e-9, 1e-8]], "InfoNCE": [[15.0, 16.0]]}
    _, columns = figures.exact_spectral_theorem(angles, np.array([0.5]), np.array([-2.0]), [1e-12])
    assert length(columns) == 2 + 2 + 1 + 1
    assert columns["y"] == [0.0, 0.0, 15.0, 16.0, -2.0, 0.0]
