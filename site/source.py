"""The source tree of the site, written from notebooks, cards, ledgers, figures, READMEs and docstrings.

Nothing is executed: notebooks come with their stored outputs. Standard library and ``helpers.ledger`` only.
"""

import csv
import html
import io
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import api  # noqa: E402
import explorables  # noqa: E402
import theory_map  # noqa: E402

from helpers import files  # noqa: E402
from helpers.collection import words  # noqa: E402
from helpers.figures import numbers  # noqa: E402
from helpers.ledger import cards, claims, verdicts  # noqa: E402

PAGES = Path(__file__).resolve().parent / "pages"
SHORT = {
    "01_spectral_clustering": "1 Spectral clustering",
    "02_alpha_cl": "2 α-CL",
    "03_mutual_information": "3 Mutual information",
    "04_multimodal_svd": "4 Multimodal SVD",
    "05_robust_contrastive": "5 Robust contrastive",
}
LONGEST_OPEN_CELL = 8  # lines; longer ones of bookkeeping and drawing are folded
REPOSITORY_ONLY = re.compile(
    r"\]\((?:\.\./)*((?:helpers|tests|benchmarks|data|Makefile|LICENSE|site|pyproject)[^)]*|notebooks/?|figures/?)\)"
)


class Collection:
    """Cards, records and texts that several pages need, read once."""

    def __init__(self, root=ROOT):
        self.root, self.output = Path(root), Path(root) / "figures"
        self.cards = cards.load_all(folder=self.root / "notebooks")
        self.records = {name: claims.stored(self.output, card) for name, card in self.cards.items()}
        self.home = {label: name for name, card in self.cards.items() for label in card.claims}

    def entry(self, label):
        return self.cards[self.home[label]].claims[label]

    def record(self, label):
        return self.records[self.home[label]].get(label)

    def link(self, label, *, text=None):
        """A Markdown link, from the root of the site, to the notebook cells that check a claim."""
        return words.link(self.cards[self.home[label]], self.entry(label), label, seen_from="root", text=text)

    def used_by(self, label):
        return [
            (other, entry["uses"][label])
            for card in self.cards.values()
            for other, entry in card.claims.items()
            if label in entry["uses"]
        ]

    def figures(self, name):
        """Figures of a paper: (name, place, folder, entry of figures.json)."""
        for place in cards.PLACES:
            folder = files.folder(self.output, name, place)
            for entry in files.read_json(folder / "figures.json") or []:
                if entry.get("picture", True):
                    yield entry["name"], place, folder, entry


def write(target, *, root=ROOT):
    """Write the whole tree below ``target`` (which is emptied first); returns its Markdown and notebook files."""
    target, collection = Path(target), Collection(root)
    shutil.rmtree(target, ignore_errors=True)
    parts = {
        "index.md": front(collection),
        "claims/index.md": browser(collection),
        "errata.md": errata(collection),
        "gallery.md": gallery(collection),
        "recorded.md": recorded(collection),
        "exercises.md": exercises(collection),
        "map.md": theory_map.page(collection),
        "explorables.md": explorables.page(collection),
        "claims/export.md": export(collection),
        "changelog.md": changelog(collection),
    }
    parts |= {f"claims/{label}.md": claim(collection, label) for label in collection.home}
    parts |= api.pages(collection.root / "helpers")
    for path in sorted(PAGES.glob("*.md")):
        parts[path.name] = path.read_text(encoding="utf-8")
    for name, text in parts.items():
        files.write_text(target / name, text)
    files.write_text(target / "claims" / "claims.csv", claims_csv(collection))
    files.write_text(target / "claims" / "claims.bib", claims_bib(collection))
    for path in [*root.glob("notebooks/[0-9]*.ipynb"), *root.glob("notebooks/appendix/[0-9]*.ipynb")]:
        files.write_text(target / path.relative_to(root), notebook_source(path))
    for name in ("README.md", "benchmarks/README.md"):
        files.write_text(target / name, repository_links((root / name).read_text(encoding="utf-8")))
    for path in root.glob("figures/**/*"):
        if path.suffix in (".png", ".csv") and "recorded" not in path.parts:
            copy = target / path.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return sorted([*target.rglob("*.md"), *target.rglob("*.ipynb")])


def notebook_source(path):
    """A notebook as Sphinx reads it: long cells folded, pictures with their alt text, no links out of the site."""
    content = json.loads(path.read_text(encoding="utf-8"))
    deeper = "../" if path.parent.name == "appendix" else ""
    for cell in content["cells"]:
        source = "".join(cell["source"])
        tags = cell["metadata"].setdefault("tags", [])
        if cell["cell_type"] == "markdown":
            cell["source"] = repository_links(headings(source))
            continue
        lines = [line for line in source.splitlines() if line.strip()]
        drawing = any(tag.startswith("figure:") for tag in tags)
        if drawing or "setup" in tags or len(lines) > 2 * LONGEST_OPEN_CELL:
            tags.append("hide-input")
        if alt := cell["metadata"].get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        cell["outputs"] = [output for output in cell["outputs"] if output["output_type"] != "error"]
        for output in cell["outputs"]:
            if "text/markdown" in output.get("data", {}):
                text = "".join(output["data"]["text/markdown"])
                output["data"]["text/markdown"] = repository_links(text)
    del deeper
    return json.dumps(content, ensure_ascii=False, indent=1)


def headings(source):
    """Headings keep their words; an anchor directly above stays there."""
    return source


def repository_links(text):
    """Links to files that are no page become their path in words."""
    text = text.replace("](figures/CLAIMS.md", "](claims/index.md").replace("](figures/README.md", "](gallery.md")
    return REPOSITORY_ONLY.sub(lambda found: f"] (`{found[1]}`)" if found[1] else found[0], text).replace(
        "](LICENSE)", "]"
    )


# -- pages ------------------------------------------------------------------------------------------------
def front(collection):
    """One screen: what this is, a picture, the five questions."""
    total = sum(len(card.claims) for card in collection.cards.values())
    records = [record for found in collection.records.values() for record in found.values()]
    checks, controls = (sum(len(record[kind]) for record in records) for kind in ("checks", "controls"))
    lines = [
        "# Contrastive-learning theory, checked",
        "",
        f"Five papers explain why contrastive learning works. Here {total} of their statements are put to a computer that "
        "tries to break them: two computations that share no code, a threshold derived beforehand, and a control, one "
        f"assumption broken, on which the same check must fail. {checks} checks, {controls} controls.",
        "",
        "```{image} figures/theory_map.png",
        ":alt: The headline claims of the five papers as a graph, an arrow for every statement that another one rests on",
        ":width: 100%",
        ":target: map.html",
        "```" if (collection.output / "theory_map.png").exists() else "",
        "",
        "| | question | essay | appendix |",
        "|---|---|---|---|",
    ]
    if not (collection.output / "theory_map.png").exists():
        lines[4:9] = []
    for name, card in collection.cards.items():
        appendix = f"[appendix](notebooks/appendix/{name}.ipynb)" if card.is_essay else ""
        question = card.paper.get("question") or next(iter(card.parts.values()))["question"]
        lines.append(f"| {name[1]} | {question} | [{card.paper['title']}](notebooks/{name}.ipynb) | {appendix} |")
    lines += [
        "",
        "**Go on** to the [claims](claims/index.md), the [map of the theory](map.md), the [figures](gallery.md), what is "
        "[wrong in print or in circulation](errata.md), the [exercises](exercises.md), or [run it](running.md) yourself.",
        "",
    ]
    trees = {
        "Essays": [f"{SHORT[name]} <notebooks/{name}.ipynb>" for name in collection.cards],
        "Appendices": [
            f"{SHORT[name]} <notebooks/appendix/{name}.ipynb>"
            for name, card in collection.cards.items()
            if card.is_essay
        ],
        "Claims": [
            "Browse <claims/index.md>",
            "Map <map.md>",
            "Errata <errata.md>",
            "Changelog <changelog.md>",
            "Export <claims/export.md>",
        ],
        "Teaching": [
            "Figures <gallery.md>",
            "Explorables <explorables.md>",
            "Exercises <exercises.md>",
            "Recorded tables <recorded.md>",
            "Glossary <glossary.md>",
            "Notation <notation.md>",
        ],
        "Using it": [
            "Running it <running.md>",
            "Adding a claim or a paper <adding.md>",
            "README <README.md>",
            "Benchmarks <benchmarks/README.md>",
            "helpers <api/index.md>",
        ],
    }
    for caption, entries in trees.items():
        lines += ["```{toctree}", ":hidden:", ":maxdepth: 1", f":caption: {caption}", "", *entries, "```", ""]
    return "\n".join(lines)


