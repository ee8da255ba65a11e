"""The source tree of the site, written from notebooks, cards, ledgers, figures, READMEs and docstrings.

Nothing is executed: notebooks come with their stored outputs.
"""

import json
import re
import sys
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import api  # noqa: E402
import claim_pages  # noqa: E402
import explorables  # noqa: E402
import theory_map  # noqa: E402
from links import rebase  # noqa: E402

from helpers import files  # noqa: E402
from helpers.collection import faults, words  # noqa: E402
from helpers.figures import numbers  # noqa: E402
from helpers.ledger import cards, claims, verdicts  # noqa: E402

PAGES = Path(__file__).resolve().parent / "pages"
SHORT = {
    "00_one_loss_five_readings": "0 One loss, five readings",
    "01_spectral_clustering": "1 Spectral clustering",
    "02_alpha_cl": "2 α-CL",
    "03_mutual_information": "3 Mutual information",
    "04_multimodal_svd": "4 Multimodal SVD",
    "05_robust_contrastive": "5 Robust contrastive",
}
LONGEST_OPEN_CELL = 16  # lines; longer cells, those that draw and the set-up are folded
TEXTS = ("README.md", "benchmarks/README.md")  # pages of the repository that are pages of the site
NOTEBOOKS = ("notebooks/[0-9]*.ipynb", "notebooks/appendix/[0-9]*.ipynb")


class Collection:
    """Cards, records, notebooks and figures that several pages need, read once."""

    def __init__(self, root=ROOT):
        self.root, self.output = Path(root), Path(root) / "figures"
        self.cards = cards.load_all(folder=self.root / "notebooks")
        self.records = {name: claims.stored(self.output, card) for name, card in self.cards.items()}
        self.home = {label: name for name, card in self.cards.items() for label in card.claims}

    def entry(self, label):
        return self.cards[self.home[label]].claims[label]

    def entries(self):
        return [self.entry(label) for label in self.home]

    def record(self, label):
        return self.records[self.home[label]].get(label)

    @staticmethod
    def short(name):
        """The name of a paper for lists: that of ``SHORT``, or its file name."""
        return SHORT.get(name, name[1:].replace("_", " "))

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

    @cached_property
    def notebooks(self):
        """Every notebook, by (name, place)."""
        folders = {"essay": self.root / "notebooks", "appendix": self.root / "notebooks" / "appendix"}
        every = {
            (name, place): claim_pages.read(folder / f"{name}.ipynb")
            for name in self.cards
            for place, folder in folders.items()
        }
        return {key: content for key, content in every.items() if content is not None}

    @cached_property
    def faults(self):
        """Random faults that every claim met, by id; see ``helpers.collection.faults.counts``."""
        return faults.counts(self.cards)

    def has_appendix(self, name):
        return (name, "appendix") in self.notebooks

    def cells(self, label, place):
        """Text, code and printed lines of a claim's cells in the essay or the appendix; see ``claim_pages.blocks``."""
        notebook = self.notebooks.get((self.home[label], place))
        return claim_pages.blocks(notebook, label) if notebook else []

    def kept(self, path):
        """Whether the site has a file of the repository, or a page of that path."""
        if path in self._pages:
            return True
        return ((path.startswith("figures/") and path.endswith((".png", ".csv"))) or path.endswith(".ipynb")) and (
            self.root / path
        ).is_file()

    @cached_property
    def _pages(self):
        own = {
            "index.md",
            "map.md",
            "errata.md",
            "gallery.md",
            "recorded.md",
            "exercises.md",
            "explorables.md",
            "changelog.md",
        }
        own |= {"claims/index.md", "claims/export.md"} | {f"claims/{label}.md" for label in self.home}
        return own | set(TEXTS) | {path.name for path in PAGES.glob("*.md")}


def texts(collection):
    """Every page that is made from cards, ledgers and notebooks: a dict of path to text."""
    made = {
        "index.md": front(collection),
        "claims/index.md": claim_pages.browser(collection),
        "errata.md": errata(collection),
        "gallery.md": gallery(collection),
        "recorded.md": recorded(collection),
        "exercises.md": exercises(collection),
        "explorables.md": explorables.page(collection),
        "claims/export.md": claim_pages.export(collection),
        "changelog.md": changelog(collection),
    }
    made |= {f"claims/{label}.md": claim_pages.page(collection, label) for label in collection.home}
    made |= {path.name: path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("*.md"))}
    for name in TEXTS:
        text = claim_pages.TIED.sub(r"\1", (collection.root / name).read_text(encoding="utf-8"))
        made[name] = rebase(text, source=name, page=name, kept=collection.kept)
    return made


