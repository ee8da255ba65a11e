"""Slides of every essay, for a lecture of 45 minutes: one page each, offline, from card, ledger, figures and essay.

``make slides`` writes ``build/slides/NN_name.html``. A deck tells the paper's story in the order of the essay: the
question, what will be seen, then part by part the setting, the claims whose verdict is tagged ``slide`` and every
picture, one check with its controls as code (tagged ``slide:code``), what is wrong as quoted, an exercise. It has at
most 25 slides. Speaker notes (press S) say which minutes a slide has and what to ask the room.
"""

import html
import itertools
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import handouts
import lessons
import markup
import source

from helpers import files
from helpers.figures import numbers
from helpers.ledger import verdicts

HERE = Path(__file__).resolve().parent
MOST, MINUTES = 25, 45
LONG = 70  # characters of LaTeX that fit one line
# Minutes of the slides that belong to no part: title, plan, errata, exercise.
AROUND = {"title": 2, "plan": 2, "errata": 2, "exercise": 4}
REVEAL = ("dist/reveal.js", "dist/reveal.css", "dist/reset.css", "dist/plugin/notes.js")
WORDS = {"setting": 55, "why": 48, "means": 45, "caption": 60, "item": 45}
ERRATA, LETTERS = 5, 700  # rows, and letters of all rows, that a slide holds


@dataclass
class Slide:
    """Body and notes as HTML; ``part`` decides how many minutes it gets, ``kind`` how it looks."""

    kind: str
    body: str
    note: str
    part: str | None = None


def deck(collection, name, page):
    """The slides of one essay.

    Parameters
    ----------
    collection : source.Collection
    name : str
    page : markup.Page
        Takes the formulas.

    Returns
    -------
    list of Slide

    Raises
    ------
    ValueError
        If there are more than ``MOST`` though every claim that a picture shows has lost its own slide; the message
        says how many and names the essay.
    """
    card = collection.cards[name]
    lesson = lessons.read(collection.root / "notebooks" / f"{name}.ipynb", card)
    shorten(lesson, others=4 - (not card.errata))
    slides = [title_slide(card, lesson, page, collection), plan_slide(card, lesson, page)]
    for kind, *told in lesson.steps:
        if kind == "part":
            slides.append(part_slide(card, lesson, told[0], page))
        elif kind == "claim" and lesson.claims[told[0]].shown:
            slides.append(claim_slide(collection, card, lesson.claims[told[0]], page))
        elif kind == "code":
            slides.append(code_slide(card, lesson, *told, page))
        elif kind == "figure":
            slides.append(picture_slide(collection, card, lesson, *told, page))
    if card.errata:
        slides.append(errata_slide(card, lesson, page))
    slides.append(exercise_slide(lesson, page))
    if len(slides) > MOST:
        raise ValueError(f"{name}: {len(slides)} slides, expected at most {MOST}; tag fewer cells `slide`")
    return slides


def shorten(lesson, *, others):
    """Where there would be too many slides, claims lose theirs, the last first, if a picture shows them anyway."""
    steps = [step for step in lesson.steps if step[0] != "claim"]
    pictured = [step[2] for step in steps if step[0] == "figure"]
    shown = [claim for claim in lesson.claims.values() if claim.shown]
    spare = [claim for claim in shown if claim.label in pictured]
    for claim in spare[::-1][: max(0, others + len(steps) + len(shown) - MOST)]:
        claim.shown = False


# -- the slides, in the order of the story ---------------------------------------------------------------------
def title_slide(card, lesson, page, collection):
    picture = ""
    if lesson.opening:
        alt = _alt(collection, card.name, Path(lesson.opening).stem)
        picture = f"<img src='figures/{Path(lesson.opening).name}' alt='{html.escape(alt, quote=True)}'>"
    body = (
        f"<h1{' class=long' * (len(lesson.title) > 60)}>{page.inline(lesson.title)}</h1>{picture}<p class='message'>{page.inline(lesson.message)}</p>"
        f"<p class='small'>{page.inline(card.paper['citation'])}. {html.escape(', '.join(card.paper['authors']))}</p>"
    )
    return Slide("title", body, "Ask who has trained with such a loss, and what they think it optimises.")


def plan_slide(card, lesson, page):
    points = "".join(f"<li>{page.inline(point)}</li>" for point in lesson.points)
    minutes = "; ".join(part["question"] for part in card.parts.values())
    note = f"Ask which of these the room believes already, and keep the count. The parts: {page.inline(minutes)}"
    return Slide("plan", f"<h2>What you will see</h2><ol>{points}</ol>", note)


