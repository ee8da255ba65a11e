"""Where a formula can go wrong at one point: the faults that a source text offers, and a random sample of them.

A fault is a piece of text and what takes its place. Only what computes is touched: no messages, docstrings,
annotations, decorators, and no refusals (an ``if`` whose body raises, and what it raises).
"""

import ast
import hashlib
import re
from dataclasses import dataclass, replace

import numpy as np

from helpers.collection import faults as stored

# Everything below these that is not left out bears formulas.
PACKAGES = (
    "adversarial",
    "critics",
    "data",
    "evaluation",
    "information",
    "losses",
    "networks",
    "optimise",
    "papers",
    "spectral",
    "training",
)
SINGLE = ("statistics.py", "ledger/verdicts.py")
# Drawing, recording, files and processes.
LEFT_OUT = re.compile(r"/(figures|checkpoints|distributed|_processes|_checks)\.py$|/tables/|__init__\.py$")

OTHER_OPERATOR = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
}
OTHER_COMPARISON = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
}
PAIRS = (
    ("min", "max"),
    ("amin", "amax"),
    ("minimum", "maximum"),
    ("argmin", "argmax"),
    ("log", "exp"),
    ("log1p", "log"),
    ("expm1", "exp"),
    ("log2", "log"),
    ("sqrt", "square"),
    ("sum", "mean"),
    ("nansum", "nanmean"),
    ("var", "std"),
    ("sin", "cos"),
    ("floor", "ceil"),
    ("any", "all"),
    ("tril", "triu"),
    ("cumsum", "cumprod"),
    ("logsumexp", "sum"),
    ("softmax", "log_softmax"),
    ("eigh", "eig"),
)
OTHER_FUNCTION = {a: b for a, b in PAIRS} | {b: a for a, b in reversed(PAIRS)}
OTHER_FUNCTION |= {"log": "exp", "exp": "expm1", "sum": "mean"}
AXES = {"axis", "dim", "dim1", "dim2", "axis1", "axis2", "ddof", "correction", "offset", "diagonal", "ord", "k"}
SHAPES = {"range", "arange", "linspace", "geomspace", "logspace"}
# What these are given is a draw, a message or a kind of number, not a formula.
IDLE = re.compile(
    r"(^|\.)(default_rng|SeedSequence|Generator|manual_seed|generator|isinstance|print|warn|bar|progress|finfo|"
    r"require_\w+|_?check\w*|stack|empty_cache|pick|data)$"
)
# Names of what is no number.
OTHER_THINGS = {"rng", "generator", "self", "cls", "model", "encoder", "objective", "path", "name", "device", "int"}
NO_RULE = {"tolerance", "standard_error", "relative_to", "bias", "trials", "threshold", "agreement"}


@dataclass(frozen=True)
class Fault:
    """One wrong piece of a source text.

    Attributes
    ----------
    path : str
        File below the root; for a cell the notebook.
    where : str
        Dotted name of the function, or the claim of the cell; empty at module level.
    kind : str
        constant, operator, term, factor, sign, ...
    line : int
        Of the piece; in a cell counted from the cell's first line.
    first, last : int
        Lines of the innermost statement, header only where it holds others; 0 for what an import executes.
    start, end : int
        The piece, in bytes of the text.
    old, new : str
    cell : int
        Position of the cell among those of its claim in the notebook; -1 in a module.
    place : int
        How many faults before it in the same function are written the same.
    """

    path: str
    where: str
    kind: str
    line: int
    first: int
    last: int
    start: int
    end: int
    old: str
    new: str
    cell: int = -1
    place: int = 0

    @property
    def key(self):
        """Names the fault, wherever in its file it stands: a tuple of str and int."""
        return self.path, self.where, self.kind, self.cell, self.old, self.new, self.place

    def put_into(self, text):
        """The wrong text."""
        content = text.encode()
        return (content[: self.start] + self.new.encode() + content[self.end :]).decode()


