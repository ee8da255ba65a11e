"""Every claim at every seed: which fail, and how near the weakest checks and controls stand to their thresholds.

A row is one paper, essay and appendix, at one seed of the quick profile: ``build/seeds/<paper>-<seed>.json``, written
whole when both have run. A row counts while the code it judged stands (:func:`digest`), so an interrupted command goes
on where it was. After every row the table of all rows so far is written: ``seeds.csv`` (a line for every check and
every control), ``seeds.json`` (when, with which versions, of which code) and ``seeds.md`` (what to look at) below
``figures/recorded``.

The **margin** of a check or control is 1 at its threshold and larger the safer it is: threshold over measured for a
check whose measured number has to stay below, measured over threshold for its control, and one plus the slack in
units of the threshold where the measured number has to stay above. Where a standard error is known, the distance to
the threshold is also given in standard errors. A control whose distance is, on average over the seeds, fewer than
:data:`SAFE` standard errors, or fewer than :data:`SAFE` times its spread from seed to seed, may hold by luck more often
than once in a million runs.
"""

import ast
import functools
import hashlib
import json
import math
import os
import re
import shutil
import statistics
from datetime import date
from importlib import metadata
from platform import python_version

from scipy import special

from helpers import files, runtime
from helpers.ledger import cards, claims, verdicts

from . import notebooks, words

WORK = runtime.ROOT / "build" / "seeds"
STORE = runtime.ROOT / "figures" / "recorded"
HELPERS = runtime.ROOT / "helpers"
LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn")
# Standard errors between a control's mean and its threshold that leave 1e-6 on the wrong side (normal law, one side).
SAFE = float(-special.ndtri(1e-6))
ENOUGH = 5  # seeds from which on a spread says something
SHOWN = 20  # lines of a list in the summary
COLUMNS = (
    "notebook",
    "claim",
    "kind",
    "check",
    "breaks",
    "rule",
    "seeds",
    "wrong_at",
    "weakest_seed",
    "measured",
    "threshold",
    "margin",
    "standard_errors",
    "spread",
)


# -- what is asked for -----------------------------------------------------------------------------------
def parse(text):
    """Seeds from ``0..19``, ``3`` or ``0..4,7``; a sorted list of int, each once.

    Raises
    ------
    ValueError
        If a part is neither a number nor two of them in ascending order.

    >>> parse("0..2,7,1")
    [0, 1, 2, 7]
    """
    found = set()
    for part in text.split(","):
        first, dots, last = part.strip().partition("..")
        if not first.isdecimal() or (dots and not last.isdecimal()) or (dots and int(last) < int(first)):
            raise ValueError(f"seeds are {text!r}, expected numbers and ranges such as 0..19 or 0..4,7")
        found |= set(range(int(first), int(last or first) + 1))
    return sorted(found)


def digest(name):
    """Digest of the code that a row judges: what the verdicts of one paper depend on, and nothing else.

    These are the code cells of essay and appendix, the claims of the card without their prose, the recorded tables of
    the paper, and ``helpers`` without ``collection``, set-up and the rooms of papers that no cell names. Comments,
    docstrings and line breaks do not count.

    Parameters
    ----------
    name : str
        Of the paper's card.

    Returns
    -------
    str
    """
    folder = notebooks.NOTEBOOKS
    made = hashlib.sha256()

    def add(label, content):
        made.update(f"{label} {len(content)}\n".encode() + content)

    sources = []
    for path in (folder / f"{name}.ipynb", folder / "appendix" / f"{name}.ipynb"):
        if path.exists():
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            for cell in cells:
                if cell["cell_type"] == "code":
                    sources.append("".join(cell["source"]))
                    add("cell", _meaning(sources[-1]))
    card = cards.load(name, folder=folder)
    kept = {label: [claim["where"], claim.get("kind"), claim.get("instances")] for label, claim in card.claims.items()}
    add("card", json.dumps(kept).encode())
    rooms = {name.partition("_")[2], *re.findall(r"helpers\.papers\.(\w+)", "\n".join(sources))}
    for path in sorted(HELPERS.rglob("*.py")):
        parts = path.relative_to(HELPERS).parts
        other_room = parts[0] == "papers" and len(parts) > 2 and parts[1] not in rooms
        if parts[0] not in ("collection", "environment.py", "__main__.py") and not other_room:
            add("/".join(parts), _meaning(path.read_text(encoding="utf-8")))
    for path in sorted((STORE / name).glob("*.json")):
        add(path.name, path.read_bytes())
    return made.hexdigest()[:16]


