"""What can notice a fault, read off the sources: who names what, from the faulty function up to tests and claims.

A node is what a top-level statement of a file binds. It reaches a node of its own file, or of one that the file
imports at any depth, if it names it. Names are all that is looked at, so that too much may be found; a function that is
called must have been named by somebody, so that nothing is missed but names put together at run time.
"""

import ast
import json
import re

from helpers.collection.reach import imported, mentioned


def bindings(text):
    """What every top-level statement binds and names: list of (names bound, names mentioned, first line, last line)."""
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound = {node.name}
        elif isinstance(node, ast.Import | ast.ImportFrom):
            continue
        else:
            bound = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        found.append((bound or {""}, mentioned(node), start, node.end_lineno))
    return found


class Map:
    """Who names whom.

    Parameters
    ----------
    modules, tests : dict of str to str
        Source texts by path below the root.
    claims : dict of (str, str) to list of str
        Cells of every claim, set-up included.
    """

    def __init__(self, modules, tests, claims):
        self.modules, self.tests = modules, tests
        self.needs = {name: imported(text, name, modules) for name, text in (modules | tests).items()}
        for name, text in tests.items():  # tests import what stands beside them by its plain name
            beside = re.findall(r"^(?:import|from) (\w+)", text, re.M)
            self.needs[name] |= {f"tests/{other}.py" for other in beside} & tests.keys() - {name}
        self.reached = {name: self._closure(needs) for name, needs in self.needs.items()}
        self._bound = {}
        self.nodes = {name: bindings(text) for name, text in (modules | tests).items()}
        self.mentions = {}
        for name, found in self.nodes.items():
            for k, (bound, names, _, _) in enumerate(found):
                for word in names:
                    self.mentions.setdefault(word, []).append((name, k))
                for word in bound:
                    self._bound.setdefault(word, []).append((name, k))
        self.of_claim, known = {}, {}
        for label, sources in claims.items():
            for source in sources:
                if source not in known:
                    known[source] = imported(source, "", modules), mentioned(ast.parse(source))
            needs = set().union(*(known[source][0] for source in sources))
            words = set().union(*(known[source][1] for source in sources if not known[source][0]))
            self.of_claim[label] = needs, self._closure(needs), words

    def _closure(self, start):
        found, waiting = set(), list(start)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.needs[name]
        return found

    def above(self, path, line):
        """Everything that reaches what stands on a line of a module: a set of (file, position of the statement)."""
        start = [k for k, (_, _, first, last) in enumerate(self.nodes[path]) if first <= line <= last]
        found, waiting = set(), [(path, k) for k in start]
        while waiting:
            place = waiting.pop()
            if place in found:
                continue
            found.add(place)
            file = place[0]
            for word in self.nodes[file][place[1]][0]:
                for other in self.mentions.get(word, ()):
                    if other not in found and (other[0] == file or file in self.reached[other[0]]):
                        waiting.append(other)
        return found

    def tests_above(self, path, line):
        """Tests that reach a line of a module, those of the module first.

        Returns
        -------
        own : dict of str to list of str
            Test functions by file, the file of the module's name first, for files that import the module, or the face
            of its package and name something of it.
        others : dict of str to list of str
            The other files; a module stands for its doctests.
        """
        own, others = {}, {}
        face = path.rsplit("/", 1)[0] + "/__init__.py"
        bound = set().union(*(names for names, _, _, _ in self.nodes[path])) if face in self.modules else set()
        public = {name for name in bound if re.search(rf"\b{name}\b", self.modules.get(face, ""))} - {""}
        for file, k in sorted(self.above(path, line)):
            names = self.nodes[file][k][0]
            if file in self.tests:
                tests = [name for name in names if name.startswith(("test_", "Test"))]
                if tests:
                    mine = path in self.needs[file]
                    if not mine and face in self.needs[file]:
                        mine = any(public & words for _, words, _, _ in self.nodes[file])
                    (own if mine else others).setdefault(file, []).extend(tests)
            elif ">>>" in self.modules[file] and file != path:
                others.setdefault(file, [])
        stem = path.rsplit("/", 1)[-1].removesuffix(".py")
        own = dict(sorted(own.items(), key=lambda item: (item[0] != f"tests/{stem}_test.py", item[0])))
        return own, others

    def claims_above(self, path, line):
        """Claims that reach a line of a module, those whose notebook imports the module first; list of (str, str)."""
        above = self.above(path, line)
        words = {}
        for file, k in above:
            words.setdefault(file, set()).update(self.nodes[file][k][0])
        found = []
        for label, (needs, reached, named) in self.of_claim.items():
            if any(named & words[file] for file in reached & words.keys()):
                direct = path in needs and bool(named & words.get(path, set()))
                found.append((not direct, label))
        return [label for _, label in sorted(found, key=lambda pair: pair[0])]

    def below(self, label):
        """What the cells of a claim reach in modules: a set of (file, position of the statement)."""
        _, reached, named = self.of_claim[label]
        waiting = [place for word in named for place in self._bound.get(word, ()) if place[0] in reached]
        found = set()
        while waiting:
            place = waiting.pop()
            if place in found or place[0] not in self.modules:
                continue
            found.add(place)
            inside = self.reached[place[0]] | {place[0]}
            for word in self.nodes[place[0]][place[1]][1]:
                waiting += [other for other in self._bound.get(word, ()) if other[0] in inside]
        return found


def claim_cells(root, notebook):
    """Code cells of every claim of a notebook: dict of id to list of (path below the root, cell, source).

    The set-up cell of the place stands first, as cell -1.
    """
    found = {}
    for path in (f"notebooks/{notebook}.ipynb", f"notebooks/appendix/{notebook}.ipynb"):
        if not (root / path).exists():
            continue
        cells = json.loads((root / path).read_text(encoding="utf-8"))["cells"]
        setup = "\n".join("".join(c["source"]) for c in cells if "setup" in c["metadata"].get("tags", []))
        for k, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                for tag in cell["metadata"].get("tags", []):
                    if tag.startswith("claim:"):
                        own = found.setdefault(tag[6:], [])
                        if not any(where == path for where, _, _ in own):
                            own.append((path, -1, setup))
                        own.append((path, k, "".join(cell["source"])))
    return found
