"""The sources of the site: pages from cards, ledgers and notebooks, links, sliders; no build, no browser."""

import csv
import io
import itertools
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "site"))

import checks  # noqa: E402
import claim_pages  # noqa: E402
import explorables  # noqa: E402
import links  # noqa: E402
import source  # noqa: E402
import theory_map  # noqa: E402

from helpers.collection import faults  # noqa: E402


@pytest.fixture(scope="module")
def collection():
    return source.Collection(ROOT)


@pytest.fixture(scope="module")
def pages(collection):
    return source.texts(collection)


def words_of(content):
    """What a notebook says outside its code: text cells, and captions, which are printed as Markdown."""
    said = []
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            said.append("".join(cell["source"]))
        said += ["".join(out.get("data", {}).get("text/markdown", "")) for out in cell.get("outputs", [])]
    return "\n\n".join(said)


# -- pages ------------------------------------------------------------------------------------------------
def test_every_claim_has_a_page_with_statement_source_verdict_and_cells(collection, pages):
    for label in collection.home:
        page, entry = pages[f"claims/{label}.md"], collection.entry(label)
        for said in (entry["statement"].strip(), entry["source"], f"make claim ID={label}", "## Verdict", "```python"):
            assert said in page, (label, said)
        assert f"Random faults in its code that it caught: {faults.said(collection.faults.get(label))}." in page
        record = collection.record(label)
        for check in record["checks"]:
            assert claim_pages.plain(check["name"]).replace("|", "\\|")[:12] in page
        for other, reason in entry["uses"].items():
            assert f"[{other}]({other}.md)" in page
            assert reason in page
            assert f"[{label}]({label}.md)" in pages[f"claims/{other}.md"]


def test_local_links_and_anchors_of_pages_and_notebooks_resolve(collection, pages):
    names = {path.relative_to(ROOT).as_posix() for pattern in source.NOTEBOOKS for path in ROOT.glob(pattern)}
    notebooks = {name: words_of(claim_pages.read(ROOT / name)) for name in names}
    notebooks = {
        name: links.rebase(text, source=name, page=name, kept=collection.kept) for name, text in notebooks.items()
    }

    def there(path):
        return collection.kept(path) or path == "map.md"

    assert checks.source_faults(pages, notebooks, there) == []


def test_a_link_that_leads_nowhere_and_an_anchor_that_stands_twice_are_found():
    pages = {
        "a.md": "[b](b.md#top) [c](c.md) [d](#here) []() [x]()\n\n## Here\n",
        "claims/b.md": '<a id="q"></a><a id="q"></a>',
    }
    found = checks.source_faults(pages, {}, lambda path: False)
    assert "a.md: the link b.md#top leads nowhere" in found
    assert "a.md: the link c.md leads nowhere" in found
    assert "claims/b.md: the anchor 'q' stands twice" in found
    assert "a.md: a link leads nowhere" in found
    assert not any("#here" in fault for fault in found)
    pages = {"a.md": "[b](claims/b.md#w)", "claims/b.md": '<a id="q"></a>'}
    assert checks.source_faults(pages, {}, lambda path: False) == [
        "a.md: the link claims/b.md#w names an anchor that is not there"
    ]


def test_links_keep_leading_where_they_led():
    options = {"source": "notebooks/appendix/01.ipynb", "page": "claims/SC-1.md", "claims": {"SC-1", "SC-2"}}
    kept = {"notebooks/01.ipynb", "notebooks/appendix/01.ipynb", "claims/SC-2.md", "figures/p.png", "claims/index.md"}
    rebase = {"kept": kept.__contains__, **options}
    assert links.rebase("[a](#SC-2)", **rebase) == "[a](../notebooks/appendix/01.ipynb#SC-2)"
    assert links.rebase("[a](../01.ipynb#SC-2)", **rebase, to_claims=True) == "[a](SC-2.md)"
    assert links.rebase("[a](#SC-1)", **rebase, to_claims=True) == "[a](../notebooks/appendix/01.ipynb#SC-1)"
    assert links.rebase("![a](../../figures/p.png)", **rebase) == "![a](../figures/p.png)"
    assert links.rebase("[`tests/x.py`](../../tests/x.py)", **rebase) == "`tests/x.py` (`tests/x.py`)"
    assert links.rebase("[all](../../figures/CLAIMS.md)", **rebase) == "[all](index.md)"
    assert links.rebase("[w](https://example.org)", **rebase) == "[w](https://example.org)"
    assert links.rebase("```\na[0](x)\n```", **rebase) == "```\na[0](x)\n```"


