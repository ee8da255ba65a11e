import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pytest

from helpers import figures


@pytest.fixture
def axes():
    fig, axes = plt.subplots()
    yield axes
    plt.close(fig)


def test_changes_start_where_the_row_above_ended(axes):
    figures.waterfall(axes, ["start", "up", "down", "end"], [1.0, 0.5, -0.2, 1.3], totals={0, 3})
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert bars == [(0, 1.0), (1.0, 0.5), (1.5, pytest.approx(-0.2)), (0, 1.3)]
    assert [text.get_text() for text in axes.texts] == ["1.000", "+0.500", "-0.200", "1.300"]
    assert axes.get_ylim() == (3.5, -0.5)


def test_a_waterfall_that_does_not_add_up_is_refused(axes):
    with pytest.raises(ValueError, match=r"row 2 \('end'\) is a total of 2\.0, but the changes lead to 1\.5"):
        figures.waterfall(axes, ["start", "up", "end"], [1.0, 0.5, 2.0], totals={0, 2})
    with pytest.raises(ValueError, match="row 0 must be a total"):
        figures.waterfall(axes, ["start", "up"], [1.0, 0.5], totals={1})
