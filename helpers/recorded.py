"""Recorded tables: experiments too long for a notebook, run once, stored with where and when they ran.

A notebook that shows a recorded table prints its provenance line and never claims to have computed it. A table is a
module ``helpers/tables/<name>.py`` with

=============== ==================================================================================================
``NOTEBOOK``    name of the notebook that shows it
``ABOUT``       one sentence: what is measured
``CONSTANTS``   dict: what all rows share (epochs, widths, split sizes, ...)
``CELLS``       list of dict: one setting each
``SEEDS``       sequence of int
``measure``     function of ``(cell, seed, device, scratch)`` that returns a dict of str to float; ``scratch`` is a
                path for a training checkpoint of that row
=============== ==================================================================================================

``python -m helpers.recorded <notebook>/<name>`` (``make record TABLE=<notebook>/<name>``) measures every cell for
every seed. Each row is stored as soon as it is there, so that an interrupted recording goes on where it stopped.
"""

import argparse
import hashlib
import importlib
import json
import math
import platform
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
from tqdm import tqdm

from helpers import runtime, storage

STORE = runtime.ROOT / "figures" / "recorded"
PARTIAL = runtime.ROOT / "build" / "record"
MODULES = Path(__file__).resolve().parent / "tables"


@dataclass(frozen=True)
class Table:
    """The definition of a recorded table; see the module's docstring."""

    name: str
    notebook: str
    about: str
    constants: dict
    cells: list
    seeds: list
    measure: object

    @property
    def path(self):
        """Where the table lies below a store, without suffix."""
        return f"{self.notebook}/{self.name}"

    @property
    def fingerprint(self):
        """Digest of what the table is meant to hold; a stored table with another one is stale."""
        meant = [self.notebook, self.name, self.constants, self.cells, list(self.seeds)]
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recording:
    """A stored table.

    Attributes
    ----------
    rows : list of dict
        One a cell and seed: the cell's settings, ``seed``, the measured values, ``seconds``.
    record : dict
        Everything stored: constants, device, versions, date, wall time.
    """

    rows: list
    record: dict

    def values(self, measured, **where):
        """One measured number over the seeds, for the cell with these settings.

        Parameters
        ----------
        measured : str
            Name of the number.
        **where
            Settings of a cell, as many as single it out.

        Returns
        -------
        ndarray, shape (seeds,)
            In the order of the seeds, so that two cells are paired.

        Raises
        ------
        ValueError
            If no cell or several match.
        """
        found = [row for row in self.rows if all(row.get(key) == value for key, value in where.items())]
        seeds = [row["seed"] for row in found]
        if seeds != self.record["seeds"]:
            raise ValueError(
                f"{where} matches {len(found)} rows, expected one for each of {len(self.record['seeds'])} seeds"
            )
        return np.array([row[measured] for row in found])

    def best(self, setting, *, by, **where):
        """The value of one setting that has the largest mean of a measured number over the seeds.

        Choose by a validation score, report a test score.

        Parameters
        ----------
        setting : str
            Name of the setting to choose, such as ``"scale"``.
        by : str
            Name of the measured number.
        **where
            The other settings of the cell.

        Returns
        -------
        object
            As it stands in the cells; the first one of equally good ones.
        """
        found = (row for row in self.rows if all(row.get(key) == value for key, value in where.items()))
        choices = list(dict.fromkeys(row[setting] for row in found))
        if not choices:
            raise ValueError(f"{where} matches no row")
        return max(choices, key=lambda choice: self.values(by, **{setting: choice}, **where).mean())

    @property
    def provenance(self):
        """One line: when, where and how long; to be shown beside every figure and table made from it."""
        record, versions = self.record, self.record["versions"]
        minutes = record["wall_seconds"] / 60
        return (
            f"Recorded on {record['date']}, not computed in this run: {len(self.rows)} rows, {minutes:.0f} min on "
            f"{record['device']}, torch {versions['torch']}; `make record TABLE={record['table']}` repeats it."
        )


