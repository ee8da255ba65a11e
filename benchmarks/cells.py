"""The slowest cells of the notebooks as last executed: ``python -m benchmarks.cells [count]``, after `make figures`."""

import sys
from datetime import datetime

import nbformat

from helpers.collection import notebooks


def slowest(notebook, count):
    """Seconds and name (claims, else first line) of the slowest code cells, and the sum over all code cells."""
    timed = []
    for cell in notebook.cells:
        stamps = cell.metadata.get("execution", {})
        if cell.cell_type == "code" and "shell.execute_reply" in stamps:
            start, end = (datetime.fromisoformat(stamps[key]) for key in ("iopub.execute_input", "shell.execute_reply"))
            claims = [tag.removeprefix("claim:") for tag in cell.metadata.get("tags", []) if tag.startswith("claim:")]
            timed.append(((end - start).total_seconds(), ", ".join(claims) or cell.source.strip().splitlines()[0][:40]))
    return sorted(timed, reverse=True)[:count], sum(seconds for seconds, _ in timed)


def main(count=10):
    print("| notebook | seconds in all | slowest cells, seconds |\n|---|---|---|")
    for path in sorted(notebooks.EXECUTED.rglob("*.ipynb")):
        cells, total = slowest(nbformat.read(path, as_version=4), count)
        named = ", ".join(f"{name} {seconds:.1f}" for seconds, name in cells)
        print(f"| {notebooks.label(path)} | {total:.0f} | {named} |")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
