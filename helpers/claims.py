"""Verdicts and the ledger: who decides that a claim holds, and what is written down about it.

A notebook opens a claim, adds one or more checks and one or more controls, and the claim is recorded when
its block ends. Each check has a rule; a control is more data put through *its check's own rule with its
check's own tolerance*, and has to fail it. ``holds`` and ``fails`` are computed here and nowhere else.

============== =====================================================================================
rule           a check holds iff
============== =====================================================================================
identity       the worst error is at most the tolerance
inequality     the worst slack is at least minus the tolerance (plus a quantile of standard errors)
rate           abs(fitted slope - predicted slope) <= bias + quantile * standard error
statistical    the worst abs(z) is at most a quantile corrected for the number of comparisons, or the
               p-value of a goodness-of-fit test is at least the false-alarm level
landscape      every converged restart lies within the tolerance of the predicted set
counterexample the violation of the refuted statement exceeds its threshold (the control is the repaired
               statement: put through the same rule, it must not be violated)
empirical      the mean paired difference over at least 5 seeds has the stated sign at 99.9 %
============== =====================================================================================
"""

import math

import numpy as np
from scipy import stats

from helpers import storage

RULES = ("identity", "inequality", "rate", "statistical", "landscape", "counterexample", "empirical")
PROVENANCE = ("seen", "seen*", "secondary", "code", "recalled", "derived", "numerical", "corrected", "unverified")
ARGUMENT_ONLY = "argument only"

# Two-sided level of one statistical check. A few thousand comparisons over any seed then raise a false
# alarm about once in a thousand runs of the whole collection.
FALSE_ALARM = 1e-6
# Two runs agree on a measured number if it moved by less than this fraction (see `disagreements`).
AGREEMENT = 0.01


class ClaimsFailed(AssertionError):
    """Raised by :meth:`Ledger.finish` after the ledger is on disk; names every failed claim."""


def quantile(*, comparisons=1, trials=None):
    """Largest abs(z) that noise alone may reach, at level ``FALSE_ALARM``, Bonferroni over comparisons.

    Parameters
    ----------
    comparisons : int
        Number of z-scores looked at.
    trials : int, optional
        Independent trials behind each standard error; Student's t with ``trials - 1`` degrees of freedom
        replaces the normal law, because the standard error was itself estimated.

    Returns
    -------
    float

    >>> round(quantile(), 2)
    4.89
    """
    tail = FALSE_ALARM / (2 * comparisons)
    return float(stats.norm.isf(tail) if trials is None else stats.t.isf(tail, trials - 1))


