"""Recording tables: every cell and seed measured once, in parallel, resumable; run by ``python -m helpers record``.

A sweep over rows goes through joblib, so that processes, Dask or Ray do the scheduling; a row is a function of its
settings and its seed and runs on one thread and alone in its process, so that its numbers do not depend on who ran it.
Each row is stored as soon as it is there. Started by ``torchrun``, the rows come one after the other and every one is
trained by all processes together.
"""

import argparse
import contextlib
import functools
import io
import logging
import math
import os
import platform
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from datetime import date
from pathlib import Path

import joblib
import numpy as np
import scipy
import sklearn
import torch
from threadpoolctl import threadpool_limits

from helpers import figures, files, runtime
from helpers.training import checkpoints, distributed

from . import recorded

PARTIAL = runtime.ROOT / "build" / "record"
ALONE = threading.Lock()  # weights come from PyTorch's global generator, seeded for the purpose


def record(definition, *, device, store=recorded.STORE, partial=PARTIAL, jobs=1, bar=runtime.bar):
    """Measure what is still missing of a table, then store it, and the figure drawn from it.

    Parameters
    ----------
    definition : recorded.Table
    device : torch.device
    store, partial : path-like
        Folders of finished tables and of rows so far.
    jobs : int
        Rows measured side by side, by the backend that joblib is configured for (processes on this machine, unless
        ``joblib.parallel_config`` says otherwise).
    bar : callable, optional
        Makes the progress bar, as ``tqdm`` does.

    Returns
    -------
    Path
        Of the stored table.

    Raises
    ------
    ValueError
        If the rows so far belong to another definition or device, a measured value is not a finite number, the number
        of jobs is not positive, or rows are to go side by side while several processes train each of them.
    OSError
        If a folder cannot be written, or another process records this table (``files.Busy``).
    """
    if jobs < 1:
        raise ValueError(f"jobs is {jobs}, expected at least 1")
    if jobs != 1 and distributed.processes() > 1:
        raise ValueError(
            f"jobs is {jobs}, but {distributed.processes()} processes train every row together: expected 1"
        )
    scratch = Path(partial) / definition.notebook
    lock = scratch / f"{definition.name}.lock"
    for folder in ((Path(store) / definition.path).parent, scratch) if distributed.rank() == 0 else ():
        files.require_writable(folder)
    with files.alone(lock, "wait for it") if distributed.rank() == 0 else contextlib.nullcontext():
        return _record_alone(definition, device, Path(store), scratch, jobs, bar)


def _record_alone(definition, device, store, scratch, jobs, bar):
    partial, target = scratch / f"{definition.name}.json", store / f"{definition.path}.json"
    if distributed.rank() == 0:
        for folder in (target.parent, scratch):
            files.sweep(folder, f"{definition.name}.*")
            files.sweep(folder, f"{definition.name}-*")
        if _all_stored(partial, target):  # killed after the last write, before it tidied up
            partial.unlink()
    state = {"fingerprint": definition.fingerprint, "device": describe(device), "elapsed": 0.0, "rows": {}}
    so_far = files.read_json(partial)
    # and nobody writes before everyone has read
    distributed.require_same(0 if so_far is None else len(so_far["rows"]), "the number of rows so far")
    if so_far is not None:
        if any(so_far[key] != state[key] for key in ("fingerprint", "device")):
            raise ValueError(f"{partial} holds rows of another definition or device; delete it to start afresh")
        state = so_far
    wanted = [(cell, seed) for cell in definition.cells for seed in definition.seeds]
    missing = [number for number in range(len(wanted)) if str(number) not in state["rows"]]
    rows = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered")(
        joblib.delayed(_row)(definition, number, *wanted[number], device, scratch, os.getpid()) for number in missing
    )
    writes, before, start = distributed.rank() == 0, state["elapsed"], time.monotonic()
    done = len(wanted) - len(missing)
    with bar(total=len(wanted), initial=done, desc=definition.name, unit="row", smoothing=0.1) as shown:
        for number, row in rows:
            state["rows"][str(number)] = row
            state["elapsed"] = round(before + time.monotonic() - start, 1)
            if writes:
                files.write_json(partial, state)
                checkpoints.Checkpoint(_scratch(definition, number, scratch)).delete()  # the row is safe now
            shown.update()
    if writes:
        finished = {
            "table": definition.path,
            "command": definition.recipe,
            "about": definition.about,
            "date": date.today().isoformat(),
            "device": state["device"],
            "processes": jobs * distributed.processes(),
            "versions": versions(),
            "wall_seconds": state["elapsed"],
            "fingerprint": definition.fingerprint,
            "constants": definition.constants,
            "seeds": definition.seeds,
            "rows": [state["rows"][str(number)] for number in range(len(wanted))],
        }
        # the picture first: a table that is there is not looked at again
        if (content := picture(definition, finished)) is not None:
            files.write_bytes(target.with_suffix(".png"), content)
        files.write_json(target, finished)
        partial.unlink(missing_ok=True)
    return target


def _all_stored(partial, target):
    """Whether the rows so far are all those of the stored table."""
    so_far, stored = files.read_json(partial), files.read_json(target)
    if so_far is None or stored is None:
        return False
    return so_far["rows"] == {str(number): row for number, row in enumerate(stored["rows"])}


def _row(definition, number, cell, seed, device, folder, recorder):
    """Measure one cell for one seed, on one thread; returns its number and the row."""
    _end_with(recorder)
    scratch = _scratch(definition, number, folder)
    with ALONE, threadpool_limits(1), _row_named(f"{definition.path}, {cell}, seed {seed}"):
        start, threads = time.monotonic(), torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            values = definition.measure(definition.settings(cell), seed, device, scratch)
        finally:
            torch.set_num_threads(threads)
        if bad := [name for name, value in values.items() if not math.isfinite(value)]:
            raise ValueError(f"{', '.join(bad)} is not finite")
    measured = {name: float(value) for name, value in values.items()}
    return number, {**cell, "seed": seed, **measured, "seconds": round(time.monotonic() - start, 2)}


@functools.cache
def _end_with(recorder):
    """In a process that ``recorder`` started: end when it has ended, even where it was killed, not hours later."""
    if os.getppid() != recorder:
        return

    def watch():
        while os.getppid() == recorder:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _scratch(definition, number, folder):
    """Where the training of a row keeps its checkpoint."""
    return folder / f"{definition.name}-{number}.pt"


@contextlib.contextmanager
def _row_named(row):
    """Say which row it was when one goes wrong."""
    try:
        yield
    except (FloatingPointError, MemoryError, torch.OutOfMemoryError, ValueError) as error:
        memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
        kind = MemoryError if memory else FloatingPointError if isinstance(error, FloatingPointError) else ValueError
        raise kind(f"{row}: {error}") from error


def picture(definition, finished):
    """A finished table as PNG, bytes, if its definition says how to draw it and matplotlib is there; else None."""
    if definition.draw is None:
        return None
    try:
        import matplotlib.pyplot
    except ImportError:
        return None
    matplotlib.use("agg")
    figures.use_style()
    figure, content = definition.draw(recorded.Recording(finished["rows"], finished)), io.BytesIO()
    figure.savefig(content, format="png", dpi=150)
    matplotlib.pyplot.close(figure)
    return content.getvalue()


def describe(device):
    """A device in words: the GPU's name, or the processor's, of which a row takes one thread."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    return f"{name}, 1 thread"


def versions():
    """Versions of Python and of the libraries a measurement depends on."""
    libraries = {module.__name__: module.__version__ for module in (np, scipy, sklearn, torch)}
    return {"python": platform.python_version()} | libraries


def announce(definition, *, jobs, store=recorded.STORE, partial=PARTIAL):
    """One line: what is done, what is missing, and how long that takes where it is known; None if all is done."""
    total = len(definition.cells) * len(definition.seeds)
    stored = files.read_json(Path(store) / f"{definition.path}.json")
    if stored is not None and stored["fingerprint"] == definition.fingerprint:
        return None
    so_far = files.read_json(Path(partial) / f"{definition.path}.json") or {}
    rows = so_far.get("rows", {}) if so_far.get("fingerprint") == definition.fingerprint else {}
    if done := len(rows):
        seconds = sum(row["seconds"] for row in rows.values()) / done * (total - done) / jobs
        expected = f"about {max(1, round(seconds / 60))} min more, by the rows so far"
    elif definition.minutes is not None:
        expected = f"about {definition.minutes:.0f} min on two cores"
    else:
        expected = "no time is known before the first rows"
    return f"{definition.path}: {total} rows, {done} there, {jobs} at a time; {expected}"


def main(arguments=None):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers record", description="Record a table: skip what is finished, resume what is not."
    )
    parser.add_argument("table", help="<notebook>/<name> or the bare name; PROFILE=full takes the sizes for a GPU")
    parser.add_argument("--data", metavar="NAME", help="other images than the table's own, such as cifar-10")
    parser.add_argument("--jobs", type=int, help="rows side by side (by default one a core of a CPU, one on a GPU)")
    parser.add_argument("--dask", metavar="ADDRESS", help="let the workers of this Dask scheduler measure the rows")
    parser.add_argument("--again", action="store_true", help="measure a finished table anew")
    options = parser.parse_args(arguments)
    try:
        run = runtime.current()
        distributed.start(run.device)
        definition = recorded.table(options.table, run.profile, options.data)
        together = distributed.processes() > 1 or run.device.type == "cuda"
        jobs = (1 if together else joblib.cpu_count()) if options.jobs is None else options.jobs
        if jobs < 1:
            raise ValueError(f"--jobs is {jobs}, expected at least 1")
        if announce(definition, jobs=jobs) is None and not options.again:
            print(f"{definition.path} is recorded; --again measures it anew")
            return 0
        with contextlib.ExitStack() as stack:
            if options.dask:
                if distributed.processes() > 1:
                    raise ValueError("--dask sends rows to other processes, torchrun trains each with all: choose one")
                from dask.distributed import Client

                client = stack.enter_context(Client(options.dask))
                jobs = options.jobs or max(1, len(client.nthreads()))  # one row at a time in every worker process
                stack.enter_context(joblib.parallel_config(backend="dask"))
            if distributed.rank() == 0:
                print(announce(definition, jobs=jobs) or f"{definition.path}: measured anew", flush=True)
                if jobs == 1:  # one training at a time: its epochs are worth a line
                    logging.basicConfig(level=logging.INFO, format="%(message)s")
            target = record(definition, device=run.device, jobs=jobs)
        if distributed.rank() == 0:
            print(target)
        return 0
    except BrokenProcessPool as error:
        remedy = "the rows so far are kept; if memory ran out, the same command with fewer --jobs goes on"
        print(f"error: a process that measured a row was ended from outside; {remedy} ({error})", file=sys.stderr)
        return 2
    except (ValueError, OSError, FloatingPointError, MemoryError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the rows so far are kept, and the same command goes on with them", file=sys.stderr)
        return 130
    finally:
        distributed.stop()
