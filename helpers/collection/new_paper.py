"""A new paper, laid out whole: card, essay, appendix and package with one example claim each, to be written over.

``make paper NAME=06_short_name`` lays it out and stores its first run. What stands in it is true and is tested (equal
scores cost log n); every sentence in square brackets asks for the paper's own.
"""

import re
import shutil
import tempfile
from pathlib import Path

import nbformat

from helpers import files
from helpers.ledger import cards

NAME = re.compile(r"\d\d_[a-z][a-z0-9]*(_[a-z0-9]+)*")
EXERCISES = 6


def lay_out(name, *, root=files.ROOT):
    """Write the files of a new paper, all of them or none.

    Parameters
    ----------
    name : str
        Two digits and a short name, ``06_short_name``.
    root : path-like
        Of the collection.

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        If the name has another form, the number or the package is taken, or no id prefix is free; the message repeats
        the name.
    OSError
        If a file cannot be written; what was written before is taken away again.
    """
    root = Path(root)
    if not NAME.fullmatch(name):
        raise ValueError(f"NAME is {name!r}, expected two digits and a short name such as 06_short_name")
    package = name[3:]
    taken = sorted(path.stem for path in (root / "notebooks").glob("[0-9]*.toml"))
    same = [other for other in taken if other.startswith(name[:3])]
    if same:
        raise ValueError(f"NAME is {name!r}, but there is {same[0]}: choose another number")
    room = root / "helpers" / "papers" / package
    if room.exists() or any(other[3:] == package for other in taken):
        raise ValueError(f"NAME is {name!r}, but there is a paper {package!r}: choose another name")
    contents = {root / path: text for path, text in texts(name, _prefix(name, root)).items()}
    there = [path for path in contents if path.exists()]
    if there:
        raise ValueError(f"NAME is {name!r}, but {there[0].relative_to(root)} is there already")
    _try_card(name, contents[root / "notebooks" / f"{name}.toml"])
    written = []
    try:
        for path, text in contents.items():
            written.append(path)
            files.write_text(path, text)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        shutil.rmtree(room, ignore_errors=True)
        raise
    return list(contents)


def _prefix(name, root):
    """Two capitals that no other paper's ids start with, out of the letters of the name."""
    used = {label[:2] for card in cards.load_all(folder=root / "notebooks").values() for label in card.claims}
    words = [word for word in name[3:].split("_") if word[0].isalpha()]
    first = words[0][0]
    seconds = [word[0] for word in words[1:]] + [letter for letter in name[4:] if letter.isalpha()]
    for second in seconds:
        if (prefix := (first + second).upper()) not in used:
            return prefix
    raise ValueError(f"NAME is {name!r}, but every pair of its letters starts another paper's ids: choose another name")


def _try_card(name, text):
    """The card is read before anything is written."""
    with tempfile.TemporaryDirectory() as folder:
        files.write_text(Path(folder) / f"{name}.toml", text)
        cards.load(name, folder=folder)


def texts(name, prefix):
    """Path below the root and text of every file of the paper.

    Parameters
    ----------
    name, prefix : str
        ``06_short_name`` and the two capitals of its claim ids.

    Returns
    -------
    dict of str to str
    """
    package = name[3:]

    def filled(text):
        return text.replace("NAME", name).replace("PACKAGE", package).replace("XX", prefix)

    essay = [*ESSAY, *(cell for number in range(1, EXERCISES + 1) for cell in exercise(number)), *CLOSE]
    made = {
        f"notebooks/{name}.toml": CARD,
        f"notebooks/{name}.ipynb": notebook(essay),
        f"notebooks/appendix/{name}.ipynb": notebook(APPENDIX),
        f"helpers/papers/{package}/__init__.py": INIT,
        f"helpers/papers/{package}/equal_scores.py": THEORY,
        f"helpers/papers/{package}/figures.py": FIGURES,
    }
    return {path: filled(text) for path, text in made.items()}


