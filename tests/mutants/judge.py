"""Judging faults: the stages that a fault goes through, and the tables that keep what was found."""

import ast
import csv
import itertools
import time

from helpers import files
from helpers.collection import faults as stored

from . import net, places, reach

STAGES = ("own", "neighbours", "claims", "numbers")
LATER = "not run"
FAULT = ("path", "where", "kind", "cell", "place", "old", "new", "code")
FIELDS = (*FAULT, "net", "first", "caught", "by", "how", "tests", "claims", "seconds")
CLAIM_FIELDS = ("notebook", "claim", "cells", *FAULT, "how", "pinned")
CLAIM = 60  # CPU seconds after which a claim counts as endless; in the quick profile none takes half of it
CHEAP = 10  # CPU seconds; a claim that takes longer waits for the others


class Table:
    """Rows of a csv file, which is written anew, as a whole or not at all, with every row added.

    Parameters
    ----------
    path : Path
    fields : sequence of str

    Raises
    ------
    ValueError
        If the file has other columns.
    """

    def __init__(self, path, fields):
        self.path, self.fields, self.rows = path, fields, []
        if path.exists():
            with path.open(newline="", encoding="utf-8") as stream:
                self.rows = list(csv.DictReader(stream))
        for row in self.rows[:1]:
            if tuple(row) != tuple(fields):
                raise ValueError(f"{path.name} has the columns {', '.join(row)}, expected {', '.join(fields)}")

    def put(self, row, *, instead=None):
        """Append a row, or put it in the place of another."""
        row = {name: str(row[name]) for name in self.fields}
        if instead is None:
            self.rows.append(row)
        else:
            self.rows[self.rows.index(instead)] = row
        self.write()

    def write(self):
        files.write_text(self.path, files.csv_text({name: [r[name] for r in self.rows] for name in self.fields}))


def key(row):
    """Names the fault of a row, as :attr:`places.Fault.key`."""
    return row["path"], row["where"], row["kind"], int(row["cell"]), row["old"], row["new"], int(row["place"])


def about(fault, code):
    """The columns that say what the fault is."""
    return {name: getattr(fault, name) for name in FAULT if name != "code"} | {"code": code}