def part_slide(card, lesson, part, page):
    question = card.parts[part]["question"]
    told, *items = re.split(r"^- ", re.split(r"\*\*[A-Z]\w+\.\*\*", lesson.settings[part])[0], flags=re.M)
    own = [claim for claim in lesson.claims.values() if claim.part == part]
    listed = [f"<b>{claim.label}</b> {page.inline(claim.heading)}" for claim in own]
    listed = listed or [page.inline(markup.sentences(item, WORDS["item"])) for item in items]
    body = f"<h1>{page.inline(question)}</h1><p>{page.inline(markup.sentences(told, WORDS['setting']))}</p>"
    body += f"<ul>{''.join(f'<li>{one}</li>' for one in listed)}</ul>" if listed else ""
    note = f"Let the room answer before you do: {page.inline(question)}"
    return Slide("part", body, note, part)


def claim_slide(collection, card, claim, page):
    entry, record = collection.entry(claim.label), collection.record(claim.label)
    why = markup.sentences(claim.why, WORDS["why"])
    body = (
        f"{_kicker(card, claim.part, page)}<h2><b>{claim.label}</b> {page.inline(claim.heading)}</h2>"
        f"<div class='statement'>{page.display(in_lines(entry['statement']))}</div>"
        + (f"<p class='why'>{page.inline(why[:1].upper() + why[1:])}</p>" if why else "")
        + _verdict(record)
        + f"<p class='small'>{html.escape(entry['source'])} ({html.escape(', '.join(entry['provenance']))})</p>"
    )
    ask = claim.predict or "Which assumption would you break to make this fail? Name it before the control does."
    return Slide("claim", body, _note(page, ask, claim), claim.part)


def code_slide(card, lesson, cell, printed, label, page):
    claim = lesson.claims[label]
    lines = [*cell.split("\n"), *printed.split("\n")]
    size = min(20, int(1120 / (0.61 * max(map(len, lines)))), int(520 / (1.45 * len(lines))))
    body = (
        f"{_kicker(card, claim.part, page)}<h2><b>{label}</b> How it is tested</h2><div class='listing' "
        f"style='font-size: {size}px'>{markup.code(cell)}<pre class='printed'>{_coloured(printed)}</pre></div>"
    )
    attempt = f"Then edit it live: {claim.attempt}" if claim.attempt else ""
    note = "Ask which line could not fail, if any, and what each control breaks. " + page.inline(attempt)
    return Slide("code", body, note, claim.part)


def picture_slide(collection, card, lesson, figure, label, part, page):
    caption, alt = _caption(collection, card.name, figure), _alt(collection, card.name, figure)
    claim = lesson.claims.get(label)
    heading = (
        f"<b>{label}</b> {page.inline(claim.heading)}"
        if claim
        else page.inline(card.parts[part]["question"] if part else lesson.title)
    )
    shown = re.split(r"(?=\*?(?:A|What a|The) skeptic)", caption)[0]
    body = (
        (_kicker(card, part, page) if claim else "")
        + f"<h2>{heading}</h2><img src='figures/{figure}.png' alt='{html.escape(alt, quote=True)}'>"
        + f"<p class='caption'>{page.inline(markup.sentences(shown, WORDS['caption']))}</p>"
    )
    skeptic = re.search(r"(?:A|What a|The) skeptic[^.?!]*[.?!]?.*", caption, re.S)
    asked = ["" if claim is None or claim.shown else claim.predict]
    asked += ["Cover the caption. What do you see, and what would a skeptic ask?", skeptic[0] if skeptic else ""]
    if claim is not None and not claim.shown:
        asked.append(markup.sentences(claim.means, WORDS["means"]))
    note = " ".join(page.inline(one) for one in asked if one)
    return Slide("picture", body, note, part)


