"""The ledger computes verdicts by rule, refuses what it should, and keeps a stored file that agrees."""

import json

import numpy as np
import pytest

from helpers import runtime, statistics
from helpers.ledger import compare
from helpers.ledger.claims import ClaimsFailed, Ledger, verdict_line
from helpers.ledger.verdicts import quantile

HEAD = {"statement": "x = x", "source": "here", "provenance": ["derived"]}


@pytest.fixture
def ledger(tmp_path):
    return Ledger("99_test", runtime.current({"OUTPUT": str(tmp_path), "DEVICE": "cpu"}))


def record(ledger, fill, claim_id="T-1"):
    with ledger.claim(claim_id, "a title", **HEAD) as claim:
        fill(claim)
    return ledger.claims[claim_id]


def test_identity_takes_the_worst_entry_and_its_control_the_same_tolerance(ledger):
    def fill(claim):
        claim.identity("close", [1.0, 2.0], [1.0, 2.0 + 1e-9], tolerance=1e-8)
        claim.control("a factor", [1.0, 2.0], [2.0, 4.0])

    entry = record(ledger, fill)
    assert entry["holds"]
    assert entry["control"]["fails"]
    assert entry["measured"] == pytest.approx(1e-9, rel=1e-5)
    assert entry["controls"][0]["threshold"] == 1e-8


def test_a_control_that_passes_makes_the_claim_fail(ledger, capsys):
    def fill(claim):
        claim.identity("close", 1.0, 1.0, tolerance=1e-8)
        claim.control("nothing", 1.0, 1.0)

    record(ledger, fill)
    assert capsys.readouterr().out == "FAIL  T-1  a title   (control 'nothing' passes)\n"


def test_relative_errors_need_a_positive_scale(ledger):
    with pytest.raises(ValueError, match="relative_to must be positive"):
        record(ledger, lambda claim: claim.identity("close", 1.0, 1.0, tolerance=1, relative_to=0.0))


@pytest.mark.parametrize(("larger", "holds"), [(1.0, True), (0.0, True), (-1e-3, False)])
def test_inequality_allows_rounding_only(ledger, larger, holds):
    def fill(claim):
        claim.inequality("bounded", 0.0, larger, tolerance=1e-12)
        claim.control("sign", 0.0, -1.0)

    assert record(ledger, fill)["holds"] is holds


def test_inequality_with_standard_errors_judges_each_entry_by_its_own(ledger):
    def fill(claim):
        claim.inequality("noisy", [0.0, 0.0], [-0.1, 1.0], tolerance=0, standard_error=[0.1, 1e-9], trials=1000)
        claim.control("far below", [0.0, 0.0], [-10.0, 1.0])

    assert record(ledger, fill)["holds"]


def test_rate_without_noise_is_judged_by_its_bias_alone(ledger):
    n = np.geomspace(10, 1000, 12)

    def fill(claim):
        claim.rate(
            "1/n", statistics.loglog_slope(n, 1 / n + 1 / n**2), -1, bias=statistics.slope_bias(n, 1 / n), exact=True
        )
        claim.control("1/sqrt n", statistics.loglog_slope(n, n**-0.5))

    assert record(ledger, fill)["holds"]


def test_statistical_widens_with_the_number_of_comparisons():
    assert quantile(comparisons=100) > quantile() > 4.8
    assert quantile(trials=5) > quantile(trials=500) > quantile()


def test_statistical_refuses_a_zero_standard_error(ledger):
    with pytest.raises(ValueError, match="standard error is not positive"):
        record(ledger, lambda claim: claim.statistical("mean", 1.0, 1.0, 0.0, trials=10))


def test_goodness_accepts_a_fair_p_value_and_rejects_a_tiny_one(ledger):
    def fill(claim):
        claim.goodness("law", [0.3, 0.9], trials=100)
        claim.control("other law", 1e-9)

    assert record(ledger, fill)["holds"]


def test_landscape_counts_converged_restarts_only(ledger):
    def fill(claim):
        claim.landscape("global", [0.0, 0.0, 9.0], [0.0, 0.0, 1.0], tolerance=1e-6, gradient_tolerance=1e-8)
        claim.control("other set", [1.0, 1.0, 9.0], [0.0, 0.0, 1.0])

    assert record(ledger, fill)["checks"][0]["trials"] == 2


def test_landscape_refuses_when_most_restarts_did_not_converge(ledger):
    with pytest.raises(ValueError, match="only 1 of 3 restarts converged"):
        record(
            ledger,
            lambda claim: claim.landscape("x", [0, 0, 0], [0, 1, 1], tolerance=1, gradient_tolerance=1e-8),
        )


def test_counterexample_needs_the_repaired_statement_to_hold(ledger):
    def fill(claim):
        claim.counterexample("printed bound", [0.2, -1.0], threshold=1e-9)
        claim.control("repaired bound", [-0.1, -1.0])

    entry = record(ledger, fill)
    assert entry["holds"]
    assert entry["control"]["fails"]
    assert entry["measured"] == 0.2


def test_empirical_needs_five_seeds_and_a_clear_sign(ledger):
    def fill(claim):
        claim.empirical("gain", [1.0, 1.1, 0.9, 1.0, 1.05])
        claim.control("no gain", [1.0, -1.1, 0.9, -1.0, 0.05])

    assert record(ledger, fill)["holds"]
    with pytest.raises(ValueError, match="at least 5 are needed"):
        record(ledger, lambda claim: claim.empirical("gain", [1.0, 1.0]), "T-2")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_refused(ledger, bad):
    with pytest.raises(ValueError, match="not finite"):
        record(ledger, lambda claim: claim.identity("close", bad, 1.0, tolerance=1e-8))


