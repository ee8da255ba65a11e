"""Execute one claim of a notebook alone: its set-up cell, then the cells tagged with the claim's id.

That a claim runs after the set-up cell alone is a rule of the collection; it is what lets a reader rerun one claim,
and what lets the fault tests look at one claim in seconds.
"""

import matplotlib
import nbformat

from helpers import runtime

matplotlib.use("Agg")


def notebook(name):
    """The notebook of that name, outputs included."""
    return nbformat.read(runtime.ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def tags(cell):
    return cell.metadata.get("tags", [])


def run_claim(name, claim_id):
    """The ledger's record of one claim, run alone.

    Parameters
    ----------
    name : str
        Notebook without suffix.
    claim_id : str

    Returns
    -------
    dict
        The record, with ``holds`` and ``control``; nothing is written to disk.
    """
    cells = notebook(name).cells
    sources = [cell.source for cell in cells if "setup" in tags(cell)]
    own = [cell.source for cell in cells if f"claim:{claim_id}" in tags(cell)]
    assert sources, f"{name} has no cell tagged 'setup'"
    assert own, f"{name} has no cell tagged 'claim:{claim_id}'"
    namespace = {"__name__": "__claim__"}
    for source in [*sources, *own]:
        exec(compile(source, f"<{claim_id}>", "exec"), namespace)
    return namespace["ledger"].claims[claim_id]