def errata_slide(card, lesson, page):
    first = sorted(card.errata.items(), key=lambda item: item[1]["evidence"] not in lesson.claims)
    rows, letters = [], 0
    for key, erratum in first:
        letters += len(erratum["quoted"]) + len(erratum["corrected"])
        if len(rows) == ERRATA or letters > LETTERS:
            break
        rows.append((key, erratum))
    cells = "".join(
        f"<tr><td>{page.inline(erratum['quoted'])}</td><td>{page.inline(erratum['corrected'])}</td>"
        f"<td>{html.escape(erratum['evidence'])}</td></tr>"
        for _, erratum in sorted(rows, key=lambda row: list(card.errata).index(row[0]))
    )
    head = (
        "<tr><th scope='col'>as quoted or read</th><th scope='col'>as it holds</th><th scope='col'>shown by</th></tr>"
    )
    body = f"<h2>What is wrong as quoted, and what is right</h2><table>{head}{cells}</table>"
    more = len(card.errata) - len(rows)
    body += f"<p class='small'>{more} more stand at the end of the essay.</p>" if more else ""
    return Slide("errata", body, "Cover the middle column. Which of these would you have caught, and how?")


def exercise_slide(lesson, page):
    """Two exercises that a room can do with a pencil: those with the shortest questions."""
    chosen = sorted(sorted(lesson.exercises, key=lambda one: len(one.question))[:2], key=lambda one: one.number)
    asked = "".join(
        f"<li value='{one.number}'><b>{page.inline(one.title)}</b> {page.inline(one.question)}</li>" for one in chosen
    )
    answers = " ".join(f"{one.number}: {markup.sentences(one.answer.split('```')[0], 60)}" for one in chosen)
    body = (
        f"<h2>Your turn</h2><ol>{asked}</ol><p class='small'>All six exercises, two hours, are the homework. Every cell "
        "of the notebook can be edited and run again.</p>"
    )
    return Slide("exercise", body, f"Three minutes with a pencil, then compare in pairs. {page.inline(answers)}")


# -- pieces ----------------------------------------------------------------------------------------------------
def in_lines(statement):
    r"""A statement of several formulas, parted by ``\quad``, with each on a line of its own where it is long.

    >>> in_lines(r"a = b,\quad c")
    'a = b,\\quad c'
    """
    pieces, depth, start = [], 0, 0
    for found in re.finditer(r"\\[{}]|[{}]|\\qquad|\\quad", statement):
        depth += {"{": 1, "}": -1}.get(found[0], 0)
        if found[0].endswith("quad") and depth == 0:
            pieces.append(statement[start : found.start()].strip())
            start = found.end()
    pieces.append(statement[start:].strip())
    if len(statement) < LONG or len(pieces) == 1:
        return statement
    return r"\begin{gathered}" + r" \\[0.4em] ".join(pieces) + r"\end{gathered}"


def _kicker(card, part, page):
    return f"<p class='kicker'>{page.inline(card.parts[part]['question'])}</p>" if part else ""


def _verdict(record):
    """Three boxes: what was compared, what it would notice, and of its controls the one that misses least."""
    tightest = next(check for check in record["checks"] if check["name"] == record["tightest"])
    checks = {check["name"]: check for check in record["checks"]}
    own = [control for control in record["controls"] if control["check"] == tightest["name"]] or record["controls"]
    control = min(own, key=lambda one: verdicts.nearness(checks[one["check"]], one))
    repaired = checks[control["check"]]["rule"] == "counterexample"
    word, said = ("repaired", "holds as it must") if repaired else ("control", "fails as it must")
    held = verdicts.passed(record)
    refuted = "refuted: " if tightest["rule"] == "counterexample" else ""
    boxes = (
        ("PASS" if held else "FAIL", refuted + tightest["name"], verdicts.comparison(tightest)),
        ("would notice", verdicts.resolution(tightest), ""),
        (word, control["breaks"].removeprefix("repaired: "), f"{control['measured']:.2g}, {said}"),
    )
    cells = "".join(
        f"<div class='{'pass' if head == 'PASS' else 'fail' if head == 'FAIL' else 'other'}'><b>{head}</b> "
        f"{markup.unbroken(text)}<br><code>{markup.unbroken(number)}</code></div>"
        for head, text, number in boxes
    )
    return f"<div class='verdict'>{cells}</div>"


def _note(page, ask, claim):
    after = markup.sentences(claim.means, WORDS["means"])
    return f"<b>Ask:</b> {page.inline(ask)}" + (f" <b>Then:</b> {page.inline(after)}" if after else "")


def _coloured(printed):
    lines = html.escape(printed.strip("\n")).split("\n")
    kinds = {"PASS": "pass", "FAIL": "fail", "control": "other", "repaired": "other"}
    return "\n".join(
        f"<span class='{next((kind for word, kind in kinds.items() if line.strip().startswith(word)), 'check')}'>{line}</span>"
        for line in lines
    )


