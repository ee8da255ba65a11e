"""A wrong formula, put in on purpose, and the claim that must notice it."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Fault:
    """``wrong(original)`` takes the place of ``helpers.<module>.<name>`` while ``claim`` runs."""

    what: str
    target: str
    wrong: Callable
    notebook: str
    claim: str


def with_options(**changes):
    """The original function, called with some of its keyword arguments overruled."""
    return lambda original: lambda *args, **options: original(*args, **(options | changes))


def negated(original):
    """Minus the original."""
    return lambda *arguments: -original(*arguments)
