"""Running tests and claims with a fault in the sources.

Everything runs in a scratch copy. One warm process imports the libraries and forks for every run; the fork imports the
project, fault included, from the copy.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

HEAVY = (
    *("torch", "torch.func", "numpy", "scipy.stats", "scipy.optimize", "scipy.sparse.linalg", "scipy.sparse.csgraph"),
    *("scipy.integrate", "scipy.special", "sklearn.cluster", "sklearn.linear_model", "sklearn.neighbors", "nbformat"),
    *("sklearn.datasets", "matplotlib.pyplot", "tqdm", "joblib", "threadpoolctl", "networkx", "npeet_plus"),
)
# CPU seconds after which a test counts as endless; one that is not slow takes at most about five.
TEST = 30
WALL = 15  # times the limit in CPU seconds, on a busy machine
MEMORY = 8 << 30  # bytes on top of what the warm process has mapped
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", ".*_cache", "*.egg-info")
PLAIN = ("PROFILE", "SEED", "OUTPUT", "REDRAW", "STRICT")


def warm():
    """Import what every run needs, except the project itself."""
    import matplotlib

    matplotlib.use("Agg")
    for name in HEAVY:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or every fork would go through all of it again


def forked(function, *, seconds):
    """Run ``function(say)`` in a fork of this process.

    Parameters
    ----------
    function : callable
        Given a function that sends one JSON value back at once; what was said before a limit is kept.
    seconds : float
        Of CPU.

    Returns
    -------
    said : list
    end : str
        "done", "timeout", "crash" or "exception: ...".
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(function, reading, writing, seconds)
    os.close(writing)
    deadline, text, late = time.monotonic() + WALL * seconds, b"", False
    os.set_blocking(reading, False)
    status = None
    while status is None:
        text += _drain(reading)
        done, code = os.waitpid(pid, os.WNOHANG)
        if done:
            status = code
        elif time.monotonic() > deadline:
            late = True
            os.killpg(pid, signal.SIGKILL)
            status = os.waitpid(pid, 0)[1]
        else:
            time.sleep(0.01)
    text += _drain(reading)
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what the child started
    lines = text.decode().split("\n")[:-1]  # the last one may be half a line
    said = [json.loads(line) for line in lines]
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGPROF, signal.SIGKILL)):
        return said, "timeout"
    if os.WIFSIGNALED(status) or not said or said[-1].get("end") is None:
        return said, "crash"
    return said[:-1], said[-1]["end"]


def _drain(descriptor):
    text = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(descriptor, 1 << 16):
            text += piece
    return text


def _child(function, reading, writing, seconds):
    os.setsid()
    os.close(reading)
    silent = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(silent, descriptor)
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 3))
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))

    def say(value):
        line = (json.dumps(value) + "\n").encode()
        while line:
            line = line[os.write(writing, line) :]

    try:
        function(say)
        end = "done"
    except BaseException as error:
        end = f"exception: {type(error).__name__}"
    say({"end": end})
    os._exit(0)


class Scratch:
    """A copy of the sources in which faults are put; used as a context, it is gone afterwards.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root):
        self.root, self.faulty = Path(root), False

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self.copy = self.folder / "copy"
        shutil.copytree(self.root, self.copy, ignore=NOT_COPIED, symlinks=True)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def text(self, path):
        return (self.copy / path).read_text(encoding="utf-8")

    @contextlib.contextmanager
    def with_fault(self, fault):
        """Put the fault in; afterwards the file is what it was, its times included."""
        path = self.copy / fault.path
        right, times = path.read_bytes(), path.stat()
        if fault.cell < 0:
            wrong = fault.put_into(right.decode())
        else:
            content = json.loads(right)
            tag = f"claim:{fault.where}"
            tagged = [cell for cell in content["cells"] if tag in cell["metadata"].get("tags", [])]
            cell = tagged[fault.cell]
            cell["source"] = fault.put_into("".join(cell["source"])).splitlines(keepends=True)
            wrong = json.dumps(content)
        self.faulty = True
        try:
            path.write_text(wrong, encoding="utf-8")
            # compiled code is kept by time and size: no fault may look like the original
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 10**12))
            yield
        finally:
            path.write_bytes(right)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            self.faulty = False

    def enter(self):
        """Make a fork see the copy only."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("helpers", "mutants", "claim_cells")]:
            del sys.modules[name]
        for variable in PLAIN:
            os.environ.pop(variable, None)
        for variable in ("HOME", "TMPDIR", "MPLCONFIGDIR"):
            os.environ.setdefault(variable, str(self.folder))
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)
        os.environ |= {"PYTHONPATH": str(self.copy), "DEVICE": "cpu"}
        sys.dont_write_bytecode = self.faulty
        if self.faulty:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        original = {os.path.realpath(self.root), os.path.realpath(self.root / "tests"), ""}
        sys.path[:] = [str(self.copy)] + [p for p in sys.path if p and os.path.realpath(p) not in original]
        importlib.invalidate_caches()
        os.chdir(self.copy)


