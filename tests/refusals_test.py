import math

import pytest
import torch

from helpers import validation


def test_positive():
    validation.require_positive("scale", 2)
    validation.require_positive("scale", torch.tensor([1.0, 2.0]))
    for bad in (0, -1.0, math.nan, math.inf, torch.tensor([1.0, math.nan])):
        with pytest.raises(ValueError, match=r"scale is .*, expected a positive finite number"):
            validation.require_positive("scale", bad)


def test_square():
    with pytest.raises(ValueError, match=r"scores has shape \(3, 4\), expected \(..., n, n\)"):
        validation.require_square("scores", torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"scores has shape \(5,\)"):
        validation.require_square("scores", torch.zeros(5))


def test_numbers():
    validation.require_numbers("scores", torch.tensor([-math.inf, 0.0]))
    with pytest.raises(ValueError, match="scores holds a NaN"):
        validation.require_numbers("scores", torch.tensor([math.nan]))
    with pytest.raises(ValueError, match=r"scores has dtype torch.int64"):
        validation.require_numbers("scores", torch.arange(3))


def test_values_are_not_looked_at_inside_vmap_but_other_errors_pass():
    doubled = torch.func.vmap(lambda x: (validation.require_numbers("x", x), 2 * x)[1])(torch.ones(3))
    assert doubled.tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(RuntimeError):
        validation.any_true(torch.empty(2, device="meta"))
