"""Set-up says in one clear line what is wrong, and does nothing where nothing is to be done."""

import collections
import shutil
import sys

import pytest

from helpers import environment

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(environment, "ROOT", str(tmp_path))
    monkeypatch.setattr(environment, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(environment, "STAMP", str(tmp_path / ".venv" / ".ready"))
    return tmp_path


def failing(monkeypatch, text):
    def call(arguments, log):
        log.append(text)
        return 1 if "pip" in arguments else 0

    monkeypatch.setattr(environment, "call", call)


def test_an_old_python_is_named(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 8, 1))
    with pytest.raises(SystemExit, match=r"Python 3.11 or newer is needed.*PYTHON=python3.11"):
        environment.main()


def test_a_full_disk_is_named_before_anything_is_fetched(place, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1, 1, 2**20))
    with pytest.raises(SystemExit, match="less than 3 GiB of disk is free"):
        environment.main()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Temporary failure in name resolution", "no network"),
        ("something else", "pip failed"),
    ],
)
def test_a_failed_installation_is_explained_and_leaves_no_stamp(place, monkeypatch, output, reason):
    failing(monkeypatch, output)
    with pytest.raises(SystemExit, match=reason):
        environment.main()
    assert not (place / ".venv" / ".ready").exists()


def test_a_matching_stamp_means_nothing_to_do(place, monkeypatch):
    failing(monkeypatch, "must not be called")
    (place / ".venv").mkdir()
    (place / ".venv" / ".ready").write_text(environment.fingerprint())
    environment.main()
    (place / "requirements.txt").write_text("other")
    with pytest.raises(SystemExit):
        environment.main()
