"""Every slide fits its screen, decks tell their story in order, sheets have their pages; looked at in headless Chromium."""

import doctest
import json
import os
import re
import shutil
from pathlib import Path

import handouts
import lessons
import markup
import printing
import pytest
import slides
import source
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

DECKS = slides.HERE.parent / "build" / "slides"
COLLECTION = source.Collection()
ESSAYS = [name for name, card in COLLECTION.cards.items() if card.is_essay]
SMALLEST_TEXT, LOWEST_PICTURE = 15, 240  # pixels of a screen of 1280 x 720
# What of a slide lies outside of it, is cut off, or is too small to be read; formulas keep their small indices.
FAULTS = """() => {
  const slide = Reveal.getCurrentSlide().querySelector(".slide"), found = [];
  if (slide.scrollHeight > 720 || slide.scrollWidth > 1280) found.push(`content of ${slide.scrollWidth} x ${slide.scrollHeight}`);
  for (const one of slide.querySelectorAll("*")) {
    if (one.closest(".katex-mathml, svg")) continue;
    const box = one.getBoundingClientRect(), words = (one.textContent || one.alt || "").trim().slice(0, 40);
    if (box.width && (box.left < -1 || box.top < -1 || box.right > 1281 || box.bottom > 721)) found.push(`outside: ${words}`);
    if (one.tagName === "IMG" && box.height < LOWEST) found.push(`picture ${Math.round(box.height)} high: ${words}`);
    if (one.closest(".katex")) continue;
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (own && parseFloat(getComputedStyle(one).fontSize) < SMALLEST) found.push(`text too small: ${words}`);
  }
  const boxes = [...slide.children].map((one) => one.getBoundingClientRect());
  boxes.slice(1).forEach((box, k) => { if (box.top < boxes[k].bottom - 1) found.push(`overlap below piece ${k + 1}`); });
  for (const formula of slide.querySelectorAll(".katex-html")) {
    const box = formula.closest(".slide > *"), inner = formula.getBoundingClientRect(), outer = box.getBoundingClientRect();
    if (inner.bottom > outer.bottom + 6 || inner.top < outer.top - 6) found.push("a formula leaves its place");
  }
  return found;
}""".replace("LOWEST", str(LOWEST_PICTURE)).replace("SMALLEST", str(SMALLEST_TEXT))


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, "chromium is missing; install it and run make site-test again"
    assert (DECKS / f"{ESSAYS[0]}.html").exists(), "build/slides is missing; run make slides first"
    with sync_playwright() as tool:
        started = tool.chromium.launch(executable_path=chromium, args=printing.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    opened = context.new_page()
    opened.faults = []
    opened.on("console", lambda message: message.type == "error" and opened.faults.append(message.text))
    opened.on("pageerror", lambda error: opened.faults.append(str(error)))
    opened.on("requestfailed", lambda request: opened.faults.append(f"failed: {request.url}"))
    opened.on("request", lambda request: opened.faults.extend(_foreign(request.url)))
    yield opened
    context.close()


def _foreign(url):
    return [] if url.startswith(("file:", "data:", "blob:")) else [f"asked another host: {url}"]


def opened(page, name):
    page.goto((DECKS / f"{name}.html").as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=20000)
    return page.evaluate("Reveal.getTotalSlides()")


# -- decks -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ESSAYS)
def test_every_slide_fits_its_screen(page, name):
    count, found = opened(page, name), []
    assert count <= slides.MOST
    for number in range(count):
        page.evaluate(f"Reveal.slide({number})")
        found += [f"{number + 1}: {fault}" for fault in page.evaluate(FAULTS)]
    assert found == []
    assert page.faults == []


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ("slide.insertAdjacentHTML('beforeend', '<p>many words </p>'.repeat(30))", "content of"),
        ("slide.insertAdjacentHTML('beforeend', '<p style=\"font-size: 9px\">small</p>')", "text too small: small"),
        ("slide.querySelector('img').style.maxHeight = '100px'", "picture 100 high"),
        ("slide.querySelector('h1').style.cssText = 'position: relative; left: 1100px'", "outside"),
        ("slide.querySelector('h1').style.marginBottom = '-60px'", "overlap below piece 1"),
    ],
)
def test_a_slide_that_does_not_fit_is_noticed(page, change, wanted):
    opened(page, ESSAYS[0])
    page.evaluate(f"() => {{ const slide = document.querySelector('.slide'); {change}; }}")
    assert [fault for fault in page.evaluate(FAULTS) if fault.startswith(wanted)]


