"""A gallery that keeps picture and numbers together.

A figure is stored as ``<output>/<notebook>/<name>.png`` beside ``<name>.csv``, the numbers it plots. The picture
is redrawn only when its numbers moved by more than the tolerance stated for their column, so that running an
unchanged notebook leaves the folder unchanged, on another machine too.
"""

import io
from pathlib import Path

import numpy as np

from helpers import files
from helpers.files import FRACTION, ROOT, moved

from . import numbers


class Gallery:
    """The figures of one notebook.

    Parameters
    ----------
    notebook : str
        Name of the notebook without suffix.
    run : runtime.Run
        Where to write, and whether to redraw regardless; in a strict run every figure is shown exactly once.
    entries : dict of str to dict
        What is said about each figure: caption, alt, counterpart, published, as on the paper's card. Caption and alt
        text may quote numbers of the figure's csv file, see ``numbers``.
    folder : path-like, optional
        Where pictures and numbers go; ``<output>/<notebook>`` by default.
    """

    def __init__(self, notebook, run, entries, *, folder=None):
        self.notebook, self.run, self.said = notebook, run, entries
        self.folder = files.folder(run.output, notebook) if folder is None else Path(folder)
        # quoted from the stored numbers where this run agrees with them, so that no digit depends on the machine
        self.tracked = ROOT / "figures" / self.folder.relative_to(run.output)
        self.entries, self.tables = {}, {}

    def show(self, fig, name, *, data, agreement=FRACTION):
        """Store a figure with its numbers, display it with alt text and caption, and close it.

        Parameters
        ----------
        fig : matplotlib.figure.Figure
        name : str
            As on the card; also the file name without suffix.
        data : dict of str to array_like
            The plotted numbers in long form: columns of one length, one row a plotted value.
        agreement : float or dict of str to float
            How far a column may move between machines and still count as equal, as a fraction of the column's
            largest absolute value.

        Raises
        ------
        ValueError
            For a figure that is not on the card, in a strict run for a second one of that name; for columns of unequal
            length, numbers that are not finite, or a caption that quotes what is not there.
        OSError
            If the disk is full; the stored figure is then intact.
        """
        import matplotlib.pyplot as plt  # tables are recorded where neither it nor Jupyter is installed
        from IPython.display import Markdown, display

        if name not in self.said:
            raise ValueError(f"figure {name!r} is not on the card of {self.notebook}; there are {', '.join(self.said)}")
        if name in self.tables:
            raise ValueError(f"{name!r} is already a table of {self.notebook}")
        if name in self.entries and self.run.strict:
            raise ValueError(f"figure {name!r} is already in the gallery of {self.notebook}")
        said = {key: " ".join(self.said[name][key].split()) for key in ("caption", "alt", "counterpart", "published")}
        columns, tolerances, same = self._numbers(name, data, agreement)
        if self.run.redraw or not same or not (self.folder / f"{name}.png").exists():
            buffer = io.BytesIO()
            fig.savefig(buffer, format="png", metadata={"Software": None})
            # the numbers last: a later run keeps a picture whose numbers agree, so they must not be there before it
            files.write_bytes(self.folder / f"{name}.png", buffer.getvalue())
            files.write_text(self.folder / f"{name}.csv", files.csv_text(columns))
        tracked = files.read_csv(self.tracked / f"{name}.csv")
        if tracked is None or moved(tracked, columns, tolerances):
            tracked = files.read_csv(self.folder / f"{name}.csv")
        caption, alt = (numbers.fill(said[key], tracked) for key in ("caption", "alt"))
        self.entries[name] = {"name": name} | said | {"agreement": tolerances}
        display(fig, metadata={"image/png": {"alt": alt}})
        display(Markdown(f'<a id="{name}"></a>\n\n*{caption}*'))
        plt.close(fig)

    def data(self, name, columns, *, agreement=FRACTION):
        """Store numbers without a picture, ``<name>.csv``; parameters and errors as :meth:`show`."""
        if name in self.entries:
            raise ValueError(f"{name!r} is already a figure of {self.notebook}")
        if name in self.tables and self.run.strict:
            raise ValueError(f"table {name!r} is already in the gallery of {self.notebook}")
        columns, tolerances, same = self._numbers(name, columns, agreement)
        if self.run.redraw or not same:
            files.write_text(self.folder / f"{name}.csv", files.csv_text(columns))
        self.tables[name] = {"name": name, "picture": False, "agreement": tolerances}

    def finish(self):
        """Write ``figures.json``: texts as on the card, tolerances. A strict run removes files no figure stands behind.

        Raises
        ------
        ValueError
            In a strict run, for a figure of the card that no cell showed.
        """
        if self.run.strict and (missing := [name for name in self.said if name not in self.entries]):
            raise ValueError(f"{self.notebook} shows no figure {', '.join(missing)}, which its card describes")
        order = list(self.said)
        listing = sorted(self.entries.values(), key=lambda entry: order.index(entry["name"])) + list(
            self.tables.values()
        )
        path = self.folder / "figures.json"
        if files.read_json(path) != listing:
            files.write_json(path, listing)
        if not self.run.strict:
            return
        for stale in [*self.folder.glob("*.png"), *self.folder.glob("*.csv")]:
            if stale.stem not in self.entries | self.tables or (stale.suffix == ".png" and stale.stem in self.tables):
                stale.unlink()

    def _numbers(self, name, data, agreement):
        """Checked columns, a tolerance each, and whether the stored file agrees with them."""
        columns = {key: _column(name, key, values) for key, values in data.items()}
        given = agreement if isinstance(agreement, dict) else {}
        if unknown := [key for key in given if key not in columns]:
            raise ValueError(
                f"{name!r}: a tolerance for {', '.join(map(repr, unknown))}, which is no column; "
                f"there are {', '.join(columns)}"
            )
        fallback = FRACTION if isinstance(agreement, dict) else agreement
        tolerances = {key: given.get(key, fallback) for key in columns}
        stored = files.read_csv(self.folder / f"{name}.csv")
        return columns, tolerances, stored is not None and not moved(stored, columns, tolerances)


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
