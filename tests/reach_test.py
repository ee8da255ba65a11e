"""What a claim is said to reach holds all that it really calls, and little more."""

import ast
import inspect
import sys
import threading
from pathlib import Path

import claim_cells
import pytest

from helpers.collection import reach, seeds

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "helpers/a.py": """
from . import b
from .b import one as first

SIZE = 3


def named():
    return b.two(SIZE)


def other():
    return first()


def late():
    from . import c

    return c.three()
""",
    "helpers/b.py": """
def one():
    return 1


def two(n):
    return n


class Box:
    def __init__(self):
        self.x = 1

    def open(self):
        return self.x

    def shut(self):
        return one()


class Whole(dict):
    def any(self):
        return two(1)
""",
    "helpers/c.py": "TABLE = {}\n\n\ndef three():\n    return 3\n\n\nTABLE['x'] = three\n",
    "helpers/papers/p/tables/cliff.py": "CELLS = []\n\n\ndef measure():\n    return 1\n",
}


def below(cell, setup="from helpers import a, b"):
    """Names of what a cell reaches in modules, as module.name."""
    found = reach.Reach(MODULES).below(setup, [cell])
    return {
        f"{Path(node.path).stem}.{node.owner + '.' if node.owner else ''}{name}"
        for node in found
        if node.path in MODULES
        for name in node.bound
    }


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("x = a.named()", {"a.named", "a.SIZE", "a.b", "b.two"}),
        ("x = a.other()", {"a.other", "a.first", "b.one"}),
        ("x = [a.SIZE]", {"a.SIZE"}),
        ("x = b.Box().open()", {"b.Box", "b.Box.open"}),
        ("x = b.Box(), 'shut'", {"b.Box", "b.Box.shut", "b.one"}),
        ("x = b.Whole", {"b.Whole", "b.two"}),
        ("x = y.shut", set()),
        ("x = 'cliff'", {"cliff.CELLS", "cliff.measure"}),
    ],
)
def test_what_is_named_is_reached(cell, names):
    # a function of a imports c, whose last line runs when it is imported
    assert below(cell) == names | {"c.", "c.three", "c.TABLE"} - {"c."}


def test_a_module_that_is_handed_on_is_reached_whole():
    assert below("x = [b]") >= {"b.one", "b.two", "b.Box", "b.Whole"}


def test_functions_of_the_set_up_count_where_they_are_named():
    setup = "from helpers import b\n\n\ndef f():\n    return b.one()\n\n\nx = b.two(1)\n"
    assert below("y = x", setup) == {"b.two"}
    assert below("y = f", setup) == {"b.one", "b.two"}


def test_meaning_forgets_comments_docstrings_and_line_breaks():
    def said(text):
        return reach.meaning(ast.parse(text))

    assert said("def f(x):\n    'Text.'\n    return x + 1  # one\n") == said("def f(x): return (x +\n 1)")
    assert said("x = 1") != said("x = 2")
    assert said("x = 'a'") != said("x = a")


# -- the collection --------------------------------------------------------------------------------------
def called(name, label):
    """Functions of ``helpers`` that run with the cells of a claim: a set of (path, qualified name)."""
    found = set()

    def look(frame, event, _):
        code = frame.f_code
        is_function = code.co_flags & inspect.CO_OPTIMIZED  # a class body is not
        if event == "call" and is_function and code.co_filename.startswith(f"{ROOT}/helpers/"):
            found.add((Path(code.co_filename).relative_to(ROOT).as_posix(), code.co_qualname))

    threading.setprofile(look)
    sys.setprofile(look)
    try:
        claim_cells.run_claim(name, label)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


def missed(name, label):
    """Of these, what :mod:`reach` does not know of."""
    known, reached = seeds._helpers(), set()
    for place in claim_cells.places(name):
        setup, tagged = seeds._cells(name, place)
        reached |= known.below(setup, [*tagged[label], seeds.JOINED]) if label in tagged else set()
    names = {(node.path, node.owner, bound) for node in reached for bound in node.bound}
    left = []
    for path, qualified in called(name, label):
        outer, *inner = qualified.split(".<locals>")[0].split(".")
        method = (path, outer, inner[0]) if inner else None
        if path not in known.modules or outer.startswith("<"):  # a module itself, or a lambda or loop at its top
            continue
        methods = {node.bound for node in known.methods.get((path, outer), ())}
        apart = bool(inner) and frozenset({inner[0]}) in methods
        if (method if apart else (path, "", outer)) not in names:
            left.append((path, qualified))
    return left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("00_one_loss_five_readings", "XP-L"),
        ("01_spectral_clustering", "SC-T1"),
        ("02_alpha_cl", "AC-D1"),
        ("03_mutual_information", "MI-S1"),
        ("04_multimodal_svd", "MM-P1"),
        ("05_robust_contrastive", "RC-L2"),
    ],
)
def test_all_that_a_claim_calls_is_reached(name, label):
    assert missed(name, label) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("01_spectral_clustering", "SC-X7"),
        ("02_alpha_cl", "AC-E2"),
        ("03_mutual_information", "MI-E1"),
        ("04_multimodal_svd", "MM-X7"),
        ("05_robust_contrastive", "RC-E1"),
    ],
)
def test_all_that_an_experiment_calls_is_reached(name, label):
    assert missed(name, label) == []
