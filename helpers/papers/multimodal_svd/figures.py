"""The pictures of this paper: from arrays to a figure and the columns that it plots, in long form.

Theory is drawn as a line, measurements as points with their spread, controls in grey.
"""

import matplotlib.pyplot as plt
import numpy as np

from helpers import statistics
from helpers.figures import COLOURS, CONTROL, long_format, seed_curves

from . import published_points, scaling_collapse
from .tables import _halves_reading as reading


# -- is CLIP an SVD? ----------------------------------------------------------------------------------------
def moving_svd(steps, weights, spectrum, linear, wrong):
    """Heat maps of pair weights {step: (n, n)}, singular values (steps, d) and those of the linear loss (d,)."""
    figure, axes = plt.subplots(1, 4, figsize=(11.4, 3.2), layout="constrained", width_ratios=[1, 1, 1, 1.15])
    pieces, n = [], len(next(iter(weights.values())))
    for axis, (step, matrix) in zip(axes, weights.items(), strict=False):
        image = axis.imshow(matrix, cmap="RdBu", vmin=-1, vmax=1)
        axis.grid(visible=False)
        axis.set(title=f"weights after {step} steps", xticks=[0, n - 1], yticks=[0, n - 1])
        axis.add_patch(plt.Rectangle((n - wrong - 0.5, n - wrong - 0.5), wrong, wrong, fill=False, linewidth=0.8))
        row, column = np.indices(matrix.shape)
        place = {"row": row.ravel(), "column": column.ravel(), "value": matrix.ravel()}
        pieces.append({"kind": "weight", "step": step} | place)
        right, kept = np.diagonal(matrix)[: n - wrong].mean(), np.diagonal(matrix)[n - wrong :].mean()
        axis.set_xlabel(f"pull: right pairs {right:.2f}, wrong {kept:.2f}")
    axes[0].set_ylabel("row: first modality")
    figure.colorbar(image, ax=list(axes[:3]), label="entry of I - B", shrink=0.75)
    shades = plt.get_cmap("cividis")(np.linspace(0, 0.9, spectrum.shape[1]))
    for place, (curve, colour) in enumerate(zip(spectrum.T, shades, strict=True)):
        axes[3].plot(steps, curve, color=colour, linewidth=1)
        pieces.append({"kind": "singular value", "step": steps, "row": place, "column": 0, "value": curve})
    axes[3].plot(np.zeros(len(linear)), linear, "o", color=COLOURS[1], markersize=4, label="linear loss, times (n-1)/n")
    pieces.append({"kind": "linear loss", "step": 0, "row": np.arange(len(linear)), "column": 0, "value": linear})
    axes[3].set(xlabel="gradient steps", ylabel="singular values of S, first (dark) to last", yscale="log")
    axes[3].legend(loc="upper right")
    return figure, long_format.columns(pieces)


