"""Every claim at every seed: which fail, and how near the weakest checks and controls stand to their thresholds.

A row is one paper, essay and appendix, at one seed of the quick profile: ``build/seeds/<paper>-<seed>.json``. For every
claim it holds the record with the digest of the code that was judged (:func:`digests`), and that claim counts while
its code stands: after an edit the claims that can have changed are run again, alone, and an interrupted command goes on
where it was. After every row the table of all rows so far is written: ``seeds.csv`` (a line for every check and every
control), ``seeds.json`` (when, with which versions, of which code) and ``seeds.md`` (what to look at, and which claims
are stale) below ``figures/recorded``.

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
import shutil
import signal
import statistics
import subprocess
import sys
from collections import Counter
from datetime import date, datetime
from importlib import metadata
from platform import python_version

from scipy import special

from helpers import files, runtime
from helpers.ledger import cards, claims, verdicts

from . import notebooks, reach, words

WORK = runtime.ROOT / "build" / "seeds"
STORE = runtime.ROOT / "figures" / "recorded"
HELPERS = runtime.ROOT / "helpers"
# What no verdict depends on: the runner, set-up, what draws; of a card the facts are in the digest, not its reader.
BESIDE = ("collection/", "environment.py", "__main__.py", "ledger/cards.py", "figures/gallery.py", "figures/style.py")
# What makes one record of a claim's cells in essay and appendix.
JOINED = "from helpers.ledger import claims\n\nclaims.together"
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


def digests(name):
    """For every claim of a paper, a digest of the code that its verdict depends on.

    That is its own cells in essay and appendix, the set-up cells without the functions that it does not name, the code
    of ``helpers`` that these reach (:mod:`reach`), what the card says of its kind, and the recorded tables that it
    reads. Comments, docstrings and line breaks do not count.

    Parameters
    ----------
    name : str
        Of the paper's card.

    Returns
    -------
    dict of str to str
        By id, in the order of the card.
    """
    card = cards.load(name, folder=notebooks.NOTEBOOKS)
    known, cells = _helpers(), {place: _cells(name, place) for place in cards.PLACES}
    made = {}
    for label, claim in card.claims.items():
        parts = [json.dumps([card.is_essay, claim["where"], claim.get("kind"), claim.get("instances")])]
        for place, (setup, tagged) in cells.items():
            if label in tagged:
                code, stems = _reached(known, setup, tuple(tagged[label]))
                tables = sorted({path for stem in stems for path in STORE.glob(f"*/{stem}*.json")})
                parts += [place, code, *(f"{path.name} {path.read_text(encoding='utf-8')}" for path in tables)]
        made[label] = _digest(parts)
    return made


def _digest(parts):
    return hashlib.sha256("\n".join(f"{len(part)} {part}" for part in parts).encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=1024)
def _reached(known, setup, cells):
    """Digest of the code that the cells of a claim in one notebook reach, and starts of the tables' names they read."""
    found = known.below(setup, (*cells, JOINED))
    parts = [node.meaning for node in known.cell(setup, "setup")[0] if node in found]
    parts += [reach.meaning(ast.parse(source)) for source in cells]
    for path in sorted({node.path for node in found} & known.modules.keys()):
        parts += [path, *(f"{node.owner} {node.meaning}" for node in known.nodes[path] if node in found)]
    return _digest(parts), _stems(known, found)


def _helpers():
    """The sources that verdicts depend on, as a :class:`reach.Reach`; read again when one has changed."""
    paths = (path for path in sorted(HELPERS.rglob("*.py")))
    kept = [path for path in paths if not path.relative_to(HELPERS).as_posix().startswith(BESIDE)]
    return _reach(tuple((f"helpers/{p.relative_to(HELPERS).as_posix()}", p.read_text(encoding="utf-8")) for p in kept))


@functools.lru_cache(maxsize=1)
def _reach(sources):
    return reach.Reach(dict(sources))


def _cells(name, place):
    """The source of the set-up cell of a notebook, and for every claim those of its cells; both empty without one."""
    path = notebooks.NOTEBOOKS / ("appendix" if place == "appendix" else "") / f"{name}.ipynb"
    setup, tagged = "", {}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if path.exists() else ():
        for tag in cell["metadata"].get("tags", ()) if cell["cell_type"] == "code" else ():
            if tag == "setup":
                setup = "".join(cell["source"])
            elif tag.startswith("claim:"):
                tagged.setdefault(tag.removeprefix("claim:"), []).append("".join(cell["source"]))
    return setup, tagged


