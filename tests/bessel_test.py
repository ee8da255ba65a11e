import numpy as np
import pytest

from helpers.papers.robust_contrastive import bessel, circle, finite_worlds


def test_partitions_are_those_of_a_fine_grid():
    world = circle.world(0, size=720, temperature=0.5)
    angle = 2 * np.pi * np.arange(720) / 720
    form = {"concentration": 8.0, "inverse": 2.0}
    free = bessel.label_free_partition(angle, bessel.CENTRES, **form)
    assert np.allclose(free, finite_worlds.label_free_log_partition(world)[0], atol=1e-12)
    assert np.allclose(bessel.partition(angle, bessel.CENTRES, **form), finite_worlds.log_partition(world)[0])


def test_a_class_mean_is_short_for_a_spread_class_and_long_for_a_sharp_one():
    assert bessel.mean_length(0.0) == 0
    assert bessel.mean_length(1e4) == pytest.approx(1, abs=1e-4)
    assert np.log(np.i0(3.0)) == pytest.approx(bessel.log_bessel(3.0))


def test_a_full_turn_puts_every_point_on_the_opposite_side():
    found = bessel.integrals(np.pi)
    assert found.robust == pytest.approx(np.logaddexp(0, 4 * bessel.mean_length(8.0)))
    assert found.total_variation == pytest.approx(1)
    assert bessel.integrals(0.0)[1:3] == pytest.approx([0, 0])
