"""Raw ``<a id="SC-L4"></a>`` anchors become targets that Sphinx can link, search and list in its index."""

import re

from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes

ANCHOR = re.compile(r'\s*<a id="([^"]+)">\s*</a>\s*')


class Anchors(Transform):
    """Every raw anchor gives its id to the section that follows it, or becomes a target where it stands."""

    default_priority = 500

    def apply(self):
        env = self.document.settings.env
        slugs = env.metadata[env.docname].setdefault("myst_slugs", {})
        own = getattr(self.document, "myst_slugs", {})
        for raw in list(self.document.findall(nodes.raw)):
            if raw.get("format") != "html":
                continue
            names = ANCHOR.findall(raw.astext())
            if names and not ANCHOR.sub("", raw.astext()).strip():
                for name in names:
                    self.place(raw, name, slugs, own)
                holder = raw.parent
                holder.remove(raw)
                if isinstance(holder, nodes.paragraph) and not holder.children:
                    holder.parent.remove(holder)
            elif raw.astext().strip() == "</a>":
                raw.parent.remove(raw)
            elif opened := re.fullmatch(r'<a id="([^"]+)">', raw.astext().strip()):
                self.place(raw, opened[1], slugs, own)
                raw.parent.remove(raw)

    def place(self, raw, name, slugs, own):
        section = self.following_section(raw)
        if section is None:
            target = nodes.target("", "", ids=[name])
            entry = addnodes.index(entries=[("single", name, name, "main", None)])
            index = raw.parent.index(raw)
            raw.parent.insert(index, [entry, target] if isinstance(raw.parent, nodes.Element) else target)
            title = name
        else:
            for other in self.document.findall(nodes.section):
                if other is not section and name in other["ids"] and len(other["ids"]) > 1:
                    other["ids"].remove(name)
            section["ids"][:] = [name] + [other for other in section["ids"] if other != name]
            entry = addnodes.index(entries=[("single", name, name, "main", None)])
            section.insert(1, entry)
            title = section[0].astext()
        for table in (slugs, own):
            table[name] = (0, name, title)
        self.document.myst_slugs = own

    def following_section(self, raw):
        """The section whose title comes next in the document, if nothing else stands between."""
        node = raw
        while node.parent is not None:
            siblings = node.parent.children
            after = siblings[siblings.index(node) + 1 :]
            after = [other for other in after if not self.is_anchor(other)]
            if after:
                return after[0] if isinstance(after[0], nodes.section) else None
            node = node.parent
        return None

    @staticmethod
    def is_anchor(node):
        text = node.rawsource if isinstance(node, nodes.paragraph) else node.astext()
        return isinstance(node, nodes.raw | nodes.paragraph) and bool(text) and not ANCHOR.sub("", text).strip()


def setup(app):
    app.add_transform(Anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
