import numpy as np
import pytest
import torch

from helpers.figures import long_format


def test_scalars_are_repeated_and_pieces_follow_each_other():
    pieces = [{"law": "a", "k": np.arange(3), "gap": torch.zeros(3)}, {"law": "b", "k": 7, "gap": 0.5}]
    found = long_format.columns(pieces)
    assert found == {"law": ["a", "a", "a", "b"], "k": [0, 1, 2, 7], "gap": [0.0, 0.0, 0.0, 0.5]}


def test_refusals():
    with pytest.raises(ValueError, match="no piece"):
        long_format.columns([])
    with pytest.raises(ValueError, match=r"has the names \['y'\], expected \['x'\]"):
        long_format.columns([{"x": 1}, {"y": 1}])
    with pytest.raises(ValueError, match=r"arrays of \[2, 3\] entries"):
        long_format.columns([{"x": [1, 2], "y": [1, 2, 3]}])
