"""Recorded tables of this paper, one module a table; ``helpers.recording.recorded`` says what a module holds."""
