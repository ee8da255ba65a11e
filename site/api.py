"""Pages of the helpers' interface, from signatures and docstrings; no module is imported."""

import ast
import re
from pathlib import Path


def pages(folder):
    """``api/index.md`` and one page a package: a dict of path to text."""
    folder = Path(folder)
    found = {}
    names = []
    for package in sorted({path.parent for path in folder.rglob("__init__.py")} | {folder}):
        dotted = ".".join(package.relative_to(folder.parent).parts)
        modules = [path for path in sorted(package.glob("*.py")) if path.name not in ("__init__.py", "__main__.py")]
        if not modules or package.name == "tables":
            continue
        names.append(dotted)
        found[f"api/{dotted}.md"] = package_page(package, dotted, modules)
    links = "\n".join(names)
    found["api/index.md"] = (
        "# helpers\n\nA concept library and, above it, one room a paper. Shapes, units, errors and conventions stand in every "
        f"docstring.\n\n```{{toctree}}\n:maxdepth: 1\n\n{links}\n```\n"
    )
    return found


def package_page(package, dotted, modules):
    """One page: the package's sentence, then every public function and class of its modules."""
    init = package / "__init__.py"
    said = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) if init.exists() else ""
    lines = [f"# {dotted}", "", "```{eval-rst}", _rst(said or ""), "```", ""]
    for path in modules:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = f"{dotted}.{path.stem}"
        lines += [
            f"## {path.stem}",
            "",
            "```{eval-rst}",
            f".. py:module:: {name}",
            "",
            _rst(ast.get_docstring(tree) or ""),
            "```",
            "",
        ]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                lines += ["```{eval-rst}", *_entry(node, name), "```", ""]
    return "\n".join(lines)


def _entry(node, module):
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    if kind == "function":
        signature = f"{node.name}({ast.unparse(node.args)})"
    else:
        init = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
        arguments = ast.unparse(init.args).removeprefix("self, ").removeprefix("self") if init else ""
        signature = f"{node.name}({arguments})"
    signature = " ".join(signature.split()).replace("\\", "\\\\")
    body = _rst(ast.get_docstring(node) or "")
    return [
        f".. py:{kind}:: {signature}",
        f"   :module: {module}",
        "",
        *[f"   {line}".rstrip() for line in body.splitlines()],
        "",
    ]


def _rst(docstring):
    """A numpydoc docstring as reStructuredText."""
    from sphinx.ext.napoleon import Config
    from sphinx.ext.napoleon.docstring import NumpyDocstring

    # an example below the last section would be read as part of it
    docstring = re.sub(r"(?m)\A(.*?^-{3,}$.*?\n\n)(?=>>> )", r"\1Examples\n--------\n", docstring, count=1, flags=re.S)
    pieces = re.split(r"(``.*?``)", docstring, flags=re.S)
    plain = [
        f"``{piece[2:-2].strip()}``"
        if piece.startswith("``")
        else re.sub(r"(\||(?<!\n)(?<!\n )(?<!\n  )(?<!\n    )\*(?! )|\*(?=\w))", r"\\\1", piece)
        for piece in pieces
    ]
    docstring = "".join(plain)
    config = Config(napoleon_use_param=False, napoleon_use_rtype=False, napoleon_use_ivar=False)
    return str(NumpyDocstring(docstring, config))
