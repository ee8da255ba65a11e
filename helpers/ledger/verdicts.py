"""The rules of a verdict: what a check compares, and why its control goes through the same rule.

A claim holds one or more checks and one or more controls. Each check has a rule; a control is more data put through
*its check's own rule with its check's own tolerance*, and has to fail it. ``holds`` and ``fails`` are computed here
and nowhere else; ``claims.Ledger`` opens claims and writes them down.

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

from helpers.files import FRACTION

RULES = ("identity", "inequality", "rate", "statistical", "landscape", "counterexample", "empirical")

# Two-sided level of one statistical check. A few thousand comparisons over any seed then raise a false
# alarm about once in a thousand runs of the whole collection.
FALSE_ALARM = 1e-6


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
    def identity(self, name, left, right, *, tolerance, relative_to=1.0, unit="", agreement=FRACTION):
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
        self, name, smaller, larger, *, tolerance, standard_error=0.0, trials=None, unit="", agreement=FRACTION
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

    def rate(self, name, fit, predicted, *, bias, exact=False, unit="", agreement=FRACTION):
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
        self, name, estimate, expected, standard_error, *, trials, few_trials=False, unit="s.e.", agreement=FRACTION
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

    def goodness(self, name, p_value, *, trials, unit="-log10 p", agreement=FRACTION):
        """A goodness-of-fit test does not reject: -log10 of the smallest p-value, Bonferroni-corrected."""

        def measure(p_value):
            p = np.atleast_1d(_array(p_value, name))
            surprise = -np.log10(np.clip(p * p.size, 1e-300, 1.0))
            return {"measured": surprise.max() + 0.0, "threshold": -math.log10(FALSE_ALARM), "trials": trials}

        self._add(name, "statistical", measure, (p_value,), unit, agreement)

    def landscape(self, name, distance, gradient_norm, *, tolerance, gradient_tolerance, unit="", agreement=FRACTION):
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

    def counterexample(self, name, violation, *, threshold, unit="", agreement=FRACTION):
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
            "tightest": tightest["name"],
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
    """How close a check came to failing, 1 being the edge: the tightest check represents the claim.

    An exact count that agrees (0 <= 0) says nothing of that kind and represents a claim only if nothing else does.
    """
    measured, threshold = check["measured"], check["threshold"]
    if measured == threshold == 0:
        return -math.inf
    if check["rule"] in ("counterexample", "empirical"):
        return threshold / measured if measured else math.inf
    if check["rule"] == "inequality" and measured >= 0:
        return -measured
    return measured / threshold if threshold else math.inf
