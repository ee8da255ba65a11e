"""Measured numbers in text cells and pages, tied to the run that made them.

A number stands in a pair of invisible comments, ``stays near <!-- = csv:panel/angle/p_out=0.3 .0f -->44<!-- / -->
degrees``: a path of a fixed grammar, a format, and what is shown. Nothing is ever evaluated.

================================================ =====================================================================
path                                             names
================================================ =====================================================================
``csv:FIGURE/column/conditions/reduction``       a number of a figure's table, as in captions (``figures.numbers``)
``table:NAME/column/conditions/reduction``       the same of a recorded table; settings and values are its columns
``ledger:ID/check name/measured``                a number of a check: measured, threshold or resolution
``ledger:ID/control: what it breaks/measured``   a number of a control: measured or threshold
================================================ =====================================================================

A figure or table of another paper takes its notebook's name first, ``csv:01_name/FIGURE/...``. A tied number never
comes first on a line (the comment would start a block of HTML), nor in a heading, a table row or a formula.
"""

import functools
import re
from pathlib import Path

from helpers import files
from helpers.figures import numbers
from helpers.ledger import claims

TIED = re.compile(r"<!--\s*=(.*?)-->(.*?)<!--\s*/\s*-->", re.S)
OPENING = re.compile(r"<!--\s*=")
FIELDS = {"check": ("measured", "threshold", "resolution"), "control": ("measured", "threshold")}


class Source:
    """Where tied numbers come from.

    Parameters
    ----------
    output : path-like
        Folder of figures and ledgers.
    recorded : path-like, optional
        Folder of recorded tables; ``figures/recorded`` of this clone by default.
    name : str, optional
        Notebook whose own figures and tables a path means where several have one of that name.
    """

    def __init__(self, output, *, recorded=None, name=None):
        self.output, self.name = Path(output), name
        self.recorded = files.ROOT / "figures" / "recorded" if recorded is None else Path(recorded)

    def value(self, path):
        """The number that a path names.

        Raises
        ------
        ValueError
            If the path has none of the forms above or names nothing; the message repeats it.
        """
        kind, _, rest = path.partition(":")
        try:
            if kind == "csv":
                return self._of_table(rest, [self.output], "csv", files.read_csv)
            if kind == "table":
                return self._of_table(rest, [self.recorded], "json", _columns)
            if kind == "ledger":
                return self._of_ledger(rest)
        except ValueError as error:
            raise ValueError(f"{path!r}: {error}") from error
        raise ValueError(f"{path!r}: expected csv:..., table:... or ledger:...")

    def _of_table(self, rest, folders, suffix, read):
        first, _, deeper = rest.partition("/")
        home = first if re.fullmatch(r"\d\d_\w+", first) else None
        if home:
            first, _, deeper = deeper.partition("/")
        found = [path for folder in folders for path in sorted(folder.glob(f"*/**/{first}.{suffix}"))]
        papers = [path.relative_to(folders[0]).parts[0] for path in found]
        wanted = home or (self.name if self.name in papers else None)
        if wanted:
            found = [path for path, paper in zip(found, papers, strict=True) if paper == wanted]
        if len(found) != 1:
            places = f"; notebooks with one: {', '.join(papers)}" if papers else ""
            raise ValueError(f"{len(found)} files named {first}.{suffix}{places}")
        return numbers.value(read(found[0]), deeper)

    def _of_ledger(self, rest):
        claim_id, _, deeper = rest.partition("/")
        name, _, field = deeper.rpartition("/")
        record = self.records.get(claim_id)
        if record is None:
            raise ValueError(f"no ledger below {self.output} has {claim_id}")
        control = name.startswith("control: ")
        kind, key = ("control", "breaks") if control else ("check", "name")
        named = {entry[key]: entry for entry in record[f"{kind}s"]}
        name = name.removeprefix("control: ")
        if name not in named:
            raise ValueError(f"{claim_id} has no {kind} {name!r}; there are {', '.join(map(repr, named))}")
        if field not in FIELDS[kind] or named[name].get(field) is None:
            raise ValueError(f"no number {field!r} of a {kind}; there are {', '.join(FIELDS[kind])}")
        return named[name][field]

    @functools.cached_property
    def records(self):
        """Every record below the output folder, essay and appendix together, by id."""
        gathered = {}
        for path in [*self.output.glob("*/claims.json"), *self.output.glob("*/appendix/claims.json")]:
            for record in files.read_json(path)["claims"]:
                gathered.setdefault(record["id"], []).append(record)
        return {label: claims.together(parts) for label, parts in gathered.items()}


def _columns(path):
    rows = files.read_json(path)["rows"]
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name, "") for row in rows] for name in names}


def refresh(text, source):
    """The text with every tied number as the files have it now.

    Parameters
    ----------
    text : str
    source : Source

    Raises
    ------
    ValueError
        As :meth:`Source.value`; for a pair of comments that is not closed.
    """
    tied = TIED.sub(lambda found: f"<!-- ={found[1]}-->{_shown(found, source)}<!-- / -->", text)
    if len(OPENING.findall(text)) != len(TIED.findall(text)):
        raise ValueError("a tied number is not closed by <!-- / -->")
    return tied


