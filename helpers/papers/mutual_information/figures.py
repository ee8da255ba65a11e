"""The pictures of this paper: from arrays to a figure, and the plotted numbers in long form.

Every public function returns ``(figure, columns)``: what is stored is what is drawn. Theory is a line, a measurement
a point with its spread, a control or baseline grey. Values in nats unless an axis says bits.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colors

from helpers import information
from helpers.evaluation import encoder_measures
from helpers.figures import COLOURS, CONTROL, long_format
from helpers.information import plug_in

from . import class_counts, partitions

BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK = COLOURS
TILES = colors.ListedColormap(["#8fb8d8", "#f3d19b", "#3b5268"])
LATIN = "#c000c0"


# -- exact laws ---------------------------------------------------------------------------------------------------
def two_ceilings(candidates, classes, best, read_candidates, frozen):
    """Best value under its two ceilings, and frozen critics read at many K.

    ``best`` has shape (candidates, classes); ``frozen`` (critics, read_candidates) are readings for ten classes.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    worst, pieces = np.log(classes) - class_counts.worst_distance(classes), []

    def piece(series, size, number, nats):
        pieces.append({"series": series, "classes": number, "candidates": size, "nats": nats})

    for number, value, colour in zip(classes, best.T, COLOURS, strict=False):
        left.plot(candidates, np.minimum(np.log(candidates), np.log(number)), ":", color=colour, linewidth=1.2)
        left.plot(candidates, value, color=colour)
        left.text(4600, value[-1], f"C = {number}", color=colour, va="center")
        piece("best", candidates, number, value)
    left.vlines(classes, worst, np.log(classes), color="black", linewidth=1.5)
    left.plot(classes, worst, "o", color="black", label="K = C: farthest from the ceiling")
    piece("worst", classes, classes, worst)
    ten = np.flatnonzero(classes == 10)[0]
    right.plot(candidates, best[:, ten], color=COLOURS[ten], label="best critic, ten classes")
    low = candidates[candidates <= 18]
    right.plot(low, np.log(low), ":", color=CONTROL)
    right.axhline(np.log(10), linestyle=":", color=CONTROL, label="ceilings log K and log 10")
    right.axhline(np.log(2), color=GREEN, linewidth=1, label="log 2: the most that training can show")
    middle, low, high = frozen.mean(axis=0), frozen.min(axis=0), frozen.max(axis=0)
    form = {"fmt": "o", "color": BLUE, "capsize": 4, "label": "five critics trained at K = 2"}
    right.errorbar(read_candidates, middle, [middle - low, high - middle], **form)
    for series, values in (("frozen_mean", middle), ("frozen_lowest", low), ("frozen_highest", high)):
        piece(series, read_candidates, 10, values)
    for axes in (left, right):
        axes.set(xscale="log", xlabel="candidates K")
    left.set(ylabel="value (nats)", title="best critic, ceilings log K and log C dotted", ylim=(0, 7.6), xlim=(0.9, 3e4))
    right.set(ylabel="value (nats)", title="one critic, frozen, read at many K", ylim=(0, 2.6), xlim=(0.9, 1400))
    left.legend(loc="upper left")
    right.legend(loc="lower right")
    return fig, long_format.columns(pieces)


def class_entropy_bars(cases, entropy, first, second, both):
    """Class entropy, what either view knows of it, and the overlap; ``first``, ``second``, ``both`` are H(C | .)."""
    parts = {
        "H(C)": (0 * first, entropy + 0 * first),
        "known from X": (0 * first, entropy - first),
        "known from Y": (second - both, entropy - both),
        "known from either alone: I(X;Y)": (second - both, entropy - first),
    }
    fig, axes = plt.subplots(figsize=(7.8, 4.3), layout="constrained")
    for row, (name, colour) in enumerate(zip(parts, ["#dddddd", *COLOURS[:3]], strict=True)):
        start, end = parts[name]
        axes.barh(np.arange(len(cases)) * 5 + row, end - start, left=start, height=0.86, color=colour, label=name)
    for place, value in enumerate(entropy - first - second + both):
        axes.text(entropy - first[place] + 0.015, place * 5 + 3, f"{value:.2f}", va="center", color=GREEN, fontweight="bold")
        if both[place] > 0:
            axes.plot([entropy - both[place]] * 2, [place * 5 + 1.4, place * 5 + 2.6], color="black", linewidth=1)
            axes.text(entropy - both[place] + 0.01, place * 5 + 2, "both views: no more", va="center", fontsize=7.5)
    axes.set(xlabel="nats", yticks=np.arange(len(cases)) * 5 + 1.5, yticklabels=cases, xlim=(0, entropy + 0.18))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    fig.legend(loc="outside upper center", ncols=4)
    pieces = [{"case": cases, "bar": name, "start": start, "end": end} for name, (start, end) in parts.items()]
    return fig, long_format.columns(pieces)


