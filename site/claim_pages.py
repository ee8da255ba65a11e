"""Pages about claims: one a claim, the table of all, and the claims as data."""

import csv
import functools
import html
import io
import json
import re

from links import rebase

from helpers.collection import faults, words
from helpers.ledger import cards, verdicts

ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
CLAIM_ANCHOR = re.compile(r'(?=<a id="[A-Z]{2}-\w+"></a>)')
TIED = re.compile(r"<!-- = .*? -->(.*?)<!-- / -->", re.S)
BROWSER_COLUMNS = (
    "claim",
    "what",
    "paper",
    "part",
    "kind",
    "verdict",
    "tightest check",
    "would notice",
    "faults caught",
    "nearest control",
    "provenance",
)


def page(collection, label):
    """The page of one claim."""
    name, entry, record = collection.home[label], collection.entry(label), collection.record(label)
    card = collection.cards[name]
    blocks_of = {place: found for place in cards.PLACES if (found := collection.cells(label, place))}
    places = list(blocks_of)
    there = {place: words.link(card, {"where": place}, label, seen_from="root", text=place) for place in places}
    lines = [
        "---",
        "orphan: true",
        "---",
        f"# {label} · {plain(entry['title'])}",
        "",
        "$$",
        entry["statement"].strip(),
        "$$",
        "",
        f"- **Source:** {entry['source']}; paper: {card.paper['citation']}",
        f"- **Provenance:** {', '.join(map(plain, entry['provenance']))} ([what the words mean](../glossary.md))",
        f"- **Method:** {entry.get('method', 'not stated')}",
        f"- **Part:** {card.parts[entry['part']]['question']}",
        f"- **Cells:** {', '.join(there.values()).replace('](', '](../')}",
        "",
    ]
    if places:
        lines += [
            "## Statement and why",
            "",
            *cells_of(collection, label, places[0], until_code(blocks_of[places[0]])),
            "",
        ]
    if record is None:
        lines += ["No record of it is stored.", ""]
    else:
        word = "holds" if verdicts.passed(record) else "**fails**"
        lines += [
            "## Verdict",
            "",
            f"The claim {word}. Tightest check: {shown(words.measured(record))}; it would notice ",
        ]
        lines[-1] += f"{words.notices(record)}. Nearest control: {shown(words.nearest(record))}. "
        lines[-1] += f"Random faults in its code that it caught: {faults.said(collection.faults.get(label))}."
        lines += ["", *check_tables(record)]
    if "weak" in entry:
        lines += ["## What was not tested", "", words.sentence(entry["weak"]), ""]
    for title, others in (("Rests on", list(entry["uses"].items())), ("Used by", collection.used_by(label))):
        if others:
            lines += [f"## {title}", ""]
            lines += [
                f"- [{other}]({other}.md) {plain(collection.entry(other)['title'])}: {reason}"
                for other, reason in others
            ]
            lines.append("")
    for key, erratum in card.errata.items():
        if erratum["evidence"] == label:
            lines += [f"## Erratum {key}", "", f"*As quoted:* {words.sentence(erratum['quoted'])}", ""]
            lines += [f"*Corrected:* {words.sentence(erratum['corrected'])}", ""]
    for place in places:
        title = "The cells that check it" if place == places[0] else "Further checks, in the appendix"
        further = blocks_of[place][len(until_code(blocks_of[place])) if place == places[0] else 0 :]
        lines += [f"## {title}", "", *cells_of(collection, label, place, further)]
    lines += ["## Run it alone", "", "```bash", f"make claim ID={label}", "```", ""]
    return "\n".join(lines)


def check_tables(record):
    """Checks and controls as two tables."""
    lines = ["| check | rule | measured | would notice | trials |", "|---|---|---|---|---|"]
    for check in record["checks"]:
        row = [
            check["name"],
            check["rule"],
            f"`{verdicts.comparison(check)}`",
            verdicts.resolution(check),
            check["trials"],
        ]
        lines.append(words.row(map(shown, row)))
    lines += ["", "| control: what is broken | of check | measured | |", "|---|---|---|---|"]
    for control in record["controls"]:
        repaired = control["breaks"].startswith("repaired: ")
        said = ("holds" if repaired else "fails") + " as it must" if control["fails"] else "**does not**"
        row = [
            control["breaks"],
            control["check"],
            f"{control['measured'] + 0.0:.2g}",
            said,
        ]
        lines.append(words.row(map(shown, row)))
    return [*lines, ""]


def until_code(blocks):
    """The leading blocks of text."""
    code = next((k for k, (kind, _) in enumerate(blocks) if kind == "code"), len(blocks))
    return blocks[:code]


