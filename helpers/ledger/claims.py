"""The ledger: which claims a notebook has checked, and with what verdict.

A notebook opens a claim by its id, adds checks and controls (their rules are in ``verdicts``), and the claim is
recorded and its verdict printed when its block ends. What is said about a claim stands on the paper's card (``cards``).
A failing claim is recorded, not raised; :meth:`Ledger.finish` writes the ledger first and raises afterwards.

Essay and appendix have a ledger each. The essay's block of a claim is ``ledger.claim(id)``; further checks of it stand
in the appendix as ``ledger.more(id)``, and the claim passes only if both do (:func:`together`).
"""

import difflib

from helpers import files

from .compare import disagreements
from .verdicts import Claim, passed, verdict


class ClaimsFailed(AssertionError):
    """Raised by :meth:`Ledger.finish` after the ledger is on disk; names every failed claim."""


class Ledger:
    """The claims of one notebook.

    Parameters
    ----------
    card : cards.Card
    run : runtime.Run
        Where to write (``run.output``), profile and seed for the record, and whether to be strict: in a strict run a
        second record of an id and a claim of the card that nobody checked are errors; in a live one, where a reader
        runs cells as often as he likes, a record takes its predecessor's place.
    place : str
        "essay" or "appendix".
    guard : callable, optional
        Called with the id before a claim opens; raises if the names it compares are another claim's.
    """

    def __init__(self, card, run, *, place="essay", guard=None):
        self.card, self.run, self.place, self.claims = card, run, place, {}
        self._guard = guard or (lambda claim_id: None)

    @property
    def folder(self):
        """Where ledger, figures and their numbers go."""
        return files.folder(self.run.output, self.card.name, self.place)

    @property
    def ids(self):
        """Ids of the card that this notebook has to claim."""
        return [label for label, claim in self.card.claims.items() if self._belongs(claim)]

    def claim(self, claim_id):
        """Open a claim; use as ``with ledger.claim("SC-T1") as claim``.

        Raises
        ------
        ValueError
            For an id that is not on the card or belongs to the other notebook, and in a strict run for a second record;
            when the block ends, for a claim without check or control.
        """
        entry = self._entry(claim_id)
        if not self._belongs(entry):
            raise ValueError(
                f"{claim_id} belongs to the {entry['where']} ({self.card.path.name}), this is {self._here}"
            )
        return self._open(claim_id, entry)

    def more(self, claim_id):
        """Open further checks, in the appendix, of a claim that the essay makes; otherwise as :meth:`claim`."""
        entry = self._entry(claim_id)
        if self.place != "appendix" or entry["where"] != "essay":
            raise ValueError(
                f"more({claim_id!r}) is for the appendix and claims of the essay; this is {self._here}, and the card "
                f"({self.card.path.name}) puts {claim_id} into the {entry['where']}"
            )
        return self._open(claim_id, entry)

    def finish(self):
        """Write the ledger, print the tally, and raise if any claim failed.

        The file is ``<output>/<notebook>/claims.json``, of an appendix ``<output>/<notebook>/appendix/claims.json``; a
        stored ledger that agrees with this run (``compare.disagreements``) is kept as it is, so that an unchanged tree
        stays unchanged.

        Raises
        ------
        ClaimsFailed
            After writing, naming every claim whose check fails or whose control does not; in a strict run also naming
            those of the card that were never checked, or if there was none at all.
        """
        order = list(self.card.claims)
        ledger = {
            "notebook": self.card.name,
            "place": self.place,
            "profile": self.run.profile,
            "seed": self.run.seed,
            "claims": sorted(self.claims.values(), key=lambda record: order.index(record["id"])),
        }
        path = self.folder / "claims.json"
        stored = files.read_json(path)
        if stored is None or self.run.redraw or disagreements(stored, ledger):
            files.write_json(path, ledger)
        failed = [label for label, record in self.claims.items() if not passed(record)]
        controls = sum(len(record["controls"]) for record in self.claims.values())
        checks = sum(len(record["checks"]) for record in self.claims.values())
        print(
            f"{len(self.claims) - len(failed)} of {len(self.claims)} claims hold: {checks} checks, {controls} controls"
        )
        missing = [label for label in self.ids if label not in self.claims]
        if not self.claims and self.run.strict:
            raise ClaimsFailed(f"{self._here} checked no claim")
        if failed:
            raise ClaimsFailed(f"{len(failed)} of {len(self.claims)} claims fail: {', '.join(failed)}")
        if missing and self.run.strict:
            raise ClaimsFailed(f"{self.card.path.name} has {', '.join(missing)}, which no cell checked")
        if missing:
            print(f"not run since the set-up cell: {', '.join(missing)}")

    # -- machinery ------------------------------------------------------------------------------------
    @property
    def _here(self):
        return f"the {self.place} of {self.card.name}"

    def _belongs(self, entry):
        return entry["where"] == self.place or not self.card.is_essay

    def _entry(self, claim_id):
        if claim_id not in self.card.claims:
            close = difflib.get_close_matches(claim_id, self.card.claims, n=1, cutoff=0.7)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"{claim_id} is not on the card {self.card.path.name}{hint}")
        return self.card.claims[claim_id]

    def _open(self, claim_id, entry):
        if claim_id in self.claims and self.run.strict:
            raise ValueError(f"{claim_id} is already in the ledger")
        self._guard(claim_id)
        stated = {key: entry.get(key) for key in ("kind", "instances")}
        return _Block(self, Claim(claim_id, **stated, strict=self.run.strict))

    def _add(self, claim):
        record = claim.record()
        again = claim.id in self.claims
        self.claims[claim.id] = record
        print(verdict(record, self.card.claims[claim.id]["title"]))
        if again:
            print(f"      (takes the place of the earlier record of {claim.id})")


class _Block:
    def __init__(self, ledger, claim):
        self.ledger, self.claim = ledger, claim

    def __enter__(self):
        return self.claim

    def __exit__(self, kind, value, traceback):
        if kind is None:
            self.ledger._add(self.claim)


def stored(output, card):
    """The records of one paper below an output folder, essay and appendix together.

    Parameters
    ----------
    output : path-like
    card : cards.Card

    Returns
    -------
    dict of str to dict
        By id, in the card's order; see :func:`together`. Claims without a record are left out.
    """
    places = {
        place: files.read_json(files.folder(output, card.name, place) / "claims.json")
        for place in ("essay", "appendix")
    }
    parts = {
        place: {record["id"]: record for record in ledger["claims"]}
        for place, ledger in places.items()
        if ledger is not None
    }
    found = {}
    for label in card.claims:
        records = [records[label] for records in parts.values() if label in records]
        if records:
            found[label] = together(records)
    return found


def together(records):
    """One record of the blocks that essay and appendix hold of one claim: all checks, all controls, one verdict.

    Raises
    ------
    ValueError
        If two checks have one name: controls could not tell which they belong to.
    """
    if len(records) == 1:
        return records[0]
    names = [check["name"] for record in records for check in record["checks"]]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{records[0]['id']}: essay and appendix both have a check named {', '.join(twice)}")
    instances = max(record["instances"] for record in records)
    claim = Claim(records[0]["id"], kind=records[0]["kind"], instances=instances)
    claim.checks = [check for record in records for check in record["checks"]]
    claim.controls = [control for record in records for control in record["controls"]]
    return claim.record()
