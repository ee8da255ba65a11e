"""Links of the collection's pages lead somewhere."""

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = ["README.md", "benchmarks/README.md", "data/fashion-mnist/README.md", "figures/CLAIMS.md", "figures/README.md"]
NOTEBOOKS = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "notebooks").rglob("[0-9]*.ipynb"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def targets(text):
    """Relative targets of Markdown links: (file, anchor)."""
    found = (unquote(target) for target in LINK.findall(text) if not re.match(r"[a-z]+:", target))
    return [(file, anchor) for file, _, anchor in (target.partition("#") for target in found)]


@functools.cache
def anchors(path):
    """Anchors of a notebook: those that a text or an output sets, and its headings as JupyterLab names them."""
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r'^ *"#+ (.*?)(?:\\n)?",?$', text, re.M)
    return set(re.findall(r'<a id=\\"([^"\\]+)\\"></a>', text)) | {heading.replace(" ", "-") for heading in headings}


def missing(page, text):
    """Targets that are not there; in notebooks anchors are asked for too."""
    found = []
    for file, anchor in targets(text):
        path = (ROOT / page).parent / file if file else ROOT / page
        if not path.exists():
            found.append(file)
        elif anchor and path.suffix == ".ipynb" and anchor not in anchors(path):
            found.append(f"{file}#{anchor}")
    return found


@pytest.mark.parametrize("page", PAGES)
def test_links_of_pages_lead_to_files_and_anchors(page):
    assert missing(page, (ROOT / page).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("notebook", NOTEBOOKS)
def test_links_of_notebooks_lead_to_files_and_anchors(notebook):
    import nbformat

    cells = nbformat.read(ROOT / notebook, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert missing(notebook, text) == []


def test_a_link_that_leads_nowhere_is_found():
    assert missing("README.md", "[a](nowhere.md) and [b](Makefile), [c](https://example.org/x), [d](#here)") == [
        "nowhere.md"
    ]
    assert missing("README.md", f"[a]({NOTEBOOKS[0]}#no-such-anchor)") == [f"{NOTEBOOKS[0]}#no-such-anchor"]
