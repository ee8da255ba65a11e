"""The rules of a verdict: what a check compares, and why its control goes through the same rule.

A claim holds one or more checks and one or more controls. Each check has a rule; a control is more data put through
*its check's own rule with its check's own tolerance*, and has to fail it. ``holds`` and ``fails`` are computed here
and nowhere else; ``claims.Ledger`` opens claims and writes them down.

============== =====================================================================================
rule           a check holds iff
============== =====================================================================================
identity       the worst error is at most the tolerance
inequality     the worst slack is at least minus the tolerance; where a side is an estimate, either not
               refuted (a quantile of standard errors is granted) or, ``confident=True``, established
               (the quantile is demanded on top)
rate           abs(fitted slope - predicted slope) <= bias + quantile * standard error
statistical    the worst abs(z) is at most a quantile corrected for the number of comparisons, or the
               p-value of a goodness-of-fit test is at least the false-alarm level
landscape      every converged restart lies within the tolerance of the predicted set
counterexample the violation of the refuted statement exceeds its threshold (the control is the repaired
               statement: put through the same rule, it must not be violated)
empirical      the mean paired difference over at least 5 seeds has the stated sign at 99.9 %
============== =====================================================================================

Every check also states its **resolution**, the smallest change of the claimed side that its rule would reject, found by
putting changed data through the rule itself:

============== =====================================================================================
identity       the second argument times 1 + d, all entries, d of either sign; plus d where it is zero
statistical    the expectation, in the same way; for a goodness of fit what the caller states, or nothing
inequality     how far the bounded side could grow, in its unit
rate           how far the predicted slope could be off
landscape      the distance allowed, in units of the set's diameter where that is given
counterexample the threshold as a share of the violation
empirical      the threshold as a share of the mean
============== =====================================================================================
"""

import functools
import math

import numpy as np
from scipy import special

from helpers.files import FRACTION

RULES = ("identity", "inequality", "rate", "statistical", "landscape", "counterexample", "empirical")
# How measured has to lie to threshold for a check to hold.
DIRECTIONS = {"inequality": ">=", "empirical": ">=", "counterexample": ">"}

# Two-sided level of one statistical check. A few thousand comparisons over any seed then raise a false
# alarm about once in a thousand runs of the whole collection.
FALSE_ALARM = 1e-6
# A change is looked for between these sizes.
SMALLEST, LARGEST = 1e-18, 1e6


class Unusable(ValueError):
    """Data that a rule cannot judge; what it says names no check."""


class NotFinite(Unusable):
    """A measured value is NaN or infinite."""


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
    return float(-special.ndtri(tail) if trials is None else -special.stdtrit(trials - 1, tail))


_BOUNDS = {"tolerance", "gradient_tolerance", "threshold", "bias", "diameter", "resolution"}


def _rule(method):
    """A rule that says which check it was when its data cannot be judged, and in a live session records a failure."""

    @functools.wraps(method)
    def judged(self, name, *data, **options):
        if any(check["name"] == name for check in self.checks):
            raise ValueError(f"{self.id} has two checks named {name!r}")
        try:
            # a bound that was computed may come as an array or a tensor of one entry
            options |= {key: float(options[key]) for key in _BOUNDS & options.keys() if options[key] is not None}
            with np.errstate(all="ignore"):  # what is not finite is said in words, below
                method(self, name, *data, **options)
        except Unusable as error:
            if self._strict and not isinstance(error, NotFinite):
                raise ValueError(f"{self.id}, {name!r}: {error}") from error
            self._failed(name, method.__name__, str(error))

    return judged


