"""Judging faults: the stages that a fault goes through, and the table that keeps what was found."""

import csv
import time

from helpers import files

from . import net as nets
from . import places

LATER = "not run"
STAGES = ("own", "neighbours", "claims", "numbers")
FIELDS = (
    *("path", "where", "kind", "line", "cell", "start", "end", "old", "new"),
    *("code", "net", "first", "caught", "by", "how", "tests", "claims", "seconds"),
)
CLAIM_FIELDS = ("notebook", "claim", "path", "where", "kind", "line", "cell", "start", "end", "old", "new", "code", "how")


class Table:
    """Rows of a csv file, which is written anew, as a whole or not at all, with every row added.

    Parameters
    ----------
    path : Path
    fields : sequence of str
    """

    def __init__(self, path, fields):
        self.path, self.fields = path, fields
        self.rows = []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as stream:
                self.rows = list(csv.DictReader(stream))
        for row in self.rows:
            if tuple(row) != tuple(fields):
                raise ValueError(f"{path} has the columns {', '.join(row)}, expected {', '.join(fields)}")

    def put(self, row, *, instead=None):
        """Append a row, or put it in the place of another."""
        row = {name: str(row[name]) for name in self.fields}
        if instead is None:
            self.rows.append(row)
        else:
            self.rows[self.rows.index(instead)] = row
        files.write_text(self.path, files.csv_text({name: [r[name] for r in self.rows] for name in self.fields}))


def key(row):
    """Names a fault within one version of its file."""
    return row["path"], int(row["cell"]), int(row["start"]), int(row["end"]), row["new"], row["code"]


def about(fault, code):
    """The columns that say what the fault is."""
    names = ("path", "where", "kind", "line", "cell", "start", "end", "old", "new")
    return {name: getattr(fault, name) for name in names} | {"code": code}


def judge(fault, net, *, claim_seconds):
    """Send one fault of a module through tests and claims, up to what catches it first.

    Parameters
    ----------
    fault : places.Fault
    net : nets.Net
    claim_seconds : float
        CPU seconds that its claims may take; those that use the module themselves come first.

    Returns
    -------
    dict
        ``caught`` (a stage or ""), ``by``, ``how``, ``tests`` (how many of those seen execute it), ``claims`` ("run of possible").
    """
    found = {"caught": "", "by": "", "how": "", "tests": 0, "claims": ""}
    for stage, names in (("own", net.own_files(fault.path)), ("neighbours", net.neighbour_files(fault.path))):
        others = {}
        for file in names:
            tests = net.tests(file)
            hit = {name: seconds for name, (seconds, lines) in tests.items() if nets.hits(fault, lines)}
            found["tests"] += len(hit)
            if caught := _try(fault, net, hit):
                return found | {"caught": stage, "by": caught[0], "how": caught[1]}
            if hit:  # a fixture or a cache may have called the function for a test that came later
                others |= {name: seconds for name, (seconds, _) in tests.items() if name not in hit}
        if caught := _try(fault, net, others):
            return found | {"caught": stage, "by": caught[0], "how": caught[1]}
    return found | claims_stage(fault, net, claim_seconds)


def _try(fault, net, tests):
    with net.scratch.with_fault(fault):
        return nets.try_tests(net.scratch, dict(sorted(tests.items(), key=lambda item: item[1])))


def claims_stage(fault, net, claim_seconds):
    """The part of :func:`judge` that follows the tests; 0 seconds leave it for later."""
    if not claim_seconds:
        return {"claims": LATER}
    return _claims(fault, net, claim_seconds)


def _claims(fault, net, claim_seconds):
    near, spent, ran, moved = net.claims_near(fault.path), 0.0, 0, []
    left_out = 0
    for name in near:
        if spent > claim_seconds:
            left_out += 1
            continue
        seen = net.claim(name)
        if seen is None or not nets.hits(fault, seen[1]):
            continue
        with net.scratch.with_fault(fault):
            verdict = nets.try_claim(net.scratch, name, seen[0])
        spent, ran = spent + seen[0], ran + 1
        if verdict["failed"]:
            return {"caught": "claims", "by": name[1], "how": verdict["failed"], "claims": f"{ran} run"}
        moved += [name[1]] * bool(verdict["moved"])
    said = f"{ran} run" + (f", {left_out} left out" if left_out else "")
    if moved:
        return {"caught": "numbers", "by": " ".join(moved), "how": "moved", "claims": said}
    return {"claims": said}


