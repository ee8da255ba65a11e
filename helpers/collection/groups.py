"""The groups of cells of a notebook, and running one of them alone, without a kernel.

A group is what belongs to one claim (cells tagged ``claim:ID``) or one figure (``figure:NAME``, with ``needs:ID`` for
every claim whose numbers it uses). It runs after the set-up cell alone, in any order of groups and again; that is what
lets a reader rerun one claim, and the fault tests look at one claim in seconds.
"""

import functools
import json
import os
import sys
import time
from dataclasses import dataclass

from helpers import files
from helpers.ledger import cards, claims

KINDS = ("claim:", "figure:", "table:")


class Node(dict):
    """Part of a notebook: a dict whose entries are attributes too, as nbformat has them."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    def __setattr__(self, name, value):
        self[name] = value


def path(name, place="essay"):
    """Where a notebook stands; the file need not be there."""
    folder = cards.FOLDER / "appendix" if place == "appendix" else cards.FOLDER
    return folder / f"{name}.ipynb"


@functools.cache
def notebook(name, place="essay"):
    """The notebook of that name, outputs included, as a :class:`Node`; not to be changed.

    Read without nbformat, which is not there where only the numerical libraries are. Texts are joined: a file may keep
    them as lists of lines.
    """
    found = json.loads(path(name, place).read_text(encoding="utf-8"), object_hook=Node)
    for cell in found.cells:
        cell.source = "".join(cell.source)
        for output in cell.get("outputs", []):
            if "text" in output:
                output.text = "".join(output.text)
            for kind, content in output.get("data", {}).items():
                if isinstance(content, list):
                    output.data[kind] = "".join(content)
    return found


def places(name):
    """Places, of "essay" and "appendix", where the paper has a notebook."""
    return [place for place in cards.PLACES if path(name, place).exists()]


def tags(cell):
    """Tags of a cell, a list of str."""
    return cell.metadata.get("tags", [])


@dataclass(frozen=True)
class Group:
    """Cells that belong together: those of a claim, or those of a figure after the cells of the claims it needs."""

    tag: str
    sources: tuple


def groups(name, place):
    """Groups of a notebook, in its order.

    Returns
    -------
    list of Group
    """
    cells = [cell for cell in notebook(name, place).cells if cell.cell_type == "code"]
    own = {}
    for cell in cells:
        for tag in tags(cell):
            if tag.startswith(KINDS):
                own.setdefault(tag, []).append(cell)
    found = []
    for tag, members in own.items():
        named = {other for cell in members for other in tags(cell) if other.startswith(("needs:", *KINDS))}
        needed = {other.replace("needs:", "claim:") for other in named} - {tag}
        before = [cell for cell in cells if needed & set(tags(cell)) and cell not in members]
        found.append(Group(tag, tuple(cell.source for cell in (*before, *members))))
    return found


def execute(name, sources, *, place="essay", label="cells", before=None):
    """Execute the set-up cell of a notebook and then these sources in a fresh namespace, which is returned.

    ``before``, if given, is called with the namespace between the two.

    Raises
    ------
    ValueError
        If the notebook has not exactly one cell tagged ``setup``.
    """
    setup = [cell.source for cell in notebook(name, place).cells if "setup" in tags(cell)]
    if len(setup) != 1:
        raise ValueError(f"{path(name, place)} has {len(setup)} cells tagged 'setup', expected one")
    namespace = {"__name__": "__claim__"}
    exec(compile(setup[0], f"<{label}>", "exec"), namespace)
    if before is not None:
        before(namespace)
    for source in sources:
        exec(compile(source, f"<{label}>", "exec"), namespace)
    return namespace


def sources_of(name, claim_id):
    """Sources of the cells of a claim: a dict of place to list of str, without places that have none."""
    tagged = {
        place: [cell.source for cell in notebook(name, place).cells if f"claim:{claim_id}" in tags(cell)]
        for place in places(name)
    }
    return {place: sources for place, sources in tagged.items() if sources}


def run_claim(name, claim_id, *, place=None, replace=None):
    """The record of one claim, its cells run alone; those of essay and appendix together.

    Parameters
    ----------
    name : str
        Notebook without suffix.
    claim_id : str
    place : str, optional
        "essay" or "appendix": that one's cells alone.
    replace : (str, str), optional
        A piece of the claim's cells and what takes its place.

    Returns
    -------
    dict
        As in the ledger, which is not written.

    Raises
    ------
    ValueError
        If no cell has the claim's tag, or ``replace`` names a piece that does not occur exactly once.
    """
    found = sources_of(name, claim_id)
    if place is not None:
        found = {where: sources for where, sources in found.items() if where == place}
    if not found:
        raise ValueError(f"{name} has no cell tagged 'claim:{claim_id}'")
    if replace is not None:
        piece, other = replace
        times = sum(source.count(piece) for sources in found.values() for source in sources)
        if times != 1:
            raise ValueError(f"{piece!r} occurs {times} times in the cells of {claim_id}, expected once")
        found = {where: [source.replace(piece, other) for source in sources] for where, sources in found.items()}
    records = []
    for where, sources in found.items():
        namespace = execute(name, sources, place=where, label=claim_id)
        records.append(namespace["ledger"].claims[claim_id])
    return claims.together(records)


def main(name, path, labels):
    """Write the records of claims, run alone one after the other, to a file; stops if the process above has ended.

    Parameters
    ----------
    name : str
        Notebook without suffix.
    path : path-like
        Takes, by id, ``record`` (None if the cells stopped), ``said`` (why) and ``seconds``.
    labels : sequence of str
    """
    found, above = {}, os.getppid()
    for label in labels:
        if os.getppid() != above:
            return
        start, record, said = time.monotonic(), None, ""
        try:
            record = run_claim(name, label)
        except Exception as error:  # of one claim, and is said
            said = f"its cells stopped: {type(error).__name__}: {error}"
        found[label] = {"record": record, "said": said, "seconds": round(time.monotonic() - start, 2)}
        files.write_json(path, found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
