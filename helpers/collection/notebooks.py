"""Execute the notebooks, two at a time and one thread each, and store them.

Kernels import the helpers of this clone, whatever else is installed; what would keep a run from ending well (a missing
card, a foreign kernel, a folder that cannot be written) is said before anything runs.
"""

import asyncio
import concurrent.futures
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from tqdm import tqdm

from helpers import files, runtime
from helpers.ledger import cards

NOTEBOOKS = runtime.ROOT / "notebooks"
EXECUTED = runtime.ROOT / "build" / "executed"
CELL_SECONDS = 1800
KERNEL = "python3"
# Small matrices gain nothing from more threads, and two notebooks with two threads each on two cores lose tenfold.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def notebooks(pattern="", *, essays=False):
    """Paths of the notebooks whose name starts with ``pattern``, in order, an essay before its appendix.

    Parameters
    ----------
    pattern : str
        Start of the name; all by default.
    essays : bool
        Leave the appendices out.

    Raises
    ------
    ValueError
        If there is none; the message lists what there is.
    """
    found = sorted(
        [*NOTEBOOKS.glob("[0-9]*.ipynb"), *([] if essays else NOTEBOOKS.glob("appendix/[0-9]*.ipynb"))],
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


# -- before a run --------------------------------------------------------------------------------------
def require_whole(folder):
    """Every notebook has a card that can be used, every card its notebook, and every essay its appendix.

    Raises
    ------
    ValueError
        Naming what is missing, or as :func:`helpers.ledger.cards.load_all`.
    """
    folder = Path(folder)
    missing = []
    for path in sorted([*folder.glob("[0-9]*.ipynb"), *folder.glob("appendix/[0-9]*.ipynb")]):
        if not (folder / f"{path.stem}.toml").exists():
            missing.append(f"{label(path)} has no card, {folder / path.stem}.toml")
    if not missing:
        for name, card in cards.load_all(folder=folder).items():
            essay, appendix = folder / f"{name}.ipynb", folder / "appendix" / f"{name}.ipynb"
            if not essay.exists():
                missing.append(f"the card {card.path} has no notebook {essay.name}")
            if card.is_essay and not appendix.exists():
                missing.append(f"the essay {name} has no appendix, {appendix}")
            if appendix.exists() and not card.is_essay:
                missing.append(f'{label(appendix)}: its card does not say form = "essay"')
    if missing:
        raise ValueError("; ".join(missing))


def require_kernel():
    """The kernel that notebooks ask for runs this interpreter.

    Raises
    ------
    ValueError
        If there is no such kernel, or another installation answers to its name.
    """
    try:
        specification = (
            NotebookClient(nbformat.v4.new_notebook(), kernel_name=KERNEL).create_kernel_manager().kernel_spec
        )
    except KeyError as error:
        raise ValueError(f"there is no kernel named {KERNEL}: run make setup") from error
    program = specification.argv[0]
    if os.path.isabs(program) and os.path.abspath(program) != os.path.abspath(sys.executable):
        raise ValueError(
            f"the kernel named {KERNEL} is another installation's, {program} ({specification.resource_dir}), "
            f"not {sys.executable}: remove it or unset JUPYTER_PATH"
        )


# -- a run ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Outcome:
    """What became of one notebook: the executed notebook, what went wrong (None if nothing did), and seconds."""

    path: Path
    notebook: object
    failure: str | None
    seconds: float


class Execution:
    """One notebook on its way: its kernel, and how far it is."""

    def __init__(self, path):
        self.path, self.client, self.stopped = path, None, False
        self.notebook = nbformat.read(path, as_version=4)
        self.total = sum(cell.cell_type == "code" for cell in self.notebook.cells)
        self.expected = self.notebook.metadata.get("expected_seconds")

    def run(self, bar, keep):
        """Execute from top to bottom in the notebook's own folder and kernel; returns an :class:`Outcome`.

        ``bar`` advances by one for every code cell; its text names the step. The notebook is also written below
        ``keep``, finished or not.
        """
        start, steps, reached = time.monotonic(), _steps(self.notebook), "the start"

        def starting(cell, cell_index):
            nonlocal reached
            reached = f"cell {cell_index}, {steps[cell_index]}"
            bar.set_postfix_str(steps[cell_index][:48], refresh=sys.stderr.isatty())

        def executed(**_):
            bar.bar_format = _form(bar, self.expected)
            bar.update()

        bar.bar_format = _form(bar, self.expected)
        self.client = NotebookClient(
            self.notebook,
            timeout=CELL_SECONDS,
            kernel_name=KERNEL,
            resources={"metadata": {"path": str(self.path.parent)}},
            on_cell_execute=starting,
            on_cell_executed=executed,
            extra_arguments=["--log-level=ERROR"],
        )
        failure = None
        try:
            asyncio.run(self.client.async_execute())
        except CellExecutionError as error:
            failure = f"at {reached}: {error.ename}: {error.evalue}"
        except Exception as error:  # a dead kernel or a cell past its time limit must not lose the other notebook's run
            failure = f"at {reached}: {type(error).__name__}: {error}"
        if not self.stopped:
            files.write_text(keep / self.path.relative_to(NOTEBOOKS), nbformat.writes(self.notebook) + "\n")
        return Outcome(self.path, self.notebook, failure, time.monotonic() - start)

    def stop(self):
        """End the kernel and what it started, at once; the thread that waits for it then ends by itself."""
        self.stopped = True
        process = getattr(getattr(getattr(self.client, "km", None), "provisioner", None), "process", None)
        if process is None or process.poll() is not None:
            return
        try:
            os.killpg(process.pid, signal.SIGKILL)  # a kernel leads a process group of its own
        except (AttributeError, ProcessLookupError, PermissionError):
            process.kill()


def execute(paths, *, workers=2, keep=None):
    """Execute notebooks, ``workers`` at a time, with a progress bar each.

    Parameters
    ----------
    paths : sequence of Path
    workers : int
    keep : path-like, optional
        Folder of the executed notebooks; ``build/executed`` by default.

    Returns
    -------
    list of Outcome
        In the order given.

    Raises
    ------
    KeyboardInterrupt
        After every kernel has been ended; a notebook that was running leaves nothing behind.
    """
    lines, free = threading.Lock(), list(range(workers))
    on_terminal = sys.stderr.isatty()
    bars = []

    def one(execution):
        with lines:
            line = free.pop(0)
        shown = {"position": line} if on_terminal else {"mininterval": 10}
        with tqdm(total=execution.total, desc=label(execution.path), **shown) as bar:
            bars.append((bar, execution))
            try:
                return execution.run(bar, keep or EXECUTED)
            finally:
                bars.remove((bar, execution))
                with lines:
                    free.insert(0, line)

    executions = [Execution(path) for path in paths]
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    futures = [pool.submit(one, execution) for execution in executions]
    waiting = set(futures)
    try:
        while waiting:
            _, waiting = concurrent.futures.wait(waiting, timeout=1)
            for bar, execution in list(bars) if on_terminal else []:
                bar.bar_format = _form(bar, execution.expected)
                bar.refresh()
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        while waiting := [future for future in waiting if not future.done()]:
            for execution in executions:  # again and again: a kernel may just have been starting
                execution.stop()
            concurrent.futures.wait(waiting, timeout=0.3)
        raise
    finally:
        pool.shutdown()
    return [future.result() for future in futures]


def prepare(output):
    """Set what kernels inherit, and refuse what would stop a run later.

    Raises
    ------
    ValueError
        As :func:`require_whole` and :func:`require_kernel`.
    OSError
        If a folder that a run writes to cannot be written.
    """
    require_whole(NOTEBOOKS)
    require_kernel()
    for folder in (output, EXECUTED):
        files.require_writable(folder)
    os.environ.update(ONE_THREAD | {"PYTHONPATH": str(runtime.ROOT), "STRICT": "1"})


def estimate(expected, elapsed, done, total):
    """Seconds a run will take: what is expected, until it has taken longer; then by the share of cells that are done.

    >>> estimate(50, 20, 10, 40), estimate(50, 60, 30, 40), estimate(None, 60, 0, 40)
    (50, 80, None)
    """
    if expected is not None and elapsed <= expected:
        return expected
    return round(elapsed * total / done) if done else None


def _form(bar, expected):
    """The format of a progress bar, with its present estimate."""
    seconds = estimate(expected, bar.format_dict["elapsed"], bar.n, bar.total)
    about = "" if seconds is None else f" of about {seconds} s"
    return "{desc} {n_fmt}/{total_fmt} cells, {elapsed}" + about + " {postfix}"


def _steps(notebook):
    """For every cell the heading it stands under."""
    steps, latest = {}, "opening"
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            headings = [line for line in cell.source.splitlines() if line.startswith("#")]
            latest = headings[-1].lstrip("# ") if headings else latest
        steps[number] = latest
    return steps


# -- storing -------------------------------------------------------------------------------------------
def stored_form(notebook):
    """A notebook as it is kept in the repository: its ids and tags, outputs without timestamps or traces of a machine.

    Parameters
    ----------
    notebook : NotebookNode
        Executed; it is left as it is.

    Returns
    -------
    NotebookNode
    """
    # a print may reach the notebook in one piece or in two; stored, it is one
    clean, _ = CoalesceStreamsPreprocessor().preprocess(nbformat.reads(nbformat.writes(notebook), as_version=4), {})
    expected = clean.metadata.get("expected_seconds")
    clean.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": KERNEL},
        "language_info": {"name": "python"},
    }
    if expected is not None:
        clean.metadata["expected_seconds"] = expected
    for cell in clean.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags",) if key in cell.metadata}
        if cell.cell_type == "code":
            alts = [output.metadata.get("image/png", {}).get("alt") for output in cell.outputs if "metadata" in output]
            if alts := [alt for alt in alts if alt]:
                cell.metadata["alt"] = " ".join(alts)
    return clean


def write(path, notebook):
    """Write a notebook as the collection keeps it, if it differs from what is there."""
    text = nbformat.writes(notebook) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        files.write_text(path, text)
