"""Every rule holds where it should, fails with a note in words and numbers, and states what it would notice."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from helpers import statistics
from helpers.ledger import verdicts
from helpers.ledger.verdicts import Claim, NotFinite, quantile


def claim(fill, **options):
    made = Claim("T-1", **options)
    fill(made)
    return made


def check(fill, **options):
    """The first check of a claim."""
    return claim(fill, **options).checks[0]


def control(fill):
    """Whether the first control fails."""
    return claim(fill).controls[0]["fails"]


# -- identity ------------------------------------------------------------------------------------------------------
def test_identity_takes_the_worst_entry_and_its_control_the_same_tolerance():
    made = claim(lambda c: c.identity("close", [1.0, 2.0], [1.0, 2.0 + 1e-9], tolerance=1e-8))
    made.control("a factor", [1.0, 2.0], [2.0, 4.0])
    assert made.checks[0]["holds"]
    assert made.checks[0]["measured"] == pytest.approx(1e-9, rel=1e-5)
    assert made.controls[0]["threshold"] == 1e-8
    assert made.controls[0]["fails"]


@pytest.mark.parametrize(
    ("left", "right", "note"),
    [
        ([0.5, 1.0], [1.0, 2.0], "ratio 0.5 everywhere"),
        ([1 + 2**-19, 2 + 2**-18], [1.0, 2.0], "ratio 1 + 1.9e-06 everywhere"),
        (1.5, 1.0, "ratio 1.5"),
        ([1.0, 2.5], [1.0, 2.0], "1 of 2 entries; the worst is 2.5 for 2"),
        ([0.0, 0.3], [0.0, 0.0], "1 of 2 entries; the worst is 0.3 for 0"),
        ([np.nan, 1.0], 1.0, "1 of 2 values are not finite"),
        (np.inf, np.inf, "1 of 1 values are not finite"),
    ],
)
def test_a_failing_identity_says_what_is_wrong(left, right, note):
    failing = check(lambda c: c.identity("close", left, right, tolerance=1e-8))
    assert not failing["holds"]
    assert failing["note"] == note


def test_relative_errors_need_a_positive_scale():
    with pytest.raises(ValueError, match="T-1, 'close': relative_to must be positive, its smallest entry is 0"):
        claim(lambda c: c.identity("close", 1.0, 1.0, tolerance=1, relative_to=[1.0, 0.0]))


def test_relative_errors_are_divided_by_their_scale():
    made = check(lambda c: c.identity("close", [100.0, 1.0], [101.0, 1.0], tolerance=0.011, relative_to=[100.0, 1.0]))
    assert made["measured"] == pytest.approx(0.01)


# -- inequality ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("larger", "holds"), [(1.0, True), (0.0, True), (-1e-13, True), (-1e-3, False)])
def test_inequality_allows_rounding_only(larger, holds):
    made = check(lambda c: c.inequality("bounded", 0.0, larger, tolerance=1e-12))
    assert made["holds"] is holds
    assert holds or made["note"] == "1 of 1 entries; the worst is 0 where at most -0.001 is claimed"


def test_inequality_with_standard_errors_judges_each_entry_by_its_own():
    def fill(c):
        c.inequality("noisy", [0.0, 0.0], [-0.1, 1.0], tolerance=0, standard_error=[0.1, 1e-9], trials=1000)
        c.control("far below", [0.0, 0.0], [-10.0, 1.0])

    made = claim(fill)
    assert made.checks[0]["holds"]
    assert made.controls[0]["fails"]


def test_an_estimate_within_its_noise_is_not_refuted_and_not_established():
    options = {"tolerance": 0.0, "standard_error": 0.1, "trials": 1000}
    assert check(lambda c: c.inequality("at least", 0.0, 0.3, **options))["holds"]
    assert check(lambda c: c.inequality("at least", 0.0, -0.3, **options))["holds"]
    established = check(lambda c: c.inequality("at least", 0.0, 0.3, confident=True, **options))
    assert not established["holds"]
    assert established["note"].startswith("1 of 1 entries")
    needed = quantile(trials=1000) * 0.1
    assert not check(lambda c: c.inequality("at least", 0.0, 0.999 * needed, confident=True, **options))["holds"]
    assert check(lambda c: c.inequality("at least", 0.0, 1.001 * needed, confident=True, **options))["holds"]


def test_confident_needs_a_standard_error():
    with pytest.raises(ValueError, match=r"T-1, 'x': confident needs a standard error, 0.0 came"):
        claim(lambda c: c.inequality("x", 0.0, 1.0, tolerance=0.0, confident=True))


# -- rate ----------------------------------------------------------------------------------------------------------
def test_rate_without_noise_is_judged_by_its_bias_alone():
    n = np.geomspace(10, 1000, 12)
    bias = statistics.slope_bias(n, 1 / n)

    def fill(c):
        c.rate("1/n", statistics.loglog_slope(n, 1 / n + 1 / n**2), -1, bias=bias, exact=True)
        c.control("1/sqrt n", statistics.loglog_slope(n, n**-0.5))

    made = claim(fill)
    assert made.checks[0]["holds"]
    assert made.checks[0]["threshold"] == bias
    assert made.controls[0]["fails"]


def test_rate_with_noise_is_granted_its_quantile_and_says_both_slopes_where_it_fails():
    fit = SimpleNamespace(slope=-0.7, standard_error=0.01, points=12)
    held = check(lambda c: c.rate("1/n", fit, -1, bias=0.02))
    assert held["threshold"] == pytest.approx(0.02 + 0.01 * quantile(trials=11))
    assert not held["holds"]
    assert held["note"] == "slope -0.7, predicted -1"


# -- statistical ---------------------------------------------------------------------------------------------------
def test_statistical_widens_with_the_number_of_comparisons_and_with_few_trials():
    assert quantile(comparisons=100) > quantile() > 4.8
    assert quantile(trials=5) > quantile(trials=500) > quantile()

    def threshold(**options):
        return check(lambda c: c.statistical("mean", [0.0] * 10, [0.0] * 10, 1.0, trials=8, **options))["threshold"]

    assert threshold() == quantile(comparisons=10)
    assert threshold(few_trials=True) == quantile(comparisons=10, trials=8)


def test_statistical_fails_beyond_its_quantile_and_names_the_worst():
    bad = check(lambda c: c.statistical("mean", [1.0, 9.0], [1.0, 2.0], [1.0, 1.0], trials=100))
    assert not bad["holds"]
    assert bad["measured"] == 7
    assert bad["note"] == "1 of 2 entries; the worst is 9 for 2"


def test_statistical_refuses_a_zero_standard_error():
    with pytest.raises(ValueError, match="T-1, 'mean': a standard error is not positive: 0"):
        claim(lambda c: c.statistical("mean", 1.0, 1.0, 0.0, trials=10))


def test_goodness_accepts_a_fair_p_value_and_rejects_a_tiny_one():
    def fill(c):
        c.goodness("law", [0.3, 0.9], trials=100)
        c.control("other law", 1e-9)

    made = claim(fill)
    assert made.checks[0]["holds"]
    assert made.controls[0]["fails"]
    assert not check(lambda c: c.goodness("law", [0.9, np.nan], trials=100))["holds"]


# -- landscape, counterexample, empirical --------------------------------------------------------------------------
def test_landscape_counts_converged_restarts_only():
    def fill(c):
        c.landscape("global", [0.0, 0.0, 9.0], [0.0, 0.0, 1.0], tolerance=1e-6, gradient_tolerance=1e-8)
        c.control("other set", [1.0, 1.0, 9.0], [0.0, 0.0, 1.0])

    made = claim(fill)
    assert made.checks[0]["trials"] == 2
    assert made.checks[0]["holds"]
    assert made.controls[0]["fails"]


def test_a_failing_landscape_says_how_many_lie_outside():
    bad = check(lambda c: c.landscape("global", [0.0, 2.0], [0.0, 0.0], tolerance=1e-6, gradient_tolerance=1e-8))
    assert bad["note"] == "1 of 2 end points lie outside"


def test_landscape_refuses_when_most_restarts_did_not_converge():
    with pytest.raises(ValueError, match=r"T-1, 'x': only 1 of 3 restarts converged \(gradient norm <= 1e-08\)"):
        claim(lambda c: c.landscape("x", [0, 0, 0], [0, 1, 1], tolerance=1, gradient_tolerance=1e-8))


def test_counterexample_needs_the_repaired_statement_to_hold():
    made = claim(lambda c: c.counterexample("printed bound", [0.2, -1.0], threshold=1e-9))
    made.control("repaired bound", [-0.1, -1.0])
    made.control("repaired wrongly", [0.1, -1.0])
    assert made.checks[0]["holds"]
    assert made.checks[0]["measured"] == 0.2
    assert [entry["fails"] for entry in made.controls] == [True, False]
    bad = check(lambda c: c.counterexample("printed bound", [-0.2], threshold=0.0))
    assert bad["note"] == "the refuted statement is not violated by that much"


def test_empirical_needs_five_seeds_and_a_clear_sign():
    gain = [1.0, 1.1, 0.9, 1.0, 1.05]
    assert check(lambda c: c.empirical("gain", gain))["holds"]
    noise = check(lambda c: c.empirical("gain", [1.0, -1.1, 0.9, -1.0, 0.05]))
    assert not noise["holds"]
    assert noise["note"] == "3 of 5 have the sign"
    assert check(lambda c: c.empirical("loss", [-x for x in gain], sign=-1))["holds"]
    with pytest.raises(ValueError, match="T-1, 'gain': 2 paired differences, at least 5 are needed"):
        claim(lambda c: c.empirical("gain", [1.0, 1.0]))


def test_equal_arms_have_no_sign():
    assert not check(lambda c: c.empirical("gain", [0.0] * 5))["holds"]


# -- resolution ----------------------------------------------------------------------------------------------------
N = np.geomspace(10, 1000, 12)
FIT = statistics.loglog_slope(N, 1 / N + 1 / N**2)
LEFT = np.array([1.0, -3.0, 2.0])
RIGHT = LEFT + np.array([3e-10, 0.0, -4e-10])
# Name of the rule, whether a change d of the claimed side is rejected, the check.
RESOLUTIONS = {
    "factor": (
        lambda d: abs(LEFT - RIGHT * (1 + d)).max() > 1e-8,
        lambda c: c.identity("x", LEFT, RIGHT, tolerance=1e-8),
    ),
    "factor, relative": (
        lambda d: (abs(LEFT - RIGHT * (1 + d)) / [1.0, 3.0, 2.0]).max() > 1e-8,
        lambda c: c.identity("x", LEFT, RIGHT, tolerance=1e-8, relative_to=[1.0, 3.0, 2.0]),
    ),
    "shift": (
        lambda d: abs(np.array([2e-5, 0.0]) - d).max() > 1e-4,
        lambda c: c.identity("x", [2e-5, 0.0], [0.0, 0.0], tolerance=1e-4),
    ),
    "statistical": (
        lambda d: (abs(np.array([2.1, 3.0]) - np.array([2.0, 3.0]) * (1 + d)) / 0.2).max() > quantile(comparisons=2),
        lambda c: c.statistical("x", [2.1, 3.0], [2.0, 3.0], 0.2, trials=50),
    ),
    "growth": (
        lambda d: (np.array([2.0, 5.0]) - (np.array([1.0, 4.7]) + abs(d))).min() < -1e-9,
        lambda c: c.inequality("x", [1.0, 4.7], [2.0, 5.0], tolerance=1e-9),
    ),
    "growth, confident": (
        lambda d: 3.0 - (1.0 + abs(d)) < 0.1 * quantile(trials=40) - 1e-9,
        lambda c: c.inequality("x", 1.0, 3.0, tolerance=1e-9, standard_error=0.1, trials=40, confident=True),
    ),
    "slope": (
        lambda d: abs(FIT.slope + 1 - d) > 0.2,
        lambda c: c.rate("x", FIT, -1, bias=0.2, exact=True),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESOLUTIONS)
def test_the_stated_resolution_is_the_smallest_change_that_fails(name):
    rejected, fill = RESOLUTIONS[name]
    grid = np.geomspace(1e-12, 1e3, 60_000)
    smallest = min(d for sign in (1, -1) for d in grid[[rejected(sign * d) for d in grid]][:1])
    stated = check(fill)["resolution"]
    # within the 10 % of the search, and rounded to one digit
    assert stated in {float(f"{smallest * factor:.0e}") for factor in np.linspace(0.999, 1.2, 50)}


def test_other_rules_state_their_resolution_directly():
    options = {"tolerance": 0.02, "gradient_tolerance": 1.0}
    assert check(lambda c: c.landscape("x", [0.0], [0.0], diameter=4.0, **options))["resolution"] == 0.005
    assert check(lambda c: c.landscape("x", [0.0], [0.0], **options))["resolution"] == 0.02
    assert check(lambda c: c.counterexample("x", [0.5, 0.1], threshold=0.1))["resolution"] == 0.2
    assert check(lambda c: c.goodness("x", 0.5, trials=9, resolution=0.03))["resolution"] == 0.03
    assert check(lambda c: c.goodness("x", 0.5, trials=9))["resolution"] is None
    gain = check(lambda c: c.empirical("x", [1.0, 1.1, 0.9, 1.0, 1.05]))
    assert gain["resolution"] == float(f"{gain['threshold'] / gain['measured']:.0e}")


def test_no_surprise_at_all_is_a_plain_zero():
    # -log10(1) is a negative zero, which would be stored as -0.0
    assert str(check(lambda c: c.goodness("x", 1.0, trials=9))["measured"]) == "0.0"


def test_a_rate_would_notice_what_its_bias_leaves_open_on_the_nearer_side():
    fit = SimpleNamespace(slope=-0.97, standard_error=0.0, points=5)
    # -0.97 leaves 0.17 to a prediction that is lower and 0.23 to one that is higher; one digit is stated
    assert check(lambda c: c.rate("x", fit, -1.0, bias=0.2, exact=True))["resolution"] == 0.2
    assert check(lambda c: c.rate("x", fit, -1.0, bias=0.04, exact=True))["resolution"] == 0.01
    assert check(lambda c: c.rate("x", fit, -1.0, bias=4.03, exact=True))["resolution"] == 4.0


def test_a_failing_check_has_no_resolution():
    assert check(lambda c: c.identity("x", 1.0, 2.0, tolerance=1e-8))["resolution"] is None


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"rule": "identity", "of": "factor", "resolution": 2e-13}, "a change of 2e-13"),
        ({"rule": "identity", "of": "factor", "resolution": 0.02}, "a change of 2 %"),
        ({"rule": "identity", "of": "shift", "resolution": 0.02, "unit": "nats"}, "a shift of 0.02 nats"),
        ({"rule": "statistical", "of": "factor", "resolution": 0.3, "unit": "s.e."}, "a change of 30 %"),
        ({"rule": "statistical", "of": "factor", "resolution": 50}, "a change of 5e+01"),
        ({"rule": "inequality", "of": "growth", "resolution": 0.2, "unit": "nats"}, "growth by 0.2 nats"),
        ({"rule": "rate", "of": "slope", "resolution": 0.04}, "a slope off by 0.04"),
        ({"rule": "statistical", "of": "variation", "resolution": 0.01}, "a total variation of 0.01"),
        ({"rule": "landscape", "of": "diameter", "resolution": 1e-5}, "a distance of 1e-05 of the diameter"),
        ({"rule": "landscape", "of": "distance", "resolution": 1e-5}, "a distance of 1e-05"),
        ({"rule": "counterexample", "of": "threshold", "resolution": 0.1}, "a violation down to 10 % of this"),
        ({"rule": "counterexample", "of": "threshold", "resolution": 0.0}, "any violation"),
        ({"rule": "empirical", "of": "mean", "resolution": 0.5}, "a mean down to 50 % of this"),
        ({"rule": "identity", "of": "factor", "resolution": 1e-18, "threshold": 0}, "any change"),
        ({"rule": "statistical", "of": "variation", "resolution": None}, "not stated"),
    ],
)
def test_a_resolution_in_words(entry, words):
    assert verdicts.resolution({"unit": "", "threshold": 1.0} | entry) == words


# -- what is refused -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_fails_the_check_and_names_no_check_twice(bad):
    made = claim(lambda c: c.identity("close", bad, 1.0, tolerance=1e-8))
    made.control("a factor", 2.0, 1.0)
    assert made.checks[0]["note"] == "1 of 1 values are not finite"
    assert "cannot be judged  FAILS (1 of 1 values are not finite)" in verdicts.verdict(made.record(), "a title")


def test_a_control_that_is_not_finite_is_refused_with_its_name():
    made = claim(lambda c: c.identity("close", 1.0, 1.0, tolerance=1e-8))
    with pytest.raises(NotFinite, match="T-1, control 'a factor' of 'close': 1 of 1 values are not finite"):
        made.control("a factor", np.nan, 1.0)


def test_data_that_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="T-1, 'close': there is nothing to compare"):
        claim(lambda c: c.identity("close", [], [], tolerance=1e-8))
    with pytest.raises(ValueError, match=r"T-1, 'close': shapes \(3,\), \(2,\), \(\) do not fit each other"):
        claim(lambda c: c.identity("close", [1.0] * 3, [1.0] * 2, tolerance=1e-8))
    with pytest.raises(ValueError, match="T-1, 'close': the threshold is nan"):
        claim(lambda c: c.identity("close", 1.0, 1.0, tolerance=np.nan))


@pytest.mark.parametrize("one", [torch.tensor(0.5), np.array(0.5), np.float32(0.5), torch.tensor([0.5])])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_bound_may_be_a_tensor_or_an_array_of_one_entry(one, value):
    fit = SimpleNamespace(slope=value, standard_error=0.01, points=9)
    for fill in (
        lambda c: c.identity("x", torch.tensor([value]), [0.0], tolerance=one),
        lambda c: c.inequality("x", [value], [0.0], tolerance=one),
        lambda c: c.inequality("x", [value], [1.0], tolerance=one, standard_error=[0.1], confident=True),
        lambda c: c.rate("x", fit, 0.0, bias=one),
        lambda c: c.landscape("x", [value], [0.0], tolerance=one, gradient_tolerance=one, diameter=one),
        lambda c: c.counterexample("x", [value], threshold=one),
        lambda c: c.goodness("x", 1.0, trials=9, resolution=one),
    ):
        json.dumps(check(fill))


def test_a_claim_needs_a_check_and_a_control():
    with pytest.raises(ValueError, match="T-1 has no control"):
        claim(lambda c: c.identity("close", 1.0, 1.0, tolerance=1e-8)).record()
    with pytest.raises(ValueError, match="T-1 has no check"):
        Claim("T-1").record()
    with pytest.raises(ValueError, match="control 'x' stands before any check"):
        Claim("T-1").control("x", 1.0, 2.0)


def test_names_are_known_and_used_once():
    made = claim(lambda c: c.identity("close", 1.0, 1.0, tolerance=1e-8))
    with pytest.raises(ValueError, match="T-1 has two checks named 'close'"):
        made.identity("close", 1.0, 1.0, tolerance=1e-8)
    with pytest.raises(ValueError, match="control 'y' names the check 'far', which is not there"):
        made.control("y", 1.0, 2.0, check="far")
    with pytest.raises(ValueError, match="kind 'hope' is not one of identity"):
        Claim("T-1", kind="hope")


# -- a reader's edits ----------------------------------------------------------------------------------------------
NAN_FIT = SimpleNamespace(slope=np.nan, standard_error=1, points=9)


@pytest.mark.parametrize(
    ("fill", "broken", "note"),
    [
        (lambda c: c.identity("x", [], [], tolerance=1), [1.0, 2.0], "there is nothing to compare"),
        (lambda c: c.identity("x", [1.0] * 3, [1.0] * 2, tolerance=1), [[], []], "shapes (3,), (2,), () do not fit"),
        (lambda c: c.identity("x", 1.0, 1.0, tolerance=1, relative_to=0.0), [1, 1], "relative_to must be positive"),
        (lambda c: c.statistical("x", 1.0, 1.0, 0.0, trials=9), [1, 1], "a standard error is not positive"),
        (lambda c: c.goodness("x", np.nan, trials=9), [np.nan], "1 of 1 values are not finite"),
        (lambda c: c.landscape("x", 0.0, 1.0, tolerance=1, gradient_tolerance=0), [1, 1], "only 0 of 1 restarts"),
        (lambda c: c.counterexample("x", [], threshold=0), [1.0], "there is nothing to compare"),
        (lambda c: c.empirical("x", [1.0]), [[1.0]], "1 paired differences"),
        (lambda c: c.rate("x", NAN_FIT, 1, bias=0), [NAN_FIT], "1 of 1 values are not finite"),
        (lambda c: c.inequality("x", [np.nan, 0.0], 1.0, tolerance=0), [np.nan, 1], "1 of 2 values are not finite"),
    ],
)
def test_in_a_live_session_what_cannot_be_judged_fails_in_words(fill, broken, note):
    made = claim(fill, strict=False)
    made.control("broken", *broken)
    text = verdicts.verdict(made.record(), "a title")
    assert text.startswith("FAIL  T-1  a title\n")
    assert "cannot be judged  FAILS (" in text
    assert note in text


def test_in_a_live_session_a_control_that_cannot_be_judged_makes_the_claim_fail():
    made = claim(lambda c: c.identity("x", 1.0, 1.0, tolerance=1e-8), strict=False)
    made.control("broken", np.nan, 1.0)
    record = made.record()
    assert not verdicts.passed(record)
    assert "control: broken" in verdicts.verdict(record, "a title")
    assert "cannot be judged, 1 of 1 values are not finite" in verdicts.verdict(record, "a title")


def words(text):
    return text.split()


# -- the record and its words --------------------------------------------------------------------------------------
def test_the_tightest_check_represents_the_claim():
    def fill(c):
        c.identity("loose", 1.0, 1.0 + 1e-12, tolerance=1e-8)
        c.identity("tight", 1.0, 1.0 + 5e-9, tolerance=1e-8)
        c.control("a factor", 1.0, 2.0)

    record = claim(fill).record()
    assert record["tightest"] == "tight"
    assert record["measured"] == pytest.approx(5e-9, rel=1e-5)


def test_an_exact_count_represents_a_claim_only_if_nothing_else_does():
    def fill(c):
        c.identity("count", 3, 3, tolerance=0)
        c.control("one more", 4, 3)

    assert claim(fill).record()["tightest"] == "count"
    both = claim(fill)
    both.identity("value", 1.0, 1.0 + 1e-12, tolerance=1e-8)
    assert both.record()["tightest"] == "value"


def test_an_established_inequality_near_its_threshold_is_the_tightest():
    def fill(c):
        c.identity("value", 1.0, 1.0 + 5e-9, tolerance=1e-8)
        c.inequality("sure", 0.0, 1.0, tolerance=0.0, standard_error=0.2, confident=True)
        c.control("no", 0.0, 0.0)

    assert claim(fill).record()["tightest"] == "sure"


def test_the_verdict_shows_what_was_measured_and_the_control_that_misses_least():
    def fill(c):
        c.identity("close", 1.0, 1.0 + 2e-13, tolerance=1e-8)
        c.control("a factor", 1.0, 2.0)
        c.control("a term", 1.0, 1.25)

    head, first, second = verdicts.verdict(claim(fill).record(), "a title").splitlines()
    assert head == "PASS  T-1  a title"
    assert first.split() == words("close 2e-13 <= 1e-08 would notice a change of 1e-08")
    assert second.split() == words("control: a term 0.25, fails as it must; 1 more")


def test_a_control_that_is_not_noticed_makes_the_claim_fail_and_is_shown():
    def fill(c):
        c.identity("close", 1.0, 1.0, tolerance=1e-8)
        c.control("nothing", 1.0, 1.0)

    text = verdicts.verdict(claim(fill).record(), "a title")
    assert text.startswith("FAIL  T-1  a title\n")
    assert text.splitlines()[2].split() == words("control: nothing 0 <= 1e-08, NOT noticed")


def test_a_repaired_statement_that_is_violated_too_is_shown():
    def fill(c):
        c.counterexample("printed", 1.0, threshold=0.1)
        c.control("repaired: half", 0.5)
        c.control("repaired: all", -0.5)

    lines = verdicts.verdict(claim(fill).record(), "a title").splitlines()
    assert lines[0].startswith("FAIL")
    assert lines[2].split() == words("repaired: half 0.5 > 0.1, violated too")
    assert lines[3].split() == words("repaired: all -0.5, holds as it must")


def test_empirical_asks_for_the_quantile_of_student_s_law():
    differences = np.array([0.3, 1.1, -0.2, 0.9, 0.5, 0.7])
    found = check(lambda c: c.empirical("gain", differences))
    # of a t variable with five degrees of freedom, one in a thousand is above 5.893
    assert found["threshold"] == pytest.approx(5.893430 * differences.std(ddof=1) / 6**0.5, rel=1e-6)
    assert found["measured"] == pytest.approx(0.55)
    assert not found["holds"]


def test_instances_are_those_of_the_largest_check():
    made = Claim("T-1")
    made.identity("few", [1.0] * 3, [1.0] * 3, tolerance=1e-9)
    made.identity("many", [1.0] * 7, [1.0] * 7, tolerance=1e-9)
    made.control("other", [2.0] * 7, [1.0] * 7)
    assert made.record()["instances"] == 7


def test_tensors_and_numbers_may_stand_in_one_list():
    mixed = [torch.tensor(1.0, requires_grad=True), 2.0]
    assert check(lambda c: c.identity("x", mixed, [1.0, 2.0], tolerance=1e-12))["holds"]


@pytest.mark.parametrize(("confident", "sign"), [(False, -1), (True, 1)])
def test_inequality_is_granted_one_quantile_of_its_noise(confident, sign):
    allowed = 0.1 * quantile(trials=40)
    for factor, holds in ((0.99, not confident), (1.01, confident)):
        rule = {"tolerance": 0.0, "standard_error": 0.1, "trials": 40, "confident": confident}
        found = check(lambda c, k=factor, rule=rule: c.inequality("x", 0.0, sign * k * allowed, **rule))
        assert found["holds"] == holds
