import math
import types

import numpy as np
import pytest
import torch

from helpers.papers.mutual_information import information_toys


def test_clouds_lie_around_their_centres():
    centres = 100 * torch.eye(3)
    points, labels = information_toys.clouds(300, centres, torch.Generator().manual_seed(0), spread=0.1)
    assert (points - centres[labels]).abs().max() < 1
    assert len(labels.unique()) == 3


@pytest.mark.slow
def test_a_short_training_stays_below_the_logarithm_of_the_batch():
    readings = information_toys.same_class_encoders([0], (2, 4), steps=20)
    assert readings.training_value.shape == (1, 2)
    assert np.all((readings.training_value > 0) & (readings.training_value < np.log([2, 4])))
    assert np.all(readings.accuracy > 0.9)
    assert np.all(readings.information <= math.log(information_toys.CRITIC["read_candidates"]))


def test_untrained_encoders_read_less_where_clouds_overlap():
    clear, overlapping = (
        information_toys.same_class_encoders([0], (2,), spread=spread, steps=0) for spread in (0.5, 1.0)
    )
    assert np.isnan(clear.training_value).all()
    assert clear.information > overlapping.information + 0.3


@pytest.mark.slow
def test_ends_of_the_mixed_family():
    same, views = (
        information_toys.mixed_encoders([0], [0.0, 1.0], pairing=pairing) for pairing in ("class", "augmentation")
    )
    assert abs(same.information[0, 0]) < 0.1 < 1.9 < same.information[0, 1]
    assert views.information[0, 0] > 4
    assert np.array_equal(same.accuracy, views.accuracy)
    assert same.accuracy[0, 1] > 0.99
    assert np.isnan(same.training_value).all()
    with pytest.raises(ValueError, match="pairing is 'other'"):
        information_toys.mixed_encoders([0], [1.0], pairing="other")


def test_factor_encoders_are_functions_of_the_seed():
    first, again, other = information_toys.factor_encoders([0, 0, 1], {"digit"}, steps=10)
    assert first == again
    assert np.isfinite(other)
    assert 0.3 < information_toys.factor_encoders([0], set(), steps=0)[0] < 1


def test_mixed_encoders_have_a_row_a_seed_and_a_column_a_weight(monkeypatch):
    def mixed(seed, weights, pairing, device):
        assert (pairing, device) == ("class", "cpu")
        read = types.SimpleNamespace(value=100.0 * seed, standard_error=0.1)
        return [(math.nan, read, types.SimpleNamespace(value=weight, standard_error=0.2)) for weight in weights]

    monkeypatch.setattr(information_toys, "_mixed", mixed)
    found = information_toys.mixed_encoders([3, 7], [0.0, 0.5, 1.0], pairing="class")
    assert found.information.tolist() == [[300.0] * 3, [700.0] * 3]
    assert found.accuracy.tolist() == [[0.0, 0.5, 1.0]] * 2
