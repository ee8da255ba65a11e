"""Markdown of essays and cards as HTML, its formulas rendered by KaTeX in one call of node for a whole page."""

import html
import json
import re
import subprocess
from pathlib import Path

from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

RENDER = Path(__file__).resolve().parent / "render_math.js"
# A formula that waits to be rendered; characters of the private use area, which no parser reads as Markdown.
OPEN, CLOSE = "\ue000", "\ue001"
WAITING = re.compile(f"{OPEN}(\\d+){CLOSE}")


class Page:
    """Pieces of one page: texts become HTML at once, formulas when the page is finished.

    Examples
    --------
    >>> page = Page()
    >>> page.inline("**so** $x < 1$") == f"<strong>so</strong> {OPEN}0{CLOSE}"
    True
    >>> page.formulas
    [{'tex': 'x < 1', 'display': False}]
    """

    def __init__(self):
        self.formulas = []
        self._parser = MarkdownIt("commonmark", {"html": True}).enable("table")
        self._parser.use(dollarmath_plugin, double_inline=True, allow_digits=False)
        rules = self._parser.renderer.rules
        rules["math_inline"] = lambda tokens, k, *_: self._keep(tokens[k].content, display=False)
        for kind in ("math_inline_double", "math_block"):
            rules[kind] = lambda tokens, k, *_: self._keep(tokens[k].content, display=True)
        rules["fence"] = lambda tokens, k, *_: code(tokens[k].content)
        # paper and screen have nothing to click: a link is its words
        rules["link_open"] = rules["link_close"] = lambda *_: ""

    def _keep(self, tex, *, display):
        self.formulas.append({"tex": tex.strip(), "display": display})
        return f"{OPEN}{len(self.formulas) - 1}{CLOSE}"

    def inline(self, text):
        """A text without paragraphs."""
        return self._parser.renderInline(text.replace("\n", " ")).strip()

    def block(self, text):
        """A text with paragraphs, lists, tables and code."""
        return self._parser.render(text).strip()

    def display(self, tex):
        """A formula on a line of its own."""
        return self._keep(tex, display=True)

    def finish(self, page, modules):
        """The page with its formulas.

        Parameters
        ----------
        page : str
            HTML that holds what the other methods returned.
        modules : path-like
            Folder ``node_modules`` that has KaTeX.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If a formula does not render; the message repeats it.
        """
        command = ["node", str(RENDER), str(Path(modules).resolve() / "katex" / "dist" / "katex.js")]
        answer = subprocess.run(command, input=json.dumps(self.formulas), capture_output=True, text=True, check=True)
        rendered = json.loads(answer.stdout)
        bad = [asked["tex"] for asked, found in zip(self.formulas, rendered, strict=True) if "error" in found]
        if bad:
            raise ValueError(f"{len(bad)} formulas do not render, the first is {bad[0]!r}")
        return WAITING.sub(lambda found: rendered[int(found[1])]["html"], page)


def code(source):
    """Python as coloured HTML with inline styles, in a ``<pre>``."""
    return highlight(source.strip("\n"), PythonLexer(), HtmlFormatter(noclasses=True, nobackground=True, style="xcode"))


def unbroken(text):
    """A text of a verdict as HTML in which no line ends inside a number or before its sign of per cent.

    >>> unbroken("a < 1e-10, 3 %") == "a &lt; 1e\u201110, 3\u00a0%"
    True
    """
    text = re.sub(r"\de-\d+", lambda found: found[0].replace("-", "\u2011"), html.escape(text))
    return re.sub(r"(\d) %", "\\1\u00a0%", text)


def sentences(text, most):
    """The first whole sentences of a text, at most ``most`` words of them, but at least one; a formula is one word.

    Parameters
    ----------
    text : str
        Markdown of one paragraph or more.
    most : int

    Returns
    -------
    str

    >>> sentences("One $a. B$ two. Three four. Five.", 5)
    'One $a. B$ two. Three four.'
    >>> sentences("One $a. B$ two. Three four. Five.", 2)
    'One $a. B$ two.'
    """
    kept = []
    text = re.sub(r"<!--.*?-->|<a [^>]*></a>", "", text)
    hidden = re.sub(r"\$\$.+?\$\$|\$[^$]+\$|\[[^\]]*\]\([^)]*\)", lambda found: _hide(kept, found[0]), text, flags=re.S)
    taken, count = [], 0
    for sentence in re.split(
        r"(?<=[.?!])(?<!et al\.)(?<!e\.g\.)(?<!i\.e\.)[ \n]+(?=[*\"“(]*[A-Z\ue000])", hidden.strip()
    ):
        count += len(sentence.split())
        if taken and count > most:
            break
        taken.append(sentence)
    said = re.sub(r"\s+", " ", " ".join(taken)).strip()
    return WAITING.sub(lambda found: kept[int(found[1])], said)


def _hide(kept, piece):
    kept.append(piece)
    return f"{OPEN}{len(kept) - 1}{CLOSE}"
