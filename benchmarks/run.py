"""``make bench``: measure everything, write figures/benchmarks/*.csv and *.png and the table of benchmarks/README.md.

One thread and the CPU clock; ours and theirs take turns in one process. ``--quick`` takes the small sizes only and
writes to build/benchmarks.
"""

import argparse
import dataclasses
import datetime
import platform
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from tqdm import tqdm

from benchmarks import batches, graphs, losses, measure, peers, process
from helpers import figures, files, runtime

HERE = Path(__file__).parent
DISTRIBUTIONS = (
    "torch", "numpy", "scipy", "scikit-learn", "networkx", "lightly", "open_clip_torch", "info-nce-pytorch",
    "sentence-transformers", "solo-learn", "pytorch-metric-learning", "torchattacks", "foolbox", "pytorch-optimizer",
)  # fmt: skip
SIZES = {
    "infonce": ((128, 2), (256, 4), (512, 4), (1024, 5), (4096, 14), (8192, 20)),
    "clip": ((128, 2), (256, 4), (1024, 5), (4096, 12), (8192, 20)),
    "ntxent": ((256, 4), (1024, 6), (4096, 20)),
    "supcon": ((1024, 4), (4096, 8), (8192, 15)),
    "queue": ((1024, 4), (4096, 6), (8192, 10)),
}
MEMORY = {
    "infonce": (4096, 8192, 16384, 32768, 65536),
    "clip": (4096, 8192),
    "ntxent": (1024, 4096),
    "supcon": (1024, 4096, 8192),
    "queue": (1024, 4096, 8192),
}
# Beyond it only ours and dense torch are asked: the others take minutes.
ASKED = 8192
# A peer is not asked again once it has fallen over at a smaller size.
PROCESS_LIMIT = 4096
# From one process to the next the allocator puts small blocks elsewhere, and small peaks move by up to a half;
# above this many MiB a peak is made of whole matrices and stays within a tenth.
PROCESSES, STEADY = 3, 64


@dataclasses.dataclass(frozen=True)
class Goal:
    """At most `most` times the peer's time (or memory, or error) at this size."""

    table: str
    family: str
    size: int
    peer: str
    most: float


GOALS = [
    *(Goal("time", "infonce", size, "torch dense", 1.05) for size in (128, 256, 512, 1024)),
    *(Goal("time", "clip", size, "torch dense", 1.05) for size in (128, 256)),
    Goal("time", "ntxent", 256, "torch dense", 1.05),
    Goal("time", "infonce", 4096, "torch dense", 0.55),
    Goal("time", "infonce", 8192, "torch dense", 0.50),
    Goal("tuned", "infonce", 4096, "torch dense, tuned allocator", 0.95),
    Goal("time", "infonce", 4096, "sentence-transformers CachedMNRL, mini 512", 0.60),
    Goal("time", "infonce", 8192, "sentence-transformers CachedMNRL, mini 512", 0.65),
    Goal("time", "infonce", 8192, "three matrix products", 1.25),
    Goal("time", "clip", 8192, "four matrix products", 1.25),
    Goal("time", "ntxent", 4096, "two matrix products of 2N", 1.25),
    Goal("time", "clip", 4096, "open_clip", 0.40),
    Goal("time", "clip", 8192, "open_clip", 0.30),
    Goal("tuned", "clip", 4096, "torch dense, tuned allocator", 0.70),
    Goal("time", "ntxent", 1024, "torch dense", 0.60),
    Goal("time", "ntxent", 1024, "lightly", 0.40),
    Goal("time", "ntxent", 4096, "lightly", 0.18),
    Goal("time", "ntxent", 4096, "solo-learn", 0.10),
    Goal("time", "ntxent", 4096, "pytorch-metric-learning SupCon", 0.05),
    *(Goal("time", "supcon", size, "pytorch-metric-learning", 0.25) for size in (1024, 4096, 8192)),
    *(Goal("time", "queue", size, "pytorch-metric-learning", 0.25) for size in (1024, 4096, 8192)),
    Goal("memory", "infonce", 4096, "torch dense", 0.10),
    Goal("memory", "infonce", 8192, "torch dense", 0.05),
    Goal("memory", "infonce", 16384, "torch dense", 0.02),
    Goal("memory", "infonce", 4096, "sentence-transformers CachedMNRL, mini 512", 0.20),
    Goal("memory", "clip", 4096, "open_clip", 0.06),
    Goal("memory", "clip", 8192, "open_clip", 0.02),
    Goal("memory", "ntxent", 1024, "lightly", 0.10),
    Goal("memory", "ntxent", 4096, "lightly", 0.02),
    Goal("memory", "ntxent", 4096, "solo-learn", 0.015),
    Goal("memory", "ntxent", 4096, "pytorch-metric-learning SupCon", 0.01),
    *(Goal("memory", "supcon", size, "pytorch-metric-learning", 0.05) for size in (1024, 4096, 8192)),
    *(Goal("memory", "queue", size, "pytorch-metric-learning", 0.05) for size in (1024, 4096, 8192)),
    # Set for finding every copy of a repeated eigenvalue; without that 0.10, 0.10 and 0.20 of lobpcg were reached.
    Goal("time", "spectral embedding", 1000, "scikit-learn lobpcg", 0.20),
    Goal("time", "spectral embedding", 10_000, "scikit-learn lobpcg", 0.20),
    Goal("time", "spectral embedding", 100_000, "scikit-learn lobpcg", 0.35),
    Goal("time", "spectral embedding", 1000, "scikit-learn arpack", 0.06),
    Goal("time", "block model, sparse", 1000, "networkx", 0.10),
    Goal("time", "restarts, 16 x 16", 256, "torch loop over restarts", 1 / 15),
    Goal("time", "restarts, 8 x 8", 256, "torch loop over restarts", 1 / 35),
    Goal("time", "restarts, 4 x 4", 256, "torch loop over restarts", 1 / 35),
    Goal("time", "restarts, 2 x 2", 256, "torch loop over restarts", 1 / 35),
    Goal("time", "Hessians of 96 parameters", 64, "torch.autograd.functional loop", 0.12),
    Goal("time", "PGD, 32 restarts", 64, "ours, loop over restarts", 0.40),
    Goal("time", "PGD, one start", 128, "torchattacks", 1.0),
    Goal("time", "PGD, one start", 128, "foolbox", 1.0),
    Goal("time", "SAM step", 256, "pytorch-optimizer", 0.95),
    Goal("time", "InfoNCE at every K", 512, "loop over K", 0.20),
    Goal("time", "InfoNCE at K = 2 to 512", 4096, "loop over K and batches", 0.20),
    Goal("time", "contrastive cross-covariance", 4096, "n x n weights", 0.04),
]


