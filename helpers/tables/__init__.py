"""Definitions of recorded tables, one module a table; see ``helpers.recorded`` for what a module holds."""