def test_the_cells_of_a_claim_end_where_the_next_claim_starts():
    def cell(kind, text, *tags, said=None):
        outputs = [] if said is None else [{"output_type": "stream", "text": said}]
        return {"cell_type": kind, "source": text, "metadata": {"tags": list(tags)}, "outputs": outputs}

    notebook = {
        "cells": [
            cell("markdown", '## Part\n<a id="SC-1"></a>\n### SC-1\nwhy'),
            cell("code", "one = 1", "claim:SC-1"),
            cell("markdown", "route 2"),
            cell("code", "two = 2", "claim:SC-1", said="PASS"),
            cell("markdown", 'means\n\n<a id="SC-2"></a>\n### SC-2\nother'),
            cell("code", "three = 3", "claim:SC-2"),
            cell("markdown", "after"),
        ]
    }
    found = claim_pages.blocks(notebook, "SC-1")
    assert [kind for kind, _ in found] == ["text", "code", "text", "code", "output", "text"]
    assert "Part" not in found[0][1]
    assert found[-1][1].strip() == "means"
    assert [text for kind, text in claim_pages.blocks(notebook, "SC-2") if kind == "code"] == ["three = 3"]
    assert claim_pages.blocks(notebook, "SC-3") == []


def test_every_essay_has_six_exercises_with_solutions(collection, pages):
    essays = [name for name, card in collection.cards.items() if card.is_essay]
    for name in essays:
        cells = source.exercise_cells(collection.notebooks[name, "essay"])
        solved = sum(text.count("<details>") for kind, text in cells if kind == "text")
        answers = sum(kind == "code" for kind, _ in cells)
        assert (solved, answers) == (6, 6), name
    every = [text for notebook in collection.notebooks.values() for _, text in source.exercise_cells(notebook)]
    assert pages["exercises.md"].count("</details>") == sum(text.count("</details>") for text in every)


def test_gallery_errata_and_recorded_tables_are_complete(collection, pages):
    figures = [label for name in collection.cards for label, *_ in collection.figures(name)]
    assert pages["gallery.md"].count("```{image}") == len(figures)
    for card in collection.cards.values():
        for erratum in card.errata.values():
            assert f"[{erratum['evidence']}](claims/" in pages["errata.md"] or erratum["evidence"] == "argument only"
    tables = list((ROOT / "figures" / "recorded").glob("[0-9]*/*.json"))
    assert pages["recorded.md"].count("{download}") == len(tables)


def test_the_table_of_claims_has_a_row_a_claim_and_what_its_filters_read(collection, pages):
    rows = re.findall(r"<tr data-[^>]*>", pages["claims/index.md"])
    assert len(rows) == len(collection.home)
    for row in rows:
        assert set(re.findall(r"data-(\w+)=", row)) == {"paper", "kind", "from", "part", "resolution"}
        assert float(re.search(r'data-resolution="([^"]+)"', row)[1]) > 0


def test_claims_as_csv_and_as_bibtex(collection):
    rows = list(csv.DictReader(io.StringIO(claim_pages.as_csv(collection))))
    assert [row["id"] for row in rows] == list(collection.home)
    assert all(row["verdict"] == "PASS" for row in rows)
    caught = {row["id"]: tuple(int(row[f"faults_{word}"]) for word in ("caught", "met", "stale")) for row in rows}
    assert caught == {label: collection.faults.get(label, (0, 0, 0)) for label in collection.home}
    assert any(sum(count) for count in caught.values())
    entries = claim_pages.bibtex(collection)
    papers = [card for card in collection.cards.values() if card.paper["links"]]
    assert entries.count("@misc{") == len(collection.home) + len(papers)
    assert entries.count("{") == entries.count("}")