def frozen_refreshed_converged(losses, penalties, spectrum, used):
    """Losses {name: (steps,)} of three ascents; singular values (penalties, d) of S and which of them CLIP uses."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    pieces, steps = [], np.arange(len(next(iter(losses.values()))))
    for (name, curve), style, colour in zip(losses.items(), ("o", "-", "--"), (1, 0, 2), strict=True):
        left.plot(steps, curve, style, color=COLOURS[colour], markersize=3.5, label=name)
        pieces.append({"curve": name, "x": steps, "used": 0.0, "value": curve})
    left.set(title="one run: the same weights, renewed or frozen", xlabel="steps", ylabel="CLIP loss with penalty")
    for flags, colour, form, label in ((used, COLOURS[0], "o-", "used by CLIP"), (~used, CONTROL, "o:", "left out")):
        many = flags.sum(axis=1)
        for place in range(many.max()):  # the place-th largest of its kind, so that no line changes its kind
            there = many > place
            curve = np.array([row[kind][place] for row, kind in zip(spectrum[there], flags[there], strict=True)])
            fill = colour if flags is used else "white"
            said = label if place == 0 else "_"
            right.loglog(penalties[there], curve, form, color=colour, mfc=fill, markersize=4, lw=0.9, label=said)
            kind = float(flags is used)
            pieces.append({"curve": label, "x": penalties[there], "used": kind, "value": curve})
    right.set(title="CLIP's optimum: which values of its own S it uses", xlabel="penalty ρ, falling")
    right.set(ylabel="singular values of S", xlim=(1.2, 0.008))
    left.legend(loc="upper left")
    right.legend(loc="upper right")
    return figure, long_format.columns(pieces)


# -- what do wrong pairs cost? ------------------------------------------------------------------------------
def wrong_pairs(sizes, shares, squares, fine, law, level):
    """Squared errors (shares, sizes, draws) against n and n (1 - p)^2, the law (at p = 0) and the random level."""
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.7), layout="constrained", sharey=True)
    rms, spread = np.sqrt(squares.mean(axis=-1)), np.sqrt(np.quantile(squares, [0.1, 0.9], axis=-1))
    pieces = []
    for k, p in enumerate(shares):
        colour, control = (CONTROL, " (control)") if p == 1 else (COLOURS[k], "")
        for axis, price in zip(axes, (1, (1 - p) ** 2), strict=True):
            if price:
                bars = np.abs(spread[:, k] - rms[k])
                axis.errorbar(sizes * price, rms[k], yerr=bars, fmt="o", color=colour, label=f"p = {p:g}{control}")
        if p < 1:
            axes[0].plot(fine / (1 - p) ** 2, law, color=colour, linewidth=1)
        pieces.append({"share": p, "n": sizes, "rms": rms[k], "low": spread[0, k], "high": spread[1, k]})
    axes[0].plot([], [], color="black", linewidth=1, label="law, constant 1")
    axes[1].plot(fine, law, color="black", linewidth=1.2, label="law, constant 1")
    for axis, label in zip(axes, ("pairs n", "right pairs they are worth, n(1-p)²"), strict=True):
        axis.axhline(level, color=CONTROL, linestyle=":", label="unrelated subspace")
        axis.set(xscale="log", yscale="log", xlabel=label, ylim=(0.02, 2.4))
    axes[0].set(xlim=(150, 7e4), ylabel="error |sin Θ| of the left subspace")
    axes[1].set(xlim=(6, 7e4))
    axes[0].legend(loc="lower left", ncols=2, title="points: r.m.s.; bars: 10 to 90 % of draws", title_fontsize="small")
    axes[1].legend(loc="lower left")
    return figure, long_format.columns(pieces)


def image_halves(pictures, sweeps):
    """Singular pairs (r, height, width); sweeps {label: (x, rms (side, point), spread, laws, control name, rms)}."""
    figure = plt.figure(figsize=(10.4, 3.6), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=[1, 2.7, 2.7])
    pieces = []
    for k, picture in enumerate(pictures):
        axis, largest = figure.add_subplot(grid[k, 0]), np.abs(picture).max()
        axis.imshow(picture, cmap="RdBu", vmin=-largest, vmax=largest)
        axis.axvline(picture.shape[1] / 2 - 0.5, color="black", linewidth=1)
        axis.set(xticks=[], yticks=[], title=f"singular pair {k + 1}")
        axis.grid(visible=False)
        pixels = {"panel": f"pair {k + 1}", "side": "pixel", "x": np.arange(picture.size)}
        pieces.append(pixels | {"measured": picture.ravel(), "low": 0.0, "high": 0.0, "law": picture.ravel()})
    for i, (label, (x, rms, spread, laws, control, grey)) in enumerate(sweeps.items()):
        axis = figure.add_subplot(grid[:, i + 1])
        for side, name in enumerate(("left", "right")):
            bars = np.abs(spread[:, side] - rms[side])
            axis.errorbar(x, rms[side], yerr=bars, fmt="o", color=COLOURS[side], label=f"{name} subspace", lw=0.8)
            axis.plot(x, laws[side], color=COLOURS[side], label=f"law, {name}")
            found = {"measured": rms[side], "low": spread[0, side], "high": spread[1, side], "law": laws[side]}
            pieces.append({"panel": label, "side": name, "x": x} | found)
        axis.plot(x, grey, "x", color=CONTROL, label=f"{control}, mean of both sides")
        found = {"measured": grey, "low": grey, "high": grey, "law": grey}
        pieces.append({"panel": label, "side": "control", "x": x} | found)
        axis.set(xscale="log", yscale="log", xlabel=label, ylabel="error |sin Θ|")
        ticks = (500, 1000, 2000, 4000, 8000) if x[0] > 1 else (0.25, 0.5, 1)
        axis.set_xticks(ticks, ticks)
        axis.set_yticks(heights := (0.03, 0.05, 0.1, 0.2, 0.5, 1), heights)
        axis.set_ylim(*((0.02, 1.3), (0.022, 0.2))[i])
        axis.minorticks_off()
        if i == 0:
            handles, names = axis.get_legend_handles_labels()
        axis.text(0.04, (0.95, 0.06)[i], f"grey: {control}", size=8, color="#666666", transform=axis.transAxes)
    kept = [k for k, name in enumerate(names) if "mean of" not in name]
    figure.legend([handles[k] for k in kept], [names[k] for k in kept], loc="outside lower right", ncols=4)
    return figure, long_format.columns(pieces)


# -- two modalities, or one with masks? ---------------------------------------------------------------------
def phase_diagram(phase, boundary, biases):
    """Map of log10(MMCL / SSCL) with the break-even curve; bias of masks against the dimension, with closed forms."""
    (n, p, shade), (curve, fine), (dimensions, levels, haar, coherent, laws) = phase, boundary, biases
    figure, axes = plt.subplots(1, 2, figsize=(9.8, 3.8), layout="constrained", width_ratios=[1.35, 1])
    image = axes[0].pcolormesh(n, p, shade, cmap="RdBu_r", vmin=-0.8, vmax=0.8, shading="nearest")
    axes[0].plot(curve, fine, color="black", linewidth=2, label="break-even n*(p), nothing fitted")
    axes[0].set(xscale="log", xlim=(n[0], n[-1]), xlabel="samples n", ylabel="share of wrong pairs p")
    axes[0].legend(loc="lower left", frameon=True)
    figure.colorbar(image, ax=axes[0], label="log10 of error, MMCL / SSCL", location="left", pad=0.02)
    where = np.tile(n, len(p)), np.repeat(p, len(n))
    pieces = [{"panel": "phase", "x": where[0], "share": where[1], "value": shade.ravel(), "law": 0.0}]
    rms = np.sqrt(np.mean(np.square(haar), axis=1))
    bars = np.abs(np.quantile(haar, [0.1, 0.9], axis=1) - rms)
    axes[1].errorbar(dimensions, rms, yerr=bars, fmt="o", color=COLOURS[1], label="Haar (10 to 90 % of draws)")
    axes[1].plot(dimensions, levels, "o", color=COLOURS[0], label="two-level")
    axes[1].plot(dimensions, np.full(len(dimensions), coherent), "o", color=CONTROL, label="coordinate axes (control)")
    closed = {"two-level": laws[0], "Haar": laws[1], "coordinate axes (control)": np.full(len(dimensions), coherent)}
    measured = {"two-level": levels, "Haar": rms, "coordinate axes (control)": closed["coordinate axes (control)"]}
    for (name, line), colour in zip(closed.items(), (COLOURS[0], COLOURS[1], CONTROL), strict=True):
        axes[1].loglog(dimensions, line, color=colour, lw=1)
        pieces.append({"panel": name, "x": dimensions, "share": 0.0, "value": measured[name], "law": line})
    axes[1].set(xlabel="dimension d", ylabel="bias of masks, |sin Θ| at n = ∞")
    axes[1].legend(loc="lower left")
    return figure, long_format.columns(pieces)


# -- what is unpaired data worth? ---------------------------------------------------------------------------
def hit_rate(scores, curves, limits):
    """Hit rates {r: ((ratio, exact (scores, points)), (ratio, simulated))}, and the limit of each score."""
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
    pieces = []
    for (r, ((x, lines), (places, hits))), colour in zip(curves.items(), COLOURS, strict=False):
        for axis, score, line, found in zip(axes, scores, lines, hits, strict=True):
            axis.plot(x, line, color=colour, label=f"r = {r}")
            axis.plot(places, found, "o", color=colour, markersize=4.5, mec="white", mew=0.5)
            pieces.append({"score": score, "r": r, "ratio": x, "hit_rate": line, "kind": "exact"})
            pieces.append({"score": score, "r": r, "ratio": places, "hit_rate": found, "kind": "simulated"})
    for axis, score, limit in zip(axes, scores, limits, strict=True):
        axis.axvline(limit, color="black", linestyle=":", label="limit, r → ∞")
        axis.set(title=score, xlabel="log N / r (nats per dimension)", xlim=(0, 1.6), ylim=(-0.02, 1.04))
    axes[0].set(ylabel="share of rows whose best match is right")
    axes[0].legend(loc="upper right", title="lines exact, points simulated", title_fontsize="small")
    return figure, long_format.columns(pieces)


def positive_weight(grids, small, large):
    """Squared errors over the linear law without wrong pairs, and coefficients, against the weight of positives.

    ``grids`` {share: weights, the pole last}; ``small`` {share: (weights, draws)} at saturated weights; ``large``
    {share: (squares (runs, weights), coefficients (runs, weights))} of algorithm 4.
    """
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    fine, pieces = np.linspace(0.02, 6, 600), []
    for (share, nu), colour in zip(grids.items(), COLOURS, strict=False):
        line = np.sqrt(_price(fine, share))
        axes[0].plot(fine, line, color=colour, label=f"law, p = {share}")
        squares, slopes = large[share]
        for values, form, kind in ((small[share], "o", "saturated error"), (squares.T, "^", "algorithm 4 error")):
            values = values[:-1]  # at the pole the height is where the noise puts it
            root, fill = np.sqrt(values.mean(axis=1)), colour if form == "o" else "white"
            error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1]) / (2 * root)
            axes[0].errorbar(nu[:-1], root, yerr=2 * error, fmt=form, color=colour, mfc=fill)
            pieces.append({"kind": kind, "share": share, "nu": nu[:-1], "value": root, "law": _root(nu[:-1], share)})
        axes[0].axhline(1 / (1 - share), color=colour, linestyle="--", linewidth=0.8)
        axes[0].axvline(1 / (1 - share), color=colour, linestyle=":", linewidth=1)
        axes[1].plot(fine, fine * (1 - share) - 1, color=colour, label=f"ν(1 - p) - 1, p = {share}")
        mean, error = slopes.mean(axis=0), slopes.std(axis=0, ddof=1) / np.sqrt(len(slopes))
        axes[1].errorbar(nu, mean, yerr=2 * error, fmt="^", color=colour, mfc="white")
        pieces.append({"kind": "coefficient", "share": share, "nu": nu, "value": mean, "law": nu * (1 - share) - 1})
    axes[0].set(yscale="log", ylim=(0.9, 60), xlabel="weight of positives ν")
    axes[0].set(ylabel="error / error without wrong pairs, linear loss")
    axes[0].plot([], [], "o", color="black", label="saturated weights, r = 3")
    axes[0].plot([], [], "^", color="black", mfc="white", label="algorithm 4, r = 64")
    axes[0].plot([], [], "--", color="black", label="linear loss, 1/(1 - p)")
    axes[0].plot([], [], ":", color="black", label="blind spot")
    axes[0].legend(loc="upper right", fontsize=7.5)
    axes[1].axhline(0, color=CONTROL, linewidth=1)
    axes[1].set(xlabel="weight of positives ν", ylabel="coefficient of M* in S", ylim=(-1.4, 4.8))
    axes[1].legend(loc="upper left")
    return figure, long_format.columns(pieces)


def _price(nu, share):
    return (nu**2 - 2 * (1 - share) * nu + 1) / (nu * (1 - share) - 1) ** 2


def _root(nu, share):
    return np.sqrt(_price(nu, share))


# -- what do the paper's experiments show? ------------------------------------------------------------------
def cliff(recording, tops, curves, threshold):
    """Class singular values (noise, values), agreement of clusters and accuracies against the edge noise.

    ``curves`` are noise levels, the signal-to-noise ratio and the unit of singular values there.
    """
    figure, axes = plt.subplots(1, 3, figsize=(11.6, 3.9), layout="constrained")
    (noise, values), (fine, delta, unit) = tops, curves
    visible = delta > 1
    axes[0].plot(fine[visible], (unit * (delta + 1 / delta))[visible], color=COLOURS[0], label="law")
    axes[0].plot(fine, 2 * unit, "--", color=CONTROL, label="edge of the bulk")
    axes[0].plot(noise, values, ".", color=COLOURS[0], alpha=0.5)
    axes[0].plot([], [], ".", color=COLOURS[0], label="nine class values")
    drawn = {"singular values 2 to 10": (noise, values)}
    kinds = {
        "9 vectors": (1, "ari", 10, 9, COLOURS[0]),
        "4 vectors": (1, "ari", 10, 4, COLOURS[2]),
        "partitioned, here": (2, "accuracy", 10, 9, COLOURS[0]),
        "not partitioned, here": (2, "accuracy", 0, 0, COLOURS[1]),
        "linear loss, not partitioned": (2, "linear", 0, 0, COLOURS[2]),
    }
    for name, (place, measured, clusters, vectors, colour) in kinds.items():
        curve = seed_curves.from_recording(recording, measured, "noise", clusters=clusters, vectors=vectors)
        seed_curves.draw(axes[place], curve, "-", colour=colour, label=name)
        drawn[name] = curve
    for (name, curve), colour in zip(published_points.FIGURE_1.items(), COLOURS, strict=False):
        seed_curves.draw(axes[2], (published_points.NOISE, curve), "x--", colour=colour, label=f"{name}, paper")
        drawn[f"{name}, paper"] = published_points.NOISE, curve
    axes[0].set(title="singular values 2 to 10 of the graph", ylim=(0, 0.8))
    axes[1].set(title="clusters, classes: adjusted Rand index", ylim=(-0.03, 1.08))
    axes[2].set(title="accuracy (chance 0.1)", ylim=(0, 0.8))
    for axis in axes:
        axis.axvline(threshold, color="black", linewidth=0.8)
        axis.set(xlabel="edge noise p'")
    axes[0].annotate(f"$p'_c$ = {threshold:.3f}", (threshold, 0.3), xytext=(4, 0), textcoords="offset points")
    axes[0].legend(loc="upper center")
    axes[1].legend(loc="lower left")
    figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower right", ncols=3)
    return figure, seed_curves.columns(drawn)


def unpaired(recording, ratios, laws, level):
    """Figure 2: published points, minibatches and SVDs against N / n, one panel for each number of pairs."""
    kinds = {  # colour, form, measured number, method in the table
        "minibatches, aligned": (COLOURS[0], "o-", "end", "aligned"),
        "minibatches, independent": (CONTROL, "s--", "end", "shuffled"),
        "SVD on assigned pairs": (COLOURS[1], "^-", "two_step", "spectral"),
        "SVD on n + assigned pairs": (COLOURS[2], "v-", "pooled", "spectral"),
        "SVD on the true N pairs": ("black", "+", "oracle", "spectral"),
    }
    figure, axes = plt.subplots(1, 3, figsize=(11.4, 4), layout="constrained", sharey=True)
    everything, ticks = {}, [0.1, 0.2, 0.5, 1, 2, 3]
    for axis, (n, curve) in zip(axes, published_points.FIGURE_2.items(), strict=True):
        axis.plot(ratios, laws[n], color="black", linewidth=0.8, label="law for N pairs")
        starts = {
            "SVD on the n pairs": ("black", "D", "spectral"),
            "minibatches, n pairs": (COLOURS[5], "o", "aligned"),
        }
        drawn = {}
        for name, (colour, form, method) in starts.items():
            drawn[name] = [0], recording.values("start", method=method, n=n, ratio=3)[None]
            seed_curves.draw(axis, drawn[name], form, colour=colour, label=name)
        for name, (colour, form, measured, method) in kinds.items():
            drawn[name] = seed_curves.from_recording(recording, measured, "ratio", method=method, n=n)
            seed_curves.draw(axis, drawn[name], form, colour=colour, label=name)
        drawn["published (read off)"] = published_points.RATIOS, curve
        seed_curves.draw(axis, drawn["published (read off)"], "x:", colour=COLOURS[3], label="published (read off)")
        axis.axhline(level, color="black", linestyle=(0, (1, 3)), label=f"unrelated subspace, {level:.2f}")
        axis.set(title=f"n = {n} pairs", xlabel="N / n", xticks=published_points.RATIOS, yscale="log")
        axis.set(ylim=(0.06, 3.6), yticks=ticks, yticklabels=ticks)
        axis.minorticks_off()
        everything |= {f"n = {n}, {name}": line for name, line in drawn.items()}
    axes[0].set(ylabel=r"$\|\sin(P_r(G_1), U_1^*)\|_F$")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure, seed_curves.columns(everything)


def semi_supervised(starts, ends, published):
    """Accuracies {method: (seeds,)} after paired and after unpaired data, with 95 % intervals; published points."""
    figure, axis = plt.subplots(figsize=(8, 3.7), layout="constrained")
    names, pieces = list(ends), []
    baseline = starts[names[0]]
    place = statistics.against(baseline, np.zeros(len(baseline)), comparisons=1)
    axis.axvspan(place.low, place.high, color=CONTROL, alpha=0.3, label="after the paired data (95 %)")
    axis.axvline(place.mean, color=CONTROL)
    for row, name in enumerate(names):
        mean = statistics.against(ends[name], np.zeros(len(ends[name])), comparisons=1)
        axis.plot(ends[name], np.full(len(ends[name]), row), ".", color=COLOURS[0], alpha=0.4)
        label = "after the unpaired data (seeds, mean, 95 %)" if row == 0 else "_"
        axis.errorbar(mean.mean, row, xerr=mean.high - mean.mean, fmt="D", color=COLOURS[0], capsize=3, label=label)
        pieces.append({"method": name, "start": starts[name], "end": ends[name]})
    marks = {"start": (0, "x"), "semi-supervised": (0, "+"), "oracle": (len(names) - 1, "+")}
    said = {"x": "published, before", "+": "published, after"}
    for kind, (row, mark) in marks.items():
        label = said.pop(mark, "_")
        axis.plot(published[kind], row - 0.25, mark, color=COLOURS[1], markersize=9, mew=2, label=label)
    after = published["semi-supervised"], published["oracle"]
    for name, end in zip((names[0], names[-1]), after, strict=True):
        pieces.append({"method": f"{name}, published", "start": published["start"], "end": [end]})
    axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.6))
    axis.set(xlabel="class retrieval accuracy, test (chance 0.1)")
    figure.legend(loc="outside lower center", ncols=4)
    return figure, long_format.columns(pieces)


# -- trained encoders on halves of images -------------------------------------------------------------------
def networks_wrong_pairs(recording):
    """Retrieval and probe error of stopped encoders against n and n (1 - p)^2, and exponents of all scores."""
    panels = reading.plotted(recording)
    figure = plt.figure(figsize=(11.6, 6.6), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1))
    axes = [*top.subplots(1, 3, sharey=False), *bottom.subplots(1, 3)]
    drawn = {}
    shown = (("stopped hit", 0), ("stopped hit", 2), ("strength", None), ("stopped error", 0), ("stopped error", 2))
    for axis, (kind, power) in zip(axes, shown, strict=False):
        for colour, (name, (x, found)) in zip(COLOURS, panels[kind].items(), strict=False):
            share = float(name.split("%")[0]) / 100
            place = x if power is None else scaling_collapse.effective_size(x, share, power)
            seed_curves.draw(axis, (place, found), "o-", colour=colour, label=name)
            drawn[f"{kind}: {name}"] = x, found
        if power is not None:
            retrieval = kind.endswith("hit")
            ticks = (0.003, 0.01, 0.03, 0.1, 0.3, 0.8) if retrieval else (0.19, 0.2, 0.22, 0.25)
            axis.set(xscale="log", yscale="log", xlabel="$n(1-p)^2$" if power else "pairs n")
            axis.set_yticks(ticks, ticks)
            axis.minorticks_off()
            axis.set_ylabel("retrieval (top 1)" if retrieval else "probe error")
    axes[2].set(yscale="log", xlabel="number of the singular value", ylabel="singular value")
    axes[2].set_title("cross-covariance of the outputs, largest n")
    axes[0].legend(loc="lower right", title="stopped; seeds and mean", title_fontsize="small")
    _draw_seeds(axes[5], panels["exponent"])
    for value, text in ((1, "right pairs only"), (2, "linear theory")):
        axes[5].axvline(value, color="black", linewidth=0.8)
        axes[5].annotate(text, (value, -0.6), ha="center", size=8, bbox={"color": "white", "pad": 1})
    axes[5].set(xlabel="exponent of 1 - p (95 % intervals)", xlim=(0.2, 3.2), ylim=(4.5, -0.9))
    drawn |= {f"exponent: {name}": curve for name, curve in panels["exponent"].items()}
    return figure, seed_curves.columns(drawn)


def networks_unpaired(recording):
    """The two scores after the last step against n (1 - p)^2, and retrieval after unpaired images by the guess."""
    panels = reading.plotted(recording)
    figure, axes = plt.subplots(1, 3, figsize=(11.6, 3.5), layout="constrained")
    drawn = {}
    for axis, kind, label in zip(axes, ("hit", "error"), ("retrieval (top 1)", "probe error"), strict=False):
        for colour, (name, (x, found)) in zip(COLOURS, panels[kind].items(), strict=False):
            size = scaling_collapse.effective_size(x, float(name.split("%")[0]) / 100, 2)
            seed_curves.draw(axis, (size, found), "o-", colour=colour, label=name)
            drawn[f"{kind}: {name}"] = x, found
        ticks = (0.003, 0.01, 0.03, 0.1, 0.3, 0.8) if kind == "hit" else (0.2, 0.25, 0.3, 0.4)
        axis.set(xscale="log", yscale="log", xlabel="$n(1-p)^2$", ylabel=label, title="after the last step")
        axis.set_yticks(ticks, ticks)
        axis.minorticks_off()
    axes[0].legend(loc="lower right")
    _draw_seeds(axes[2], panels["unpaired"])
    axes[2].set(xlabel="retrieval (top 1), 95 % intervals", title="after unpaired images, by the guess")
    drawn |= {f"unpaired: {name}": curve for name, curve in panels["unpaired"].items()}
    return figure, seed_curves.columns(drawn)


def _draw_seeds(axis, groups):
    """One row for each group: its seeds, their mean and its 95 % interval."""
    for place, (_, found) in enumerate(groups.values()):
        mean = statistics.against(found[0], np.zeros(found.shape[1]), comparisons=1)
        axis.plot(found[0], np.full(found.shape[1], place), ".", color=COLOURS[0], alpha=0.5)
        axis.errorbar(mean.mean, place, xerr=mean.high - mean.mean, fmt="D", color=COLOURS[0], capsize=3)
    axis.set(yticks=range(len(groups)), yticklabels=list(groups), ylim=(len(groups) - 0.5, -0.5))
