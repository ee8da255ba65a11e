"""One part of the measurement: its items one after the other, and a file that is whole after every one of them."""

import math
import subprocess
import time
from datetime import date

import torch

from helpers import files, runtime
from helpers.recording import sweeps

TIME = "left out: time"


def measure(part, items, path, *, device, seconds, tiny):
    """Measure item after item; none is begun once the time is spent.

    Parameters
    ----------
    part : str
    items : dict of str to callable
        Each returns a dict of numbers and texts; an exception becomes its ``error``.
    path : path-like
        The file, written before the first item, with all of them left out, and again after every item: whoever ends
        the process leaves a file that says what is there and what is not.
    device : torch.device
    seconds : float
    tiny : bool
        Whether the sizes are those of a trial run.

    Returns
    -------
    dict
        What the file holds: provenance, ``rows`` and ``left_out``.
    """
    began, rows, left = time.monotonic(), [], list(items)

    def written():
        found = provenance(part, device, tiny) | {
            "seconds": round(time.monotonic() - began, 1),
            "seconds_allowed": seconds,
            "rows": rows,
            "left_out": dict.fromkeys(left, TIME),
        }
        files.write_json(path, found)
        return found

    found = written()
    for item, work in items.items():
        start = time.monotonic()
        if start - began > seconds:
            break
        try:
            values = _finite(work())
        except Exception as error:  # of the device, its compiler or its memory: the other items are still to be had
            values = {"error": f"{type(error).__name__}: {str(error)[:500]}"}
        rows.append({"item": item, **values, "seconds": round(time.monotonic() - start, 2)})
        left.remove(item)
        found = written()
    return found


def _finite(values):
    """The values, none of which may be a number that is not finite: no file could hold it."""
    if bad := [name for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)]:
        raise ValueError(f"{', '.join(f'{name} is {values[name]}' for name in bad)}, expected finite numbers")
    return values


def provenance(part, device, tiny):
    """Where and with what a part was measured, a dict."""
    found = {
        "part": part,
        "command": f"python -m helpers gpu{' --tiny' if tiny else ''}",
        "date": date.today().isoformat(),
        "device": sweeps.describe(device),
        "versions": sweeps.versions(),
        "commit": commit(runtime.ROOT),
    }
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found["memory_gib"] = round(properties.total_memory / 2**30, 1)
        found["cuda"] = torch.version.cuda
    return found


def commit(root):
    """The commit that is checked out in a folder; "unknown" where there is no git or the folder is only a copy."""
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    top, head = found.stdout.split("\n")[:2]
    return head if top == str(root) else "unknown"
