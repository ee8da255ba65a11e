"""Imports run downwards only, a paper knows no other paper, and the environment is read in one place."""

import ast
import importlib
import re
from pathlib import Path

import faults_test
import pytest

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
MODULES = {
    ".".join(path.relative_to(HELPERS).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HELPERS.rglob("*.py"))
}
# What a package may import, besides itself; a package or module that is not listed here does not exist.
GROUND = {"files", "runtime", "validation"}
FIELD = {"losses", "spectral", "information", "optimise", "data", "networks"}
MAY_IMPORT = {
    "environment": set(),  # the standard library only: it runs before anything is installed
    "files": set(),
    "runtime": {"files"},
    "validation": set(),
    "losses": set(),  # torch alone: the folder can be lifted out
    "spectral": GROUND,
    "information": GROUND | {"losses"},
    "optimise": GROUND | {"spectral"},
    "data": GROUND,
    "networks": GROUND | {"data"},
    "training": GROUND,
    "statistics": set(),
    "critics": GROUND | FIELD | {"training"},
    "adversarial": GROUND | FIELD,
    "evaluation": GROUND | FIELD | {"training", "statistics"},
    "figures": GROUND | {"statistics"},
    "recording": GROUND | {"data", "training", "statistics", "figures"},
    "ledger": GROUND | {"figures"},
    "collection": GROUND | {"ledger", "figures"},
    # runs the notebooks' cells and the full tables on a device; reads both without Jupyter
    "gpu": GROUND | FIELD | {"training", "recording", "ledger", "collection"},
    "papers": GROUND
    | FIELD
    | {"training", "critics", "adversarial", "evaluation", "statistics", "recording", "figures"},
}
COMMANDS = {"", "__main__", "__init__"}  # they hand commands on to whatever answers them


def package(name):
    return name.split(".")[0]


def imports(name):
    """Dotted names, below ``helpers``, of what a module imports, relative imports resolved."""
    found, path = set(), MODULES[name]
    inside = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = (node.module or "").split(".") if node.module else []
        if node.level:
            base = inside[: len(inside) - node.level + 1] + module
        elif module[:1] == ["helpers"]:
            base = module[1:]
        else:
            continue
        for alias in node.names:
            deeper = ".".join([*base, alias.name])
            found.add(deeper if deeper in MODULES else ".".join(base))
    return found


@pytest.mark.parametrize("name", MODULES)
def test_imports_run_downwards(name):
    if name in COMMANDS:
        return
    assert package(name) in MAY_IMPORT, f"{name} stands in no package of the house"
    others = {package(other) for other in imports(name)} - {package(name)}
    assert others <= MAY_IMPORT[package(name)]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("papers.")])
def test_a_paper_knows_no_other_paper(name):
    papers = {other.split(".")[1] for other in imports(name) if other.startswith("papers.")}
    assert papers <= {name.split(".")[1]}


@pytest.mark.parametrize("name", MODULES)
def test_imports_within_a_package_are_relative(name):
    own = "helpers." + (".".join(name.split(".")[:2]) if name.startswith("papers.") else package(name))
    text = MODULES[name].read_text(encoding="utf-8")
    if MODULES[name].parent != HELPERS:
        assert not re.search(rf"^ *(from|import) {re.escape(own)}\b", text, re.M)


FACES = [name for name, path in MODULES.items() if path.name == "__init__.py" and "papers" not in name and name]
FACES = [name for name in FACES if name not in ("collection", "gpu")]  # commands, no library


@pytest.mark.parametrize("name", [name for name in FACES if name != "__init__"])
def test_a_package_has_a_face(name):
    face = importlib.import_module(f"helpers.{name}")
    assert face.__doc__
    assert len(face.__all__) == len(set(face.__all__)) > 0
    for public in face.__all__:
        assert getattr(face, public) is not None
        assert f"{name}.{public}" not in MODULES, f"{public} names a module of {name} and something else"


def test_no_circle():
    graph = {name: imports(name) - {name} for name in MODULES}

    def reaches(start, target, seen):
        following = graph.get(start, set()) - seen
        return target in following or any(reaches(step, target, seen | following) for step in following)

    assert not [name for name in graph if reaches(name, name, set())]


@pytest.mark.parametrize("name", MODULES)
def test_environment_variables_are_read_in_one_place(name):
    text = MODULES[name].read_text(encoding="utf-8")
    reads = re.search(r"os\.environ\.get|os\.getenv|os\.environ\[[^]]*\](?!\s*=)", text)
    assert name == "runtime" or not reads


@pytest.mark.parametrize("name", MODULES)
def test_there_is_one_training_loop(name):
    steps = re.search(r"torch\.optim\.(?!LBFGS|lr_scheduler)\w+\(", MODULES[name].read_text(encoding="utf-8"))
    search_over_points = {"papers.mutual_information.infonce_gap"}  # it trains no network
    assert name in {"training.loop"} | search_over_points or not steps


def test_every_list_of_wrong_formulas_is_run():
    lists = {path.stem for path in Path(__file__).parent.glob("faults_*.py")} - {"faults_test"}
    assert lists == {room.__name__ for room in faults_test.ROOMS}
    assert all(room.FAULTS for room in faults_test.ROOMS)
