"""Essays, handouts and homework as PDF, printed by headless Chromium from the built pages: ``make pdf``.

Essays come from ``build/site`` (solutions opened, code folded), sheets from ``build/slides``; both are written to
``build/pdf``. A handout that needs more than one page stops the command.
"""

import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright
from pypdf import PdfReader

BUILD = Path(__file__).resolve().parents[1] / "build"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
# Navigation is for screens; folded code stays folded, folded answers are opened by ``opened`` below.
PAPER = """
@media print {
  .skip-to-content, .sidebar-drawer, .toc-drawer, .mobile-header, .content-icon-container, .related-pages, .headerlink,
  .copybtn, footer { display: none !important }
  .page, .main, .content, .article-container { display: block !important; width: auto !important; max-width: none !important;
    padding: 0 !important; margin: 0 !important }
  article { font-size: 10.5pt } img, .math, pre, tr { break-inside: avoid } h1, h2, h3, h4 { break-after: avoid }
  article pre { font-size: 7.6pt !important; line-height: 1.4 }
  pre { white-space: pre-wrap; overflow-wrap: anywhere }
  .math, .katex-display, .katex-display > .katex { overflow: visible !important }
}
"""
OPENED = "() => document.querySelectorAll('details:not(.hide)').forEach((one) => { one.open = true })"
# A formula wider than the column is set smaller; returns what is still too wide.
FITTED = """() => {
  const wide = () => [...document.querySelectorAll(".math, .katex-display")].filter((one) => one.scrollWidth > one.clientWidth + 1);
  for (const one of wide()) {
    const size = parseFloat(getComputedStyle(one).fontSize);
    one.style.fontSize = `${(0.98 * size * one.clientWidth) / one.scrollWidth}px`;
  }
  return wide().map((one) => one.textContent.trim().slice(0, 60));
}"""
COLUMN = {"width": round(178 / 25.4 * 96), "height": 1000}  # A4 less its margins, in pixels
PLAIN = {"format": "A4", "margin": {side: "16mm" for side in ("top", "bottom", "left", "right")}}
SHEET = {"prefer_css_page_size": True}
ONE_PAGE = "_handout"


def jobs(build):
    """What there is to print below ``build``: (page, name of the PDF, options)."""
    essays = sorted((build / "site" / "notebooks").glob("[0-9]*.html"))
    sheets = sorted((build / "slides").glob("[0-9]*_*_*.html"))
    sheets = [path for path in sheets if path.stem.endswith(("_handout", "_homework", "_solutions"))]
    return [(path, f"{path.stem}.pdf", PLAIN) for path in essays] + [
        (path, f"{path.stem}.pdf", SHEET) for path in sheets
    ]


def print_all(listed, target, browser):
    """Print pages and count theirs.

    Parameters
    ----------
    listed : list of tuple
        As ``jobs`` returns them.
    target : path-like
    browser : playwright.sync_api.Browser

    Returns
    -------
    dict of str to int
        Pages by name of the PDF.

    Raises
    ------
    ValueError
        If a handout has more than one page, or a formula stays wider than the page; the message names it.
    """
    target, counts = Path(target), {}
    target.mkdir(parents=True, exist_ok=True)
    page = browser.new_page(viewport=COLUMN)
    page.emulate_media(media="print")
    for path, name, options in listed:
        page.goto(path.resolve().as_uri())
        page.add_style_tag(content=PAPER)
        page.evaluate(OPENED)
        if wide := page.evaluate(FITTED):
            raise ValueError(f"{name}: a formula is wider than the page, {wide[0]!r}")
        page.pdf(path=str(target / name), outline=True, tagged=True, print_background=True, **options)
        counts[name] = len(PdfReader(target / name).pages)
    page.close()
    long = [f"{name} has {count} pages" for name, count in counts.items() if ONE_PAGE in name and count != 1]
    if long:
        raise ValueError(f"{', '.join(long)}, expected 1")
    return counts


def main():
    start = time.monotonic()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("pdf stopped: chromium is missing; install it and run the command again")
    for folder, command in (("site", "make site"), ("slides", "make slides")):
        if not (BUILD / folder).is_dir():
            sys.exit(f"pdf stopped: build/{folder} is not there; {command} builds it")
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            counts = print_all(jobs(BUILD), BUILD / "pdf", browser)
        except ValueError as error:
            sys.exit(f"pdf stopped: {error}")
        finally:
            browser.close()
    size = sum(path.stat().st_size for path in (BUILD / "pdf").iterdir()) / 1e6
    print("\n".join(f"build/pdf/{name}: {count} page{'s' * (count > 1)}" for name, count in counts.items()))
    print(f"{len(counts)} files, {size:.0f} MB, {time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