def write(target, *, root=ROOT):
    """Write the whole tree below ``target``; returns its Markdown and notebook files.

    A file that is there already with the same content is not touched, so that Sphinx reads what changed and no more;
    a file that nothing made is removed.
    """
    target, collection = Path(target), Collection(root)
    made = texts(collection) | {"map.md": theory_map.page(collection)} | api.pages(collection.root / "helpers")
    made |= {"claims/claims.csv": claim_pages.as_csv(collection), "claims/claims.bib": claim_pages.bibtex(collection)}
    for pattern in NOTEBOOKS:
        for path in collection.root.glob(pattern):
            name = path.relative_to(collection.root).as_posix()
            made[name] = notebook_source(collection, name)
    content = {name: text.encode() for name, text in made.items()}
    for path in collection.root.glob("figures/**/*"):
        if path.suffix in (".png", ".csv", ".json") and path.name not in ("claims.json", "figures.json"):
            content[path.relative_to(collection.root).as_posix()] = path.read_bytes()
    for name, new in content.items():
        if not (target / name).exists() or (target / name).read_bytes() != new:
            files.write_bytes(target / name, new)
    for path in target.rglob("*"):
        if path.is_file() and path.relative_to(target).as_posix() not in content:
            path.unlink()
    return sorted([*target.rglob("*.md"), *target.rglob("*.ipynb")])


def notebook_source(collection, name):
    """A notebook as Sphinx reads it: long cells folded, pictures with their alt text, no links out of the site."""
    content = json.loads((collection.root / name).read_text(encoding="utf-8"))

    def here(text):
        return rebase(claim_pages.TIED.sub(r"\1", text), source=name, page=name, kept=collection.kept)

    for cell in content["cells"]:
        source = "".join(cell["source"])
        tags = cell["metadata"].setdefault("tags", [])
        if cell["cell_type"] == "markdown":
            cell["source"] = here(source)
            continue
        lines = [line for line in source.splitlines() if line.strip()]
        if any(tag.startswith("figure:") for tag in tags) or "setup" in tags or len(lines) > LONGEST_OPEN_CELL:
            tags.append("hide-input")
        if alt := cell["metadata"].get("alt"):
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        cell["outputs"] = [output for output in cell["outputs"] if output["output_type"] != "error"]
        for output in cell["outputs"]:
            if "text/markdown" in output.get("data", {}):
                output["data"]["text/markdown"] = here("".join(output["data"]["text/markdown"]))
    return json.dumps(content, ensure_ascii=False, indent=1)


