"""The report: rates with their intervals, survivors and what is known about them, claims and what they notice."""

import tomllib
from collections import Counter

from scipy import stats

from helpers import files
from helpers.collection import faults as stored

from . import judge, reach

LEVEL = 0.95
MARK = "<!-- below this line: written by `make mutants` -->"
CLASSES = {
    "equivalent": "computes the same",
    "below resolution": "differs by less than a test can ask for",
    "choice": "a setting that no formula prescribes",
    "control": "changes a broken version only, which stays broken",
    "slow": "caught by a test that is marked slow",
    "hole": "wrong, and nothing says so",
    "closed": "was a hole; a test that was added since catches it",
}


def rate(caught, total):
    """A share with its Clopper-Pearson interval, as text."""
    if not total:
        return "none"
    low, high = stats.binomtest(caught, total).proportion_ci(LEVEL, method="exact")
    return f"{caught} of {total}: {100 * caught / total:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def notes(path):
    """What is known about survivors: a list of dicts with path, where, old, new, class and why.

    Raises
    ------
    ValueError
        For an entry without these, a class that does not exist, or a proof that is not there.
    """
    if not path.exists():
        return []
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["survivor"]
    for entry in entries:
        if set(entry) != {"path", "where", "old", "new", "class", "why"} or not entry["why"]:
            raise ValueError(
                f"{path.name} has an entry with {', '.join(entry)}, expected path, where, old, new, class, why"
            )
        if entry["class"] not in CLASSES:
            raise ValueError(f"{path.name}: class is {entry['class']!r}, expected one of {', '.join(CLASSES)}")
    return entries


def note(row, entries):
    """The entry about the fault of a row, or None; one that was caught at once needs none, whatever it looks like."""
    if (row["first"] in judge.STAGES[:3]) if "first" in row else stored.noticed(row):
        return None
    for entry in entries:
        if all(entry[name] == row[name] for name in ("path", "where", "old", "new")):
            return entry
    return None


def proven(row, entries):
    """Whether the fault of a row is known to compute the same."""
    return (note(row, entries) or {}).get("class") == "equivalent"


def settled(row, entries):
    """Whether it is known why nothing catches the fault of a row, so that it is not judged again."""
    return (note(row, entries) or {}).get("class") in ("equivalent", "below resolution", "choice", "slow")


def current(root, rows):
    """Rows whose code is what it was when they were judged, and the other rows: two lists; of either table."""
    fresh, stale, cells = [], [], {}
    for row in rows:
        if "claim" in row:
            name = row["notebook"]
            if name not in cells:
                cells[name] = reach.claim_cells(root, name)
            sources = [source for _, k, source in cells[name].get(row["claim"], ()) if k >= 0]
            holds = stored.current(row, root, sources)
        else:
            path = root / row["path"]
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            holds = stored.of_function(text, row["where"]) == row["code"]
        (fresh if holds else stale).append(row)
    return fresh, stale


def package(path):
    """The package of a module; of a paper's room, the paper."""
    parts = path.split("/")
    return parts[2] if parts[1] == "papers" else parts[1].removesuffix(".py")


def by_claim(rows):
    """Faults that every claim met: dict of (notebook, id) to its rows of the table of claims."""
    found = {}
    for row in rows:
        found.setdefault((row["notebook"], row["claim"]), []).append(row)
    return found


def write(root, kept):
    """Write ``README.md`` beside the tables; what stands above its line is kept.

    Parameters
    ----------
    root : Path
        Of the repository, to see which rows are stale.
    kept : Path
        Folder of the tables.
    """
    rows = judge.Table(kept / "faults.csv", judge.FIELDS).rows
    claims = judge.Table(kept / "claims.csv", judge.CLAIM_FIELDS).rows
    entries = notes(kept / "survivors.toml")
    parts = (
        _own_cells(claims, entries),
        _freshness(root, rows, claims),
        _rates(rows, entries),
        _survivors(rows, entries),
    )
    text = "\n".join(line for part in (*parts, _claims(claims)) for line in part)
    page = kept / "README.md"
    head = page.read_text(encoding="utf-8").split(MARK)[0] if page.exists() else ""
    files.write_text(page, f"{head}{MARK}\n\n{text}\n")


def _freshness(root, rows, claims):
    said = []
    for name, table in (("faults.csv", rows), ("claims.csv", claims)):
        stale = len(current(root, table)[1])
        said.append(
            f"`{name}` has {len(table)} rows" + (f", {stale} of them stale (their code has changed)" if stale else "")
        )
    return [
        f"Judged: {'; '.join(said)}. Tests and modules together were, by their digest, in "
        f"{len({row['net'] for row in rows})} state(s) while the rows were written. Judging took "
        f"{sum(float(row['seconds']) for row in rows) / 60:.0f} minutes on the clock, one process.",
        "",
    ]