def _stems(known, reached):
    """Starts of the names of the recorded tables that reached code reads; "" for all if it reads and names none."""
    reads = {"table", "load", "shown"}
    if not any(node.path == "helpers/recording/recorded.py" and node.bound & reads for node in reached):
        return ()
    paths = {node.path for node in reached}
    return tuple(stem for stem, path in known.tables.items() if path in paths) or ("",)


# -- rows ------------------------------------------------------------------------------------------------
def measure(name, seed, labels, *, workers=1):
    """Run claims of a paper at one seed, strictly, into a folder of their own.

    More than half of the paper's claims are run as its whole notebooks, fewer by their own cells in one process.

    Parameters
    ----------
    name : str
    seed : int
    labels : sequence of str
        Ids of the claims.
    workers : int
        Notebooks at a time.

    Returns
    -------
    dict of str to dict
        By id: ``record`` (None if its cells did not get to it) and ``said`` why, ``seconds``, ``date``, ``versions``.
    """
    output = WORK / "running" / f"{name}-{seed}"
    shutil.rmtree(output, ignore_errors=True)  # of a command that was killed
    os.environ.update({"SEED": str(seed), "OUTPUT": str(output), "STRICT": "1"})
    card = cards.load(name, folder=notebooks.NOTEBOOKS)
    whole = 2 * len(labels) > len(card.claims)
    found = _whole(card, output, workers) if whole else _alone(name, output, labels)
    shutil.rmtree(output, ignore_errors=True)
    nothing = {"record": None, "said": "not reached", "seconds": 0.0}
    about = {"date": date.today().isoformat(), "versions": versions()}
    return {label: found.get(label, nothing) | about for label in labels}


def _whole(card, output, workers):
    """All claims, by running the notebooks; what these take beside the cells of claims is shared among them."""
    chosen = [path for path in notebooks.notebooks(card.name) if path.stem == card.name]
    outcomes = notebooks.execute(chosen, workers=workers, keep=WORK / "running" / "executed")
    records = claims.stored(output, card)
    stopped = [
        f"{notebooks.label(outcome.path)} {outcome.failure}"
        for outcome in outcomes
        if outcome.failure is not None and "ClaimsFailed" not in outcome.failure
    ]
    own = Counter()
    for outcome in outcomes:
        for cell in outcome.notebook.cells if outcome.notebook else ():
            for tag in cell.metadata.get("tags", ()):
                own[tag.removeprefix("claim:")] += _seconds(cell)
    beside = sum(outcome.seconds for outcome in outcomes) - sum(own[label] for label in card.claims)
    said = "; ".join(stopped) or "not reached"
    return {
        label: {
            "record": records.get(label),
            "said": "" if label in records else said,
            "seconds": round(own[label] + beside / len(card.claims), 2),
        }
        for label in card.claims
    }


def _seconds(cell):
    """What a cell took in its kernel; 0 where that was not noted."""
    times = cell.metadata.get("execution", {})
    ends = [times.get(key) for key in ("iopub.status.busy", "iopub.status.idle")]
    return 0.0 if None in ends else (datetime.fromisoformat(ends[1]) - datetime.fromisoformat(ends[0])).total_seconds()


