"""Run the notebooks, store them, and render what they leave behind.

``python -m helpers run`` is ``make figures``: it executes every notebook in its own kernel, two at a
time and one thread each, and renders the claims ledger and the figure gallery from what they wrote.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from tqdm import tqdm

from helpers import files, runtime

from . import pages

NOTEBOOKS = runtime.ROOT / "notebooks"
EXECUTED = runtime.ROOT / "build" / "executed"
CELL_SECONDS = 1800
# Small matrices gain nothing from more threads, and two notebooks with two threads each on two cores lose tenfold.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def notebooks(pattern=""):
    """Paths of the notebooks whose name starts with ``pattern``, in order.

    Raises
    ------
    ValueError
        If there is none; the message lists what there is.
    """
    found = sorted(
        [*NOTEBOOKS.glob("[0-9]*.ipynb"), *NOTEBOOKS.glob("appendix/[0-9]*.ipynb")],
        key=lambda path: (path.stem, path.parent.name == "appendix"),
    )
    chosen = [path for path in found if path.stem.startswith(pattern)]
    if not chosen:
        raise ValueError(
            f"no notebook starts with {pattern!r}; there are {', '.join(dict.fromkeys(path.stem for path in found))}"
        )
    return chosen


def label(path):
    """How a notebook is called in what is printed: ``NN_name``, with ``appendix/`` before it where it is one."""
    return f"appendix/{path.stem}" if path.parent.name == "appendix" else path.stem


def execute(path, bar):
    """Execute one notebook top to bottom in its own folder and kernel.

    Parameters
    ----------
    path : Path
    bar : tqdm
        Advanced by one for every code cell; its text names the step.

    Returns
    -------
    NotebookNode, str or None
        The executed notebook, and what went wrong in it (None if nothing did). It is also written to
        ``build/executed``, finished or not.
    """
    notebook = nbformat.read(path, as_version=4)
    steps = {}
    for number, cell in enumerate(notebook.cells):
        headings = (
            [line for line in cell.source.splitlines() if line.startswith("#")] if cell.cell_type == "markdown" else []
        )
        steps[number] = headings[-1].lstrip("# ") if headings else steps.get(number - 1, "opening")

    def starting(cell, cell_index):
        bar.set_postfix_str(steps[cell_index][:48], refresh=sys.stderr.isatty())

    def executed(**_):
        bar.update()

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=starting,
        on_cell_executed=executed,
        extra_arguments=["--log-level=ERROR"],
    )
    failure = None
    try:
        asyncio.run(client.async_execute())
    except CellExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except Exception as error:  # a dead kernel or a cell past its time limit must not lose the other notebook's run
        failure = f"{type(error).__name__}: {error}"
    files.write_text(EXECUTED / path.relative_to(NOTEBOOKS), nbformat.writes(notebook) + "\n")
    return notebook, failure


def run(pattern="", *, store=False, workers=2):
    """Execute the chosen notebooks, render ledger and gallery, print the verdicts.

    Parameters
    ----------
    pattern : str
        Start of a notebook's name; all by default.
    store : bool
        Also write the outputs back into the notebooks (for maintainers).
    workers : int
        Notebooks at a time.

    Returns
    -------
    int
        Exit status: 0 if every notebook ran to its end and every claim passed.
    """
    os.environ.update(ONE_THREAD | {"STRICT": "1"} | ({"REDRAW": "1"} if store else {}))
    settings = runtime.current()
    chosen = notebooks(pattern)
    places = threading.BoundedSemaphore(workers)
    free_lines = list(range(workers))

    def one(path):
        with places:
            line = free_lines.pop()
            notebook = nbformat.read(path, as_version=4)
            codes = sum(cell.cell_type == "code" for cell in notebook.cells)
            expected = notebook.metadata.get("expected_seconds", "?")
            form = "{desc} {n_fmt}/{total_fmt} cells, {elapsed} of about " + f"{expected} s" + " {postfix}"
            shown = {"position": line} if sys.stderr.isatty() else {"mininterval": 10}
            with tqdm(total=codes, desc=label(path), bar_format=form, **shown) as bar:
                start = time.monotonic()
                outcome = execute(path, bar)
            free_lines.append(line)
            return path, *outcome, time.monotonic() - start

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(one, chosen))
    status = 0
    for path, notebook, failure, seconds in results:
        print(f"{label(path)}: {'ran to its end' if failure is None else 'STOPPED: ' + failure} ({seconds:.0f} s)")
        status |= failure is not None
        if store and failure is None:
            files.write_text(path, stored_form(notebook))
    pages.render(settings.output)
    print(pages.table(settings.output))
    return status


def stored_form(notebook):
    """A notebook as it is kept in the repository: outputs without timestamps or traces of a machine."""
    # a print may reach the notebook in one piece or in two; stored, it is one
    clean, _ = CoalesceStreamsPreprocessor().preprocess(nbformat.from_dict(json.loads(nbformat.writes(notebook))), {})
    expected = clean.metadata.get("expected_seconds")
    clean.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if expected is not None:
        clean.metadata["expected_seconds"] = expected
    for cell in clean.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "alt") if key in cell.metadata}
        if cell.cell_type == "code":
            alts = [output.metadata.get("image/png", {}).get("alt") for output in cell.outputs if "metadata" in output]
            if alts := [alt for alt in alts if alt]:
                cell.metadata["alt"] = " ".join(alts)
    return nbformat.writes(clean) + "\n"


def main(arguments=None):
    """Command line: ``run``, ``store``, ``claims`` and ``compare``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "store"):
        commands.add_parser(name).add_argument("notebook", nargs="?", default="")
    commands.add_parser("claims")
    pair = commands.add_parser("compare")
    pair.add_argument("stored")
    pair.add_argument("fresh")
    pair.add_argument("--by-id", action="store_true", help="match claims by id, wherever they stand")
    options = parser.parse_args(arguments)
    try:
        if options.command in ("run", "store"):
            return run(options.notebook, store=options.command == "store")
        if options.command == "claims":
            print(pages.table(runtime.settings(os.environ | {"STRICT": "1"})["output"]))
            return 0
        found = (pages.compare_by_id if options.by_id else pages.compare)(options.stored, options.fresh)
        print("\n".join(found) if found else "ledgers and plotted numbers agree with the stored ones")
        return int(bool(found))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written is whole, and the same command starts again", file=sys.stderr)
        return 130
