"""What can catch a fault, and running it: tests and claims that execute the faulty statement.

Everything runs in a scratch copy of the sources. One warm process imports the libraries, then forks: once for a test
file or claim without a fault, to see which lines it executes, and for every fault. Only what executes the faulty
statement can notice it, so only that is run.
"""

import ast
import contextlib
import gc
import importlib
import io
import json
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import coverage
import pytest

from . import places

HEAVY = (
    "torch torch.func torch.nn.functional numpy scipy.stats scipy.optimize scipy.sparse.linalg scipy.sparse.csgraph "
    "scipy.integrate scipy.special sklearn.cluster sklearn.linear_model sklearn.neighbors sklearn.datasets nbformat "
    "matplotlib.pyplot tqdm joblib threadpoolctl networkx npeet_plus"
).split()
# Seconds of CPU: what a run without the fault takes, times the factor, and a constant.
FACTOR, CONSTANT = 5, 15
WALL = 6  # times the limit in CPU seconds, on a busy machine
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
    if late or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
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
        self.root = Path(root)

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
            cell = content["cells"][fault.cell]
            cell["source"] = fault.put_into("".join(cell["source"])).splitlines(keepends=True)
            wrong = json.dumps(content)
        try:
            path.write_text(wrong, encoding="utf-8")
            # compiled code is kept by time and size: no fault may look like the original
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 10**12))
            yield
        finally:
            path.write_bytes(right)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def enter(self, *, bytecode):
        """Make a fork see the copy only."""
        for name in [name for name in sys.modules if name.split(".")[0] in ("helpers", "mutants", "claim_cells")]:
            del sys.modules[name]
        for variable in PLAIN:
            os.environ.pop(variable, None)
        for variable in ("HOME", "TMPDIR", "MPLCONFIGDIR"):
            os.environ.setdefault(variable, str(self.folder))
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.folder)
        os.environ |= {"PYTHONPATH": str(self.copy), "DEVICE": "cpu"}
        sys.dont_write_bytecode = not bytecode
        if not bytecode:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        original = {os.path.realpath(self.root), os.path.realpath(self.root / "tests"), ""}
        sys.path[:] = [str(self.copy)] + [p for p in sys.path if p and os.path.realpath(p) not in original]
        importlib.invalidate_caches()
        os.chdir(self.copy)


