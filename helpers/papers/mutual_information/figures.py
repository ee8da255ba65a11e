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
    left.set(ylabel="value (nats)", title="best critic, ceilings log K and log C dotted")
    left.set(ylim=(0, 7.6), xlim=(0.9, 3e4))
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
        form = {"va": "center", "color": GREEN, "fontweight": "bold"}
        axes.text(entropy - first[place] + 0.015, place * 5 + 3, f"{value:.2f}", **form)
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

    ``law`` are ``(values, masses)`` in bits, increasing; ``frequency`` the simulated masses; ``chi_squared`` a grid and
    the limit's distribution function there; ``published`` is ``(mean, standard deviation)`` in bits.
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
    first = next(iter(excess))
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


# -- estimators ---------------------------------------------------------------------------------------------------
def infonce_on_ground_truth(grid, bits, families):
    """Learned InfoNCE critics beside the best one and beside published values; one panel a family of laws.

    ``families`` maps "gaussian" and "classes" to ``best`` (grid,), ``joint`` and ``separable`` (bits, seeds), all in
    nats, and ``published``, a pair of true bits and nats.
    """
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained", sharey=True)
    pieces, titles = [], {"gaussian": "Gaussian pairs, ten dimensions", "classes": "same-class pairs, equal classes"}
    for panel, (family, of) in zip(axes, families.items(), strict=True):
        panel.plot([0, 6.4], [0, 6.4], color=CONTROL, linewidth=1, label="truth")
        panel.axhline(6, color=CONTROL, linestyle=":", label="ceiling log K")
        panel.plot(grid, information.to_bits(of["best"]), color=BLUE, label="best critic")
        pieces.append(_reading(family, "best", grid, of["best"], of["best"], of["best"]))
        for place, (name, colour) in enumerate({"joint": ORANGE, "separable": GREEN}.items()):
            low, middle, high = (information.to_bits(f(of[name], axis=1)) for f in (np.min, np.mean, np.max))
            form = {"fmt": "os"[place], "color": colour, "capsize": 3, "label": f"learned, {name}"}
            panel.errorbar(bits + 0.16 * (2 * place - 1), middle, [middle - low, high - middle], **form)
            pieces.append(_reading(family, name, bits, *(f(of[name], axis=1) for f in (np.mean, np.min, np.max))))
        true_bits, nats = of["published"]
        text = slice(0, 5) if family == "classes" else slice(0, len(true_bits))
        label = "companion, texts" if family == "classes" else "companion"
        panel.plot(true_bits[text], information.to_bits(nats[text]), "x", color="black", markersize=8, label=label)
        if family == "classes":
            panel.plot(true_bits[5:], information.to_bits(nats[5:]), "+", color="black", markersize=10, label="digits")
        pieces.append(_reading(family, "companion", true_bits, nats, nats, nats))
        panel.set(xlabel="true information (bits)", title=titles[family], xlim=(0, 13.8), ylim=(0, 6.4))
        panel.legend(loc="lower right")
    axes[0].set(ylabel="InfoNCE reading at K = 64 (bits)")
    return fig, long_format.columns(pieces)


