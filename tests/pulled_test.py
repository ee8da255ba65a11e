"""The cable is pulled a few times; ``make pulled`` does it often."""

import os
import signal
import subprocess
import sys

import pulled
import pytest


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")
@pytest.mark.parametrize("part", ["record", "setup"])
def test_what_is_broken_off_is_completed_by_the_next_run(part, capsys):
    status = pulled.main(["--only", part, "--times", "2"])
    assert status == 0, capsys.readouterr().out


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")
def test_a_pulled_run_is_seen_whole_and_broken(tmp_path):
    """The script notices what it looks for: a changed, a missing, a spare, an unfinished file, a process."""
    for name in ("same", "changed"):
        (tmp_path / name).write_text(name)
    reference = pulled.tree(tmp_path)
    line = pulled.Line("x", "y")
    line.compare(tmp_path, reference, finished=True)
    assert line.good
    (tmp_path / "changed").write_text("chan")
    line.compare(tmp_path, reference)
    assert (line.broken, line.other) == (1, 0)
    (tmp_path / "same").unlink()
    (tmp_path / "spare").write_text("")
    (tmp_path / ".a.json.1.part").write_text("")
    line.compare(tmp_path, reference, finished=True)
    assert line.other == 4
    line.clear(pulled.Ended(1, "Traceback (most recent call last)\ninterrupted"), "interrupted")
    line.clear(pulled.Ended(1, "interrupted; so"), "interrupted")
    assert line.unclear == 1
    run = pulled.Run(["-c", "import os, time\nif os.fork(): os._exit(0)\ntime.sleep(600)"], tmp_path)
    assert run.end().status == 0
    assert run.left(0.0) == 1
    assert run.left(5.0) == 0
    assert os.getpid() not in run.living()


def test_the_page_holds_the_table():
    lines = [
        pulled.Line("make figures", "SIGKILL", times=20, hit=17),
        pulled.Line("set-up", "SIGINT", notes=["said so"]),
    ]
    page = pulled.page(lines, "2026-12-01")
    assert "Written by `make pulled` on 2026-12-01." in page
    assert f"```\n{pulled.table(lines)}\n```\n" in page


def test_ends_that_met_no_run_prove_nothing():
    assert pulled.Line("make figures", "SIGINT", times=20, hit=1).good
    assert not pulled.Line("make figures", "SIGINT", times=20).good
    assert pulled.Line("make figures", "full disk").good  # not tried, and its note says so


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")
def test_runs_hear_interrupts_where_the_shell_is_deaf_to_them():
    environment = os.environ | {"PYTHONPATH": str(pulled.ROOT / "tests")}
    said = subprocess.run([sys.executable, "-c", DEAF], capture_output=True, text=True, env=environment)
    assert said.stdout.startswith(f"ended {-signal.SIGINT}\n"), said.stderr


DEAF = """
import signal, time
import pulled


def trial(folder, **_):
    run = pulled.Run(["-c", "import time; time.sleep(9)"], folder)
    time.sleep(2)
    print("ended", run.end(signal.SIGINT).status)
    return []


pulled.TRIALS["setup"] = trial
signal.signal(signal.SIGINT, signal.SIG_IGN)
pulled.main(["--only", "setup"])
"""
