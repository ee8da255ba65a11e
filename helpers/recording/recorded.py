"""Recorded tables: experiments too long for a notebook, run once, stored with where and when they ran.

A notebook that shows a recorded table prints its provenance line and never claims to have computed it. A table is a
module ``helpers/papers/<paper>/tables/<name>.py`` with

=============== ==================================================================================================
``NOTEBOOK``    name of the notebook that shows it
``ABOUT``       one sentence: what is measured
``CONSTANTS``   dict: what all rows share (epochs, widths, split sizes, ...)
``CELLS``       list of dict: one setting each
``SEEDS``       sequence of int
``measure``     function of ``(settings, seed, device, scratch)`` that returns a dict of str to float; ``settings`` are
                the constants and one cell, ``scratch`` is a path for a training checkpoint of that row
``MINUTES``     optional: minutes a recording takes on two cores
``FULL``        optional: dict with ``constants`` (those that differ), ``cells`` and ``seeds`` of the full profile,
                meant for a GPU
``draw``        optional: function of a :class:`Recording` that returns a matplotlib figure
=============== ==================================================================================================

``helpers.recording.sweeps`` records them.
"""

import hashlib
import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import files, runtime
from helpers.data import IMAGE_SETS

STORE = runtime.ROOT / "figures" / "recorded"
PAPERS = Path(__file__).resolve().parents[1] / "papers"


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
    minutes: float | None = None
    draw: object = None
    command: str | None = None

    @property
    def path(self):
        """Where the table lies below a store, without suffix."""
        return f"{self.notebook}/{self.name}"

    @property
    def recipe(self):
        """The command that records it."""
        return self.command or f"make record TABLE={self.path}"

    @property
    def fingerprint(self):
        """Digest of what the table is meant to hold; a stored table with another one is stale."""
        meant = [self.notebook, self.name, self.constants, self.cells, list(self.seeds)]
        return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]

    def settings(self, cell):
        """What ``measure`` is given for a cell: the constants and the cell."""
        return {**self.constants, **cell}


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
        processes = record.get("processes", 1)
        side_by_side = f", {processes} processes" if processes > 1 else ""
        return (
            f"Recorded on {record['date']}, not computed in this run: {len(self.rows)} rows, {minutes:.0f} min on "
            f"{record['device']}{side_by_side}, torch {versions['torch']}; "
            f"`{record.get('command', 'make record TABLE=' + record['table'])} AGAIN=--again` repeats it."
        )


def table(name, profile="quick", data=None):
    """The definition of a table.

    Parameters
    ----------
    name : str
        ``<notebook>/<name>`` or the bare name.
    profile : str
        "full" takes the sizes meant for a GPU, under the name ``<name>_full``.
    data : str, optional
        Another data set than the table's own, see ``data.images``; its name is added to the table's.

    Raises
    ------
    ValueError
        If there is no such table or data set (the message lists those there are), or the table has no full profile or
        no other data set.
    """
    papers = {path.stem: path.parts[-3] for path in sorted(PAPERS.glob("*/tables/[!_]*.py"))}
    bare = name.rsplit("/", 1)[-1]
    if bare not in papers:
        raise ValueError(f"no table {name!r}; there are {', '.join(sorted(papers))}")
    module = importlib.import_module(f"helpers.papers.{papers[bare]}.tables.{bare}")
    constants, cells, seeds = module.CONSTANTS, module.CELLS, list(module.SEEDS)
    minutes, stem = getattr(module, "MINUTES", None), bare
    if profile == "full":
        if not hasattr(module, "FULL"):
            raise ValueError(f"table {bare!r} has one size only; record it with PROFILE=quick")
        full = module.FULL
        constants, minutes, stem = constants | full.get("constants", {}), None, f"{bare}_full"
        cells, seeds = full.get("cells", cells), list(full.get("seeds", seeds))
    command = f"{'PROFILE=full ' if profile == 'full' else ''}make record TABLE={module.NOTEBOOK}/{bare}"
    if data is not None and data != constants.get("data"):
        if "data" not in constants:
            raise ValueError(f"table {bare!r} has one data set only")
        if data not in IMAGE_SETS:
            raise ValueError(f"no data set is named {data!r}; there are {', '.join(IMAGE_SETS)}")
        constants, minutes = constants | {"data": data}, None
        stem, command = f"{stem}_{data}", f"{command} DATA={data}"
    found = Table(
        stem,
        module.NOTEBOOK,
        module.ABOUT,
        constants,
        cells,
        seeds,
        module.measure,
        minutes,
        getattr(module, "draw", None),
        command,
    )
    if "/" in name and name != f"{found.notebook}/{bare}":
        raise ValueError(f"no table {name!r}; did you mean '{found.notebook}/{bare}'?")
    return found


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
    stored = files.read_json(path)
    remedy = definition.recipe
    if stored is None:
        raise FileNotFoundError(f"{path} is not there: record it with `{remedy}`")
    if stored["fingerprint"] != definition.fingerprint:
        raise ValueError(f"{path} was recorded with other settings than {definition.name} has now: `{remedy}`")
    return Recording(stored["rows"], stored)


def shown(name, profile, *, store=STORE):
    """The recording of a table to show: of the full profile if that is asked for and stored, else of the quick one.

    Parameters
    ----------
    name : str
    profile : str
    store : path-like

    Returns
    -------
    Recording
        Its provenance says which it is.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load` of the quick one.
    """
    quick = table(name)
    if profile == "full" and (Path(store) / f"{quick.path}_full.json").exists():
        return load(table(name, "full"), store=store)
    return load(quick, store=store)