# -- pages ------------------------------------------------------------------------------------------------
def front(collection):
    """One screen: what this is, a picture, the five questions."""
    records = [record for found in collection.records.values() for record in found.values()]
    checks, controls = (sum(len(record[kind]) for record in records) for kind in ("checks", "controls"))
    lines = [
        "# Contrastive-learning theory, checked",
        "",
        f"Five papers explain why contrastive learning works. Here {len(collection.home)} statements from them and about them "
        "are put to a computer that tries to break them: two computations that share no code that could hide a common error, "
        "a threshold derived beforehand, and a control, one assumption broken, on which the same check must fail. "
        f"{checks:,} checks, {controls:,} controls.",
        "",
    ]
    for name, card in collection.cards.items():
        appendix = f", [appendix](notebooks/appendix/{name}.ipynb)" if collection.has_appendix(name) else ""
        question = card.paper.get("question") or next(iter(card.parts.values()))["question"]
        lines.append(f"{int(name[:2])}. **[{question}](notebooks/{name}.ipynb)** *{card.paper['title']}*{appendix}")
    lines += ["", *opening_picture(collection), ""]
    lines += [
        "**Go on** to the [claims](claims/index.md), the [sliders](explorables.md), the [figures](gallery.md), what is "
        "[wrong as quoted](errata.md), the [exercises](exercises.md), or [run it](running.md) yourself.",
        "",
        "## What rests on what",
        "",
        "[![The headline claims of the five papers as a graph, an arrow for every statement that another one rests on]"
        "(figures/theory_map.png)](map.md)",
        "",
        "The headline claims; [all of them](map.md) can be searched, zoomed and clicked.",
        "",
    ]
    essays = [f"{collection.short(name)} <notebooks/{name}.ipynb>" for name in collection.cards]
    appendices = [
        f"{collection.short(name)} <notebooks/appendix/{name}.ipynb>"
        for name in collection.cards
        if collection.has_appendix(name)
    ]
    trees = {
        "Essays": essays,
        "Appendices": appendices,
        "Claims": [
            "Browse <claims/index.md>",
            "Map <map.md>",
            "Errata <errata.md>",
            "Changelog <changelog.md>",
            "As data <claims/export.md>",
        ],
        "Teaching": [
            "Explorables <explorables.md>",
            "Figures <gallery.md>",
            "Exercises <exercises.md>",
            "Glossary <glossary.md>",
            "Notation <notation.md>",
            "Recorded tables <recorded.md>",
        ],
        "Using it": [
            "Running it elsewhere <running.md>",
            "Adding a claim or a paper <adding.md>",
            "README <README.md>",
            "Benchmarks <benchmarks/README.md>",
            "helpers <api/index.md>",
        ],
    }
    for caption, entries in trees.items():
        lines += ["```{toctree}", ":hidden:", ":titlesonly:", f":caption: {caption}", "", *entries, "```", ""]
    return "\n".join(lines)


def opening_picture(collection):
    """The first picture that an essay opens with, leading there: lines of Markdown."""
    for name in collection.cards:
        first = "".join(collection.notebooks[name, "essay"]["cells"][0]["source"])
        if found := re.search(r"!\[([^\]]*)\]\(([^)]+)\)\s*\*\*(.+?)\*\*", first, re.S):
            alt, path, said = found.groups()
            return [f"[![{alt}]({path.removeprefix('../')})](notebooks/{name}.ipynb)", "", f"*{said}*"]
    return []


def errata(collection):
    """What is wrong as quoted, printed or circulating, paper by paper."""
    lines = [
        "# Errata",
        "",
        "What a statement says as it was found, and what holds; each with the claim that shows it. *Argument only*: no "
        "computation stands behind it.",
        "",
    ]
    for name, card in collection.cards.items():
        lines += [f"## {collection.short(name)}", "", f"{card.paper['citation']}.", ""]
        if not card.errata:
            lines += ["None was found.", ""]
            continue
        lines += ["| | as found | corrected | evidence |", "|---|---|---|---|"]
        for key, erratum in card.errata.items():
            evidence = erratum["evidence"]
            evidence = f"[{evidence}](claims/{evidence}.md)" if evidence in card.claims else evidence
            found, holds = (words.sentence(erratum[which]) for which in ("quoted", "corrected"))
            lines.append(words.row([key, found, holds, evidence]))
        lines.append("")
    return "\n".join(lines)


def gallery(collection):
    """Every figure with its caption, its numbers and the cell that draws it."""
    lines = ["# Figures", "", "Each picture with its numbers and the cell that draws it.", ""]
    for name in collection.cards:
        lines += [f"## {collection.short(name)}", ""]
        for label, place, folder, entry in collection.figures(name):
            columns = files.read_csv(folder / f"{label}.csv")
            if columns is None or not (folder / f"{label}.png").exists():
                raise ValueError(f"figure {label!r} of {name}, {place}: its csv or picture is not there")
            caption, alt = (numbers.fill(entry[key], columns) for key in ("caption", "alt"))
            path = (folder / label).relative_to(collection.root).as_posix()
            book = f"notebooks/{'appendix/' if place == 'appendix' else ''}{name}.ipynb"
            caption = rebase(
                caption, source=book, page="gallery.md", kept=collection.kept, claims=collection.home, to_claims=True
            )
            counterpart = "" if entry["counterpart"] == "none" else f" Answers to: {entry['counterpart']}."
            lines += [
                f"### {label.replace('_', ' ')}",
                "",
                f"```{{image}} {path}.png",
                f":alt: {alt}",
                "```",
                "",
                caption,
                "",
            ]
            lines += [
                f"[The cell]({book}#{label}) in the {place} · {{download}}`numbers <{path}.csv>`.{counterpart}",
                "",
            ]
    return "\n".join(lines)


