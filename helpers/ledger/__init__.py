"""Verdicts, the ledger of the claims of one notebook, and the card of a paper; notebooks open all three at once."""

__all__ = ["open_notebook"]


def __getattr__(name):
    # only notebooks need what a session opens (torch, matplotlib); printing stored verdicts must not wait for it
    if name == "open_notebook":
        from .session import open_notebook

        return open_notebook
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
