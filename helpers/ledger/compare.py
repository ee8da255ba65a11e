"""Do two runs of a notebook agree? Ledgers compared within the tolerances stated in them.

A run that agrees with the stored files leaves them as they are; the test suite asks the same question of a fresh run.
"""

# Resolutions below this are rounding; above, two runs agree within a factor of two.
ROUNDING = 1e-9


def disagreements(stored, fresh):
    """Where two ledgers of one notebook differ beyond the tolerance stated in them.

    Words, ids and verdicts must be equal. A number agrees if it moved by at most its check's ``agreement`` (relative).
    A measured number also agrees if both values are within the threshold (in absolute value): any error under its
    threshold counts as equal, be it that of an identity, the slack of an inequality that holds with equality, or what
    is left of a violation after the repair. Resolutions agree within a factor of two.

    Returns
    -------
    list of str
        Empty if they agree.
    """
    found = []
    for key in ("notebook", "place", "profile", "seed"):
        _compare(found, key, stored.get(key), fresh.get(key), 0)
    old_claims = {claim["id"]: claim for claim in stored.get("claims", [])}
    new_claims = {claim["id"]: claim for claim in fresh["claims"]}
    if list(old_claims) != list(new_claims):
        found.append("the list of claims changed")
    for claim_id in sorted(old_claims.keys() & new_claims.keys()):
        found += changes(old_claims[claim_id], new_claims[claim_id])
    return found


def changes(old, new):
    """Where two records of one claim differ; see :func:`disagreements`."""
    found = []
    for key in ("kind", "instances", "holds"):
        _compare(found, f"{new['id']} {key}", old.get(key), new.get(key), 0)
    _entries(found, f"{new['id']} check", old["checks"], new["checks"])
    _entries(found, f"{new['id']} control", old["controls"], new["controls"])
    return found


def by_id(old, new):
    """Where two collections of claims differ, whatever notebooks they stand in.

    Parameters
    ----------
    old, new : dict of str to dict
        Records by id. Checks and controls are matched by name: those that one side alone has are listed too.

    Returns
    -------
    list of str
        Empty if nothing is lost, new or moved.
    """
    found = [f"{claim_id} is lost" for claim_id in old if claim_id not in new]
    found += [f"{claim_id} is new" for claim_id in new if claim_id not in old]
    for claim_id in old:
        if claim_id not in new:
            continue
        for kind, key in (("checks", "name"), ("controls", "breaks")):
            before = {(entry[key], entry.get("check")): entry for entry in old[claim_id][kind]}
            after = {(entry[key], entry.get("check")): entry for entry in new[claim_id][kind]}
            for said, one, other in (("gone", before, after), ("new", after, before)):
                for name, check in sorted(one.keys() - other.keys(), key=str):
                    of = f" of {check!r}" if check else ""
                    found.append(f"{claim_id}: {kind[:-1]} {name!r}{of} is {said}")
            for label in sorted(before.keys() & after.keys(), key=str):
                _entries(found, f"{claim_id} {kind[:-1]}", [before[label]], [after[label]])
    return found


def _entries(found, where, old, new):
    if len(old) != len(new):
        found.append(f"{where}: {len(old)} entries became {len(new)}")
    for a, b in zip(old, new, strict=False):
        # a control has no rule of its own; only the repaired side of a counter-example lies within its threshold
        bounded = b.get("rule") not in ("rate", "statistical", "empirical") and b["threshold"] is not None
        label = f"{where} {b.get('name', b.get('breaks'))!r}"
        for key in a.keys() & b.keys() | (b.keys() - {"resolution", "of"}):
            if key == "resolution":
                if not _same_resolution(a[key], b[key]):
                    found.append(f"{label} resolution: {a[key]!r} became {b[key]!r}")
            else:
                within = abs(b["threshold"]) if bounded and key == "measured" else None
                _compare(found, f"{label} {key}", a.get(key), b.get(key), b["agreement"], within)


def _compare(found, where, old, new, agreement, threshold=None):
    if isinstance(old, bool) or not isinstance(old, int | float) or not isinstance(new, int | float):
        same = old == new
    else:
        small = threshold is not None and max(abs(old), abs(new)) <= threshold
        same = small or abs(old - new) <= agreement * max(abs(old), abs(new))
    if not same:
        found.append(f"{where}: {old!r} became {new!r}")


def _same_resolution(old, new):
    if old is None or new is None:
        return old == new
    return max(old, new) <= ROUNDING or max(old, new) <= 2 * min(old, new)