class Report:
    """Rows of one table, kept as columns."""

    def __init__(self, *names):
        self.columns = {name: [] for name in names}

    def add(self, *values):
        for column, value in zip(self.columns.values(), values, strict=True):
            column.append(value)

    def rows(self):
        return zip(*self.columns.values(), strict=True)


def contests(quick):
    """(family, size, seconds to spend, builder of label -> call) in the order they are run."""
    for family, sizes in SIZES.items():
        for size, seconds in sizes:
            if not (quick and size > 1024):
                yield family, size, seconds, lambda family=family, size=size: with_products(family, size)
    for n, seconds in ((1000, 3), (10_000, 6), (100_000, 15)):
        if not (quick and n > 10_000):
            yield "spectral embedding", n, seconds, lambda n=n: (graphs.spectral_embedding(n, arpack=n <= 1000), {})
    yield "block model, sparse", 1000, 2, lambda: (graphs.sampling(1000), {})
    for size in (16, 8, 4, 2):
        yield f"restarts, {size} x {size}", 256, 4, lambda size=size: (batches.restarts(size), {})
    yield "Hessians of 96 parameters", 64, 8, lambda: (batches.hessians(), {})
    yield "PGD, 32 restarts", 64, 4, lambda: (batches.attack_restarts(), {})
    yield "PGD, one start", 128, 8, batches.single_attack
    yield "SAM step", 256, 3, batches.sharpness_step
    yield "InfoNCE at every K", 512, 4, lambda: (batches.bounds_over_batch_sizes(), {})
    yield "InfoNCE at K = 2 to 512", 4096, 4, lambda: (batches.bounds_over_powers(), {})
    yield "contrastive cross-covariance", 4096, 3, lambda: (batches.cross_covariance(), {})


PRODUCTS = {
    "infonce": ("three matrix products", 3, 1),
    "clip": ("four matrix products", 4, 1),
    "ntxent": ("two matrix products of 2N", 2, 2),
}


def with_products(family, size):
    """The candidates of a family, and the matrix products that its form with tiles cannot avoid."""
    calls, absent = losses.candidates(family, size)
    if family not in PRODUCTS:
        return calls, absent
    name, count, views = PRODUCTS[family]
    x = losses.pairs(views * size)[0].detach()
    rows = min(len(x), 256)
    block, thin = x.new_empty(rows, len(x)), x.new_empty(rows, x.shape[1])

    def products():
        for start in range(0, len(x), rows):
            for turn in range(count):  # scores from features, then features from scores, in turn
                if turn % 2:
                    torch.mm(block, x, out=thin)
                else:
                    torch.mm(x[start : start + rows], x.T, out=block)

    return calls | {name: products}, absent


