"""One style for every picture, and kinds of pictures that several cells share; saving and captions are the gallery's.

matplotlib is imported where something is drawn: what only computes does not need it.
"""

import numpy as np

# Okabe and Ito (2008): distinguishable with every common form of colour blindness, on white.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
CONTROL = "#999999"


def use_style():
    """Set the collection's matplotlib style: white background, colour-blind safe cycle, thin grid."""
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "figure.facecolor": "white",
            "figure.dpi": 100,
            "savefig.dpi": 130,
            "savefig.facecolor": "white",
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": "medium",
            "grid.color": "#e6e6e6",
            "grid.linewidth": 0.7,
            "legend.frameon": False,
            "legend.fontsize": "small",
            "lines.markersize": 5,
            "image.cmap": "cividis",
            "font.size": 9.5,
        }
    )


def waterfall(axes, labels, values, *, totals, colours=("#0072B2", "#D55E00", "#009E73")):
    """Horizontal waterfall: totals start at zero, changes start where the row above ended.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    labels : sequence of str
        One a row, from top to bottom.
    values : array_like, shape (rows,)
        A total's value or a change's signed size.
    totals : set of int
        Rows that are totals; row 0 must be one. A later total must be where the changes before it arrive.
    colours : tuple of str
        Of totals, increases and decreases.

    Raises
    ------
    ValueError
        If row 0 is not a total, or a later total disagrees with the sum of the changes before it.
    """
    values = np.asarray(values, float)
    if 0 not in totals or len(labels) != len(values):
        raise ValueError(
            f"{len(labels)} labels and {len(values)} values, totals {sorted(totals)}: row 0 must be a total"
        )
    level = 0.0
    for row, value in enumerate(values):
        if row in totals:
            if row and abs(level - value) > 1e-6 * (1 + abs(value)):
                raise ValueError(f"row {row} ({labels[row]!r}) is a total of {value}, but the changes lead to {level}")
            start, colour, level = 0.0, colours[0], value
        else:
            start, colour, level = level, colours[1] if value >= 0 else colours[2], level + value
        axes.barh(row, value if row not in totals else level, left=start, color=colour, height=0.62)
        shown = round(value, 3) + 0.0
        text = f"{shown:.3f}" if row in totals else f"{shown:+.3f}"
        place = {"xytext": (4, 0), "textcoords": "offset points", "va": "center", "zorder": 4}
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        axes.annotate(text, (max(start, level), row), size=8, bbox=box, **place)
        if row + 1 < len(values):
            axes.plot([level, level], [row, row + 1], color="black", linewidth=0.6)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.15)
    axes.axvline(0, color="black", linewidth=0.8)
