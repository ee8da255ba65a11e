"""The ledger: which claims a notebook has checked, with what verdict, and what is written down about them.

A notebook opens a claim, adds checks and controls (their rules are in ``verdicts``), and the claim is recorded and
its one line printed when its block ends. A failing claim is recorded, not raised; :meth:`Ledger.finish` writes the
ledger first and raises afterwards.
"""

from helpers import files

from .compare import disagreements
from .verdicts import RULES, Claim

PROVENANCE = ("seen", "seen*", "secondary", "code", "recalled", "derived", "numerical", "corrected", "unverified")
ARGUMENT_ONLY = "argument only"


class ClaimsFailed(AssertionError):
    """Raised by :meth:`Ledger.finish` after the ledger is on disk; names every failed claim."""


class Ledger:
    """The claims and errata of one notebook.

    Parameters
    ----------
    notebook : str
        Name of the notebook without suffix; also the name of its output folder.
    run : runtime.Run
        Where to write (``run.output``), profile and seed for the record.
    """

    def __init__(self, notebook, run):
        self.notebook, self.run = notebook, run
        self.claims, self.errata = {}, []

    def claim(self, claim_id, title, *, statement, source, provenance, kind=None, instances=None):
        """Open a claim; use as ``with ledger.claim(...) as claim``.

        Parameters
        ----------
        claim_id, title : str
        statement : str
            LaTeX, without dollar signs.
        source : str
            Where the statement comes from (paper and number, or 'this collection').
        provenance : list of str
            From ``PROVENANCE``.
        kind : str, optional
            From ``RULES``; the first check's rule by default.
        instances : int, optional
            Number of instances behind the claim; the largest number of trials by default.

        Raises
        ------
        ValueError
            For a second record of an id or an unknown word; when the block ends, for a claim without check or
            control; inside it, for any number that is not finite.
        """
        if claim_id in self.claims:
            raise ValueError(f"{claim_id} is already in the ledger")
        if unknown := set(provenance) - set(PROVENANCE) or not provenance:
            raise ValueError(f"{claim_id}: provenance {provenance} is empty or has unknown words ({unknown})")
        if kind is not None and kind not in RULES:
            raise ValueError(f"{claim_id}: kind {kind!r} is not one of {', '.join(RULES)}")
        return _Block(self, Claim(claim_id, title, statement, source, provenance, kind, instances))

    def add(self, claim):
        """Record a finished claim and print its one line."""
        record = claim.record()
        self.claims[claim.id] = record
        print(verdict_line(record))

    def erratum(self, erratum_id, printed, corrected, evidence):
        """Note a correction: what is printed, what is right, and the claim that shows it.

        ``evidence`` is the id of a recorded claim or ``"argument only"``.
        """
        if evidence != ARGUMENT_ONLY and evidence not in self.claims:
            raise ValueError(
                f"erratum {erratum_id}: evidence {evidence!r} is neither a recorded claim nor {ARGUMENT_ONLY!r}"
            )
        if any(entry["id"] == erratum_id for entry in self.errata):
            raise ValueError(f"erratum {erratum_id} is already in the ledger")
        self.errata.append({"id": erratum_id, "printed": printed, "corrected": corrected, "evidence": evidence})

    def finish(self):
        """Write the ledger, print the tally, and raise if any claim failed.

        Returns nothing. The file is ``<output>/<notebook>/claims.json``; a stored ledger that agrees with this
        run (``compare.disagreements``) is kept as it is, so that an unchanged tree stays unchanged.

        Raises
        ------
        ClaimsFailed
            After writing, naming every claim whose check fails or whose control does not.
        """
        ledger = {
            "notebook": self.notebook,
            "profile": self.run.profile,
            "seed": self.run.seed,
            "claims": list(self.claims.values()),
            "errata": self.errata,
        }
        path = self.run.output / self.notebook / "claims.json"
        stored = files.read_json(path)
        if stored is None or self.run.redraw or disagreements(stored, ledger):
            files.write_json(path, ledger)
        failed = [claim["id"] for claim in self.claims.values() if not passed(claim)]
        controls = sum(len(claim["controls"]) for claim in self.claims.values())
        checks = sum(len(claim["checks"]) for claim in self.claims.values())
        print(
            f"{len(self.claims) - len(failed)} of {len(self.claims)} claims hold: "
            f"{checks} checks, {controls} controls, {len(self.errata)} errata"
        )
        if failed:
            raise ClaimsFailed(f"{len(failed)} of {len(self.claims)} claims fail: {', '.join(failed)}")


class _Block:
    def __init__(self, ledger, claim):
        self.ledger, self.claim = ledger, claim

    def __enter__(self):
        return self.claim

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self.ledger.add(self.claim)


def passed(record):
    """A recorded claim passes iff all its checks hold and all its controls fail."""
    return record["holds"] and record["control"]["fails"]


def verdict_line(record):
    """``PASS  id  title   (control: what it broke)``, without a number, so that it is the same everywhere."""
    if passed(record):
        breaks = "; ".join(dict.fromkeys(control["breaks"] for control in record["controls"]))
        return f"PASS  {record['id']}  {record['title']}   (control fails as it must: {breaks})"
    bad = [f"check '{check['name']}' fails" for check in record["checks"] if not check["holds"]]
    bad += [f"control '{control['breaks']}' passes" for control in record["controls"] if not control["fails"]]
    return f"FAIL  {record['id']}  {record['title']}   ({'; '.join(bad)})"
