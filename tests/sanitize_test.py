"""Stored verdicts are compared by word: other numbers pass, another name or verdict does not."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

from helpers.ledger.verdicts import Claim, verdict

ROOT = Path(__file__).resolve().parents[1]
CELL = """
from types import SimpleNamespace
from helpers.ledger.verdicts import Claim, verdict
from sanitize_test import every_rule
print(every_rule({size}))
"""


def every_rule(size, name="edges", control="a term dropped"):
    """A verdict that holds a check of every rule and a control of each; ``size`` moves every number in it."""
    claim = Claim("T-1")
    claim.identity(name, 1.0, 1.0 + size * 1e-13, tolerance=1e-9)
    claim.control(control, 1.0, 2.0 + size)
    claim.identity("counts", 3, 3, tolerance=0)
    claim.control("one more", 3 + size, 3)
    claim.inequality("slack in nats", 0.0, size, tolerance=1e-12, unit="nats")
    claim.control("sign", size, 0.0)
    fit = SimpleNamespace(slope=-1 + size / 100, standard_error=0.01, points=12)
    claim.rate("decay", fit, -1, bias=0.01)
    claim.control("other rate", SimpleNamespace(slope=-1 - size, standard_error=0.001, points=12))
    claim.statistical("mean", size, 0.0, 1.0, trials=100)
    claim.control("shifted", 10.0 + size, 0.0)
    claim.goodness("law", size / 10, trials=100)
    claim.control("other law", 10.0 ** (-8 - size))
    claim.landscape("minima", [size * 1e-9], [0.0], tolerance=1e-6, gradient_tolerance=1.0, diameter=2.0)
    claim.control("other set", [size], [0.0])
    claim.counterexample("printed", size, threshold=0.1, unit="nats")
    claim.control("repaired: with the factor", -size)
    claim.empirical("gain", [size, 1.1 * size, 0.9 * size, size, 1.05 * size])
    claim.control("no gain", [size, -1.1 * size, 0.9 * size, -size, 0.0])
    return verdict(claim.record(), "a title")


def sanitized(text):
    """A text after the rules of the collection, as nbval applies them."""
    rules = re.findall(r"^regex: (.*)\nreplace: (.*)$", (ROOT / "notebooks" / "sanitize.cfg").read_text(), re.M)
    for regex, replace in rules:
        text = re.sub(regex, replace, text)
    return text


def test_numbers_of_every_rule_are_hidden_and_names_are_not():
    one, other = every_rule(0.7), every_rule(3.1)
    assert one.count("\n") == other.count("\n") == 18
    assert one != other
    assert sanitized(one) == sanitized(other)
    assert not re.search(r"\d", sanitized(one).replace("T-1", ""))
    for word in (
        "edges",
        "slack in nats",
        "control: a term dropped",
        "repaired: with the factor",
        "PASS  T-1  a title",
    ):
        assert word in sanitized(one)


@pytest.mark.parametrize("changes", [{"name": "corners"}, {"control": "a factor dropped"}], ids=["check", "control"])
def test_another_name_is_not_hidden(changes):
    assert sanitized(every_rule(0.7)) != sanitized(every_rule(0.7, **changes))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stored", "passes"),
    [
        (lambda: every_rule(3.1), True),
        (lambda: every_rule(3.1, name="corners"), False),
        (lambda: every_rule(3.1).replace("PASS", "FAIL"), False),
        (lambda: every_rule(3.1).replace("a title", "another title"), False),
        (lambda: every_rule(3.1) + "\nangle 44 degrees", False),
    ],
    ids=["numbers", "name", "verdict", "title", "more"],
)
def test_nbval_with_the_rules_of_the_collection(tmp_path, stored, passes):
    output = nbformat.v4.new_output("stream", name="stdout", text=stored() + "\n")
    cell = nbformat.v4.new_code_cell(CELL.format(size=0.7), outputs=[output], execution_count=1)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(notebook, tmp_path / "a.ipynb")
    options = ["--nbval", "--nbval-current-env", f"--nbval-sanitize-with={ROOT / 'notebooks' / 'sanitize.cfg'}"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "a.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) is passes, done.stdout
