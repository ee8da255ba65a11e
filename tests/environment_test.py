"""Set-up says in one clear line what is wrong, and does nothing where nothing is to be done."""

import ast
import collections
import errno
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import environment

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name in ("requirements.txt", "pyproject.toml"):
        (tmp_path / name).write_text(name)
    work_in(tmp_path, monkeypatch)
    return tmp_path


def work_in(folder, monkeypatch):
    monkeypatch.setattr(environment, "ROOT", str(folder))
    monkeypatch.setattr(environment, "VENV", str(folder / ".venv"))
    monkeypatch.setattr(environment, "STAMP", str(folder / ".venv" / ".ready"))


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


# -- copied and moved clones ----------------------------------------------------------------------------------------
FINDER = "__editable___contrastive_theory_checked_0_1_0_finder.py"
LINK = "__editable__.contrastive_theory_checked-0.1.0.pth"


def library(root):
    return root / ".venv" / "lib" / "python3.11" / "site-packages"


def install(root):
    """What pip leaves behind: the package in place, and scripts that name their interpreter."""
    library(root).mkdir(parents=True, exist_ok=True)
    (library(root) / FINDER).write_text(f"MAPPING = {{'helpers': '{root}/helpers'}}\n")
    (library(root) / LINK).write_text(f"import {FINDER[:-3]}; {FINDER[:-3]}.install()\n")


def clone(root):
    for name in ("requirements.txt", "pyproject.toml"):
        root.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    programs = root / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "pytest").write_text(f"#!{root}/.venv/bin/python\nimport sys\nprint(sys.executable)\n")
    (programs / "pytest").chmod(0o755)
    (programs / "spaced").write_text(f"#!/bin/sh\n'''exec' \"{root}/.venv/bin/python\" \"$0\"\n' '''\nprint(1)\n")
    (programs / "activate").write_text(f'VIRTUAL_ENV="{root}/.venv"\nexport VIRTUAL_ENV\n')
    (programs / "ruff").write_bytes(b"\x7fELF\0" + os.fsencode(root) + b"/.venv/bin/python")
    (root / ".venv" / "pyvenv.cfg").write_text(f"command = python3 -m venv {root}/.venv\n")
    (library(root) / "other").mkdir(parents=True)
    (library(root) / "other" / "data.txt").write_text(f"{root}/.venv/bin/python")  # not ours to change
    install(root)
    return root


class Pip:
    """A stand-in for running commands: notes them, and installs the package of the current clone in place."""

    def __init__(self, monkeypatch, *, fails=None):
        self.seen, self.fails = [], fails
        monkeypatch.setattr(environment, "call", self)

    def __call__(self, arguments, log):
        self.seen.append(arguments)
        if "-e" not in arguments:
            return 0
        assert not environment.foreign_links()  # whatever led elsewhere is gone before anything can fail
        if self.fails == "interrupted":
            raise KeyboardInterrupt
        if self.fails == "no network":
            log.append("NewConnectionError")
            return 1
        install(Path(environment.ROOT))
        return 0


def ready(root, monkeypatch):
    """Set up a clone that is as its maker left it."""
    work_in(root, monkeypatch)
    environment.main()
    assert (root / ".venv" / ".ready").read_text() == environment.fingerprint()


def contents(root):
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file() and not path.is_symlink()}


def named_in(root, folder):
    """The files of a clone that name a folder, but for those that set-up has no business with."""
    return {
        path.name
        for path, content in contents(root).items()
        if f"{folder}/".encode() in content and path.name not in ("ruff", "data.txt")
    }


@pytest.fixture
def original(tmp_path, monkeypatch):
    root = clone(tmp_path / "original")
    Pip(monkeypatch)
    ready(root, monkeypatch)
    return root


