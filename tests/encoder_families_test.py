import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn
from torch.nn import functional

from helpers.papers.mutual_information import encoder_families


def test_principal_components_are_those_of_a_library():
    images = torch.randn(50, 4, 3, generator=torch.Generator().manual_seed(0))
    unseen = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(1))
    library = PCA(3, svd_solver="full").fit(images.flatten(1).double().numpy())
    expected = library.transform(unseen.flatten(1).double().numpy())
    found = encoder_families.principal_components(images, 3)(unseen)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-10)
    for wrong in (0, 13):
        with pytest.raises(ValueError, match=f"components is {wrong}, expected 1 to 12"):
            encoder_families.principal_components(images, wrong)


def test_wrong_labels_are_wrong_at_the_stated_rate():
    labels = np.repeat(np.arange(10), 500)
    noisy = encoder_families.wrong_labels(labels, 0.5, np.random.default_rng(0)).numpy()
    assert abs(np.mean(noisy != labels) - 0.45) < 0.04
    assert np.array_equal(encoder_families.wrong_labels(labels, 0.0, np.random.default_rng(0)).numpy(), labels)


def test_the_label_objective_is_the_cross_entropy_of_the_rows():
    images, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 0, 1, 2])
    network, rows = nn.Linear(4, 3), torch.tensor([4, 0])
    found = encoder_families.label_objective(images, labels)(network, rows, None)
    assert math.isclose(found.item(), functional.cross_entropy(network(images[[4, 0]]), labels[[4, 0]]).item())
