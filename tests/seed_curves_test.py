import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.figures import seed_curves
from helpers.recording import recorded

ROWS = [{"p": p, "kind": kind, "seed": seed, "y": p + seed} for p in (0.2, 0.1) for kind in "ab" for seed in (0, 1)]
RECORDING = recorded.Recording(ROWS, {"seeds": [0, 1], "table": "00_none/tiny"})


def test_a_curve_is_read_in_ascending_order():
    x, values = seed_curves.from_recording(RECORDING, "y", "p", kind="a")
    np.testing.assert_array_equal(x, [0.1, 0.2])
    np.testing.assert_allclose(values, [[0.1, 1.1], [0.2, 1.2]])


def test_a_curve_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="matches no row of 00_none/tiny"):
        seed_curves.from_recording(RECORDING, "y", "p", kind="c")


def test_the_line_is_the_mean_and_single_curves_have_no_points():
    _, axes = plt.subplots()
    seed_curves.draw(axes, ([1, 2], [[1.0, 3.0], [4.0, 6.0]]), "-", colour="black", label="both")
    seed_curves.draw(axes, ([1, 2], [5.0, 7.0]), "-", colour="black", label="one")
    assert [line.get_ydata().tolist() for line in axes.lines] == [[1.0, 4.0], [3.0, 6.0], [2.0, 5.0], [5.0, 7.0]]
    plt.close("all")


def test_columns_are_of_one_length():
    table = seed_curves.columns({"a": ([1, 2], [[3.0, 4.0], [5.0, 6.0]]), "b": ([7], [8.0])})
    assert table == {"curve": ["a"] * 4 + ["b"], "x": [1, 1, 2, 2, 7], "value": [3.0, 4.0, 5.0, 6.0, 8.0]}