def others_on_ground_truth(bits, recordings, fine, closed):
    """What NWJ, Donsker-Varadhan, JS and SMILE read, less the truth, with the lines of SMILE's critic log r.

    ``recordings`` maps a family to readings in nats of shape (bits, seeds); ``closed`` maps "SMILE 1" and "SMILE 5" to
    a family's excess over the truth in nats at the true bits ``fine``.
    """
    fig, axes = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained", sharey=True)
    pieces, titles = [], {"gaussian": "Gaussian pairs, ten dimensions", "classes": "same-class pairs, equal classes"}
    colours = {"NWJ": BLUE, "DV": ORANGE, "JS": GREEN, "SMILE 1": PINK, "SMILE 5": BLACK}
    for panel, (family, readings) in zip(axes, recordings.items(), strict=True):
        panel.axhline(0, color=CONTROL, linewidth=1)
        for place, (name, colour) in enumerate(colours.items()):
            off = information.to_bits(readings[name]) - bits[:, None]
            low, middle, high = off.min(axis=1), off.mean(axis=1), off.max(axis=1)
            form = {"fmt": "osD^v"[place], "color": colour, "capsize": 2, "markersize": 4.5, "label": name}
            panel.errorbar(bits + 0.2 * (place - 2), middle, [middle - low, high - middle], **form)
            row = {"family": family, "estimator": name, "curve": "recorded", "true bits": bits}
            pieces += [row | {"what": w, "off": v} for w, v in (("mean", middle), ("lowest", low), ("highest", high))]
            if name in closed:
                line = information.to_bits(closed[name][family])
                panel.plot(fine, line, color=colour, linewidth=1.2)
                row = {"family": family, "estimator": name, "curve": "log_r", "true bits": fine}
                pieces.append(row | {"what": "exact", "off": line})
        panel.set(xlabel="true information (bits)", title=titles[family], xlim=(1, 11))
    axes[0].set(ylabel="reading minus truth (bits)")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig, long_format.columns(pieces)


def _reading(family, curve, bits, middle, low, high):
    row = {"family": family, "curve": curve, "true bits": bits}
    return row | {name: information.to_bits(v) for name, v in (("read", middle), ("lowest", low), ("highest", high))}


# -- small batches --------------------------------------------------------------------------------------------------
def temperature(candidates, temperatures, values, measured_candidates, measured, knob, classes, limits):
    """A perfect cosine critic at four temperatures with recorded training values; its limit against the temperature.

    ``values`` has shape (candidates, temperatures), ``measured`` (points, seeds) at temperature 0.5, ``limits``
    (classes, knob).
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    pieces = []
    for place, (tau, colour) in enumerate(zip(temperatures, COLOURS, strict=False)):
        left.plot(candidates, values[:, place], color=colour)
        aside = 0.09 * (tau == 0.1) - 0.07 * (tau == 0.2)  # of the dotted line and of each other
        left.text(4500, values[-1, place] + aside, f"τ = {tau:g}", color=colour, va="center")
        pieces.append({"curve": f"tau_{tau:g}", "x": candidates, "nats": values[:, place], "spread": 0.0})
    left.axhline(np.log(10), color=CONTROL, linestyle=":", label="log 10")
    middle, spread = measured.mean(axis=1), measured.std(axis=1, ddof=1)
    form = {"fmt": "o", "color": "black", "capsize": 3, "label": "digits, training values at τ = 0.5"}
    left.errorbar(measured_candidates, middle, spread, **form)
    pieces.append({"curve": "digits", "x": measured_candidates, "nats": middle, "spread": spread})
    left.set(xscale="log", xlabel="candidates K", ylabel="value (nats)", ylim=(0, 2.6), xlim=(1.8, 16000))
    left.set(title="a perfect embedding of ten classes")
    left.legend(loc="lower right")
    for number, line, colour in zip(classes, limits, COLOURS, strict=False):
        right.plot(knob, line, color=colour, label=f"C = {number}")
        right.plot(knob, np.full(knob.size, np.log(number)), ":", color=colour)
        pieces.append({"curve": f"limit_{number}", "x": knob, "nats": line, "spread": 0.0})
    right.axvline(0.5, color=CONTROL, linewidth=1)
    right.text(0.51, 4.3, "τ of the points", color=CONTROL, va="top", rotation=90)
    right.set(xscale="log", xlabel="temperature", ylabel="limit for many candidates (nats)", ylim=(0, 5))
    right.set(title="what the temperature takes; dotted: log C", xticks=[0.05, 0.1, 0.2, 0.5, 1, 2])
    right.set_xticklabels([0.05, 0.1, 0.2, 0.5, 1, 2])
    right.minorticks_off()
    right.legend(loc="upper right", bbox_to_anchor=(1, 0.9))  # between two dotted lines
    return fig, long_format.columns(pieces)


def bias_and_variance(sizes, bias, leading, variances, leads):
    """Exact bias with none, one and two corrections, open where it overshoots, and variances; lines are leading terms.

    ``bias`` and ``leading`` have shape (3, sizes) and are signed: negative below H(C).
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4), layout="constrained")
    names, pieces = ("as read", "plus (C - 1)/2K", "plus the second term"), []
    for name, exact, line, colour in zip(names, bias, leading, COLOURS, strict=False):
        left.loglog(sizes, np.abs(line), color=colour, linewidth=1)
        below = exact < 0
        left.loglog(sizes[below], -exact[below], "o", color=colour, label=name)
        left.loglog(sizes[~below], exact[~below], "o", color=colour, markerfacecolor="white")
        pieces.append({"series": f"bias, {name}", "candidates": sizes, "exact": exact, "leading": line})
    left.plot([], [], "o", color="black", markerfacecolor="white", label="open: above H(C)")
    for place, (name, line) in enumerate(leads.items()):
        wrong = name not in variances
        colour = CONTROL if wrong else COLOURS[place]
        label = "(C - 1)/2K² for the unequal prior" if wrong else None
        right.loglog(sizes, line, "--" if wrong else "-", color=colour, linewidth=1, label=label)
        exact = line if wrong else variances[name]
        if not wrong:
            text = {"uniform": "ten equal classes", "skewed": "prior (.6, .3, .1)"}[name]
            right.loglog(sizes, exact, "o", color=colour, label=text)
        pieces.append({"series": f"variance, {name}", "candidates": sizes, "exact": exact, "leading": line})
    left.set(xlabel="batch size K", ylabel="distance of the mean to H(C) (nats)", title="bias, ten equal classes")
    right.set(xlabel="batch size K", ylabel="variance (nats squared)", title="variance")
    left.legend(loc="lower left")
    right.legend(loc="lower left")
    return fig, long_format.columns(pieces)