def sampled(net, table, faults, *, claim_seconds, until, progress=print):
    """Judge faults that the table does not hold yet; survivors again once the tests have changed.

    Parameters
    ----------
    net : nets.Net
    table : Table
    faults : sequence of places.Fault
    claim_seconds : float
    until : float
        ``time.monotonic()`` after which none is begun.
    progress : callable

    Returns
    -------
    int
        How many of the faults the table now holds.
    """
    known, version = {key(row): row for row in table.rows}, places.digest(net.code + "".join(net.texts.values()))
    begun, done, worked = time.monotonic(), 0, 0
    for k, fault in enumerate(faults):
        code = places.digest(net.modules[fault.path])
        old = known.get(key(about(fault, code)))
        waits = old is not None and old["claims"] == LATER and bool(claim_seconds)
        if old is not None and (old["caught"] in STAGES[:3] or (old["net"] == version and not waits)):
            done += 1
            continue
        if time.monotonic() > until:
            continue
        start = time.monotonic()
        if waits and old["net"] == version:
            row = old | claims_stage(fault, net, claim_seconds)
        else:
            row = about(fault, code) | judge(fault, net, claim_seconds=claim_seconds)
        row |= {"net": version, "seconds": f"{time.monotonic() - start:.1f}"}
        row["first"] = (row["caught"] or "none") if old is None or waits else old["first"]
        table.put(row, instead=old)
        done, worked = done + 1, worked + 1
        left = (time.monotonic() - begun) / worked * (len(faults) - k - 1) / 60
        said = f"{row['caught'] or 'SURVIVES'} {row['by']}".strip()
        progress(f"{k + 1} of {len(faults)}, {left:.0f} min left: {fault.path}:{fault.line} {fault.kind}: {said}")
    return done


def claims_against_faults(net, table, names, *, each, seed, until, progress=print):
    """For every claim, faults of its own cells and of the lines it executes: does the claim itself notice?

    Rounds over all claims, a fault of the cells and one of the modules in turn, so that an early end leaves every
    claim with about as many.

    Parameters
    ----------
    net : nets.Net
    table : Table
    names : sequence of (str, str)
    each : int
        Faults a claim.
    seed : int
    until : float
    progress : callable
    """
    held = {}
    for row in table.rows:
        held.setdefault((row["notebook"], row["claim"]), {})[key(row)] = row
    for turn in range(each):
        for k, name in enumerate(names):
            if time.monotonic() > until:
                return
            seen = net.claim(name)
            if seen is None:
                continue
            fault, code = _draw(net, name, seen[1], turn, seed)
            if fault is None or key(about(fault, code)) in held.get(name, {}):
                continue
            with net.scratch.with_fault(fault):
                verdict = nets.try_claim(net.scratch, name, seen[0])
            how = verdict["failed"] or ("numbers" if verdict["moved"] else "")
            table.put(about(fault, code) | {"notebook": name[0], "claim": name[1], "how": how})
            said = f"{name[1]} {'catches' if verdict['failed'] else 'MISSES'} {fault.path}:{fault.line} {fault.kind}"
            progress(f"round {turn + 1} of {each}, {k + 1} of {len(names)}: {said} {how}")


def _draw(net, name, lines, turn, seed):
    """The fault of a claim in one round: even rounds look into its cells, odd ones into the modules."""
    cells = net.claims[name]
    texts = {(path, k): source for path, k, source in cells}
    order = turn // 2
    if turn % 2 == 0:
        offered = []
        for where in dict.fromkeys(path for path, _, _ in cells):
            own = [(k, source) for path, k, source in cells if path == where]
            reach = places.compared([source for _, source in own])
            for position, (k, source) in enumerate(own):
                starts = sorted(line for index, line in reach if index == position)
                found = places.faults(source, where, cell=k, claim=name[1])
                offered += [fault for fault in found if _inside(fault, source, starts)]
    else:
        texts = net.modules
        paths = [path for path in lines if path in texts and path in net.formulas]
        offered = [f for path in paths for f in places.faults(texts[path], path) if f.where and nets.hits(f, lines)]
    for k, fault in enumerate(places.draws(offered, texts, seed)):
        if k == order:
            text = texts[fault.path] if fault.cell < 0 else texts[fault.path, fault.cell]
            return fault, places.digest(text)
    return None, ""


def _inside(fault, source, starts):
    """Whether the fault stands in one of the statements that begin at these lines."""
    import ast

    for node in ast.parse(source).body:
        for each in node.body if isinstance(node, ast.With) else [node]:
            if each.lineno <= fault.line <= each.end_lineno:
                return each.lineno in starts
    return False