def claim(collection, label):
    """The page of one claim."""
    name, entry, record = collection.home[label], collection.entry(label), collection.record(label)
    card = collection.cards[name]
    lines = [
        "---",
        "orphan: true",
        "---",
        f"# {label} · {_plain(entry['title'])}",
        "",
        "$$",
        entry["statement"],
        "$$",
        "",
        f"**Source.** {entry['source']}, in {card.paper['citation']}. **Provenance.** {', '.join(entry['provenance'])}.",
        "",
        f"**Checked in** {collection.link(label, text=name).replace('](', '](../')}, part “{card.parts[entry['part']]['question']}”"
        + (f", by {entry['method']}." if "method" in entry else "."),
        "",
    ]
    if record is None:
        lines += ["No record of it is stored.", ""]
    else:
        lines += [
            "## Verdict",
            "",
            "```text",
            verdicts.verdict(record, entry["title"]),
            "```",
            "",
            *_check_tables(record),
        ]
    if "weak" in entry:
        lines += ["## What was not tested", "", entry["weak"], ""]
    for title, others in (("Rests on", entry["uses"].items()), ("Used by", collection.used_by(label))):
        if others := list(others):
            lines += [f"## {title}", ""]
            lines += [
                f"- [{other}]({other}.md) {_plain(collection.entry(other)['title'])}: {reason}"
                for other, reason in others
            ]
            lines.append("")
    wrong = [(key, erratum) for key, erratum in card.errata.items() if erratum["evidence"] == label]
    for key, erratum in wrong:
        lines += [
            f"## Erratum {key}",
            "",
            f"*As quoted:* {erratum['quoted']}",
            "",
            f"*Corrected:* {erratum['corrected']}",
            "",
        ]
    lines += ["## Run it alone", "", "```bash", f"make claim ID={label}", "```", ""]
    return "\n".join(lines)


def _check_tables(record):
    lines = ["| check | rule | measured | would notice | trials |", "|---|---|---|---|---|"]
    for check in record["checks"]:
        row = [
            check["name"],
            check["rule"],
            f"`{verdicts.comparison(check)}`",
            verdicts.resolution(check),
            check["trials"],
        ]
        lines.append(_row(row))
    lines += ["", "| control: what is broken | of check | measured | threshold | |", "|---|---|---|---|---|"]
    for control in record["controls"]:
        said = "fails as it must" if control["fails"] else "passes"
        row = [control["breaks"], control["check"], f"{control['measured']:.2g}", f"{control['threshold']:.2g}", said]
        lines.append(_row(row))
    return [*lines, ""]


