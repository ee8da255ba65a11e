"""Which code of ``helpers`` the cells of a claim reach, read off the sources: all that its verdict can depend on.

A node is what one top-level statement of a module binds, or one method of a class without bases. From the cells on,
whatever is named is reached, and what that names, and so on. Where the sources do not tell, more is taken:

- a name stands for what its module binds or imports; a module that is handed on by its bare name, to a function or to
  ``getattr``, is reached whole;
- what runs when a module is imported (calls, loops, a module's ``__getattr__``) is reached as soon as it is loaded;
- a class with a base is reached whole, because the base may call any method; of one without, methods with two
  underscores, and those whose name stands anywhere in reached code, as an attribute or in a string;
- a string with the name of a module in a folder ``tables`` loads it and reaches all of it, as recorded tables are.
"""

import ast
import functools
import re
from dataclasses import dataclass

WORDS = re.compile(r"[A-Za-z_]\w*")
LONGEST = 60  # characters of a string that may name something; longer ones are texts
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
DOCUMENTED = ast.Module | ast.ClassDef | FUNCTION
PLAIN = ast.Name | ast.Tuple | ast.List | ast.Starred  # targets that an assignment binds and nothing else
# Parts of a syntax tree that say nothing about what the code does, or not the same on every Python.
SILENT = ("ctx", "kind", "type_comment")


# -- imports and names -----------------------------------------------------------------------------------
def imported(text, path, modules):
    """Modules that a module, a test or a cell imports by name, in functions too.

    Parameters
    ----------
    text : str
        Source.
    path : str
        Where it stands below the root; "" for a cell.
    modules : container of str
        Paths of those that count.

    Returns
    -------
    set of str
    """
    found = set()
    for node in ast.walk(ast.parse(text)):
        for parts in _imports(node, path):
            found |= {name for name in _files(parts) if name in modules and name != path}
    return found


