"""Every table of trained encoders takes colour images as well: CIFAR-10 is a matter of one setting."""

import alpha_cl_fashion_test
import kernel_infonce_fashion_test
import mi_fashion_test
import multimodal_halves_test
import numpy as np
import pytest
import robust_fashion_test
import torch

from helpers import data
from helpers.papers.alpha_cl.tables import alpha_cl_fashion
from helpers.papers.multimodal_svd.tables import multimodal_halves
from helpers.papers.mutual_information.tables import mi_fashion
from helpers.papers.robust_contrastive.tables import robust_fashion
from helpers.papers.spectral_clustering.tables import kernel_infonce_fashion

pytestmark = pytest.mark.slow

NAME = "noise in colour"  # no real set: nothing that is kept between calls can be mistaken for one
WRONG_PAIRS = {"task": "wrong", "n": 128, "share": 0.5}
TINY = {
    kernel_infonce_fashion: kernel_infonce_fashion_test.SMALL | {"kernel": "laplacian", "scale": 0.1},
    alpha_cl_fashion: alpha_cl_fashion_test.SMALL | {"loss": "infonce"},
    mi_fashion: mi_fashion_test.TINY | mi_fashion_test.first(mi_fashion.VIEWS),
    multimodal_halves: multimodal_halves_test.SMALL | WRONG_PAIRS,
    robust_fashion: robust_fashion_test.TINY | {"objective": "adversarial"},
}


def noise(name, part, *, download=True):
    """A data set shaped as CIFAR-10, in which a class is a shade."""
    del download
    assert name == NAME
    rng = np.random.default_rng(part == "test")
    labels = rng.permutation(np.arange(10_000) % 10)
    shades = (labels[:, None, None, None] * 20 + rng.integers(0, 60, (10_000, 3, 32, 32))).astype(np.float32)
    return data.Images(shades / 255, labels)


@pytest.mark.parametrize("table", TINY, ids=lambda table: table.__name__.rsplit(".", 1)[-1])
def test_a_row_is_measured_on_images_in_colour(table, monkeypatch):
    for holder in (data, data.datasets):
        monkeypatch.setattr(holder, "images", noise)
    settings = table.CONSTANTS | table.CELLS[0] | TINY[table] | {"data": NAME}
    values = table.measure(settings, 0, torch.device("cpu"))
    assert all(np.isfinite(value) for value in values.values())