def recorded(collection):
    """Tables of longer runs, with where and when they were recorded."""
    lines = [
        "# Recorded tables",
        "",
        "Tables of longer runs, most of them of trained encoders, are stored with their provenance and shown by the notebooks, "
        "which never compute them. `make record TABLE=name AGAIN=--again` measures one anew; other data and several machines "
        "are in the [README](README.md). The json file holds settings, values of every seed, device, versions and date.",
        "",
    ]
    head = ["table", "what it is about", "rows", "seeds", "recorded", "device", "minutes"]
    for name in collection.cards:
        tables = sorted((collection.output / "recorded" / name).glob("*.json"))
        if tables:
            lines += [f"## {collection.short(name)}", "", words.row(head), "|---" * len(head) + "|"]
        for path in tables:
            found = files.read_json(path)
            where = f"{{download}}`{path.stem} <{path.relative_to(collection.root).as_posix()}>`"
            row = [
                where,
                found.get("about", ""),
                len(found["rows"]),
                len(found["seeds"]),
                found["date"],
                found["device"],
            ]
            lines.append(words.row([*row, f"{found['wall_seconds'] / 60:.0f}"]))
        lines.append("")
    return "\n".join(lines)


def exercises(collection):
    """The exercises of every essay with their folded solutions, and the cells that take an answer."""
    lines = [
        "# Exercises",
        "",
        "Six a paper, with folded solutions. In the essay each has a cell that compares your answer "
        "with a number computed in another way.",
        "",
    ]
    moved = {"page": "exercises.md", "kept": collection.kept, "claims": collection.home, "to_claims": True}
    for name in collection.cards:
        book, cells = f"notebooks/{name}.ipynb", exercise_cells(collection.notebooks[name, "essay"])
        if cells:
            lines += [f"## {collection.short(name)}", "", f"At the end of [the essay]({book}).", ""]
        for kind, text in cells:
            lines += ["```python", text, "```", ""] if kind == "code" else [rebase(text, source=book, **moved), ""]
    return "\n".join(lines)


def exercise_cells(notebook):
    """Questions, cells for an answer and solutions: (kind, text) with kind "text" or "code", in order.

    They start with the last heading before the first cell tagged ``exercise`` and end with the last solution or answer.
    """
    cells = notebook["cells"]
    answers = [k for k, cell in enumerate(cells) if "exercise" in cell["metadata"].get("tags", [])]
    solved = [k for k, cell in enumerate(cells) if "</details>" in "".join(cell["source"])]
    if not answers or not solved:
        return []
    found, first = [], answers[0] - 1
    for number, cell in enumerate(cells[first : max(solved[-1], answers[-1]) + 1], start=first):
        text = claim_pages.ANCHOR.sub("", claim_pages.TIED.sub(r"\1", "".join(cell["source"])))
        if cell["cell_type"] == "code":
            found.append(("code", text))
            continue
        if number == first:
            text = re.split(r"(?m)^#+ .*$", text)[-1]
        if number == solved[-1]:
            text = text[: text.rindex("</details>") + len("</details>")]
        found.append(("text", text.strip()))
    return found


def changelog(collection):
    """Verdicts and errata as they stand, and the dated history kept in ``pages/history.txt``."""
    lines = [
        "# Changelog of verdicts and errata",
        "",
        "## Today",
        "",
        "| paper | claims | hold | checks | controls | errata |",
        "|---|---|---|---|---|---|",
    ]
    for name, card in collection.cards.items():
        found = collection.records[name].values()
        counts = [sum(len(record[kind]) for record in found) for kind in ("checks", "controls")]
        row = [collection.short(name), len(card.claims), sum(map(verdicts.passed, found)), *counts, len(card.errata)]
        lines.append(words.row(row))
    history = (PAGES / "history.txt").read_text(encoding="utf-8").strip()
    return "\n".join([*lines, "", "## Before", "", history, ""])


def main(target, *, root=ROOT):
    """Write the tree and say how many pages it has; a card, csv or figure that cannot be used is named in one line."""
    try:
        print(f"{len(write(target, root=root))} pages")
    except ValueError as error:
        sys.exit(f"site stopped: {error}")


if __name__ == "__main__":
    main(sys.argv[1])
