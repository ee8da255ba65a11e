"""Slides of every essay, for a lecture of 45 minutes: one page each, offline, from card, ledger, figures and essay.

``make slides`` writes ``build/slides/NN_name.html``. A deck holds a title, a slide for each part's question, one for each
headline claim (statement, verdict) and figure of the essay, the errata and a close: at most 25 slides. Speaker notes say
what to ask the room: the questions that the essay asks before a computation ("Predict: ...").
"""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import source

from helpers import files
from helpers.figures import numbers
from helpers.ledger import verdicts

HERE = Path(__file__).resolve().parent
MOST = 25
REVEAL = ("dist/reveal.js", "dist/reveal.css", "dist/reset.css", "dist/theme/white.css", "dist/plugin/notes.js")


class Formulas:
    """Formulas of a text, rendered together at the end in one call of node."""

    def __init__(self):
        self.asked = []

    def mark(self, text):
        """The text as HTML, a placeholder for every formula."""

        def keep(found):
            display = found[1] is not None
            self.asked.append({"tex": found[1] or found[2], "display": display})
            return f"\x00{len(self.asked) - 1}\x00"

        marked = re.sub(r"\$\$(.+?)\$\$|\$(.+?)\$", keep, text, flags=re.S)
        return _inline(html.escape(marked, quote=False))

    def fill(self, text, modules):
        command = ["node", str(HERE / "render_math.js"), f"{modules}/katex/dist/katex.js"]
        answer = subprocess.run(command, input=json.dumps(self.asked), capture_output=True, text=True, check=True)
        rendered = json.loads(answer.stdout)
        bad = [self.asked[k]["tex"] for k, found in enumerate(rendered) if "error" in found]
        if bad:
            raise SystemExit(f"slides stopped: {len(bad)} formulas do not render, the first is {bad[0]!r}")
        return re.sub("\x00(\\d+)\x00", lambda found: rendered[int(found[1])]["html"], text)


