"""The tables behind the sliders of the site, written below ``figures/explorables``.

A paper that has such tables has a module ``explorables`` with a function ``tables(rng)``, a dict of name to columns;
``rng`` gives every table its own generator. A stored table that agrees with this run is kept as it is.
"""

import importlib
import zlib
from pathlib import Path

import numpy as np

from helpers import files
from helpers.files import ROOT, moved

FOLDER = "explorables"
# How far a column may move between machines, as a fraction of its largest value.
AGREEMENT = 1e-6
LOOSER = {
    ("temperature", "error"): 1.0,  # what descents leave: noise, held below its threshold by a test
    ("trapped", "measured"): 0.02,  # a start near the edge of the basin may change sides
    ("trapped", "error"): 0.1,
}


def generate():
    """Every table, computed now.

    Returns
    -------
    dict of str to dict
        Columns by name of the table.

    Raises
    ------
    ValueError
        If two papers have a table of one name.
    """
    found = {}
    for path in sorted((ROOT / "helpers" / "papers").glob("*/explorables.py")):
        module = importlib.import_module(f"helpers.papers.{path.parent.name}.explorables")
        for name, columns in module.tables(_rng).items():
            if name in found:
                raise ValueError(f"two papers have an explorable named {name!r}, the second is {path.parent.name}")
            found[name] = columns
    return found


def write(output):
    """Write the tables below an output folder; returns the names of those that changed."""
    changed = []
    for name, columns in generate().items():
        path = Path(output) / FOLDER / f"{name}.csv"
        if differences(name, files.read_csv(path), columns):
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_text(path, files.csv_text(columns))
            changed.append(name)
    return changed


def differences(name, stored, columns):
    """Names of the columns of a table that moved; all of them if none is stored."""
    if stored is None:
        return list(columns)
    tolerances = {column: LOOSER.get((name, column), AGREEMENT) for column in columns}
    return moved(stored, columns, tolerances)


def _rng(name):
    return np.random.default_rng(np.random.SeedSequence([0, zlib.crc32(name.encode())]))
