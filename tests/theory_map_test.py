"""The map holds the headline claims, joins them through the appendix, and is redrawn only when it changed."""

import dataclasses

from helpers.collection import theory_map
from helpers.ledger import cards


def card(name, claims):
    said = {"title": "a title", "part": "one", "method": "exact", "uses": {}, "where": "essay"}
    every = {label: said | claim for label, claim in claims.items()}
    return cards.Card(name, {"title": name, "form": "essay"}, {}, every, {}, {}, None)


def papers():
    first = {"AA-1": {}, "AA-2": {"where": "appendix", "uses": {"AA-1": "why"}}, "AA-3": {"uses": {"AA-2": "why"}}}
    return {"01_first": card("01_first", first), "02_second": card("02_second", {"BB-1": {"uses": {"AA-3": "why"}}})}


def test_claims_of_the_appendix_are_passed_through():
    found = theory_map.graph(papers())
    assert sorted(found) == ["AA-1", "AA-3", "BB-1"]
    assert sorted(found.edges(data="direct")) == [("AA-1", "AA-3", False), ("AA-3", "BB-1", True)]


def test_a_paper_without_its_form_is_left_out():
    every = papers()
    every["02_second"] = dataclasses.replace(every["02_second"], paper={"title": "second"})
    assert "BB-1" not in theory_map.graph(every)


def test_the_picture_is_drawn_again_only_when_nodes_or_arrows_changed(tmp_path):
    theory_map.render(tmp_path, papers())
    assert (tmp_path / "theory_map.csv").read_text().splitlines()[1] == "AA-1,a title,01_first,one,exact"
    assert (tmp_path / "theory_map_arrows.csv").read_text() == "used,by,direct\nAA-1,AA-3,0\nAA-3,BB-1,1\n"
    (tmp_path / "theory_map.png").write_bytes(b"kept")
    theory_map.render(tmp_path, papers())
    assert (tmp_path / "theory_map.png").read_bytes() == b"kept"
    changed = papers()
    changed["01_first"].claims["AA-1"]["title"] = "another"
    theory_map.render(tmp_path, changed)
    assert (tmp_path / "theory_map.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_written_before_there_is_an_essay(tmp_path):
    theory_map.render(tmp_path, {})
    assert not list(tmp_path.iterdir())