class Claim:
    """One claim under construction; made by :meth:`Ledger.claim`."""

    def __init__(self, claim_id, title, statement, source, provenance, kind, instances):
        self.id, self.title, self.kind = claim_id, title, kind
        self._head = {"id": claim_id, "title": title, "statement": statement, "source": source}
        self._provenance, self._instances = list(provenance), instances
        self._rules, self.checks, self.controls = {}, [], []

    # -- checks ---------------------------------------------------------------------------------------
    def identity(self, name, left, right, *, tolerance, relative_to=1.0, unit="", agreement=AGREEMENT):
        """``left`` equals ``right`` up to ``tolerance``: max abs(left - right) / relative_to.

        Parameters
        ----------
        name : str
        left, right, relative_to : array_like
            Broadcast against each other; ``relative_to`` > 0 (1 gives absolute errors).
        tolerance : float >= 0
            Derived before the error is seen.
        unit : str
            Unit of the error; "" for a pure number.
        agreement : float
            Relative change of the measured number between machines that still counts as equal.
        """

        def measure(left, right, relative_to=relative_to):
            scale = _array(relative_to, name)
            if np.any(scale <= 0):
                raise ValueError(f"{self.id}, {name!r}: relative_to must be positive")
            error = np.abs(_array(left, name) - _array(right, name)) / scale
            return {"measured": _extreme(error, name).max(), "threshold": tolerance, "trials": error.size}

        self._add(name, "identity", measure, (left, right), unit, agreement)

    def inequality(
        self, name, smaller, larger, *, tolerance, standard_error=0.0, trials=None, unit="", agreement=AGREEMENT
    ):
        """``smaller <= larger`` entry by entry: slack ``larger - smaller >= -(tolerance + q * standard_error)``.

        ``standard_error`` (of the slack) is for estimated sides only; q is :func:`quantile` over all entries,
        with ``trials`` independent draws behind each standard error.
        """

        def measure(smaller, larger, standard_error=standard_error):
            slack = _array(larger, name) - _array(smaller, name)
            slack, error = np.broadcast_arrays(slack, _array(standard_error, name))
            _extreme(slack, name)
            noise = quantile(comparisons=slack.size, trials=trials) * error if np.any(error > 0) else 0.0 * error
            worst = np.argmin(slack + noise)
            measured = {"measured": slack.flat[worst], "threshold": -(tolerance + noise.flat[worst])}
            return measured | {"trials": trials or slack.size, "standard_error": error.flat[worst] or None}

        self._add(name, "inequality", measure, (smaller, larger), unit, agreement)

    def rate(self, name, fit, predicted, *, bias, exact=False, unit="", agreement=AGREEMENT):
        """The fitted log-log slope is the predicted one: abs(slope - predicted) <= bias + q * standard error.

        Parameters
        ----------
        fit : object with ``slope``, ``standard_error`` and ``points``
            As returned by ``statistics.loglog_slope``.
        predicted : float
        bias : float
            What the next-order term of the expansion can do to the slope over the fitted range; see
            ``statistics.slope_bias``.
        exact : bool
            The data carry no sampling noise: the standard error then measures curvature, which is what
            ``bias`` accounts for, and is left out of the threshold.
        """

        def measure(fit):
            noise = 0.0 if exact else quantile(trials=fit.points - 1) * fit.standard_error
            error = abs(fit.slope - predicted)
            return {
                "measured": _extreme(error, name),
                "threshold": bias + noise,
                "standard_error": fit.standard_error,
                "trials": fit.points,
            }

        self._add(name, "rate", measure, (fit,), unit, agreement)

    def statistical(
        self, name, estimate, expected, standard_error, *, trials, few_trials=False, unit="s.e.", agreement=AGREEMENT
    ):
        """Estimates agree with their expectation: max abs(estimate - expected) / standard_error <= quantile.

        ``few_trials`` uses Student's t with ``trials - 1`` degrees of freedom (standard errors estimated from
        few draws); entries are Bonferroni-corrected.
        """

        def measure(estimate, expected, standard_error=standard_error):
            error = _array(standard_error, name)
            if np.any(error <= 0):
                raise ValueError(f"{self.id}, {name!r}: a standard error is not positive")
            z = np.abs(_array(estimate, name) - _array(expected, name)) / error
            return {
                "measured": _extreme(z, name).max(),
                "threshold": quantile(comparisons=z.size, trials=trials if few_trials else None),
                "standard_error": np.max(error),
                "trials": trials,
            }

        self._add(name, "statistical", measure, (estimate, expected), unit, agreement)

    def goodness(self, name, p_value, *, trials, unit="-log10 p", agreement=AGREEMENT):
        """A goodness-of-fit test does not reject: -log10 of the smallest p-value, Bonferroni-corrected."""

        def measure(p_value):
            p = np.atleast_1d(_array(p_value, name))
            surprise = -np.log10(np.clip(p * p.size, 1e-300, 1.0))
            return {"measured": surprise.max() + 0.0, "threshold": -math.log10(FALSE_ALARM), "trials": trials}

        self._add(name, "statistical", measure, (p_value,), unit, agreement)

    def landscape(self, name, distance, gradient_norm, *, tolerance, gradient_tolerance, unit="", agreement=AGREEMENT):
        """Every converged restart lies in the predicted set.

        Parameters
        ----------
        distance : array_like, shape (restarts,)
            Distance of each end point to the predicted set.
        gradient_norm : array_like, shape (restarts,)
            A restart has converged iff this is at most ``gradient_tolerance``; others do not count, and at
            least half of all restarts must count.
        """

        def measure(distance, gradient_norm):
            distance, gradient_norm = np.broadcast_arrays(_array(distance, name), _array(gradient_norm, name))
            converged = gradient_norm <= gradient_tolerance
            if 2 * np.count_nonzero(converged) < converged.size:
                raise ValueError(
                    f"{self.id}, {name!r}: only {np.count_nonzero(converged)} of {converged.size} restarts converged "
                    f"(gradient norm <= {gradient_tolerance:g})"
                )
            worst = _extreme(distance[converged], name).max()
            return {"measured": worst, "threshold": tolerance, "trials": int(np.count_nonzero(converged))}

        self._add(name, "landscape", measure, (distance, gradient_norm), unit, agreement)

    def counterexample(self, name, violation, *, threshold, unit="", agreement=AGREEMENT):
        """The refuted statement is violated by more than ``threshold`` >= 0 (worst over the given instances).

        The control is the repaired statement: its violation, put through the same rule, must stay at or below
        the threshold.
        """

        def measure(violation):
            violation = _extreme(_array(violation, name), name)
            return {"measured": violation.max(), "threshold": threshold, "trials": violation.size}

        self._add(name, "counterexample", measure, (violation,), unit, agreement)

    def empirical(self, name, differences, *, sign=1, unit="", agreement=0.5):
        """The mean paired difference over at least 5 seeds has the given sign at 99.9 % (one-sided t)."""

        def measure(differences):
            d = sign * _extreme(_array(differences, name), name).ravel()
            if d.size < 5:
                raise ValueError(f"{self.id}, {name!r}: {d.size} paired differences, at least 5 are needed")
            error = d.std(ddof=1) / math.sqrt(d.size)
            threshold = stats.t.isf(1e-3, d.size - 1) * error
            return {"measured": d.mean(), "threshold": threshold, "standard_error": error, "trials": d.size}

        self._add(name, "empirical", measure, (differences,), unit, agreement)

    def control(self, breaks, *data, check=None, **named):
        """Put broken data through a check's own rule and tolerance; it must fail there.

        Parameters
        ----------
        breaks : str
            What is broken: a dropped assumption or a neighbouring convention.
        *data, **named
            The data arguments of the check's rule (``left, right`` for an identity, and so on).
        check : str, optional
            Name of the check; the latest one by default.
        """
        if not self.checks:
            raise ValueError(f"{self.id}: control {breaks!r} stands before any check")
        name = check if check is not None else self.checks[-1]["name"]
        if name not in self._rules:
            raise ValueError(f"{self.id}: control {breaks!r} names the check {name!r}, which is not there")
        rule, measure, agreement = self._rules[name]
        measured = _plain(measure(*data, **named))
        self.controls.append(
            {
                "breaks": breaks,
                "check": name,
                "measured": measured["measured"],
                "threshold": measured["threshold"],
                "agreement": agreement,
                "fails": not _holds(rule, measured),
            }
        )

    # -- verdict --------------------------------------------------------------------------------------
    def record(self):
        """The claim as it stands in the ledger (plain JSON types)."""
        if not self.checks:
            raise ValueError(f"{self.id} has no check")
        if not self.controls:
            raise ValueError(f"{self.id} has no control: show that the check can fail")
        tightest = max(self.checks, key=_tightness)
        return self._head | {
            "provenance": self._provenance,
            "kind": self.kind or self.checks[0]["rule"],
            "instances": self._instances or max(check["trials"] for check in self.checks),
            "checks": self.checks,
            "controls": self.controls,
            "measured": tightest["measured"],
            "threshold": tightest["threshold"],
            "holds": all(check["holds"] for check in self.checks),
            "control": {
                "breaks": "; ".join(control["breaks"] for control in self.controls),
                "measured": self.controls[0]["measured"],
                "fails": all(control["fails"] for control in self.controls),
            },
        }

    def _add(self, name, rule, measure, data, unit, agreement):
        if name in self._rules:
            raise ValueError(f"{self.id} has two checks named {name!r}")
        self._rules[name] = (rule, measure, agreement)
        measured = _plain(measure(*data))
        if measured["threshold"] is None or not math.isfinite(measured["threshold"]):
            raise ValueError(f"{self.id}, {name!r}: the threshold is {measured['threshold']}")
        self.checks.append(
            {"name": name, "rule": rule}
            | measured
            | {"unit": unit, "agreement": agreement, "holds": _holds(rule, measured)}
        )


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
        run (:func:`disagreements`) is kept as it is, so that an unchanged tree stays unchanged.

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
        stored = storage.read_json(path)
        if stored is None or self.run.redraw or disagreements(stored, ledger):
            storage.write_json(path, ledger)
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
        breaks = "; ".join(control["breaks"] for control in record["controls"])
        return f"PASS  {record['id']}  {record['title']}   (control fails as it must: {breaks})"
    bad = [f"check '{check['name']}' fails" for check in record["checks"] if not check["holds"]]
    bad += [f"control '{control['breaks']}' passes" for control in record["controls"] if not control["fails"]]
    return f"FAIL  {record['id']}  {record['title']}   ({'; '.join(bad)})"


