import numpy as np
import pytest

from helpers.papers.multimodal_svd import scaling_collapse

N = np.tile([640, 1280, 2560, 5120, 10240, 20480], 4).astype(float)
SHARE = np.repeat([0.0, 0.25, 0.5, 0.75], 6)


def curve(size):
    return 0.17 + 1.5 * size**-0.5  # an error with a floor


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.1])
def test_the_exponent_is_found_beside_a_floor(exponent):
    errors = curve(scaling_collapse.effective_size(N, SHARE, exponent))
    for values in (errors, np.log(errors), np.log(errors / (1 - errors))):
        found = scaling_collapse.collapse_exponent(values, N, SHARE, degree=4)
        assert abs(found - exponent) < 0.06
        assert scaling_collapse.spread(values, N, SHARE, exponent=exponent, degree=6) < 2e-3


def test_seeds_lead_and_do_not_mix():
    rng = np.random.default_rng(0)
    exact = np.log(curve(scaling_collapse.effective_size(N, SHARE, 2.0)))
    noisy = exact + 0.02 * rng.standard_normal((200, 24))
    found = scaling_collapse.collapse_exponent(noisy[:12], N, SHARE, degree=3)
    assert found.shape == (12,)
    assert found[3] == scaling_collapse.collapse_exponent(noisy[3], N, SHARE, degree=3)
    assert abs(found.mean() - 2.0) < 4 * found.std(ddof=1) / np.sqrt(12)
    spread = scaling_collapse.spread(noisy, N, SHARE, exponent=2.0, degree=3)
    assert abs(np.sqrt(np.mean(spread**2)) - 0.02) < 0.001  # degrees of freedom are counted


def test_matched_cells_have_one_size_and_two_shares():
    for exponent, count in ((2, 4 + 4 + 2), (1, 5 + 5 + 4)):
        pairs = scaling_collapse.matched(N, SHARE, exponent=exponent)
        sizes = scaling_collapse.effective_size(N, SHARE, exponent)[pairs]
        np.testing.assert_allclose(sizes[:, 0], sizes[:, 1])
        assert (SHARE[pairs[:, 0]] > SHARE[pairs[:, 1]]).all()
        assert len(pairs) == count


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: scaling_collapse.spread([1.0, 2.0], [1, 2, 3], [0, 0, 0], exponent=2), r"values \(2,\)"),
        (lambda: scaling_collapse.spread([1.0, 2.0, 3.0], [1, 2, 3], [0, 0, 1.0], exponent=2), "shares below 1"),
        (lambda: scaling_collapse.spread([1.0, np.nan, 3.0], [1, 2, 3], [0, 0, 0], exponent=2), "finite"),
        (lambda: scaling_collapse.spread([1.0, 2.0], [1, 2], [0, 0.5], exponent=2), "degree 2"),
        (lambda: scaling_collapse.collapse_exponent(np.arange(5.0), np.arange(1, 6), np.zeros(5)), "share 0.0"),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_exponent_is_found_between_the_points_of_the_grid():
    for exponent in (1.234, 2.07):  # an exact power law is a line: nothing is left out by the fit
        values = 3 * scaling_collapse.effective_size(N, SHARE, exponent) ** -0.5
        found = scaling_collapse.collapse_exponent(np.log(values), N, SHARE, degree=1)
        assert abs(found - exponent) < 1e-4


def test_an_exponent_at_the_end_of_the_range_is_found():
    for exponent in scaling_collapse.RANGE:
        values = scaling_collapse.effective_size(N, SHARE, exponent) ** -0.5
        found = scaling_collapse.collapse_exponent(np.log(values), N, SHARE, degree=1)
        assert abs(found - exponent) < 1e-4
