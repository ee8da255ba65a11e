"""What a lecture takes from an essay: its opening, its parts, its claims in order, its pictures and its exercises.

Essays are written to one form (statement, why it is true, a prediction asked for, an edit to try, what it means), and
that form is read here. Two cell tags say what a lecture shows: ``slide`` on the cell of a verdict gives its claim a
slide, ``slide:code`` gives the cell itself one, with what it printed.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import markup

ANCHOR = re.compile(r'<a id="(part-[\w-]+|[A-Z]{2}-\w+)"></a>')
CELL = "\ue002{}\ue003"
CODE = re.compile("\ue002(\\d+)\ue003")
# One emphasised sentence on lines of its own: no head of a list, no line that names the paper.
MESSAGE = re.compile(r"^(\*\*?)(?!What you|An essay)([^*]+)\1$", re.M)
EXERCISE = re.compile(r"^\*\*(\d)\.( [^*]+)?\*\*", re.M)


@dataclass
class Claim:
    """One headline claim as the essay tells it; texts are Markdown, "" where the essay has none."""

    label: str
    part: str
    heading: str
    why: str
    predict: str
    attempt: str
    means: str
    shown: bool = False


@dataclass
class Exercise:
    number: int
    title: str
    question: str
    cell: str
    answer: str


@dataclass
class Lesson:
    """One essay.

    Attributes
    ----------
    title, message : str
        The question of the essay and its one sentence under the opening picture.
    opening : str or None
        Path of the opening picture below ``figures/``.
    points : list of str
        What the reader will see.
    settings : dict of str to str
        Text that opens a part, by part.
    claims : dict of str to Claim
    steps : list of tuple
        In the order of the essay: ("part", name), ("claim", label), ("figure", name, label or None, part or None),
        ("code", source, printed, label).
    exercises : list of Exercise
    """

    title: str
    message: str
    opening: str | None
    points: list
    settings: dict = field(default_factory=dict)
    claims: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)
    exercises: list = field(default_factory=list)


def read(path, card):
    """Read one essay.

    Parameters
    ----------
    path : path-like
        Notebook with stored outputs.
    card : helpers.ledger.cards.Card

    Returns
    -------
    Lesson

    Raises
    ------
    ValueError
        If the essay has no title, no sentence under its opening picture, or not six exercises with answers; the
        message names the notebook.
    """
    cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    stream = "\n\n".join(
        text if cell["cell_type"] == "markdown" else CELL.format(k)
        for k, (cell, text) in enumerate(zip(cells, texts, strict=True))
    )
    lesson = _opening(stream[: stream.index('<a id="part-')], cells, Path(path).stem)
    _tell(stream, cells, texts, lesson, card)
    lesson.exercises = exercises(stream, cells, texts)
    if len(lesson.exercises) != 6 or not all(one.answer for one in lesson.exercises):
        found = [one.number for one in lesson.exercises if one.answer]
        raise ValueError(f"{Path(path).name}: exercises {found} have answers, expected 1 to 6")
    return lesson


def _opening(text, cells, name):
    title = re.search(r"^# (.+)$", text, re.M)
    message = MESSAGE.search(text)
    if title is None or message is None:
        raise ValueError(f"{name}.ipynb: expected a title and one emphasised sentence before the first part")
    picture = re.search(r"!\[[^\]]*\]\(\.\./figures/([^)]+)\)", text)
    first = next((tag for cell in cells for tag in _tags(cell) if tag.startswith("figure:")), None)
    opening = picture[1] if picture else first and f"{name}/{first.removeprefix('figure:')}.png"
    listed = re.search(r"\*\*What you will see\.?\*\*\n((?:(?:- |\d\. ).*(?:\n(?!\n).*)*\n?)+)", text)
    points = re.split(r"^(?:- |\d\. )", listed[1], flags=re.M)[1:] if listed else []
    return Lesson(title[1], _one_line(message[2]), opening, [_one_line(point) for point in points])


def _tell(stream, cells, texts, lesson, card):
    """Fill settings, claims and steps: walk through the pieces between anchors."""
    part, shown = None, set()
    pieces = re.split(f"(?={ANCHOR.pattern})", stream)[:: ANCHOR.groups + 1]
    headline = {label for label, entry in card.claims.items() if entry["where"] == "essay"}
    label = None
    for piece in pieces:
        anchor = ANCHOR.match(piece)
        name = anchor[1] if anchor else None
        if name and name.startswith("part-"):
            part, label = name.removeprefix("part-"), None
            told = re.sub(r"^#.*$", "", piece[anchor.end() :].lstrip("\n"), count=1, flags=re.M)
            lesson.settings[part] = re.split(r"^#|\ue002", told, maxsplit=1, flags=re.M)[0].strip()
            lesson.steps.append(("part", part))
        elif name in headline and name not in lesson.claims:
            label = name
            lesson.claims[label] = _claim(piece, label, part, card)
            lesson.steps.append(("claim", label))
        for k in map(int, CODE.findall(piece)):
            tags = _tags(cells[k])
            owners = [tag.removeprefix("claim:") for tag in tags if tag.startswith("claim:")]
            if "slide" in tags:
                shown.update(owners)
            if "slide:code" in tags:
                lesson.steps.append(("code", texts[k], _printed(cells[k]), owners[0]))
            for tag in tags:
                drawn = tag.removeprefix("figure:")
                if tag.startswith("figure:") and cells[k].get("outputs"):
                    needs = [other.removeprefix("needs:") for other in tags if other.startswith("needs:")]
                    lesson.steps.append(("figure", drawn, needs[0] if needs else label, part))
    for label in shown & set(lesson.claims):
        lesson.claims[label].shown = True


def _claim(piece, label, part, card):
    heading = re.search(rf"^#+ {label} · (.+)$", piece, re.M)
    title = card.claims[label]["title"]
    return Claim(
        label,
        part,
        heading[1] if heading else title[:1].upper() + title[1:],
        _without_asides(_paragraph(piece, r"Why(?: it is true)?[.:]?")),
        _predicted(piece),
        _paragraph(piece, r"(?:Try it|Break it yourself)\.?"),
        _paragraph(piece, r"What it means\.?"),
    )


def exercises(stream, cells, texts):
    """The exercises at the end of an essay; cells stand before or after the folded answer."""
    first = next((k for k, cell in enumerate(cells) if "exercise" in _tags(cell)), None)
    if first is None:
        return []
    marked = list(EXERCISE.finditer(stream))
    before = [
        k for k, found in enumerate(marked) if found[1] == "1" and found.start() < stream.index(CELL.format(first))
    ]
    starts = [found for k, found in enumerate(marked[before[-1] :]) if int(found[1]) == k + 1] if before else []
    ends = [*(found.start() for found in starts[1:]), len(stream)][: len(starts)]
    told = []
    for found, end in zip(starts, ends, strict=True):
        piece = stream[found.end() : end]
        answer = re.search(r"<details><summary>[^<]*</summary>(.*?)</details>", piece, re.S)
        cells = CODE.findall(piece)
        question = CODE.split(piece.split("<details>")[0])[0].strip()
        cell = texts[int(cells[0])] if cells else ""
        told.append(
            Exercise(int(found[1]), (found[2] or "").strip(), question, cell, answer[1].strip() if answer else "")
        )
    return told


# -- small things --------------------------------------------------------------------------------------------
def _tags(cell):
    return cell["metadata"].get("tags", [])


def _printed(cell):
    return "".join("".join(output.get("text", "")) for output in cell["outputs"])


def _one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def _paragraph(piece, opening):
    """The paragraph that an emphasised opening starts."""
    found = re.search(rf"\*\*?{opening}\*\*?(.*?)(?=\n\s*\n|\ue002|\Z)", piece, re.S)
    return found[1].strip() if found else ""


def _without_asides(text):
    """A reason without the prediction and the source that follow it."""
    return re.split(r"\*?Predict\b|\*Source|\*Beside", text)[0].strip()


def _predicted(piece):
    """What the reader is asked to say beforehand, as a sentence; "" if nothing."""
    found = re.search(r"\*?Predict\*?(:?)\*? (.+?)(?=\n\s*\n|\ue002|\*Source|\Z)", piece, re.S)
    if found is None:
        return ""
    said = _one_line(found[2]) if found[1] else f"predict {_one_line(found[2])}"
    said = markup.sentences(said, 30)
    return said[:1].upper() + said[1:]