def browser(collection):
    """All claims as one table that the reader's browser filters and sorts; readable without scripts."""
    head = [
        "claim",
        "what",
        "paper",
        "part",
        "kind",
        "verdict",
        "tightest check",
        "would notice (coarsest)",
        "provenance",
    ]
    rows = []
    for label, name in collection.home.items():
        entry, record, card = collection.entry(label), collection.record(label), collection.cards[name]
        if record is None:
            continue
        tightest = next(check for check in record["checks"] if check["name"] == record["tightest"])
        stated = [check for check in record["checks"] if check["resolution"] is not None]
        coarsest = max(stated, key=lambda check: check["resolution"], default=None)
        order = coarsest["resolution"] if coarsest else 1e9
        cells = [
            (f'<a href="{label}.html" id="{label}">{label}</a>', label),
            (html.escape(entry["title"]), entry["title"]),
            (SHORT[name], name),
            (html.escape(card.parts[entry["part"]]["question"]), entry["part"]),
            (record["kind"], record["kind"]),
            ("PASS" if verdicts.passed(record) else "<strong>FAIL</strong>", ""),
            (html.escape(verdicts.comparison(tightest)), record["measured"]),
            (html.escape(verdicts.resolution(coarsest)) if coarsest else "not stated", order),
            (html.escape(", ".join(entry["provenance"])), ""),
        ]
        rows.append(
            "<tr>"
            + "".join(f'<td data-order="{html.escape(str(order))}">{text}</td>' for text, order in cells)
            + "</tr>"
        )
    table = (
        '<table id="claims-table" class="display"><thead><tr>'
        + "".join(f'<th scope="col">{word}</th>' for word in head)
        + "</tr></thead><tbody>\n"
        + "\n".join(rows)
        + "\n</tbody></table>"
    )
    return "\n".join(
        [
            "---",
            "html_theme.sidebar_secondary.remove: true",
            "---",
            "# Claims",
            "",
            f"All {len(rows)} claims. Type to filter by any column, click a heading to sort; every id leads to the claim's page, "
            "which has its statement, every check and control, and what it rests on. *Would notice* is the smallest change of "
            "the claimed side that the coarsest of its checks rejects.",
            "",
            '<link rel="stylesheet" href="../_static/datatables/dataTables.dataTables.min.css">',
            "",
            f'<div class="wide">\n{table}\n</div>',
            "",
            '<script src="../_static/datatables/dataTables.min.js"></script>',
            '<script src="../_static/claims.js"></script>',
            "",
        ]
    )


def errata(collection):
    """What is wrong as quoted, printed or circulating, paper by paper."""
    lines = [
        "# Errata",
        "",
        "What a statement says as it was found, and what holds; each with the claim that shows it.",
        "",
    ]
    for name, card in collection.cards.items():
        if card.errata:
            lines += [
                f"## {SHORT[name]}",
                "",
                f"{card.paper['citation']}.",
                "",
                "| | as found | corrected | evidence |",
                "|---|---|---|---|",
            ]
        for key, erratum in card.errata.items():
            evidence = erratum["evidence"]
            evidence = f"[{evidence}](claims/{evidence}.md)" if evidence in card.claims else evidence
            lines.append(_row([key, erratum["quoted"], erratum["corrected"], evidence]))
        lines.append("")
    return "\n".join(lines)


def gallery(collection):
    """Every figure with its caption, its numbers and the cell that draws it."""
    lines = ["# Figures", "", "Each picture with its numbers and the cell that draws it.", ""]
    for name in collection.cards:
        lines += [f"## {SHORT[name]}", ""]
        for label, place, folder, entry in collection.figures(name):
            columns = files.read_csv(folder / f"{label}.csv")
            caption, alt = (numbers.fill(entry[key], columns) for key in ("caption", "alt"))
            path = (folder / label).relative_to(collection.root)
            book = f"notebooks/{'appendix/' if place == 'appendix' else ''}{name}.ipynb#{label}"
            counterpart = "" if entry["counterpart"] == "none" else f" Answers to: {entry['counterpart']}."
            lines += [f"### {label.replace('_', ' ')}", "", f"```{{image}} {path}.png", f":alt: {alt}", "```", ""]
            lines += [
                _claim_links(caption, collection),
                "",
                f"[The cell]({book}) · {{download}}`numbers <{path}.csv>`.{counterpart}",
                "",
            ]
    return "\n".join(lines)


def recorded(collection):
    """Tables of longer runs, with where and when they were recorded."""
    lines = [
        "# Recorded tables",
        "",
        "Longer runs, stored with their provenance; `make record TABLE=name` repeats one.",
        "",
    ]
    lines += ["| table | about | rows | recorded | device | minutes |", "|---|---|---|---|---|---|"]
    for path in sorted((collection.output / "recorded").glob("[0-9]*/*.json")):
        found = files.read_json(path)
        row = [
            path.stem,
            found.get("about", ""),
            len(found["rows"]),
            found["date"],
            found["device"],
            f"{found['wall_seconds'] / 60:.0f}",
        ]
        lines.append(_row(row))
    return "\n".join([*lines, ""])


