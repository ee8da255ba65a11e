"""Text cells that are written from card and ledgers: contents, claims table, errata and weak points.

A Markdown cell tagged ``generated:KIND`` holds nothing that anybody wrote; ``store`` fills it, and a test says that the
stored text is what would be written.
"""

from helpers.ledger import verdicts

from . import words

PREFIX = "generated:"


def contents(card, found, place):
    """Parts in reading order: question, minutes, and the claims of this notebook."""
    lines = ["## Contents", ""]
    here = {label: claim for label, claim in card.claims.items() if claim["where"] == place}
    for number, (key, part) in enumerate(card.parts.items(), 1):
        ids = [label for label, claim in here.items() if claim["part"] == key]
        if place == "appendix" and not ids:
            continue
        minutes = f" ({part['minutes']} min)" if place == "essay" else ""
        lines.append(f"{number}. **{part['question']}**{minutes}")
        for label in ids:
            lines.append(f"   - {words.link(card, here[label], label, seen_from=place)} {here[label]['title']}")
    return "\n".join(lines)


def claims(card, found, place):
    """A table of the claims that stand in this notebook."""
    lines = [
        "| claim | what | tightest check | would notice | nearest control | provenance |",
        "|---|---|---|---|---|---|",
    ]
    for label, claim in card.claims.items():
        if claim["where"] != place or label not in found:
            continue
        record = found[label]
        mark = "" if verdicts.passed(record) else " **FAIL**"
        lines.append(
            words.row(
                [
                    words.link(card, claim, label, seen_from=place) + mark,
                    claim["title"],
                    f"`{verdicts.comparison(words.tightest(record))}`",
                    words.notices(record),
                    words.nearest(record),
                    ", ".join(claim["provenance"]),
                ]
            )
        )
    return "\n".join(lines)


def errata(card, found, place):
    """What is quoted, what holds instead, and where it is shown."""
    if not card.errata:
        return "No erratum was found."
    return "\n".join(
        f"- **{label}.** *Quoted:* {words.sentence(entry['quoted'])} *Corrected:* {words.sentence(entry['corrected'])} "
        f"Evidence: {words.erratum(card, entry, seen_from=place)}."
        for label, entry in card.errata.items()
    )


def weak(card, found, place):
    """What the checks of this paper would notice least, and what was not tested."""
    entries = words.weak_points(card, found)
    if not entries:
        return "Every check would notice a change of the size aimed at."
    return "\n".join(
        f"- {words.link(card, card.claims[label], label, seen_from=place)}: {sentence}" for label, sentence in entries
    )


KINDS = {"contents": contents, "claims": claims, "errata": errata, "weak": weak}


def fill(notebook, card, found, place):
    """Write the generated cells of a notebook in place.

    Parameters
    ----------
    notebook : NotebookNode
    card : cards.Card
    found : dict of str to dict
        Records by id, essay and appendix together.
    place : str
        "essay" or "appendix".

    Raises
    ------
    ValueError
        For a tag that names no kind of text, or a tag on a code cell.
    """
    for cell in notebook.cells:
        for tag in cell.metadata.get("tags", []):
            if not tag.startswith(PREFIX):
                continue
            kind = tag.removeprefix(PREFIX)
            if kind not in KINDS or cell.cell_type != "markdown":
                raise ValueError(
                    f"{card.name}, {place}: a {cell.cell_type} cell is tagged {tag!r}; "
                    f"expected a Markdown cell and one of "
                    f"{', '.join(PREFIX + known for known in KINDS)}"
                )
            cell.source = KINDS[kind](card, found, place)
