"""Nothing is ever half-written, two runs do not write one folder, and what is unreadable says so."""

import errno
import os
import signal
import subprocess
import sys

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


def test_what_a_killed_process_leaves_is_swept_and_nothing_else(tmp_path):
    kept = [tmp_path / name for name in ("a.json", ".a.json", "b.part", "deep/.hidden")]
    left = [tmp_path / name for name in (".a.json.x7_f.part", "deep/.b.csv.12345678.part")]
    (tmp_path / "deep").mkdir()
    for path in kept + left:
        path.write_text("x")
    files.sweep(tmp_path, "b.*")
    assert not left[1].exists()
    assert left[0].exists()
    files.sweep(tmp_path)
    assert all(path.exists() for path in kept)
    assert not left[0].exists()


def test_an_unfinished_file_is_one_that_sweeping_knows(tmp_path, monkeypatch):
    seen = []

    def look(_):
        seen.extend(path.name for path in tmp_path.iterdir())
        files.sweep(tmp_path, "a.json")
        seen.append(list(tmp_path.iterdir()))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", look)
    with pytest.raises(KeyboardInterrupt):
        files.write_text(tmp_path / "a.json", "new")
    assert seen[0].startswith(".a.json.")
    assert seen[1] == []


@pytest.mark.skipif(files.fcntl is None, reason="no locks between processes on this system")
@pytest.mark.parametrize("name", ["folder", "table.lock"])
def test_what_another_process_writes_is_refused_until_it_ends_however_it_ends(tmp_path, name):
    (tmp_path / "folder").mkdir()
    script = "import sys, time\nfrom helpers import files\nwith files.alone(sys.argv[1], ''):\n"
    script += "    print('held', flush=True)\n    time.sleep(600)"
    environment = os.environ | {"PYTHONPATH": str(files.ROOT)}
    arguments = [sys.executable, "-c", script, str(tmp_path / name)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout.readline() == "held\n"
        said = rf"^another run is writing {tmp_path / name.removesuffix('.lock')}: wait for it$"
        with pytest.raises(files.Busy, match=said), files.alone(tmp_path / name, "wait for it"):
            pass
        other.send_signal(signal.SIGKILL)
    with files.alone(tmp_path / name, "wait for it"):
        pass


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
