"""The card of a paper: everything that is said about its claims, figures and errata, in one TOML file.

``notebooks/NN_name.toml`` stands beside the essay ``notebooks/NN_name.ipynb``; ``notebooks/appendix/NN_name.ipynb``
shares it. Notebooks compute, cards speak: ledger, pages, gallery and tests read titles, statements, sources,
captions and errata here and nowhere else.

=================== ===========================================================================================
table               keys (those in brackets may be missing)
=================== ===========================================================================================
``[paper]``         title, citation, authors, links, [question] in one sentence, [form]; ``form = "essay"`` once it is
                    essay and appendix
``[part.KEY]``      question, minutes; in reading order
``[claim.ID]``      title, statement (LaTeX), source, provenance (list), part, [where], [method], [uses], [weak],
                    [kind], [instances]; in reading order
``[figure.NAME]``   caption, alt, counterpart, published, [where]
``[erratum.ID]``    quoted, corrected, evidence: a claim of this card or ``"argument only"``
=================== ===========================================================================================

``where`` is "essay" (default) or "appendix". ``uses`` maps claim ids, of any paper, to the reason. ``weak`` says what
was not tested.
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from helpers.files import ROOT

from .verdicts import RULES

FOLDER = ROOT / "notebooks"
PROVENANCE = ("seen", "seen*", "secondary", "code", "recalled", "derived", "numerical", "corrected", "unverified")
METHODS = ("exact", "quadrature", "random instances", "statistical", "empirical")
PLACES = ("essay", "appendix")
ARGUMENT_ONLY = "argument only"

# Key: (type, required). A key that is not listed is refused.
_KEYS = {
    "paper": {
        "title": (str, True),
        "citation": (str, True),
        "authors": (list, True),
        "links": (dict, True),
        "form": (str, False),
        "question": (str, False),
    },
    "part": {"question": (str, True), "minutes": (int, True)},
    "claim": {
        "title": (str, True),
        "statement": (str, True),
        "source": (str, True),
        "provenance": (list, True),
        "part": (str, True),
        "where": (str, False),
        "method": (str, False),
        "uses": (dict, False),
        "weak": (str, False),
        "kind": (str, False),
        "instances": (int, False),
    },
    "figure": {
        "caption": (str, True),
        "alt": (str, True),
        "counterpart": (str, True),
        "published": (str, True),
        "where": (str, False),
    },
    "erratum": {"quoted": (str, True), "corrected": (str, True), "evidence": (str, True)},
}
_WORDS = {"where": PLACES, "method": METHODS, "form": ("essay",), "kind": RULES}


class CardError(ValueError):
    """A card that cannot be used; the message names the file and the key."""


@dataclass(frozen=True)
class Card:
    """One paper's card, checked; every table as a dict of dicts in the order of the file.

    Attributes
    ----------
    name : str
        File name without suffix, also that of essay and appendix.
    paper, parts, claims, figures, errata : dict
        Entries of ``claims`` and ``figures`` always have ``where``; claims always have ``uses``.
    """

    name: str
    paper: dict
    parts: dict
    claims: dict
    figures: dict
    errata: dict
    path: Path = field(compare=False)

    @property
    def is_essay(self):
        """Whether the paper has its form as essay and appendix."""
        return self.paper.get("form") == "essay"


def load(name, *, folder=FOLDER):
    """Read and check one card.

    Parameters
    ----------
    name : str
        Without suffix.
    folder : path-like

    Returns
    -------
    Card

    Raises
    ------
    CardError
        If the file is missing or no TOML, a table or key is unknown or missing, a value has the wrong type or word,
        or a claim, part or evidence that is named does not exist.
    """
    path = Path(folder) / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CardError(f"{path} is missing: every notebook has a card beside it") from error
    except tomllib.TOMLDecodeError as error:
        raise CardError(f"{path} is not valid TOML: {error}") from error

    def require(condition, key, message):
        if not condition:
            raise CardError(f"{path}, {key}: {message}")

    unknown = set(content) - set(_KEYS)
    require(not unknown, ", ".join(sorted(unknown)), f"no such table; there are {', '.join(_KEYS)}")
    for table in ("paper", "part", "claim"):
        require(table in content, table, "the table is missing")
    for table, keys in _KEYS.items():
        entries = {"": content["paper"]} if table == "paper" else content.get(table, {})
        require(isinstance(entries, dict), table, f"is {entries!r}, expected tables [{table}.NAME]")
        for label, entry in entries.items():
            where = f"{table}.{label}".rstrip(".")
            require(isinstance(entry, dict), where, f"is {entry!r}, expected a table")
            for key in entry:
                require(key in keys, f"{where}.{key}", f"no such key; there are {', '.join(keys)}")
            for key, (kind, needed) in keys.items():
                require(key in entry or not needed, f"{where}.{key}", "is missing")
                if key in entry:
                    right = isinstance(entry[key], kind) and not isinstance(entry[key], bool)
                    require(right, f"{where}.{key}", f"is {entry[key]!r}, expected {kind.__name__}")
                if key in entry and key in _WORDS:
                    words = _WORDS[key]
                    require(entry[key] in words, f"{where}.{key}", f"is {entry[key]!r}, expected {', '.join(words)}")
                if key in entry and kind is str:
                    require(entry[key].strip(), f"{where}.{key}", "is empty")
    parts, claims, figures = content["part"], content["claim"], content.get("figure", {})
    for label, claim in claims.items():
        here = f"claim.{label}"
        unknown = [word for word in claim["provenance"] if word not in PROVENANCE]
        require(claim["provenance"], f"{here}.provenance", "is empty")
        require(not unknown, f"{here}.provenance", f"{unknown} are not among {', '.join(PROVENANCE)}")
        require(claim["part"] in parts, f"{here}.part", f"no part {claim['part']!r}; there are {', '.join(parts)}")
        for other, reason in claim.get("uses", {}).items():
            require(isinstance(reason, str) and reason.strip(), f"{here}.uses.{other}", "needs its reason")
            require(other != label, f"{here}.uses.{other}", "a claim cannot use itself")
            own = other.split("-")[0] == label.split("-")[0]
            require(not own or other in claims, f"{here}.uses.{other}", "no such claim")
    errata = content.get("erratum", {})
    for label, erratum in errata.items():
        known = erratum["evidence"] == ARGUMENT_ONLY or erratum["evidence"] in claims
        message = f"{erratum['evidence']!r} is neither a claim of this card nor {ARGUMENT_ONLY!r}"
        require(known, f"erratum.{label}.evidence", message)
    return Card(
        name,
        content["paper"],
        parts,
        {label: {"where": "essay", "uses": {}} | claim for label, claim in claims.items()},
        {label: {"where": "essay"} | figure for label, figure in figures.items()},
        errata,
        path,
    )


def load_all(*, folder=FOLDER):
    """Every card of the collection, by name, checked together.

    Returns
    -------
    dict of str to Card

    Raises
    ------
    CardError
        As :func:`load`; for an id that two cards claim; for a ``uses`` that leads nowhere or in a circle.
    """
    cards = {path.stem: load(path.stem, folder=folder) for path in sorted(Path(folder).glob("[0-9]*.toml"))}
    home, edges = {}, {}
    for card in cards.values():
        for label, claim in card.claims.items():
            if label in home:
                raise CardError(f"{card.path}, claim.{label}: {home[label].path} has a claim of this id already")
            home[label], edges[label] = card, list(claim["uses"])
    for label, others in edges.items():
        for other in others:
            if other not in home:
                raise CardError(f"{home[label].path}, claim.{label}.uses.{other}: no card has this claim")
    circle = _circle(edges)
    if circle:
        raise CardError(f"{home[circle[0]].path}, claim.{circle[0]}.uses: a circle, {' -> '.join(circle)}")
    return cards


def _circle(edges):
    """A path of ids that returns to its start, or an empty list."""
    finished = set()

    def walk(label, path):
        if label in path:
            return [*path[path.index(label) :], label]
        if label in finished:
            return []
        for other in edges[label]:
            if found := walk(other, [*path, label]):
                return found
        finished.add(label)
        return []

    return next((found for label in edges if (found := walk(label, []))), [])
