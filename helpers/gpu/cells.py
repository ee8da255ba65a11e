"""The live training cells of the notebooks, run on a device, beside what they printed where they were stored.

A cell that says ``run.device`` trains on it. The cells of its claim, figure or table run as they stand, after the
notebook's own set-up cell, in a plain namespace: no Jupyter. Claims go through the ledger. Only what draws is left out:
the gallery and the functions of ``figures`` answer every call with nothing.

What is compared is what is said, and not the numbers: the heads of verdicts and the sentences printed, digits masked.
The stored outputs come from the CPU.
"""

import contextlib
import io
import os
import re
import sys
import types
from dataclasses import dataclass

from helpers.collection import groups
from helpers.ledger import cards

TRAINS = "run.device"
GROUPED = ("claim:", "figure:", "table:")
# The stored outputs are those of this profile and seed; a live session writes nothing to figures/.
ENVIRONMENT = {"PROFILE": "quick", "SEED": "0", "STRICT": "0", "REDRAW": "0"}
DRAWING = ("matplotlib", "matplotlib.pyplot", "matplotlib.colors")
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Live:
    """Cells that train, with those that they need and those that judge them.

    Attributes
    ----------
    name, place : str
        Of the notebook: its card's name, and "essay" or "appendix".
    tag : str
        ``claim:ID``, ``figure:NAME`` or ``table:NAME``; ``cell:ID`` for a cell that stands alone.
    sources : tuple of str
    stored : str
        What these cells printed when the notebook was stored.
    """

    name: str
    place: str
    tag: str
    sources: tuple
    stored: str

    @property
    def label(self):
        return f"{self.name}, {self.place}, {self.tag}"


def live():
    """All groups of cells that train on ``run.device``, a list of :class:`Live` in the order of the notebooks."""
    found = []
    for name in cards.load_all(folder=cards.FOLDER):
        for place in groups.places(name):
            code = [cell for cell in groups.notebook(name, place).cells if cell.cell_type == "code"]
            training = [cell for cell in code if TRAINS in cell.source]
            tags = {tag for cell in training for tag in groups.tags(cell) if tag.startswith(GROUPED)}
            chosen = [(group.tag, group.sources) for group in groups.groups(name, place) if group.tag in tags]
            alone = [cell for cell in training if not any(tag.startswith(GROUPED) for tag in groups.tags(cell))]
            chosen += [(f"cell:{cell.id}", (cell.source,)) for cell in alone]
            for tag, sources in chosen:
                printed = "".join(
                    output.text
                    for source in sources
                    for cell in code
                    if cell.source == source
                    for output in cell.outputs
                    if output.output_type == "stream"
                )
                found.append(Live(name, place, tag, sources, printed))
    return found


def said(text):
    """Heads of verdicts, and printed sentences with their numbers masked; a list of str.

    >>> said("PASS  SC-T1  a title of 2\\n      a check   1e-16 <= 2e-13\\nlive: 3 of 4 rows: True\\n")
    ['PASS SC-T1', 'live: # of # rows: True']
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    verdict = re.compile(r"(PASS|FAIL)  (\S+)")
    heads = [verdict.match(line) for line in lines]
    return [" ".join(head.groups()) if head else NUMBER.sub("#", line) for line, head in zip(lines, heads, strict=True)]


def compare(group, device):
    """Run a group on a device.

    Parameters
    ----------
    group : Live
    device : torch.device

    Returns
    -------
    dict
        ``agrees``: whether all that is said is what the notebook stores, None for cells that only draw: they ran to
        their end; ``verdicts``: the heads of the claims; where it does not agree, ``stored`` and ``here``, the lines of
        both that the other has not, and ``printed``. An exception of a cell is a disagreement, named in ``failure``.
    """
    printed, error = io.StringIO(), None
    with _environment(ENVIRONMENT | {"DEVICE": str(device)}), contextlib.redirect_stdout(printed):
        _stand_in_for_drawing()
        try:
            groups.execute(group.name, group.sources, place=group.place, label=group.tag, before=_draw_nothing)
        except Exception as found:  # an assertion of a cell, or whatever a device does not do: a finding
            error = f"{type(found).__name__}: {str(found)[:500]}"
    stored, here = said(group.stored), said(printed.getvalue())
    verdicts = [line for line in here if line.startswith(("PASS ", "FAIL "))]
    if stored == here and error is None:
        return {"agrees": True if stored else None, "sentences": len(here), "verdicts": verdicts}
    found = {
        "agrees": False,
        "sentences": len(here),
        "verdicts": verdicts,
        "stored": [line for line in stored if line not in here],
        "here": [line for line in here if line not in stored],
        "printed": printed.getvalue(),
    }
    return found if error is None else found | {"failure": error}


@contextlib.contextmanager
def _environment(values):
    """With these environment variables, without those of folder and process number; afterwards all as they were."""
    before = os.environ.copy()
    os.environ.update(values)
    for name in ("OUTPUT", "LOCAL_RANK"):
        os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Nothing(types.ModuleType):
    """A module, function and figure of which every part and every answer is nothing; it unpacks into two."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_, **__):
        return self

    def __getitem__(self, _):
        return self

    def __iter__(self):
        return iter((self, self))


def _stand_in_for_drawing():
    """Let modules that draw be imported where matplotlib is not there."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        sys.modules.update({name: _Nothing(name) for name in DRAWING})


def _draw_nothing(namespace):
    nothing = _Nothing("nothing")
    for name, value in namespace.items():
        module = value.__name__ if isinstance(value, types.ModuleType) else ""
        if name in ("gallery", "show_table") or (module.startswith("helpers.") and module.endswith("figures")):
            namespace[name] = nothing
