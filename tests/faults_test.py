"""Wrong formulas, put in on purpose: each must make the named claim fail by its own rule, or by a control of it.

A fault replaces one function of ``helpers`` by a wrong version, wherever a module holds it, or one piece of the claim's
cells; the claim's cells are then executed alone. A claim that does not notice would be a check that cannot fail.
That the same cells pass without a fault is what ``notebooks_test`` shows, group by group, for every claim.
"""

import importlib
import pkgutil
import re
import sys

import claim_cells
import faults_across
import faults_alpha
import faults_information
import faults_multimodal
import faults_robust
import faults_spectral
import nbformat
import pytest
import small_papers
from claim_cells import run_claim, sources_of
from faults import CELL, Fault, negated

import helpers
from helpers.ledger import cards, verdicts

ROOMS = (faults_across, faults_spectral, faults_alpha, faults_information, faults_multimodal, faults_robust)
FAULTS = [fault for room in ROOMS for fault in room.FAULTS]


@pytest.fixture(scope="session", autouse=True)
def every_module():
    """A module that is first imported while a fault is in would keep it."""
    for module in pkgutil.walk_packages(helpers.__path__, "helpers."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.fixture(autouse=True)
def quick_run(tmp_path, monkeypatch):
    """The quick profile with seed 0, writing nowhere that matters."""
    for variable in ("PROFILE", "SEED", "REDRAW", "STRICT"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    monkeypatch.setenv("DEVICE", "cpu")


def put_in(fault, monkeypatch):
    """Replace the original wherever a loaded helper module holds it; returns a list that grows with every call."""
    module_name, name = fault.target.rsplit(".", 1)
    original = getattr(importlib.import_module(f"helpers.{module_name}"), name)
    wrong, called = fault.wrong(original), []

    def counted(*arguments, **options):
        called.append(1)
        return wrong(*arguments, **options)

    constant = not callable(original)
    if constant:
        called.append(1)  # whether it is read cannot be seen
    for key, module in list(sys.modules.items()):
        if key.split(".")[0] == "helpers":
            for attribute, value in list(vars(module).items()):
                # equal constants are often one object: one of another name is another constant
                if value is original and (attribute == name or not constant):
                    monkeypatch.setattr(module, attribute, wrong if constant else counted)
    return called


def run_with(fault, monkeypatch):
    """The record of the claim with the fault in it: of the first block, essay before appendix, that it makes fail."""
    cells = sources_of(fault.notebook, fault.claim)
    if fault.target == CELL:
        holding = [place for place, sources in cells.items() if any(fault.piece in source for source in sources)]
        place = holding[0] if len(holding) == 1 else None  # in both or in none: refused
        return run_claim(fault.notebook, fault.claim, place=place, replace=(fault.piece, fault.replacement))
    called = put_in(fault, monkeypatch)
    for place in cells:
        record = run_claim(fault.notebook, fault.claim, place=place)
        if not record["holds"]:
            break
    assert called, f"{fault.claim} never calls {fault.target}"
    return record


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.claim}: {fault.what}")
def test_the_claim_notices(fault, monkeypatch):
    record = run_with(fault, monkeypatch)
    assert record["holds"] == fault.by_control, f"{fault.claim}'s checks did not do as they must: {fault.what}"
    assert not verdicts.passed(record), f"{fault.claim} did not notice: {fault.what}"


def test_a_fault_names_a_function_or_a_piece_of_a_cell():
    named = {"notebook": "01", "claim": "X-1"}
    Fault("sign", "losses.scores.infonce", negated, **named)
    Fault("sign", CELL, piece="a + b", replacement="a - b", **named)
    for wrong in (
        {"target": "losses.scores.infonce"},
        {"target": CELL},
        {"target": CELL, "wrong": negated, "piece": "a"},
        {"target": "losses.scores.infonce", "wrong": negated, "piece": "a"},
    ):
        with pytest.raises(ValueError, match="'sign': expected wrong= for a function, piece="):
            Fault("sign", **wrong, **named)
    with pytest.raises(ValueError, match="'sign' replaces 'a' by itself"):
        Fault("sign", CELL, piece="a", replacement="a", **named)
    with pytest.raises(ValueError, match="'sign' names no notebook or no claim"):
        Fault("sign", CELL, piece="a", replacement="b")


SMALL = """
from helpers.ledger import open_notebook
from helpers.spectral import graphs
run, ledger, gallery = open_notebook("96_piece", place="{place}")
"""
BLOCK = """
with ledger.{method}("T-1") as claim:
    claim.identity("{method}", 1.0 + 1.0, {right}, tolerance=1e-12)
    claim.control("other", 3.0, 2.0)
"""


@pytest.fixture
def small_paper(tmp_path, monkeypatch):
    """An essay and an appendix that make one claim."""
    monkeypatch.setattr(cards, "FOLDER", tmp_path)
    small_papers.write(tmp_path, "96_piece", small_papers.content(paper__form="essay"))
    claim_cells.notebook.cache_clear()
    (tmp_path / "appendix").mkdir()
    for place, method, right in (("essay", "claim", "2.0"), ("appendix", "more", "1.0 + 1.0")):
        cells = [(SMALL.format(place=place), "setup"), (BLOCK.format(method=method, right=right), "claim:T-1")]
        made = [nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}) for source, tag in cells]
        nbformat.write(nbformat.v4.new_notebook(cells=made), claim_cells.path("96_piece", place))
    yield
    claim_cells.notebook.cache_clear()


@pytest.mark.usefixtures("small_paper")
def test_a_claim_of_two_notebooks_is_one_record():
    assert [check["name"] for check in run_claim("96_piece", "T-1")["checks"]] == ["claim", "more"]
    assert [check["name"] for check in run_claim("96_piece", "T-1", place="appendix")["checks"]] == ["more"]


@pytest.mark.usefixtures("small_paper")
def test_a_fault_must_be_called(monkeypatch):
    unused = Fault("never used", "spectral.graphs.laplacian", negated, "96_piece", "T-1")
    with pytest.raises(AssertionError, match=r"T-1 never calls spectral\.graphs\.laplacian"):
        run_with(unused, monkeypatch)


@pytest.mark.usefixtures("small_paper")
def test_a_piece_of_a_cell_is_replaced_once_or_refused(monkeypatch):
    wrong = Fault(
        "two is three", CELL, piece="1.0, 2.0, tol", replacement="1.0, 3.0, tol", notebook="96_piece", claim="T-1"
    )
    record = run_with(wrong, monkeypatch)
    assert not record["holds"]
    assert [check["name"] for check in record["checks"]] == ["claim"]  # the block that has the piece, alone
    for piece, times in (("1.0 + 1.0", 3), ("7", 0)):
        said = f"{piece!r} occurs {times} times in the cells of T-1, expected once"
        with pytest.raises(ValueError, match=re.escape(said)):
            run_claim("96_piece", "T-1", replace=(piece, "x"))


def test_only_what_has_the_name_of_a_constant_is_replaced(monkeypatch):
    from helpers.ledger import verdicts

    called = put_in(Fault("x", "ledger.verdicts.SMALLEST", lambda _: 3.0, "01", "X-1"), monkeypatch)
    assert called
    assert (verdicts.SMALLEST, verdicts.LARGEST) == (3.0, 1e6)