def _alone(name, output, labels):
    """Claims by their own cells, in one process of their own that ends with this one."""
    result = output / "records.json"
    command = [sys.executable, "-m", "helpers.collection.groups", name, str(result), *labels]
    process = subprocess.Popen(
        command, env=os.environ | {"MPLBACKEND": "agg"}, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        status = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    found = files.read_json(result) or {}
    ended = {"record": None, "said": f"the process of its cells ended with status {status}", "seconds": 0.0}
    return {label: found.get(label, ended) for label in labels}


def versions():
    """Versions of Python and of the libraries that the verdicts depend on."""
    return {"python": python_version()} | {name: metadata.version(name) for name in LIBRARIES}


def rows(name):
    """What has been measured of a paper: a dict of seed to dict of id to what :func:`measure` found and ``code``."""
    every = (files.read_json(path) for path in WORK.glob(f"{name}-*.json"))
    return {row["seed"]: row["claims"] for row in sorted(every, key=lambda row: row["seed"])}


def bad(entry):
    """What went wrong with a claim at one seed: names of checks and controls, or why it was not reached."""
    record = entry["record"]
    if record is None:
        return [entry["said"]]
    found = [f"check {check['name']!r}" for check in record["checks"] if not check["holds"]]
    found += [f"control {control['breaks']!r}" for control in record["controls"] if not control["fails"]]
    return [] if verdicts.passed(record) else found


def prices(name, expected):
    """Seconds that every claim of a paper takes: those of its rows, else of the table, else its share of ``expected``.

    Parameters
    ----------
    name : str
    expected : float
        Seconds that the paper's notebooks say they take.

    Returns
    -------
    dict of str to float
    """
    took, stored = {}, _stored()[0].get(name, {})
    for row in rows(name).values():
        for label, entry in row.items():
            took.setdefault(label, []).append(entry["seconds"])
    card = cards.load(name, folder=notebooks.NOTEBOOKS)
    known = {label: part["seconds"] for label, part in stored.items()}
    known |= {label: statistics.fmean(values) for label, values in took.items()}
    return {label: known.get(label, expected / len(card.claims)) for label in card.claims}


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


def lines(name, label, found):
    """The lines of ``seeds.csv`` for one claim.

    Parameters
    ----------
    name, label : str
        Of paper and claim.
    found : dict of int to dict
        Records by seed.

    Returns
    -------
    list of dict
        Keys are :data:`COLUMNS`. ``measured``, ``threshold`` and ``margin`` are those of the seed with the smallest
        margin, ``standard_errors`` and ``spread`` are mean and standard deviation of the distance over the seeds.
    """
    gathered = {}
    for seed, record in found.items():
        checks = {check["name"]: check for check in record["checks"]}
        for check in record["checks"]:
            key = (name, label, "check", check["name"], "")
            gathered.setdefault(key, []).append((seed, check, check, check["holds"]))
        for control in record["controls"]:
            check = checks[control["check"]]
            key = (name, label, "control", check["name"], control["breaks"])
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


def record(names):
    """Write the table of all rows so far.

    A claim's part of the table is of one code: the present one if a row is, else it stays as it is stored. It also
    stays if it holds more seeds of the present code than the rows do.

    Parameters
    ----------
    names : sequence of str
        Papers to look at; what is stored of others stays.

    Returns
    -------
    list of str
        Ids of the claims whose stored part stayed because it holds more seeds.
    """
    about, table = _stored()
    kept = []
    for name in names:
        codes, here = digests(name), rows(name)
        before, own = about.get(name, {}), [line for line in table if line["notebook"] == name]
        table = [line for line in table if line["notebook"] != name]
        about[name] = {}
        for label, code in codes.items():
            chosen = _chosen({seed: row[label] for seed, row in here.items() if label in row}, code)
            old = before.get(label)
            fewer = chosen and old and old["code"] == code and not set(parse(old["seeds"])) <= set(chosen)
            if old and (not chosen or fewer or next(iter(chosen.values()))["code"] != code):
                kept += [label] * bool(fewer)
                about[name][label] = old
                table += [line for line in own if line["claim"] == label]
            elif chosen:
                about[name][label] = _part(chosen)
                records = {seed: entry["record"] for seed, entry in chosen.items() if entry["record"]}
                made = lines(name, label, records)
                table += [{key: _text(value) for key, value in line.items()} for line in made]
    about = {name: about[name] for name in sorted(about) if about[name]}
    table.sort(key=lambda line: line["notebook"])  # stable: within a paper the order of the card
    _write(about, table)
    return kept


def _chosen(entries, code):
    """Of what was measured of a claim, by seed, that of the present code, else that of the code with most seeds."""
    common = Counter(entry["code"] for entry in entries.values()).most_common(1)
    best = code if any(entry["code"] == code for entry in entries.values()) or not common else common[0][0]
    return {seed: entry for seed, entry in entries.items() if entry["code"] == best}


def _part(chosen):
    last = max(chosen.values(), key=lambda entry: entry["date"])
    part = {
        "code": last["code"],
        "seeds": _ranges(sorted(chosen)),
        "date": last["date"],
        "versions": ", ".join(f"{library} {version}" for library, version in last["versions"].items()),
        "seconds": round(statistics.fmean(entry["seconds"] for entry in chosen.values()), 2),
    }
    failed = {str(seed): what for seed, entry in sorted(chosen.items()) if (what := bad(entry))}
    return part | ({"failed": failed} if failed else {})


def _stored():
    """What ``seeds.json`` says of every claim, by paper and id, and the lines of ``seeds.csv``."""
    about = (files.read_json(STORE / "seeds.json") or {"notebooks": {}})["notebooks"]
    stored = files.read_csv(STORE / "seeds.csv") or {name: [] for name in COLUMNS}
    return about, [dict(zip(stored, values, strict=True)) for values in zip(*stored.values(), strict=True)]


def _write(about, table):
    papers = [
        f" {json.dumps(name)}: {{\n"
        + ",\n".join(f"  {json.dumps(label)}: {json.dumps(part, ensure_ascii=False)}" for label, part in parts.items())
        + "\n }"
        for name, parts in about.items()
    ]
    contents = {
        "seeds.csv": files.csv_text({name: [line[name] for line in table] for name in COLUMNS}),
        "seeds.json": '{"notebooks": {\n' + ",\n".join(papers) + "\n}}\n",
        "seeds.md": summary(about, table, {name: digests(name) for name in _names()}),
    }
    for name, text in contents.items():
        if not (STORE / name).exists() or (STORE / name).read_text(encoding="utf-8") != text:
            files.write_text(STORE / name, text)


def _names():
    return list(dict.fromkeys(path.stem for path in notebooks.notebooks()))


def stale(about, codes):
    """Claims whose part of the table is of other code than the present: a dict of paper to list of ids.

    Parameters
    ----------
    about : dict
        As ``seeds.json`` holds it: paper to id to part.
    codes : dict of str to dict of str to str
        Digests of the present code, by paper and id.
    """
    return {
        name: [label for label, part in parts.items() if codes.get(name, {}).get(label) != part["code"]]
        for name, parts in about.items()
    }


def _text(value):
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def summary(about, table, codes):
    """The table in words: what is stale, what failed, and what stands nearest to failing.

    Parameters
    ----------
    about : dict
        As ``seeds.json`` holds it: paper to id to part.
    table : list of dict of str to str
        The lines of ``seeds.csv``.
    codes : dict of str to dict of str to str
        Digests of the present code, by paper and id.

    Returns
    -------
    str
        Markdown.
    """
    old = stale(about, codes)
    parts = [
        "# Claims at other seeds",
        "",
        "Written by `make seeds`; every check and every control has a line in [seeds.csv](seeds.csv). A claim is stale "
        "if code that it reaches has changed since. A margin is 1 at "
        "the threshold and larger on the right side of it; s.e. is the distance to the threshold in standard errors, "
        f"its mean over the seeds and its spread from seed to seed; {SAFE:.2f} leave one chance in a million.",
        "",
        words.row(["paper", "claims", "at seeds", "stale", "not measured", "failed", "measured on", "versions"]),
        "|---" * 8 + "|",
    ]
    for name, entries in about.items():
        seeds = Counter(part["seeds"] for part in entries.values()).most_common()
        dates = sorted({part["date"] for part in entries.values()})
        missing = [label for label in codes.get(name, {}) if label not in entries]
        cells = [
            len(entries),
            "; ".join(text if count == len(entries) else f"{text} ({count})" for text, count in seeds),
            len(old[name]),
            len(missing),
            sum("failed" in part for part in entries.values()),
            " to ".join(dict.fromkeys((dates[0], dates[-1]))),
            "; ".join(dict.fromkeys(part["versions"] for part in entries.values())),
        ]
        parts.append(words.row([name, *cells]))
    parts += ["", "## Claims that are stale or were not measured", ""]
    for name in dict.fromkeys([*about, *codes]):
        missing = [label for label in codes.get(name, {}) if label not in about.get(name, {})]
        for said, labels in (("stale", old.get(name)), ("not measured", missing)):
            parts += [f"- {name}, {said}: {', '.join(labels)}"] if labels else []
    parts += [] if parts[-1] else ["None."]
    parts += ["", "## Claims that failed", ""]
    for entries in about.values():
        for label, part in entries.items():
            if "failed" in part:
                at, number = part["failed"], len(parse(part["seeds"]))
                what = dict.fromkeys(entry for entries in at.values() for entry in entries)
                parts.append(f"- {label}, {len(at)} of {number} seeds ({', '.join(at)}): {'; '.join(what)}")
    parts += [] if parts[-1] else ["None."]
    marks = {label: f"{label} (stale)" for labels in old.values() for label in labels}

    def shown(title, chosen, order):
        head = ["claim", "check", "control", "rule", "margin", "at seed", "s.e.", "spread", "wrong at"]
        keys = ("claim", "check", "breaks", "rule", "margin", "weakest_seed", "standard_errors", "spread", "wrong_at")
        said = [
            words.row([marks.get(line[key], line[key]) if key == "claim" else line[key] for key in keys])
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
def main(text, patterns=(), *, workers=1, measuring=True):
    """Measure what is missing of the claims asked for, and write the table after each row; returns the exit status.

    Parameters
    ----------
    text : str
        Seeds, see :func:`parse`.
    patterns : sequence of str
        Starts of the papers' names; all by default.
    workers : int
        Notebooks at a time.
    measuring : bool
        False: say what it would take, and write the table of what is there.
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
        return _measure_missing(names, wanted, expected, workers, measuring)


def _measure_missing(names, wanted, expected, workers, measuring):
    files.sweep(WORK)
    files.sweep(STORE, "seeds.*")
    codes = {name: digests(name) for name in names}
    for name, labels in stale(_stored()[0], codes).items():
        if labels and name in codes:
            print(f"{name}: {len(labels)} claims are stale in the stored table: {', '.join(labels)}")
    waiting = [(name, seed, _missing(name, seed, codes[name])) for seed in wanted for name in names]
    waiting = [row for row in waiting if row[2]]
    asked, left = len(wanted) * sum(map(len, codes.values())), sum(len(labels) for _, _, labels in waiting)
    costs = {name: prices(name, expected[name]) for name in names}
    everything = len(wanted) * sum(sum(costs[name].values()) for name in names) / workers
    print(f"{asked} claims x seeds asked for ({everything / 60:.0f} min), {asked - left} there", flush=True)
    for number, (name, seed, labels) in enumerate(waiting if measuring else ()):
        seconds = sum(costs[other][label] for other, _, several in waiting[number:] for label in several) / workers
        print(
            f"{name}, seed {seed}: {len(labels)} claims; {len(waiting) - number} rows to go, "
            f"about {seconds / 60:.0f} min",
            flush=True,
        )
        found = measure(name, seed, labels, workers=workers)
        now = digests(name)
        changed = [label for label in found if now.get(label) != codes[name][label]]
        entries = {
            label: entry | {"code": codes[name][label]} for label, entry in found.items() if label not in changed
        }
        row = (files.read_json(WORK / f"{name}-{seed}.json") or {"claims": {}})["claims"] | entries
        files.write_json(WORK / f"{name}-{seed}.json", {"notebook": name, "seed": seed, "claims": row})
        if changed:
            what = ", ".join(changed)
            raise ValueError(f"the code of {what} changed while seed {seed} was measured; the same command goes on")
        failed = {label: what for label, entry in entries.items() if (what := bad(entry))}
        said = "; ".join(f"{label} ({', '.join(what)})" for label, what in failed.items())
        took = sum(entry["seconds"] for entry in entries.values())
        print(f"{name}, seed {seed}: {said or 'every claim holds'} ({took:.0f} s)", flush=True)
        costs[name] = prices(name, expected[name])
        record([name])
    if not measuring and left:
        seconds = sum(costs[name][label] for name, _, labels in waiting for label in labels) / workers
        print(f"{left} to be measured, about {seconds / 60:.0f} min")
    if kept := record(names):
        print(f"the stored table has more seeds of {', '.join(kept)} than were measured here; these stay")
    print(f"{STORE / 'seeds.md'}")
    there = [
        (label, entry)
        for name in names
        for seed, row in rows(name).items()
        if seed in wanted
        for label, entry in row.items()
        if codes[name].get(label) == entry["code"]
    ]
    return int(any(bad(entry) for _, entry in there))


def _missing(name, seed, codes):
    """Ids of the claims that have no entry of the present code in a row."""
    row = (files.read_json(WORK / f"{name}-{seed}.json") or {"claims": {}})["claims"]
    return [label for label, code in codes.items() if row.get(label, {}).get("code") != code]
