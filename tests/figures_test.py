"""Pictures and their numbers are stored together and redrawn only when the numbers moved."""

import errno

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from helpers import figures, files, runtime

SAID = {
    "line": {"caption": "A line.", "alt": "A rising line.", "counterpart": "none", "published": "none"},
    "old": {"caption": "Old.", "alt": "An old line.", "counterpart": "none", "published": "none"},
}


def opened(folder, *, strict=True, said=SAID):
    environment = {"OUTPUT": str(folder), "DEVICE": "cpu", "STRICT": "1" if strict else ""}
    return figures.Gallery("97_test", runtime.current(environment), said)


@pytest.fixture
def gallery(tmp_path):
    return opened(tmp_path, said={"line": SAID["line"]})


def show(gallery, values, name="line"):
    fig, ax = plt.subplots()
    ax.plot(values)
    gallery.show(fig, name, data={"x": np.arange(len(values)), "y": values})


def fresh(gallery):
    return figures.Gallery(gallery.notebook, gallery.run, gallery.said)


@pytest.fixture
def displayed(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda item, **options: shown.append((item, options)))
    return shown


def test_picture_and_numbers_lie_side_by_side(gallery):
    show(gallery, [1.0, 2.0])
    folder = gallery.run.output / "97_test"
    assert files.read_csv(folder / "line.csv") == {"x": ["0", "1"], "y": ["1", "2"]}
    assert (folder / "line.png").read_bytes().startswith(b"\x89PNG")
    assert plt.get_fignums() == []


def test_two_runs_give_the_same_bytes(tmp_path):
    galleries = [opened(tmp_path / name) for name in ("once", "again")]
    for gallery in galleries:
        show(gallery, [1.0, 2.0])
    first, second = ((gallery.folder / "line.png").read_bytes() for gallery in galleries)
    assert first == second


def test_files_stay_while_numbers_agree_and_move_with_them(gallery):
    show(gallery, [1.0, 2.0])
    path = gallery.run.output / "97_test" / "line.csv"
    before = path.read_bytes()
    show(fresh(gallery), [1.0, 2.001])
    assert path.read_bytes() == before
    show(fresh(gallery), [1.0, 3.0])
    assert path.read_bytes() != before


def test_finish_lists_captions_and_removes_stale_files(tmp_path):
    gallery = opened(tmp_path)
    show(gallery, [1.0, 2.0])
    show(gallery, [1.0, 2.0], name="old")
    gallery.finish()
    again = opened(tmp_path, said={"line": SAID["line"]})
    show(again, [1.0, 2.0])
    again.finish()
    assert sorted(path.name for path in gallery.folder.iterdir()) == ["figures.json", "line.csv", "line.png"]
    assert files.read_json(gallery.folder / "figures.json")[0]["alt"] == "A rising line."


def test_what_is_missing_or_twice_is_refused(gallery):
    with pytest.raises(ValueError, match="figure 'curve' is not on the card of 97_test; there are line"):
        show(gallery, [1.0], name="curve")
    with pytest.raises(ValueError, match="figure 'line', column 'y': a plotted number is not finite"):
        show(gallery, [np.nan])
    with pytest.raises(ValueError, match="97_test shows no figure line, which its card describes"):
        gallery.finish()
    show(gallery, [1.0, 2.0])
    with pytest.raises(ValueError, match="figure 'line' is already in the gallery of 97_test"):
        show(gallery, [1.0, 2.0])
    plt.close("all")


def test_in_a_live_session_a_figure_may_be_shown_again_and_nothing_is_removed(tmp_path):
    gallery = opened(tmp_path, strict=False)
    files.write_text(gallery.folder / "stray.csv", "x\n1\n")
    show(gallery, [1.0, 2.0])
    show(gallery, [1.0, 5.0])
    gallery.data("numbers", {"a": [1.0]})
    gallery.data("numbers", {"a": [2.0]})
    gallery.finish()
    assert files.read_csv(gallery.folder / "line.csv")["y"] == ["1", "5"]
    assert (gallery.folder / "stray.csv").exists()
    assert [entry["name"] for entry in files.read_json(gallery.folder / "figures.json")] == ["line", "numbers"]