def cells_of(collection, label, place, blocks):
    """Text, code and printed lines of a claim's cells, as lines of Markdown."""
    name, lines = collection.home[label], []
    source = ("notebooks/appendix/" if place == "appendix" else "notebooks/") + f"{name}.ipynb"
    for kind, text in blocks:
        if kind == "text":
            text = re.sub(r"(?m)^#+ .*$", "", ANCHOR.sub("", TIED.sub(r"\1", text))).strip()
            text = rebase(
                text,
                source=source,
                page=f"claims/{label}.md",
                kept=collection.kept,
                claims=collection.home,
                to_claims=True,
            )
            lines += [text, ""] if text else []
        elif kind == "code":
            lines += ["```python", text, "```", ""]
        else:
            lines += ["```text", text.rstrip(), "```", ""]
    return lines


def browser(collection):
    """All claims as one table that the reader's browser filters and sorts; readable without scripts."""
    rows = []
    for label, name in collection.home.items():
        entry, record, card = collection.entry(label), collection.record(label), collection.cards[name]
        if record is None:
            continue
        coarse = words.coarsest(record)
        order = coarse["resolution"] if coarse else 1e9
        cells = [
            (f'<a href="{label}.html" id="{label}">{label}</a>', label),
            (html.escape(entry["title"]), entry["title"]),
            (int(name[:2]), name),
            (html.escape(card.parts[entry["part"]]["question"]), f"{name} {list(card.parts).index(entry['part']):02d}"),
            (record["kind"], record["kind"]),
            ("PASS" if verdicts.passed(record) else "<strong>FAIL</strong>", int(verdicts.passed(record))),
            (html.escape(words.measured(record).replace("`", "")), record["measured"]),
            (html.escape(words.notices(record)), order),
            (faults.said(collection.faults.get(label)), collection.faults.get(label, (0, 0, 0))[0]),
            (html.escape(words.nearest(record).replace("*", "")), words.nearest(record)),
            (html.escape(", ".join(entry["provenance"])), ", ".join(entry["provenance"])),
        ]
        data = f'data-paper="{name}" data-kind="{record["kind"]}" data-from="{html.escape(" ".join(entry["provenance"]))}" '
        data += f'data-part="{html.escape(entry["part"])}" data-resolution="{order:.3e}"'
        body = "".join(f'<td data-order="{html.escape(str(by))}">{text}</td>' for text, by in cells)
        rows.append(f"<tr {data}>{body}</tr>")
    head = "".join(f'<th scope="col">{word}</th>' for word in BROWSER_COLUMNS)
    table = f'<table id="claims-table" class="display"><caption class="for-readers">All claims</caption><thead><tr>{head}</tr></thead><tbody>\n'
    table += "\n".join(rows) + "\n</tbody></table>"
    papers = [(name, f"{collection.short(name)}") for name in collection.cards]
    parts = [
        (f"{name} {key}", f"{int(name[:2])}: {part['question']}")
        for name, card in collection.cards.items()
        for key, part in card.parts.items()
    ]
    kinds = sorted({record["kind"] for found in collection.records.values() for record in found.values()})
    provenance = [
        word
        for word in cards.PROVENANCE
        if any(word in card_entry["provenance"] for card_entry in collection.entries())
    ]
    notices = [("1e-9", "a change of 1e-9 or less"), ("1e-6", "1e-6 or less"), ("0.05", "5 % or less")]
    filters = [
        select("paper", "Paper", papers),
        select("part", "Part", parts),
        select("kind", "Kind", [(kind, kind) for kind in kinds]),
        select("from", "Provenance", [(word, word) for word in provenance]),
        select("notices", "Every check would notice", notices),
    ]
    return "\n".join(
        [
            "# Claims",
            "",
            f"All {len(rows)} claims. Filter by word, paper, part, kind, provenance or by what the coarsest check would notice; click "
            "a heading to sort (*would notice* by the coarsest check); every id leads to the claim's page. The address keeps the filters, so that a selection can be "
            "linked. [As data](export.md): csv and BibTeX.",
            "",
            '<link rel="stylesheet" href="../_static/datatables/dataTables.dataTables.min.css">',
            "",
            f'<form class="filters" id="claims-filters">{"".join(filters)}</form>',
            f'<div class="wide" tabindex="0" role="group" aria-label="Table of all claims">\n{table}\n</div>',
            "",
            '<script src="../_static/datatables/dataTables.min.js"></script>',
            '<script src="../_static/claims.js"></script>',
            "",
        ]
    )


def select(name, label, options):
    """A labelled choice of a filter; the first one chooses everything."""
    listed = "".join(f'<option value="{html.escape(value)}">{html.escape(text)}</option>' for value, text in options)
    return f'<label>{label} <select name="{name}"><option value="">all</option>{listed}</select></label>'


def export(collection):
    """Where to take the claims from, as data."""
    return "\n".join(
        [
            "# The claims as data",
            "",
            f"- {{download}}`claims.csv <claims.csv>`: {len(collection.home)} rows, one a claim: statement, source, verdict, "
            "measured, threshold, resolution, what it uses.",
            "- {download}`claims.bib <claims.bib>`: one BibTeX entry a claim, to cite a single statement and its check; each is a "
            "`@misc` with the paper it comes from in its note, and the five papers follow under `paper-1` to `paper-5`.",
            "- {download}`theory_map.csv <../figures/theory_map.csv>` and {download}`theory_map_arrows.csv "
            "<../figures/theory_map_arrows.csv>`: the headline claims and their arrows.",
            "",
            "One entry as an example:",
            "",
            "```bibtex",
            bibtex(collection).split("\n\n")[0],
            "```",
            "",
        ]
    )


