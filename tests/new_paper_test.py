"""A new paper is laid out whole or not at all, and what is laid out passes the tests of the collection."""

import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
import small_papers

from helpers import files
from helpers.collection import commands, new_paper
from helpers.ledger import cards


@pytest.fixture
def root(tmp_path):
    """A collection of one paper, 97_small, whose ids start with T."""
    (tmp_path / "notebooks").mkdir()
    small_papers.write(tmp_path / "notebooks")
    (tmp_path / "helpers" / "papers" / "small").mkdir(parents=True)
    return tmp_path


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_card_essay_appendix_and_package_are_laid_out(root):
    before = everything(root)
    written = new_paper.lay_out("06_short_name", root=root)
    assert [path.relative_to(root).as_posix() for path in written] == [
        "notebooks/06_short_name.toml",
        "notebooks/06_short_name.ipynb",
        "notebooks/appendix/06_short_name.ipynb",
        "helpers/papers/short_name/__init__.py",
        "helpers/papers/short_name/equal_scores.py",
        "helpers/papers/short_name/figures.py",
    ]
    assert len(everything(root)) == len(before) + 6
    assert list(cards.load("06_short_name", folder=root / "notebooks").claims) == ["SN-1", "SN-2"]
    for path in written:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"NAME|PACKAGE|XX-", text), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    tags = [tag for cell in nbformat.read(written[1], as_version=4).cells for tag in cell.metadata.get("tags", [])]
    assert tags.count("exercise") == new_paper.EXERCISES
    assert {"slide", "slide:code"} <= set(tags)


@pytest.mark.parametrize(
    "name", ["", "6_short", "06-short", "06_Short", "06_short__name", "06_", "06_short ", "../06_x"]
)
def test_a_bad_name_is_refused(root, name):
    before = everything(root)
    with pytest.raises(ValueError, match=re.escape(f"NAME is {name!r}, expected two digits and a short name")):
        new_paper.lay_out(name, root=root)
    assert everything(root) == before


def test_a_number_or_a_name_that_is_taken_is_refused(root):
    before = everything(root)
    with pytest.raises(ValueError, match=r"NAME is '97_other', but there is 97_small: choose another number"):
        new_paper.lay_out("97_other", root=root)
    with pytest.raises(ValueError, match=r"NAME is '06_small', but there is a paper 'small': choose another name"):
        new_paper.lay_out("06_small", root=root)
    files.write_text(root / "notebooks" / "06_lonely.ipynb", "{}")
    with pytest.raises(ValueError, match=r"NAME is '06_lonely', but notebooks/06_lonely.ipynb is there already"):
        new_paper.lay_out("06_lonely", root=root)
    (root / "notebooks" / "06_lonely.ipynb").unlink()
    assert everything(root) == before


def test_ids_start_with_letters_that_no_other_paper_has(root):
    made = small_papers.content(claim__T_1=None, claim__SN_1=small_papers.CLAIM)
    made["claim"] = {"SN-1": made["claim"].pop("SN_1")}
    small_papers.write(root / "notebooks", "96_taken", made)
    new_paper.lay_out("06_short_name", root=root)
    assert list(cards.load("06_short_name", folder=root / "notebooks").claims) == ["SH-1", "SH-2"]
    made["claim"] = {"AA-1": small_papers.CLAIM}
    small_papers.write(root / "notebooks", "96_taken", made)
    with pytest.raises(ValueError, match="NAME is '07_aa', but every pair of its letters"):
        new_paper.lay_out("07_aa", root=root)


def test_a_disk_that_fills_up_leaves_nothing(root, monkeypatch):
    before, write, calls = everything(root), files.write_text, []

    def full(path, text):
        calls.append(path)
        if len(calls) == 5:
            raise OSError(28, f"{path} was not written (No space left on device)")
        write(path, text)

    monkeypatch.setattr(files, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        new_paper.lay_out("06_short_name", root=root)
    assert everything(root) == before
    assert not (root / "helpers" / "papers" / "short_name").exists()


def test_the_command_refuses_in_one_line(capsys):
    assert commands.main(["paper", "6"]) == 2
    said = capsys.readouterr().err
    assert said == "error: NAME is '6', expected two digits and a short name such as 06_short_name\n"
    taken = sorted(cards.load_all())[0]
    assert commands.main(["paper", taken]) == 2
    assert f"but there is {taken}" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_laid_out_passes_the_tests(tmp_path):
    """In a copy of the tree: lay out, store, then the collection's own tests of notebooks, cards and imports."""
    tree, name = tmp_path / "tree", "06_short_name"
    left = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", "*.egg-info")
    shutil.copytree(files.ROOT, tree, ignore=left)
    kept = {
        key: value for key, value in os.environ.items() if key not in ("PROFILE", "SEED", "OUTPUT", "REDRAW", "STRICT")
    }
    environment = kept | {"PYTHONPATH": str(tree)}

    def call(*arguments, **more):
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tree, env=environment | more, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    call("-m", "helpers", "paper", name)
    assert "2 run" in call("-m", "helpers", "store", name)
    plain = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
    others = " or ".join(other for other in cards.load_all())
    call(*plain, "tests/notebooks_test.py", "-k", f"{name} or not ({others})")
    call(
        *plain,
        "tests/architecture_test.py",
        "tests/cards_test.py",
        "tests/packaging_test.py",
        "helpers/papers/short_name",
    )
    nbval = ("--nbval", "--nbval-current-env", "--nbval-sanitize-with=notebooks/sanitize.cfg")
    notebooks = (f"notebooks/{name}.ipynb", f"notebooks/appendix/{name}.ipynb")
    call(*plain, *nbval, *notebooks, STRICT="1", OUTPUT=str(tmp_path / "fresh"))