def stale(text, source):
    """What moved: a line for every tied number that the files have otherwise, or that names nothing.

    Returns
    -------
    list of str
    """
    found = []
    for match in TIED.finditer(text):
        try:
            shown = _shown(match, source)
        except ValueError as error:
            found.append(str(error))
            continue
        if shown != match[2]:
            found.append(f"{match[1].strip()}: {match[2]!r} is now {shown!r}")
    if len(OPENING.findall(text)) != len(TIED.findall(text)):
        found.append("a tied number is not closed by <!-- / -->")
    return found


def misplaced(text):
    """Tied numbers where Markdown would not show them: first on a line, in a heading, a table row or a formula.

    Returns
    -------
    list of str
        The lines.
    """
    plain = _blank(_blank(text, FENCED), INLINE)
    formulas = [found.span() for found in MATH.finditer(TIED.sub(lambda found: "x" * len(found[0]), plain))]
    found = []
    for match in OPENING.finditer(plain):
        start = plain.rfind("\n", 0, match.start()) + 1
        before = plain[start : match.start()]
        inside = any(low < match.start() < high for low, high in formulas)
        if not before.strip(" >*-") or before.lstrip().startswith(("#", "|")) or inside:
            found.append(text[start:].split("\n", 1)[0])
    return found


def _shown(match, source):
    path, form = numbers.parse(match[1])
    return numbers.printed(source.value(path), form)


# -- numbers without a source --------------------------------------------------------------------------
FENCED = re.compile(r"```.*?```", re.S)
INLINE = re.compile(r"`[^`\n]*`")
MATH = re.compile(r"\$\$.*?\$\$|\$[^$]*?\$", re.S)
# What is exempt, in the order in which it is taken out.
EXEMPT = [
    TIED,
    FENCED,
    INLINE,
    MATH,
    re.compile(r"[^\s<]+\s?<!--\s*given\s*-->"),  # a setting or a value from the literature
    re.compile(r"<!--.*?-->", re.S),
    re.compile(r"!?\[[^\]]*\]\([^)]*\)"),
    re.compile(r"<[^>\n]*>"),
    re.compile(r"^\s*#.*$|^\s*\|.*$", re.M),
    re.compile(r"^\s*\d+\.\s", re.M),
    # numbers that name a place in a paper, a paper or a version
    re.compile(
        r"\b(?:Sections?|Secs?\.|Theorems?|Thms?\.|Lemmas?|Propositions?|Props?\.|Corollar(?:y|ies)|Cors?\.|"
        r"Definitions?|Defs?\.|Equations?|Eqs?\.|Figures?|Figs?\.|Tables?|Tab\.|Appendix|Appendices|Assumptions?|"
        r"Remarks?|Algorithms?|Parts?|Chapters?|Notebooks?|arXiv:?|[Vv]ersions?|v)\s*\(?[A-Z]?\.?\d[\d.]*\w?\)?"
        r"(?:\s*(?:,|and|to|or|–|-)\s*\(?[A-Z]?\.?\d[\d.]*\w?\)?)*"
    ),
]
NUMBER = r"\d+(?:[.,]\d+)*"
WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|a hundred|thousand|a thousand)"
)
UNIT = (
    r"(?:degrees?|per cent|percent|percentage points?|nats?|bits?|seconds?|ms|standard errors?|s\.e\.|"
    r"times|fold|orders? of magnitude)"
)
UNSOURCED = re.compile(
    rf"(?<![\w.])(?:"
    rf"\d+(?:\.\d+)?e[-+]?\d+"  # 3e-16
    rf"|{NUMBER}\s?(?:%|‰)"
    rf"|\d+\.\d+(?![\w.]*\w)"  # decimals
    rf"|(?:{NUMBER}|{WORD})[\s-]{UNIT}\b"
    rf"|(?!one\s+of\s+the\s)(?:{NUMBER}|{WORD})\s+(?:out\s+)?of\s+(?:the\s+)?(?:{NUMBER}|{WORD})\b"
    rf")",
    re.I,
)


def unsourced(text):
    """Measured numbers that no run stands behind: decimals, percentages, and numbers or number words with a unit.

    Formulas, code, links, headings, table rows, comments and tags are exempt, and so are tied numbers and a number
    with ``<!-- given -->`` directly after it (a setting, or a value from the literature).

    Parameters
    ----------
    text : str

    Returns
    -------
    list of (int, str)
        Line number from 1, and the number as it stands.

    >>> unsourced("An angle of 44 degrees at $p = 0.3$, in `3.1` or six of eight runs.")
    [(1, '44 degrees'), (1, 'six of eight')]
    """
    for pattern in EXEMPT:
        text = _blank(text, pattern)
    return [(text.count("\n", 0, found.start()) + 1, found[0]) for found in UNSOURCED.finditer(text)]


def _blank(text, pattern):
    """Replace every match by as many blanks, keeping line breaks."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