def sweep_of(table, pairing, numbers, baselines):
    """Training value, information and accuracy of a recorded sweep over K, each (numbers, seeds), and of baselines."""

    def read(key, candidates):
        return table.values(key, pairing=pairing, candidates=candidates)

    keys = ("training_value", "information", "accuracy")
    found = {key: np.array([read(key, K) for K in numbers]) for key in keys}
    return found | {"baselines": {b: {key: read(key, b) for key in keys[1:]} for b in baselines}}


def batch_sizes(numbers, found, grid, ceilings, *, read_candidates):
    """Training value and post-training information (above), probe accuracy (below) against K in training.

    ``found`` as :func:`sweep_of` returns it; ``ceilings`` maps a name to a curve at ``grid``.
    """
    fig, (top, bottom) = plt.subplots(
        2, 1, figsize=(7.4, 5.4), layout="constrained", sharex=True, height_ratios=[2.1, 1]
    )
    pieces = []
    for (name, curve), style in zip(ceilings.items(), (":", "-", "--"), strict=False):
        top.plot(grid, curve, style, color="black", linewidth=1.2, label=name)
        pieces.append({"curve": name, "candidates": grid, "mean": curve, "spread": 0.0})
    rows = (
        (top, "training_value", "training value", ORANGE),
        (top, "information", f"post-training, read at K = {read_candidates}", BLUE),
        (bottom, "accuracy", "probe accuracy", GREEN),
    )
    for axes, key, label, colour in rows:
        middle, spread = found[key].mean(axis=1), found[key].std(axis=1, ddof=1)
        axes.errorbar(numbers, middle, spread, fmt="o", capsize=4, color=colour, label=label)
        pieces.append({"curve": key, "candidates": numbers, "mean": middle, "spread": spread})
        for (name, values), style in zip(found["baselines"].items(), ("--", ":"), strict=False):
            if key in values:
                axes.axhline(values[key].mean(), color=CONTROL, linestyle=style, label=name)
                row = {"curve": f"{key}, {name}", "candidates": 0, "mean": values[key].mean()}
                pieces.append(row | {"spread": values[key].std(ddof=1)})
    bottom.set(xscale="log", xlabel="candidates K in training", xticks=numbers, xticklabels=numbers)
    bottom.set(ylabel="probe accuracy (fraction)", xlim=(1.7, 300))
    bottom.minorticks_off()
    top.set(ylabel="nats", ylim=(0, max(3.2, 1.1 * found["training_value"].max())))
    top.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    bottom.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig, long_format.columns(pieces)