class _Chosen:
    """A plugin that keeps the chosen tests, in the chosen order, and says which fails first."""

    def __init__(self, chosen, say, follow=None):
        self.order = None if chosen is None else {name: k for k, name in enumerate(chosen)}
        self.say, self.follow, self.start = say, follow, 0.0

    def pytest_collection_modifyitems(self, items):
        if self.order is not None:
            items[:] = sorted((i for i in items if i.nodeid in self.order), key=lambda i: self.order[i.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item):
        if self.follow is not None:
            self.follow.switch_context(item.nodeid)
        self.start, self.failed = time.process_time(), None
        result = yield
        self.say({"test": item.nodeid, "seconds": time.process_time() - self.start, "failed": self.failed})
        if self.follow is not None:
            self.follow.switch_context("")
        return result

    def pytest_runtest_makereport(self, item, call):
        if call.excinfo is not None and not call.excinfo.errisinstance(pytest.skip.Exception):
            name = call.excinfo.type.__name__
            self.failed = "doctest" if "DocTest" in name or "MultipleDoctest" in name else name

    def pytest_collectreport(self, report):
        if report.failed:
            self.say({"test": report.nodeid, "seconds": 0.0, "failed": "import"})


def _pytest(files, plugin, *, first):
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:nbval", "-p", "no:anyio", "-m", "not slow", "--tb=no"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main([*options, *(["-x"] if first else []), *files], plugins=[plugin])


class Net:
    """Which tests and claims execute which lines, looked at when first asked for.

    Parameters
    ----------
    scratch : Scratch
    cache : Path, optional
        Folder that keeps what was seen of a file, under the digest of the code.
    progress : callable
        Given a line of text.

    Attributes
    ----------
    unfit : dict of str to str
        Tests and claims that fail in the scratch copy without a fault: they can catch nothing.
    """

    def __init__(self, scratch, *, cache=None, progress=print):
        self.scratch, self.cache, self.progress = scratch, cache, progress
        self.unfit, self._seen = {}, {}
        self.modules = {
            path.relative_to(scratch.copy).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((scratch.copy / "helpers").rglob("*.py"))
        }
        tests = sorted((scratch.copy / "tests").glob("*_test.py"))
        texts = {path.relative_to(scratch.copy).as_posix(): path.read_text(encoding="utf-8") for path in tests}
        texts.pop("tests/mutants_test.py", None)
        support = "".join(path.read_text() for path in sorted((scratch.copy / "tests").glob("*.py")) if path not in tests)
        self.code = places.digest("".join(self.modules.values()))
        self.texts, self.support = texts, support
        self._needs = {name: imported(text, name, self.modules) for name, text in (self.modules | texts).items()}
        self._reached = {name: _closure(self._needs, name) for name in self._needs}
        self.formulas = places.modules(scratch.copy)
        self.claims = {}
        for path in sorted((scratch.copy / "notebooks").glob("*.ipynb")):
            for label, cells in claim_cells(scratch.copy, path.stem).items():
                self.claims[path.stem, label] = cells
        self._setup = {}

    # -- what can notice a fault of a module ------------------------------------------------------------
    def own_files(self, path):
        """Where the tests of a module stand: itself, for its doctests, and the test files that import it; list."""
        own = [name for name in self.texts if path in self._needs[name]]
        stem = Path(path).stem
        own.sort(key=lambda name: (Path(name).stem != f"{stem}_test", len(self._needs[name])))
        return ([path] if ">>>" in self.modules[path] else []) + own

    def neighbour_files(self, path):
        """Other test files that reach the module through what they import, and doctests of what imports it; list."""
        files = [name for name in self.texts if path in self._reached[name] and path not in self._needs[name]]
        users = [name for name, text in self.modules.items() if path in self._needs[name] and ">>>" in text]
        return sorted(users) + sorted(files, key=lambda name: len(self._reached[name]))

    def claims_near(self, path):
        """Claims whose cells use a module that reaches this one, those that use it themselves first; list."""
        near = []
        for name in self.claims:
            used = self.used_by(name)
            if path in used:
                near.append((0, name))
            elif any(path in self._reached[other] for other in used):
                near.append((1, name))
        return [name for _, name in sorted(near, key=lambda pair: pair[0])]

    def used_by(self, name):
        """Modules of ``helpers`` that the cells of a claim name; a set of str."""
        found = set()
        for path in {path for path, _, _ in self.claims[name]}:
            if path not in self._setup:
                cells = json.loads(self.scratch.text(path))["cells"]
                setup = "".join(next(c["source"] for c in cells if "setup" in c["metadata"].get("tags", [])))
                self._setup[path] = _bound(setup, self.modules)
            words = set(re.findall(r"\w+", " ".join(source for where, _, source in self.claims[name] if where == path)))
            found |= {module for alias, module in self._setup[path].items() if alias in words}
        return found

    # -- what they execute ----------------------------------------------------------------------------
    def tests(self, file):
        """Tests of a file, doctests if it is a module: dict of name to (CPU seconds, lines by module)."""
        text = self.modules.get(file) or self.texts[file]
        found = self._look(file, text + self.support, lambda give: _look_at_tests(self.scratch, file, give)) or {}
        self.unfit |= {test: failed for test, (_, _, failed) in found.items() if failed}
        return {test: (seconds, lines) for test, (seconds, lines, failed) in found.items() if not failed}

    def claim(self, name):
        """CPU seconds of a claim and the lines it executes, or None if it fails without a fault."""
        text = json.dumps(self.claims[name])
        found = self._look(" ".join(name), text, lambda give: _look_at_claim(self.scratch, name, give))
        if found is None or found[2]:
            self.unfit[" ".join(name)] = "stopped" if found is None else found[2]
            return None
        return found[:2]

    def _look(self, label, text, work):
        if label in self._seen:
            return self._seen[label]
        kept = None if self.cache is None else self.cache / f"{places.digest(self.code + label + text)}.pickle"
        if kept is not None and kept.exists():
            found = pickle.loads(kept.read_bytes())
        else:
            self.progress(f"  looking at {label}")
            found = _through_a_file(self.scratch, work)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(pickle.dumps(found))
        self._seen[label] = found
        return found


def hits(fault, lines):
    """Whether what executes these lines (sets by module) executes the statement of a fault."""
    if fault.path not in lines:
        return False
    return fault.first == 0 or bool(lines[fault.path] & set(range(fault.first, fault.last + 1)))


def imported(text, path, modules):
    """Modules of ``helpers`` that a module or a test imports by name, as paths; a set of str."""
    inside, found = path.removesuffix(".py").split("/"), set()
    inside = inside[:-1]
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else []
            base = base + (node.module.split(".") if node.module else [])
            names = [base, *([*base, alias.name] for alias in node.names)]
        else:
            continue
        for parts in names:
            for name in ("/".join(parts) + ".py", "/".join([*parts, "__init__.py"])):
                if name in modules and name != path:
                    found.add(name)
    return found


def _bound(setup, modules):
    """Names that a set-up cell binds to modules of ``helpers``, or to what they hold: dict of name to path."""
    found = {}
    for node in ast.walk(ast.parse(setup)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "helpers":
            base = node.module.replace(".", "/")
            for alias in node.names:
                for name in (f"{base}/{alias.name}.py", f"{base}/{alias.name}/__init__.py", f"{base}.py", f"{base}/__init__.py"):
                    if name in modules:
                        found[alias.asname or alias.name] = name
                        break
    return found


def _closure(needs, start):
    reached, waiting = set(), [start]
    while waiting:
        for other in needs.get(waiting.pop(), ()):
            if other not in reached:
                reached.add(other)
                waiting.append(other)
    return reached


def _through_a_file(scratch, work):
    """What ``work`` gives to its argument, in a fork: large values go through a file."""
    target = scratch.folder / "seen.pickle"
    target.unlink(missing_ok=True)
    forked(lambda _: work(lambda value: target.write_bytes(pickle.dumps(value))), seconds=600)
    return pickle.loads(target.read_bytes()) if target.exists() else None


def _followed(scratch):
    return coverage.Coverage(
        data_file=None, config_file=False, source=[str(scratch.copy / "helpers")], messages=False
    )


def _lines(scratch, follow):
    """Context to file to set of lines."""
    data, found = follow.get_data(), {}
    for file in data.measured_files():
        name = Path(file).relative_to(scratch.copy).as_posix()
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in contexts:
                found.setdefault(context, {}).setdefault(name, set()).add(line)
    return found


def _look_at_tests(scratch, name, give):
    scratch.enter(bytecode=True)
    follow, said = _followed(scratch), []
    follow.start()
    _pytest([name], _Chosen(None, said.append, follow), first=False)
    follow.stop()
    lines = _lines(scratch, follow)
    give({each["test"]: (each["seconds"], lines.get(each["test"], {}), each["failed"]) for each in said})


def _look_at_claim(scratch, name, give):
    scratch.enter(bytecode=True)
    follow, start = _followed(scratch), time.process_time()
    follow.start()
    groups = importlib.import_module("helpers.collection.groups")
    follow.switch_context("claim")
    try:
        verdict = judge_claim(groups, *name)
        failed = verdict["failed"] or ("stored numbers" if verdict["moved"] else None)
    except Exception as error:
        failed = type(error).__name__
    follow.stop()
    give((time.process_time() - start, _lines(scratch, follow).get("claim", {}), failed))


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


def claim_cells(root, notebook):
    """Code cells of every claim of a notebook: dict of id to list of (path below the root, cell, source)."""
    found = {}
    for path in (f"notebooks/{notebook}.ipynb", f"notebooks/appendix/{notebook}.ipynb"):
        if not (root / path).exists():
            continue
        for k, cell in enumerate(json.loads((root / path).read_text(encoding="utf-8"))["cells"]):
            if cell["cell_type"] == "code":
                for tag in cell["metadata"].get("tags", []):
                    if tag.startswith("claim:"):
                        found.setdefault(tag[6:], []).append((path, k, "".join(cell["source"])))
    return found


def try_tests(scratch, chosen):
    """Run tests until one fails.

    Parameters
    ----------
    scratch : Scratch
    chosen : dict of str to float
        CPU seconds of every test, in the order to run them.

    Returns
    -------
    (str, str) or None
        The test that caught the fault, and how.
    """
    if not chosen:
        return None
    files = list(dict.fromkeys(name.split("::")[0] for name in chosen))

    def work(say):
        scratch.enter(bytecode=False)
        _pytest(files, _Chosen(list(chosen), say), first=True)

    said, end = forked(work, seconds=CONSTANT + FACTOR * sum(chosen.values()))
    for each in said:
        if each["failed"]:
            return each["test"], each["failed"]
    if end != "done":
        done = {each["test"] for each in said}
        return next((name for name in chosen if name not in done), files[0]), end
    return None


def try_claim(scratch, name, seconds):
    """Run one claim: as :func:`judge_claim`, with "timeout" or "crash" where it ended so."""

    def work(say):
        scratch.enter(bytecode=False)
        say(judge_claim(importlib.import_module("helpers.collection.groups"), *name))

    said, end = forked(work, seconds=CONSTANT + FACTOR * seconds)
    return said[0] if said else {"failed": end, "moved": []}