class Claim:
    """One claim under construction; made by :meth:`Ledger.claim`.

    Every rule takes ``unit`` (of the measured number; "" for a pure one) and ``agreement``, the relative change of the
    measured number between machines that still counts as equal.

    Parameters
    ----------
    claim_id : str
    kind, instances : optional
        Take the place of the first check's rule and of the largest number of trials.
    strict : bool
        True: data that a rule cannot judge (nothing to compare, shapes that do not fit, a standard error of zero) are
        an error. False, for sessions in which a reader edits cells: they make the check fail, and the verdict says
        why. A measured value that is not finite makes a check fail either way; in a control of a strict run it is an
        error.
    """

    def __init__(self, claim_id, *, kind=None, instances=None, strict=True):
        if kind is not None and kind not in RULES:
            raise ValueError(f"{claim_id}: kind {kind!r} is not one of {', '.join(RULES)}")
        self.id, self._kind, self._instances, self._strict = claim_id, kind, instances, strict
        self._rules, self.checks, self.controls = {}, [], []

    # -- checks ---------------------------------------------------------------------------------------
    @_rule
    def identity(self, name, left, right, *, tolerance, relative_to=1.0, unit="", agreement=FRACTION):
        """``left`` equals ``right`` up to ``tolerance``: max abs(left - right) / relative_to.

        Parameters
        ----------
        name : str
        left, right, relative_to : array_like
            Broadcast against each other; ``relative_to`` > 0 (1 gives absolute errors). ``right`` is the claimed side.
        tolerance : float >= 0
            Derived before the error is seen.
        """

        def measure(left, right, relative_to=relative_to):
            left, right, scale = _aligned(left, right, relative_to)
            if np.any(scale <= 0):
                raise Unusable(f"relative_to must be positive, its smallest entry is {scale.min():.3g}")
            error = np.abs(left - right) / scale
            return {"measured": _finite(error).max(), "threshold": tolerance, "trials": error.size}

        left, right = _array(left), _array(right)
        changed, how = _scaled(right)
        self._add(
            name, "identity", measure, (left, right), unit, agreement,
            resolution=lambda: _smallest_noticed(lambda d: not _holds("identity", measure(left, changed(d)))),
            of=how, why=lambda: _difference(left, right, tolerance * _array(relative_to)),
        )  # fmt: skip

    @_rule
    def inequality(
        self,
        name,
        smaller,
        larger,
        *,
        tolerance,
        standard_error=0.0,
        trials=None,
        confident=False,
        unit="",
        agreement=FRACTION,
    ):
        """``smaller <= larger`` entry by entry; the measured number is the worst slack ``larger - smaller``.

        Parameters
        ----------
        smaller, larger : array_like
        tolerance : float >= 0
        standard_error : array_like
            Of the slack, where a side is estimated; with q = :func:`quantile` over all entries, and ``trials``
            independent draws behind each standard error.
        confident : bool
            False: holds unless the data refute it, slack >= -(tolerance + q * standard error). True: holds only where
            the data establish it, slack >= q * standard error - tolerance; for claims that say "at least" of an
            estimate, which noise alone must not pass.
        """
        sign = -1 if confident else 1

        def allowance(error):
            q = quantile(comparisons=error.size, trials=trials)
            return tolerance + (sign * q * error if np.any(error > 0) else 0.0 * error)

        def measure(smaller, larger, standard_error=standard_error):
            smaller, larger, error = _aligned(smaller, larger, standard_error)
            slack = _finite(larger - smaller)
            allowed = allowance(error)
            worst = np.argmin(slack + allowed)
            measured = {"measured": slack.flat[worst], "threshold": -allowed.flat[worst]}
            return measured | {"trials": trials or slack.size, "standard_error": error.flat[worst] or None}

        if confident and not np.any(_array(standard_error) > 0):
            raise ValueError(f"{self.id}, {name!r}: confident needs a standard error, {standard_error!r} came")
        smaller, larger = _array(smaller), _array(larger)
        self._add(
            name, "inequality", measure, (smaller, larger), unit, agreement,
            resolution=lambda: _smallest_noticed(
                lambda d: not _holds("inequality", measure(smaller + abs(d), larger))
            ),
            of="growth", why=lambda: _violations(*_aligned(smaller, larger, standard_error), allowance),
        )  # fmt: skip

    @_rule
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

        def measure(fit, predicted=predicted):
            noise = 0.0 if exact else quantile(trials=fit.points - 1) * fit.standard_error
            return {
                "measured": float(_finite(np.abs(fit.slope - predicted))),
                "threshold": bias + noise,
                "standard_error": fit.standard_error,
                "trials": fit.points,
            }

        self._add(
            name, "rate", measure, (fit,), unit, agreement,
            resolution=lambda: _smallest_noticed(lambda d: not _holds("rate", measure(fit, predicted + d))),
            of="slope", why=lambda: f"slope {fit.slope:.3g}, predicted {predicted:.3g}",
        )  # fmt: skip

    @_rule
    def statistical(
        self, name, estimate, expected, standard_error, *, trials, few_trials=False, unit="s.e.", agreement=FRACTION
    ):
        """Estimates agree with their expectation: max abs(estimate - expected) / standard_error <= quantile.

        ``few_trials`` uses Student's t with ``trials - 1`` degrees of freedom (standard errors estimated from
        few draws); entries are Bonferroni-corrected.
        """

        def measure(estimate, expected, standard_error=standard_error):
            estimate, expected, error = _aligned(estimate, expected, standard_error)
            if np.any(error <= 0):
                raise Unusable(f"a standard error is not positive: {error.min():.3g}")
            z = np.abs(estimate - expected) / error
            return {
                "measured": _finite(z).max(),
                "threshold": quantile(comparisons=z.size, trials=trials if few_trials else None),
                "standard_error": np.max(error),
                "trials": trials,
            }

        estimate, expected = _array(estimate), _array(expected)
        changed, how = _scaled(expected)
        self._add(
            name, "statistical", measure, (estimate, expected), unit, agreement,
            resolution=lambda: _smallest_noticed(lambda d: not _holds("statistical", measure(estimate, changed(d)))),
            of=how, why=lambda: _difference(estimate, expected, quantile() * _array(standard_error)),
        )  # fmt: skip

    @_rule
    def goodness(self, name, p_value, *, trials, resolution=None, unit="-log10 p", agreement=FRACTION):
        """A goodness-of-fit test does not reject: -log10 of the smallest p-value, Bonferroni-corrected.

        ``resolution`` is the total variation that the test would reject with probability 1/2, where it is known.
        """

        def measure(p_value):
            p = np.atleast_1d(_finite(_array(p_value)))
            surprise = -np.log10(np.clip(p * p.size, 1e-300, 1.0))
            return {"measured": surprise.max() + 0.0, "threshold": -math.log10(FALSE_ALARM), "trials": trials}

        self._add(
            name, "statistical", measure, (p_value,), unit, agreement, resolution=lambda: resolution, of="variation"
        )

    @_rule
    def landscape(
        self,
        name,
        distance,
        gradient_norm,
        *,
        tolerance,
        gradient_tolerance,
        diameter=None,
        unit="",
        agreement=FRACTION,
    ):
        """Every converged restart lies in the predicted set.

        Parameters
        ----------
        distance : array_like, shape (restarts,)
            Distance of each end point to the predicted set.
        gradient_norm : array_like, shape (restarts,)
            A restart has converged iff this is at most ``gradient_tolerance``; others do not count, and at
            least half of all restarts must count.
        diameter : float, optional
            Of the predicted set, in the unit of the distance.
        """

        def measure(distance, gradient_norm):
            distance, gradient_norm = _aligned(distance, gradient_norm)
            converged = gradient_norm <= gradient_tolerance
            if 2 * np.count_nonzero(converged) < converged.size:
                raise Unusable(
                    f"only {np.count_nonzero(converged)} of {converged.size} restarts converged "
                    f"(gradient norm <= {gradient_tolerance:g})"
                )
            worst = _finite(distance[converged]).max()
            return {"measured": worst, "threshold": tolerance, "trials": int(np.count_nonzero(converged))}

        distance, gradient_norm = _array(distance), _array(gradient_norm)
        self._add(
            name, "landscape", measure, (distance, gradient_norm), unit, agreement,
            resolution=lambda: tolerance / (diameter or 1.0),
            of="diameter" if diameter else "distance",
            why=lambda: f"{np.count_nonzero(distance > tolerance)} of {distance.size} end points lie outside",
        )  # fmt: skip

    @_rule
    def counterexample(self, name, violation, *, threshold, unit="", agreement=FRACTION):
        """The refuted statement is violated by more than ``threshold`` >= 0 (worst over the given instances).

        The control is the repaired statement: its violation, put through the same rule, must stay at or below
        the threshold.
        """

        def measure(violation):
            violation = _finite(_array(violation))
            return {"measured": violation.max(), "threshold": threshold, "trials": violation.size}

        worst = np.max(_array(violation))
        self._add(
            name, "counterexample", measure, (violation,), unit, agreement,
            resolution=lambda: threshold / worst, of="threshold",
            why=lambda: "the refuted statement is not violated by that much",
        )  # fmt: skip

    @_rule
    def empirical(self, name, differences, *, sign=1, unit="", agreement=0.5):
        """The mean paired difference over at least 5 seeds has the given sign at 99.9 % (one-sided t)."""

        def measure(differences):
            d = sign * _finite(_array(differences)).ravel()
            if d.size < 5:
                raise Unusable(f"{d.size} paired differences, at least 5 are needed")
            error = d.std(ddof=1) / math.sqrt(d.size)
            threshold = -special.stdtrit(d.size - 1, 1e-3) * error
            return {"measured": d.mean(), "threshold": threshold, "standard_error": error, "trials": d.size}

        def share():
            measured = measure(differences)
            return measured["threshold"] / measured["measured"]

        self._add(
            name, "empirical", measure, (differences,), unit, agreement, resolution=share, of="mean",
            why=lambda: f"{np.count_nonzero(sign * _array(differences) > 0)} of {np.size(differences)} have the sign",
        )  # fmt: skip

    def control(self, breaks, *data, check=None, **named):
        """Put broken data through a check's own rule and tolerance; it must fail there.

        Parameters
        ----------
        breaks : str
            What is broken: a dropped assumption or a neighbouring convention. For a counterexample: the repair.
        *data, **named
            The data arguments of the check's rule (``left, right`` for an identity, and so on).
        check : str, optional
            Name of the check; the latest one by default.

        Raises
        ------
        ValueError
            For a control before any check or of an unknown one, or, in a strict run, with data that its rule cannot
            judge.
        """
        if not self.checks:
            raise ValueError(f"{self.id}: control {breaks!r} stands before any check")
        name = check if check is not None else self.checks[-1]["name"]
        if name not in self._rules:
            raise ValueError(f"{self.id}: control {breaks!r} names the check {name!r}, which is not there")
        rule, measure, agreement = self._rules[name]
        entry = {"breaks": breaks, "check": name}
        try:
            with np.errstate(all="ignore"):
                measured = _plain(measure(*data, **named))
        except Unusable as error:
            if self._strict:
                raise type(error)(f"{self.id}, control {breaks!r} of {name!r}: {error}") from error
            entry |= {"measured": None, "threshold": None, "agreement": agreement, "fails": False, "note": str(error)}
        else:
            entry |= {key: measured[key] for key in ("measured", "threshold")}
            entry |= {"agreement": agreement, "fails": not _holds(rule, measured)}
        self.controls.append(entry)

    # -- record ---------------------------------------------------------------------------------------
    def record(self):
        """The claim as it stands in the ledger (plain JSON types)."""
        if not self.checks:
            raise ValueError(f"{self.id} has no check")
        if not self.controls:
            raise ValueError(f"{self.id} has no control: show that the check can fail")
        tightest = max(self.checks, key=_tightness)
        return {
            "id": self.id,
            "kind": self._kind or self.checks[0]["rule"],
            "instances": self._instances or max(check["trials"] for check in self.checks),
            "checks": self.checks,
            "controls": self.controls,
            "tightest": tightest["name"],
            "measured": tightest["measured"],
            "threshold": tightest["threshold"],
            "holds": all(check["holds"] for check in self.checks),
            "control": {
                "breaks": "; ".join(control["breaks"] for control in self.controls),
                "fails": all(control["fails"] for control in self.controls),
            },
        }

    def _add(self, name, rule, measure, data, unit, agreement, *, resolution, of, why=None):
        self._rules[name] = (rule, measure, agreement)
        measured = _plain(measure(*data))
        if not math.isfinite(measured["threshold"]):
            raise Unusable(f"the threshold is {measured['threshold']}")
        holds = _holds(rule, measured)
        found = resolution() if holds else None
        check = {"name": name, "rule": rule} | measured | {"unit": unit, "agreement": agreement, "holds": holds}
        check |= {"resolution": None if found is None else float(f"{found:.0e}"), "of": of}
        self.checks.append(check if holds or why is None else check | {"note": why()})

    def _failed(self, name, method, note):
        """Record a check whose data its rule could not judge."""
        rule = {"goodness": "statistical"}.get(method, method)
        self._rules.setdefault(name, (rule, _nothing, FRACTION))
        check = {"name": name, "rule": rule} | _plain({"trials": 0})
        self.checks.append(
            check | {"unit": "", "agreement": FRACTION, "holds": False, "resolution": None, "of": None, "note": note}
        )


