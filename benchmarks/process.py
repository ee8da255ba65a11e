"""Work that wants a process of its own: peak memory, and timing under another allocator. Prints one line of JSON.

``python -m benchmarks.process memory infonce ours 16384`` or ``python -m benchmarks.process ratio infonce 4096``.
"""

import json
import os
import resource
import sys

import torch

from benchmarks import losses, measure, peers

# Freed blocks stay with the process: what dense torch gains from it costs no code (glibc's tunables).
TUNED = {"MALLOC_MMAP_THRESHOLD_": str(2**34), "MALLOC_TRIM_THRESHOLD_": str(2**34), "MALLOC_TOP_PAD_": str(2**26)}


def memory(family, label, size):
    """Peak MiB above inputs, and CPU seconds, of one forward and backward."""
    calls, _ = losses.candidates(family, 64, only=label)
    calls[label]()  # whatever is loaded or built on the first call
    calls, _ = losses.candidates(family, int(size), only=label)
    _limit(int(os.environ["BENCHMARK_LIMIT_MIB"]))
    return {"mebibytes": measure.peak_above(calls[label])}


def ratio(family, size):
    """Ours against dense torch in this process, under whatever allocator it was started with."""
    calls = {}
    for label in ("ours", "torch dense"):
        calls |= losses.candidates(family, int(size), only=label)[0]
    times = measure.interleave(calls, seconds=8)
    middle, low, high = times.ratio("ours", "torch dense")
    return {"ratio": middle, "low": low, "high": high, "dense": times.median("torch dense")}


def _limit(mebibytes):
    """Let the process have this much more than it has: beyond it, it falls over."""
    with open("/proc/self/statm") as stream:
        mapped = int(stream.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + mebibytes * measure.MEBIBYTE,) * 2)


if __name__ == "__main__":
    torch.set_num_threads(1)
    peers.prepare(sentences=any("sentence" in argument for argument in sys.argv))
    print(json.dumps({"memory": memory, "ratio": ratio}[sys.argv[1]](*sys.argv[2:])))
