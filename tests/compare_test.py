"""Two runs agree within the tolerances that their ledgers state, whatever notebook a claim stands in."""

import copy

import pytest

from helpers.ledger import compare
from helpers.ledger.verdicts import Claim


def record(z=1.0, claim_id="T-1"):
    claim = Claim(claim_id)
    claim.identity("close", 1.0, 1.0, tolerance=1e-8)
    claim.control("a factor", 1.0, 2.0)
    claim.statistical("mean", z, 0.0, 1.0, trials=100)
    claim.control("shifted", 10.0, 0.0)
    return claim.record()


def ledger(*records, **changes):
    head = {"notebook": "97_small", "place": "essay", "profile": "quick", "seed": 0}
    return head | changes | {"claims": list(records)}


def test_a_ledger_agrees_with_itself():
    assert compare.disagreements(ledger(record()), ledger(record())) == []


def test_disagreements_name_claim_check_and_field():
    assert compare.disagreements(ledger(record()), ledger(record(z=1.5))) == [
        "T-1 check 'mean' measured: 1.0 became 1.5",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (ledger(record()), ledger(record(), seed=1), "seed: 0 became 1"),
        (ledger(record()), ledger(record(), place="appendix"), "place: 'essay' became 'appendix'"),
        (ledger(record()), ledger(record(), record(claim_id="T-2")), "the list of claims changed"),
    ],
)
def test_what_stands_above_the_claims_is_compared(old, new, said):
    assert compare.disagreements(old, new) == [said]


@pytest.mark.parametrize("key", ["unit", "rule", "threshold", "trials", "holds", "name"])
def test_every_field_of_a_check_is_compared(key):
    other = copy.deepcopy(record())
    other["checks"][1][key] = {"threshold": 9.0, "trials": 7, "holds": False}.get(key, "other")
    found = compare.disagreements(ledger(record()), ledger(other))
    assert len(found) == 1
    assert key in found[0]


def test_a_lost_control_is_noticed():
    other = copy.deepcopy(record())
    del other["controls"][1]
    assert compare.changes(record(), other) == ["T-1 control: 2 entries became 1"]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        (1e-13, 9e-12, True),
        (0.01, 0.019, True),
        (0.01, 0.021, False),
        (None, 0.01, False),
        (0.01, 0.0, False),
        (None, None, True),
    ],
)
def test_resolutions_agree_within_a_factor_of_two_or_as_rounding(old, new, same):
    records = [copy.deepcopy(record()), copy.deepcopy(record())]
    for entry, resolution in zip(records, (old, new), strict=True):
        entry["checks"][0]["resolution"] = resolution
    assert (compare.changes(*records) == []) is same


def test_rounding_of_a_tight_inequality_or_of_a_repaired_violation_counts_as_equal():
    def at(noise):
        claim = Claim("T-1")
        claim.inequality("tight", 0.0, -noise, tolerance=1e-12)
        claim.control("sign", 0.0, -1.0)
        claim.counterexample("printed", 1.0, threshold=0.1)
        claim.control("repaired", noise)
        return claim.record()

    assert compare.changes(at(1e-15), at(7e-15)) == []


def test_by_id_finds_what_is_lost_new_and_moved():
    old = {"T-1": record(), "T-2": record(claim_id="T-2")}
    new = {"T-1": record(z=1.5), "T-3": record(claim_id="T-3")}
    assert compare.by_id(old, new) == [
        "T-2 is lost",
        "T-3 is new",
        "T-1 check 'mean' measured: 1.0 became 1.5",
    ]


def test_by_id_matches_checks_by_name_and_lists_those_of_one_side():
    new = copy.deepcopy(record())
    new["checks"].reverse()
    assert compare.by_id({"T-1": record()}, {"T-1": new}) == []
    new["checks"][0]["name"] = "average"
    new["controls"].pop()
    assert compare.by_id({"T-1": record()}, {"T-1": new}) == [
        "T-1: check 'mean' is gone",
        "T-1: check 'average' is new",
        "T-1: control 'shifted' of 'mean' is gone",
    ]
