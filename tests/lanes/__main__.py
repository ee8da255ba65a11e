"""``make lane NAME=oldest`` (or ``newest``): tests and claims in an environment of other versions, and what differs.

A lane has an environment of its own, ``build/lanes/<name>/venv``, where the libraries of :data:`LANES` take the place
of those in ``requirements.txt``. It runs the unit tests (the quick ones; all with ``--all``), then every notebook into
an output folder of its own, and compares ledgers and plotted numbers with the stored ones. Every step leaves its log
beside the environment and is not repeated while code and versions are the same; a lane that was interrupted goes on
where it was. At its end the lane has a line in ``lanes.csv`` and ``README.md`` beside this file.
"""

import argparse
import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from helpers import files

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
BUILD = ROOT / "build" / "lanes"
# Python, and the requirements that stand in place of those in requirements.txt.
LANES = {
    "oldest": (
        "3.11",
        [
            "numpy==2.2.0",
            "scipy==1.15.0",
            "torch==2.6.0",
            "scikit-learn==1.6.0",
            "matplotlib==3.10.0",
            "networkx==3.4.2",
        ],
    ),
    "newest": ("3.13", ["numpy", "scipy", "torch", "scikit-learn", "matplotlib", "networkx"]),
}
LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn", "matplotlib", "networkx")
COLUMNS = ("lane", "date", "code", "python", *LIBRARIES, "tests", "claims", "differ", "minutes", "said")
FREE = 10  # GiB: a build of torch for GPUs is what some versions have alone
PLAIN = ("PROFILE", "SEED", "OUTPUT", "REDRAW", "STRICT", "DEVICE")
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def main(arguments=None):
    """Command line; returns the exit status: 0 if tests pass, claims hold and no number differs."""
    parser = argparse.ArgumentParser(prog="make lane", description="Tests and claims with other versions.")
    parser.add_argument("name", choices=LANES)
    parser.add_argument("--all", action="store_true", help="the slow unit tests too")
    parser.add_argument("--jobs", type=int, default=2, help="tests and notebooks at a time")
    options = parser.parse_args(arguments)
    try:
        line = run(options.name, everything=options.all, jobs=options.jobs)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on", file=sys.stderr)
        return 130
    print(f"{options.name}: {line['tests']}; {line['claims']}; {line['differ']} numbers differ ({HERE / 'README.md'})")
    return int("failed" in line["tests"] or "fail" in line["said"] or line["differ"] != "0")


def run(name, *, everything=False, jobs=2):
    """All steps of a lane; returns its line, a dict of :data:`COLUMNS`."""
    folder, (python, wanted) = BUILD / name, LANES[name]
    folder.mkdir(parents=True, exist_ok=True)
    with files.alone(folder, "wait for it"):
        notes, seconds = install(folder, python, wanted)
        program = str(folder / "venv" / "bin" / "python")
        found = versions(program)
        stamp = f"{code()} {json.dumps(found)}"
        asked = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(jobs)]
        asked += [] if everything else ["-m", "not slow"]
        tests, took = step(folder, "tests", stamp + " ".join(asked[-2:]), [program, *asked])
        seconds += took
        output = folder / "figures"
        ran, took = step(folder, "claims", stamp, [program, "-m", "helpers", "run"], OUTPUT=str(output))
        seconds += took
        compared, took = step(
            folder, "compare", stamp, [program, "-m", "helpers", "compare", str(ROOT / "figures"), str(output)]
        )
        failed, stopped, differing = failures(tests), claims_said(ran)[1], differences(compared)
        line = {"lane": name, "date": date.today().isoformat(), "code": code(), **found}
        line |= {"tests": tests_said(tests), "claims": claims_said(ran)[0], "differ": str(len(differing))}
        line |= {"minutes": f"{seconds / 60:.0f}", "said": "; ".join([*notes, *failed, *stopped, *differing])}
        write(line)
        return line


