"""Judging faults: the stages that a fault goes through, and the tables that keep what was found."""

import ast
import csv
import time

from helpers import files

from . import net, places, reach

STAGES = ("own", "neighbours", "claims", "numbers")
LATER = "not run"
FAULT = ("path", "where", "kind", "line", "cell", "start", "end", "old", "new", "code")
FIELDS = (*FAULT, "net", "first", "caught", "by", "how", "tests", "claims", "seconds")
CLAIM_FIELDS = ("notebook", "claim", *FAULT, "how")
CLAIM = 60  # CPU seconds after which a claim counts as endless; in the quick profile none takes half of it


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
    """Names a fault within one version of its file."""
    return row["path"], int(row["cell"]), int(row["start"]), int(row["end"]), row["new"], row["code"]


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
        self.version = places.digest("".join([*self.modules.values(), *self.tests.values()]))

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

        Parameters
        ----------
        table : Table
        faults : sequence of places.Fault
        until : float
            ``time.monotonic()`` after which none is begun.
        settled : callable
            Whether it is known why nothing catches the fault of a row: it is not judged again.
        """
        known, begun, worked = {key(row): row for row in table.rows}, time.monotonic(), 0
        for k, fault in enumerate(faults):
            code = places.digest(self.modules[fault.path])
            old = known.get(key(about(fault, code)))
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
                f"{k + 1} of {len(faults)}, {left:.0f} min left: {fault.path}:{fault.line} {fault.kind}: {said}"
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

        In rounds over all claims, a fault of the cells and one of the modules in turn, so that an early end leaves
        every claim with about as many.

        Parameters
        ----------
        table : Table
        each : int
            Faults a claim.
        seed : int
        until : float
            ``time.monotonic()`` after which none is begun.
        """
        held = {(row["notebook"], row["claim"], *key(row)) for row in table.rows}
        for turn in range(each):
            for k, name in enumerate(self.cells):
                if time.monotonic() > until:
                    return
                fault, code = self._draw(name, turn, seed)
                if fault is None or (*name, *key(about(fault, code))) in held:
                    continue
                with self.scratch.with_fault(fault):
                    verdict = net.try_claim(self.scratch, name, seconds=CLAIM)
                how = verdict["failed"] or ("numbers" if verdict["moved"] else "")
                table.put(about(fault, code) | {"notebook": name[0], "claim": name[1], "how": how})
                said = (
                    f"{name[1]} {'catches' if verdict['failed'] else 'MISSES'} {fault.path}:{fault.line} {fault.kind}"
                )
                self.progress(f"round {turn + 1} of {each}, {k + 1} of {len(self.cells)}: {said} {how}")

    def _draw(self, name, turn, seed):
        """The fault of a claim in one round: even rounds look into its cells, odd ones into modules."""
        if turn % 2 == 0:
            texts, offered = {}, []
            for path in dict.fromkeys(path for path, _, _ in self.cells[name]):
                own = [(k, source) for where, k, source in self.cells[name] if where == path and k >= 0]
                wanted = places.compared([source for _, source in own])
                for position, (k, source) in enumerate(own):
                    texts[path, k] = source
                    starts = {line for index, line in wanted if index == position}
                    found = places.faults(source, path, cell=k, claim=name[1])
                    offered += [fault for fault in found if _statement(fault, source) in starts]
        else:
            texts, offered = self.modules, []
            for path, k in sorted(self.map.below(name)):
                if path in self.formulas:
                    _, _, first, last = self.map.nodes[path][k]
                    offered += [f for f in self._faults(path) if first <= f.line <= last]
        for k, fault in enumerate(places.draws(offered, texts, seed)):
            if k == turn // 2:
                text = texts[fault.path] if fault.cell < 0 else texts[fault.path, fault.cell]
                return fault, places.digest(text)
        return None, ""

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