@functools.cache
def _meaning(source):
    """A program without comments, docstrings and line breaks; as it stands where it cannot be parsed."""
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a cell with a magic
        return source.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree).encode()


# -- rows ------------------------------------------------------------------------------------------------
def measure(name, seed, *, code, workers=1):
    """Run essay and appendix of a paper at one seed, strictly, into a folder of their own; returns the row.

    Parameters
    ----------
    name : str
    seed : int
    code : str
        Digest of the code that is about to run.
    workers : int
        Notebooks at a time.

    Returns
    -------
    dict
        ``claims`` holds the records by id; ``stopped`` says why a notebook did not reach its ledger (empty if all did).
    """
    output = WORK / "running" / f"{name}-{seed}"
    shutil.rmtree(output, ignore_errors=True)  # of a command that was killed
    os.environ.update({"SEED": str(seed), "OUTPUT": str(output)})
    chosen = [path for path in notebooks.notebooks(name) if path.stem == name]
    outcomes = notebooks.execute(chosen, workers=workers, keep=WORK / "running" / "executed")
    card = cards.load(name, folder=notebooks.NOTEBOOKS)
    records = claims.stored(output, card)
    shutil.rmtree(output, ignore_errors=True)
    stopped = [
        f"{notebooks.label(outcome.path)} {outcome.failure}"
        for outcome in outcomes
        if outcome.failure is not None and "ClaimsFailed" not in outcome.failure
    ]
    return {
        "notebook": name,
        "seed": seed,
        "code": code,
        "date": date.today().isoformat(),
        "versions": versions(),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
        "missing": [label for label in card.claims if label not in records],
        "stopped": stopped,
        "claims": records,
    }


def versions():
    """Versions of Python and of the libraries that the verdicts depend on."""
    return {"python": python_version()} | {name: metadata.version(name) for name in LIBRARIES}


def rows(names):
    """The rows of the present code: a dict of name to dict of seed to row."""
    found = {}
    for name in names:
        code = digest(name)
        every = (files.read_json(path) for path in WORK.glob(f"{name}-*.json"))
        found[name] = {row["seed"]: row for row in sorted(every, key=lambda row: row["seed"]) if row["code"] == code}
    return found


def bad(row):
    """What went wrong in a row: a dict of claim id to the names of checks and controls, or to "not reached"."""
    found = {label: ["not reached"] for label in row["missing"]}
    for label, record in row["claims"].items():
        if not verdicts.passed(record):
            found[label] = [f"check {check['name']!r}" for check in record["checks"] if not check["holds"]]
            found[label] += [f"control {entry['breaks']!r}" for entry in record["controls"] if not entry["fails"]]
    return found


def remaining(waiting, seconds, expected):
    """Seconds that the waiting rows will take.

    Parameters
    ----------
    waiting : sequence of str
        Names, one for every row.
    seconds : dict of str to list of float
        What rows of these names took.
    expected : dict of str to float
        What the notebooks say they take; scaled by how much longer than that the rows so far took.

    >>> remaining(["a", "a", "b"], {"a": [10.0, 30.0]}, {"a": 10.0, "b": 5.0})
    50.0
    """
    took = sum(sum(values) for values in seconds.values())
    said = sum(expected[name] * len(values) for name, values in seconds.items())
    slower = took / said if said else 1.0
    return sum(statistics.fmean(seconds[name]) if seconds.get(name) else slower * expected[name] for name in waiting)