def test_caption_and_alt_text_quote_numbers(tmp_path, displayed):
    said = {"line": SAID["line"] | {"caption": "Up to {=y/max .1f}.", "alt": "From\n{=y/first .0f} up."}}
    show(opened(tmp_path, said=said), [1.0, 2.25])
    (_, options), (caption, _) = displayed
    assert options["metadata"]["image/png"]["alt"] == "From 1 up."
    assert caption.data == '<a id="line"></a>\n\n*Up to 2.2.*'
    stored = opened(tmp_path, said=said)
    show(stored, [1.0, 2.25])
    stored.finish()  # the list keeps the template: no digit of it depends on the machine
    assert files.read_json(stored.folder / "figures.json")[0]["caption"] == "Up to {=y/max .1f}."


def test_a_caption_that_quotes_what_is_not_there_is_refused(tmp_path):
    said = {"line": SAID["line"] | {"caption": "Up to {=z/max .1f}."}}
    with pytest.raises(ValueError, match="'z/max': no column 'z'; there are x, y"):
        show(opened(tmp_path, said=said), [1.0])
    plt.close("all")


def test_quoted_numbers_are_the_stored_ones_while_a_run_agrees_with_them(tmp_path, displayed, monkeypatch):
    monkeypatch.setattr("helpers.figures.gallery.ROOT", tmp_path)
    files.write_text(tmp_path / "figures" / "97_test" / "line.csv", "x,y\n0,1\n1,2\n")
    said = {"line": SAID["line"] | {"caption": "Up to {=y/max .3f}."}}
    for values, quoted in (([1.0, 2.001], "2.000"), ([1.0, 3.0], "3.000")):
        show(opened(tmp_path / quoted, said=said), values)
        assert f"Up to {quoted}." in displayed.pop()[0].data


def test_data_without_a_picture_lies_beside(gallery):
    show(gallery, [1.0, 2.0])
    gallery.data("numbers", {"a": [1.0, 2.0]}, agreement={"a": 0.5})
    with pytest.raises(ValueError, match="table 'numbers' is already in the gallery"):
        gallery.data("numbers", {"a": [1.0]})
    gallery.finish()
    listed = files.read_json(gallery.folder / "figures.json")[1]
    assert listed == {"name": "numbers", "picture": False, "agreement": {"a": 0.5}}
    assert sorted(path.name for path in gallery.folder.glob("numbers*")) == ["numbers.csv"]


def test_a_name_is_a_picture_or_a_table(gallery):
    gallery.data("line", {"a": [1.0]})
    with pytest.raises(ValueError, match="'line' is already a table of 97_test"):
        show(gallery, [1.0])
    plt.close("all")
    other = fresh(gallery)
    show(other, [1.0, 2.0])
    with pytest.raises(ValueError, match="'line' is already a figure of 97_test"):
        other.data("line", {"a": [1.0]})


def test_a_tolerance_for_a_column_that_is_not_there_is_refused(gallery):
    with pytest.raises(ValueError, match="'numbers': a tolerance for 'b', which is no column; there are a"):
        gallery.data("numbers", {"a": [1.0]}, agreement={"b": 0.5})


def test_a_full_disk_names_the_file_and_keeps_the_old_one(gallery, monkeypatch):
    show(gallery, [1.0, 2.0])
    before = (gallery.run.output / "97_test" / "line.csv").read_bytes()

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(OSError, match=r"line\.png was not written"):
        show(fresh(gallery), [5.0, 6.0])
    assert (gallery.run.output / "97_test" / "line.csv").read_bytes() == before
    plt.close("all")


def test_a_run_killed_between_a_picture_and_its_numbers_leaves_no_old_picture_for_good(gallery, monkeypatch):
    show(gallery, [1.0, 2.0])
    place = gallery.run.output / "97_test"
    before, written, write = (place / "line.png").read_bytes(), [], files.write_bytes

    def killed_after_one(path, content):
        if written:
            raise KeyboardInterrupt
        written.append(path)
        write(path, content)

    monkeypatch.setattr(files, "write_bytes", killed_after_one)
    with pytest.raises(KeyboardInterrupt):
        show(fresh(gallery), [5.0, 6.0])
    monkeypatch.setattr(files, "write_bytes", write)
    show(fresh(gallery), [5.0, 6.0])
    assert files.read_csv(place / "line.csv")["y"] == ["5", "6"]
    assert (place / "line.png").read_bytes() != before
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