# -- words ----------------------------------------------------------------------------------------------
def passed(record):
    """A recorded claim passes iff all its checks hold and all its controls fail."""
    return record["holds"] and record["control"]["fails"]


def comparison(check):
    """Measured against threshold with the direction, such as ``4.4e-16 <= 1.7e-13 nats``."""
    if check["measured"] is None:
        return "cannot be judged"
    measured = f"{check['measured']:.2g}"
    unit = f" {check['unit']}" if check["unit"] else ""
    words = {"inequality": "slack ", "rate": "off by ", "empirical": "mean "}.get(check["rule"], "")
    return f"{words}{measured} {DIRECTIONS.get(check['rule'], '<=')} {check['threshold'] + 0.0:.2g}{unit}"


def resolution(check):
    """What a check would notice, in words; ``not stated`` where its rule cannot say."""
    d = check["resolution"]
    if d is None:
        return "not stated"
    if check["rule"] == "identity" and check["threshold"] == 0:
        return "any change"
    if d == 0 and check["of"] in ("threshold", "mean"):
        return "any " + {"threshold": "violation", "mean": "mean of this sign"}[check["of"]]
    unit = f" {check['unit']}" if check["unit"] and check["rule"] != "statistical" else ""
    small = f"{d:.0e}" if d < 1e-3 else f"{d:.1g}" if d >= 10 else f"{100 * d:.3g} %"
    plain = f"{d:.0e}" if d < 1e-3 or d >= 1e4 else f"{d:.3g}"
    return {
        "factor": f"a change of {small}",
        "shift": f"a shift of {plain}{unit}",
        "growth": f"growth by {plain}{unit}",
        "slope": f"a slope off by {plain}",
        "variation": f"a total variation of {plain}",
        "diameter": f"a distance of {small} of the diameter",
        "distance": f"a distance of {plain}{unit}",
        "threshold": f"a violation down to {small} of this",
        "mean": f"a mean down to {small} of this",
    }[check["of"]]


