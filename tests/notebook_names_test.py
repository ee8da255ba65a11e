"""What the cells of a notebook take from ``helpers`` is there: looked up in the source, without running a cell."""

import ast
import importlib
import types

import pytest
from claim_cells import notebook, places

from helpers.ledger import cards

ALL = [(name, place) for name in cards.load_all() for place in places(name)]


def missing(sources):
    """Names that cells ask of modules of ``helpers`` in vain, a sorted list of str such as "sharpness.ball_grid".

    A name that a cell binds itself, beside the import, is left alone: it may be something else there.
    """
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    modules, lost = {}, set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "helpers":
            package = importlib.import_module(node.module)
            for alias in node.names:
                found = getattr(package, alias.name, None)
                if found is None:
                    try:
                        found = importlib.import_module(f"{node.module}.{alias.name}")
                    except ModuleNotFoundError:
                        lost.add(f"{node.module}.{alias.name}")
                if isinstance(found, types.ModuleType):
                    modules[alias.asname or alias.name] = found
    bound = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    bound |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in modules and name not in bound and not hasattr(modules[name], node.attr):
                lost.add(f"{name}.{node.attr}")
    return sorted(lost)


@pytest.mark.parametrize(("name", "place"), ALL)
def test_every_name_taken_from_helpers_exists(name, place):
    assert missing([cell.source for cell in notebook(name, place).cells if cell.cell_type == "code"]) == []


def test_a_name_that_moved_away_is_found():
    cells = ["from helpers.optimise import scaling, sharpness, nowhere", "sharpness.sam_step, sharpness.ball_grid"]
    assert missing(cells) == ["helpers.optimise.nowhere", "sharpness.ball_grid"]
    assert missing([*cells[:1], "for sharpness in ({},):\n    sharpness.items()"]) == ["helpers.optimise.nowhere"]
