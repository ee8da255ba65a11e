import numpy as np
import pytest

from helpers.papers.multimodal_svd import published_points as points


def test_curves_have_one_value_a_point():
    assert all(curve.shape == points.NOISE.shape for curve in points.FIGURE_1.values())
    assert all(curve.shape == points.RATIOS.shape for curve in points.FIGURE_2.values())
    assert len(points.TABLE_1) == 18


def test_figure_and_table_agree_where_they_overlap():
    for noise in (0.1, 0.2, 0.3):
        place = round(20 * noise)
        for clusters, curve in ((10, "partitioned"), (0, "not partitioned")):
            assert abs(points.TABLE_1[clusters, noise] - points.FIGURE_1[curve][place]) <= 0.011


def test_the_cliff_is_bracketed_or_refused(monkeypatch):
    assert points.cliff(curve="not partitioned", level=0.3) == (0.25, 0.3)
    monkeypatch.setitem(points.FIGURE_1, "partitioned", np.tile([0.7, 0.1], 6)[:11])
    with pytest.raises(ValueError, match="'partitioned' does not cross"):
        points.cliff(level=0.3)