def verdict(record, title):
    """The verdict as a block of text: a head, and for every check what was measured and how its controls miss."""
    head = f"{'PASS' if passed(record) else 'FAIL'}  {record['id']}  {title}"
    lines = [head]
    shown = {check["name"]: _shown_controls(check, record["controls"]) for check in record["checks"]}
    labels = [*shown, *(label for lines in shown.values() for label, _ in lines)]
    width = max(34, *(len(label) + 2 for label in labels))
    for check in record["checks"]:
        line = f"      {check['name']:<{width}} {comparison(check)}"
        if not check["holds"]:
            lines.append(f"{line}  FAILS{f' ({note})' if (note := check.get('note')) else ''}")
        else:
            lines.append(f"{line}     would notice {resolution(check)}")
        lines += [f"      {label:<{width}} {said}" for label, said in shown[check["name"]]]
    return "\n".join(lines)


def _shown_controls(check, controls):
    """Label and text of every control that does not fail, then of the one that misses least, and how many more do."""
    controls = [control for control in controls if control["check"] == check["name"]]
    repaired = check["rule"] == "counterexample"
    kind, word = ("repaired", "holds as it must") if repaired else ("control", "fails as it must")
    bad = [control for control in controls if not control["fails"]]
    good = sorted((control for control in controls if control["fails"]), key=lambda c: nearness(check, c))
    lines = []
    for control in bad:
        shown = comparison(check | {"measured": control["measured"], "threshold": control["threshold"]})
        wrong = control.get("note") or ("violated too" if repaired else "NOT noticed")
        lines.append((f"{kind}: {control['breaks'].removeprefix('repaired: ')}", f"{shown}, {wrong}"))
    if good:
        unit = f" {check['unit']}" if check["unit"] else ""
        more = f"; {len(good) - 1} more" if len(good) > 1 else ""
        label = f"{kind}: {good[0]['breaks'].removeprefix('repaired: ')}"
        slack = "slack " if check["rule"] == "inequality" else ""
        lines.append((label, f"{slack}{good[0]['measured']:.2g}{unit}, {word}{more}"))
    return lines