def _words(collection, name, figure, key):
    for label, _, folder, entry in collection.figures(name):
        if label == figure:
            return numbers.fill(entry[key], files.read_csv(folder / f"{label}.csv"))
    raise ValueError(f"{name}: a lecture shows {figure!r}, which figures.json does not list")


def _caption(collection, name, figure):
    return _words(collection, name, figure, "caption")


def _alt(collection, name, figure):
    return _words(collection, name, figure, "alt")


def timetable(slides, parts):
    """First and last minute of every slide; parts share what title, plan and close leave, by their own minutes.

    Parameters
    ----------
    slides : list of Slide
    parts : dict
        Of the card; ``minutes`` weigh the parts that have slides.

    Returns
    -------
    list of tuple of int
        Consecutive, from 0 to ``MINUTES``.
    """
    around = sum(AROUND.get(slide.kind, 0) for slide in slides)
    count = {part: sum(slide.part == part for slide in slides) for part in parts}
    weight = sum(parts[part]["minutes"] for part in parts if count[part])
    loose = [slide for slide in slides if slide.part is None and slide.kind not in AROUND]
    inside = MINUTES - around - 2 * len(loose)
    edges = [0.0]
    for slide in slides:
        if slide.part is None:
            edges.append(edges[-1] + AROUND.get(slide.kind, 2))
        else:
            edges.append(edges[-1] + inside * parts[slide.part]["minutes"] / weight / count[slide.part])
    whole = [round(edge) for edge in edges]
    return list(itertools.pairwise(whole))


def render(slides, parts, title, page, modules):
    """The page of one deck."""
    sections = "\n".join(
        f"<section><div class='slide {slide.kind}'>{slide.body}</div><aside class='notes'><p>Minutes {first} to {last}. "
        f"{slide.note}</p></aside></section>"
        for slide, (first, last) in zip(slides, timetable(slides, parts), strict=True)
    )
    return page.finish(PAGE.replace("TITLE", html.escape(title)).replace("SLIDES", sections), modules)


def write(target, modules, *, root=source.ROOT):
    """Write decks, handouts and homework of every essay below ``target``; returns the number of slides by name."""
    target, collection, counts = Path(target), source.Collection(root), {}
    copies = {f"reveal/{Path(name).name}": Path(modules) / "reveal.js" / name for name in REVEAL}
    copies |= {f"deck/{path.name}": path for path in (HERE / "deck").iterdir()}
    copies |= {f"katex/fonts/{path.name}": path for path in (Path(modules) / "katex" / "dist" / "fonts").iterdir()}
    copies["katex/katex.min.css"] = Path(modules) / "katex" / "dist" / "katex.min.css"
    for name, card in collection.cards.items():
        if not card.is_essay:
            continue
        page = markup.Page()
        slides = deck(collection, name, page)
        counts[name] = len(slides)
        files.write_text(target / f"{name}.html", render(slides, card.parts, card.paper["title"], page, modules))
        for kind, text in handouts.sheets(collection, name, modules).items():
            files.write_text(target / f"{name}_{kind}.html", text)
        for label, _, folder, _ in collection.figures(name):
            copies[f"figures/{label}.png"] = folder / f"{label}.png"
    used = " ".join(path.read_text(encoding="utf-8") for path in target.glob("*.html"))
    for name, path in copies.items():
        if name.startswith("figures/") and name not in used:
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / name)
    return counts


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="reveal/reset.css"><link rel="stylesheet" href="reveal/reveal.css">
<link rel="stylesheet" href="katex/katex.min.css"><link rel="stylesheet" href="deck/deck.css"></head>
<body><div class="reveal"><div class="slides">
SLIDES
</div></div>
<script src="reveal/reveal.js"></script><script src="reveal/notes.js"></script><script src="deck/deck.js"></script>
</body></html>
"""


if __name__ == "__main__":
    start = time.monotonic()
    try:
        written = write(sys.argv[1], os.environ["SITE_NODE_MODULES"])
    except ValueError as error:
        sys.exit(f"slides stopped: {error}")
    size = sum(path.stat().st_size for path in Path(sys.argv[1]).rglob("*") if path.is_file()) / 1e6
    print(", ".join(f"{name}: {count} slides" for name, count in written.items()))
    print(f"{sys.argv[1]}: decks, handouts, homework ({size:.0f} MB, {time.monotonic() - start:.0f} s)")