def modules(root):
    """The modules that bear formulas, as paths below the root; list of str, sorted."""
    helpers = root / "helpers"
    found = [path for package in PACKAGES for path in (helpers / package).rglob("*.py")]
    found += [helpers / name for name in SINGLE if (helpers / name).exists()]
    names = sorted(path.relative_to(root).as_posix() for path in found)
    return [name for name in names if not LEFT_OUT.search(name)]


def faults(text, path, *, cell=-1, claim=None):
    """All faults that a source text offers, in the order of the text.

    Parameters
    ----------
    text : str
    path : str
        Entered in the faults.
    cell : int
        Position among the claim's cells of the notebook, for the source of one.
    claim : str, optional
        Its id. In a cell only what the claim's checks compare is touched (see :func:`compared`), and no setting of an
        instance: with another the claim holds too.

    Returns
    -------
    list of Fault
        Some may not parse, or mean the same: see :func:`means_something`.
    """
    search = _Search(text, path, cell, claim)
    for statement in ast.parse(text).body:
        search.statement(statement, "" if claim is None else claim)
    found = {(fault.start, fault.end, fault.new): fault for fault in search.found}
    counts, placed = {}, []
    for _, fault in sorted(found.items()):
        place = counts.get(fault.key, 0)
        counts[fault.key] = place + 1
        placed.append(replace(fault, place=place))
    return placed


def means_something(fault, text):
    """Whether the wrong text parses and differs from the right one in more than its looks."""
    try:
        return ast.dump(ast.parse(fault.put_into(text))) != ast.dump(ast.parse(text))
    except SyntaxError:
        return False


def compared(sources):
    """For the cells of one claim, the statements that reach a check: a set of (cell index, first line).

    Names are followed backwards from the arguments of the checks, without controls and without what sets the rule.
    """
    trees = [ast.parse(source) for source in sources]
    statements = [(k, node) for k, tree in enumerate(trees) for node in tree.body]
    flat = []
    for k, node in statements:
        inner = node.body if isinstance(node, ast.With) else [node]
        flat += [(k, each) for each in inner]
    wanted, kept = set(), set()
    for k, node in flat:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and re.match(r"claim\.(?!control$)", ast.unparse(call.func)):
                kept.add((k, node.lineno))
                values = [*call.args, *(word.value for word in call.keywords if word.arg and word.arg not in NO_RULE)]
                wanted |= {name for value in values for name in _read(value)}
    grown = True
    while grown:
        grown = False
        for k, node in flat:
            if (k, node.lineno) not in kept and wanted & _set(node):
                kept.add((k, node.lineno))
                wanted |= _read(node)
                grown = True
    return kept


def clocks(offered, seed):
    """When every fault would be drawn, if a function draws one in a unit of time: a kind it offers, then a place of it.

    An exponential time of its own for each fault, read off a hash of its name and the seed. It depends on the faults of
    its own function alone: whatever is written elsewhere, what is drawn here up to a given time stays the same.

    Parameters
    ----------
    offered : sequence of Fault
        All faults of the functions.
    seed : int or str

    Returns
    -------
    list of float
        In the order of ``offered``; the rate is one over the number of kinds and the number of places of the kind.
    """
    kinds, places = {}, {}
    for fault in offered:
        function = fault.path, fault.where
        kinds.setdefault(function, set()).add(fault.kind)
        places[function, fault.kind] = places.get((function, fault.kind), 0) + 1
    found = []
    for fault in offered:
        function = fault.path, fault.where
        code = hashlib.sha256(repr((*fault.key, seed)).encode()).digest()
        uniform = (int.from_bytes(code[:8], "big") + 0.5) / 2**64
        found.append(-np.log(uniform) * len(kinds[function]) * places[function, fault.kind])
    return found