@pytest.mark.parametrize("name", ESSAYS)
def test_a_deck_tells_its_story_in_order(name):
    card = COLLECTION.cards[name]
    told = slides.deck(COLLECTION, name, markup.Page())
    kinds = [slide.kind for slide in told]
    assert kinds[:2] == ["title", "plan"]
    assert kinds[-2:] == ["errata", "exercise"]
    assert kinds.count("code") == 1
    pictured = [label for label, figure in card.figures.items() if figure["where"] == "essay"]
    assert kinds.count("picture") == len(pictured)
    parts = [slide.part for slide in told if slide.part]
    assert list(dict.fromkeys(parts)) == [part for part in card.parts if part in parts]
    for part in set(parts):
        assert next(slide.kind for slide in told if slide.part == part) == "part"
    # every claim that has a slide shows its verdict and a control
    claims = [slide.body for slide in told if slide.kind == "claim"]
    assert len(claims) >= 6
    assert [
        body for body in claims if not re.search(r"<b>PASS</b>.*<b>would notice</b>.*<b>(control|repaired)</b>", body)
    ] == []


@pytest.mark.parametrize("name", ESSAYS)
def test_every_slide_says_what_to_ask(page, name):
    opened(page, name)
    notes = page.eval_on_selector_all("aside.notes", "all => all.map((one) => one.textContent)")
    asks = re.compile(r"\?|Ask|Let the room|Predict|Pencil|pencil")
    assert [note for note in notes if not asks.search(note)] == []
    assert [note for note in notes if not re.match(r"Minutes \d+ to \d+\. ", note)] == []
    text = page.eval_on_selector_all("section", "all => all.map((one) => one.textContent).join(' ')")
    assert "$" not in text
    assert "<!--" not in text


@pytest.mark.parametrize("name", ESSAYS)
def test_a_lecture_takes_its_minutes(name):
    told = slides.deck(COLLECTION, name, markup.Page())
    times = slides.timetable(told, COLLECTION.cards[name].parts)
    assert (times[0][0], times[-1][1]) == (0, slides.MINUTES)
    assert [first for first, _ in times[1:]] == [last for _, last in times[:-1]]
    assert min(last - first for first, last in times) >= 1


def test_too_many_slides_take_away_those_of_claims_that_a_picture_shows(monkeypatch):
    name = ESSAYS[0]
    before = [slide.body for slide in slides.deck(COLLECTION, name, markup.Page()) if slide.kind == "claim"]
    monkeypatch.setattr(slides, "MOST", len(slides.deck(COLLECTION, name, markup.Page())) - 2)
    told = slides.deck(COLLECTION, name, markup.Page())
    assert len(told) == slides.MOST
    pictured = " ".join(slide.body for slide in told if slide.kind == "picture")
    labels = [re.search(r"<h2><b>([^<]+)</b>", body)[1] for body in before]
    kept = [re.search(r"<h2><b>([^<]+)</b>", slide.body)[1] for slide in told if slide.kind == "claim"]
    lost = [label for label in labels if label not in kept]
    assert len(lost) == 2
    assert all(f"<b>{label}</b>" in pictured for label in lost)


def test_too_many_slides_are_refused(monkeypatch):
    monkeypatch.setattr(slides, "MOST", 10)
    with pytest.raises(ValueError, match=rf"{ESSAYS[0]}: \d+ slides, expected at most 10; tag fewer cells `slide`"):
        slides.deck(COLLECTION, ESSAYS[0], markup.Page())