# -- the table -------------------------------------------------------------------------------------------
def margin(rule, measured, threshold, *, must_hold):
    """How safely a check holds, or a control fails: 1 at the threshold, less on the wrong side.

    Parameters
    ----------
    rule : str
    measured, threshold : float or None
        None: could not be judged, which is never right.
    must_hold : bool
        A check must, a control must not.

    Returns
    -------
    float

    >>> margin("identity", 1e-14, 1e-12, must_hold=True), margin("statistical", 7.5, 5.0, must_hold=False)
    (100.0, 1.5)
    >>> margin("inequality", -3.0, -1.0, must_hold=False), margin("counterexample", 0.75, 0.25, must_hold=True)
    (3.0, 3.0)
    """
    if measured is None:
        return 0.0
    if rule in ("inequality", "empirical"):
        slack = measured - threshold if must_hold else threshold - measured
        return 1 + slack / abs(threshold) if threshold else math.inf if slack >= 0 else 0.0
    larger, smaller = (measured, threshold) if must_hold == (rule == "counterexample") else (threshold, measured)
    return larger / smaller if smaller > 0 else math.inf if larger >= smaller else 0.0


def distance(check, measured, threshold, *, must_hold):
    """Standard errors between a measured number and its threshold, positive on the right side; None if unknown.

    A statistical check measures in standard errors. The threshold of an empirical one is a multiple of its own, the
    same for its controls; the control of an inequality is given its check's.
    """
    error = None
    if check["rule"] == "statistical" and check["unit"] == "s.e.":
        error = 1.0
    elif check["rule"] == "inequality":
        error = check["standard_error"]
    elif check["rule"] == "empirical" and check["threshold"] and threshold:
        error = check["standard_error"] * threshold / check["threshold"]
    if measured is None or not error:
        return None
    above = check["rule"] in verdicts.DIRECTIONS
    return (measured - threshold if above == must_hold else threshold - measured) / error


def lines(found):
    """The lines of ``seeds.csv`` for one paper.

    Parameters
    ----------
    found : dict of int to dict
        Rows by seed.

    Returns
    -------
    list of dict
        Keys are :data:`COLUMNS`. ``measured``, ``threshold`` and ``margin`` are those of the seed with the smallest
        margin, ``standard_errors`` and ``spread`` are mean and standard deviation of the distance over the seeds.
    """
    gathered = {}
    for seed, row in found.items():
        for label, record in row["claims"].items():
            checks = {check["name"]: check for check in record["checks"]}
            for check in record["checks"]:
                key = (row["notebook"], label, "check", check["name"], "")
                gathered.setdefault(key, []).append((seed, check, check, check["holds"]))
            for control in record["controls"]:
                check = checks[control["check"]]
                key = (row["notebook"], label, "control", check["name"], control["breaks"])
                gathered.setdefault(key, []).append((seed, check, control, control["fails"]))
    made = []
    for key, entries in gathered.items():
        hold = {"must_hold": key[2] == "check"}
        numbers = [(check, entry["measured"], entry["threshold"]) for _, check, entry, _ in entries]
        margins = [margin(check["rule"], *pair, **hold) for check, *pair in numbers]
        distances = [distance(*number, **hold) for number in numbers]
        weakest = min(range(len(entries)), key=margins.__getitem__)
        seed, check, entry, _ = entries[weakest]
        made.append(
            dict(zip(COLUMNS[:5], key, strict=True))
            | {
                "rule": check["rule"],
                "seeds": len(entries),
                "wrong_at": " ".join(str(seed) for seed, _, _, right in entries if not right),
                "weakest_seed": seed,
                "measured": entry["measured"],
                "threshold": entry["threshold"],
                "margin": margins[weakest],
                "standard_errors": None if None in distances else statistics.fmean(distances),
                "spread": None if None in distances or len(distances) < 2 else statistics.stdev(distances),
            }
        )
    return made


