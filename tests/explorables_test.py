"""The tables behind the sliders: stored as they come out now, and saying what the claims say."""

import csv

import pytest

from helpers import files
from helpers.collection import explorables
from helpers.files import ROOT

FOLDER = ROOT / "figures" / explorables.FOLDER


def rows(name):
    with (FOLDER / f"{name}.csv").open(newline="") as stream:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(stream)]


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.slow
def test_stored_tables_are_those_of_today():
    found = explorables.generate()
    assert {path.stem for path in FOLDER.glob("*.csv")} == set(found)
    for name, columns in found.items():
        assert explorables.differences(name, files.read_csv(FOLDER / f"{name}.csv"), columns) == [], name


def test_a_table_that_moved_is_written_and_one_that_did_not_is_left(tmp_path, monkeypatch):
    table = {"x": [1.0, 2.0], "y": [3.0, 4.0]}
    monkeypatch.setattr(explorables, "generate", lambda: {"t": table})
    assert explorables.write(tmp_path) == ["t"]
    assert explorables.write(tmp_path) == []
    table["y"] = [3.0, 4.0 + 1e-9]
    assert explorables.write(tmp_path) == []
    table["y"] = [3.0, 4.001]
    assert explorables.write(tmp_path) == ["t"]


def test_two_tables_of_one_name_are_refused(monkeypatch):
    class Twice:
        @staticmethod
        def tables(rng):
            return {"same": {"x": [rng("same").normal()]}}

    monkeypatch.setattr(explorables.importlib, "import_module", lambda name: Twice)
    with pytest.raises(ValueError, match="two papers have an explorable named 'same', the second is "):
        explorables.generate()


def test_the_simplex_keeps_to_its_threshold_and_the_control_fails_below_the_critical_temperature():
    for row in rows("temperature"):
        assert row["error"] <= row["threshold"]
        assert (row["near"] > row["threshold"]) == (row["ratio"] < 1)


def test_flows_of_three_layers_follow_the_basin_and_others_do_not():
    within = {row["depth"]: [] for row in rows("trapped")}
    for row in rows("trapped"):
        within[row["depth"]].append(row["error"] <= row["allowed"])
    assert all(within[3])
    assert not any(within[2])
    assert not all(within[4])


def test_batch_values_stay_below_both_ceilings():
    for row in rows("batch"):
        assert row["best"] <= min(row["log_K"], row["entropy"]) + 1e-12
        if row["candidates"] >= 10 * row["classes"]:
            assert row["missing_twice"] <= row["missing_once"] <= row["missing"]


def test_the_sharp_law_of_wrong_pairs_is_reached_where_it_says_so():
    for row in rows("pairs"):
        if row["effective"] >= 60:
            assert row["error"] <= row["allowed"]
        if row["effective"] <= 8:
            assert row["error"] > row["allowed"]