@pytest.mark.parametrize("name", ["copy", "a copy", "original copy", "deep/original/copy", "x" * 120])
def test_a_copied_clone_becomes_its_own(original, tmp_path, monkeypatch, name):
    before, copy = contents(original), tmp_path / name
    shutil.copytree(original, copy, symlinks=True)
    pip = Pip(monkeypatch)
    ready(copy, monkeypatch)
    assert [arguments[-2:] for arguments in pip.seen if "-e" in arguments] == [["-e", str(copy)]]
    assert not any("venv" in arguments for arguments in pip.seen)  # nothing is thrown away
    assert named_in(copy, original) == set()
    assert named_in(copy, copy) == {"pytest", "spaced", "activate", "pyvenv.cfg", FINDER}
    shown = subprocess.run([copy / ".venv" / "bin" / "pytest"], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == f"{copy}/.venv/bin/python"
    assert os.access(copy / ".venv" / "bin" / "pytest", os.X_OK)
    for kept in ("bin/ruff", "lib/python3.11/site-packages/other/data.txt"):
        assert (copy / ".venv" / kept).read_bytes() == (original / ".venv" / kept).read_bytes()
    assert contents(original) == before
    seen = len(pip.seen)
    environment.main()
    assert len(pip.seen) == seen  # and now nothing is to be done


@pytest.mark.parametrize("name", ["moved", "moved here"])
def test_a_moved_clone_becomes_its_own(original, tmp_path, monkeypatch, name):
    moved = tmp_path / name
    original.rename(moved)
    ready(moved, monkeypatch)
    assert named_in(moved, original) == set()
    subprocess.run([moved / ".venv" / "bin" / "pytest"], check=True, capture_output=True)


@pytest.mark.parametrize("fails", ["interrupted", "no network"])
def test_where_the_copy_cannot_be_finished_nothing_leads_to_the_original(original, tmp_path, monkeypatch, fails):
    copy = tmp_path / "copy"
    shutil.copytree(original, copy, symlinks=True)
    work_in(copy, monkeypatch)
    Pip(monkeypatch, fails=fails)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        environment.main()
    assert not (copy / ".venv" / ".ready").exists()
    assert named_in(copy, original) == set()
    Pip(monkeypatch)
    ready(copy, monkeypatch)  # and the next call goes on
    assert (library(copy) / FINDER).exists()


def test_a_stamp_of_before_folders_counted_is_not_trusted(original, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(original, copy, symlinks=True)
    digest = hashlib.sha256(sys.version.encode())
    for name in ("requirements.txt", "pyproject.toml"):
        digest.update((copy / name).read_bytes())
    (copy / ".venv" / ".ready").write_text(digest.hexdigest())
    ready(copy, monkeypatch)
    assert named_in(copy, original) == set()


def test_another_name_of_the_same_folder_changes_nothing(original, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(original)
    before, pip = contents(original), Pip(monkeypatch)
    work_in(tmp_path / "link", monkeypatch)
    environment.main()
    assert not pip.seen
    (original / "requirements.txt").write_text("other")
    environment.main()  # by its other name, with something to install
    changed = {path.name for path, content in contents(original).items() if before.get(path) != content}
    assert changed == {"requirements.txt", ".ready", FINDER}


def test_a_link_to_the_environment_of_another_clone_is_refused(original, tmp_path, monkeypatch):
    before, other = contents(original), tmp_path / "other"
    other.mkdir()
    for name in ("requirements.txt", "pyproject.toml"):
        (other / name).write_text(name)
    (other / ".venv").symlink_to(original / ".venv")
    work_in(other, monkeypatch)
    with pytest.raises(SystemExit, match=r"\.venv is a link to .*original/\.venv, which is not ours to change"):
        environment.main()
    assert contents(original) == before


def test_an_interrupted_set_up_goes_on(place, monkeypatch):
    pip = Pip(monkeypatch, fails="interrupted")
    with pytest.raises(KeyboardInterrupt):
        environment.main()
    assert any("venv" in arguments for arguments in pip.seen)
    assert not (place / ".venv" / ".ready").exists()
    pip = Pip(monkeypatch)
    environment.main()
    assert (place / ".venv" / ".ready").read_text() == environment.fingerprint()


@pytest.mark.parametrize("broken", ["no interpreter", "no pip"])
def test_an_environment_broken_off_while_it_was_made_is_made_again(original, monkeypatch, broken):
    (original / "requirements.txt").write_text("other")
    work_in(original, monkeypatch)
    if broken == "no interpreter":
        (original / ".venv" / "bin" / "python").unlink()
    seen = []

    def call(arguments, log):
        seen.append("venv" in arguments)
        return int(broken == "no pip" and environment.HAS_PIP in arguments)

    monkeypatch.setattr(environment, "call", call)
    environment.main()
    assert any(seen)


@pytest.mark.parametrize("name", ["other-1.0.dist-info", "~ther", "contrastive_theory_checked-0.1.0.dist-info"])
def test_what_an_installation_broken_off_left_is_removed(original, monkeypatch, capsys, name):
    """pip takes a package for installed whose programs it has not written yet."""
    (original / "requirements.txt").write_text("other")
    whole, left = library(original) / "whole-1.0.dist-info", library(original) / name
    for folder in (whole, left):
        folder.mkdir()
        (folder / "METADATA").write_text("Name: other")
    (whole / "RECORD").write_text("")
    (whole / "INSTALLER").write_text("pip")
    (left / "RECORD").write_text("")  # some packages bring one
    Pip(monkeypatch)
    ready(original, monkeypatch)
    assert whole.exists()
    assert not left.exists()
    assert f"an installation was broken off, and is repeated: {name}\n" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_done(original, monkeypatch):
    (original / "requirements.txt").write_text("other")
    pip, stamp = Pip(monkeypatch), (original / ".venv" / ".ready").read_text()
    work_in(original, monkeypatch)

    def refuse(**_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(environment.tempfile, "TemporaryFile", refuse)
    with pytest.raises(SystemExit, match=r"original cannot be written \(Read-only file system\); nothing was set up"):
        environment.main()
    assert not pip.seen
    assert (original / ".venv" / ".ready").read_text() == stamp


@pytest.mark.skipif(environment.fcntl is None, reason="no locks between processes on this system")
def test_a_second_set_up_waits_for_the_first_and_finds_it_done(place):
    """Two processes; the first holds the clone, makes the stamp and ends."""
    first = "import os, sys, time\nsys.path.insert(0, sys.argv[1])\nimport environment as e\n"
    first += "e.ROOT = sys.argv[2]\ne.VENV = e.ROOT + '/.venv'\ne.STAMP = e.VENV + '/.ready'\n"
    second = first + "e.main()"
    first += "with e.alone():\n    print('held', flush=True)\n    sys.stdin.readline()\n    os.mkdir(e.VENV)\n"
    first += "    open(e.STAMP, 'w').write(e.fingerprint())"
    helpers = str(Path(environment.__file__).parent)
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with (
        subprocess.Popen([sys.executable, "-c", first, helpers, str(place)], **options) as one,
        subprocess.Popen([sys.executable, "-c", "input()\n" + second, helpers, str(place)], **options) as other,
    ):
        assert one.stdout.readline() == "held\n"
        other.stdin.write("\n")
        other.stdin.flush()
        assert other.stdout.readline() == "another set-up of this clone is at work: waiting for it\n"
        one.communicate("\n", timeout=60)
        assert other.communicate(timeout=60)[0] == ""
        assert other.returncode == 0


def test_an_old_interpreter_can_read_the_file():
    with open(environment.__file__, encoding="utf-8") as stream:
        ast.parse(stream.read(), feature_version=(3, 7))