def _imports(node, path):
    """Dotted names, as tuples, of what may be modules in an import; none for another statement."""
    if isinstance(node, ast.Import):
        return [tuple(alias.name.split(".")) for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        base = _base(node, path)
        return [base, *((*base, alias.name) for alias in node.names)]
    return []


def _base(node, path):
    inside = path.removesuffix(".py").split("/")[:-1]
    base = inside[: len(inside) - node.level + 1] if node.level else []
    return (*base, *(node.module.split(".") if node.module else []))


def _files(parts):
    return "/".join(parts) + ".py", "/".join([*parts, "__init__.py"])


def mentioned(tree):
    """Identifiers in a piece of code: names, attributes, arguments (a test names its fixtures so), words of strings."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Constant):
            found |= words(node.value)
    return found


def words(value):
    """Identifiers in a constant, if it is a short string; a set of str."""
    return set(WORDS.findall(value)) if isinstance(value, str) and len(value) < LONGEST else set()


def meaning(tree):
    """A piece of code without comments, docstrings, line breaks and places.

    Parameters
    ----------
    tree : ast.AST, or a list of them, or a constant

    Returns
    -------
    str
    """
    if isinstance(tree, list):
        return "[" + ",".join(map(meaning, tree)) + "]"
    if not isinstance(tree, ast.AST):
        return repr(tree)
    fields = []
    for name, value in ast.iter_fields(tree):
        if name == "body" and isinstance(tree, DOCUMENTED) and ast.get_docstring(tree, clean=False) is not None:
            value = value[1:]
        if name not in SILENT and value is not None and value != []:
            fields.append(f"{name}={meaning(value)}")
    return f"{type(tree).__name__}({','.join(fields)})"


# -- nodes -----------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Node:
    """One statement of a module or cell, or one method.

    Attributes
    ----------
    path : str
        Of its module.
    bound : frozenset of str
        Names that it binds; of a method its name.
    owner : str
        Class of a method; "" of anything else.
    runs : bool
        When the module is imported it does more than bind names.
    meaning : str
    near : frozenset of str
        Names that it mentions, to be looked for in its own module.
    there : frozenset of (str, str)
        Names in other modules, by path; "" stands for all of a module.
    words : frozenset of str
        Attributes and words of strings.
    """

    path: str
    bound: frozenset
    owner: str
    runs: bool
    meaning: str
    near: frozenset
    there: frozenset
    words: frozenset


class _Scope:
    """What the imports of a source stand for: names of modules, and names in modules."""

    def __init__(self, tree, path, modules):
        self.path, self.modules, self.aliases = path, modules, {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self.aliases.setdefault(alias.asname or alias.name, set()).add(self.target(node, alias))
            elif isinstance(node, ast.Import):
                for alias in node.names:  # ``import a.b`` binds ``a``
                    name = alias.name if alias.asname else alias.name.split(".")[0]
                    self.aliases.setdefault(alias.asname or name, set()).add((self.module(name.split(".")), ""))
        for name in self.aliases:
            self.aliases[name] -= {(None, "")}

    def module(self, parts):
        return next((name for name in _files(parts) if name in self.modules), None)

    def target(self, node, alias):
        """(path, "") of a module, (path, name) of something in one, (None, "") of what is not ours."""
        base = _base(node, self.path)
        deeper, face = self.module([*base, alias.name]), self.module(base)
        if deeper:
            return deeper, ""
        return (face, alias.name) if face else (None, "")

    def mentions(self, tree):
        """(near, there, words) of a piece of code, see :class:`Node`."""
        near, there, found, waiting = set(), set(), set(), [tree]
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
                if self._dotted(node, near, there):
                    continue
            elif isinstance(node, ast.Name):
                near.add(node.id)
                there |= self.aliases.get(node.id, set())
            elif isinstance(node, ast.Constant):
                found |= words(node.value)
            elif isinstance(node, ast.Import):  # rare: taken whole
                there |= {(self.module(alias.name.split(".")), "") for alias in node.names} - {(None, "")}
            waiting += ast.iter_child_nodes(node)
        return frozenset(near), frozenset(there), frozenset(found)

    def _dotted(self, node, near, there):
        """Follow ``module.name``, ``package.module.name``; whether that is what the attribute is."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return False
        places = {path for path, name in self.aliases.get(node.id, ()) if not name}
        if not places or len(places) < len(self.aliases[node.id]):
            return False
        near.add(node.id)
        for path in places:
            left = parts[::-1]
            while left:
                deeper = self.module([*path.removesuffix("/__init__.py").removesuffix(".py").split("/"), left[0]])
                if deeper is None:
                    there.add((path, left[0]))
                    break
                path, left = deeper, left[1:]
            else:
                there.add((path, ""))
        return True


def _nodes(text, path, modules):
    """The nodes of a module or a cell, in order."""
    tree = ast.parse(text)
    scope, found = _Scope(tree, path, modules), []

    def add(piece, bound, *, owner="", runs=False, there=None):
        mentions = scope.mentions(piece) if there is None else (frozenset(), frozenset(there), frozenset())
        found.append(Node(path, frozenset(bound), owner, runs, meaning(piece), *mentions))

    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                single = type(statement)(**{**dict(ast.iter_fields(statement)), "names": [alias]})
                target = scope.target(statement, alias) if isinstance(statement, ast.ImportFrom) else (None, "")
                add(single, {alias.asname or alias.name.split(".")[0]}, there={target} if target[1] else ())
        elif isinstance(statement, FUNCTION):
            add(statement, {statement.name}, runs=_is_special(statement.name))
        elif isinstance(statement, ast.ClassDef):
            own = [] if statement.bases or statement.keywords else statement.body
            methods = [inner for inner in own if isinstance(inner, FUNCTION) and not _is_special(inner.name)]
            rest = [inner for inner in statement.body if inner not in methods]
            add(ast.ClassDef(**{**dict(ast.iter_fields(statement)), "body": rest}), {statement.name})
            for method in methods:
                add(method, {method.name}, owner=statement.name)
        elif not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):  # a text
            names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
            add(statement, {n.id for n in names if isinstance(n.ctx, ast.Store)}, runs=_acts(statement))
    return tuple(found)


def _is_special(name):
    return name.startswith("__") and name.endswith("__")


