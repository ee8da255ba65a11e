"""A card that cannot be used names its file and the key; cards that fit together load in the order of the file."""

import re

import pytest
import small_papers

from helpers.ledger import cards


def refused(folder, key, message, **changes):
    small_papers.write(folder, made=small_papers.content(**changes))
    with pytest.raises(cards.CardError, match=re.escape(f"97_small.toml, {key}: {message}")):
        cards.load("97_small", folder=folder)


def test_a_card_keeps_the_order_of_the_file_and_fills_in_what_may_be_missing(tmp_path):
    card = small_papers.load(
        tmp_path, claim__T_0=small_papers.CLAIM | {"where": "appendix"}, figure__line=small_papers.FIGURE
    )
    assert list(card.claims) == ["T-1", "T-0"]
    assert [claim["where"] for claim in card.claims.values()] == ["essay", "appendix"]
    assert card.claims["T-1"]["uses"] == {}
    assert card.figures["line"]["where"] == "essay"
    assert card.errata == {}
    assert not card.is_essay
    assert small_papers.load(tmp_path, paper__form="essay").is_essay


def test_a_missing_card_and_a_malformed_one_are_named(tmp_path):
    with pytest.raises(cards.CardError, match=r"96_none.toml is missing: every notebook has a card"):
        cards.load("96_none", folder=tmp_path)
    (tmp_path / "97_small.toml").write_text("[paper\n")
    with pytest.raises(cards.CardError, match=r"97_small.toml is not valid TOML: .*line 1"):
        cards.load("97_small", folder=tmp_path)


@pytest.mark.parametrize(
    ("key", "message", "changes"),
    [
        ("extra", "no such table; there are paper, part", {"extra__x": {"y": 1}}),
        ("claim.T-1.satement", "no such key; there are title", {"claim__T_1__satement": "x"}),
        ("paper.year", "no such key", {"paper__year": 2024}),
        ("part", "the table is missing", {"part": None}),
        ("claim", "the table is missing", {"claim": None}),
        ("claim.T-1.source", "is missing", {"claim__T_1__source": None}),
        ("part.first.question", "is missing", {"part__first__question": None}),
        ("claim.T-1.title", "is 3, expected str", {"claim__T_1__title": 3}),
        ("part.first.minutes", "is True, expected int", {"part__first__minutes": True}),
        ("claim.T-1.provenance", "is 'derived', expected list", {"claim__T_1__provenance": "derived"}),
        ("claim.T-1.title", "is empty", {"claim__T_1__title": " "}),
        ("claim.T-1.where", "is 'annex', expected essay, appendix", {"claim__T_1__where": "annex"}),
        ("claim.T-1.method", "is 'luck', expected exact, quadrature", {"claim__T_1__method": "luck"}),
        ("paper.form", "is 'book', expected essay", {"paper__form": "book"}),
        ("claim.T-1.provenance", "is empty", {"claim__T_1__provenance": []}),
        ("claim.T-1.provenance", "['guessed'] are not among seen", {"claim__T_1__provenance": ["guessed"]}),
        ("claim.T-1.kind", "is 'hope', expected identity, inequality", {"claim__T_1__kind": "hope"}),
        ("claim.T-1.part", "no part 'last'; there are first", {"claim__T_1__part": "last"}),
        ("claim.T-1.uses.T-7", "no such claim", {"claim__T_1__uses": {"T-7": "a reason"}}),
        ("claim.T-1.uses.T-1", "a claim cannot use itself", {"claim__T_1__uses": {"T-1": "a reason"}}),
        ("claim.T-1.uses.X-1", "needs its reason", {"claim__T_1__uses": {"X-1": " "}}),
        ("figure.line.alt", "is missing", {"figure__line": {"caption": "c", "counterpart": "n", "published": "n"}}),
        (
            "erratum.E1.evidence",
            "'T-9' is neither a claim of this card nor 'argument only'",
            {"erratum__E1": {"quoted": "2", "corrected": "1", "evidence": "T-9"}},
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path, key, message, changes):
    refused(tmp_path, key, message, **changes)


def test_a_table_that_is_none_is_named(tmp_path):
    (tmp_path / "97_small.toml").write_text("claim = 3\npart = 1\npaper = 2\n")
    with pytest.raises(cards.CardError, match=r"97_small.toml, paper: is 2, expected a table"):
        cards.load("97_small", folder=tmp_path)


def test_an_erratum_needs_a_claim_or_an_argument(tmp_path):
    erratum = {"quoted": "2", "corrected": "1"}
    card = small_papers.load(
        tmp_path, erratum__E1=erratum | {"evidence": "T-1"}, erratum__E2=erratum | {"evidence": "argument only"}
    )
    assert list(card.errata) == ["E1", "E2"]


def two(folder, second, **first):
    small_papers.write(folder, "96_first", small_papers.content(**first))
    small_papers.write(folder, "97_small", small_papers.content(claim={"X-1": second}))


def test_cards_are_checked_together(tmp_path):
    two(tmp_path, small_papers.CLAIM | {"uses": {"T-1": "the first step"}})
    assert list(cards.load_all(folder=tmp_path)) == ["96_first", "97_small"]


def test_an_id_on_two_cards_is_refused(tmp_path):
    small_papers.write(tmp_path, "96_first")
    small_papers.write(tmp_path, "97_small")
    with pytest.raises(cards.CardError, match=r"97_small.toml, claim.T-1: .*96_first.toml has a claim of this id"):
        cards.load_all(folder=tmp_path)


def test_uses_that_leads_nowhere_is_refused(tmp_path):
    two(tmp_path, small_papers.CLAIM | {"uses": {"Y-1": "a reason"}})
    with pytest.raises(cards.CardError, match=r"97_small.toml, claim.X-1.uses.Y-1: no card has this claim"):
        cards.load_all(folder=tmp_path)


def test_a_circle_is_refused_and_shown(tmp_path):
    two(tmp_path, small_papers.CLAIM | {"uses": {"T-1": "back"}}, claim__T_1__uses={"X-1": "forth"})
    with pytest.raises(cards.CardError, match=r"claim.T-1.uses: a circle, T-1 -> X-1 -> T-1"):
        cards.load_all(folder=tmp_path)


def test_the_cards_of_the_collection_fit_together():
    form = [card.is_essay for card in cards.load_all().values()]
    assert form[:6] == [False] + 5 * [True]  # a sixth paper may follow