def test_the_map_has_every_claim_and_every_arrow(collection):
    drawn = theory_map.dot(collection)
    for label in collection.home:
        assert f'id="node-{label}"' in drawn
        for other in collection.entry(label)["uses"]:
            assert f'"{other}" -> "{label}"' in drawn


@pytest.fixture
def small(tmp_path):
    """Cards and figures in a folder of their own, to be broken."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".*"))
    return tmp_path


def test_a_broken_card_stops_the_site_in_one_line_that_names_it(small, capsys):
    card = small / "notebooks" / "01_spectral_clustering.toml"
    card.write_text(card.read_text(encoding="utf-8").replace('where = "essay"', 'where = "esay"', 1), encoding="utf-8")
    with pytest.raises(
        SystemExit, match=r"site stopped: .*01_spectral_clustering.toml, claim.*where: is 'esay'"
    ) as error:
        source.main(small / "out", root=small)
    assert "\n" not in str(error.value)
    assert not (small / "out").exists()


def test_a_figure_whose_numbers_are_gone_stops_the_site_in_one_line(collection, monkeypatch):
    shown = [("lost", "essay", ROOT / "figures" / "01_spectral_clustering", {"name": "lost"})]
    monkeypatch.setattr(collection, "figures", lambda name: shown)
    with pytest.raises(ValueError, match=r"figure 'lost' of 0.*, essay: its csv or picture is not there"):
        source.gallery(collection)


# -- sliders ----------------------------------------------------------------------------------------------
def test_each_of_the_five_papers_has_a_slider_whose_claim_is_on_a_card(collection):
    found = explorables.load(ROOT)
    papers = {name for name in source.SHORT if collection.cards[name].is_essay}
    assert {collection.home[one.spec["claim"]] for one in found} >= papers
    for one in found:
        drawing, marks = explorables.picture(one)
        assert drawing.count('class="mark') == len(one.spec["series"])
        assert {len(positions) for positions in marks.values()} == {len(next(iter(one.steps.values())))}


def test_the_verdict_beside_a_slider_changes_with_it():
    every = {one.name: one for one in explorables.load(ROOT)}

    def said(name, choice, position):
        one = every[name]
        return " ".join(explorables.sentence(one.spec, *one.steps[choice][position])[2])

    assert said("laplacian", "the part not symmetrised", 0).startswith("PASS")
    assert said("laplacian", "the part not symmetrised", -1).startswith("FAIL")
    assert all(said("trapped", "3", k).startswith("Within") for k in range(7))
    assert all(said("trapped", "2", k).startswith("Not") for k in range(7))
    assert any(said("trapped", "4", k).startswith("Not") for k in range(7))
    assert "as a control must" in said("contrast", "3", 0)
    assert "blind" in said("contrast", "3", -1)
    assert all(said("contrast", "4", k).startswith("The law holds") for k in range(15))
    assert said("pairs", "0", 0).startswith("The law agrees")
    assert said("pairs", "0.9", 0).startswith("Too few")
    assert "empty" not in said("attack", "", 0)
    assert said("attack", "", -1).count("empty") == 2


SPEC = """[one]
title = "t"
claim = "SC-T1"
csv = "t.csv"
slider = "x"
slider_label = "x"
choice = "c"
choice_label = "c"
series = [{ column = "y", label = "y", kind = "theory" }]
text = "t"
notice = "n"
made_by = "m"
"""


@pytest.mark.parametrize(
    ("old", "new", "table", "message"),
    [
        ('notice = "n"\n', "", "x,y,c\n1,2,a\n", "notice is missing"),
        ('notice = "n"', 'notice = "n"\ncolour = "red"', "x,y,c\n1,2,a\n", "colour is not known"),
        ("t.csv", "u.csv", "x,y,c\n1,2,a\n", "figures/u.csv is not there"),
        ('column = "y"', 'column = "z"', "x,y,c\n1,2,a\n", "t.csv has no column z"),
        ('kind = "theory"', 'kind = "thery"', "x,y,c\n1,2,a\n", "the kind 'thery' is none of theory"),
        ("t.csv", "t.csv", "x,y,c\n1,two,a\n", "could not convert string to float: 'two'"),
        ("t.csv", "t.csv", "x,y,c\n", "no row of t.csv is left"),
        ("t.csv", "t.csv", "x,y,c\n1,2,a\n2,2,b\n", "x has other positions for another choice, or one twice"),
        ("t.csv", "t.csv", "x,y,c\n1,2,a\n1,3,a\n", "x has other positions for another choice, or one twice"),
    ],
)
def test_a_slider_that_cannot_be_drawn_is_named_with_what_is_wrong(tmp_path, old, new, table, message):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "t.csv").write_text(table)
    (tmp_path / "spec.toml").write_text(SPEC.replace(old, new, 1))
    with pytest.raises(ValueError, match=r"explorable 'one': ") as error:
        explorables.load(tmp_path, path=tmp_path / "spec.toml")
    assert message in str(error.value)


def test_axes_put_numbers_in_order_between_their_ends():
    axis = explorables.Axis([0.0, 1e-6, 1.0], 100, 500, log=True)
    assert [axis.place(value) for value in (0.0, 1e-6, 1e-3, 1.0)] == [100, 100, 300, 500]
    assert axis.ticks() == [10.0**power for power in range(-6, 1)]
    axis = explorables.Axis([0.0, 3.9], 278, 14, log=False)
    assert axis.place(0.0) == 278
    assert axis.place(3.9) == 14
    assert axis.ticks() == [0, 1, 2, 3]


def test_names_of_curves_that_end_together_stand_apart():
    placed = explorables.apart([(100.0, 0, "a"), (101.0, 1, "b"), (277.0, 2, "c"), (278.0, 3, "d")])
    heights = [height for height, *_ in placed]
    assert all(later - earlier >= 15 for earlier, later in itertools.pairwise(heights))
    assert heights[-1] <= explorables.BOTTOM


# -- a built site -----------------------------------------------------------------------------------------
GOOD = (
    '<html><body><h1 id="a">A</h1>'
    '<img src="p.png" alt="a picture"><a href="#a">a</a> <code>$x \\frac$</code></body></html>'
)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("A</h1>", 'A</h1><p id="a"></p>', "the id 'a' stands twice"),
        ('alt="a picture"', "", "p.png has the alternative text None"),
        ('alt="a picture"', 'alt="p.png"', "p.png has the alternative text 'p.png'"),
        ('href="#a"', 'href="#b"', "the link #b names an anchor that is not there"),
        ('href="#a"', 'href="gone.html"', "the link gone.html leads nowhere"),
        ('src="p.png"', 'src="https://example.org/p.png"', "https://example.org/p.png comes from another host"),
        ("A</h1>", "A</h1> let $x$ be", "a formula is left as text"),
        ("A</h1>", "A</h1> let \\lambda be", "a formula is left as text"),
        ("A</h1>", 'A</h1><span class="katex-error">x</span>', "1 formulas do not render"),
    ],
)
def test_faults_of_a_built_site_are_found(tmp_path, old, new, fault):
    (tmp_path / "p.png").write_bytes(b"")
    (tmp_path / "index.html").write_text(GOOD)
    assert checks.faults(tmp_path) == []
    (tmp_path / "index.html").write_text(GOOD.replace(old, new, 1))
    found = checks.faults(tmp_path)
    assert len(found) == 1
    assert fault in found[0]


def test_binder_installs_what_the_notebooks_need():
    asked = (ROOT / ".binder" / "requirements.txt").read_text().split()
    assert asked[0] == "-r"
    assert (ROOT / ".binder" / asked[1]).resolve() == ROOT / "requirements.txt"
    assert "--editable ." in (ROOT / ".binder" / "postBuild").read_text()