def record(found):
    """Write the table of all rows so far; what is stored of a paper stays if it holds more seeds of the same code.

    Parameters
    ----------
    found : dict of str to dict of int to dict
        As :func:`rows` returns them.

    Returns
    -------
    list of str
        Names of the papers whose stored part stayed.
    """
    about = (files.read_json(STORE / "seeds.json") or {"notebooks": {}})["notebooks"]
    stored = files.read_csv(STORE / "seeds.csv") or {name: [] for name in COLUMNS}
    table = [dict(zip(stored, values, strict=True)) for values in zip(*stored.values(), strict=True)]
    kept = []
    for name, here in found.items():
        if not here:
            continue
        first, last = min(here), max(here)
        code = here[first]["code"]
        if name in about and about[name]["code"] == code and not set(about[name]["seeds"]) <= set(here):
            kept.append(name)
            continue
        table = [line for line in table if line["notebook"] != name] + [
            {key: _text(value) for key, value in line.items()} for line in lines(here)
        ]
        about[name] = {
            "code": code,
            "date": max(row["date"] for row in here.values()),
            "versions": here[last]["versions"],
            "seeds": sorted(here),
            "seconds": round(sum(row["seconds"] for row in here.values())),
            "failed": {str(seed): failed for seed, row in here.items() if (failed := bad(row))},
            "stopped": {str(seed): row["stopped"] for seed, row in here.items() if row["stopped"]},
        }
    about = dict(sorted(about.items()))
    table.sort(key=lambda line: line["notebook"])  # stable: within a paper the order of the card
    columns = {name: [line[name] for line in table] for name in COLUMNS}
    contents = {
        "seeds.csv": files.csv_text(columns),
        "seeds.json": json.dumps({"notebooks": about}, indent=1, ensure_ascii=False) + "\n",
        "seeds.md": summary(about, table),
    }
    for name, text in contents.items():
        if not (STORE / name).exists() or (STORE / name).read_text(encoding="utf-8") != text:
            files.write_text(STORE / name, text)
    return kept


def stale(names):
    """Names whose stored part of the table was measured on other code than the present."""
    about = (files.read_json(STORE / "seeds.json") or {"notebooks": {}})["notebooks"]
    return [name for name in names if name in about and about[name]["code"] != digest(name)]


def _text(value):
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def summary(about, table):
    """The table in words: what failed, and what stands nearest to failing.

    Parameters
    ----------
    about : dict
        As ``seeds.json`` holds it, by paper.
    table : list of dict of str to str
        The lines of ``seeds.csv``.

    Returns
    -------
    str
        Markdown.
    """
    parts = [
        "# Claims at other seeds",
        "",
        "Written by `make seeds`; every check and every control has a line in [seeds.csv](seeds.csv). A margin is 1 at "
        "the threshold and larger on the right side of it; s.e. is the distance to the threshold in standard errors, "
        f"its mean over the seeds and its spread from seed to seed; {SAFE:.2f} leave one chance in a million.",
        "",
        words.row(["paper", "seeds", "claims that failed", "measured on", "minutes", "versions", "code"]),
        "|---" * 7 + "|",
    ]
    for name, part in about.items():
        failed = len({label for row in part["failed"].values() for label in row})
        versions = ", ".join(f"{library} {version}" for library, version in part["versions"].items())
        seeds = _ranges(part["seeds"])
        parts.append(
            words.row([name, seeds, failed, part["date"], f"{part['seconds'] / 60:.0f}", versions, part["code"]])
        )
    parts += ["", "## Claims that failed", ""]
    for name, part in about.items():
        for seed, said in part["stopped"].items():
            parts += [f"- {name}, seed {seed}: {'; '.join(said)}"]
        labels = dict.fromkeys(label for row in part["failed"].values() for label in row)
        for label in labels:
            at = {seed: row[label] for seed, row in part["failed"].items() if label in row}
            what = dict.fromkeys(entry for entries in at.values() for entry in entries)
            parts.append(f"- {label}, {len(at)} of {len(part['seeds'])} seeds ({', '.join(at)}): {'; '.join(what)}")
    parts += [] if parts[-1] else ["None."]

    def shown(title, chosen, order):
        head = ["claim", "check", "control", "rule", "margin", "at seed", "s.e.", "spread", "wrong at"]
        keys = ("claim", "check", "breaks", "rule", "margin", "weakest_seed", "standard_errors", "spread", "wrong_at")
        said = [
            words.row([line[key] for key in keys])
            for line in sorted(chosen, key=lambda line: float(line[order]))[:SHOWN]
        ]
        return ["", f"## {title}", "", *([words.row(head), "|---" * len(head) + "|", *said] if said else ["None."])]

    controls = [line for line in table if line["kind"] == "control"]
    known = [line for line in controls if line["standard_errors"]]
    spreads = {id(line): float(line["spread"]) if int(line["seeds"]) >= ENOUGH else 1.0 for line in known}
    thin = [line for line in known if float(line["standard_errors"]) < SAFE * max(1.0, spreads[id(line)])]
    checks = [line for line in table if line["kind"] == "check"]
    parts += shown(f"Controls fewer than {SAFE:.2f} s.e. or spreads from their threshold", thin, "standard_errors")
    parts += shown("Controls with the fewest s.e.", known, "standard_errors")
    parts += shown("Controls with the smallest margin", controls, "margin")
    parts += shown("Checks with the smallest margin", checks, "margin")
    return "\n".join(parts) + "\n"


