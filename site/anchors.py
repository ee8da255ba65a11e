"""Raw ``<a id="SC-L4"></a>`` anchors become targets that Sphinx can link, search and list in its index."""

import re

from docutils import nodes
from docutils.transforms import Transform
from sphinx import addnodes

OPENED = re.compile(r'<a id="([^"]+)">')
PIECE = re.compile(r'<a id="[^"]+">|</a>')


class Anchors(Transform):
    """Every raw anchor gives its id to the section that follows it, or becomes a target where it stands.

    The reader of Markdown hands on the opening and the closing tag as two pieces, or both as one.
    """

    default_priority = 500

    def apply(self):
        env = self.document.settings.env
        slugs = env.metadata[env.docname].setdefault("myst_slugs", {})
        own = getattr(self.document, "myst_slugs", {})
        pieces = [
            raw for raw in self.document.findall(nodes.raw) if raw.get("format") == "html" and self.is_anchor(raw)
        ]
        for raw in pieces:
            for name in OPENED.findall(raw.astext()):
                self.place(raw, name, slugs, own)
        for raw in pieces:
            holder = raw.parent
            holder.remove(raw)
            if isinstance(holder, nodes.paragraph) and not holder.astext().strip() and not holder.children:
                holder.parent.remove(holder)

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
        """Whether a node holds tags of anchors and nothing else."""
        if isinstance(node, nodes.raw):
            text = node.astext()
            return bool(text.strip()) and not PIECE.sub("", text).strip()
        if isinstance(node, nodes.paragraph):
            return bool(node.children) and all(map(Anchors.is_anchor, node.children))
        return isinstance(node, nodes.Text) and not node.astext().strip()


def setup(app):
    app.add_transform(Anchors)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