def infonce_gap(many, few, curves):
    """Gap against K: exact, bound, limit and in-batch means with their errors; two panels of two laws each.

    ``curves`` maps a law to ``(exact, bound, limit, points, errors)``, the first three at ``many``.
    """
    fig, axes = plt.subplots(1, 2, figsize=(9.4, 4.2), layout="constrained", sharey=True)
    pieces = []
    for number, (law, (exact, bound, limit, points, errors)) in enumerate(curves.items()):
        panel, colour = axes[number // 2], COLOURS[number]
        panel.loglog(many, limit, ":", color=colour, linewidth=1.6)
        panel.loglog(many, bound, "--", color=colour, linewidth=1)
        panel.loglog(many, exact, color=colour, label=law.replace("_", " "))
        panel.errorbar(few, points, 2 * errors, fmt="o", color=colour, markersize=4, capsize=3)
        every = {"exact": exact, "bound": bound, "limit": limit}
        pieces += [{"law": law, "curve": name, "candidates": many, "gap": c, "error": 0.0} for name, c in every.items()]
        pieces.append({"law": law, "curve": "in_batch", "candidates": few, "gap": points, "error": errors})
    for panel, title in zip(axes, ("finite laws", "Gaussian pairs, one dimension"), strict=True):
        panel.set(xlabel="candidates K", title=title, ylim=(2e-5, 300))
        panel.legend(loc="upper right")
    axes[0].set(ylabel="information minus best InfoNCE value (nats)")
    kinds = {"exact gap": "-", "bound E log(1 + v/K)": "--", "limit χ²/(2K)": ":", "in-batch mean, ± 2 s.e.": "o"}
    handles = [plt.Line2D([], [], color="black", label=k, **_form(style)) for k, style in kinds.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=4)
    return fig, long_format.columns(pieces)


def batch_as_urn(counts, law, frequency, chi_squared, published, *, draws):
    """A batch as coloured balls, its score matrix, and the distribution function of the reading of two classes.

    ``law`` are ``(values, masses)`` in bits, increasing; ``frequency`` the simulated masses; ``chi_squared`` the limit's
    distribution function on the grid of its first row; ``published`` is ``(mean, standard deviation)`` in bits.
    """
    balls = np.repeat(np.arange(len(counts)), counts)
    palette = np.array([BLUE, ORANGE, AMBER, GREEN])
    fig, (urn, matrix, axes) = plt.subplots(1, 3, figsize=(11.5, 3.9), layout="constrained", width_ratios=[1, 1, 1.5])
    place = np.random.default_rng(1).permutation(balls.size)
    x, y = 1.2 + 2.4 * (place % 4), 1.0 + 2.4 * (place // 4)
    urn.scatter(x, y, s=620, c=palette[balls], edgecolors="black", linewidths=0.6)
    urn.plot([-0.4, -0.4, 9.8, 9.8], [8.2, -0.6, -0.6, 8.2], color="black", linewidth=2)
    urn.set(xlim=(-1, 10.4), ylim=(-1.8, 9.2), title=f"a batch: {' + '.join(map(str, counts))} pairs")
    urn.set_aspect("equal")
    urn.axis("off")
    same = np.where(balls[:, None] == balls, balls[:, None], np.nan)
    matrix.imshow(same, cmap=colors.ListedColormap(palette[: len(counts)]), alpha=0.75)
    matrix.plot(range(balls.size), range(balls.size), "o", color="black", markersize=4, label="positives")
    matrix.set(title="its scores: 0 or minus infinity", xlabel="candidate", ylabel="anchor", xticks=[], yticks=[])
    told = information.to_bits(plug_in.entropy(counts))
    matrix.text(balls.size - 0.7, 0.2, f"both say\n{told:.2f} bits", ha="right", va="top")
    matrix.grid(visible=False)
    values, masses = law
    axes.step(values, np.cumsum(masses), where="post", color=BLUE, label="exact law of the urn")
    shown = np.cumsum(frequency)
    error = np.sqrt(shown * (1 - shown) / draws)
    axes.errorbar(values, shown, 2 * error, fmt=".", color="black", label=f"{draws} batches, ± 2 s.e.", markersize=3)
    axes.plot(*chi_squared, "--", color=ORANGE, label="chi-square limit")
    mean, spread = published
    axes.errorbar(mean, 0.62, xerr=spread, fmt="s", color=GREEN, capsize=3, label="published mean ± sd")
    exact = values @ masses
    deviation = np.sqrt((values - exact) ** 2 @ masses)
    axes.errorbar(exact, 0.52, xerr=deviation, fmt="D", color=BLUE, capsize=3, label="exact mean ± sd")
    axes.axvline(1, color=CONTROL, linestyle="--")
    axes.text(1.0008, 0.02, "truth", color="#555555", rotation=90, va="bottom")
    axes.set(xlabel="reading, two classes, K = 64 (bits)", ylabel="probability of at most this", xlim=(0.94, 1.006))
    axes.legend(loc="upper left")
    rows = [
        {"series": "ball", "bits": np.arange(balls.size), "value": balls, "error": 0.0},
        {"series": "exact", "bits": values, "value": np.cumsum(masses), "error": 0.0},
        {"series": "simulated", "bits": values, "value": shown, "error": error},
        {"series": "chi_square", "bits": chi_squared[0], "value": chi_squared[1], "error": 0.0},
        {"series": "published", "bits": mean, "value": 0.62, "error": spread},
        {"series": "exact_mean", "bits": exact, "value": 0.52, "error": deviation},
    ]
    return fig, long_format.columns(rows)


def ntxent_ceilings(images, classes, excess):
    """NT-Xent of the perfect critic with two ceilings, and its repair, relative to log C.

    ``excess`` maps "log(2B - 1)", "log B" and "one view per other image" to arrays (images, classes) in nats.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    pieces, styles = [], ("-", "--", ":")
    for (name, value), style in zip(excess.items(), styles, strict=True):
        for place, number in enumerate(classes):
            left.plot(images, value[:, place], style, color=COLOURS[place])
            pieces.append({"ceiling": name, "classes": number, "images": images, "nats": value[:, place]})
    first = list(excess)[0]
    for place, number in enumerate(classes):
        value = 1000 * excess[first][:, place]
        top = value.argmax()
        right.plot(images, value, color=COLOURS[place], label=f"C = {number}")
        right.plot(images[top], value[top], "o", color=COLOURS[place])
    for axes in (left, right):
        axes.axhline(0, color="black", linewidth=1)
        axes.set(xscale="log", xlabel="images B in a batch")
    handles = [plt.Line2D([], [], color="black", linestyle=s, label=n) for n, s in zip(excess, styles, strict=True)]
    left.legend(handles=handles, loc="lower right")
    left.set(ylabel="reading minus log C (nats)", title="three ceilings; colours as on the right", ylim=(-1.25, 0.1))
    right.set(ylabel="reading minus log C (thousandths of a nat)", ylim=(-4, 4.6))
    right.set_title("log(2B - 1), magnified: above 0 is above the truth")
    right.legend(loc="lower right")
    return fig, long_format.columns(pieces)


def hash_and_pixels(true, in_sample, held_out, curves, dots):
    """Bars of true, in-sample and held-out information of two encoders; information against accuracy.

    ``true`` maps an encoder to a number, ``in_sample`` and ``held_out`` to arrays (critics,); ``curves`` maps a name
    to ``(accuracy, nats)``, the first being the certificate; ``dots`` maps a label to one point.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4), layout="constrained", width_ratios=[1, 1.15])
    pieces, shades = [], {"true": "#dddddd", "in_sample": CONTROL, "held_out": BLUE}
    for group, name in enumerate(true):
        series = {"true": [true[name]], "in_sample": in_sample[name], "held_out": held_out[name]}
        for place, (kind, values) in enumerate(series.items(), start=4 * group):
            label = None if group else kind.replace("_", " ")
            left.bar(place, np.mean(values), color=shades[kind], label=label)
            if kind != "true":
                spots = place + np.linspace(-0.25, 0.25, len(values))
                left.plot(spots, values, "o", color="black", markersize=3)
            pieces.append({"panel": "left", "series": f"{name}_{kind}", "x": float(place), "nats": values})
    left.axhline(0, color="black", linewidth=0.8)
    left.set(xticks=[4 * k + 1 for k in range(len(true))], xticklabels=list(true))
    left.set(ylabel="same-class information (nats)", title="digits of three classes; dots are critics")
    left.legend(loc="lower right")
    for (name, (accuracy, nats)), style in zip(curves.items(), (":", "-", "--"), strict=False):
        colour = "black" if style == ":" else BLUE if style == "-" else ORANGE
        right.plot(accuracy, nats, style, color=colour, label=name)
        pieces.append({"panel": "right", "series": name, "x": accuracy, "nats": nats})
    for (name, point), marker in zip(dots.items(), "os", strict=False):
        right.plot(*point, marker, color="black", label=name)
        pieces.append({"panel": "right", "series": name, "x": point[0], "nats": point[1]})
    right.set(xlabel="accuracy (fraction)", ylabel="same-class information (nats)", ylim=(-0.05, 2.9))
    right.set_title("ten classes, exact")
    right.legend(loc="upper left")
    return fig, long_format.columns(pieces)


