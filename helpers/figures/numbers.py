"""Numbers quoted in words: a path into a table names one, a format prints it; nothing is ever evaluated.

A path reads ``column``, ``column/reduction``, ``column/conditions`` or ``column/conditions/reduction``. Conditions are
``name=value`` joined by commas and select rows; a reduction is first, last, min, max, mean or median. Without one,
exactly one row has to be left. In a caption a number stands as ``{=column/p_out=0.3 .0f}``: the path, a space, a
format as Python's; the format may be left out (``.3g``), else it reads ``.0f``, ``.1e``, ``.0%``, ``+.2f``, ``,.0f``.
"""

import re
import statistics

PLACE = re.compile(r"\{=([^{}]*)\}")
_LIKE_A_FORM = re.compile(r"\s[+,]*\.?\d*[bcdefgnosx%]$", re.I)
QUOTED = re.compile(r"\s*(?P<path>\S.*?)(?:\s+(?P<form>\+?,?\.\d+[efg%]))?\s*", re.S)
# A format in braces without the sign: meant as a place, and printed as it stands if nobody notices.
FORGOTTEN = re.compile(r"\{[^{}=][^{}]*\s\+?,?\.\d+[efg%]\s*\}")
DEFAULT_FORMAT = ".3g"
REDUCTIONS = {
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
    "min": min,
    "max": max,
    "mean": statistics.fmean,
    "median": statistics.median,
}


def value(columns, path):
    """The number a path names.

    Parameters
    ----------
    columns : dict of str to sequence
        Numbers or text, all columns of one length.
    path : str

    Returns
    -------
    float

    Raises
    ------
    ValueError
        For an unknown column or reduction, a condition that no row meets, more than one row without a reduction, or
        text where a number is asked for; the message repeats the path.

    >>> value({"p": [0.1, 0.2], "angle": ["3.0", "44.2"]}, "angle/p=0.2")
    44.2
    """
    column, *rest = path.split("/")
    reduction = rest.pop() if rest and rest[-1] in REDUCTIONS else None
    if len(rest) > 1 or (rest and "=" not in rest[0]):
        raise ValueError(f"{path!r}: expected column, column/name=value,... and a reduction ({', '.join(REDUCTIONS)})")
    chosen = _column(columns, column, path)
    for condition in rest[0].split(",") if rest else []:
        name, _, wanted = condition.partition("=")
        kept = [_same(entry, wanted) for entry in _column(columns, name, path)]
        chosen = [entry for entry, keep in zip(chosen, kept, strict=True) if keep]
        columns = {
            key: [entry for entry, keep in zip(entries, kept, strict=True) if keep] for key, entries in columns.items()
        }
    if not chosen:
        raise ValueError(f"{path!r}: no row is left")
    if reduction is None and len({str(entry) for entry in chosen}) > 1:
        raise ValueError(f"{path!r}: {len(chosen)} rows are left; add a condition or one of {', '.join(REDUCTIONS)}")
    try:
        numbers = [float(entry) for entry in chosen]
    except ValueError as error:
        raise ValueError(f"{path!r}: {error}") from error
    return float(REDUCTIONS[reduction or "first"](numbers))


def fill(template, columns):
    """A caption with its numbers: every ``{=path format}`` replaced.

    Raises
    ------
    ValueError
        For a place that is none, or as :func:`value`.

    >>> fill("at most {=error/max .0e}, always", {"error": [1e-12, 3.2e-12]})
    'at most 3e-12, always'
    """

    def filled(place):
        path, form = parse(place[1], place[0])
        return printed(value(columns, path), form)

    if found := FORGOTTEN.search(template):
        raise ValueError(f"{found[0]!r}: a place in a caption starts with {{=, such as {{=column/max .2f}}")
    return PLACE.sub(filled, template)


def parse(text, place=None):
    """Path and format (or None) of a quotation such as ``angle/p_out=0.3 .0f``; ``place`` is repeated in an error."""
    found = QUOTED.fullmatch(text)
    if found is None or _LIKE_A_FORM.search(found["path"]):
        raise ValueError(f"{place or text!r}: expected {{=path}} or {{=path format}}, such as .0f")
    return found["path"], found["form"]


def printed(number, form=None):
    """A number in a format; negative zero prints as zero."""
    text = format(number, form or DEFAULT_FORMAT)
    return text.removeprefix("-") if float(text.rstrip("%")) == 0 else text


def _column(columns, name, path):
    if name not in columns:
        raise ValueError(f"{path!r}: no column {name!r}; there are {', '.join(map(str, columns))}")
    return list(columns[name])


def _same(entry, wanted):
    try:
        number, other = float(entry), float(wanted)
    except ValueError:
        return str(entry) == wanted
    return abs(number - other) <= 1e-9 * max(abs(number), abs(other))
