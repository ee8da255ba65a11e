"""The ledger asks the card, records verdicts, writes before it raises, and joins essay and appendix."""

import json

import numpy as np
import pytest
import small_papers

from helpers import runtime
from helpers.ledger import cards, claims
from helpers.ledger.claims import ClaimsFailed, Ledger

TWO = {"claim__T_2": small_papers.CLAIM | {"where": "appendix"}}


@pytest.fixture
def ledger(tmp_path):
    """A function of changes to the card, place and strictness."""

    def make(place="essay", *, strict=True, guard=None, **changes):
        environment = {"OUTPUT": str(tmp_path / "out"), "DEVICE": "cpu", "STRICT": "1" if strict else ""}
        card = small_papers.load(tmp_path, **changes)
        return Ledger(card, runtime.current(environment), place=place, guard=guard)

    return make


def fill(claim, value=1.0, check="close"):
    claim.identity(check, 1.0, value, tolerance=1e-8)
    claim.control("a factor", 1.0, 2.0)


def record(opened, value=1.0, check="close"):
    with opened as claim:
        fill(claim, value, check)


def test_a_claim_prints_its_verdict_and_is_recorded(ledger, capsys):
    book = ledger()
    record(book.claim("T-1"))
    assert book.claims["T-1"]["holds"]
    assert capsys.readouterr().out.startswith("PASS  T-1  one is one\n      close ")


def test_an_id_that_is_not_on_the_card_is_refused_with_the_next_best(ledger):
    book = ledger(**TWO)
    with pytest.raises(ValueError, match=r"T-11 is not on the card 97_small.toml; did you mean T-1\?"):
        book.claim("T-11")
    with pytest.raises(ValueError, match=r"ZZZ is not on the card 97_small.toml$"):
        book.claim("ZZZ")


def test_a_claim_in_the_wrong_notebook_is_refused(ledger):
    with pytest.raises(ValueError, match=r"T-2 belongs to the appendix \(97_small.toml\), this is the essay of 97_sm"):
        ledger(paper__form="essay", **TWO).claim("T-2")
    with pytest.raises(ValueError, match=r"T-1 belongs to the essay \(97_small.toml\), this is the appendix of 97_sm"):
        ledger("appendix", paper__form="essay", **TWO).claim("T-1")


def test_a_paper_without_essay_holds_all_its_claims_in_one_notebook(ledger):
    book = ledger(**TWO)
    record(book.claim("T-2"))
    assert book.ids == ["T-1", "T-2"]


def test_more_is_for_the_appendix_and_claims_of_the_essay(ledger):
    record(ledger("appendix", paper__form="essay", **TWO).more("T-1"))
    with pytest.raises(ValueError, match=r"more\('T-2'\) is for the appendix and claims of the essay; .* into the app"):
        ledger("appendix", paper__form="essay", **TWO).more("T-2")
    with pytest.raises(ValueError, match=r"more\('T-1'\) is for the appendix .*this is the essay of 97_small"):
        ledger(paper__form="essay", **TWO).more("T-1")


def test_a_second_record_is_refused_in_a_strict_run_and_replaces_in_a_live_one(ledger, capsys):
    strict = ledger()
    record(strict.claim("T-1"))
    with pytest.raises(ValueError, match="T-1 is already in the ledger"):
        strict.claim("T-1")
    live = ledger(strict=False)
    record(live.claim("T-1"))
    record(live.claim("T-1"), value=2.0)
    assert not live.claims["T-1"]["holds"]
    assert "(takes the place of the earlier record of T-1)" in capsys.readouterr().out


def test_the_guard_is_asked_before_a_claim_opens(ledger):
    def guard(claim_id):
        raise ValueError(f"{claim_id} is not yours")

    with pytest.raises(ValueError, match="T-1 is not yours"):
        ledger(strict=False, guard=guard).claim("T-1")


def test_an_error_inside_the_block_records_nothing(ledger):
    book = ledger()
    with pytest.raises(ZeroDivisionError), book.claim("T-1"):
        _ = 1 / 0
    assert book.claims == {}


def test_an_edit_that_breaks_a_claim_prints_a_verdict_in_a_live_session(ledger, capsys):
    book = ledger(strict=False)
    values = np.ones(200)
    values[:8] = np.nan
    with book.claim("T-1") as claim:
        claim.identity("close", values, 1.0, tolerance=1e-8)
        claim.control("a factor", 2 * values, 1.0)
    out = capsys.readouterr().out
    assert out.startswith("FAIL  T-1  one is one\n")
    assert "FAILS (8 of 200 values are not finite)" in out
    record(book.claim("T-1"), value=2.0)
    assert "FAILS (ratio 0.5)" in capsys.readouterr().out