def notebook(cells):
    """A notebook without outputs.

    Parameters
    ----------
    cells : list of tuple
        (id, tags, source); a Markdown cell's source starts with a heading, an anchor or plain text, a code cell's id
        with "code-".

    Returns
    -------
    str
    """
    made = nbformat.v4.new_notebook(metadata=METADATA)
    for label, tags, source in cells:
        make = nbformat.v4.new_code_cell if label.startswith("code-") else nbformat.v4.new_markdown_cell
        made.cells.append(make(source.strip("\n"), id=label, metadata={"tags": list(tags)} if tags else {}))
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def exercise(number):
    """Cells of an exercise: question, answer cell, folded solution whose code the tests run."""
    count = 2**number
    head = '<a id="exercises"></a>\n## Six exercises\n\nPencil first, then the cell.\n\n' if number == 1 else ""
    question = (
        f"{head}**{number}. Equal scores.** [Ask something that a reader can work out.] What is InfoNCE of {count} "
        "equal scores, in nats?"
    )
    cell = f"""answer = None  # a number
scores = torch.zeros({count}, {count}, dtype=torch.float64)
value = losses.infonce_from_scores(scores, temperature=1.0, positive_in_denominator=True)[0].item()
print("enter your answer" if answer is None else f"right: {{abs(answer - value) < 1e-6}}")"""
    solution = f"""<details><summary>Solution</summary>

All {count} chances are equal: $\\log {count}$.

```python
assert abs(equal_scores.loss({count}) - np.log({count})) < 1e-12
```
</details>"""
    return [
        (f"exercise-{number}-question", (), question),
        (f"code-exercise-{number}", ("exercise",), cell),
        (f"exercise-{number}-solution", (), solution),
    ]