class Chosen:
    """A plugin that keeps the chosen tests and says how each ends.

    Parameters
    ----------
    chosen : dict of str to list of str
        Test functions by file; a module stands for all its doctests.
    say : callable
    """

    def __init__(self, chosen, say):
        self.chosen, self.say, self.failed = chosen, say, None

    def pytest_collection_modifyitems(self, items):
        order = list(self.chosen)

        def wanted(item):
            file, *names = item.nodeid.split("::")
            functions = self.chosen.get(file)
            return functions is not None and (not functions or names[0].split("[")[0] in functions)

        items[:] = sorted(filter(wanted, items), key=lambda item: order.index(item.nodeid.split("::")[0]))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        self.failed = None
        self.say({"begun": item.nodeid})
        signal.setitimer(signal.ITIMER_PROF, TEST)  # ends the process, even inside a library
        result = yield
        self.say({"test": item.nodeid, "failed": self.failed})
        return result

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            name = call.excinfo.type.__name__
            self.failed = "doctest" if "DocTest" in name or "MultipleDoctest" in name else name

    def pytest_collectreport(self, report):
        if report.failed:
            self.say({"test": report.nodeid, "failed": "import"})


def run_tests(scratch, chosen, *, first=True):
    """Run tests, in a fork, until one fails.

    Parameters
    ----------
    scratch : Scratch
    chosen : dict of str to list of str
        See :class:`Chosen`.
    first : bool
        False: run them all.

    Returns
    -------
    ended : dict of str to str or None
        How every test failed that ran to its end, None where it passed.
    end : str
        As of :func:`forked`; where it is not "done", the test that was running has that for its end.
    """
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:nbval", "-p", "no:anyio", "-m", "not slow"]
    options += ["--tb=no", *(["-x"] if first else [])]

    def work(say):
        scratch.enter()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            pytest.main([*options, *chosen], plugins=[Chosen(chosen, say)])

    # each has its own limit; a file of doctests counts as ten
    said, end = forked(work, seconds=TEST * (1 + sum(len(names) or 10 for names in chosen.values())))
    ended = {each["test"]: each["failed"] for each in said if "test" in each}
    if end != "done":
        begun = [each["begun"] for each in said if "begun" in each and each["begun"] not in ended]
        ended[begun[0] if begun else next(iter(chosen))] = end
    return ended, end


def judge_claim(groups, notebook, label):
    """Whether a claim fails, and whether its numbers moved: ``{"failed": str or None, "moved": list of str}``."""
    verdicts = importlib.import_module("helpers.ledger.verdicts")
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            record = groups.run_claim(notebook, label)
        except Exception as error:
            return {"failed": type(error).__name__, "moved": []}
    if not record["holds"]:
        return {"failed": "verdict", "moved": []}
    if not verdicts.passed(record):
        return {"failed": "control", "moved": []}
    from helpers.ledger import cards, claims, compare

    stored = claims.stored("figures", cards.load(notebook, folder=cards.FOLDER))
    return {"failed": None, "moved": compare.changes(stored[label], record) if label in stored else []}


def try_claim(scratch, name, *, seconds):
    """Run one claim in a fork: as :func:`judge_claim`, with "timeout" or "crash" where it ended so."""

    def work(say):
        scratch.enter()
        say(judge_claim(importlib.import_module("helpers.collection.groups"), *name))

    said, end = forked(work, seconds=seconds)
    return said[0] if said else {"failed": end, "moved": []}