def deck(collection, name, formulas):
    """The slides of one essay as HTML sections, in the order of the card."""
    card = collection.cards[name]
    essay = json.loads((collection.root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
    asked = questions(essay)
    pictures = [found for found in collection.figures(name) if found[1] == "essay"]
    headline = [label for label, entry in card.claims.items() if entry["where"] == "essay"]
    room = MOST - 3 - len(pictures) - len(headline)
    parts = list(dict.fromkeys(card.claims[label]["part"] for label in headline))
    slides = [
        _slide(
            f"<h1>{html.escape(card.paper['title'])}</h1><p>{html.escape(', '.join(card.paper['authors']))}</p>"
            f"<p class='small'>{formulas.mark(card.paper['citation'])}</p>",
            "Ask who has trained with this loss, and what they think it optimises.",
        )
    ]
    for part in parts:
        own = [label for label in headline if card.claims[label]["part"] == part]
        question = card.parts[part]["question"]
        if len(parts) <= room:
            slides.append(_slide(f"<h2>{formulas.mark(question)}</h2>", f"Let the room answer first: {question}"))
        for label in own:
            slides.append(claim_slide(collection, label, formulas, asked.get(label)))
            for found in [one for one in pictures if one[0] in _figures_after(essay, label)]:
                slides.append(picture_slide(collection, found, formulas))
                pictures.remove(found)
    slides += [picture_slide(collection, found, formulas) for found in pictures]
    if card.errata:
        rows = "".join(
            f"<li>{formulas.mark(erratum['quoted'])} → {formulas.mark(erratum['corrected'])}</li>"
            for erratum in list(card.errata.values())[:5]
        )
        slides.append(
            _slide(
                f"<h2>As quoted, and as it holds</h2><ul class='small'>{rows}</ul>",
                "Which of these would you have caught?",
            )
        )
    total, held = len(collection.records[name]), sum(map(verdicts.passed, collection.records[name].values()))
    slides.append(
        _slide(
            f"<h2>{held} of {total} claims hold</h2><p>Essay, appendix, every check and its control: the collection's notebook "
            f"<code>{name}</code>. Six exercises stand at the end of the essay.</p>",
            "Homework: two of the six exercises, two hours.",
        )
    )
    return slides


def claim_slide(collection, label, formulas, asked):
    entry, record = collection.entry(label), collection.record(label)
    tightest = next(check for check in record["checks"] if check["name"] == record["tightest"])
    said = (
        f"<h3>{label} · {html.escape(entry['title'])}</h3><div class='statement'>{formulas.mark('$$' + entry['statement'] + '$$')}</div>"
        f"<p class='small'>{html.escape(entry['source'])} ({html.escape(', '.join(entry['provenance']))})</p>"
        f"<p class='verdict'>{'PASS' if verdicts.passed(record) else 'FAIL'}: {html.escape(tightest['name'])}, "
        f"{html.escape(verdicts.comparison(tightest))}; would notice {html.escape(verdicts.resolution(tightest))}. "
        f"{html.escape(_nearest(record))}</p>"
    )
    return _slide(said, asked or "What would break if one assumption were dropped? Name it before the control does.")


def picture_slide(collection, found, formulas):
    label, _, folder, entry = found
    columns = files.read_csv(folder / f"{label}.csv")
    caption, alt = (numbers.fill(entry[key], columns) for key in ("caption", "alt"))
    first = re.split(r"(?<=[.:])\s", caption, maxsplit=1)[0]
    said = f"<img src='figures/{label}.png' alt='{html.escape(alt, quote=True)}'><p class='small'>{formulas.mark(first)}</p>"
    return _slide(said, f"Cover the caption. What do you see, and what would a sceptic ask? {_words(caption)}")


def questions(essay):
    """What the essay asks the reader to predict, by claim."""
    found, label = {}, None
    for cell in essay["cells"]:
        if cell["cell_type"] != "markdown":
            continue
        text = "".join(cell["source"])
        for piece in re.split(r'(?=<a id="[A-Z]{2}-\w+"></a>)', text):
            if anchor := re.match(r'<a id="([A-Z]{2}-\w+)"></a>', piece):
                label = anchor[1]
            if predict := re.search(r"Predict:\s*(.+?\?)", piece, re.S):
                found.setdefault(label, _words(predict[1]))
    return found


def write(target, modules):
    """Write every deck below ``target``; returns the number of slides by name."""
    target, collection, counts = Path(target), source.Collection(), {}
    for name in REVEAL:
        copy = target / "reveal" / Path(name).name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(Path(modules) / "reveal.js" / name, copy)
    shutil.copytree(Path(modules) / "katex" / "dist" / "fonts", target / "katex" / "fonts", dirs_exist_ok=True)
    shutil.copyfile(Path(modules) / "katex" / "dist" / "katex.min.css", target / "katex" / "katex.min.css")
    for name, card in collection.cards.items():
        if not card.is_essay:
            continue
        formulas = Formulas()
        slides = deck(collection, name, formulas)
        counts[name] = len(slides)
        for label, place, folder, _ in collection.figures(name):
            if place == "essay":
                copy = target / "figures" / f"{label}.png"
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / f"{label}.png", copy)
        page = PAGE.replace("TITLE", html.escape(card.paper["title"])).replace("SLIDES", "\n".join(slides))
        files.write_text(target / f"{name}.html", formulas.fill(page, modules))
    return counts


def _figures_after(essay, label):
    """Names of the figures that come after a claim's cells and before the next claim's."""
    names, inside = [], False
    for cell in essay["cells"]:
        tags = cell["metadata"].get("tags", [])
        claims = [tag.removeprefix("claim:") for tag in tags if tag.startswith("claim:")]
        if claims:
            inside = label in claims
        if inside:
            names += [tag.removeprefix("figure:") for tag in tags if tag.startswith("figure:")]
    return names


def _nearest(record):
    checks = {check["name"]: check for check in record["checks"]}
    control = min(record["controls"], key=lambda control: verdicts.miss(checks[control["check"]], control))
    word = "Repaired" if checks[control["check"]]["rule"] == "counterexample" else "Control"
    said = "holds" if word == "Repaired" else "fails"
    return f"{word}: {control['breaks'].removeprefix('repaired: ')}, {said} as it must."


def _inline(text):
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"\*(.+?)\*", r"<em>\1</em>", text)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", text)


def _words(text):
    return re.sub(r"\s+", " ", re.sub(r"[*`$]|<!--.*?-->|\\", "", text)).strip()


def _slide(body, note):
    return f"<section>{body}<aside class='notes'>{html.escape(note)}</aside></section>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="reveal/reset.css"><link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="reveal/white.css"><link rel="stylesheet" href="katex/katex.min.css">
<style>
.reveal { font-family: system-ui, sans-serif; font-size: 30px; }
.reveal h1, .reveal h2, .reveal h3 { font-family: inherit; text-transform: none; letter-spacing: 0; }
.reveal h1 { font-size: 1.5em; } .reveal h2 { font-size: 1.35em; } .reveal h3 { font-size: 1.05em; }
.reveal section img { max-height: 520px; max-width: 100%; margin: 0; }
.reveal .small { font-size: 0.6em; } .reveal .verdict { font-size: 0.6em; font-family: monospace; }
.reveal .statement { font-size: 0.85em; overflow-x: auto; overflow-y: hidden; }
</style></head>
<body><div class="reveal"><div class="slides">
SLIDES
</div></div>
<script src="reveal/reveal.js"></script><script src="reveal/notes.js"></script>
<script>Reveal.initialize({ width: 1120, height: 700, margin: 0.05, hash: true, controls: true, plugins: [RevealNotes] });</script>
</body></html>
"""


if __name__ == "__main__":
    found = write(sys.argv[1], os.environ["SITE_NODE_MODULES"])
    print(", ".join(f"{name}: {count} slides" for name, count in found.items()))