def test_an_empty_comparison_is_refused(ledger):
    with pytest.raises(ValueError, match="nothing to compare"):
        record(ledger, lambda claim: claim.identity("close", [], [], tolerance=1e-8))


def test_a_claim_without_control_is_refused(ledger):
    with pytest.raises(ValueError, match="has no control"):
        record(ledger, lambda claim: claim.identity("close", 1.0, 1.0, tolerance=1e-8))


def test_a_claim_without_check_is_refused(ledger):
    with pytest.raises(ValueError, match="has no check"):
        record(ledger, lambda claim: None)
    with pytest.raises(ValueError, match="stands before any check"):
        record(ledger, lambda claim: claim.control("x", 1.0, 2.0), "T-2")


def fill_well(claim):
    claim.identity("close", 1.0, 1.0, tolerance=1e-8)
    claim.control("a factor", 1.0, 2.0)


def test_second_record_of_an_id_and_unknown_words_are_refused(ledger):
    record(ledger, fill_well)
    with pytest.raises(ValueError, match="already in the ledger"):
        ledger.claim("T-1", "again", **HEAD)
    with pytest.raises(ValueError, match="provenance"):
        ledger.claim("T-2", "x", statement="", source="", provenance=["guessed"])
    with pytest.raises(ValueError, match="kind 'hope'"):
        ledger.claim("T-2", "x", kind="hope", **HEAD)


def test_an_error_inside_the_block_records_nothing(ledger):
    with pytest.raises(ZeroDivisionError), ledger.claim("T-1", "x", **HEAD):
        _ = 1 / 0
    assert ledger.claims == {}


def test_erratum_needs_recorded_evidence(ledger):
    record(ledger, fill_well)
    ledger.erratum("E1", "2", "1", "T-1")
    ledger.erratum("E2", "2", "1", "argument only")
    with pytest.raises(ValueError, match="neither a recorded claim"):
        ledger.erratum("E3", "2", "1", "T-9")
    with pytest.raises(ValueError, match="already"):
        ledger.erratum("E1", "2", "1", "T-1")


def test_finish_writes_before_it_raises_and_names_the_failed(ledger):
    def fill(claim):
        claim.identity("close", 1.0, 1.5, tolerance=1e-8)
        claim.control("a factor", 1.0, 2.0)

    record(ledger, fill_well)
    record(ledger, fill, "T-2")
    with pytest.raises(ClaimsFailed, match="1 of 2 claims fail: T-2"):
        ledger.finish()
    stored = json.loads((ledger.run.output / "99_test" / "claims.json").read_text())
    assert [claim["holds"] for claim in stored["claims"]] == [True, False]


def test_the_tightest_check_represents_the_claim(ledger):
    def fill(claim):
        claim.identity("loose", 1.0, 1.0 + 1e-12, tolerance=1e-8)
        claim.identity("tight", 1.0, 1.0 + 5e-9, tolerance=1e-8)
        claim.control("a factor", 1.0, 2.0)

    entry = record(ledger, fill)
    assert entry["tightest"] == "tight"
    assert entry["measured"] == pytest.approx(5e-9, rel=1e-5)


def test_an_exact_count_represents_a_claim_only_if_nothing_else_does(ledger):
    def fill(claim):
        claim.identity("count", 3, 3, tolerance=0)
        claim.control("one more", 4, 3)

    def fill_both(claim):
        fill(claim)
        claim.identity("value", 1.0, 1.0 + 1e-12, tolerance=1e-8)

    assert record(ledger, fill)["tightest"] == "count"
    assert record(ledger, fill_both, "T-2")["tightest"] == "value"


def make(ledger, error=0.0, z=1.0):
    def fill(claim):
        claim.identity("close", 1.0, 1.0 + error, tolerance=1e-8)
        claim.control("a factor", 1.0, 2.0)
        claim.statistical("mean", z, 0.0, 1.0, trials=100)
        claim.control("shifted", 10.0, 0.0)

    fresh = Ledger("99_test", ledger.run)
    record(fresh, fill)
    return fresh


def test_a_stored_ledger_is_kept_while_every_number_agrees(ledger):
    make(ledger).finish()
    path = ledger.run.output / "99_test" / "claims.json"
    before = path.read_bytes()
    make(ledger, error=1e-12, z=1.001).finish()
    assert path.read_bytes() == before
    make(ledger, z=1.5).finish()
    assert path.read_bytes() != before


def test_disagreements_name_claim_check_and_field(ledger):
    old, new = ({"claims": list(make(ledger, z=z).claims.values())} for z in (1.0, 1.5))
    assert compare.disagreements(old, old) == []
    assert compare.disagreements(old, new) == ["T-1 check 'mean' measured: 1.0 became 1.5"]


def test_rounding_of_a_tight_inequality_or_of_a_repaired_violation_counts_as_equal(ledger):
    def at(noise):
        fresh = Ledger("99_test", ledger.run)

        def fill(claim):
            claim.inequality("tight", 0.0, -noise, tolerance=1e-12)
            claim.control("sign", 0.0, -1.0)
            claim.counterexample("printed", 1.0, threshold=0.1)
            claim.control("repaired", noise)

        record(fresh, fill)
        return {"claims": list(fresh.claims.values())}

    assert compare.disagreements(at(1e-15), at(7e-15)) == []


def test_the_verdict_line_holds_no_number(ledger):
    line = verdict_line(record(ledger, fill_well))
    assert line == "PASS  T-1  a title   (control fails as it must: a factor)"