def _rates(rows, entries):
    equivalent = [row for row in rows if proven(row, entries)]
    lines = ["## How many are caught", ""]
    for column, said in (("first", "As first judged, before any test was added for a survivor"), ("caught", "Now")):
        lines += [
            f"**{said}.**",
            "",
            "| caught by | faults | up to here, every survivor counted as missed | without those proven equivalent |",
            "|---|---|---|---|",
        ]
        others = [row for row in rows if row not in equivalent]
        so_far = so_far_others = 0
        for stage in judge.STAGES:
            here = [row for row in rows if row[column] == stage]
            so_far += len(here)
            so_far_others += len([row for row in here if row not in equivalent])
            lines.append(
                f"| {SAID[stage]} | {len(here)} | {rate(so_far, len(rows))} | {rate(so_far_others, len(others))} |"
            )
        left = [row for row in rows if row[column] not in judge.STAGES]
        waiting = len([row for row in left if row["first" if column == "first" else "claims"] == judge.LATER])
        lines.append(f"| nothing | {len(left)} | | |")
        lines.append("")
        if waiting:
            lines += [
                f"Of those that nothing caught, {waiting} have met the tests only: their claims were not run.",
                "",
            ]
    lines += [
        "Intervals are Clopper and Pearson's at 95 %. Numbers that moved flag faults that compute the same, too.",
        "",
    ]
    ends = Counter(row["how"] for row in rows if row["caught"] in judge.STAGES[:3])
    lines += ["How: " + ", ".join(f"{end} {count}" for end, count in ends.most_common()) + ".", ""]
    for title, of in (("package", lambda row: package(row["path"])), ("kind", lambda row: row["kind"])):
        lines += [f"| {title} | caught by tests or claims, now |", "|---|---|"]
        for name in sorted({of(row) for row in rows}):
            here = [row for row in rows if of(row) == name]
            lines.append(f"| {name} | {rate(sum(row['caught'] in judge.STAGES[:3] for row in here), len(here))} |")
        lines.append("")
    return lines


SAID = {
    "own": "the module's own tests and doctests",
    "neighbours": "other tests",
    "claims": "claims",
    "numbers": "numbers that moved against the stored ledger",
}


def _survivors(rows, entries):
    lines = ["## Survivors", "", "Those that neither a test nor a claim caught when they were first judged.", ""]
    lines += ["| where | fault | now | class | why |", "|---|---|---|---|---|"]
    for row in rows:
        entry = note(row, entries)
        if row["first"] in judge.STAGES[:3]:
            continue
        now = f"{row['caught']}: {row['by'].split('::')[-1]}" if row["caught"] else "survives"
        known = (entry["class"], entry["why"]) if entry else (_unnamed(row), "")
        lines.append(
            f"| `{row['path'].removeprefix('helpers/')}` `{row['where']}` | {row['kind']}: "
            f"{_code(row['old'])} → {_code(row['new'])} | {_cell(now)} | {known[0]} | {_cell(known[1])} |"
        )
    return [*lines, ""]


def _unnamed(row):
    return "closed" if row["caught"] in judge.STAGES[:3] else "not looked at"


def _own_cells(rows, entries):
    missed = [row for row in rows if int(row["cell"]) >= 0 and not stored.noticed(row)]
    missed = [(note(row, entries), row) for row in missed]
    order = ["hole", None, *CLASSES]
    missed.sort(key=lambda pair: (order.index(pair[0]["class"] if pair[0] else None), pair[1]["claim"]))
    lines = ["## Claims that kept their verdict with a fault in their own cells", ""]
    lines += ["| claim | fault | class | why |", "|---|---|---|---|"]
    for known, row in missed:
        said = (known["class"], _cell(known["why"])) if known else ("not looked at", "")
        fault = f"{row['kind']}: {_code(row['old'])} → {_code(row['new'])}"
        lines.append(f"| {row['claim']} | {fault} | {said[0]} | {said[1]} |")
    return [*lines, ""]


def _claims(rows):
    found = by_claim(rows)
    lines = ["## Claims", ""]
    if not found:
        return [*lines, "No claim has met a fault of its own yet (`make mutants`).", ""]
    caught = {name: sum(map(stored.noticed, each)) for name, each in found.items()}
    first = sum(stored.noticed(each[0]) for each in found.values())
    some = sum(count > 0 for count in caught.values())
    lines += [
        f"{len(found)} claims met {len(rows)} faults, drawn from what their own cells compare and from the functions "
        f"that these reach; {sum(caught.values())} were noticed by the claim itself. "
        f"The first that it met was caught by {rate(first, len(found))} claims; at least one by "
        f"{rate(some, len(found))}.",
        "A claim meets faults until it has caught one, so that shares of single claims are no rates. Claims that "
        "caught fewer than half stand first, with what pins the lines whose faults they let pass.",
        "",
        "| notebook | claim | caught | met | a fault it caught | one it did not | what catches that one |",
        "|---|---|---|---|---|---|---|",
    ]
    order = sorted(found, key=lambda name: (caught[name] / len(found[name]) >= 0.5, name))
    for name in order:
        each = found[name]
        good = next((row for row in each if stored.noticed(row)), None)
        missed = [row for row in each if not stored.noticed(row)]
        bad = next(iter([row for row in missed if int(row["cell"]) < 0] or missed), None)
        pinned = _cell(bad["pinned"].split("::")[-1]) if bad else ""
        said = f"{_said(good)} | {_said(bad)} | {pinned}"
        lines.append(f"| {name[0]} | {name[1]} | {caught[name]} | {len(each)} | {said} |")
    return [*lines, ""]


def _said(row):
    if row is None:
        return ""
    inside = int(row["cell"]) >= 0
    place = "its cells" if inside else f"`{row['path'].removeprefix('helpers/')}` `{row['where']}`"
    return f"{place}, {row['kind']}: {_code(row['old'])} → {_code(row['new'])}"


def _code(text):
    text = " ".join(text.split())
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"`{_cell(text)}`" if text else "nothing"


def _cell(text):
    return text.replace("|", "\\|").replace("\n", " ")
