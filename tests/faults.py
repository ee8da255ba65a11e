"""A wrong formula, put in on purpose, and the claim that must notice it."""

import dataclasses
from collections.abc import Callable

CELL = "cell"


@dataclasses.dataclass(frozen=True)
class Fault:
    """A wrong formula in ``helpers``, or in the claim's own cells.

    ``wrong(original)`` takes the place of ``helpers.<target>`` while ``claim`` runs. With ``target="cell"`` the text
    ``piece``, which occurs exactly once in the claim's cells of essay and appendix, is replaced by ``replacement``.
    ``by_control``: the checks hold with the fault in, and a control that no longer fails tells.
    """

    what: str
    target: str
    wrong: Callable | None = None
    notebook: str = ""
    claim: str = ""
    piece: str = ""
    replacement: str = ""
    by_control: bool = False

    def __post_init__(self):
        cell = self.target == CELL
        if not self.notebook or not self.claim:
            raise ValueError(f"{self.what!r} names no notebook or no claim")
        if cell != (self.wrong is None) or cell != bool(self.piece) or self.piece != self.piece.strip("\n"):
            raise ValueError(f"{self.what!r}: expected wrong= for a function, piece= and replacement= for a cell")
        if cell and self.piece == self.replacement:
            raise ValueError(f"{self.what!r} replaces {self.piece!r} by itself")


def with_options(**changes):
    """The original function, called with some of its keyword arguments overruled."""
    return lambda original: lambda *args, **options: original(*args, **(options | changes))


def negated(original):
    """Minus the original."""
    return lambda *arguments: -original(*arguments)