def table(name):
    """The definition of a table.

    Parameters
    ----------
    name : str
        ``<notebook>/<name>`` or the bare name.

    Raises
    ------
    ValueError
        If there is no such table (the message lists those there are), or its definition is incomplete.
    """
    names = sorted(path.stem for path in MODULES.glob("[!_]*.py"))
    bare = name.rsplit("/", 1)[-1]
    if bare not in names:
        raise ValueError(f"no table {name!r}; there are {', '.join(names)}")
    module = importlib.import_module(f"helpers.tables.{bare}")
    found = Table(
        bare, module.NOTEBOOK, module.ABOUT, module.CONSTANTS, module.CELLS, list(module.SEEDS), module.measure
    )
    if "/" in name and name != found.path:
        raise ValueError(f"no table {name!r}; did you mean {found.path!r}?")
    return found


def record(definition, *, device, store=STORE, partial=PARTIAL, bar=None):
    """Measure what is still missing of a table, then store it.

    Parameters
    ----------
    definition : Table
    device : torch.device
    store, partial : path-like
        Folders of finished tables and of rows so far.
    bar : callable, optional
        Makes the progress bar, as ``tqdm`` does.

    Returns
    -------
    Path
        Of the stored table.

    Raises
    ------
    ValueError
        If the rows so far belong to another definition or device, or a measured value is not a finite number.
    """
    partial = Path(partial) / f"{definition.path}.json"
    state = {"fingerprint": definition.fingerprint, "device": describe(device), "rows": []}
    so_far = storage.read_json(partial)
    if so_far is not None:
        if {key: so_far[key] for key in ("fingerprint", "device")} != {
            key: state[key] for key in ("fingerprint", "device")
        }:
            raise ValueError(f"{partial} holds rows of another definition or device; delete it to start afresh")
        state = so_far
    wanted = [(cell, seed) for cell in definition.cells for seed in definition.seeds]
    done = len(state["rows"])
    bar = tqdm if bar is None else bar
    with bar(total=len(wanted), initial=done, desc=definition.name, unit="row", smoothing=0.1) as shown:
        for number, (cell, seed) in enumerate(wanted[done:], start=done):
            scratch = partial.with_name(f"{definition.name}-{number}.pt")
            start = time.monotonic()
            values = definition.measure(cell, seed, device, scratch)
            if bad := [name for name, value in values.items() if not math.isfinite(value)]:
                raise ValueError(f"{definition.path}, {cell}, seed {seed}: {', '.join(bad)} is not finite")
            seconds = round(time.monotonic() - start, 2)
            measured = {name: float(value) for name, value in values.items()}
            state["rows"].append({**cell, "seed": seed, **measured, "seconds": seconds})
            storage.write_json(partial, state)
            scratch.unlink(missing_ok=True)
            shown.update()
    finished = {
        "table": definition.path,
        "about": definition.about,
        "date": date.today().isoformat(),
        "device": state["device"],
        "versions": versions(),
        "wall_seconds": round(sum(row["seconds"] for row in state["rows"]), 1),
        "fingerprint": definition.fingerprint,
        "constants": definition.constants,
        "seeds": definition.seeds,
        "rows": state["rows"],
    }
    target = Path(store) / f"{definition.path}.json"
    storage.write_json(target, finished)
    partial.unlink()
    return target


def load(definition, *, store=STORE):
    """A stored table.

    Parameters
    ----------
    definition : Table
    store : path-like

    Returns
    -------
    Recording

    Raises
    ------
    FileNotFoundError
        If it was never recorded.
    ValueError
        If it was recorded from another definition.
    """
    path = Path(store) / f"{definition.path}.json"
    stored = storage.read_json(path)
    remedy = f"make record TABLE={definition.path}"
    if stored is None:
        raise FileNotFoundError(f"{path} is not there: record it with `{remedy}`")
    if stored["fingerprint"] != definition.fingerprint:
        raise ValueError(f"{path} was recorded with other settings than {definition.name} has now: `{remedy}`")
    return Recording(stored["rows"], stored)


def describe(device):
    """A device in words: the GPU's name, or the processor's and the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [
            line.split(":", 1)[1].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")
        ]
        name = names[0] if names else name
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'s' * (threads > 1)}"


def versions():
    """Versions of Python and of the libraries a measurement depends on."""
    libraries = {module.__name__: module.__version__ for module in (np, scipy, sklearn, torch)}
    return {"python": platform.python_version()} | libraries


def main(arguments=None):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers.recorded", description="Record a table.")
    parser.add_argument("table", help="<notebook>/<name>")
    name = parser.parse_args(arguments).table
    try:
        print(record(table(name), device=runtime.current().device))
        return 0
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the rows so far are kept, and the same command goes on with them", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
