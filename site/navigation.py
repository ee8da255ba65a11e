"""What the theme puts around a page: the list of pages at the left, and scripts.

The list is computed once a folder for pages that are not in it, not once a page.
"""

import re


def cached(app, pagename, templatename, context, doctree):
    """Before the theme asks for the list: pages outside it, such as those of the claims, all have the same one."""
    listed = {other for others in app.env.toctree_includes.values() for other in others}
    if "toctree" not in context or pagename in listed:
        return
    folder, make = pagename.rpartition("/")[0], context["toctree"]
    known = app.navigation.setdefault(folder, {})

    def once(**options):
        key = tuple(sorted(options.items()))
        if key not in known:
            known[key] = make(**options)
        return known[key]

    context["toctree"] = once


def levels(app, pagename, templatename, context, doctree):
    """The theme gives captions the role of a heading and no level, which screen readers need."""
    if "furo_navigation_tree" in context:
        tree = context["furo_navigation_tree"]
        context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def scripts(app, pagename, templatename, context, doctree):
    """The button that copies code is left out where there is no code: it and DataTables disagree about clicks."""
    if 'div class="highlight' not in (context.get("body") or ""):
        kept = [one for one in context["script_files"] if not re.search("clipboard|copybutton", str(one.filename))]
        context["script_files"] = kept


def setup(app):
    app.navigation = {}
    app.connect("html-page-context", cached, priority=100)
    app.connect("html-page-context", levels, priority=900)
    app.connect("html-page-context", scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