# -- the environment -------------------------------------------------------------------------------------
def interpreter(version):
    """Path of a Python of this version, such as "3.13", or None."""
    places = [shutil.which(f"python{version}"), *Path.home().glob(f".pyenv/versions/{version}*/bin/python")]
    for place in filter(None, places):
        asked = [str(place), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        said = subprocess.run(asked, capture_output=True, text=True)
        if said.returncode == 0 and said.stdout.strip() == version:
            return str(place)
    return None


def requirements(text, wanted):
    """The lines of ``requirements.txt`` without the libraries of a lane, and these; a list of str."""
    names = {re.split(r"[<>=]", line)[0] for line in wanted}
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [line for line in lines if re.split(r"[<>=]", line)[0] not in names] + list(wanted)


def install(folder, python, wanted):
    """Build or complete the environment of a lane.

    Returns
    -------
    notes : list of str
        What could not be had as asked for.
    seconds : float

    Raises
    ------
    ValueError
        If the disk is too full or packages cannot be installed; names the last line of the log.
    """
    program, notes = interpreter(python), []
    if program is None:
        program, own = sys.executable, "{}.{}".format(*sys.version_info[:2])
        notes = [f"no Python {python} was found, {own} took its place"]
    asked = requirements((ROOT / "requirements.txt").read_text(encoding="utf-8"), wanted)
    stamp, venv = f"{program} {asked}", folder / "venv"
    if not (venv / "bin" / "python").exists():
        if shutil.disk_usage(folder).free < FREE * 2**30:
            raise ValueError(f"less than {FREE} GiB of disk is free; an environment may take that much")
        subprocess.run([program, "-m", "venv", str(venv)], check=True)
    (folder / "asked.txt").write_text("\n".join(asked) + "\n", encoding="utf-8")
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--progress-bar", "off", "--no-cache-dir"]
    log, seconds = step(folder, "install", stamp, [*pip, "-r", str(folder / "asked.txt")])
    if errors := [line for line in log.splitlines() if line.startswith("ERROR")]:
        (folder / "install.json").unlink()
        raise ValueError(f"not installed: {errors[-1]} ({folder / 'install.log'})")
    return notes, seconds


def versions(program):
    """Versions of Python and of :data:`LIBRARIES` in an environment."""
    asked = (
        "import json, platform; from importlib import metadata; "
        f"print(json.dumps({{'python': platform.python_version()}} | {{n: metadata.version(n) for n in {LIBRARIES}}}))"
    )
    return json.loads(subprocess.run([program, "-c", asked], capture_output=True, text=True, check=True).stdout)


def code():
    """Digest of all that the steps run and compare: code, notebooks, stored figures."""
    made = hashlib.sha256()
    for place in ("helpers", "tests", "notebooks", "figures"):
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix in (".py", ".ipynb", ".toml", ".json", ".csv") and HERE not in path.parents:
                made.update(f"{path.relative_to(ROOT)} ".encode() + path.read_bytes())
    return made.hexdigest()[:12]


# -- steps -----------------------------------------------------------------------------------------------
def step(folder, name, stamp, command, **variables):
    """Run a command into ``<name>.log``, or take the log that is there if it is of the same stamp.

    Returns
    -------
    log : str
    seconds : float
        What the command took, when it ran.
    """
    log, about = folder / f"{name}.log", folder / f"{name}.json"
    known = files.read_json(about)
    if known is None or known["stamp"] != stamp:
        about.unlink(missing_ok=True)
        print(f"{folder.name}: {name}", flush=True)
        inherited = {key: value for key, value in os.environ.items() if key not in PLAIN}
        start = time.monotonic()
        with log.open("w", encoding="utf-8") as stream:
            subprocess.run(
                command,
                cwd=ROOT,
                env=inherited | ONE_THREAD | {"PYTHONPATH": str(ROOT)} | variables,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        known = {"stamp": stamp, "seconds": round(time.monotonic() - start, 1)}
        files.write_json(about, known)
    return log.read_text(encoding="utf-8", errors="replace"), known["seconds"]


def tests_said(log):
    """The counts in the last line of a log of pytest, such as "1 failed, 4354 passed"."""
    counts = re.findall(r"(\d+) (failed|passed|errors?)\b", log.strip().rsplit("\n", 1)[-1])
    return ", ".join(f"{number} {what}" for number, what in counts) or "the tests did not end"


def failures(log):
    """The tests that failed, with the reason as far as pytest shows it; a list of str."""
    return [line.removeprefix("FAILED ").strip() for line in log.splitlines() if line.startswith(("FAILED", "ERROR "))]


def claims_said(log):
    """Of a log of a run: "242 of 242 claims hold", and the notebooks that stopped with claims that failed."""
    hold = re.findall(r"^(\d+ of \d+ claims hold)", log, re.M)
    stopped = re.findall(r"^(\S+: STOPPED .*) \(\d+ s\)$", log, re.M)
    return (hold or ["the run did not end"])[-1], [*stopped, *re.findall(r"^(FAIL\w* +\S+)", log, re.M)]


def differences(log):
    """The lines of a comparison that name a number; a list of str."""
    return [line for line in log.splitlines() if re.match(r"\S*\d\d_\w+", line)]


# -- the table -------------------------------------------------------------------------------------------
def write(line):
    """Put the line of a lane in the place of its older one, and lay out the page."""
    path = HERE / "lanes.csv"
    rows = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row["lane"] != line["lane"]]
    rows = sorted([*rows, line], key=lambda row: list(LANES).index(row["lane"]))
    files.write_text(path, files.csv_text({name: [row[name] for row in rows] for name in COLUMNS}))
    files.write_text(HERE / "README.md", page(rows))


def page(rows):
    """The lanes as Markdown."""
    head = ["lane", "date", "python", *LIBRARIES, "unit tests", "claims", "numbers that differ", "minutes"]
    keys = ["lane", "date", "python", *LIBRARIES, "tests", "claims", "differ", "minutes"]
    text = [
        "# Version lanes",
        "",
        "Written by `make lane NAME=oldest` and `make lane NAME=newest`: the unit tests and every claim with other",
        "versions than those of [requirements.txt](../../requirements.txt). A number differs if it moved by more than",
        "the tolerance that its ledger states, against the stored run.",
        "",
        "| " + " | ".join(head) + " |",
        "|---" * len(head) + "|",
        *("| " + " | ".join(row[key] for key in keys) + " |" for row in rows),
    ]
    for row in rows:
        entries = [entry for entry in row["said"].split("; ") if entry]
        text += ["", f"## {row['lane']}", "", *([f"- {entry}" for entry in entries] or ["Nothing failed or differed."])]
    return "\n".join(text) + "\n"


if __name__ == "__main__":
    sys.exit(main())
