"""Pull the cable: ``make pulled`` ends runs at random moments and prints what the next run makes of it.

A small collection (one paper, one recorded table, the helpers of this clone) is copied to a temporary folder. Runs of
it are ended by SIGKILL and SIGINT, meet a full disk, a folder that cannot be written, a second run at the same time;
the folder is copied and moved; a set-up is broken off. What is looked at:

- **broken**: files that are neither as before nor as after a whole run (hidden unfinished files do not count yet);
- **left**: processes that live a minute after their run ended (one that is still importing ends when it has);
- **unclear**: ends that print a traceback, or not the one line that says what happened;
- **other**: files that differ, or are too many or too few, after the next whole run from those of an undisturbed run.

``python tests/pulled.py --notebook 05`` pulls at a real paper instead of the small one, ``--times 20`` as often for
every kind. Exit status 1 if anything but zeros was counted.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import nbformat
import small_papers

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "tests" / "pulled.md"
LATEST = []  # runs that may still go on; never more than two at once
SERIES = 5  # ends between two whole runs
PATIENCE = 900  # seconds that a whole run may take
CODE = """
import matplotlib.pyplot as plt
from helpers.ledger import open_notebook
run, ledger, gallery = open_notebook("98_small", place="{place}")
"""
CLAIM = """
with ledger.{method}("T-{number}") as claim:
    claim.identity("{place} of {number}", {value}, 1.0, tolerance=1e-12)
    claim.control("two", 1.0, 2.0)
"""
FIGURE = """
fig, ax = plt.subplots()
_ = ax.plot([{value}, 2])
gallery.show(fig, "line{number}", data={{"y": [{value}, 2.25]}})
"""
TABLE = '''
"""A table that is recorded in seconds."""
import torch
from helpers import training

NOTEBOOK, ABOUT = "98_small", "how a line is fitted"
CONSTANTS, CELLS, SEEDS = {"epochs": 60}, [{"rate": 0.1}, {"rate": 0.2}, {"rate": 0.3}], (0, 1)


def measure(settings, seed, device, scratch):
    generator = torch.Generator().manual_seed(seed)
    data, model = torch.randn(64, 2, generator=generator), torch.nn.Linear(2, 1)
    torch.nn.init.zeros_(model.weight), torch.nn.init.zeros_(model.bias)
    losses = training.fit(
        model, lambda model, batch, generator: (model(batch) - batch.sum(1, keepdim=True)).square().mean(), data,
        epochs=settings["epochs"], batch=16, learning_rate=settings["rate"], seed=seed, checkpoint=scratch, minutes=0.0,
    )
    return {"loss": losses[-1], "weight": float(model.weight.detach().sum())}


def draw(recording):
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots()
    ax.plot(recording.values("loss", rate=0.1))
    return fig
'''
# Made of the ledgers there are, also after a notebook that had to stop.
PAGES = ("CLAIMS.md", "README.md")
# Parts of a recorded table that say when it was measured.
WHEN = ("date", "wall_seconds", "processes")
BACKEND = """
import os, zipfile

NAME = "contrastive_theory_checked-0.1.0"


