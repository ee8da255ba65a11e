"""Retrieval by cosine, in blocks and among all."""

import numpy as np
import pytest

from helpers import evaluation


def test_retrieval_is_within_blocks_and_by_cosine():
    rng = np.random.default_rng(0)
    right = rng.normal(size=(25, 40))
    left = right * rng.uniform(0.1, 10, size=(25, 1))
    left[3] = right[4]  # same block of ten: wrong
    left[12] = right[1] + 0.5 * right[12]  # the better match is in another block: right
    hits = evaluation.retrieved(left, right, candidates=10)
    assert hits.shape == (20,)
    assert np.flatnonzero(~hits).tolist() == [3]
    with pytest.raises(ValueError, match="candidates is 26 for 25 items"):
        evaluation.retrieved(left, right, candidates=26)


def test_the_most_similar_one_of_all():
    rng = np.random.default_rng(0)
    right = rng.normal(size=(50, 20))
    order = rng.permutation(50)
    assert evaluation.most_similar(3 * right[order], right, block=7).tolist() == order.tolist()