def disagreements(stored, fresh):
    """Where two ledgers of one notebook differ beyond the tolerance stated in them.

    Words, ids, verdicts and thresholds' signs must be equal. A number agrees if it moved by at most its check's
    ``agreement`` (relative); the measured error of an identity or a landscape also agrees if both values are
    within the threshold, because there any error under the threshold counts as equal.

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
            rule = b.get("rule")
            small = b.get("threshold") if rule in ("identity", "landscape") else None
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


def _array(values, name):
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise ValueError(f"{name!r}: there is nothing to compare (empty array)")
    return array


def _extreme(values, name):
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{name!r}: {np.count_nonzero(~np.isfinite(values))} measured value(s) are not finite")
    return values


def _plain(measured):
    defaults = {"measured": None, "threshold": None, "standard_error": None, "trials": None}
    plain = {key: None if value is None else float(value) for key, value in (defaults | measured).items()}
    return plain | {"trials": int(plain["trials"])}


def _holds(rule, measured):
    if rule in ("inequality", "empirical"):
        return measured["measured"] >= measured["threshold"]
    if rule == "counterexample":
        return measured["measured"] > measured["threshold"]
    return measured["measured"] <= measured["threshold"]


def _tightness(check):
    """How close a check came to failing, 1 being the edge: the tightest check represents the claim."""
    measured, threshold = check["measured"], check["threshold"]
    if check["rule"] in ("counterexample", "empirical"):
        return threshold / measured if measured else math.inf
    if check["rule"] == "inequality" and measured >= 0:
        return -measured
    return measured / threshold if threshold else (math.inf if measured else 1.0)
