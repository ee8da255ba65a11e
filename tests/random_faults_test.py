"""The stored table of random faults: what stands for a piece of code, and how many faults a claim caught."""

import csv

import pytest

from helpers import files
from helpers.collection import faults, groups, pages
from helpers.ledger import cards

MODULE = '''"""A module."""

import math

SCALE = 2 * math.pi
HALF = SCALE / 2
OTHER = 7


def area(r):
    """Of a disc."""
    return HALF * r**2


def length(r):
    return SCALE * r


class Disc:
    wide = OTHER

    def __init__(self, r):
        self.r = r

    def area(self):
        def inner():
            return area(self.r)

        return inner()
'''


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("r**2", "r**3", {"area"}),
        ("SCALE * r", "SCALE + r", {"length"}),
        ("2 * math.pi", "3 * math.pi", {"", "area", "length"}),  # HALF is made of SCALE
        ("SCALE / 2", "SCALE / 3", {"", "area"}),
        ("OTHER = 7", "OTHER = 8", {"", "Disc", "Disc.__init__", "Disc.area"}),
        ("self.r = r", "self.r = 2 * r", {"Disc", "Disc.__init__"}),
        ("return area(self.r)", "return 0", {"Disc", "Disc.area"}),
        ("Of a disc.", "Of a circle.", set()),
        ("return SCALE * r", "# of a circle\n    return (SCALE*r)", set()),
        ("class Disc", "def new(r):\n    return r\n\n\nclass Disc", set()),
    ],
)
def test_code_stands_for_a_function_and_the_constants_that_it_names(old, new, changed):
    assert MODULE.count(old) == 1
    other, names = MODULE.replace(old, new), ["", "area", "length", "Disc", "Disc.__init__", "Disc.area"]
    assert {name for name in names if faults.of_function(MODULE, name) != faults.of_function(other, name)} == changed


def test_an_inner_function_stands_for_the_outer_one_and_a_missing_one_for_nothing():
    assert faults.of_function(MODULE, "Disc.area.inner") == faults.of_function(MODULE, "Disc.area")
    assert faults.of_function(MODULE, "area.inner") == faults.of_function(MODULE, "area")
    assert faults.of_function(MODULE, "volume") == ""
    assert faults.of_function("", "") == ""


def test_looks_of_cells_do_not_count():
    assert faults.of_cells(["a = 1 + 2  # three", "b=a"]) == faults.of_cells(["a = (1 +\n 2)", "b = a"])
    assert faults.of_cells(["a = 1 + 2", "b = a"]) != faults.of_cells(["a = 1 - 2", "b = a"])


def table(path, rows):
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["notebook", "claim", "cells", "path", "where", "code", "how"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_faults_of_a_claim_are_counted_while_its_code_stands(tmp_path):
    name = "01_spectral_clustering"
    label = next(iter(cards.load(name).claims))
    cells = faults.of_cells([source for each in groups.sources_of(name, label).values() for source in each])
    path = "helpers/statistics.py"
    code = faults.of_function((files.ROOT / path).read_text(), "loglog_slope")
    inside = {"notebook": name, "claim": label, "cells": cells, "path": f"notebooks/{name}.ipynb", "where": label}
    below = inside | {"path": path, "where": "loglog_slope", "code": code}
    rows = [
        inside | {"how": "verdict"},
        inside | {"how": "numbers"},  # they moved, the claim did not notice
        below | {"how": ""},
        below | {"how": "ValueError"},
        below | {"how": "verdict", "code": "0" * 12},  # another function then
        below | {"how": "verdict", "path": "helpers/gone.py"},
        inside | {"how": "verdict", "cells": "0" * 12},  # other cells then
        inside | {"how": "verdict", "notebook": "02_alpha_cl"},  # not asked for
    ]
    found = faults.counts([name], table=table(tmp_path / "claims.csv", rows))
    assert found == {label: (2, 4, 3)}
    assert faults.counts([name], table=tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    ("count", "said"),
    [((2, 4, 0), "2 of 4"), ((2, 4, 3), "2 of 4, 3 stale"), ((0, 0, 3), "3 stale"), (None, "not met")],
)
def test_stale_faults_are_said_to_be_so(count, said):
    assert faults.said(count) == said


def test_the_page_of_claims_says_how_many_faults_each_caught(monkeypatch):
    counts = {"SC-T1": (3, 4, 1)}
    monkeypatch.setattr(faults, "counts", lambda names: counts)
    lines = pages.claims_page("figures").splitlines()
    column = pages.COLUMNS.index("faults caught") + 1
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| SC-")}
    assert "| 3 of 4, 1 stale |" in rows["SC-T1"]
    assert "| not met |" in rows["SC-T2"]
    assert [word.strip() for word in lines[lines.index("|---" * len(pages.COLUMNS) + "|") - 1].split("|")][column] == (
        "faults caught"
    )