def sample(texts, share, seed, *, first=frozenset(), kept=()):
    """A random sample of the faults of modules.

    Parameters
    ----------
    texts : dict of str to str
        Source texts by path.
    share : float
        Faults that a function draws on average, as long as it has more.
    seed : int
    first : set of str
        Names by :func:`name` of functions that were drawn from before, with the same chances: of these the sample has
        what was drawn then, and nothing else.
    kept : collection of tuple
        Keys of the faults that were drawn then.

    Returns
    -------
    list of Fault
        In the order in which they are drawn; a sample with a smaller share is its beginning.
    """
    drawn = []
    for path, text in texts.items():
        offered = faults(text, path)
        for fault, clock in zip(offered, clocks(offered, seed), strict=True):
            before = first and name(fault, text) in first
            if (fault.key in kept if before else clock < share) and means_something(fault, text):
                drawn.append((clock, fault.key, fault))
    return [fault for _, _, fault in sorted(drawn)]


def name(fault, text):
    """Stands for the function of a fault, its place and its code: 12 hexadecimal digits."""
    return stored.digest(f"{fault.path} {fault.where} {stored.of_function(text, fault.where)}")


def draws(offered, texts, seed):
    """Faults in the order in which they are drawn: a generator of Fault; ``texts`` by path, or by (path, cell)."""
    for _, _, fault in sorted((c, f.key, f) for c, f in zip(clocks(offered, seed), offered, strict=True)):
        if means_something(fault, texts[fault.path if fault.cell < 0 else (fault.path, fault.cell)]):
            yield fault


def _read(node):
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def _set(node):
    if isinstance(node, ast.FunctionDef):
        return {node.name}
    found = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for n in ast.walk(node):  # what is filled by an index or in place
        target = n.target if isinstance(n, ast.AugAssign) else n
        if isinstance(target, ast.Subscript) and isinstance(target.ctx, ast.Store):
            found |= {name.id for name in ast.walk(target.value) if isinstance(name, ast.Name)}
        if (
            isinstance(n, ast.Call)
            and isinstance(n.func, ast.Attribute)
            and n.func.attr in ("append", "extend", "update")
        ):
            found |= {name.id for name in ast.walk(n.func.value) if isinstance(name, ast.Name)}
    return found


