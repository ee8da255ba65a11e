"""Numbers in prose are tied to the run that made them, and those that are not are found."""

import re

import pytest

from helpers import files
from helpers.collection import prose
from helpers.ledger.verdicts import Claim


@pytest.fixture
def source(tmp_path):
    """Two papers' outputs, with a ledger, a figure that both have, and a recorded table."""
    for place, checks in (("essay", ["trace / edges"]), ("appendix", ["more"])):
        claim = Claim("T-1")
        for name in checks:
            claim.identity(name, 1.0, 1.0 + 2e-13, tolerance=1e-9)
            claim.control("a term dropped", 1.0, 1.25)
        folder = files.folder(tmp_path / "figures", "97_small", place)
        files.write_json(folder / "claims.json", {"claims": [claim.record()]})
    for name, value in (("96_first", 1.5), ("97_small", 44.4)):
        files.write_text(tmp_path / "figures" / name / "panel.csv", f"p,angle\n0.1,3\n0.3,{value}\n")
    files.write_text(tmp_path / "figures" / "97_small" / "appendix" / "own.csv", "x\n7\n")
    rows = [{"arm": "a", "seed": 0, "accuracy": 0.5}, {"arm": "a", "seed": 1, "accuracy": 0.7, "extra": 1.0}]
    files.write_json(tmp_path / "recorded" / "97_small" / "digits.json", {"rows": rows})
    return prose.Source(tmp_path / "figures", recorded=tmp_path / "recorded", name="97_small")


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("csv:panel/angle/p=0.3", 44.4),
        ("csv:panel/angle/max", 44.4),
        ("csv:96_first/panel/angle/p=0.3", 1.5),
        ("csv:own/x", 7.0),
        ("table:digits/accuracy/arm=a/mean", 0.6),
        ("table:digits/accuracy/arm=a,seed=1", 0.7),
        ("ledger:T-1/trace / edges/threshold", 1e-9),
        ("ledger:T-1/trace / edges/resolution", 1e-9),
        ("ledger:T-1/more/measured", 2e-13),
        ("ledger:T-1/control: a term dropped/measured", 0.25),
    ],
)
def test_a_path_names_a_number(source, path, number):
    assert source.value(path) == pytest.approx(number, rel=1e-2)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("pdf:panel/angle", "expected csv:..., table:... or ledger:..."),
        ("csv:plane/angle", "0 files named plane.csv"),
        ("csv:panel/angel/max", "no column 'angel'; there are p, angle"),
        ("csv:98_none/panel/angle/max", "0 files named panel.csv; notebooks with one: 96_first, 97_small"),
        ("table:digits/accuracy", "2 rows are left"),
        ("table:digits/extra/seed=0", "could not convert string to float: ''"),
        ("ledger:T-9/more/measured", "no ledger below "),
        ("ledger:T-1/less/measured", "T-1 has no check 'less'; there are 'trace / edges', 'more'"),
        ("ledger:T-1/control: less/measured", "T-1 has no control 'less'; there are 'a term dropped'"),
        ("ledger:T-1/more/holds", "no number 'holds' of a check; there are measured, threshold, resolution"),
        ("ledger:T-1/control: a term dropped/resolution", "no number 'resolution' of a control; there are measured"),
    ],
)
def test_what_a_path_cannot_name_is_repeated(source, path, said):
    with pytest.raises(ValueError, match=f"^{re.escape(repr(path))}: .*{re.escape(said)}"):
        source.value(path)


def test_a_figure_of_two_papers_needs_its_notebook(source):
    anywhere = prose.Source(source.output, recorded=source.recorded)
    with pytest.raises(ValueError, match=r"2 files named panel\.csv; notebooks with one: 96_first, 97_small"):
        anywhere.value("csv:panel/angle/max")
    assert anywhere.value("csv:96_first/panel/angle/max") == 3.0


