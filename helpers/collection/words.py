"""How claims, checks and controls are put into words on every page: one place, so that all pages say the same."""

import math
import re

from helpers.ledger import cards, verdicts

MATH = re.compile(r"(\$\$.*?\$\$|\$[^$]*\$)", re.S)
# Where a claim stands, seen from a page: the folder of each place.
FOLDERS = {
    "output": {"essay": "../notebooks/", "appendix": "../notebooks/appendix/"},
    "essay": {"essay": "", "appendix": "appendix/"},
    "appendix": {"essay": "../", "appendix": ""},
    "root": {"essay": "notebooks/", "appendix": "notebooks/appendix/"},
}


def link(card, entry, anchor, *, seen_from, text=None):
    """A Markdown link to the anchor of a claim or figure.

    Parameters
    ----------
    card : cards.Card
    entry : dict
        The claim or figure on the card.
    anchor : str
    seen_from : str
        "essay" or "appendix" of the same paper, "root" or "output".
    text : str, optional
        The anchor by default.
    """
    place = entry["where"] if card.is_essay else "essay"
    here = seen_from if card.is_essay or seen_from not in cards.PLACES else "essay"
    file = "" if here == place else f"{FOLDERS[here][place]}{card.name}.ipynb"
    return f"[{text or anchor}]({file}#{anchor})"


def row(cells):
    """A row of a Markdown table; a bar inside a cell is escaped, in a formula it is written as ``\\vert``."""
    return "| " + " | ".join(_cell(str(cell)) for cell in cells) + " |"


def _cell(text):
    pieces = MATH.split(" ".join(text.split()))
    for number, piece in enumerate(pieces):
        if number % 2:
            pieces[number] = piece.replace("\\|", "\\Vert ").replace("|", "\\vert ")
        else:
            pieces[number] = piece.replace("|", "\\|")
    return "".join(pieces)


def tightest(record):
    """The check that came closest to failing."""
    return next(check for check in record["checks"] if check["name"] == record["tightest"])


def coarsest(record):
    """The check that would notice least, or None if none states its resolution."""
    stated = [check for check in record["checks"] if check["resolution"] is not None]
    return max(stated, key=lambda check: check["resolution"], default=None)


def unstated(record):
    """The checks that do not state their resolution."""
    return [check for check in record["checks"] if check["resolution"] is None]


def measured(record):
    """Name and numbers of the tightest check, such as ``trace / edges: `4e-16 <= 2e-13` ``."""
    check = tightest(record)
    return f"{check['name']}: `{verdicts.comparison(check)}`"


def must(record):
    """What the measured number of the tightest check must do."""
    rises = verdicts.DIRECTIONS.get(tightest(record)["rule"], "<=") != "<="
    return "rise above" if rises else "stay below"


def notices(record):
    """What the tightest check would notice, and the coarsest where that is another."""
    tight, coarse = tightest(record), coarsest(record)
    said = verdicts.resolution(tight)
    if coarse is None or coarse["resolution"] <= (tight["resolution"] or 0):
        return said
    return f"{said}; coarsest, {coarse['name']}: {verdicts.resolution(coarse)}"


def nearest(record):
    """The control that misses least, and by how much."""
    checks = {check["name"]: check for check in record["checks"]}
    bad = [control for control in record["controls"] if not control["fails"]]
    control = min(bad or record["controls"], key=lambda control: verdicts.nearness(checks[control["check"]], control))
    broken = control["breaks"].removeprefix("repaired: ")
    if checks[control["check"]]["rule"] == "counterexample":
        return f"{broken}: {'repaired, holds' if control['fails'] else '**violated too**'}"
    if not control["fails"]:
        return f"{broken}: **passes**"
    factor = verdicts.miss(checks[control["check"]], control)
    by = "where nothing is allowed" if math.isinf(factor) else f"by a factor of {_factor(factor)}"
    return f"{broken}: misses {by}"


def _factor(factor):
    return f"{factor:.1e}" if factor >= 1e4 else f"{factor:.2g}" if factor < 100 else f"{factor:.0f}"


def weak_points(card, found):
    """What a paper's claims would notice least, and what was not tested, in sentences.

    Parameters
    ----------
    card : cards.Card
    found : dict of str to dict
        Records by id.

    Returns
    -------
    list of (str, str)
        Id and sentence: first the claims whose coarsest check is coarser than what is aimed at (exact claims one part
        in a million, laws and statistical claims 5 %, slopes 0.05), the coarsest first; then what the card calls weak;
        checks that do not state their resolution stand with the reason.
    """
    coarse, plain = [], []
    for label, record in found.items():
        weak, check = card.claims[label].get("weak"), furthest(record)
        said = [sentence(weak)] if weak else []
        if silent := [f"“{check['name']}”" for check in unstated(record)]:
            said.insert(0, f"What {', '.join(silent)} would notice is not stated.")
        if check is not None:
            said.insert(0, f"“{check['name']}” would notice {verdicts.resolution(check)}, nothing smaller.")
            coarse.append((check["resolution"], label, " ".join(said)))
        elif said:
            plain.append((label, " ".join(said)))
    coarse.sort(key=lambda entry: (-entry[0], entry[1]))
    return [(label, text) for _, label, text in coarse] + plain


def sentence(text):
    """A text as a sentence: a capital where it starts with a word (a single letter is a symbol), a full stop."""
    text = " ".join(text.split())
    first = text[:1].upper() if re.match(r"a\s|[a-z]{2,}\b", text) else text[:1]
    return first + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def furthest(record):
    """The check that stays furthest behind what is aimed at, or None if none does."""
    behind = [check for check in record["checks"] if (check["resolution"] or 0) > _aim(check)]
    return max(behind, key=lambda check: (check["resolution"] / _aim(check), check["name"]), default=None)


def _aim(check):
    """The resolution aimed at; infinite where a size alone says nothing (bounds, signs, distances in a unit)."""
    if check["of"] == "factor":
        return 1e-6 if check["rule"] == "identity" else 0.05
    return {"shift": 1e-6, "slope": 0.05, "variation": 0.05, "diameter": 0.01}.get(check["of"], math.inf)


def erratum(card, entry, *, seen_from):
    """The evidence of an erratum as a link, or ``argument only``."""
    evidence = entry["evidence"]
    if evidence == cards.ARGUMENT_ONLY:
        return evidence
    return link(card, card.claims[evidence], evidence, seen_from=seen_from)
