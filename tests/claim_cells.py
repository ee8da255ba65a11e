"""Execute one claim alone: a set-up cell, then the cells tagged with the claim's id, in essay and appendix.

That a group of cells runs after the set-up cell alone is a rule of the collection; it is what lets a reader rerun one
claim, and what lets the fault tests look at one claim in seconds.
"""

import dataclasses
import functools

import matplotlib
import nbformat

from helpers.ledger import cards, claims

matplotlib.use("Agg")

PLACES = cards.PLACES


def path(name, place="essay"):
    """Where a notebook stands; the file need not be there."""
    folder = cards.FOLDER / "appendix" if place == "appendix" else cards.FOLDER
    return folder / f"{name}.ipynb"


@functools.cache
def notebook(name, place="essay"):
    """The notebook of that name, outputs included; do not change it."""
    return nbformat.read(path(name, place), as_version=4)


def places(name):
    """Places where the paper has a notebook."""
    return [place for place in PLACES if path(name, place).exists()]


def tags(cell):
    return cell.metadata.get("tags", [])


@dataclasses.dataclass(frozen=True)
class Group:
    """Cells that belong together: those of a claim, or of a figure and the claims it needs."""

    tag: str
    sources: tuple


def groups(name, place):
    """Groups of a notebook in order: a claim's cells; for a figure first the cells of the claims it needs."""
    cells = [cell for cell in notebook(name, place).cells if cell.cell_type == "code"]
    own = {}
    for cell in cells:
        for tag in tags(cell):
            if tag.startswith(("claim:", "figure:")):
                own.setdefault(tag, []).append(cell)
    found = []
    for tag, members in own.items():
        needed = {wanted.replace("needs:", "claim:") for cell in members for wanted in tags(cell)}
        before = [cell for cell in cells if needed & set(tags(cell)) and cell not in members]
        sources = [cell.source for cell in (*before, *members)]
        found.append(Group(tag, tuple(sources)))
    return found


def execute(name, sources, *, place="essay", label="cells"):
    """Execute a set-up cell and then these sources in a fresh namespace, which is returned."""
    setup = [cell.source for cell in notebook(name, place).cells if "setup" in tags(cell)]
    assert len(setup) == 1, f"{name}, {place}: {len(setup)} cells tagged 'setup', expected one"
    namespace = {"__name__": "__claim__"}
    for source in [*setup, *sources]:
        exec(compile(source, f"<{label}>", "exec"), namespace)
    return namespace


def claim_sources(name, claim_id, place):
    """Sources of the cells of a claim in one of the paper's notebooks."""
    return [cell.source for cell in notebook(name, place).cells if f"claim:{claim_id}" in tags(cell)]


def run_claim(name, claim_id, *, place=None, replace=None):
    """The ledger's record of one claim, run alone in essay and appendix.

    Parameters
    ----------
    name : str
        Notebook without suffix.
    claim_id : str
    place : str, optional
        "essay" or "appendix": that one's cells alone.
    replace : (str, str), optional
        A piece of the claim's cells and what takes its place; it must occur exactly once.

    Returns
    -------
    dict
        The record, with ``holds`` and ``control``; nothing is written to disk.
    """
    found = {where: claim_sources(name, claim_id, where) for where in places(name) if place in (None, where)}
    found = {where: sources for where, sources in found.items() if sources}
    assert found, f"{name} has no cell tagged 'claim:{claim_id}'"
    if replace is not None:
        piece, other = replace
        times = sum(source.count(piece) for sources in found.values() for source in sources)
        assert times == 1, f"{piece!r} occurs {times} times in the cells of {claim_id}, expected once"
        found = {where: [source.replace(piece, other) for source in sources] for where, sources in found.items()}
    records = []
    for where, sources in found.items():
        namespace = execute(name, sources, place=where, label=claim_id)
        records.append(namespace["ledger"].claims[claim_id])
    return claims.together(records)
