"""Interleaved timing, intervals of ratios, peak memory in a process of its own."""

import ctypes
import dataclasses
import gc
import json
import os
import subprocess
import sys
import time

import numpy as np
from scipy import stats

MEBIBYTE = 2**20


@dataclasses.dataclass(frozen=True)
class Times:
    """Process CPU seconds of candidates run in turn.

    Attributes
    ----------
    seconds : dict of str to ndarray, shape (rounds,)
    """

    seconds: dict

    def median(self, label):
        return float(np.median(self.seconds[label]))

    def ratio(self, label, reference):
        """Median over rounds of label / reference, with the ends of its 95 % interval by order statistics."""
        ratios = np.sort(self.seconds[label] / self.seconds[reference])
        rank = max(int(stats.binom.ppf(0.025, len(ratios), 0.5)), 1)  # few rounds: the interval is the range
        return float(np.median(ratios)), float(ratios[rank - 1]), float(ratios[-rank])


def interleave(candidates, *, seconds, rounds=(3, 201)):
    """Run the candidates in turn until the time is spent, at least ``rounds[0]`` and at most ``rounds[1]`` times.

    Parameters
    ----------
    candidates : dict of str to callable
        Each does its whole work and leaves nothing behind.
    seconds : float
        Wall time for all rounds after one that warms up.
    """
    kept = {label: [] for label in candidates}
    began, warm = time.perf_counter(), False
    while True:
        for label, candidate in candidates.items():
            start = time.process_time()
            candidate()
            if warm:
                kept[label].append(time.process_time() - start)
        if not warm:
            began, warm = time.perf_counter(), True
        done = len(next(iter(kept.values())))
        if done >= rounds[1] or (done >= rounds[0] and time.perf_counter() - began > seconds):
            return Times({label: np.array(values) for label, values in kept.items()})


def alone(module, *arguments, environment=(), limit=4096):
    """What ``python -m module`` prints as its last line, as JSON; None if it fell over (killed, or out of memory).

    Parameters
    ----------
    limit : int
        Address space in MiB above which the process falls over; torch itself maps about 4 GiB.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    clean = os.environ | {"BENCHMARK_LIMIT_MIB": str(limit)} | dict(environment)
    done = subprocess.run(command, capture_output=True, text=True, env=clean, check=False)
    if done.returncode:
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def peak_above(work):
    """Peak resident memory, in MiB, that a callable adds to what the process holds; Linux with glibc."""
    gc.collect()
    # What was freed before must leave the process, or the work would be served from it and look smaller than it is.
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")  # resets the high-water mark
    before = _high_water()
    work()
    return _high_water() - before


def _high_water():
    with open("/proc/self/status") as stream:
        line = next(line for line in stream if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def exponent(sizes, values):
    """Slope of log value over log size, least squares."""
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
