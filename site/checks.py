"""Faults that a parser can find: of the source tree before Sphinx reads it, and of the built site.

Links, anchors, ids, alternative texts, formulas left as text. ``python site/checks.py FOLDER`` looks at a built site.
"""

import os
import posixpath
import re
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from links import FENCED, LINK

ANCHOR = re.compile(r'<a id="([^"]+)">')
HEADING = re.compile(r"(?m)^#+ +(.+?) *$")
COMMAND = re.compile(r"\\[a-zA-Z]{2,}|\\[()\[\]]")
VOID = ("script", "style", "pre", "code", "textarea", "annotation", "math", "svg")


class Page(HTMLParser):
    """What one page offers and asks for."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources, self.alts, self.words = [], [], [], [], []
        self.errors, self._silent = 0, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if found.get("id"):
            self.ids.append(found["id"])
        if tag == "a" and found.get("href"):
            self.links.append(found["href"])
        for key in ("src", "href"):
            if tag in ("img", "script", "link", "source", "iframe") and found.get(key):
                self.sources.append(found[key])
        if tag == "img":
            self.alts.append((found.get("src", ""), found.get("alt")))
        if "katex-error" in (found.get("class") or ""):
            self.errors += 1
        if tag in VOID:
            self._silent.append(tag)

    def handle_endtag(self, tag):
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()

    def handle_data(self, data):
        if not self._silent:
            self.words.append(data)


def source_faults(pages, notebooks, kept):
    """One line a local link of the source tree that leads nowhere, or an anchor that stands twice.

    Parameters
    ----------
    pages, notebooks : dict of str to str
        Markdown of every page, and of every notebook its text cells joined; by path from the root of the site.
    kept : callable
        Whether a path that is neither is a file of the site.
    """
    texts, found = pages | notebooks, []
    texts = {name: FENCED.sub("", text) for name, text in texts.items()}
    anchors = {name: ANCHOR.findall(text) for name, text in texts.items()}
    for name, text in texts.items():
        found += [f"{name}: the anchor {one!r} stands twice" for one, n in Counter(anchors[name]).items() if n > 1]
        for _, _, target in LINK.findall(text):
            path, _, anchor = target.partition("#")
            if not target or re.match(r"[a-z]+:", target):
                found += [f"{name}: a link leads nowhere"] if not target else []
                continue
            whole = posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name
            if whole not in texts and not kept(whole):
                found.append(f"{name}: the link {target} leads nowhere")
            elif anchor and whole in texts and anchor not in anchors[whole] and anchor not in _slugs(texts[whole]):
                found.append(f"{name}: the link {target} names an anchor that is not there")
    return found


def _slugs(text):
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in HEADING.findall(text)}


def faults(folder):
    """One line a fault of the site below ``folder``; empty if there is none."""
    folder, found = Path(folder).resolve(), []
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    known = {path: set(page.ids) for path, page in pages.items()}
    there = {*folder.rglob("*")} | {folder}
    for path, page in pages.items():
        name = path.relative_to(folder)
        twice = sorted(name for name, times in Counter(page.ids).items() if times > 1)
        found += [f"{name}: the id {other!r} stands twice" for other in twice]
        found += [f"{name}: {source} has the alternative text {alt!r}" for source, alt in page.alts if _poor(alt)]
        if page.errors:
            found.append(f"{name}: {page.errors} formulas do not render")
        text = "".join(page.words)
        if "$" in text:
            at = text.index("$")
            found.append(f"{name}: a formula is left as text: {text[max(0, at - 30) : at + 40]!r}")
        if command := COMMAND.search(text):
            at = command.start()
            found.append(f"{name}: a formula is left as text: {text[max(0, at - 30) : at + 40]!r}")
        for link in [*page.links, *page.sources]:
            found += [f"{name}: {fault}" for fault in _link(link, path, known, there)]
        found += [f"{name}: {source} comes from another host" for source in page.sources if urlsplit(source).netloc]
    return found


def _poor(alt):
    return alt is None or not alt.strip() or alt.endswith((".png", ".svg"))


def _link(link, path, known, there):
    parts = urlsplit(link)
    if parts.scheme in ("http", "https", "mailto", "data", "javascript") or parts.netloc:
        return []
    target = Path(os.path.normpath(path.parent / unquote(parts.path))) if parts.path else path
    if target / "index.html" in there:
        target = target / "index.html"
    if target not in there:
        return [f"the link {link} leads nowhere"]
    if parts.fragment and target in known and unquote(parts.fragment) not in known[target]:
        return [f"the link {link} names an anchor that is not there"]
    return []


if __name__ == "__main__":
    lines = faults(sys.argv[1])
    print("\n".join(lines) if lines else "no fault found")
    sys.exit(bool(lines))
