"""Formulas are rendered by KaTeX when the site is built: readers load no script and no font from elsewhere."""

import json
import os
import subprocess
from pathlib import Path

from docutils import nodes
from sphinx.util import logging

HERE = Path(__file__).resolve().parent
LOGGER = logging.getLogger(__name__)


def render(app, env):
    """Render every distinct formula of all documents in one call of node."""
    wanted = {}
    for docname in env.found_docs:
        for node in env.get_doctree(docname).findall(lambda node: isinstance(node, nodes.math | nodes.math_block)):
            wanted.setdefault((node.astext(), isinstance(node, nodes.math_block)), docname)
    modules = os.environ["SITE_NODE_MODULES"]
    asked = [{"tex": tex, "display": display} for tex, display in wanted]
    answer = subprocess.run(
        ["node", str(HERE / "render_math.js"), f"{modules}/katex/dist/katex.js"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    app.rendered_math = {}
    for key, found in zip(wanted, json.loads(answer.stdout), strict=True):
        app.rendered_math[key] = found.get("html", "")
        if "error" in found:
            LOGGER.warning("a formula does not render: %s (%r)", found["error"], key[0], location=wanted[key])


def visit_inline(translator, node):
    tex = node.astext()
    translator.body.append(f'<span class="math">{translator.builder.app.rendered_math.get((tex, False), tex)}</span>')
    raise nodes.SkipNode


def visit_block(translator, node):
    tex = node.astext()
    html = translator.builder.app.rendered_math.get((tex, True), tex)
    translator.body.append(f'<div class="math" tabindex="0" role="group" aria-label="formula">{html}</div>')
    raise nodes.SkipNode


def page_context(app, pagename, templatename, context, doctree):
    """myst-nb labels its fold button for screen readers with other words than it shows."""
    if context.get("body"):
        context["body"] = context["body"].replace(' aria-label="Toggle hidden content"', "")


def setup(app):
    app.connect("env-check-consistency", render)
    app.connect("html-page-context", page_context)
    app.add_node(nodes.math, html=(visit_inline, None), override=True)
    app.add_node(nodes.math_block, html=(visit_block, None), override=True)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
