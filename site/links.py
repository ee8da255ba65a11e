"""Links of a text that moves to another page of the site: they keep leading where they led."""

import posixpath
import re

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^()\s]*(?:\([^()\s]*\)[^()\s]*)*)\)")
FENCED = re.compile(r"(```.*?```)", re.S)
# pages of the repository that the site has under another name
RENAMED = {"figures/CLAIMS.md": "claims/index.md", "figures/README.md": "gallery.md"}


def rebase(text, *, source, page, kept, claims=(), to_claims=False):
    """The text with every local link as seen from another page.

    Parameters
    ----------
    text : str
        Markdown.
    source, page : str
        Where the text stands in the repository, and on which page of the site it will stand; paths from the root.
    kept : callable
        Whether the site has a file, a path from the root; links to others become their words and the path.
    claims : collection of str
        Ids that have a page of their own.
    to_claims : bool
        Links to the cells of a claim lead to its page instead.

    Returns
    -------
    str

    >>> options = {"source": "notebooks/01.ipynb", "page": "claims/SC-1.md", "kept": "notebooks/01.ipynb".__eq__}
    >>> rebase("[a](#SC-2), [b](../tests/x.py)", **options)
    '[a](../notebooks/01.ipynb#SC-2), b (`tests/x.py`)'
    >>> rebase("[a](#SC-2)", **options, claims={"SC-2"}, to_claims=True)
    '[a](SC-2.md)'
    """

    def moved(found):
        picture, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return found[0]
        whole = posixpath.normpath(posixpath.join(posixpath.dirname(source), path)) if path else source
        whole = RENAMED.get(whole, whole)
        to_page = f"claims/{anchor}.md"
        if to_claims and anchor in claims and whole.endswith(".ipynb") and to_page != page:
            whole, anchor = to_page, ""
        if not kept(whole):
            return found[0] if picture else words if words.strip("`") == path else f"{words} (`{whole}`)"
        path = "" if whole == page else posixpath.relpath(whole, posixpath.dirname(page) or ".")
        return f"{picture}[{words}]({path}{'#' + anchor if anchor else ''})"

    # only fenced blocks are left alone: the words of a link may hold code
    pieces = FENCED.split(text)
    return "".join(piece if piece.startswith("```") else LINK.sub(moved, piece) for piece in pieces)
