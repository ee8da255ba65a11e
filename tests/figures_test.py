"""Pictures and their numbers are stored together and redrawn only when the numbers moved."""

import errno

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from helpers import figures, files, runtime

TEXTS = {"caption": "A line.", "alt": "A rising line.", "counterpart": "none", "published": "none"}


@pytest.fixture
def gallery(tmp_path):
    return figures.Gallery("99_test", runtime.current({"OUTPUT": str(tmp_path), "DEVICE": "cpu"}))


def show(gallery, values, name="line", **changes):
    fig, ax = plt.subplots()
    ax.plot(values)
    gallery.show(fig, name, data={"x": np.arange(len(values)), "y": values}, **(TEXTS | changes))


def fresh(gallery):
    return figures.Gallery(gallery.notebook, gallery.run)


def test_picture_and_numbers_lie_side_by_side(gallery):
    show(gallery, [1.0, 2.0])
    folder = gallery.run.output / "99_test"
    assert files.read_csv(folder / "line.csv") == {"x": ["0", "1"], "y": ["1", "2"]}
    assert (folder / "line.png").read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []


def test_two_runs_give_the_same_bytes(gallery, tmp_path):
    other = figures.Gallery("99_test", runtime.current({"OUTPUT": str(tmp_path / "again"), "DEVICE": "cpu"}))
    show(gallery, [1.0, 2.0])
    show(other, [1.0, 2.0])
    png = [(g.run.output / "99_test" / "line.png").read_bytes() for g in (gallery, other)]
    assert png[0] == png[1]


def test_files_stay_while_numbers_agree_and_move_with_them(gallery):
    show(gallery, [1.0, 2.0])
    path = gallery.run.output / "99_test" / "line.csv"
    before = path.read_bytes()
    show(fresh(gallery), [1.0, 2.001])
    assert path.read_bytes() == before
    show(fresh(gallery), [1.0, 3.0])
    assert path.read_bytes() != before


def test_finish_lists_captions_and_removes_stale_files(gallery):
    show(gallery, [1.0, 2.0])
    show(gallery, [1.0, 2.0], name="old")
    again = fresh(gallery)
    show(again, [1.0, 2.0])
    again.finish()
    folder = gallery.run.output / "99_test"
    assert sorted(path.name for path in folder.iterdir()) == ["figures.json", "line.csv", "line.png"]
    assert files.read_json(folder / "figures.json")[0]["alt"] == "A rising line."


def test_what_is_missing_or_twice_is_refused(gallery):
    with pytest.raises(ValueError, match="needs a caption"):
        show(gallery, [1.0], caption=" ")
    with pytest.raises(ValueError, match="not finite"):
        show(gallery, [np.nan])
    show(gallery, [1.0, 2.0])
    with pytest.raises(ValueError, match="already in the gallery"):
        show(gallery, [1.0, 2.0])
    plt.close("all")


def test_a_full_disk_names_the_file_and_keeps_the_old_one(gallery, monkeypatch):
    show(gallery, [1.0, 2.0])
    before = (gallery.run.output / "99_test" / "line.csv").read_bytes()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError, match=r"line\.csv was not written"):
        show(fresh(gallery), [5.0, 6.0])
    assert (gallery.run.output / "99_test" / "line.csv").read_bytes() == before
    plt.close("all")


def test_moved_names_the_columns():
    stored = {"a": ["1", "2"], "b": ["x", "y"], "gone": ["1", "1"]}
    new = {"a": [1.0, 2.1], "b": ["x", "z"], "new": [1.0, 1.0]}
    assert files.moved(stored, new, {"a": 0.01, "b": 0, "new": 0}) == ["a", "b", "gone", "new"]
    assert files.moved({"a": ["1"]}, {"a": [1.0, 2.0]}, {"a": 0.1}) == ["a"]


def test_a_table_is_shown_as_markdown(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    figures.show_table(["name", "value"], [["a", 1], ["b", "2.0"]])
    assert shown[0].data.splitlines() == ["| name | value |", "| --- | --- |", "| a | 1 |", "| b | 2.0 |"]
    with pytest.raises(ValueError, match="a row has 1 cells, expected 2"):
        figures.show_table(["name", "value"], [["a"]])