def _acts(statement):
    """Whether a statement may do more than bind its names when it runs."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign):
        return True
    stored = (node for node in ast.walk(statement) if isinstance(getattr(node, "ctx", None), ast.Store))
    return any(isinstance(node, ast.Call) for node in ast.walk(statement)) or any(
        not isinstance(node, PLAIN) for node in stored
    )


# -- the way down ----------------------------------------------------------------------------------------
class Reach:
    """Who names whom in ``helpers``.

    Parameters
    ----------
    modules : dict of str to str
        Source texts by path below the root, such as ``helpers/runtime.py``; what is not among them is not followed.
    """

    def __init__(self, modules):
        self.modules, self.bound, self.methods = modules, {}, {}
        self.nodes = {path: _nodes(text, path, modules) for path, text in modules.items()}
        self.needs = {path: self._needs(text, path) for path, text in modules.items()}
        self.tables = {path.rsplit("/", 1)[-1].removesuffix(".py"): path for path in modules if "/tables/" in path}
        for path, found in self.nodes.items():
            for node in found:
                for name in node.bound:
                    place = (self.methods, (path, node.owner)) if node.owner else (self.bound, (path, name))
                    place[0].setdefault(place[1], []).append(node)
        self.cell = functools.cache(lambda text, path: (_nodes(text, path, modules), self._needs(text, "")))

    def _needs(self, text, path):
        found = imported(text, path, self.modules)
        for name in list(found):  # a package is imported before what is in it
            parts = name.split("/")
            faces = ("/".join([*parts[:k], "__init__.py"]) for k in range(1, len(parts)))
            found |= {face for face in faces if face in self.modules and face != path}
        return found

    def below(self, setup, cells):
        """What the cells of a claim in one notebook reach.

        Parameters
        ----------
        setup : str
            Source of the set-up cell; of what it only defines, what is named counts.
        cells : sequence of str
            Sources of the claim's own cells.

        Returns
        -------
        set of Node
            The set-up cell's have the path "setup", the claim's own "cells".
        """
        (first, needs), walk = self.cell(setup, "setup"), _Walk(self)
        for node in first:
            for name in node.bound:
                walk.setup.setdefault(name, []).append(node)
        walk.load(needs)
        for node in first:
            if node.runs:
                walk.reach(node)
        shared = setup_imports(setup)
        for source in cells:
            # a cell may use what the set-up imports: its scope is read with these lines before it
            own, needs = self.cell(shared + source, "cells")
            walk.load(needs)
            for node in own[len(shared.splitlines()) :] if shared else own:
                walk.reach(node)
        walk.run()
        return walk.found


@functools.cache
def setup_imports(source):
    """The imports of a set-up cell, one name a line."""
    lines = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                single = type(node)(**{**dict(ast.iter_fields(node)), "names": [alias]})
                lines.append(ast.unparse(single) + "\n")
    return "".join(lines)


class _Walk:
    """One way down."""

    def __init__(self, reach):
        self.map, self.found, self.loaded, self.setup = reach, set(), set(), {}
        self.words, self.classes, self.waiting = set(), {}, []

    def load(self, paths):
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path not in self.loaded:
                self.loaded.add(path)
                waiting += self.map.needs[path]
                for node in self.map.nodes[path]:
                    if node.runs:
                        self.reach(node)

    def reach(self, node):
        if node not in self.found:
            self.found.add(node)
            self.waiting.append(node)

    def whole(self, path):
        self.load([path])
        for node in self.map.nodes[path]:
            self.reach(node)

    def run(self):
        while self.waiting:
            node = self.waiting.pop()
            for name in node.near:
                for other in [*self.map.bound.get((node.path, name), ()), *self._of_setup(node, name)]:
                    self.reach(other)
            for path, name in node.there:
                if not name:
                    self.whole(path)
                for other in self.map.bound.get((path, name), ()):
                    self.reach(other)
            for word in node.words - self.words:
                self.words.add(word)
                if word in self.map.tables:
                    self.whole(self.map.tables[word])
                for methods in self.classes.values():
                    for other in methods:
                        if word in other.bound:
                            self.reach(other)
            for name in () if node.owner else node.bound:
                methods = self.map.methods.get((node.path, name), ())
                self.classes[node.path, name] = methods
                for other in methods:
                    if other.bound & self.words:
                        self.reach(other)

    def _of_setup(self, node, name):
        return self.setup.get(name, ()) if node.path in ("setup", "cells") else ()
