"""Do two runs of a notebook agree? Ledgers and csv tables compared within the tolerances stated in them.

A run that agrees with the stored files leaves them as they are; the test suite asks the same question of a fresh run.
"""


def disagreements(stored, fresh):
    """Where two ledgers of one notebook differ beyond the tolerance stated in them.

    Words, ids and verdicts must be equal. A number agrees if it moved by at most its check's ``agreement`` (relative).
    A measured number also agrees if both values are within the threshold (in absolute value): any error under its
    threshold counts as equal, be it that of an identity, the slack of an inequality that holds with equality, or what
    is left of a violation after the repair.

    Returns
    -------
    list of str
        Empty if they agree.
    """
    found = []

    def compare(where, old, new, agreement, threshold=None):
        if isinstance(old, bool) or not isinstance(old, int | float) or not isinstance(new, int | float):
            same = old == new
        else:
            small = threshold is not None and max(abs(old), abs(new)) <= threshold
            same = small or abs(old - new) <= agreement * max(abs(old), abs(new))
        if not same:
            found.append(f"{where}: {old!r} became {new!r}")

    def entries(where, old, new):
        if len(old) != len(new):
            found.append(f"{where}: {len(old)} entries became {len(new)}")
        for a, b in zip(old, new, strict=False):
            # a control has no rule of its own; only the repaired side of a counter-example lies within its threshold
            small = abs(b["threshold"]) if b.get("rule") not in ("rate", "statistical", "empirical") else None
            for key in a.keys() | b.keys():
                label = f"{where} {b.get('name', b.get('breaks'))!r} {key}"
                compare(label, a.get(key), b.get(key), b["agreement"], small if key == "measured" else None)

    for key in ("notebook", "profile", "seed", "errata"):
        compare(key, stored.get(key), fresh.get(key), 0)
    old_claims = {claim["id"]: claim for claim in stored.get("claims", [])}
    new_claims = {claim["id"]: claim for claim in fresh["claims"]}
    if list(old_claims) != list(new_claims):
        found.append("the list of claims changed")
    for claim_id in old_claims.keys() & new_claims.keys():
        old, new = old_claims[claim_id], new_claims[claim_id]
        for key in ("title", "statement", "source", "provenance", "kind", "instances", "holds"):
            compare(f"{claim_id} {key}", old.get(key), new.get(key), 0)
        entries(f"{claim_id} check", old["checks"], new["checks"])
        entries(f"{claim_id} control", old["controls"], new["controls"])
    return found