def timings(quick, bar):
    """Medians, and ratios ours / peer with their intervals."""
    table, missing = Report("family", "size", "peer", "milliseconds", "ratio", "low", "high"), {}
    for family, size, seconds, build in contests(quick):
        bar.set_postfix_str(f"{family}, {size}")
        calls, absent = build()
        missing |= absent
        times = measure.interleave(calls, seconds=seconds / (4 if quick else 1), rounds=(2 if quick else 3, 101))
        ours = next(iter(calls))
        for label in calls:
            table.add(family, size, label, 1e3 * times.median(label), *times.ratio(ours, label))
        bar.update()
    return table, missing


def memories(quick, bar):
    """Peak MiB above the inputs, median over processes; a peer that falls over is nan and not asked for more."""
    table = Report("family", "size", "peer", "mebibytes")
    for family, sizes in MEMORY.items():
        fallen = set()
        labels = [label for label in losses.candidates(family, 64)[0] if losses.LARGEST.get(label, 4096) >= 4096]
        for size in sizes[:1] if quick else sizes:
            for label in labels:
                bar.set_postfix_str(f"memory, {family}, {label}, {size}")
                if label in fallen or (size > ASKED and label not in ("ours", "torch dense")):
                    continue
                peak = _peak(family, label, size, 1 if quick else PROCESSES)
                table.add(family, size, label, peak)
                if np.isnan(peak):
                    fallen.add(label)
            bar.update()
    return table


def _peak(family, label, size, processes):
    peaks = []
    for _ in range(processes):
        found = measure.alone("benchmarks.process", "memory", family, label, size, limit=PROCESS_LIMIT)
        if not found:
            return np.nan
        peaks.append(found["mebibytes"])
        if peaks[0] > STEADY:
            break
    return float(np.median(peaks))


def accuracies():
    """Relative errors of loss and gradient in float32, 300 aligned pairs, against float64."""
    table = Report("family", "temperature", "peer", "loss", "gradient")
    for family in losses.FAMILIES:
        for temperature in (0.1, 0.01):
            for label, errors in losses.errors(family, temperature).items():
                table.add(family, temperature, label, *errors)
    return table


def tuned():
    """Ours against dense torch, both under an allocator that keeps what is freed."""
    table = Report("family", "size", "peer", "ratio", "low", "high")
    for family in ("infonce", "clip"):
        found = measure.alone("benchmarks.process", "ratio", family, 4096, environment=process.TUNED.items())
        if found:
            table.add(family, 4096, "torch dense, tuned allocator", found["ratio"], found["low"], found["high"])
    return table


def verdicts(times, memory, tuned_ratios):
    """Goal by goal: what was measured and whether its interval reaches the goal."""
    ratios = {row[:3]: row[4:] for row in times.rows()} | {row[:3]: row[3:] for row in tuned_ratios.rows()}
    peaks = {row[:3]: row[3] for row in memory.rows()}
    for goal in GOALS:
        key = (goal.family, goal.size, goal.peer)
        if goal.table == "memory":
            ours, theirs = peaks.get((goal.family, goal.size, "ours")), peaks.get(key)
            if ours is None or theirs is None:
                continue
            middle = low = high = ours / theirs
        elif key in ratios:
            middle, low, high = ratios[key]
        else:
            continue
        yield goal, middle, low, high, low <= goal.most


def exponents(table, value):
    """Growth exponents over the sizes from 1024 up, per family and peer."""
    groups = {}
    for row in table.rows():
        if row[0] in losses.FAMILIES and row[1] >= 1024 and np.isfinite(row[value]):
            groups.setdefault((row[0], row[2]), []).append((row[1], row[value]))
    return {key: measure.exponent(*np.transpose(points)) for key, points in groups.items() if len(points) > 1}


def draw(table, value, path, label):
    """One panel a loss: the measured values of every peer against the batch size, log-log."""
    figures.use_style()
    fig, axes = plt.subplots(1, len(losses.FAMILIES), figsize=(3.7 * len(losses.FAMILIES), 4.8), layout="constrained")
    for axis, family in zip(axes, losses.FAMILIES, strict=True):
        rows = [row for row in table.rows() if row[0] == family]
        for index, peer in enumerate(dict.fromkeys(row[2] for row in rows)):
            points = np.array([(row[1], row[value]) for row in rows if row[2] == peer], dtype=float)
            style = {"color": "black", "linewidth": 2} if peer == "ours" else {"color": plt.get_cmap("tab10")(index)}
            dashes = "-" if index < 2 else "--"  # a curve under another one shows between the dashes
            axis.loglog(*points.T, marker="o", linestyle=dashes, label=peer, **style)
        axis.set(title=family, xlabel="pairs N", ylabel=label)
        axis.xaxis.set_minor_formatter("")
        axis.set_xticks(sizes := sorted({row[1] for row in rows}), [f"{size:,}" for size in sizes], fontsize=7)
        axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(0, -0.16))
    fig.savefig(path)
    plt.close(fig)