CSV_COLUMNS = (
    "id paper part where title statement source provenance method kind verdict tightest measured threshold resolution "
    "faults_caught faults_met faults_stale uses"
)


def as_csv(collection):
    """All claims as csv text, a row each."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(CSV_COLUMNS.split())
    for label, name in collection.home.items():
        entry, record = collection.entry(label), collection.record(label)
        row = [label, name, entry["part"], entry["where"], entry["title"], entry["statement"], entry["source"]]
        row += ["; ".join(entry["provenance"]), entry.get("method", "")]
        if record is None:
            row += 6 * [""]
        else:
            row += [record["kind"], "PASS" if verdicts.passed(record) else "FAIL", record["tightest"]]
            row += [record["measured"], record["threshold"], words.tightest(record)["resolution"]]
        row += collection.faults.get(label, (0, 0, 0))
        writer.writerow([*row, "; ".join(entry["uses"])])
    return buffer.getvalue()


def bibtex(collection):
    """All claims as BibTeX entries, then the papers."""
    entries = []
    for label, name in collection.home.items():
        card, entry = collection.cards[name], collection.entry(label)
        entries.append(
            f"@misc{{{label},\n  title = {{{{{tex(entry['title'])}}}}},\n"
            f"  note = {{Claim {label} of the collection ``Contrastive-learning theory, checked'', checked in {tex(name)}; "
            f"source: {tex(entry['source'])}}},\n}}\n"
        )
    for name, card in collection.cards.items():
        if not card.paper["links"]:
            continue  # what this collection says itself
        authors = " and ".join(card.paper["authors"])
        arxiv = card.paper["links"].get("arxiv")
        eprint = f"  eprint = {{{arxiv}}},\n  archiveprefix = {{arXiv}},\n" if arxiv else ""
        entries.append(
            f"@misc{{paper-{int(name[:2])},\n  author = {{{tex(authors)}}},\n  title = {{{{{tex(card.paper['title'])}}}}},\n{eprint}}}\n"
        )
    return "\n".join(entries)


def plain(text):
    """A text of a card in Markdown: what is no formula there must not become one."""
    return text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_").replace("$", r"\$")


def shown(value):
    """A text of the ledger in Markdown, the marks of our own words kept."""
    pieces = re.split(r"(`[^`]*`|\*\*[^*]+\*\*)", str(value))
    return "".join(piece if k % 2 else plain(piece) for k, piece in enumerate(pieces))


def tex(text):
    """A text of a card for BibTeX: formulas as they are, everything else escaped."""
    pieces = re.split(r"(\$[^$]*\$)", text)
    pieces[::2] = [re.sub(r"([&%#_])", r"\\\1", piece).replace("*", "").replace("^", r"\^{}") for piece in pieces[::2]]
    return "".join(pieces)


def blocks(notebook, label):
    """The cells of a claim in a notebook: (kind, text) with kind "text", "code" or "output".

    The text starts at the claim's anchor; it ends at the next anchor of a claim, heading or group of cells after the
    claim's own last cell.
    """
    found, tag, inside = [], f"claim:{label}", False
    cells = notebook["cells"]
    last = max((k for k, cell in enumerate(cells) if tag in cell["metadata"].get("tags", [])), default=-1)
    for number, cell in enumerate(cells):
        tags, source = cell["metadata"].get("tags", []), "".join(cell["source"])
        if cell["cell_type"] == "markdown" and not any(one.startswith("generated:") for one in tags):
            for k, piece in enumerate(split(source)):
                if anchor := re.match(r'<a id="([A-Z]{2}-\w+)"></a>', piece):
                    inside = anchor[1] == label or (inside and number < last and same_group(cells, number, last, tag))
                elif number > last and k == 0 and re.search(r"(?m)^#", piece):
                    inside = False
                if inside and piece.strip() and (number <= last or found):
                    found.append(("text", piece))
        elif cell["cell_type"] == "code":
            if tag in tags:
                found.append(("code", source))
                found += [
                    ("output", "".join(output["text"]))
                    for output in cell["outputs"]
                    if output["output_type"] == "stream"
                ]
            elif number > last:
                inside = False
    return found if last >= 0 else []


@functools.cache
def split(source):
    """A text before every anchor of a claim."""
    return CLAIM_ANCHOR.split(source)


def same_group(cells, number, last, tag):
    """Whether the next code cell still belongs to the claim."""
    following = next((cell for cell in cells[number : last + 1] if cell["cell_type"] == "code"), None)
    return following is not None and tag in following["metadata"].get("tags", [])


def read(path):
    """A notebook as a dict, or None where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
