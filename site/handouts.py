"""Sheets for paper: a handout of one A4 page, a homework of two hours and its solutions, from card, ledger and essay."""

import html
import re
from pathlib import Path

import lessons
import markup

from helpers import files
from helpers.figures import numbers
from helpers.ledger import verdicts

HOURS = 2
ERRATA, LETTERS = 4, 620  # rows, and letters of all rows, that the handout has room for
LONGEST_ROW = 150  # characters of LaTeX; a longer statement is set smaller


def sheets(collection, name, modules):
    """The three sheets of one essay.

    Parameters
    ----------
    collection : source.Collection
    name : str
    modules : path-like
        Folder ``node_modules`` with KaTeX.

    Returns
    -------
    dict of str to str
        HTML of "handout", "homework" and "solutions".
    """
    card = collection.cards[name]
    lesson = lessons.read(collection.root / "notebooks" / f"{name}.ipynb", card)
    bodies = {
        "handout": handout(collection, card, lesson),
        "homework": homework(card, lesson),
        "solutions": solutions(card, lesson),
    }
    made = {}
    for kind, build in bodies.items():
        page = markup.Page()
        text = PAGE.replace("TITLE", html.escape(f"{card.paper['title']}: {kind}")).replace("KIND", kind)
        made[kind] = page.finish(text.replace("BODY", build(page)), modules)
    return made


def handout(collection, card, lesson):
    """One page: question, answer in a picture, every headline claim, what is wrong as quoted, how to run it."""

    def build(page):
        figure = _picture(collection, card, lesson)
        rows = "".join(_row(collection, claim, page) for claim in lesson.claims.values())
        first = [one for one in card.errata.values() if one["evidence"] in lesson.claims]
        chosen, letters = [], 0
        for erratum in first:
            letters += len(erratum["quoted"]) + len(erratum["corrected"])
            if len(chosen) == ERRATA or letters > LETTERS:
                break
            chosen.append(erratum)
        wrong = "".join(
            f"<li><i>{page.inline(one['quoted'])}</i> → {page.inline(one['corrected'])} ({one['evidence']})</li>"
            for one in chosen
        )
        held = sum(map(verdicts.passed, collection.records[card.name].values()))
        total = len(collection.records[card.name])
        return (
            f"<h1>{page.inline(lesson.title)}</h1><p class='small'>{page.inline(card.paper['citation'])}</p>"
            f"<div class='top'>{figure}<p><b>{page.inline(lesson.message)}</b></p></div>"
            "<table><tr><th scope='col'>claim</th><th scope='col'>statement</th><th scope='col'>verdict; would notice</th></tr>"
            f"{rows}</table>"
            + (f"<h2>Wrong as quoted, and as it holds</h2><ul>{wrong}</ul>" if wrong else "")
            + "<p class='small'>Each claim: two computations that share no code that could hide a common error, a threshold "
            "derived beforehand, the smallest change that the check would notice (right column, its tightest check), and "
            "controls that must fail (of a counterexample: the repaired statement, which must hold). "
            f"{held} of {total} claims of essay and appendix hold. <code>make claim ID={next(iter(lesson.claims))}"
            f"</code> reruns one; <code>notebooks/{card.name}.ipynb</code> is the essay.</p>"
        )

    return build


def homework(card, lesson):
    """Six exercises with the form of their answers; each can be checked in the notebook's own cell."""

    def build(page):
        each = 60 * HOURS // len(lesson.exercises)
        asked = "".join(
            f"<section><h2>{one.number}. {page.inline(one.title)}</h2>{page.block(one.question)}{_form(one, page)}"
            "<div class='space'></div></section>"
            for one in lesson.exercises
        )
        return (
            f"<h1>Homework: {page.inline(lesson.title)}</h1><p class='small'>{page.inline(card.paper['citation'])}</p>"
            f"<p>{HOURS} hours, {len(lesson.exercises)} exercises of about {each} minutes. Pencil first; then enter your answer "
            f"in the cell of the exercise at the end of <code>notebooks/{card.name}.ipynb</code>, which compares it with a "
            "value that it computes in another way. Ids such as "
            f"{next(iter(lesson.claims))} are statements of that notebook and of its appendix.</p>{asked}"
        )

    return build


def solutions(card, lesson):
    """The answers, with code that the collection's tests run."""

    def build(page):
        told = "".join(
            f"<section><h2>{one.number}. {page.inline(one.title)}</h2><div class='asked'>{page.block(one.question)}</div>"
            f"{page.block(one.answer)}</section>"
            for one in lesson.exercises
        )
        return (
            f"<h1>Solutions: {page.inline(lesson.title)}</h1><p class='small'>{page.inline(card.paper['citation'])}. The code "
            f"runs after the set-up cell of <code>notebooks/{card.name}.ipynb</code>; the tests run it.</p>{told}"
        )

    return build


def _form(exercise, page):
    """What kind of answer the cell expects, as its first line says."""
    found = re.match(r"answer\w* = None *# *(.+)", exercise.cell)
    return f"<p class='small'>Answer: {page.inline(found[1])}</p>" if found else ""


def _row(collection, claim, page):
    entry, record = collection.entry(claim.label), collection.record(claim.label)
    tightest = next(check for check in record["checks"] if check["name"] == record["tightest"])
    long = " class='long'" if len(entry["statement"]) > LONGEST_ROW else ""
    return (
        f"<tr><td><b>{claim.label}</b> {page.inline(claim.heading)}</td><td{long}>{page.inline('$' + entry['statement'] + '$')}"
        f"</td><td>{'PASS' if verdicts.passed(record) else 'FAIL'}; {markup.unbroken(verdicts.resolution(tightest))}</td></tr>"
    )


def _picture(collection, card, lesson):
    if lesson.opening is None:
        return ""
    label = Path(lesson.opening).stem
    folder, entry = next((folder, entry) for found, _, folder, entry in collection.figures(card.name) if found == label)
    alt = numbers.fill(entry["alt"], files.read_csv(folder / f"{label}.csv"))
    return f"<img src='figures/{label}.png' alt='{html.escape(alt, quote=True)}'>"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>TITLE</title><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="katex/katex.min.css"><link rel="stylesheet" href="deck/sheet.css"></head>
<body class="KIND">BODY</body></html>
"""