def test_card_kind_and_instances_reach_the_record(ledger):
    book = ledger(claim__T_1__kind="counterexample", claim__T_1__instances=7)
    record(book.claim("T-1"))
    assert (book.claims["T-1"]["kind"], book.claims["T-1"]["instances"]) == ("counterexample", 7)


def test_finish_writes_before_it_raises_and_names_the_failed(ledger):
    book = ledger(**TWO)
    record(book.claim("T-2"), value=1.5)
    record(book.claim("T-1"))
    with pytest.raises(ClaimsFailed, match="1 of 2 claims fail: T-2"):
        book.finish()
    stored = json.loads((book.run.output / "97_small" / "claims.json").read_text())
    assert [claim["id"] for claim in stored["claims"]] == ["T-1", "T-2"]  # the card's order
    assert [claim["holds"] for claim in stored["claims"]] == [True, False]


def test_the_appendix_writes_beside_the_essay(ledger):
    book = ledger("appendix", paper__form="essay", **TWO)
    record(book.claim("T-2"))
    book.finish()
    assert (book.run.output / "97_small" / "appendix" / "claims.json").exists()


def test_a_strict_run_asks_for_every_claim_and_a_live_one_says_what_is_missing(ledger, capsys):
    strict, live = ledger(**TWO), ledger(strict=False, **TWO)
    for book in (strict, live):
        record(book.claim("T-1"))
    with pytest.raises(ClaimsFailed, match=r"97_small.toml has T-2, which no cell checked"):
        strict.finish()
    live.finish()
    assert capsys.readouterr().out.endswith("not run since the set-up cell: T-2\n")


def test_no_claim_at_all_is_an_error(ledger):
    with pytest.raises(ClaimsFailed, match="the appendix of 97_small checked no claim"):
        ledger("appendix", paper__form="essay").finish()


def made(book, error=0.0, z=1.0):
    with book.claim("T-1") as claim:
        claim.identity("close", 1.0, 1.0 + error, tolerance=1e-8)
        claim.control("a factor", 1.0, 2.0)
        claim.statistical("mean", z, 0.0, 1.0, trials=100)
        claim.control("shifted", 10.0, 0.0)
    return book


def test_a_stored_ledger_is_kept_while_every_number_agrees(ledger):
    book = made(ledger())
    book.finish()
    path = book.folder / "claims.json"
    before = path.read_bytes()
    made(ledger(), error=1e-12, z=1.001).finish()
    assert path.read_bytes() == before
    made(ledger(), z=1.5).finish()
    assert path.read_bytes() != before


# -- essay and appendix together -----------------------------------------------------------------------------------
def both(ledger, *, more_value=1.0, check="in the appendix"):
    essay = ledger(paper__form="essay")
    record(essay.claim("T-1"))
    appendix = ledger("appendix", paper__form="essay")
    record(appendix.more("T-1"), value=more_value, check=check)
    return [book.claims["T-1"] for book in (essay, appendix)]


def test_together_a_claim_holds_only_if_both_blocks_do(ledger):
    joined = claims.together(both(ledger))
    assert [check["name"] for check in joined["checks"]] == ["close", "in the appendix"]
    assert len(joined["controls"]) == 2
    assert claims.passed(joined)
    assert not claims.passed(claims.together(both(ledger, more_value=2.0)))


def test_together_keeps_what_the_card_states(ledger):
    changes = {"claim__T_1__kind": "counterexample", "claim__T_1__instances": 7, "paper__form": "essay"}
    books = [ledger(**changes), ledger("appendix", **changes)]
    record(books[0].claim("T-1"))
    record(books[1].more("T-1"), check="other")
    joined = claims.together([book.claims["T-1"] for book in books])
    assert (joined["kind"], joined["instances"]) == ("counterexample", 7)


def test_two_checks_of_one_name_are_refused(ledger):
    with pytest.raises(ValueError, match="T-1: essay and appendix both have a check named close"):
        claims.together(both(ledger, check="close"))


def test_stored_records_are_joined_in_the_card_s_order(ledger, tmp_path):
    essay = ledger(paper__form="essay", **TWO)
    record(essay.claim("T-1"))
    essay.finish()
    appendix = ledger("appendix", paper__form="essay", **TWO)
    record(appendix.claim("T-2"))
    record(appendix.more("T-1"), check="more")
    appendix.finish()
    card = cards.load("97_small", folder=tmp_path)
    found = claims.stored(tmp_path / "out", card)
    assert list(found) == ["T-1", "T-2"]
    assert [check["name"] for check in found["T-1"]["checks"]] == ["close", "more"]
    assert claims.stored(tmp_path / "nowhere", card) == {}
