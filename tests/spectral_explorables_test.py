"""The tables behind the sliders of spectral clustering, without drawing anything."""

import numpy as np

from helpers.papers.spectral_clustering import explorables


def test_the_laplacian_trace_is_exact_and_a_wrong_operator_shows_by_its_share():
    table = {name: np.array(column) for name, column in explorables.laplacian(np.random.default_rng(0)).items()}
    assert set(table["threshold"]) == {64 * 12 * 2.0**-52}
    none = table["share"] == 0
    assert none.sum() == 2
    assert (table["error"][none] <= table["threshold"][none]).all()
    # temperatures 0.1 to 10: without 1/tau the trace is up to 10 times what it should be
    untempered = table["mixed_in"] == "the part without 1/tau"
    seen = untempered & (table["share"] > 1e-12)
    assert np.allclose(table["error"][seen], 9 * table["share"][seen], rtol=1e-2)
    assert (table["error"][~untempered & (table["share"] > 1e-9)] > 1e-12).all()
