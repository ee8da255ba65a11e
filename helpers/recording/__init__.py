"""Tables that take longer than a notebook: what they are, and how they are recorded."""

from .recorded import Recording, Table, load, shown, table

__all__ = ["Recording", "Table", "load", "shown", "table"]