class Judge:
    """Sends faults through tests and claims.

    Parameters
    ----------
    scratch : net.Scratch
    claim_seconds : float
        What the claims of one fault may take, seconds on the clock; 0 leaves them for later.
    progress : callable
        Given a line of text.
    """

    def __init__(self, scratch, *, claim_seconds=300.0, progress=print):
        self.scratch, self.claim_seconds, self.progress = scratch, claim_seconds, progress
        copy = scratch.copy
        self.modules = {
            path.relative_to(copy).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((copy / "helpers").rglob("*.py"))
        }
        self.tests = {
            path.relative_to(copy).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted((copy / "tests").glob("*.py"))
            if path.name != "mutants_test.py"
        }
        self.cells = {
            (path.stem, label): cells
            for path in sorted((copy / "notebooks").glob("*.ipynb"))
            for label, cells in reach.claim_cells(copy, path.stem).items()
        }
        sources = {label: [source for _, _, source in cells] for label, cells in self.cells.items()}
        self.map = reach.Map(self.modules, self.tests, sources)
        self._offered = {}
        self.formulas = places.modules(copy)
        self.version = stored.digest("".join([*self.modules.values(), *self.tests.values()]))

    # -- one fault --------------------------------------------------------------------------------------
    def judge(self, fault):
        """What catches a fault of a module first: the columns ``caught``, ``by``, ``how``, ``tests`` and ``claims``."""
        own, others = self.map.tests_above(fault.path, fault.line)
        if ">>>" in self.modules[fault.path]:
            own = {fault.path: []} | own
        found = {"tests": sum(map(len, own.values())) + sum(map(len, others.values())), "claims": ""}
        for stage, chosen in (("own", own), ("neighbours", others)):
            if chosen:
                with self.scratch.with_fault(fault):
                    ended, _ = net.run_tests(self.scratch, chosen)
                for test, how in ended.items():
                    if how:
                        return found | {"caught": stage, "by": test, "how": how}
        return found | self.claims(fault)

    def claims(self, fault):
        """The part of :meth:`judge` that follows the tests."""
        found = {"caught": "", "by": "", "how": "", "claims": LATER}
        if not self.claim_seconds:
            return found
        above, moved, ran, begun = self.map.claims_above(fault.path, fault.line), [], 0, time.monotonic()
        for name in above:
            if time.monotonic() - begun > self.claim_seconds:
                break
            with self.scratch.with_fault(fault):
                verdict = net.try_claim(self.scratch, name, seconds=CLAIM)
            ran += 1
            if verdict["failed"]:
                return found | {
                    "caught": "claims",
                    "by": " ".join(name),
                    "how": verdict["failed"],
                    "claims": f"{ran} run",
                }
            moved += [name[1]] * bool(verdict["moved"])
        found["claims"] = f"{ran} of {len(above)} run"
        return found | ({"caught": "numbers", "by": " ".join(moved), "how": "moved"} if moved else {})

    # -- many -------------------------------------------------------------------------------------------
    def sample(self, table, faults, *, until, settled=lambda row: False):
        """Judge faults that the table does not hold yet; survivors again once tests or modules have changed.

        Rows of faults that are not among these, or whose function has changed since, are dropped.

        Parameters
        ----------
        table : Table
        faults : sequence of places.Fault
        until : float
            ``time.monotonic()`` after which none is begun.
        settled : callable
            Whether it is known why nothing catches the fault of a row: it is not judged again.
        """
        codes = {fault.key: self.code(fault) for fault in faults}
        table.rows = [row for row in table.rows if codes.get(key(row)) == row["code"]]
        known, begun, worked = {key(row): row for row in table.rows}, time.monotonic(), 0
        for k, fault in enumerate(faults):
            code, old = codes[fault.key], known.get(fault.key)
            waits = old is not None and old["claims"] == LATER and bool(self.claim_seconds)
            if old is not None and (old["caught"] in STAGES[:3] or settled(old)):
                continue
            if old is not None and old["net"] == self.version and not waits:
                continue
            if time.monotonic() > until:
                return
            start = time.monotonic()
            same = waits and old["net"] == self.version
            row = old | self.claims(fault) if same else about(fault, code) | self.judge(fault)
            row |= {"net": self.version, "seconds": f"{time.monotonic() - start:.1f}"}
            # tests that were added since make no first judgement better, claims that had to wait do
            fresh = old is None or (same and old["first"] == LATER)
            missed = LATER if row["claims"] == LATER else "none"
            row["first"] = (row["caught"] or missed) if fresh else old["first"]
            table.put(row, instead=old)
            worked += 1
            left = (time.monotonic() - begun) / worked * (len(faults) - k - 1) / 60
            said = f"{row['caught'] or 'SURVIVES'} {row['by']} {row['how']}".strip()
            self.progress(
                f"{k + 1} of {len(faults)}, {left:.0f} min left: {fault.path} {fault.where} {fault.kind}: {said}"
            )

    def verify(self, table):
        """Run what caught something without any fault; rows whose test fails then are dropped, and their tests named.

        Returns
        -------
        list of str
        """
        chosen, caught = {}, {row["by"] for row in table.rows if row["caught"] in STAGES[:2]}
        for test in sorted(caught):
            file, *names = test.split("::")
            if file in self.modules:
                chosen[file] = []  # all its doctests
            elif file in self.tests:  # a file that could not be imported is only collected
                chosen.setdefault(file, {""}).update(name.split("[")[0] for name in names)
        ended, _ = net.run_tests(self.scratch, chosen, first=False)
        wrong = {test for test, how in ended.items() if how}
        self.progress(f"{len(caught & ended.keys())} of {len(caught)} tests that caught something ran without a fault")
        table.rows = [row for row in table.rows if row["by"] not in wrong]
        table.write()
        return sorted(wrong)

    def claims_against_faults(self, table, *, each, seed, until):
        """For every claim, faults of its own cells and of the functions it reaches: does the claim itself notice?

        Every claim meets faults until it has caught one, the cheap claims first. Rows of code that has changed are
        dropped.

        Parameters
        ----------
        table : Table
        each : int
            Faults a claim, at most.
        seed : int
        until : float
            ``time.monotonic()`` after which none is begun.
        """
        table.rows = [row for row in table.rows if self.holds(row)]
        dear = set()
        for limit in (CHEAP, CLAIM):
            for turn in range(each):
                for k, name in enumerate(self.cells):
                    if time.monotonic() > until:
                        return
                    met = [row for row in table.rows if (row["notebook"], row["claim"]) == name]
                    if len(met) > turn or any(map(stored.noticed, met)) or (limit < CLAIM and name in dear):
                        continue
                    said = self._claim_against_fault(table, name, met, seed, limit)
                    if said is None:
                        dear.add(name)
                    elif said:
                        self.progress(f"round {turn + 1} of {each}, {k + 1} of {len(self.cells)}: {said}")

    def _claim_against_fault(self, table, name, met, seed, limit):
        """One more row; what to say about it, empty if there is no other fault, None if the claim took too long."""
        known = {key(row) for row in met}
        fault = next((fault for fault in self.offers(name, seed) if fault.key not in known), None)
        if fault is None:
            return ""
        with self.scratch.with_fault(fault):
            verdict = net.try_claim(self.scratch, name, seconds=limit)
        if verdict["failed"] == "timeout" and limit < CLAIM:
            return None
        how = verdict["failed"] or ("numbers" if verdict["moved"] else "")
        row = about(fault, self.code(fault)) | {"notebook": name[0], "claim": name[1], "how": how, "pinned": ""}
        table.put(row | {"cells": stored.of_cells(self.own(name))})
        caught = "catches" if verdict["failed"] else "MISSES"
        return f"{name[1]} {caught} {fault.path} {fault.where} {fault.kind} {how}"

    def pin(self, table, *, until):
        """Run the tests on the faults of modules that a claim let pass: the column ``pinned``, a test or "no test"."""
        kept, self.claim_seconds = self.claim_seconds, 0.0
        for row in table.rows:
            if int(row["cell"]) >= 0 or stored.noticed(row) or row["pinned"] or time.monotonic() > until:
                continue
            fault = next(fault for fault in self._faults(row["path"]) if fault.key == key(row))
            row["pinned"] = self.judge(fault)["by"] or "no test"
            table.write()
            self.progress(f"{row['claim']} let pass {row['path']} {row['where']} {row['kind']}: {row['pinned']}")
        self.claim_seconds = kept

    def own(self, name):
        """Sources of a claim's cells, without the set-up."""
        return [source for _, k, source in self.cells.get(name, ()) if k >= 0]

    def code(self, fault):
        """Stands for what a fault is put into: the function, or the claim's cells."""
        if fault.cell < 0:
            return stored.of_function(self.modules[fault.path], fault.where)
        return stored.of_cells(self.own(next(name for name in self.cells if name[1] == fault.where)))

    def holds(self, row):
        """Whether a row of the table of claims was judged with the code that stands there now."""
        return stored.current(row, self.scratch.copy, self.own((row["notebook"], row["claim"])))

    def offers(self, name, seed):
        """Faults for a claim in the order in which it meets them, of its cells and of modules in turn: a generator."""
        texts, offered = {}, []
        for path in dict.fromkeys(path for path, _, _ in self.cells[name]):
            own = [source for where, k, source in self.cells[name] if where == path and k >= 0]
            wanted = places.compared(own)
            for k, source in enumerate(own):
                texts[path, k] = source
                starts = {line for index, line in wanted if index == k}
                found = places.faults(source, path, cell=k, claim=name[1])
                offered += [fault for fault in found if _statement(fault, source) in starts]
        below = []
        for path, k in sorted(self.map.below(name)):
            if path in self.formulas:
                _, _, first, last = self.map.nodes[path][k]
                below += [f for f in self._faults(path) if first <= f.line <= last]
        seed = f"{seed} {name[1]}"  # or all claims that reach a function would meet the same fault of it
        turns = itertools.zip_longest(places.draws(offered, texts, seed), places.draws(below, self.modules, seed))
        return (fault for pair in turns for fault in pair if fault is not None)

    def _faults(self, path):
        if path not in self._offered:
            self._offered[path] = places.faults(self.modules[path], path)
        return self._offered[path]


def _statement(fault, source):
    """First line of the statement of a cell, inside a ``with`` if there is one, that holds the fault."""
    for node in ast.parse(source).body:
        for each in node.body if isinstance(node, ast.With) else [node]:
            if each.lineno <= fault.line <= each.end_lineno:
                return each.lineno
    return None
