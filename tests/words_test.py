"""Claims, checks and controls are put into words in one place."""

import numpy as np
import pytest
import small_papers

from helpers.collection import words
from helpers.ledger.verdicts import Claim


def record(*fills):
    claim = Claim("T-1")
    for fill in fills:
        fill(claim)
    return claim.record()


def exact(claim):
    claim.identity("exact", 1.0, 1.0 + 1e-12, tolerance=1e-9)
    claim.control("a term dropped", 1.0, 1.25)
    claim.control("a factor", 1.0, 2.0)


def coarse(claim):
    claim.identity("coarse", 1.0, 1.0 + 1e-6, tolerance=0.02)
    claim.control("another factor", 1.0, 2.0)


def bound(claim):
    claim.inequality("bound", 0.0, 30.0, tolerance=0.0)
    claim.control("sign", 1.0, 0.0)


def silent(claim):
    claim.goodness("law", 0.5, trials=9)
    claim.control("other law", 1e-9)


def refuted(claim):
    claim.counterexample("printed", 1.0, threshold=0.1)
    claim.control("repaired: with its factor", -0.5)


def test_tightest_and_coarsest_check_are_named():
    made = record(exact, coarse, bound)
    assert words.measured(made) == "exact: `1e-12 <= 1e-09`"
    assert words.notices(made) == "a change of 1e-09; coarsest, bound: growth by 30"
    assert words.notices(record(exact)) == "a change of 1e-09"
    assert words.notices(record(silent)) == "not stated"


def test_what_a_measured_number_must_do():
    assert words.must(record(exact)) == "stay below"
    assert words.must(record(bound)) == "rise above"
    assert words.must(record(refuted)) == "rise above"
    assert words.must(record(silent)) == "stay below"


def test_the_nearest_control_says_how_far_it_misses():
    assert words.nearest(record(exact)) == "a term dropped: misses by a factor of 2.5e+08"
    assert words.nearest(record(coarse)) == "another factor: misses by a factor of 50"
    assert words.nearest(record(refuted)) == "with its factor: repaired, holds"
    assert words.nearest(record(bound)) == "sign: misses where nothing is allowed"


def test_a_control_that_does_not_fail_is_shown_before_all_others():
    made = record(exact, lambda claim: claim.control("nothing", 1.0, 1.0))
    assert words.nearest(made) == "nothing: **passes**"
    made = record(refuted, lambda claim: claim.control("repaired: half", 0.5))
    assert words.nearest(made) == "half: **violated too**"


def test_weak_points_start_with_the_coarsest_and_end_with_what_the_card_says(tmp_path):
    ids = {"T-2": "a reason.", "T-3": None, "T-4": "n = 1 only", "T-5": None}
    changes = {
        f"claim__T_{label[-1]}": small_papers.CLAIM | ({"weak": weak} if weak else {}) for label, weak in ids.items()
    }
    card = small_papers.load(tmp_path, **changes)

    def shifted(claim):
        claim.statistical("mean", np.array([2.0]), 2.0, 0.1, trials=100)
        claim.control("shifted", 9.0, 2.0)

    found = {"T-1": record(exact, bound), "T-2": record(silent), "T-3": record(coarse, exact)}
    found |= {"T-4": record(exact), "T-5": record(shifted)}
    assert words.weak_points(card, found) == [
        ("T-5", "“mean” would notice a change of 20 %, nothing smaller."),
        ("T-3", "“coarse” would notice a change of 2 %, nothing smaller."),
        ("T-2", "What “law” would notice is not stated. A reason."),
        ("T-4", "n = 1 only."),
    ]


@pytest.mark.parametrize(
    ("form", "where", "seen_from", "link"),
    [
        (None, "appendix", "output", "[T-1](../notebooks/97_small.ipynb#T-1)"),
        (None, "essay", "essay", "[T-1](#T-1)"),
        ("essay", "essay", "essay", "[T-1](#T-1)"),
        ("essay", "appendix", "essay", "[T-1](appendix/97_small.ipynb#T-1)"),
        ("essay", "appendix", "appendix", "[T-1](#T-1)"),
        ("essay", "essay", "appendix", "[T-1](../97_small.ipynb#T-1)"),
        ("essay", "appendix", "output", "[T-1](../notebooks/appendix/97_small.ipynb#T-1)"),
        ("essay", "essay", "root", "[T-1](notebooks/97_small.ipynb#T-1)"),
    ],
)
def test_links_lead_from_every_page_to_the_notebook_of_a_claim(tmp_path, form, where, seen_from, link):
    card = small_papers.load(tmp_path, paper__form=form, claim__T_1__where=where)
    assert words.link(card, card.claims["T-1"], "T-1", seen_from=seen_from) == link


def test_bars_in_a_table_do_not_end_a_cell():
    assert words.row(["a|b", "$|x| \\le \\|y\\|$", "two\n lines"]) == (
        "| a\\|b | $\\vert x\\vert  \\le \\Vert y\\Vert $ | two lines |"
    )