# -- measures of encoders -------------------------------------------------------------------------------------------
def digit_measures(values, family, titles, ranks):
    """Accuracy against both informations with the certificate, and rank correlations with two accuracies.

    ``values`` maps measures and ``accuracy`` to (encoders, seeds); ``ranks`` a target to (measures, seeds).
    """
    labels = {"accuracy": "with a logistic probe", "neighbours": "with neighbours"}
    return _measures(values, family, titles, ranks, labels, low=0.25)


def fashion_measures(values, family, titles, ranks):
    """As :func:`digit_measures`, correlations over all encoders and over trained networks."""
    return _measures(values, family, titles, ranks, {name: name for name in ranks}, low=0.55)


def _measures(values, family, titles, ranks, labels, *, low):
    fig, axes = plt.subplots(1, 3, figsize=(11.8, 4.3), layout="constrained", width_ratios=[1, 1, 1.1])
    pieces = []
    for panel, key in zip(axes[:2], ("same_class", "augmentation"), strict=True):
        for name, marker, colour in zip(dict.fromkeys(family), "sPoDv^", COLOURS, strict=False):
            x, y = (values[k][family == name] for k in (key, "accuracy"))
            form = {"fmt": marker, "color": colour, "label": name, "alpha": 0.85, "markersize": 4.5, "linewidth": 0.8}
            spread = [side.std(axis=1, ddof=1) for side in (y, x)]
            panel.errorbar(x.mean(axis=1), y.mean(axis=1), *spread, **form)
            row = {"panel": key, "series": name, "x": x.mean(axis=1), "y": y.mean(axis=1), "spread": spread[1]}
            pieces.append(row)
        panel.set(xlabel=titles[key], ylim=(low, 1.02))
    nats = np.linspace(0, np.log(10), 100)
    certified = encoder_measures.certified_accuracy(nats, 10)
    axes[0].plot(nats, certified, color="black", linewidth=1.2, label="certified (Bayes)")
    pieces.append({"panel": "same_class", "series": "certified", "x": nats, "y": certified, "spread": 0.0})
    axes[0].set(ylabel="probe accuracy (fraction)")
    axes[2].axvline(0, color="black", linewidth=0.8)
    for place, ((target, rows), colour) in enumerate(zip(ranks.items(), (BLUE, AMBER), strict=False)):
        y = np.arange(len(rows)) + 0.24 * place - 0.12
        form = {"fmt": "os"[place], "capsize": 3, "color": colour, "label": labels[target]}
        axes[2].errorbar(rows.mean(axis=1), y, xerr=rows.std(axis=1, ddof=1), **form)
        row = {"panel": "ranks", "series": target, "x": rows.mean(axis=1), "y": np.arange(len(rows)) + 0.0}
        pieces.append(row | {"spread": rows.std(axis=1, ddof=1)})
    short = [title.replace(" information (nats)", "") for title in titles.values()]
    axes[2].set(yticks=range(len(short)), yticklabels=short, xlim=(-1, 1), ylim=(len(short) - 0.5, -0.5))
    axes[2].set(xlabel="Kendall correlation with accuracy", xticks=np.linspace(-1, 1, 5))
    for legend in (axes[0].get_legend_handles_labels(), axes[2].get_legend_handles_labels()):
        place = "outside lower left" if legend[1][0] in set(family) | {"certified (Bayes)"} else "outside lower right"
        fig.legend(*legend, loc=place, ncols=4 if place.endswith("left") else 1, columnspacing=1)
    return fig, long_format.columns(pieces)


