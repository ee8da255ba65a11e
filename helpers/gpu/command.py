"""``python -m helpers gpu``: four parts, each in a process of its own that is ended when its time is over."""

import argparse
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

from helpers import files, runtime

# Seconds a part may begin items in, and is ended after: with four starts of a process eight minutes in all.
SECONDS = {"cells": 130, "losses": 50, "steps": 70, "rows": 170}
GRACE = 10
# A trial run takes the cells that are quickest on a CPU, and never stops early.
TINY_SECONDS, TINY_CELLS = 120, ("cell:code-3", "claim:MM-P1b")


def main(arguments=None):
    """Command line; returns 0 if every part was measured and everything said agrees, 1 if not, 2 for a bad request."""
    parser = argparse.ArgumentParser(
        prog="python -m helpers gpu",
        description="Run the collection's training cells on a GPU and measure its speed, in at most eight minutes.",
    )
    parser.add_argument("--tiny", action="store_true", help="a trial run in tiny sizes, on the CPU too")
    parser.add_argument("--folder", type=Path, help="where the files go (figures/recorded/gpu, of a trial build/gpu)")
    parser.add_argument("--part", choices=SECONDS, help="one part alone, in this process")
    options = parser.parse_args(arguments)
    try:
        device = runtime.current().device
        if device.type != "cuda" and not options.tiny:
            raise ValueError(f"the device is {device}, expected a GPU; --tiny makes a trial run on the CPU")
        own = runtime.ROOT / "build" / "gpu" if options.tiny else runtime.ROOT / "figures" / "recorded" / "gpu"
        folder = (options.folder or own).resolve()
        files.require_writable(folder)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.part:
        part(options.part, folder / f"{options.part}.json", device, tiny=options.tiny)
        return 0
    return every_part(folder, tiny=options.tiny)


def every_part(folder, *, tiny):
    """Measure part after part and print what they found; returns the exit status."""
    good, limits = True, dict.fromkeys(SECONDS, TINY_SECONDS) if tiny else SECONDS
    print(f"expected: at most {'one minute' if tiny else 'eight minutes'}; files go to {folder}", flush=True)
    for name, seconds in limits.items():
        path = folder / f"{name}.json"
        path.unlink(missing_ok=True)
        status = in_time([name, "--folder", str(folder), *["--tiny"] * tiny], seconds + GRACE)
        found = files.read_json(path)
        print("\n".join(report(name, found, status)), flush=True)
        good = good and found is not None and status in (0, None) and not any(map(failed, found["rows"]))
    return int(not good)


def in_time(arguments, seconds):
    """Run one part in a process group of its own; returns its exit status, None if it was ended for its time."""
    command = [sys.executable, "-m", "helpers", "gpu", "--part", *arguments]
    process = subprocess.Popen(command, cwd=runtime.ROOT, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:  # compilers that it started too
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def part(name, path, device, *, tiny):
    """Measure one part in this process and write its file."""
    from . import cells, results, rows, speed  # each part alone needs a device and its libraries

    logging.basicConfig(level=logging.WARNING)
    sizes = speed.TINY if tiny else speed.WHOLE
    items = {
        "cells": lambda: {
            group.label: lambda group=group: cells.compare(group, device)
            for group in cells.live()
            if not tiny or group.tag in TINY_CELLS
        },
        "losses": lambda: speed.loss_items(device, sizes),
        "steps": lambda: speed.step_items(device, sizes),
        "rows": lambda: rows.row_items(device, tiny=tiny),
    }[name]()
    seconds = TINY_SECONDS if tiny else SECONDS[name]
    results.measure(name, items, path, device=device, seconds=seconds, tiny=tiny)


def failed(row):
    """Whether an item of a part ended in an error or says something else than the stored notebook."""
    return "error" in row or row.get("agrees") is False


def report(name, found, status):
    """What a part found, as lines of text."""
    if found is None:
        return [f"{name}: nothing was measured (exit status {status})"]
    lines = [f"{name}, {found['seconds']:.0f} s on {found['device']}"]
    if status:
        lines[0] += f"; ended with exit status {status}"
    lines += [f"  {row['item']}: {_said(row)} ({row['seconds']:.1f} s)" for row in found["rows"]]
    return lines + [f"  {item}: {why}" for item, why in found["left_out"].items()]


def _said(row):
    if "error" in row:
        return f"ERROR {row['error']}"
    if "agrees" in row:
        told = {
            True: f"agrees, {row['sentences']} sentence{'s' * (row['sentences'] != 1)}",
            None: "ran to its end, says nothing",
            False: "DIFFERS",
        }
        more = [row["failure"]] if "failure" in row else []
        return ", ".join([told[row["agrees"]], *row["verdicts"], *more])
    if "values" in row:
        return ", ".join(f"{key} {value:.3g}" for key, value in list(row["values"].items())[:4])
    return ", ".join(
        f"{key.replace('_', ' ')} {value:.3g}" if isinstance(value, float) else f"{key.replace('_', ' ')} {value}"
        for key, value in row.items()
        if key not in ("item", "seconds")
    )
