"""Wrong formulas, put in on purpose: each must make the named claim fail by its own rule.

A fault replaces one function of ``helpers`` by a wrong version, wherever a module holds it;
the claim's cells are then executed alone. A claim
that does not notice would be a check that cannot fail.
"""

import importlib
import sys

import faults_alpha
import faults_information
import faults_multimodal
import faults_robust
import faults_spectral
import pytest
from claim_cells import run_claim

ROOMS = (faults_spectral, faults_alpha, faults_information, faults_multimodal, faults_robust)
FAULTS = [fault for room in ROOMS for fault in room.FAULTS]


@pytest.fixture(autouse=True)
def quick_run(tmp_path, monkeypatch):
    """The quick profile with seed 0, writing nowhere that matters."""
    for variable in ("PROFILE", "SEED", "REDRAW"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("OUTPUT", str(tmp_path))
    monkeypatch.setenv("DEVICE", "cpu")


def put_in(fault, monkeypatch):
    """Replace the original wherever a loaded helper module holds it; returns a list that grows with every call."""
    module_name, name = fault.target.rsplit(".", 1)
    original = getattr(importlib.import_module(f"helpers.{module_name}"), name)
    wrong, called = fault.wrong(original), []
    if not callable(original):
        called.append(1)

    def counted(*arguments, **options):
        called.append(1)
        return wrong(*arguments, **options)

    replacement = counted if callable(original) else wrong

    for key, module in list(sys.modules.items()):
        if key.split(".")[0] == "helpers":
            for attribute, value in list(vars(module).items()):
                if value is original:
                    monkeypatch.setattr(module, attribute, replacement)
    return called


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.claim}: {fault.what}")
def test_the_claim_notices(fault, monkeypatch):
    called = put_in(fault, monkeypatch)
    record = run_claim(fault.notebook, fault.claim)
    assert called, f"{fault.claim} never calls {fault.target}"
    assert not record["holds"], f"{fault.claim} did not notice: {fault.what}"


@pytest.mark.parametrize(
    ("notebook", "claim"), sorted({(fault.notebook, fault.claim) for fault in FAULTS}), ids=lambda value: str(value)
)
def test_the_claim_holds_without_the_fault(notebook, claim):
    record = run_claim(notebook, claim)
    assert record["holds"]
    assert record["control"]["fails"]