METADATA = {
    "expected_seconds": 10,
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CARD = '''[paper]
title = "PACKAGE: the paper's title"
citation = "Author et al., *Title* (venue, year)"
authors = ["First Author"]
links = { arxiv = "0000.00000" }
question = "What does the paper ask?"
form = "essay"

[part.first]
question = "What does a loss of equal scores say?"
minutes = 10

[claim.XX-1]
title = "equal scores cost log n"
statement = '\\ell = \\log n'
source = "this collection"
provenance = ["derived"]
part = "first"
where = "essay"
method = "exact"
uses = { XX-2 = "equal scores may be shifted to zero" }
weak = "float64 only"

[claim.XX-2]
title = "a common shift changes nothing"
statement = '\\ell(s + c) = \\ell(s)'
source = "this collection"
provenance = ["derived"]
part = "first"
where = "appendix"
method = "random instances"

[figure.log_n]
caption = """InfoNCE of n equal scores: points from the library, line log n; the positive left out of the
denominator (grey) costs less. A skeptic would ask for scores that differ: see the appendix."""
alt = "A rising curve through points; grey squares below it that close up as n grows."
counterpart = "none"
published = "none"
where = "essay"
'''
INIT = '''"""PACKAGE: what the paper says that no other paper needs."""
'''
THEORY = '''"""The loss of equal scores."""

import numpy as np


def loss(count):
    """InfoNCE of ``count`` equal scores, in nats.

    Parameters
    ----------
    count : int or array_like of int
        Candidates, the positive among them; at least 1.

    Returns
    -------
    ndarray, float64

    Raises
    ------
    ValueError
        If there is no candidate; the message repeats the count.

    >>> float(loss(1))
    0.0
    """
    count = np.asarray(count)
    if np.any(count < 1):
        raise ValueError(f"count is {count}, expected at least 1 candidate")
    return np.log(count)
'''
FIGURES = '''"""The pictures of this paper: from arrays to a figure, and the plotted numbers in long form."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL


def log_n(count, measured, predicted, without):
    """Loss against the number of equal scores.

    Parameters
    ----------
    count, measured, predicted, without : array_like, shape (k,)
        Candidates; nats from the library, from the formula, and with the positive left out.

    Returns
    -------
    figure, columns
    """
    fig, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    axes.plot(count, predicted, color=COLOURS[0], label="log n")
    axes.plot(count, measured, "o", color=COLOURS[0], label="library")
    axes.plot(count, without, "s", color=CONTROL, mfc="none", label="positive left out")
    axes.set(xscale="log", xlabel="candidates n", ylabel="InfoNCE (nats)")
    axes.legend()
    columns = {"series": np.repeat(["measured", "predicted", "without"], len(count)), "count": np.tile(count, 3)}
    return fig, columns | {"nats": np.concatenate([measured, predicted, without])}
'''
ESSAY = [
    (
        "what-does-the-paper-ask",
        (),
        """
# What does the paper ask?

*An essay on First Author, "Title", venue and year.*

**[One sentence that a stranger understands: what is true, or is not.]**

**What you will see.**
- Equal scores cost the logarithm of their number.
- [What else: five lines.]

**What you need.** Logarithms.
**How long.** [Minutes.] Every other claim is in the [appendix](appendix/NAME.ipynb). Measured numbers in these
sentences are those of the quick profile, seed 0.
""",
    ),
    ("contents", ("generated:contents",), ""),
    (
        "code-setup",
        ("setup",),
        """
import numpy as np
import torch

from helpers import losses
from helpers.ledger import open_notebook
from helpers.papers.PACKAGE import equal_scores, figures

run, ledger, gallery = open_notebook("NAME")
eps, counts = np.finfo(float).eps, 2 ** np.arange(1, 9)


def equal(count, positive=True):  # the library's loss of equal scores
    scores = torch.full((count, count), 3.0, dtype=torch.float64)
    rule = {"temperature": 0.5, "positive_in_denominator": positive}
    return losses.infonce_from_scores(scores, **rule)[0].item()
""",
    ),
    (
        "what-does-a-loss-of-equal-scores-say",
        (),
        """
<a id="part-first"></a>
## What does a loss of equal scores say?

[Set the scene: what is compared with what.] An anchor has $n$ candidates, one of them its positive, and cannot tell
them apart.

<a id="XX-1"></a>
### XX-1 · Equal scores cost log n

**Statement.** With $n$ equal scores, the positive in the denominator, $\\ell=\\log n$ at every temperature.

**Why it is true.** By [XX-2](appendix/NAME.ipynb#XX-2) the scores may be taken as zero; every candidate then has the
chance $1/n$. Predict: what is it without the positive in the denominator?

Route 1 is the library's loss as it is trained; route 2 is the formula.
""",
    ),
    (
        "code-xx-1",
        ("claim:XX-1", "slide", "slide:code"),
        """
measured = np.array([equal(int(n)) for n in counts])
left_out = np.array([equal(int(n), positive=False) for n in counts])
with ledger.claim("XX-1") as claim:
    # a logarithm of a sum of n terms at scores of size 6
    claim.identity("library = log n", measured, equal_scores.loss(counts), tolerance=64 * 6 * eps)
    claim.control("the positive left out", left_out, equal_scores.loss(counts))
    claim.control("one per cent more candidates", measured, np.log(1.01 * counts))
""",
    ),
    (
        "xx-1-after",
        (),
        """
**Try it.** Write `equal(int(n) + 1)` for `equal(int(n))`: the verdict turns to FAIL.

**What it means.** A loss of $\\log n$ is what knowing nothing costs. Without the positive the value is off
by up to <!-- = ledger:XX-1/control: the positive left out/measured .2f -->0.69<!-- / --> nats.
""",
    ),
    (
        "code-log-n",
        ("figure:log_n",),
        """
count = 2 ** np.arange(1, 9)
points = np.array([equal(int(n)) for n in count])
without = np.array([equal(int(n), positive=False) for n in count])
fig, columns = figures.log_n(count, points, equal_scores.loss(count), without)
gallery.show(fig, "log_n", data=columns)
""",
    ),
]
CLOSE = [
    ("claims-of-this-essay", (), '<a id="XX-2"></a>\n## Claims, errata, weak points'),
    ("claims", ("generated:claims",), ""),
    ("errata", ("generated:errata",), ""),
    ("weak", ("generated:weak",), ""),
    ("references", (), "## References\n\n- First Author: *Title*. Venue, year."),
    ("code-finish", (), "gallery.finish()\nledger.finish()"),
]
APPENDIX = [
    (
        "appendix",
        (),
        "# Appendix: every other claim\n\nIn the parts of the [essay](../NAME.ipynb), with its notation.",
    ),
    ("contents", ("generated:contents",), ""),
    (
        "code-setup",
        ("setup",),
        """
import numpy as np
import torch

from helpers import losses
from helpers.ledger import open_notebook

run, ledger, gallery = open_notebook("NAME", place="appendix")
eps = np.finfo(float).eps
""",
    ),
    (
        "what-does-a-loss-of-equal-scores-say",
        (),
        """
<a id="part-first"></a>
## What does a loss of equal scores say?

<a id="XX-2"></a>
### XX-2 · A common shift changes nothing

**Statement.** $\\ell(s+c)=\\ell(s)$ for scores $s$ and any number $c$. *Why:* $e^{c}$ is a factor of numerator and
denominator.
""",
    ),
    (
        "code-xx-2",
        ("claim:XX-2",),
        """
rng = run.rng("XX-2")
scores, shift = rng.normal(size=(50, 6, 6)), rng.normal(size=(50, 1, 1))


def loss(table):
    rule = {"temperature": 1.0, "positive_in_denominator": True}
    return losses.infonce_from_scores(torch.from_numpy(table), **rule)


with ledger.claim("XX-2") as claim:
    # scores and their logarithms stay below ten
    claim.identity("shifted = plain", loss(scores + shift), loss(scores), tolerance=64 * 10 * eps)
    claim.control("one row of candidates shifted", loss(scores + shift * np.eye(6)), loss(scores))
    claim.control("scaled by 1 %", loss(1.01 * scores), loss(scores))
""",
    ),
    ("code-finish", (), "gallery.finish()\nledger.finish()"),
]
