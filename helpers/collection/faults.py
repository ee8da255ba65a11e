"""Which random faults a claim caught: the stored table of ``make mutants``, and which of its rows still hold.

A row stands for the code that it judged, not for the text of a file: a fault in a function for that function and the
constants that it names, a fault in a claim's cells for these cells. Looks, comments and docstrings do not count, so
that a row is stale only once something that computes has changed.
"""

import ast
import csv
import functools
import hashlib

from helpers import files

from . import groups, reach

TABLE = files.ROOT / "tests" / "mutants" / "claims.csv"
# Ends of a claim that has not noticed: it holds, or only its numbers moved.
UNNOTICED = ("", "numbers")


def digest(text):
    """Twelve hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_cells(sources):
    """Stands for what the cells of a claim compute, over essay and appendix: 12 hexadecimal digits.

    Parameters
    ----------
    sources : sequence of str
    """
    return digest("\n".join(reach.meaning(ast.parse(source)) for source in sources))


def of_function(text, where):
    """Stands for what a function of a module computes, with the module's own constants that it names.

    Parameters
    ----------
    text : str
        Of the module.
    where : str
        Dotted name; a method stands for itself, a function inside a function for the outer one. Empty: what the module
        sets outside functions and classes.

    Returns
    -------
    str
        12 hexadecimal digits; empty if the module has no such function.
    """
    return _of_functions(text).get(".".join(where.split(".")[:2]), _of_functions(text).get(where.split(".")[0], ""))


@functools.lru_cache(maxsize=512)
def _of_functions(text):
    loose, defined = [], {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            defined[node.name] = [node]
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            rest = [each for each in node.body if not (isinstance(each, ast.FunctionDef) or _is_text(each))]
            for method in methods:
                same = [each for each in methods if each.name == method.name]  # a property and its setter
                defined[f"{node.name}.{method.name}"] = [*rest, *same]
        elif isinstance(node, ast.FunctionDef):
            defined.setdefault(node.name, []).append(node)
        elif not (isinstance(node, ast.Import | ast.ImportFrom) or _is_text(node)):
            loose.append(node)
    constants = {}
    for node in loose:
        for name in _names(node, ast.Store):
            constants.setdefault(name, []).append(node)
    found = {"": digest("\n".join(map(reach.meaning, loose)))} if loose else {}
    for name, nodes in defined.items():
        needed, waiting = [], list(nodes)
        while waiting:
            node = waiting.pop()
            for word in sorted(_names(node, ast.Load) & constants.keys()):
                fresh = [each for each in constants[word] if each not in needed]
                needed, waiting = needed + fresh, waiting + fresh
        needed.sort(key=loose.index)
        found[name] = digest("\n".join(map(reach.meaning, [*nodes, *needed])))
    return found


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _names(tree, context):
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, context)}


def rows(path=TABLE):
    """The stored rows, a list of dict; empty where none are stored."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def noticed(row):
    """Whether the claim itself noticed: by its verdict, a control that passes, or an end before it."""
    return row["how"] not in UNNOTICED


def current(row, root, sources):
    """Whether a row was judged with the code that stands there now.

    Parameters
    ----------
    row : dict
    root : Path
        Of the repository, or of a copy.
    sources : sequence of str
        Cells of the row's claim now.
    """
    if of_cells(sources) != row["cells"]:
        return False
    path = root / row["path"]
    if path.suffix != ".py":
        return True
    return path.exists() and of_function(path.read_text(encoding="utf-8"), row["where"]) == row["code"]


def counts(names, *, table=TABLE):
    """How many faults the claims of some papers have met and caught.

    Parameters
    ----------
    names : collection of str
        Of notebooks, without suffix.
    table : Path

    Returns
    -------
    dict of str to (int, int, int)
        By id: caught and met, of the rows that hold, and how many are stale.
    """
    found, sources = {}, {}
    for row in rows(table):
        name, label = row["notebook"], row["claim"]
        if name not in names:
            continue
        if label not in sources:
            sources[label] = [source for each in groups.sources_of(name, label).values() for source in each]
        holds = current(row, files.ROOT, sources[label])
        caught, met, stale = found.get(label, (0, 0, 0))
        found[label] = (caught + (holds and noticed(row)), met + holds, stale + (not holds))
    return found


def said(count):
    """``2 of 3``, what is stale with it; ``not met`` without any row. ``count`` as of :func:`counts`, or None."""
    caught, met, stale = count or (0, 0, 0)
    words = [f"{caught} of {met}"] * bool(met) + [f"{stale} stale"] * bool(stale)
    return ", ".join(words) or "not met"
