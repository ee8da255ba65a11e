"""One style for every figure, and a gallery that keeps picture and numbers together.

A figure is stored as ``<output>/<notebook>/<name>.png`` beside ``<name>.csv``, the numbers it plots. The picture
is redrawn only when its numbers moved by more than the tolerance stated for their column, so that running an
unchanged notebook leaves the folder unchanged, on another machine too.
"""

import io

import numpy as np

from helpers import files
from helpers.files import FRACTION, moved

from . import style

# Okabe and Ito (2008): distinguishable with every common form of colour blindness, on white.
COLOURS, CONTROL, use_style = style.COLOURS, style.CONTROL, style.use_style


class Gallery:
    """The figures of one notebook.

    Parameters
    ----------
    notebook : str
        Name of the notebook without suffix; also the name of its output folder.
    run : runtime.Run
        Where to write, and whether to redraw regardless.
    """

    def __init__(self, notebook, run):
        self.notebook, self.run = notebook, run
        self.entries = {}

    def show(self, fig, name, *, data, caption, alt, counterpart, published, agreement=FRACTION):
        """Store a figure with its numbers, display it with alt text and caption, and close it.

        Parameters
        ----------
        fig : matplotlib.figure.Figure
        name : str
            File name without suffix.
        data : dict of str to array_like
            The plotted numbers in long form: columns of one length, one row a plotted value.
        caption : str
            What to notice; Markdown.
        alt : str
            What the picture shows, for readers who do not see it.
        counterpart : str
            The paper's figure or table this answers to, or "none".
        published : str
            "not seen", "none", or what of the published numbers is drawn in.
        agreement : float or dict of str to float
            How far a column may move between machines and still count as equal, as a fraction of the column's
            largest absolute value.

        Raises
        ------
        ValueError
            For a second figure of that name, missing caption or alt text, columns of unequal length or numbers
            that are not finite.
        OSError
            If the disk is full; the stored figure is then intact.
        """
        import matplotlib.pyplot as plt  # tables are recorded where neither it nor Jupyter is installed
        from IPython.display import Markdown, display

        if name in self.entries:
            raise ValueError(f"figure {name!r} is already in the gallery of {self.notebook}")
        if not caption.strip() or not alt.strip():
            raise ValueError(f"figure {name!r} needs a caption and an alt text")
        columns = {key: _column(name, key, values) for key, values in data.items()}
        tolerances = agreement if isinstance(agreement, dict) else {}
        fallback = FRACTION if isinstance(agreement, dict) else agreement
        self.entries[name] = {
            "name": name,
            "caption": " ".join(caption.split()),
            "alt": " ".join(alt.split()),
            "counterpart": counterpart,
            "published": published,
            "agreement": {key: tolerances.get(key, fallback) for key in columns},
        }
        folder = self.run.output / self.notebook
        stored = files.read_csv(folder / f"{name}.csv")
        same = stored is not None and not moved(stored, columns, self.entries[name]["agreement"])
        if self.run.redraw or not same or not (folder / f"{name}.png").exists():
            buffer = io.BytesIO()
            fig.savefig(buffer, format="png", metadata={"Software": None})
            files.write_text(folder / f"{name}.csv", files.csv_text(columns))
            files.write_bytes(folder / f"{name}.png", buffer.getvalue())
        display(fig, metadata={"image/png": {"alt": self.entries[name]["alt"]}})
        display(Markdown(f'<a id="{name}"></a>\n\n*{self.entries[name]["caption"]}*'))
        plt.close(fig)

    def finish(self):
        """Write ``figures.json`` (captions, alt texts, tolerances) and remove files no figure stands behind."""
        folder = self.run.output / self.notebook
        listing = list(self.entries.values())
        path = folder / "figures.json"
        if files.read_json(path) != listing:
            files.write_json(path, listing)
        for stale in [*folder.glob("*.png"), *folder.glob("*.csv")]:
            if stale.stem not in self.entries:
                stale.unlink()


def _column(figure, name, values):
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    values = np.asarray(values).ravel()
    if np.issubdtype(values.dtype, np.floating):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"figure {figure!r}, column {name!r}: a plotted number is not finite")
        return [float(value) for value in values]
    return values.tolist()


def show_table(header, rows):
    """Display a table below a cell.

    The test suite compares its text with the stored one: show numbers that are the same everywhere (recorded ones),
    or mark the cell with NBVAL_IGNORE_OUTPUT and print the verdict in the next.

    Parameters
    ----------
    header : sequence of str
    rows : sequence of sequence of str
        Each as long as the header; LaTeX between dollar signs is rendered.

    Raises
    ------
    ValueError
        If a row is shorter or longer than the header.
    """
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"a row has {len(row)} cells, expected {len(header)}: {row}")
    lines = [header, ["---"] * len(header), *rows]
    from IPython.display import Markdown, display

    display(Markdown("\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)))