def _ranges(seeds):
    """Ascending seeds in the words that :func:`parse` reads."""
    runs = []
    for seed in seeds:
        if runs and runs[-1][1] == seed - 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ",".join(str(first) if first == last else f"{first}..{last}" for first, last in runs)


# -- the command -----------------------------------------------------------------------------------------
def main(text, patterns=(), *, workers=1):
    """Measure what is missing of the rows asked for, and write the table after each; returns the exit status.

    Parameters
    ----------
    text : str
        Seeds, see :func:`parse`.
    patterns : sequence of str
        Starts of the papers' names; all by default.
    workers : int
        Notebooks at a time.
    """
    wanted, profile = parse(text), runtime.settings(os.environ)["profile"]
    if profile != "quick":
        raise ValueError(f"the profile is {profile!r}: seeds are compared in the quick one")
    paths = [path for pattern in patterns or [""] for path in notebooks.notebooks(pattern)]
    names = list(dict.fromkeys(path.stem for path in paths))
    expected = dict.fromkeys(names, 0.0)
    for execution in map(notebooks.Execution, paths):
        expected[execution.path.stem] += execution.expected or 60.0
    for folder in (WORK, STORE):
        files.require_writable(folder)
    notebooks.prepare(WORK / "running")
    with files.alone(WORK, "one is enough, and resumes what the other leaves"):
        return _measure_missing(names, wanted, expected, workers)


def _measure_missing(names, wanted, expected, workers):
    files.sweep(WORK)
    files.sweep(STORE, "seeds.*")
    for name in stale(names):
        print(f"{name}: the stored table is stale, the code has changed since it was measured")
    waiting = [(name, seed) for seed in wanted for name in names]
    there = rows(names)
    waiting = [(name, seed) for name, seed in waiting if seed not in there[name]]
    seconds = {name: [row["seconds"] for row in found.values()] for name, found in there.items()}
    print(f"{len(wanted) * len(names)} rows asked for, {len(wanted) * len(names) - len(waiting)} there", flush=True)
    for number, (name, seed) in enumerate(waiting):
        left = remaining([name for name, _ in waiting[number:]], seconds, expected) / workers
        print(f"{name}, seed {seed}: {len(waiting) - number} rows to go, about {left / 60:.0f} min", flush=True)
        code = digest(name)
        row = measure(name, seed, code=code, workers=workers)
        seconds[name].append(row["seconds"])
        if digest(name) != code:
            raise ValueError(f"the code of {name} changed while seed {seed} was measured; the same command goes on")
        files.write_json(WORK / f"{name}-{seed}.json", row)
        failed = bad(row)
        said = "; ".join(f"{label} ({', '.join(what)})" for label, what in failed.items())
        print(f"{name}, seed {seed}: {said or 'every claim holds'} ({row['seconds']:.0f} s)", flush=True)
        record(rows([name]))
    there = rows(names)
    kept = record(there)
    for name in kept:
        print(f"{name}: the stored table has more seeds than were measured here, and stays")
    asked = [row for found in there.values() for seed, row in found.items() if seed in wanted]
    print(f"{STORE / 'seeds.md'}")
    return int(any(bad(row) or row["stopped"] for row in asked))
