"""Faults of a built site that a parser can find: links, anchors, ids, alternative texts, formulas left as text."""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

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


def faults(folder):
    """One line a fault of the site below ``folder``; empty if there is none."""
    folder, found = Path(folder).resolve(), []
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(folder)
        twice = sorted({name for name in page.ids if page.ids.count(name) > 1})
        found += [f"{name}: the id {other!r} stands twice" for other in twice]
        found += [f"{name}: {source} has the alternative text {alt!r}" for source, alt in page.alts if _poor(alt)]
        if page.errors:
            found.append(f"{name}: {page.errors} formulas do not render")
        text = "".join(page.words)
        if "$" in text:
            at = text.index("$")
            found.append(f"{name}: a formula is left as text: {text[max(0, at - 30) : at + 40]!r}")
        for link in [*page.links, *page.sources]:
            found += [f"{name}: {fault}" for fault in _link(link, path, pages, folder)]
        found += [f"{name}: {source} comes from another host" for source in page.sources if urlsplit(source).netloc]
    return found


def _poor(alt):
    return alt is None or not alt.strip() or alt.endswith((".png", ".svg"))


def _link(link, path, pages, folder):
    parts = urlsplit(link)
    if parts.scheme in ("http", "https", "mailto", "data", "javascript") or parts.netloc:
        return []
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target = target / "index.html"
    if not target.is_relative_to(folder) or not target.exists():
        return [f"the link {link} leads nowhere"]
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
        return [f"the link {link} names an anchor that is not there"]
    return []


if __name__ == "__main__":
    lines = faults(sys.argv[1])
    print("\n".join(lines) if lines else "no fault found")
    sys.exit(bool(lines))