def draw_ratios(found, path):
    """Every goal of time with its measured ratio and interval."""
    figures.use_style()
    rows = [row for row in found if row[0].table != "memory"]
    fig, axis = plt.subplots(figsize=(8, 0.26 * len(rows) + 1), layout="constrained")
    for height, (goal, middle, low, high, met) in enumerate(reversed(rows)):
        axis.plot([low, high], [height, height], color="black", linewidth=1)
        axis.plot(middle, height, "o", color=figures.COLOURS[0] if met else figures.COLOURS[1])
        axis.plot(goal.most, height, "|", color="black", markersize=9)
    names = [f"{goal.family}, {goal.size:,} / {goal.peer}" for goal, *_ in reversed(rows)]
    axis.set_yticks(range(len(rows)), names, fontsize=6)
    axis.set(xscale="log", xlabel="time, ours / theirs (dot), 95 % interval (line), goal (bar)")
    fig.savefig(path)
    plt.close(fig)


def readme(found, missing, growth, accuracy, seconds):
    """The generated part of benchmarks/README.md."""
    versions = "; ".join(_version(name) for name in DISTRIBUTIONS)
    lines = [
        f"Measured {datetime.date.today().isoformat()} in {seconds / 60:.0f} minutes on {processor()}, one thread.",
        f"Python {platform.python_version()}; {versions}.",
        "",
        "| ours, size | against | of | ratio | 95 % interval | goal | |",
        "|---|---|---|---|---|---|---|",
    ]
    for goal, middle, low, high, met in found:
        memory = goal.table == "memory"
        interval = "" if memory else f"{low:.3f} to {high:.3f}"
        cells = f"{goal.family}, {goal.size:,}", goal.peer, "memory" if memory else "time", f"{middle:.3f}", interval
        lines.append(f"| {' | '.join(cells)} | {goal.most:.3g} | {'met' if met else 'missed'} |")
    lines += ["", "Relative errors in float32 against float64, 300 aligned pairs, d = 32:", ""]
    lines += ["| loss | temperature | | value | gradient |", "|---|---|---|---|---|"]
    lines += [f"| {f} | {t} | {peer} | {v:.0e} | {g:.0e} |" for f, t, peer, v, g in accuracy.rows()]
    lines += ["", "Growth exponents from N = 1,024 up:", "", "| loss | | time | memory |", "|---|---|---|---|"]
    for key, slope in growth[0].items():
        lines.append(f"| {key[0]} | {key[1]} | {slope:.2f} | {growth[1].get(key, np.nan):.2f} |")
    reasons = [f"{label} ({reason.splitlines()[0][:80]})" for label, reason in missing.items()]
    return "\n".join([*lines, "", f"Absent: {'; '.join(reasons) or 'nobody'}."])


def processor():
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "an unnamed processor"


def _version(name):
    try:
        return peers.version(name)
    except ImportError:
        return f"{name} absent"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes only, under three minutes")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    peers.prepare()
    folder = runtime.ROOT / ("build/benchmarks" if quick else "figures/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    print(f"expected: {'3' if quick else '13'} minutes")
    began = time.perf_counter()
    steps = len(list(contests(quick))) + sum(len(sizes[:1] if quick else sizes) for sizes in MEMORY.values())
    with tqdm(total=steps) as bar:
        times, missing = timings(quick, bar)
        memory = memories(quick, bar)
    accuracy, allocator = accuracies(), tuned()
    found = list(verdicts(times, memory, allocator))
    for name, table in {"time": times, "memory": memory, "accuracy": accuracy, "tuned": allocator}.items():
        files.write_text(folder / f"{name}.csv", files.csv_text(table.columns))
    draw(times, 3, folder / "time.png", "forward and backward, ms")
    draw(memory, 3, folder / "memory.png", "peak above inputs, MiB")
    draw_ratios(found, folder / "ratios.png")
    growth = exponents(times, 3), exponents(memory, 3)
    text = readme(found, missing, growth, accuracy, time.perf_counter() - began)
    print(text)
    if not quick:
        fixed = (HERE / "README.md").read_text().split("<!-- measured -->")[0]
        files.write_text(HERE / "README.md", fixed + "<!-- measured -->\n\n" + text + "\n")


if __name__ == "__main__":
    main()