# -- InfoMin --------------------------------------------------------------------------------------------------------
def few_labels(sizes, irrelevant, curves, samples, measured, errors):
    """Accuracy of a tabular probe against labels; ``curves`` (irrelevant, sizes), points at ``samples``."""
    fig, axes = plt.subplots(figsize=(6.4, 4), layout="constrained")
    pieces = []
    for b, curve, colour in zip(irrelevant, curves, COLOURS, strict=False):
        axes.plot(sizes, curve, color=colour, label=f"{b} irrelevant value{'s' if b > 1 else ''}")
        pieces.append({"irrelevant": b, "what": "exact", "samples": sizes, "accuracy": curve, "error": 0.0})
    form = {"fmt": "ok", "capsize": 4, "markersize": 4, "label": "simulated, ± 4 s.e."}
    axes.errorbar(np.full(len(irrelevant), samples), measured, 4 * errors, **form)
    for b, value, error in zip(irrelevant, measured, errors, strict=True):
        row = {"irrelevant": b, "what": "simulated", "samples": float(samples), "accuracy": value, "error": error}
        pieces.append(row)
    axes.set(xscale="log", xlabel="labelled samples", ylabel="accuracy of a tabular probe (fraction)")
    axes.set_title("ten task values, entangled with irrelevant ones")
    axes.legend(loc="lower right")
    return fig, long_format.columns(pieces)


def shared_factors(found, sets, truth, readings, *, candidates):
    """Probe accuracies of three factors for encoders whose views share sets of them, and information against truth.

    ``found`` maps a factor to (sets, seeds), the first set being the untrained network; ``readings`` (sets - 1, seeds).
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(10.4, 4.8), layout="constrained", width_ratios=[1.35, 1])
    pieces = []
    for k, ((name, values), colour) in enumerate(zip(found.items(), COLOURS, strict=False)):
        inside, place = np.array([name in shared.split("+") for shared in sets]), np.arange(len(sets)) + 0.24 * (k - 1)
        for chosen, face in ((inside, colour), (~inside, "white")):
            form = {"fmt": "o", "color": colour, "markerfacecolor": face, "capsize": 2}
            spread = values[chosen].std(axis=1, ddof=1)
            left.errorbar(values[chosen].mean(axis=1), place[chosen], xerr=spread, **form)
        left.axvline(values[0].mean(), color=colour, linestyle=":", linewidth=1)
        left.plot([], [], "o", color=colour, label=f"{name} probe")
        row = {"panel": "probes", "series": name, "set": sets, "x": values.mean(axis=1)}
        pieces.append(row | {"y": np.arange(len(sets)) + 0.0, "spread": values.std(axis=1, ddof=1)})
    left.plot([], [], "o", color="black", markerfacecolor="white", label="open: not shared")
    left.plot([], [], ":", color="black", label="untrained network")
    left.set(yticks=range(len(sets)), yticklabels=[shared.replace("+", " + ") for shared in sets])
    left.set(ylim=(len(sets) - 0.4, -0.6), xlabel="probe accuracy (fraction)", title="what the views share")
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=5, columnspacing=1)
    grid = np.linspace(truth.min() - 0.2, truth.max() + 0.2, 60)
    ceiling = class_counts.best_value_uniform(candidates, np.exp(grid))
    right.plot(grid, grid, color="black", linewidth=1.2, label="truth")
    right.plot(grid, ceiling, "--", color="black", linewidth=1.2, label=f"best value at K = {candidates}")
    for (name, values), colour in zip(readings.items(), (BLUE, ORANGE), strict=False):
        middle, spread = values.mean(axis=1), values.std(axis=1, ddof=1)
        right.errorbar(truth, middle, spread, fmt="o", capsize=3, color=colour, label=name)
        row = {"panel": "readings", "series": name, "set": sets[1:], "x": truth, "y": middle}
        pieces.append(row | {"spread": spread})
    right.set(xlabel="true information of the pair (nats)", ylabel="read (nats)", title="information")
    right.legend(loc="upper left")
    return fig, long_format.columns(pieces)
