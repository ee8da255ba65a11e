"""Lanes: what is installed, what the logs say, which steps are repeated, and the table."""

import csv
import sys

import pytest
from lanes import __main__ as lanes

TESTS = """....F [100%]
=== short test summary info ===
SKIPPED [1] tests/augmentations_test.py:326: needs CUDA
FAILED tests/weight_search_test.py::test_bounds_are_kept - RuntimeWarning: Va...
1 failed, 4354 passed, 1 skipped in 86.52s (0:01:26)
"""
RUN = """01_spectral_clustering: ran to its end (120 s)
appendix/02_alpha_cl: STOPPED at cell 3, Dynamics: ClaimsFailed: 1 of 45 claims fail: AC-D1 (10 s)
PASS  SC-T1   one   (two)
FAIL  AC-D1   three   (four)
241 of 242 claims hold
"""
COMPARED = """02_alpha_cl/appendix: AC-X2 check 'every gradient vanishes' measured: 2.6e-11 became 1.1e-11
a line of something else
"""


def test_logs_are_read():
    assert lanes.tests_said(TESTS) == "1 failed, 4354 passed"
    assert lanes.failures(TESTS) == ["tests/weight_search_test.py::test_bounds_are_kept - RuntimeWarning: Va..."]
    said, stopped = lanes.claims_said(RUN)
    assert said == "241 of 242 claims hold"
    assert stopped[0].startswith("appendix/02_alpha_cl: STOPPED at cell 3")
    assert stopped[1] == "FAIL  AC-D1"
    assert lanes.differences(COMPARED) == [COMPARED.splitlines()[0]]


def test_logs_that_end_early_are_no_success():
    assert lanes.tests_said("....") == "the tests did not end"
    assert lanes.claims_said("...") == ("the run did not end", [])


def test_a_lane_replaces_its_libraries_and_keeps_the_rest():
    text = "# Numerics\nnumpy==2.4.6\nscipy==1.17.1\n\ntqdm==4.70.1\nnumpy-more==1\n"
    assert lanes.requirements(text, ["numpy==2.2.0", "scipy"]) == [
        "tqdm==4.70.1",
        "numpy-more==1",
        "numpy==2.2.0",
        "scipy",
    ]


def test_an_interpreter_is_asked_for_its_version():
    own = "{}.{}".format(*sys.version_info[:2])
    assert lanes.interpreter("2.99") is None
    assert lanes.interpreter(own) is None or own in lanes.interpreter(own) or "python" in lanes.interpreter(own)


def test_a_step_is_not_repeated_while_its_stamp_stands(tmp_path):
    count = [sys.executable, "-c", "print(open('count', 'a').write('x') and len(open('count').read()))"]
    count[-1] = count[-1].replace("'count'", repr(str(tmp_path / "count")))
    assert lanes.step(tmp_path, "one", "a", count)[0] == "1\n"
    assert lanes.step(tmp_path, "one", "a", count)[0] == "1\n"
    assert lanes.step(tmp_path, "one", "b", count)[0] == "2\n"
    (tmp_path / "one.json").unlink()  # it was interrupted
    assert lanes.step(tmp_path, "one", "b", count)[0] == "3\n"


def test_what_cannot_be_installed_is_named(tmp_path, monkeypatch):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    said = "ERROR: No matching distribution found for torch==9"
    monkeypatch.setattr(lanes, "step", lambda folder, *_: ((folder / "install.json").write_text("{}"), (said, 1.0))[1])
    with pytest.raises(ValueError, match="not installed: ERROR: No matching distribution found for torch==9"):
        lanes.install(tmp_path, "{}.{}".format(*sys.version_info[:2]), ["torch==9"])
    assert not (tmp_path / "install.json").exists()


def test_a_missing_interpreter_is_said(tmp_path, monkeypatch):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    (tmp_path / "venv" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(lanes, "step", lambda *_: ("", 1.0))
    notes, _ = lanes.install(tmp_path, "2.99", ["torch"])
    assert notes == ["no Python 2.99 was found, {}.{} took its place".format(*sys.version_info[:2])]


def test_a_lane_has_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(lanes, "HERE", tmp_path)
    line = dict.fromkeys(lanes.COLUMNS, "1") | {"lane": "newest", "said": ""}
    lanes.write(line)
    lanes.write(line | {"lane": "oldest", "said": "a failed; b differs"})
    lanes.write(line | {"minutes": "7"})
    with (tmp_path / "lanes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["lane"], row["minutes"]) for row in rows] == [("oldest", "1"), ("newest", "7")]
    page = (tmp_path / "README.md").read_text()
    assert "- a failed\n- b differs\n" in page
    assert page.endswith("## newest\n\nNothing failed or differed.\n")


def test_an_unknown_lane_is_refused(capsys):
    with pytest.raises(SystemExit):
        lanes.main(["middle"])
    assert "invalid choice: 'middle'" in capsys.readouterr().err