class _Search:
    """Walks a tree and collects faults; ``statement`` goes down to blocks, ``expression`` to what they compute."""

    def __init__(self, text, path, cell, claim):
        self.content = text.encode()
        self.starts = [0]
        for line in self.content.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.path, self.cell, self.claim, self.found = path, cell, claim, []
        self.depth = 0  # of functions

    # -- places ---------------------------------------------------------------------------------------
    def span(self, node):
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def text(self, node):
        start, end = self.span(node)
        return self.content[start:end].decode()

    def add(self, kind, start, end, new):
        old = self.content[start:end].decode()
        line = self.content[:start].count(b"\n") + 1
        self.found.append(Fault(self.path, self.where, kind, line, *self.lines, start, end, old, new, self.cell))

    def replace(self, kind, node, new):
        self.add(kind, *self.span(node), new)

    def between(self, kind, left, right, old, new):
        """Replace the operator that stands between two operands."""
        start, end = self.span(left)[1], self.span(right)[0]
        place = self.content[start:end].find(old.encode())
        if place >= 0:
            self.add(kind, start + place, start + place + len(old), new)

    # -- statements -----------------------------------------------------------------------------------
    def statement(self, node, where):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self.definition(node, where)
        if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
            return None
        if isinstance(node, ast.If) and any(isinstance(each, ast.Raise) for each in node.body):
            for each in node.orelse:
                self.statement(each, where)
            return None
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return None
        blocks = [getattr(node, name) for name in ("body", "orelse", "finalbody") if hasattr(node, name)]
        inner = [each for block in blocks for each in block]
        handlers = getattr(node, "handlers", [])
        last = min([each.lineno for each in [*inner, *handlers]], default=node.end_lineno + 1) - 1
        self.where, self.lines = where, (node.lineno, max(last, node.lineno)) if self.depth else (0, 0)
        if isinstance(node, ast.AugAssign) and type(node.op) in OTHER_OPERATOR:
            old, new = OTHER_OPERATOR[type(node.op)]
            self.between("operator", node.target, node.value, old, new)
        for field, value in ast.iter_fields(node):
            if field in ("body", "orelse", "finalbody", "handlers", "annotation"):
                continue
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, ast.withitem):
                    each = each.context_expr
                if isinstance(each, ast.expr):
                    self.expression(each, node)
        for each in inner:
            self.statement(each, where)
        for handler in handlers:
            for each in handler.body:
                self.statement(each, where)
        return None

    def definition(self, node, where):
        name = f"{where}.{node.name}" if where and self.claim is None else where or node.name
        if node.name in ("__repr__", "__str__", "_offender") or node.name.startswith(("_check", "require_")):
            return
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                self.statement(each, name)
            return
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        if self.claim is None:
            self.where, self.lines = name, (node.lineno, node.end_lineno)
            for value in [*node.args.defaults, *node.args.kw_defaults]:
                if isinstance(value, ast.Constant):
                    self.constant(value, "default")
        self.depth += 1
        for each in body:
            self.statement(each, name)
        self.depth -= 1

    # -- expressions ----------------------------------------------------------------------------------
    def expression(self, node, parent):
        if isinstance(node, ast.JoinedStr):
            return
        if isinstance(node, ast.Call) and self.idle(node):
            return
        method = getattr(self, f"at_{type(node).__name__}", None)
        if method is not None:
            method(node, parent)
        if isinstance(node, ast.Lambda):
            self.expression(node.body, node)
            return
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            return
        if isinstance(node, ast.Call):
            self.expression(node.func, node)
            for value in node.args:
                self.expression(value, node)
            for word in node.keywords:
                if word.arg in AXES and not isinstance(word.value, ast.Name):
                    self.axis(word.value)
                elif word.arg in ("keepdims", "keepdim") and isinstance(word.value, ast.Constant):
                    self.replace("axis", word.value, str(not word.value.value))
                elif not (self.claim is not None and word.arg in NO_RULE):
                    self.expression(word.value, word)
            return
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.expression(child, node)
            elif isinstance(child, ast.comprehension):
                for each in (child.iter, *child.ifs):
                    self.expression(each, child)

    def idle(self, node):
        name = ast.unparse(node.func)
        if self.claim is not None and re.match(r"(rng|run|gallery|figures|ledger|generator)\.|claim\.control$", name):
            return True
        return bool(IDLE.search(name)) and not name.endswith(("np.stack", "torch.stack"))

    def axis(self, node):
        value = node.operand if isinstance(node, ast.UnaryOp) else node
        if isinstance(value, ast.Constant) and isinstance(value.value, int) and not isinstance(value.value, bool):
            number = -value.value if isinstance(node, ast.UnaryOp) else value.value
            self.replace("axis", node, str(number - 1 if number < 0 else number + 1))

    def constant(self, node, kind):
        value = node.value
        if isinstance(value, bool):
            self.replace("flag" if kind == "constant" else kind, node, str(not value))
        elif isinstance(value, int):
            self.replace(kind, node, str(value + 1))
        elif isinstance(value, float) and np.isfinite(value):
            self.replace(kind, node, repr(value * 1.01 if value else 0.01))

    def at_Constant(self, node, parent):
        arithmetic = isinstance(parent, ast.BinOp)
        if isinstance(node.value, bool):
            if self.claim is None:
                self.constant(node, "constant")
        elif isinstance(node.value, int | float):
            off_by_one = isinstance(parent, ast.Subscript | ast.Slice) or (
                isinstance(parent, ast.Call) and ast.unparse(parent.func).split(".")[-1] in SHAPES
            )
            if arithmetic and isinstance(parent.op, ast.Pow) and parent.right is node:
                self.replace("exponent", node, str(node.value + 1))
            elif off_by_one:
                self.constant(node, "off by one")
            elif arithmetic or self.claim is None:
                self.constant(node, "constant")
                if arithmetic and isinstance(node.value, int) and isinstance(parent.op, ast.Mult | ast.Div):
                    self.replace("constant", node, repr(round(node.value * 1.01, 12)))

    def at_BinOp(self, node, parent):
        left, right = self.text(node.left), self.text(node.right)
        if isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            return
        if type(node.op) in OTHER_OPERATOR:
            self.between("operator", node.left, node.right, *OTHER_OPERATOR[type(node.op)])
        if isinstance(node.op, ast.Add | ast.Sub):
            self.replace("term", node, f"({left})")
            if isinstance(node.op, ast.Add):
                self.replace("term", node, f"({right})")
        if isinstance(node.op, ast.Mult | ast.Div):
            self.replace("factor", node, f"({left})")
            if isinstance(node.op, ast.Mult):
                self.replace("factor", node, f"({right})")
        if isinstance(node.op, ast.Pow) and not isinstance(node.right, ast.Constant):
            self.replace("exponent", node, f"({left})")
        if isinstance(node.op, ast.MatMult):
            self.replace("order", node, f"(({right}) @ ({left}))")

    def at_UnaryOp(self, node, parent):
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
            in_index = isinstance(parent, ast.Subscript | ast.Slice | ast.Tuple)
            if in_index or isinstance(parent, ast.Call):
                self.replace("off by one", node, f"-{node.operand.value + 1}")
                return
        if isinstance(node.op, ast.USub | ast.Invert | ast.Not):
            self.replace("sign" if isinstance(node.op, ast.USub) else "logic", node, f"({self.text(node.operand)})")

    def at_Compare(self, node, parent):
        if len(node.ops) == 1 and type(node.ops[0]) in OTHER_COMPARISON:
            self.between("comparison", node.left, node.comparators[0], *OTHER_COMPARISON[type(node.ops[0])])

    def at_BoolOp(self, node, parent):
        pair = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        self.between("logic", node.values[0], node.values[1], *pair)

    def at_IfExp(self, node, parent):
        body, orelse = self.text(node.body), self.text(node.orelse)
        self.replace("logic", node, f"(({orelse}) if {self.text(node.test)} else ({body}))")

    def at_Attribute(self, node, parent):
        if node.attr in ("T", "mT") and not isinstance(parent, ast.Call):
            self.replace("transpose", node, f"({self.text(node.value)})")

    def at_Call(self, node, parent):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("swapaxes", "transpose") and len(node.args) >= 2:
            inside = node.func.value if len(node.args) == 2 else node.args[0]
            self.replace("transpose", node, f"({self.text(inside)})")
            return
        if name in ("abs", "clip", "clamp"):
            own = isinstance(node.func, ast.Attribute) and not self.is_library(node.func.value)
            if own or node.args:
                self.replace("function", node, f"({self.text(node.func.value if own else node.args[0])})")
        if name in OTHER_FUNCTION:
            end = self.span(node.func)[1]
            self.add("function", end - len(name.encode()), end, OTHER_FUNCTION[name])
        if len(node.args) >= 2 and all(self.exchangeable(value) for value in node.args[:2]):
            (start, first_end), (second, end) = map(self.span, node.args[:2])
            middle = self.content[first_end:second].decode()
            self.add("order", start, end, self.text(node.args[1]) + middle + self.text(node.args[0]))

    @staticmethod
    def exchangeable(node):
        """Arguments whose exchange is not a mere crash: two arrays, two numbers."""
        if isinstance(node, ast.Constant):
            return isinstance(node.value, int | float)
        return isinstance(node, ast.Name) and node.id not in OTHER_THINGS

    def is_library(self, node):
        return isinstance(node, ast.Name) and node.id in ("np", "torch", "math", "special", "linalg", "functional", "F")