def build_editable(folder, config_settings=None, metadata_directory=None):
    name = NAME + "-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("__editable__." + NAME + ".pth", os.getcwd() + "\\n")
        wheel.writestr(NAME + ".dist-info/METADATA", "Metadata-Version: 2.1\\nName: contrastive-theory-checked\\nVersion: 0.1.0\\n")
        wheel.writestr(NAME + ".dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(NAME + ".dist-info/RECORD", "")
    return name
"""  # noqa: E501


# -- small collections -----------------------------------------------------------------------------------
def small(folder, *, value=1.0):
    """A clone with one small paper and one table; ``value`` changes its plotted numbers, not its claims."""
    shutil.copytree(ROOT / "helpers", folder / "helpers", ignore=shutil.ignore_patterns("__pycache__"))
    files = {"helpers/papers/spectral_clustering/tables/tiny.py": TABLE}
    for name, text in files.items():
        (folder / name).write_text(text)
    (folder / "notebooks" / "appendix").mkdir(parents=True)
    figures = {f"figure__line{number}": small_papers.FIGURE for number in range(4)}
    second = small_papers.CLAIM | {"title": "two is two", "where": "appendix"}
    small_papers.write(
        folder / "notebooks",
        "98_small",
        small_papers.content(paper__form="essay", claim__T_2=second, **figures),
    )
    essay = [CODE.format(place="essay"), CLAIM.format(method="claim", number=1, place="essay", value=1.0)]
    essay += [FIGURE.format(number=number, value=value + number) for number in range(4)]
    appendix = [CODE.format(place="appendix")]
    appendix += [CLAIM.format(method=how, number=n, place="appendix", value=1.0) for how, n in MORE]
    for place, cells in (("", essay), ("appendix", appendix)):
        code = [nbformat.v4.new_code_cell(source) for source in [*cells, "gallery.finish()\nledger.finish()"]]
        for number, cell in enumerate(code):
            cell["id"] = f"cell-{number}"
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("## Small", id="head"), *code])
        nbformat.write(notebook, folder / "notebooks" / place / "98_small.ipynb")
    return folder


MORE = (("more", 1), ("claim", 2))


def real(folder):
    """A clone with the papers of this one, without stored figures."""
    hidden = shutil.ignore_patterns("__pycache__")
    for name in ("helpers", "notebooks", "data", "figures/recorded"):
        shutil.copytree(ROOT / name, folder / name, ignore=hidden)
    (folder / "helpers/papers/spectral_clustering/tables/tiny.py").write_text(TABLE)
    return folder


def tree(folder):
    """Path to content of every file below a folder that is not hidden, of tables without when they were measured."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            found[str(path.relative_to(folder))] = _timeless(path)
    return found


def _timeless(path):
    content = path.read_bytes()
    if path.name == "tiny.json":
        table = json.loads(content)
        rows = [{key: value for key, value in row.items() if key != "seconds"} for row in table["rows"]]
        return json.dumps({key: value for key, value in table.items() if key not in WHEN} | {"rows": rows})
    return content


def hidden(folder):
    """Unfinished files below a folder."""
    return [path for path in Path(folder).rglob(".*") if path.is_file()]


# -- a run -----------------------------------------------------------------------------------------------
@dataclass
class Ended:
    """How a run ended: exit status, what it said, seconds since it was told to end."""

    status: int
    said: str
    seconds: float = 0.0

    @property
    def last(self):
        """The last line that is no progress bar."""
        lines = [line.strip() for line in self.said.replace("\r", "\n").splitlines()]
        return next((line for line in reversed(lines) if line and "cells," not in line and "it/s]" not in line), "")


class Run:
    """A command in a clone, in a session of its own; ``mark`` is in the environment of all it starts."""

    def __init__(self, arguments, folder, *, before=(), **variables):
        self.mark, self.folder = f"pulled-{random.getrandbits(64):x}", Path(folder)
        inherited = {
            key: value for key, value in os.environ.items() if key not in ("OUTPUT", "SEED", "PROFILE", "PYTHONPATH")
        }
        environment = inherited | {"PYTHONPATH": str(folder), "PULLED": self.mark, "DEVICE": "cpu"} | variables
        self.output = tempfile.TemporaryFile("w+")  # noqa: SIM115 -- closed at its end
        self.process = subprocess.Popen(
            [*before, sys.executable, *arguments],
            cwd=folder,
            env=environment,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        LATEST[:] = [*LATEST[-1:], self]

    def end(self, number=None, *, everything=False):
        """Send a signal, or none, and wait, once; returns an :class:`Ended`."""
        start = time.monotonic()
        if number is not None:
            kill = os.killpg if everything and number == signal.SIGINT else os.kill  # as a terminal does
            for target in self.living() if everything and number == signal.SIGKILL else [self.process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    kill(target, number)
        status = self.process.wait(PATIENCE)
        taken = time.monotonic() - start
        with self.output:
            self.output.seek(0)
            return Ended(status, self.output.read(), taken)

    def living(self):
        """Processes that this run started, itself first."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                here = f"PULLED={self.mark}".encode() in (path / "environ").read_bytes()
                dead = (path / "stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
            except OSError:
                continue
            if here and not dead:
                found.append(int(path.name))
        return sorted(found)

    def left(self, seconds=60.0):
        """How many of them live so many seconds later; these are ended."""
        deadline = time.monotonic() + seconds
        while (living := self.living()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for number in living:
            os.kill(number, signal.SIGKILL)
        return len(living)


def whole(arguments, folder, **options):
    """Let a command come to its end."""
    return Run(arguments, folder, **options).end()


@dataclass
class Line:
    """A line of the table."""

    what: str
    how: str
    times: int = 0
    hit: int = 0
    broken: int = 0
    left: int = 0
    unclear: int = 0
    other: int = 0
    slowest: float = 0.0
    notes: list = field(default_factory=list)

    @property
    def good(self):
        """Nothing of what must not be; and what was tried met a run at work, or else nothing was tried."""
        return not (self.broken or self.left or self.unclear or self.other) and (self.hit > 0 or not self.times)

    def compare(self, folder, *allowed, finished=False, but=()):
        """Count files that are as in none of the trees allowed; if ``finished``, missing and unfinished ones too."""
        here = {name: content for name, content in tree(folder).items() if name not in but}
        wrong = [name for name, content in here.items() if all(content != state.get(name) for state in allowed)]
        if finished:
            wrong += [name for name in allowed[0] if name not in here]
            wrong += [str(path.relative_to(folder)) for path in hidden(folder)]
            self.other += len(wrong)
        else:
            self.broken += len(wrong)
        if wrong:
            self.notes.append(("differ at the end: " if finished else "broken: ") + ", ".join(sorted(wrong)[:4]))

    def clear(self, ended, *words):
        """Count an end that is a traceback or whose last line holds none of these words."""
        if "Traceback" in ended.said or not any(word in ended.last for word in words):
            self.unclear += 1
            self.notes.append(f"status {ended.status}, said: {ended.last[:160]!r}")


# -- trials ----------------------------------------------------------------------------------------------
def ended_at_random(what, arguments, clone, target, reference, old, seconds, *, number, times, chance, tidy):
    """End a command again and again, let it finish after every fifth end, and compare with the undisturbed run.

    Half of the ends come at a moment of the run's time, half when some file has just appeared.
    """
    line, ended = Line(what, number.name), Ended(0, "")
    for trial in range(times):
        if trial % SERIES == 0 or ended.status == 0:  # what is finished may not be run again
            shutil.rmtree(target, ignore_errors=True)
            tidy()
            if (trial // SERIES) % 2:  # every second series finds an older run
                shutil.copytree(old, target, dirs_exist_ok=True)
        before = (old and tree(old)) or {}
        run = Run(arguments[trial % len(arguments)], clone)
        if trial % 2:
            _wait(run, chance.uniform(0, 1.1 * seconds))
        else:
            _wait_for_files(run, target, chance.randint(1, 6), 3 * seconds + 60)
        running = run.process.poll() is None
        ended = run.end(number, everything=trial % 4 == 3)
        line.times, line.hit = line.times + 1, line.hit + (running and ended.status != 0)
        if number == signal.SIGINT:
            line.slowest = max(line.slowest, ended.seconds)
            if ended.status not in (0, -number):  # before Python listens to signals, or when all is said
                line.clear(ended, "interrupted")
        line.left += run.left()
        line.compare(target, reference, before)
        if trial % SERIES == SERIES - 1 or trial == times - 1:
            last = whole(arguments[0], clone)
            if last.status != 0:
                line.unclear += 1
                line.notes.append(f"the next run: status {last.status}, {last.last[:160]!r}")
            line.compare(target, reference, finished=True)
        print(f"  {what}, {number.name}: {trial + 1} of {times}", file=sys.stderr)
    return line


def _wait(run, seconds):
    deadline = time.monotonic() + seconds
    while run.process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)


def _wait_for_files(run, target, count, seconds):
    """Until so many files have come, gone or changed below a folder, unfinished ones included."""
    deadline, events, seen = time.monotonic() + seconds, 0, _names(target)
    while run.process.poll() is None and time.monotonic() < deadline and events < count:
        now = _names(target)
        events, seen = events + (now != seen), now
        time.sleep(0.0005)


def _names(folder):
    found = set()
    for path in Path(folder).rglob("*"):
        try:
            found.add((str(path), path.stat().st_mtime_ns))
        except OSError:
            continue
    return found


def full_disk(what, arguments, clone, target, reference, kilobytes):
    """A file system of a few kilobytes where the files go; then there is room again, and the run is repeated."""
    line = Line(what, "full disk")
    if subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True).returncode:
        line.notes.append("not tried: no right to mount a small file system")
        return line
    for size in kilobytes:
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as place:
            script = f"""
mount -t tmpfs -o size={size}k tmpfs {target} || exit 99
"$@" > {place}/said 2>&1; echo $? > {place}/status; cp -a {target} {place}/full
mount -o remount,size=100m {target}
"$@" > {place}/said-later 2>&1; echo $? > {place}/status-later; cp -a {target} {place}/later
"""
            Run(arguments, clone, before=["unshare", "-m", "sh", "-c", script, "sh"]).end()
            text = {name: (Path(place) / name).read_text() for name in ("said", "status", "said-later", "status-later")}
            first = Ended(int(text["status"]), text["said"])
            line.times, line.hit = line.times + 1, line.hit + (first.status != 0)
            line.compare(Path(place) / "full", reference, but=PAGES)
            if first.status != 0 and ("No space left" not in first.said or "Traceback" in first.said):
                line.unclear += 1
                line.notes.append(f"{size} kB: status {first.status}, {first.last[:160]!r}")
            if text["status-later"].strip() != "0":
                line.unclear += 1
                line.notes.append(f"with room again: {Ended(1, text['said-later']).last[:160]!r}")
            line.compare(Path(place) / "later", reference, finished=True)
        print(f"  {what}, full disk of {size} kB", file=sys.stderr)
    shutil.rmtree(target, ignore_errors=True)
    return line


def read_only(what, arguments, clone, words, *, status=2):
    """The clone mounted read-only, then as a user who may not write it; nothing is to change."""
    line = Line(what, "read-only")
    before = tree(clone)
    inner = 'mount --bind . . && mount -o remount,ro,bind . && cd $PWD && exec "$@"'
    ways = {"mounted": ["unshare", "-m", "sh", "-c", inner, "sh"], "nobody": NOBODY}
    for name, prefix in ways.items():
        if os.geteuid() != 0:
            line.notes.append(f"{name}: not tried, needs root")
            continue
        with tempfile.TemporaryDirectory() as home:
            os.chmod(home, 0o777)
            variables = {"HOME": home, "TMPDIR": home, "MPLCONFIGDIR": home, "PYTHONDONTWRITEBYTECODE": "1"}
            ended = Run(arguments, clone, before=prefix, **variables).end()
        line.times, line.hit = line.times + 1, line.hit + (ended.status == status)
        if ended.status != status:
            line.unclear += 1
            line.notes.append(f"{name}: status {ended.status}, {ended.last[:160]!r}")
        elif status:
            line.clear(ended, words)
    line.other += sum(before.get(name) != content for name, content in tree(clone).items())
    return line


NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def two_at_once(what, arguments, clone, target, reference, *, watched, tidy):
    """A second run while one is at work: it says so in one line, and the first ends as if alone."""
    line = Line(what, "two at once", times=1)
    shutil.rmtree(target, ignore_errors=True)
    tidy()
    first = Run(arguments, clone)
    _wait_for_files(first, watched, 2, PATIENCE)
    # it waits, holding what it writes: on a busy machine it could have ended before the second asks
    os.kill(first.process.pid, signal.SIGSTOP)
    second = whole(arguments, clone)
    os.kill(first.process.pid, signal.SIGCONT)
    line.hit += second.status == 2
    line.clear(second, "another run is writing")
    ended = first.end()
    line.unclear += ended.status != 0
    line.left += first.left()
    line.compare(target, reference, finished=True)
    return line


def copied_and_moved(what, arguments, clone, below, reference, seconds, chance):
    """The clone copied, then moved, in the middle of things; the run is repeated there."""
    line = Line(what, "copied, moved")
    for how in (shutil.copytree, shutil.move):
        shutil.rmtree(clone / below, ignore_errors=True)
        run = Run(arguments, clone)
        _wait(run, chance.uniform(0.5, 1) * seconds)
        run.end(signal.SIGKILL)
        run.left()
        other, before = clone.with_name(f"{clone.name} {how.__name__}"), tree(clone / below)
        how(clone, other)
        ended = whole(arguments, other)
        line.times, line.hit = line.times + 1, line.hit + 1
        line.unclear += ended.status != 0
        line.notes += [ended.last[:160]] * (ended.status != 0)
        line.compare(other / below, reference, finished=True)
        if how is shutil.copytree:
            line.other += tree(clone / below) != before  # the original is left alone
            shutil.rmtree(other)
        else:
            shutil.move(other, clone)
    return line


# -- set-up ----------------------------------------------------------------------------------------------
def packaged(folder):
    """A clone whose requirements are one package of two thousand files, beside it; needs no network."""
    (folder / "helpers").mkdir(parents=True)
    shutil.copy(ROOT / "helpers" / "environment.py", folder / "helpers")
    (folder / "helpers" / "__init__.py").write_text("")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "contrastive-theory-checked"\nversion = "0.1.0"\n'
    )
    wheel = folder / "many-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for number in range(2000):
            archive.writestr(f"many/part{number}.py", f"value = {number}\n")
        about = "Metadata-Version: 2.1\nName: many\nVersion: 1.0\n"
        archive.writestr("many/__init__.py", "def main():\n    print('many')\n")
        archive.writestr("many-1.0.dist-info/METADATA", about)
        archive.writestr("many-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("many-1.0.dist-info/entry_points.txt", "[console_scripts]\nmany = many:main\n")
        archive.writestr("many-1.0.dist-info/RECORD", "")
    (folder / "requirements.txt").write_text(f"{wheel}\n")
    return folder


def broken_off(clone, *, number, times, chance):
    """A set-up ended at random moments; after every second end it is let go on, and has to be whole."""
    line, offline = Line("set-up", number.name), {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    setup = [str(clone / "helpers" / "environment.py")]
    start = time.monotonic()
    ended = whole(setup, clone, **offline)
    seconds = time.monotonic() - start
    if ended.status != 0:
        line.notes.append(f"not tried: {ended.last[:160]!r}")
        return line
    for trial in range(times):
        if trial % 2 == 0:
            shutil.rmtree(clone / ".venv")
        run = Run(setup, clone, **offline)
        # from its second half on packages are being installed
        _wait(run, seconds * chance.uniform(*((0, 1) if trial % 2 == 0 else (0.3, 1))))
        ended = run.end(number, everything=bool(trial % 4 < 2))
        line.times, line.hit = line.times + 1, line.hit + (ended.status != 0)
        if number == signal.SIGINT and ended.status not in (0, -number):
            line.slowest = max(line.slowest, ended.seconds)
            line.clear(ended, "interrupted")
        if trial % 4 < 2:  # otherwise what is left goes on alone, and the next set-up waits for it
            line.left += run.left()
        if trial % 2 or trial == times - 1:
            ended = whole(setup, clone, **offline)
            line.unclear += ended.status != 0
            line.notes += [f"the next set-up: {ended.last[:160]!r}"] * (ended.status != 0)
            programs = clone / ".venv" / "bin"
            asked = "import helpers, many, many.part0, many.part1999"
            good = subprocess.run([programs / "python", "-c", asked], capture_output=True).returncode == 0
            good = good and (programs / "many").exists()
            good = good and subprocess.run([programs / "many"], capture_output=True, text=True).stdout == "many\n"
            line.other += not good
            line.notes += [f"packages are incomplete: {ended.said[-300:]!r}"] * (not good)
        print(f"  set-up, {number.name}: {trial + 1} of {times}", file=sys.stderr)
    return line


# -- all of it -------------------------------------------------------------------------------------------
def figures_trials(folder, *, times, chance, notebook=""):
    """Lines for ``make figures``; ``notebook`` chooses a real paper."""
    clone = real(folder / "clone") if notebook else small(folder / "clone")
    command, target = ["-m", "helpers", "run", notebook], clone / "figures"
    start = time.monotonic()
    first = whole(command, clone)
    seconds = time.monotonic() - start
    if first.status != 0:
        raise RuntimeError(f"the undisturbed run ended with status {first.status}: {first.last}")
    reference = tree(target)
    old = folder / "old"
    if notebook:
        shutil.copytree(target, old)
    else:
        shutil.copytree(_figures_of(small(folder / "older", value=5.0), command), old)

    def tidy():
        if notebook:  # notebooks read the recorded tables
            shutil.copytree(ROOT / "figures" / "recorded", target / "recorded", dirs_exist_ok=True)

    print(f"  an undisturbed run takes {seconds:.0f} s", file=sys.stderr)
    what = f"make figures{' NB=' * bool(notebook)}{notebook}"
    for number in (signal.SIGKILL, signal.SIGINT):
        options = {"number": number, "times": times, "chance": chance, "tidy": tidy}
        yield ended_at_random(what, [command], clone, target, reference, old, seconds, **options)
    if notebook:
        return
    yield full_disk(what, command, clone, target, reference, (8, 24, 60, 100))
    yield read_only(what, command, clone, "nothing was run")
    yield read_only("make claims", ["-m", "helpers", "claims"], _with(clone, reference), "", status=0)
    yield two_at_once(what, command, clone, target, reference, watched=target, tidy=tidy)
    yield copied_and_moved(what, command, clone, "figures", reference, seconds, chance)


def _figures_of(clone, command):
    ended = whole(command, clone)
    if ended.status != 0:
        raise RuntimeError(f"an older run ended with status {ended.status}: {ended.last}")
    return clone / "figures"


def _with(clone, reference):
    """The clone with the stored figures of a whole run."""
    for name, content in reference.items():
        path = clone / "figures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return clone


def record_trials(folder, *, times, chance):
    """Lines for ``make record``."""
    clone = small(folder / "clone")
    target, rows = clone / "figures" / "recorded", clone / "build" / "record"
    commands = [["-m", "helpers", "record", "tiny", "--jobs", jobs] for jobs in ("1", "2")]
    start = time.monotonic()
    first = whole(commands[0], clone)
    seconds = time.monotonic() - start
    if first.status != 0:
        raise RuntimeError(f"the undisturbed recording ended with status {first.status}: {first.last}")
    reference = tree(target)

    def tidy():
        shutil.rmtree(rows, ignore_errors=True)

    print(f"  an undisturbed recording takes {seconds:.0f} s", file=sys.stderr)
    old = folder / "old"
    old.mkdir()  # a finished table is not measured again: every series starts from nothing
    for number in (signal.SIGKILL, signal.SIGINT):
        options = {"number": number, "times": times, "chance": chance, "tidy": tidy}
        yield ended_at_random("make record", commands, clone, target, reference, old, seconds, **options)
    tidy()
    yield full_disk("make record", commands[0], clone, target, reference, (2, 8))
    tidy()
    yield read_only("make record", commands[0], clone, "nothing was run")
    yield two_at_once("make record", commands[0], clone, target, reference, watched=rows, tidy=tidy)


def setup_trials(folder, *, times, chance):
    """Lines for the set-up that every command starts with."""
    clone = packaged(folder / "clone")
    for number in (signal.SIGKILL, signal.SIGINT):
        yield broken_off(clone, number=number, times=times, chance=chance)


def table(lines):
    """The lines as text."""
    head = ["what", "how", "times", "hit", "broken", "left", "unclear", "other", "slowest end"]
    rows = [head] + [
        [
            line.what,
            line.how,
            *(str(n) for n in (line.times, line.hit, line.broken, line.left, line.unclear, line.other)),
        ]
        + [f"{line.slowest:.1f} s" if line.slowest else ""]
        for line in lines
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(
        text + [f"{line.what}, {line.how}: {note}" for line in lines for note in dict.fromkeys(line.notes)]
    )


def page(lines, day):
    """The lines as Markdown, for :data:`KEPT`."""
    text = [
        "# Runs that were ended",
        "",
        f"Written by `make pulled` on {day}. A line is one way to end or hinder a command; times: how often, hit: how "
        "often it was still at work.",
        "Broken, left, unclear and other count what must not be: half-written files, processes that live on, ends "
        "without a clear word, and files that differ after the next whole run.",
        "",
    ]
    return "\n".join([*text, "```", table(lines), "```", ""])


TRIALS = {"figures": figures_trials, "record": record_trials, "setup": setup_trials}


def main(arguments=None):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description="End runs at random moments and look at what the next run makes of it."
    )
    parser.add_argument("--times", type=int, default=20, help="ends of every kind (20)")
    parser.add_argument("--notebook", default="", help="start of a paper's name, instead of the small one")
    parser.add_argument("--only", choices=TRIALS, help="one of the three parts")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--keep", action="store_true", help="write the table to tests/pulled.md")
    options = parser.parse_args(arguments)
    chance, lines = random.Random(options.seed), []
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # a shell starts what it puts into the background deaf to interrupts, and so would all runs be
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        _all_trials(options, chance, lines)
    finally:
        for run in LATEST:
            run.left(0.0)
    print(table(lines))
    if options.keep:
        KEPT.write_text(page(lines, date.today().isoformat()), encoding="utf-8")
    return int(not all(line.good for line in lines))


def _all_trials(options, chance, lines):
    for name in [options.only] if options.only else TRIALS:
        with tempfile.TemporaryDirectory(prefix="pulled-") as folder:
            os.chmod(folder, 0o755)
            extra = {"notebook": options.notebook} if name == "figures" else {}
            for line in TRIALS[name](Path(folder), times=options.times, chance=chance, **extra):
                lines.append(line)
                print(table([line]), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
