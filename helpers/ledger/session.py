"""What the set-up cell of a notebook opens, and what keeps a reader's edits apart.

In a live session cells are edited and run in any order. A claim's group of cells (those tagged ``claim:ID``, for
figures ``figure:NAME``) may use names of the set-up cell and its own; :class:`Watch` remembers from which group's
numbers a name was set last, so that a claim never judges another claim's numbers unnoticed.
"""

import json
import symtable
from pathlib import Path

from helpers import figures, runtime
from helpers.files import ROOT

from . import cards
from .claims import Ledger

SETUP = "setup"


def open_notebook(name, *, place="essay"):
    """Run, ledger and gallery of a notebook: what its set-up cell asks for.

    Parameters
    ----------
    name : str
        Of the paper's card, without suffix.
    place : str
        "essay" or "appendix".

    Returns
    -------
    run : runtime.Run
    ledger : Ledger
    gallery : figures.Gallery

    Raises
    ------
    ValueError
        If the card cannot be used (``cards.CardError``), an environment variable holds something unknown, or the
        notebook stands in another clone than the helpers it imports.
    """
    if place not in cards.PLACES:
        raise ValueError(f"place is {place!r}, expected {' or '.join(cards.PLACES)}")
    run, card = runtime.current(), cards.load(name, folder=cards.FOLDER)
    folder = cards.FOLDER / "appendix" if place == "appendix" else cards.FOLDER
    here = Path.cwd()
    if (here / f"{name}.ipynb").exists() and here.resolve() != folder.resolve():
        raise ValueError(
            f"this notebook stands in {here}, but its helpers come from {ROOT}: use that clone's own set-up"
        )
    guard = None if run.strict else _watch(folder / f"{name}.ipynb")
    figures.use_style()
    ledger = Ledger(card, run, place=place, guard=guard)
    wanted = {label: entry for label, entry in card.figures.items() if entry["where"] == place or not card.is_essay}
    return run, ledger, figures.Gallery(card.name, run, wanted, folder=ledger.folder)


class Watch:
    """Remembers, cell by cell, from which group's numbers a name was set last.

    Parameters
    ----------
    groups : dict
        Source text, or id, of a cell to its group: ``setup``, a claim's id or a figure's name.
    namespace : dict
        Of the kernel.
    """

    def __init__(self, groups, namespace):
        self.groups, self.namespace = groups, namespace
        self.setters, self.source, self.group = {}, "", None

    def starts(self, source, cell_id=None):
        """A cell is about to run."""
        self.source, self.group = source, self.groups.get(cell_id, self.groups.get(source.strip()))

    def ends(self):
        """The cell has run: the names it assigns belong to its group, or to the one whose numbers it used."""
        assigned, _ = names(self.source)
        # a figure may use the numbers of the claims it needs; nothing that follows from them is a claim's own
        foreign = self.foreign(self.group) if self.group not in (None, SETUP) else {}
        setter = next(iter(foreign), self.group)
        self.setters |= dict.fromkeys(assigned, setter)

    def foreign(self, group):
        """Names that the present cell reads and another group set last: a dict of group to list of names."""
        assigned, read = names(self.source)
        found = {}
        for name in sorted(read - assigned):
            setter = self.setters.get(name)
            if name in self.namespace and setter not in (None, SETUP, group):
                found.setdefault(setter, []).append(name)
        return found

    def check(self, claim_id):
        """Raise ``ValueError`` if the cell that opens a claim compares numbers of another group."""
        if foreign := self.foreign(claim_id):
            said = "; ".join(f"{', '.join(named)} of {group}" for group, named in foreign.items())
            raise ValueError(
                f"{claim_id} would compare numbers of other cells: {said}. Run the cells of {claim_id} from its first"
            )


def groups_of(path):
    """Group of every tagged code cell of a notebook, by its id and, where no other group has it, by its source text."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    found, sources = {}, {}
    for cell in content["cells"]:
        tags = cell["metadata"].get("tags", [])
        named = [SETUP] * (SETUP in tags) + [
            tag.split(":", 1)[1] for tag in tags if tag.startswith(("claim:", "figure:", "table:"))
        ]
        if cell["cell_type"] == "code" and named:
            if "id" in cell:
                found[cell["id"]] = named[0]
            sources.setdefault("".join(cell["source"]).strip(), set()).add(named[0])
    return found | {source: group for source, (group, *others) in sources.items() if not others}


def _watch(path):
    """Hook a :class:`Watch` into the running kernel; returns its check, or nothing where there is no kernel."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    if shell is None or not path.exists():
        return None
    watch = Watch(groups_of(path), shell.user_ns)

    def starts(info):
        watch.starts(info.raw_cell, getattr(info, "cell_id", None))

    def ends(_):
        watch.ends()

    for event, hook in (("pre_run_cell", starts), ("post_run_cell", ends)):
        for old in [f for f in shell.events.callbacks[event] if hasattr(f, "watch")]:
            shell.events.unregister(event, old)  # the set-up cell is run again: the names are still there
            watch.setters, watch.source, watch.group = old.watch.setters, old.watch.source, old.watch.group
        hook.watch = watch
        shell.events.register(event, hook)
    return watch.check


def names(source):
    """Names that a cell assigns, and those it reads from the session, inside its functions too; two sets of str."""
    try:
        table = symtable.symtable(source, "<cell>", "exec")
    except SyntaxError:
        return set(), set()
    symbols = table.get_symbols()
    assigned = {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    read = {symbol.get_name() for symbol in symbols if symbol.is_referenced()}
    inner = list(table.get_children())
    while inner:
        scope = inner.pop()
        inner += scope.get_children()
        read |= {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return assigned, read
