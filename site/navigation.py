"""The list of pages at the left is computed once a folder for pages that are not in it, not once a page."""


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


def setup(app):
    app.navigation = {}
    app.connect("html-page-context", cached, priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
