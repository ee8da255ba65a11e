"""The arrows between modules go one way, and the environment is read in one place."""

import ast
import re
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parents[1] / "helpers"
MODULES = sorted(HELPERS.rglob("*.py"))
LONGEST = 465  # lines, most of them documentation
# These know notebooks, files and verdicts; the field's rooms must not know them.
PIPE = {"verdicts", "claims", "figures", "collection"}


def imports(path):
    """Names of the helper modules a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "helpers":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("helpers."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_only_the_runner_knows_verdicts_and_figures(path):
    if path.stem not in PIPE:
        assert not imports(path) & PIPE


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_environment_variables_are_read_in_runtime_only(path):
    reads = re.search(r"os\.environ\.get|os\.getenv|os\.environ\[[^]]*\](?!\s*=)", path.read_text(encoding="utf-8"))
    assert path.stem == "runtime" or not reads


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_is_one_room(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_no_circle():
    graph = {path.stem: imports(path) for path in MODULES}

    def reaches(start, target, seen):
        return any(
            nxt == target or (nxt not in seen and reaches(nxt, target, seen | {nxt})) for nxt in graph.get(start, ())
        )

    assert not [name for name in graph if reaches(name, name, {name})]


def test_losses_do_not_know_of_training():
    assert not imports(HELPERS / "losses.py") & {"training", "models", "data", "evaluation"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_there_is_one_training_loop(path):
    steps = re.search(r"torch\.optim\.(?!LBFGS|lr_scheduler)\w+\(", path.read_text(encoding="utf-8"))
    search_over_points = {"contrast_gap"}  # it trains no network
    assert path.stem in {"training"} | search_over_points or not steps