def miss(check, control):
    """By what factor a control misses its check's threshold, 1 being the edge; infinite where the threshold is 0."""
    measured, threshold = control["measured"], control["threshold"]
    if check["rule"] == "counterexample":
        return threshold / measured if measured > 0 else math.inf
    if check["rule"] in ("inequality", "empirical"):
        return 1 + (threshold - measured) / abs(threshold) if threshold else math.inf
    return measured / threshold if threshold else math.inf


def nearness(check, control):
    """What orders controls by :func:`miss`, to one digit and then by name: rounding must not choose which is shown."""
    return float(f"{miss(check, control):.0e}"), control["breaks"]


# -- machinery ------------------------------------------------------------------------------------------
def _array(values):
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    elif isinstance(values, list | tuple) and any(hasattr(value, "detach") for value in values):
        values = [value.detach().cpu().numpy() if hasattr(value, "detach") else value for value in values]
    array = np.asarray(values, dtype=float)
    if array.size == 0:
        raise Unusable("there is nothing to compare (empty array)")
    return array


def _aligned(*values):
    """Arrays broadcast against each other."""
    arrays = [_array(entry) for entry in values]
    try:
        return np.broadcast_arrays(*arrays)
    except ValueError as error:
        raise Unusable(f"shapes {', '.join(str(array.shape) for array in arrays)} do not fit each other") from error


