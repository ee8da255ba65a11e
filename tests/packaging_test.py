"""What the package asks for is what it imports, and the lock holds one version of each."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M))
DISTRIBUTIONS = {
    "IPython": "ipython",
    "dask": "distributed",
    "jupyter_client": "jupyter-client",
    "npeet_plus": "npeet-plus",
    "sklearn": "scikit-learn",
}
# These draw, run notebooks or record tables; everything else does with the dependencies alone.
WITH_NOTEBOOKS = {"collection", "figures", "papers", "recording"}


def names(requirements):
    return {Requirement(line).name for line in requirements}


def imported(path, *, late):
    """Distributions that a module imports, not counting this project and the standard library."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if late else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.split(".")[0])
    return {DISTRIBUTIONS.get(name, name) for name in found - sys.stdlib_module_names - {"helpers"}}


MODULES = sorted((ROOT / "helpers").rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_imported_is_asked_for(path):
    core = names(PROJECT["dependencies"])
    everything = core | names(PROJECT["optional-dependencies"]["notebooks"])
    package = path.relative_to(ROOT / "helpers").parts[0]
    assert imported(path, late=False) <= (everything if package in WITH_NOTEBOOKS else core)
    assert imported(path, late=True) <= everything


def test_what_is_asked_for_is_imported():
    late = set().union(*(imported(path, late=True) for path in MODULES))
    assert names(PROJECT["dependencies"]) <= late


def test_the_lock_holds_one_version_of_everything_within_its_range():
    extras = PROJECT["optional-dependencies"].values()
    asked = [Requirement(line) for group in (PROJECT["dependencies"], *extras) for line in group]
    assert {requirement.name for requirement in asked} == set(LOCK)
    for requirement in asked:
        assert requirement.specifier.contains(LOCK[requirement.name]), requirement
