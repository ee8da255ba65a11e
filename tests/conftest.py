"""Every test starts from the same random numbers, whichever process runs it and whatever ran before."""

import random

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def _same_random_numbers():
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 -- some libraries draw from the global generator
    torch.manual_seed(0)