TEXT = "It stays near <!-- = csv:panel/angle/p=0.3 .0f -->40<!-- / --> degrees, not <!--=csv:own/x-->7<!--/-->."
FRESH = "It stays near <!-- = csv:panel/angle/p=0.3 .0f -->44<!-- / --> degrees, not <!-- =csv:own/x-->7<!-- / -->."


def test_tied_numbers_are_refreshed_and_nothing_else(source):
    assert prose.refresh(TEXT, source) == FRESH
    assert prose.refresh(FRESH, source) == FRESH
    assert prose.refresh("no number, {=x} or <!-- a comment -->", source) == "no number, {=x} or <!-- a comment -->"


def test_what_moved_is_named(source):
    assert prose.stale(TEXT, source) == ["csv:panel/angle/p=0.3 .0f: '40' is now '44'"]
    assert prose.stale(FRESH, source) == []
    assert "0 files named none.csv" in prose.stale("a <!-- = csv:none/x -->1<!-- / -->", source)[0]


def test_a_tied_number_has_to_be_closed(source):
    text = "near <!-- = csv:own/x --> 7 degrees"
    with pytest.raises(ValueError, match="a tied number is not closed by"):
        prose.refresh(text, source)
    assert prose.stale(text, source) == ["a tied number is not closed by <!-- / -->"]


TIED = "<!-- = csv:own/x -->7<!-- / -->"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"It is {TIED}.", []),
        (f"First\n{TIED} is first.", [f"{TIED} is first."]),
        (f"- {TIED} in a list", [f"- {TIED} in a list"]),
        (f"## A heading of {TIED}", [f"## A heading of {TIED}"]),
        (f"| a | {TIED} |", [f"| a | {TIED} |"]),
        (f"at $x = {TIED}$ it", [f"at $x = {TIED}$ it"]),
        (f"at $x$ it is {TIED} and $y$", []),
        (f"```\n{TIED}\n```", []),
    ],
)
def test_a_number_that_would_not_show_is_found(text, lines):
    assert prose.misplaced(text) == lines


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The angle is 44 degrees.", ["44 degrees"]),
        ("an error of 0.37 remains", ["0.37"]),
        ("off by 3e-16 and 1.5e-3", ["3e-16", "1.5e-3"]),
        ("12 % of them, or 3.5%", ["12 %", "3.5%"]),
        ("twenty per cent more, seven times as much", ["twenty per cent", "seven times"]),
        ("holds in six of eight seeds, 3 out of the 5", ["six of eight", "3 out of the 5"]),
        ("a cost of two nats in 0.5 nats", ["two nats", "0.5"]),
        ("line one\nline two with 2.5 here", ["2.5"]),
    ],
)
def test_a_measured_number_without_source_is_found(text, found):
    assert [number for _, number in prose.unsourced(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        f"It is {TIED} degrees.",
        "At $p = 0.3$ and $$x = 0.5$$ nothing is said.",
        "Call `f(0.3)`.\n```python\nx = 0.5\n```\n",
        "### 2.1 A heading with 0.5",
        "| a | 0.5 |\n| b | 12 % |",
        "See [part 2.1](a.ipynb#x-2.1) and ![0.5](a.png).",
        "<a id='x0.5'></a> and <!-- 0.5 degrees --> here.",
        "Theorem 3.1, Lemmas 2.4 and 2.5, Section 4.2, Eq. 2.3, Eqs. (3.4) and (3.5), Figure 1.2, arXiv 2303.15103.",
        "With torch, version 2.13.0, v1.2 and version 3.11.",
        "1. First step\n2. second step",
        "One of the two curves, two steps, three cells, a third time, once more, 200 graphs.",
        "The quoted accuracy is 93.2<!-- given --> there, or 12 %<!-- given -->.",
        "in 2024 and with 17 pairs",
        "two-sided, one-time, sometimes, at all times",
    ],
)
def test_what_is_no_measured_number_passes(text):
    assert prose.unsourced(text) == []


def test_the_line_is_named():
    assert prose.unsourced("One.\n\nAn angle\nof 44 degrees.") == [(4, "44 degrees")]