def test_a_formula_that_does_not_render_is_named():
    broken = markup.Page()
    text = broken.inline(r"so $\frac{1}$ it goes")
    with pytest.raises(ValueError, match=r"1 formulas do not render, the first is '\\\\frac\{1\}'"):
        broken.finish(text, os.environ["SITE_NODE_MODULES"])


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ("# Is contrastive", "expected a title and one emphasised sentence"),
        ("**6. Which", r"exercises \[1, 2, 3, 4, 5\]"),
    ],
)
def test_an_essay_of_another_form_is_refused(tmp_path, piece, message):
    content = json.loads((source.ROOT / "notebooks" / "01_spectral_clustering.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        cell["source"] = "".join(cell["source"]).replace(piece, "x" + piece.lstrip("*# "))
    (tmp_path / "01_other.ipynb").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=f"01_other.ipynb: {message}"):
        lessons.read(tmp_path / "01_other.ipynb", COLLECTION.cards["01_spectral_clustering"])


# -- sheets ------------------------------------------------------------------------------------------------------
def test_a_handout_is_one_page_and_homework_has_six_exercises(tmp_path, browser):
    listed = [job for job in printing.jobs(DECKS.parent) if job[2] is printing.SHEET]
    counts = printing.print_all(listed, tmp_path, browser)
    assert len(counts) == 3 * len(ESSAYS)
    assert {count for name, count in counts.items() if printing.ONE_PAGE in name} == {1}
    assert max(counts.values()) <= 4
    sheets = {tuple(round(side) for side in PdfReader(tmp_path / name).pages[0].mediabox[2:]) for name in counts}
    assert sheets <= {(595, 842), (596, 842), (595, 841)}  # A4 in points
    for name in ESSAYS:
        for kind in ("homework", "solutions"):
            text = (DECKS / f"{name}_{kind}.html").read_text(encoding="utf-8")
            assert len(re.findall(r"<section><h2>[1-6]\. ", text)) == 6
    solved = (DECKS / f"{ESSAYS[0]}_solutions.html").read_text(encoding="utf-8")
    asked = (DECKS / f"{ESSAYS[0]}_homework.html").read_text(encoding="utf-8")
    assert solved.count("assert") >= 6
    assert "assert" not in asked


def test_a_handout_of_two_pages_is_refused(tmp_path, browser):
    name = f"{ESSAYS[0]}_handout"
    text = (DECKS / f"{name}.html").read_text(encoding="utf-8")
    text = text.replace("<head>", f'<head><base href="{DECKS.as_uri()}/">')  # its style and picture
    long = tmp_path / f"{name}.html"
    long.write_text(text.replace("</table>", "</table>" + "<p>one more line</p>" * 40), encoding="utf-8")
    with pytest.raises(ValueError, match=f"{name}.pdf has 2 pages, expected 1"):
        printing.print_all([(long, f"{name}.pdf", printing.SHEET)], tmp_path, browser)


def test_a_formula_wider_than_the_page_is_set_smaller(tmp_path, browser):
    built = markup.Page()
    body = "<body class='homework'>" + built.display("+".join(["x"] * 60)) + "<p>after</p>"
    sheet = built.finish(handouts.PAGE.replace('<body class="KIND">BODY', body), os.environ["SITE_NODE_MODULES"])
    wide = tmp_path / "01_wide.html"
    wide.write_text(sheet.replace("<head>", f'<head><base href="{DECKS.as_uri()}/">'), encoding="utf-8")
    page = browser.new_page(viewport=printing.COLUMN)
    page.goto(wide.as_uri())
    formula = page.locator(".katex-display")
    assert formula.evaluate("(one) => one.scrollWidth > 1.5 * one.clientWidth")
    assert page.evaluate(printing.FITTED) == []
    assert formula.evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
    page.close()


def test_examples_in_the_modules_hold():
    for module in (markup, slides, handouts):
        assert doctest.testmod(module).failed == 0


def test_what_a_deck_needs_lies_beside_it():
    for name in ESSAYS:
        text = (DECKS / f"{name}.html").read_text(encoding="utf-8")
        needed = re.findall(r"(?:src|href)=[\"']([^\"'#]+)[\"']", text)
        assert needed
        assert [path for path in needed if not (DECKS / Path(path)).exists()] == []