def exercises(collection):
    """The exercises of every essay, each linked to the cell where an answer is checked."""
    lines = [
        "# Exercises",
        "",
        "Six a paper, at the end of every essay, with folded solutions; the notebook checks your answer.",
        "",
    ]
    for name, card in collection.cards.items():
        content = json.loads(card.path.with_suffix(".ipynb").read_text(encoding="utf-8"))
        texts = ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == "markdown"]
        asked = [text for text in texts if "<details>" in text]
        lines += [f"## {SHORT[name]}", "", f"In [the essay](notebooks/{name}.ipynb).", ""]
        for text in asked:
            text = re.sub(r'<a id="[^"]*"></a>\s*', "", re.sub(r"(?m)^#+ .*$", "", text))
            lines += [_claim_links(repository_links(text.strip()), collection), ""]
    return "\n".join(lines)


def changelog(collection):
    """Errata and verdicts as they stand, and a dated history kept by hand."""
    history = (PAGES / "history.txt").read_text(encoding="utf-8") if (PAGES / "history.txt").exists() else ""
    good = sum(verdicts.passed(record) for found in collection.records.values() for record in found.values())
    total = sum(len(found) for found in collection.records.values())
    found = sum(len(card.errata) for card in collection.cards.values())
    return "\n".join(
        ["# Changelog of verdicts and errata", "", f"Now: {good} of {total} claims hold, {found} errata.", "", history]
    )


def export(collection):
    """Where to take the claims from, as data."""
    del collection
    return "\n".join(
        [
            "# The claims as data",
            "",
            "- {download}`claims.csv <claims.csv>`: one row a claim, with statement, verdict, measured, threshold, resolution.",
            "- {download}`claims.bib <claims.bib>`: one BibTeX entry a claim, to cite a single statement and its check.",
            "",
        ]
    )


def claims_csv(collection):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        [
            "id",
            "paper",
            "part",
            "where",
            "title",
            "statement",
            "source",
            "provenance",
            "kind",
            "verdict",
            "tightest",
            "measured",
            "threshold",
            "resolution",
        ]
    )
    for label, name in collection.home.items():
        entry, record = collection.entry(label), collection.record(label)
        if record is None:
            continue
        tightest = next(check for check in record["checks"] if check["name"] == record["tightest"])
        row = [label, name, entry["part"], entry["where"], entry["title"], entry["statement"], entry["source"]]
        row += ["; ".join(entry["provenance"]), record["kind"], "PASS" if verdicts.passed(record) else "FAIL"]
        writer.writerow([*row, record["tightest"], record["measured"], record["threshold"], tightest["resolution"]])
    return buffer.getvalue()


def claims_bib(collection):
    entries = []
    for label, name in collection.home.items():
        card, entry = collection.cards[name], collection.entry(label)
        authors = " and ".join(card.paper["authors"]) or card.paper["citation"].split(",")[0]
        entries.append(
            f"@misc{{{label},\n  title = {{{{{_tex(entry['title'])}}}}},\n"
            f"  note = {{Claim {label}, checked in {name}; after {_tex(authors)}: {_tex(card.paper['title'])}}},\n}}\n"
        )
    return "\n".join(entries)


# -- text --------------------------------------------------------------------------------------------------
def _claim_links(text, collection):
    """Links to a claim of the same notebook lead to the claim's page."""
    return re.sub(
        r"\]\((?:[^)#\s]*\.ipynb)?#([A-Z]{2}-\w+)\)",
        lambda found: f"](claims/{found[1]}.md)" if found[1] in collection.home else "]",
        re.sub(r"\]\(#([a-z][^)]*)\)", "]", text),
    )


def _plain(title):
    return title.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_").replace("$", r"\$")


def _row(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _tex(text):
    return re.sub(r"([&%#_])", r"\\\1", text).replace("*", "")


if __name__ == "__main__":
    print(f"{len(write(sys.argv[1]))} pages")