def maximisers(squares, names, about_first, about_second):
    """What each encoder knows of two factors, and all of them as colourings of the table of states.

    ``squares`` has shape (count, 3, 3) with codes 0 to 2; ``names`` are "A", "B", "Latin" or "other".
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.9), layout="constrained", width_ratios=[1, 1.35])
    order = np.lexsort((np.round(about_second, 6), -np.round(about_first, 6)))
    squares, names = np.asarray(squares)[order], np.asarray(names)[order]
    known = np.stack([about_first, about_second], axis=1)[order]
    places, times = np.unique(known.round(4), axis=0, return_counts=True)
    left.scatter(*places.T, s=60 + 9 * times, color="#bbbbbb", zorder=2)
    frames = {"A": ORANGE, "B": GREEN, "Latin": LATIN}
    for name, colour in frames.items():
        left.plot(*known[names == name][0], "o", color=colour, markersize=12, zorder=3, label=name)
    for (x, y), count in zip(places, times, strict=True):
        left.text(x, y, count, ha="center", va="center", fontsize=8, zorder=4)
    left.set(xlabel="information about A (nats)", ylabel="information about B (nats)")
    left.set(title="how many encoders know how much", xlim=(-0.09, 1.2), ylim=(-0.09, 1.2), aspect="equal")
    left.legend(loc="upper right")
    columns = 20
    image, corners = partitions.sheet(squares, columns=columns)
    right.imshow(image, cmap=TILES)
    for name, colour in frames.items():
        for row, column in corners[names == name] - 1:
            frame = {"fill": False, "edgecolor": colour, "linewidth": 3}
            right.add_patch(plt.Rectangle((column, row), 4, 4, **frame))
    right.set_axis_off()
    right.set_title(f"all {len(squares)}: rows are A, columns B, colours the code")
    spelt = ["".join(map(str, np.ravel(square))) for square in squares]
    columns = {"encoder": spelt, "name": names, "about_A": known[:, 0].round(6), "about_B": known[:, 1].round(6)}
    return fig, columns


def _form(style):
    return {"marker": "o", "linestyle": ""} if style == "o" else {"linestyle": style}
