"""Nothing is ever half-written, and what is unreadable says so."""

import errno
import os

import pytest

from helpers import files


@pytest.fixture
def full_disk(monkeypatch):
    """Every file written from now on meets a full disk after its first half."""
    real = os.fdopen

    def opening(handle, mode):
        stream = real(handle, mode)

        class Half:
            def __enter__(self):
                return self

            def __exit__(self, *_):
                stream.close()

            def write(self, content):
                stream.write(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        return Half()

    monkeypatch.setattr(os, "fdopen", opening)


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, full_disk):
    target = tmp_path / "ledger.json"
    target.write_text("old")
    with pytest.raises(OSError, match=r"ledger.json was not written \(No space left on device\)") as caught:
        files.write_text(target, "new content")
    assert caught.value.errno == errno.ENOSPC
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "ledger.json"
    target.write_text("old")

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="was not written"):
        files.write_text(tmp_path / "file" / "x.json", "new")


def test_json_round_trip_and_refusals(tmp_path):
    path = tmp_path / "a.json"
    assert files.read_json(path) is None
    files.write_json(path, {"x": [1, 2.5, "é"]})
    assert files.read_json(path) == {"x": [1, 2.5, "é"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(path, float("nan"))
    path.write_text("{")
    with pytest.raises(ValueError, match="not valid JSON"):
        files.read_json(path)


def test_csv_round_trip(tmp_path):
    columns = {"n": [1, 2], "error": [0.1, 1e-16], "label": ["a", "b,c"]}
    path = tmp_path / "a.csv"
    assert files.read_csv(path) is None
    files.write_text(path, files.csv_text(columns))
    assert files.read_csv(path) == {"n": ["1", "2"], "error": ["0.1", "1e-16"], "label": ["a", "b,c"]}


def test_csv_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        files.csv_text({"a": [1], "b": [1, 2]})