def _nothing(*_, **__):
    """The measure of a check that could not be made: neither can its controls."""
    raise Unusable("the check itself could not be made")


def _finite(values):
    values = np.asarray(values)
    if not np.all(np.isfinite(values)):
        raise NotFinite(f"{np.count_nonzero(~np.isfinite(values))} of {values.size} values are not finite")
    return values


def _scaled(values):
    """A function d -> values changed by d, and the word for the change."""
    if np.any(values != 0):
        return lambda d: values * (1 + d), "factor"
    return lambda d: values + d, "shift"


def _smallest_noticed(rejected):
    """Smallest abs(d) for which ``rejected(d)`` is true for one sign, to about 10 %; None if there is none."""
    found = []
    for sign in (1, -1):
        low, high = math.log(SMALLEST), math.log(LARGEST)
        if not rejected(sign * LARGEST):
            continue
        while high - low > 0.1:
            middle = (low + high) / 2
            low, high = (low, middle) if rejected(sign * math.exp(middle)) else (middle, high)
        found.append(math.exp(high))
    return min(found, default=None)


def _difference(left, right, allowed):
    """What is wrong with an identity: the ratio where it is one, the share of bad entries and the worst otherwise."""
    left, right, allowed = np.broadcast_arrays(left, right, allowed)
    bad = np.abs(left - right) > allowed
    if np.all(right != 0):
        ratio = left / right
        if np.ptp(ratio) <= 1e-6 * np.abs(ratio - 1).max():
            off = ratio.flat[0] - 1
            said = (
                f"ratio {ratio.flat[0]:.6g}" if abs(off) > 1e-4 else f"ratio 1 {'+' if off > 0 else '-'} {abs(off):.2g}"
            )
            return f"{said} everywhere" if ratio.size > 1 else said
    worst = np.argmax(np.abs(left - right) / np.where(allowed > 0, allowed, 1))
    said = f"the worst is {left.flat[worst]:.4g} for {right.flat[worst]:.4g}"
    return f"{np.count_nonzero(bad)} of {bad.size} entries; {said}"


def _violations(smaller, larger, error, allowance):
    """How many entries break an inequality, and the worst."""
    spare = larger - smaller + allowance(error)
    worst = np.argmin(spare)
    said = f"the worst is {smaller.flat[worst]:.4g} where at most {larger.flat[worst]:.4g} is claimed"
    return f"{np.count_nonzero(spare < 0)} of {spare.size} entries; {said}"


def _plain(measured):
    defaults = {"measured": None, "threshold": None, "standard_error": None, "trials": None}
    plain = {key: None if value is None else float(value) for key, value in (defaults | measured).items()}
    return plain | {"trials": int(plain["trials"])}


def _holds(rule, measured):
    if rule == "inequality":
        return bool(measured["measured"] >= measured["threshold"])
    if rule == "empirical":  # zero has no sign
        return bool(measured["measured"] >= measured["threshold"] and measured["measured"] > 0)
    if rule == "counterexample":
        return bool(measured["measured"] > measured["threshold"])
    return bool(measured["measured"] <= measured["threshold"])


def _tightness(check):
    """How close a check came to failing, 1 being the edge: the tightest check represents the claim.

    An exact count that agrees (0 <= 0) says nothing of that kind and represents a claim only if nothing else does.
    """
    measured, threshold = check["measured"], check["threshold"]
    if measured is None:
        return math.inf
    if measured == threshold == 0:
        return -math.inf
    if check["rule"] in ("counterexample", "empirical") or (check["rule"] == "inequality" and threshold > 0):
        return threshold / measured if measured else math.inf
    if check["rule"] == "inequality" and measured >= 0:
        return -measured
    return measured / threshold if threshold else math.inf
