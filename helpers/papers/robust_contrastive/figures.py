"""Pictures of this paper: from arrays to a matplotlib figure. Theory is a line, what was measured is points."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL, waterfall

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = COLOURS
LOG_2 = float(np.log(2))
# Rows of the two waterfalls, from top to bottom, and which of them are totals.
CLIMB = (
    "best classifier",
    "mean classifier instead",
    "robust loss $\\bar R$",
    "spread in classes $S_4$",
    "positive $S_1$",
    "finite K: $-J$",
    "attacked loss, $L^{a^*}_{un}$",
    "attack knows the tuple",
    "worst case of $J$",
    "bound",
)
CLIMB_TOTALS = {0, 2, 6, 9}
BRIDGE = (
    "benign contrastive",
    "finite K: $J$",
    "positive $-S_1$",
    "spread $-S_4$",
    "clean loss",
    "local shift",
    "global shift",
    "robust loss $\\bar R$",
    "hard positives instead",
    "osc · TV instead",
    "bound",
)
BRIDGE_TOTALS = {0, 4, 7, 10}


def _figure(columns, size, **options):
    return plt.subplots(1, columns, figsize=size, layout="constrained", **options)


def arcs(degrees, curves, *, densities, ends):
    """The circle with one attacked arc a class, and losses and bounds against the half width of the arc.

    Parameters
    ----------
    degrees : ndarray, shape (angles,)
    curves : dict of str to ndarray, shape (angles,)
        ``robust``, ``best``, ``class-aware``, ``label-free``, ``divergence``; nats.
    densities : ndarray, shape (2, grid)
    ends : dict of str to float
        Angle at which a bound of that name reaches log 2.
    """
    fig, (left, right) = _figure(2, (9.2, 3.8), width_ratios=[1, 1.7])
    ring, grid = np.linspace(0, 2 * np.pi, 361), 2 * np.pi * np.arange(densities.shape[1]) / densities.shape[1]
    for label, (density, colour, centre) in enumerate(zip(densities, (BLUE, ORANGE), (0, np.pi), strict=True)):
        radius = 1 + 0.8 * density / density.max()
        _ = left.fill(radius * np.cos(grid), radius * np.sin(grid), color=colour, alpha=0.3)
        arc = centre + 0.35 + np.deg2rad(np.linspace(-40, 40, 60))
        _ = left.plot(0.86 * np.cos(arc), 0.86 * np.sin(arc), color=colour, linewidth=4, zorder=3)
        _ = left.plot(np.cos(centre + 0.35), np.sin(centre + 0.35), "o", color=colour, markersize=7, zorder=4)
        _ = left.annotate(f"class {label}", (1.35 * np.cos(centre), 0), ha="center", va="center", color="black")
    _ = left.fill(np.cos(ring), np.sin(ring), color="white", zorder=1.5)
    _ = left.plot(np.cos(ring), np.sin(ring), color="black", linewidth=0.8, zorder=2)
    _ = left.annotate("an attack may move a point\nanywhere along its arc", (0, -1.75), ha="center", va="center")
    _ = left.set(aspect="equal", xlim=(-1.9, 1.9), ylim=(-2.0, 1.2), title="features of two classes")
    _ = left.set_axis_off()
    shown = (
        ("robust", "robust loss, mean classifier", BLACK, "-"),
        ("best", "robust loss, best classifier", BLACK, ":"),
        ("class-aware", "bound, attack knows the class", SKY, "-"),
        ("label-free", "bound, no label anywhere", BLUE, "-"),
        ("divergence", "bound, benign loss + divergence", ORANGE, "-"),
    )
    for name, words, colour, form in shown:
        _ = right.plot(degrees, curves[name], form, color=colour, label=words, linewidth=2)
    _ = right.axhline(LOG_2, color=CONTROL, linestyle="--", label="knowing nothing: log 2")
    for name, colour in (("class-aware", SKY), ("label-free", BLUE), ("divergence", ORANGE)):
        _ = right.plot(ends[name], LOG_2, "o", color=colour, markersize=8, zorder=5)
        _ = right.annotate(f"{ends[name]:.0f}°", (ends[name], LOG_2), (-3, 9), textcoords="offset points", ha="right")
    _ = right.set(xlabel="half width of the arc (degrees)", ylabel="nats", xlim=(0, 90), ylim=(0, 1.9))
    _ = right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=2)
    return fig


def price_of_negatives(negatives, gap, limit, bounds, root_law):
    """Jensen gap of the extremal law against K with its limit, the two bounds, and the K^-1/2 law in grey."""
    fig, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
    _ = ax.loglog(negatives, root_law, "--", color=CONTROL, label="$K^{-1/2}$ bound: valid, not tight")
    _ = ax.loglog(negatives, bounds[0] + 0 * negatives, color=GREEN, label=r"bound $\kappa(1/\tau)$")
    _ = ax.loglog(negatives, bounds[1], color=ORANGE, label=r"bound $(e^{1/\tau}-1)^2/K$")
    _ = ax.loglog(negatives, limit, color=BLACK, linewidth=1, label="limit Var / (2 mean² K)")
    _ = ax.loglog(negatives, gap, "o", color=BLUE, label="$J_K$, exact, extremal law")
    _ = ax.set(xlabel="negatives K", ylabel="nats", ylim=(4e-4, 1e2))
    _ = ax.legend(loc="upper right", fontsize=8)
    return fig


def climb(steps, titles, *, errors):
    """From the best classifier's robust loss up to the bound; one waterfall a column of ``steps`` (rows, panels).

    ``errors`` has one number a panel: two standard errors of the sampled step "attack knows the tuple", or 0.
    """
    fig, axes = _figure(len(titles), (9.4, 3.9), sharey=True)
    for ax, chain, title, error in zip(axes, np.transpose(steps), titles, errors, strict=True):
        _waterfall(ax, CLIMB, chain, CLIMB_TOTALS, title)
        if error:
            level = chain[6] + chain[7]
            _ = ax.plot([level - error, level + error], [7.4, 7.4], color="black", linewidth=2.5, zorder=5)
    return fig


def bridge(steps, titles):
    """From the benign contrastive loss to the robust loss and on to the divergence bound; as :func:`climb`."""
    fig, axes = _figure(len(titles), (9.4, 4.1), sharey=True)
    for ax, chain, title in zip(axes, np.transpose(steps), titles, strict=True):
        _waterfall(ax, BRIDGE, chain, BRIDGE_TOTALS, title)
    return fig


def _waterfall(ax, labels, chain, totals, title):
    # the grey line behind everything: no number is crossed by it
    _ = ax.axvline(LOG_2, color=CONTROL, linestyle="--", zorder=0)
    waterfall(ax, labels, chain, totals=totals)
    levels = np.cumsum([0 if row in totals and row else value for row, value in enumerate(chain)])
    most = max(levels.max(), np.max(chain))
    _ = ax.set(xlim=(min(0, levels.min()) - 0.02 * most, 1.28 * most), title=title, xlabel="nats (dashed: log 2)")


def swap_world(fraction, robust, benign, repaired, divergence):
    """Two antipodal classes before and after the swap; robust loss, bounds and divergence against the share."""
    fig, axes = _figure(3, (9.0, 3.0), width_ratios=[0.8, 0.8, 1.5])
    ring = np.linspace(0, 2 * np.pi, 200)
    for ax, order, title in zip(axes, ((0, 1), (1, 0)), ("benign features", "attacked features"), strict=False):
        _ = ax.plot(np.cos(ring), np.sin(ring), color="#cccccc")
        for place, label in zip(((1, 0), (-1, 0)), order, strict=True):
            _ = ax.plot(*place, "os"[label], color=(BLUE, ORANGE)[label], markersize=15)
            _ = ax.annotate(f"class {label}", place, (0, 13), textcoords="offset points", ha="center")
        _ = ax.annotate("half and half", (0, 0), ha="center", va="center")
        _ = ax.set(xlim=(-1.5, 1.5), ylim=(-1.15, 1.35), aspect="equal", title=title)
        _ = ax.set_axis_off()
    _ = axes[2].plot(fraction, repaired, color=GREEN, linewidth=5, alpha=0.4, label="benign bound + local shift")
    _ = axes[2].plot(fraction, robust, "o", color=BLACK, label="robust loss")
    _ = axes[2].plot(fraction, benign, color=BLUE, label="benign bound")
    _ = axes[2].plot(fraction, divergence, "x", color=CONTROL, label="JS of the marginals (computed)")
    _ = axes[2].set(xlabel="share of the points that are swapped", ylabel="nats", ylim=(-0.25, 4.4))
    _ = axes[2].legend(loc="upper left")
    return fig


def certificate(samples, certified, price, *, parts, truth):
    """The certificate against the number of tuples, split into its parts, above the true robust loss.

    ``parts`` maps a name to a constant number of nats, from the bottom up; ``price`` (the complexity) comes on top.
    """
    fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    level = np.zeros(len(samples))
    for (name, value), colour in zip(parts.items(), (SKY, YELLOW, PINK, GREEN), strict=False):
        _ = ax.fill_between(samples, level, level + value, color=colour, alpha=0.5, linewidth=0, label=name)
        level = level + value
    _ = ax.fill_between(samples, level, level + price, color=CONTROL, alpha=0.4, linewidth=0, label="complexity")
    _ = ax.plot(samples, certified, "o-", color=BLUE, label="certificate")
    _ = ax.axhline(truth, color=BLACK, label="true robust loss")
    _ = ax.axhline(LOG_2, color=ORANGE, linestyle="--", label="knowing nothing: log 2")
    _ = ax.set(xscale="log", xlabel="independent tuples N", ylabel="nats", ylim=(0, 1.35))
    _ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return fig


def dial(widths, by_width, samples, by_samples, *, ceiling, mark):
    """Complexity of both forms (rows) against weights and against tuples, log-log; ``mark`` is (weights, samples)."""
    fig, axes = _figure(2, (9.0, 3.4))
    for ax, x, curves, place in ((axes[0], widths, by_width, mark[0]), (axes[1], samples, by_samples, mark[1])):
        for curve, colour, name in zip(curves, (ORANGE, BLUE), ("linear", "root"), strict=True):
            _ = ax.loglog(x, curve, color=colour, label=f"complexity, {name} form")
            height = np.exp(np.interp(np.log(place), np.log(x), np.log(curve)))
            _ = ax.plot(place, height, "*", markersize=13, color=colour)
        _ = ax.axhline(ceiling, color=CONTROL, linestyle="--", label="no loss is larger")
    _ = axes[0].set(xlabel="weights T", ylabel="nats", title="N = 50 000 tuples; stars: ResNet-18")
    _ = axes[1].set(xlabel="independent tuples N", title="11.2 million weights; stars: N = 50 000")
    _ = axes[0].legend(loc="upper left")
    return fig


def temperature_map(negatives, temperatures, errors, best):
    """Smallest certifiable error over K and temperature; ``errors`` (panels, temperatures, K), ``best`` (panels, K)."""
    levels, colours = [0, 0.05, 0.1, 0.2, 0.5, 1], plt.get_cmap("cividis_r").with_extremes(over="#333333")
    fig, axes = _figure(2, (8.4, 3.5), sharey=True)
    for ax, classes, values, line in zip(axes, (2, 10), errors, best, strict=True):
        image = ax.contourf(negatives, temperatures, values, levels=levels, extend="max", cmap=colours)
        inside = (line > temperatures[0]) & (line < temperatures[-1])
        _ = ax.plot(negatives[inside], line[inside], "--", color="white", label="best temperature for this K")
        _ = ax.plot(1022, 0.5, "o", color=ORANGE, markeredgecolor="white", label=r"official code: $K=1022$, $\tau=0.5$")
        _ = ax.set(xscale="log", yscale="log", xlabel="negatives K = weight", title=f"{classes} classes")
        _ = ax.minorticks_off()
    ticks = [0.1, 0.2, 0.5, 1, 2]
    _ = axes[0].set(ylabel="temperature", yticks=ticks, yticklabels=ticks)
    _ = axes[0].legend(loc="lower left", fontsize=8, frameon=True, facecolor="#777777", labelcolor="white")
    _ = fig.colorbar(
        image, ax=axes, label="smallest certifiable robust error\n(dark: above 1, says nothing)", ticks=levels
    )
    return fig


def chance_line(degrees, aware, tuples, errors, *, chance):
    """InfoNCE under attack against the arc: the tuple attack (two standard errors) and the class-aware attack."""
    fig, ax = plt.subplots(figsize=(5.8, 3.6), layout="constrained")
    _ = ax.plot(degrees, aware, color=SKY, label="attack knows the class")
    _ = ax.errorbar(degrees, tuples, errors, fmt="o", color=BLUE, label="attack knows the tuple, no label (2 s.e.)")
    _ = ax.axhline(chance, color=CONTROL, linestyle="--", label=r"chance line $\log\beta-J$")
    _ = ax.set(xlabel="half width of the arc (degrees)", ylabel="adversarial InfoNCE (nats)", title="K = weight = 1022")
    _ = ax.legend(loc="upper left")
    return fig


def discriminators(shades, line, clouds, steps, curves, *, floor):
    """Decision maps of a linear and a quadratic discriminator, and their training; ``curves`` maps a name to BCE."""
    fig, axes = _figure(3, (10.2, 3.3))
    x, y = np.meshgrid(line, line)
    for ax, shade, name in zip(axes, shades, ("linear: D = 1/2 everywhere", "quadratic"), strict=False):
        seen = ax.pcolormesh(x, y, shade, cmap="PuOr", vmin=0, vmax=1, shading="gouraud", rasterized=True)
        for cloud, mark, words in zip(clouds, "oX", ("benign", "attacked"), strict=True):
            _ = ax.plot(*cloud.T, mark, ms=11, mfc="white", mec="black", mew=1.5, label=words)
        _ = ax.set(aspect="equal", title=name, xlabel="$z_1$", ylabel="$z_2$")
        _ = ax.legend(loc="upper right", fontsize=8, frameon=True)
    _ = fig.colorbar(seen, ax=axes[1], label="D(z)")
    _ = axes[2].axhline(LOG_2, color=CONTROL, linestyle="--", label="log 2: D knows nothing")
    for (name, curve), colour in zip(curves.items(), (BLUE, ORANGE), strict=True):
        _ = axes[2].plot(steps, curve, color=colour, label=name)
    _ = axes[2].plot(steps, floor + 0 * steps, ":", color=BLACK, label="log 2 - JS")
    _ = axes[2].set(xlabel="gradient steps", ylabel="BCE (nats)", title="disjoint laws, equal means")
    _ = axes[2].legend(fontsize=8, loc="center right")
    return fig


def attack_directions(tuples, cosines, sizes, measured, errors, theory, *, population):
    """Cosine with the supervised attack, one thin line an anchor (tuples, anchors), and the decay of its defect."""
    fig, (left, right) = _figure(2, (8.8, 3.3))
    _ = left.semilogx(tuples, cosines, color=BLUE, alpha=0.25, linewidth=0.8)
    _ = left.semilogx(
        tuples, np.mean(cosines, axis=1), "o-", color=BLUE, label="averages of r tuples (thin: an anchor)"
    )
    _ = left.axhline(population, color="black", linestyle="--", label="population direction")
    _ = left.set(xlabel="tuples averaged, r", ylabel="cosine with the supervised attack", ylim=(0, 1.05))
    _ = left.legend(loc="lower right")
    _ = right.errorbar(sizes, measured, errors, fmt="o", color=ORANGE, label="measured, 2 s.e.")
    _ = right.plot(sizes, theory, color="black", label="first and next order")
    _ = right.plot(sizes, measured[0] * (sizes / sizes[0]) ** -0.5, color=CONTROL, label="control: rate 1/2")
    _ = right.set(xscale="log", yscale="log", xlabel="tuples averaged, r", ylabel="1 − cosine with population")
    _ = right.set(xticks=sizes, xticklabels=sizes)
    right.xaxis.set_minor_formatter("")
    _ = right.legend(loc="upper right")
    return fig


def arc_attack(degrees, losses, ends, shortfalls):
    """The loss along an attacked arc, one panel a problem, and where PGD from one and from twelve starts ends.

    Parameters
    ----------
    degrees : ndarray, shape (points,)
    losses : ndarray, shape (problems, points)
    ends : dict of str to ndarray, shape (problems, 2)
        Degrees and loss of the end points of an attack.
    shortfalls : sequence of float
    """
    fig, axes = _figure(len(losses), (8.8, 2.9))
    marks = zip(ends.items(), ("o", "^"), (ORANGE, GREEN), (13, 7), strict=True)
    for (name, places), mark, colour, size in list(marks):
        for ax, place in zip(axes, places, strict=True):
            _ = ax.plot(*place, mark, color=colour, markersize=size, fillstyle="none", markeredgewidth=2, label=name)
    for ax, loss, shortfall in zip(axes, losses, shortfalls, strict=True):
        _ = ax.plot(degrees, loss, color="black", zorder=1)
        _ = ax.set(title=f"one start falls short by {shortfall:.2f}", xlabel="angle (degrees)")
        _ = ax.margins(y=0.15)
    _ = axes[0].set_ylabel("loss (nats)")
    _ = axes[0].legend(loc="upper left", fontsize=8)
    return fig


def ablation(variants, robust, bound, clean):
    """Robust loss, its bound and the clean loss of every seed, (variants, seeds) each, in two ranges of nats."""
    fig, (near, far) = _figure(2, (9.2, 3.6), width_ratios=[3, 1.3], sharey=True)
    for ax in (near, far):
        for row, values in enumerate(zip(robust, bound, clean, strict=True)):
            place = row + np.linspace(-0.3, 0.3, robust.shape[1])
            _ = ax.hlines(place, values[0], values[1], color=CONTROL, linewidth=1, zorder=1)
            forms = (("o", BLACK, "robust loss"), ("|", BLUE, "bound RC-T2, estimated"), (".", ORANGE, "clean loss"))
            for value, (mark, colour, name) in zip(values, forms, strict=True):
                _ = ax.plot(value, place, mark, color=colour, markersize=5, label=None if row else name, zorder=2)
        _ = ax.axvline(LOG_2, color=CONTROL, linestyle="--", label="knowing nothing: log 2")
        _ = ax.set(xlabel="nats")
    split = max(0.95, bound[1:].max() + 0.03)
    _ = near.set(xlim=(0, split), yticks=range(len(variants)), yticklabels=variants, ylim=(len(variants) - 0.5, -0.5))
    _ = far.set(xlim=(split, 1.04 * bound.max()), title="the same, further right")
    _ = near.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=4)
    return fig


def ablation_recorded(names, trained, fresh):
    """Robust losses on training and on fresh points, (variants, seeds) each; the benign variant in its own range."""
    fig, (near, far) = _figure(2, (9.2, 3.6), width_ratios=[3, 1], sharey=True)
    for ax in (near, far):
        for values, shift, colour, label in ((trained, -0.15, BLUE, "training points"), (fresh, 0.15, ORANGE, "fresh")):
            for row, value in enumerate(values):
                place = np.full(len(value), row + shift)
                _ = ax.plot(value, place, "o", color=colour, alpha=0.5, label=None if row else label)
                _ = ax.plot(value.mean(), row + shift, "D", color=colour, markeredgecolor="black")
        _ = ax.axvline(LOG_2, color=CONTROL, linestyle="--", label="knowing nothing: log 2")
        _ = ax.set(xlabel="robust loss (nats)")
    _ = near.set(xlim=(0.25, 0.8), yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    _ = far.set(xlim=(1.9, 3.3), title="benign alone")
    _ = near.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3)
    return fig


def fashion_probes(names, clean, attacked):
    """Test accuracies in per cent; ``clean`` and ``attacked`` map a probe to an array (objectives, seeds)."""
    fig, axes = _figure(2, (9.2, 3.3), sharey=True)
    places = np.arange(len(names))
    for ax, probe in zip(axes, clean, strict=True):
        for values, colour, label in ((clean[probe], BLUE, "clean images"), (attacked[probe], ORANGE, "under PGD-20")):
            _ = ax.plot(values, places, ".", color=colour, alpha=0.45)
            _ = ax.plot(values.mean(axis=1), places, "D", color=colour, label=label)
        _ = ax.set(title=f"{probe}: five seeds and their mean", xlabel="test accuracy (%)")
    _ = axes[0].set(yticks=places, yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    _ = axes[0].legend(loc="lower left", frameon=True, facecolor="white", edgecolor="none")
    return fig


def fashion_terms(marks, curves, *, classes):
    """Robust loss and bound, and clean and attacked InfoNCE along the training, means and standard errors over seeds.

    ``curves`` maps an objective to a dict of reading to array (marks, seeds).
    """
    fig, axes = _figure(2, (9.2, 3.7))
    for (name, readings), colour in zip(curves.items(), (BLUE, ORANGE, GREEN), strict=False):
        for ax, pair in zip(axes, (("robust_loss", "bound"), ("benign", "adversarial")), strict=True):
            for reading, form in zip(pair, ("o-", "s--"), strict=True):
                values = readings[reading]
                error = values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
                label = name if form == "o-" else None
                _ = ax.errorbar(marks, values.mean(axis=1), error, fmt=form, markersize=4, color=colour, label=label)
    _ = axes[0].axhline(np.log(classes), color=CONTROL, linestyle=":", label=f"knowing nothing: log {classes}")
    _ = axes[0].set(title="robust loss (solid), bound (dashed)", xlabel="epoch", ylabel="nats")
    _ = axes[1].set(title="InfoNCE, clean (solid), attacked (dashed)", xlabel="epoch")
    _ = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig
