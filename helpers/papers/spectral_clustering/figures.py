"""The pictures of this paper: from arrays to a figure and the columns that it plots, in long form.

Theory is drawn as a line, measurements as points with their spread, controls in grey.
"""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL, long_format

FLOOR = 1e-16  # an error of exactly zero is drawn here


def three_routes(times, gaps, errors, controls):
    """Gaps (graphs, routes, times) of the three routes along a flow, their worst errors (2, times) and the controls."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    routes = ("loops over the loss", "all drawings", "trace + log R")
    forms = ({"marker": "o", "ls": "", "mfc": "none", "ms": 8}, {"marker": "x", "ls": "", "ms": 6}, {"ls": "-"})
    low, high, middle = gaps[:, 0].min(axis=0), gaps[:, 0].max(axis=0), np.median(gaps, axis=0)
    left.fill_between(times, low, high, color=COLOURS[2], alpha=0.15, lw=0)
    for index in (2, 0, 1):
        left.plot(times, middle[index], color=COLOURS[index], label=routes[index], **forms[index])
    left.set(ylabel="$H(Z)-\\mathrm{Ent}(P)$ (nats)", xlabel="time of the gradient flow", xscale="log", yscale="log")
    left.legend()
    drawn = np.maximum(errors, FLOOR)
    right.plot(times, drawn[0], "x", color=COLOURS[1], label="drawings against loops")
    right.plot(times, drawn[1], "-", color=COLOURS[2], label="trace against loops")
    for (name, miss), dash in zip(controls.items(), ("-", "--"), strict=True):
        right.plot(times, miss, dash, color=CONTROL)
        place = (0, 4) if dash == "--" else (0, -11)
        right.annotate(name, (times[0], miss[0]), place, textcoords="offset points", color="#666666", size=8)
    right.set(ylabel="disagreement (nats)", xlabel="time of the gradient flow", xscale="log", yscale="log")
    right.set_ylim(3e-17, 1e3)
    right.legend(loc="center right")
    curves = {"lowest": low, "highest": high} | dict(zip(("loops", "drawings", "trace"), middle, strict=True))
    curves |= {"error of the drawings": errors[0], "error of the trace": errors[1]} | controls
    return figure, long_format.columns([{"curve": name, "time": times, "value": v} for name, v in curves.items()])


def batch_bias(sizes, bias, left, without, first, second):
    """Bias of the loss (sizes, instances) and what c_1/N leaves of it, with the predictions; control in grey."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    panels = (("bias", bias, first, 1, "predicted, $c_1/N$"), ("rest", left, second, 2, "predicted, $c_2/N^2$"))
    pieces = []
    for axis, colour, (name, values, coefficient, order, label) in zip(axes, COLOURS, panels, strict=False):
        middle, (low, high) = np.median(np.abs(values), axis=1), np.quantile(np.abs(values), (0.1, 0.9), axis=1)
        line = np.median(np.abs(coefficient)) / sizes**order
        axis.vlines(sizes, low, high, color=colour, alpha=0.5)
        axis.plot(sizes, middle, "o", color=colour, label=f"median of {values.shape[1]}; bar: 10 to 90 %")
        axis.plot(sizes, line, color=colour, lw=1, label=label)
        pieces.append({"quantity": name, "N": sizes, "low": low, "median": middle, "high": high, "predicted": line})
    middle, (low, high) = np.median(np.abs(without), axis=1), np.quantile(np.abs(without), (0.1, 0.9), axis=1)
    axes[1].plot(sizes, middle, "s", ms=7, mfc="none", color=CONTROL, label="5 % of the variance term missing")
    pieces.append({"quantity": "control", "N": sizes, "low": low, "median": middle, "high": high, "predicted": line})
    axes[0].set(title="bias of the loss", ylabel="absolute difference (nats)")
    axes[1].set(title="bias minus $c_1/N$")
    for axis in axes:
        axis.set(xscale="log", yscale="log", xlabel="candidates N in the denominator")
        axis.set_xticks(sizes, sizes)
        axis.minorticks_off()
        axis.legend(loc="lower left")
    return figure, long_format.columns(pieces)


def phase_transition(at, sides, gaps, lines, theory):
    """Squared side and KL per anchor of descents, by (blocks, ratio), over the closed forms {blocks: (side, kl)}."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    forms, pieces = ({"marker": "o"}, {"marker": "s"}, {"marker": "^", "mfc": "none"}), []
    for (k, curves), colour, form in zip(theory.items(), COLOURS, forms, strict=False):
        for axis, quantity, curve, found in zip(axes, ("side", "kl"), curves, (sides, gaps), strict=True):
            measured = np.array([found[k, ratio] for ratio in at])
            axis.plot(lines, curve, color=colour, lw=1)
            axis.plot(at, measured, ls="", color=colour, label=f"{k} blocks", **form)
            for source, x, y in (("closed form", lines, curve), ("descent", at, np.round(measured, 9) + 0.0)):
                pieces.append({"quantity": quantity, "source": source, "blocks": k, "ratio": x, "value": y})
    axes[0].set(ylabel="squared side of the simplex")
    axes[1].set(ylabel="KL per anchor (nats)")
    for axis in axes:
        axis.axvline(1, color=CONTROL, lw=0.8, ls="--")
        axis.set(xscale="log", xlabel="temperature / critical temperature")
        axis.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        axis.minorticks_off()
    axes[1].legend(loc="upper left", title="lines: closed form")
    return figure, long_format.columns(pieces)


def escape_from_collapse(offsets, curvature, times, shares, predicted, shown):
    """Hessian eigenvalues at collapse over lambda_k - c_n, and components (times, n - 1) of a flow, some of them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    unstable = offsets < 0
    left.axhspan(min(curvature) - 0.2, 0, color=COLOURS[5], alpha=0.15, lw=0)
    left.plot(offsets, 2 * offsets, color=CONTROL, lw=1, label=r"$\frac{2}{\tau}(\lambda_k-c_n)$")
    left.plot(offsets[unstable], curvature[unstable], "o", color=COLOURS[1], label="escape directions")
    left.plot(offsets[~unstable], curvature[~unstable], "s", color=COLOURS[0], label="stable directions")
    left.set(xlabel=r"$\lambda_k-c_n$", ylabel="Hessian eigenvalue at collapse", ylim=(min(curvature) - 0.2, None))
    left.legend(loc="lower right")
    for colour, k in zip(COLOURS, shown, strict=False):
        right.plot(times, predicted[:, k], color=colour, lw=0.8)
        right.plot(times[::2], shares[::2, k], "o", ms=3, color=colour, label=f"$v_{{{k + 2}}}$")
    right.plot([], [], color=COLOURS[6], lw=0.8, label="predicted")
    right.set(xlabel=r"time (units of $\tau$)", ylabel="norm of the component", yscale="log", ylim=(1e-9, 1e3))
    right.legend(ncols=3, loc="upper left")
    pieces = [{"panel": "hessian", "eigenvector": np.arange(len(offsets)) + 2, "x": offsets, "measured": curvature}]
    pieces[0]["predicted"] = 2 * offsets
    for k in shown:
        piece = {"panel": "flow", "eigenvector": k + 2, "x": times[::2], "measured": shares[::2, k]}
        pieces.append(piece | {"predicted": predicted[::2, k]})
    return figure, long_format.columns(pieces)


def angle_against_time(times, starts, tracks, final, series):
    """Angles along flows (starts, times); right, smallest angles {name: (sizes, angles, predicted exponent)}."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    pieces = []
    for delta, track, shade in zip(starts, tracks, np.linspace(0.35, 1, len(starts)), strict=True):
        label = rf"$\delta=10^{{{int(np.log10(delta))}}}$"
        left.plot(times, track, color=COLOURS[0], alpha=shade, label=label)
        pieces.append({"panel": "flow", "series": f"{delta:.0e}", "x": times, "angle": track, "predicted": final})
    left.axhline(final, color=CONTROL, ls="--", label="at the minimum")
    left.set(xlabel=r"time (units of $\tau$)", ylabel=r"angle to $v_2,v_3$ (degrees)", yscale="log", ylim=(0.05, 120))
    left.legend(ncols=2, loc="lower right")
    for (name, (sizes, angles, power)), colour, mark in zip(series.items(), COLOURS[1:], "osD", strict=False):
        line = np.exp(np.mean(np.log(angles / sizes**power))) * sizes**power
        right.plot(sizes, line, color=colour, lw=1)
        right.plot(sizes, angles, mark, color=colour, label=f"{name}, slope {power:.2f}")
        pieces.append({"panel": "dip", "series": name, "x": sizes, "angle": angles, "predicted": line})
    right.set(xlabel=r"size of the start $\delta$", ylabel="smallest angle (degrees)", xscale="log", yscale="log")
    right.legend(loc="lower right", title="lines: predicted slope")
    return figure, long_format.columns(pieces)


def block_model_panel(densities, table, names):
    """Rand indices and angles of sampled block models, {(p_in, p_out): (names, graphs)}: means, standard deviations."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained")
    series = [(p_out, table[0.5, p_out]) for p_out in densities]
    x, dodge = np.array(densities, dtype=float), 0.003 * np.array([-1, 0, 1])
    labels = ("InfoNCE against the blocks", "spectral against the blocks", "InfoNCE against spectral")
    for index, (label, mark) in enumerate(zip(labels, "osD", strict=True)):
        values = np.array([rows[index] for _, rows in series])
        form = {"fmt": mark + "-", "color": COLOURS[index], "capsize": 2, "lw": 1, "ms": 4, "label": label}
        left.errorbar(x + dodge[index], values.mean(axis=1), values.std(axis=1, ddof=1), **form)
    left.set(xlabel=r"$p_{out}$ at $p_{in}=0.5$", ylabel="adjusted Rand index", ylim=(0, 1.08))
    left.legend(loc="lower left")
    angles = np.array([rows[3] for p_out, rows in series if p_out > 0])
    form = {"fmt": "o-", "color": COLOURS[3], "capsize": 2, "lw": 1, "label": r"$p_{in}=0.5$"}
    right.errorbar(x[x > 0], angles.mean(axis=1), angles.std(axis=1, ddof=1), **form)
    dense = table[0.75, 0.2][3]
    form = {"fmt": "D", "mfc": "none", "color": COLOURS[4], "ms": 8, "label": r"$p_{in}=0.75$, the paper's setting"}
    right.errorbar(0.2, dense.mean(), dense.std(ddof=1), **form)
    for p_out, rows in ((0, table[1, 0]), (0.2, table[0.75, 0.2])):
        left.plot(p_out, rows[2].mean(), "D", mfc="none", ms=11, color=COLOURS[4])
    left.plot([], [], "D", mfc="none", ms=8, color=COLOURS[4], label="the paper's (1, 0), (0.75, 0.2)")
    left.legend(loc="lower left")
    right.set(xlabel=r"$p_{out}$", ylabel=r"angle to $v_2,v_3$ (degrees)", xlim=left.get_xlim(), ylim=(0, None))
    right.legend(loc="upper left")
    pieces = []
    for (p_in, p_out), rows in table.items():
        piece = {"p_in": p_in, "p_out": p_out, "graphs": rows.shape[1]}
        for name, values in zip(names, rows, strict=False):
            # a disconnected graph has no minimiser, hence no angle: -1
            known = name != "angle" or p_out > 0
            piece[name] = values.mean() if known else -1.0
            piece[f"{name}_sd"] = values.std(ddof=1) if known else 0.0
        pieces.append(piece)
    return figure, long_format.columns(pieces)


def codeword_window(curves, own, classes="the digits"):
    """Comparisons {"free" or temperature: [one a graph]} with spectral clustering; own: its index with the classes."""
    figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained")
    found = {key: np.array([_numbers(c) for c in row]) for key, row in curves.items()}
    places = np.arange(len(curves))
    columns = {"ari_spectral": (0, 0), "ari_classes": (0, 1), "mean_angle": (1, 0), "rank": (2, 0)}
    labels = ("with spectral clustering", f"with {classes}", "mean of nine angles", "effective rank")
    for (column, (panel, colour)), label in zip(enumerate(columns.values()), labels, strict=True):
        values = np.array([rows[:, column] for rows in found.values()])
        panels[panel].plot(places, values, ".", color=COLOURS[colour], alpha=0.5)
        panels[panel].plot(places[1:], values[1:].mean(axis=1), "o-", color=COLOURS[colour], label=label, ms=4)
        panels[panel].plot(places[:1], values[:1].mean(axis=1), "o", color=COLOURS[colour], ms=4)
    panels[0].axhline(np.mean(own), color=CONTROL, ls="--", label=f"spectral {labels[1]}")
    panels[0].set(ylabel="adjusted Rand index", ylim=(0.2, 1.02))
    panels[0].legend(loc="lower left")
    panels[1].set(ylabel="angle to $v_2,\\dots,v_{10}$, mean of nine (degrees)", ylim=(0, None))
    panels[2].set(ylabel="effective rank of the map", ylim=(0, 9.5))
    for axis in panels:
        axis.set_xticks(places, ["free", *(f"{tau:g}" for tau in list(curves)[1:])])
        axis.set_xlabel("temperature on the sphere")
    pieces = []
    for key, rows in found.items():
        piece = {"temperature": str(key), "graph": np.arange(len(rows))}
        pieces.append(piece | {name: rows[:, column] for column, name in enumerate(columns)})
    return figure, long_format.columns(pieces)


def _numbers(comparison):
    return comparison.spectral.value, comparison.labels.value, comparison.angles.mean(), comparison.rank


def same_clusters(vectors, matched, truth):
    """Two maps (n, 2) of one graph side by side: spectral coordinates and the minimiser of InfoNCE, matched to them."""
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.5), layout="constrained", sharex=True, sharey=True)
    titles, pieces = ("spectral clustering: $v_2$, $v_3$", "contrastive learning: the minimiser of InfoNCE"), []
    for axis, title, points, name in zip(axes, titles, (vectors, matched), ("spectral", "infonce"), strict=True):
        for block, mark in zip(np.unique(truth), "os^", strict=False):
            axis.plot(*points[truth == block].T, mark, color=COLOURS[block], ms=5, alpha=0.8)
        axis.set(title=title, aspect="equal", xticks=[], yticks=[])
        pieces.append({"map": name, "block": truth, "x": points[:, 0], "y": points[:, 1]})
    return figure, long_format.columns(pieces)


def two_settings(maps, truth):
    """Maps (n, 2) of the paper's two block models, {(p_in, p_out): (spectral, InfoNCE)}; one row a setting."""
    figure, axes = plt.subplots(2, 2, figsize=(7.0, 6.2), layout="constrained")
    pieces = []
    for row, (setting, pair) in zip(axes, maps.items(), strict=True):
        for axis, name, points in zip(row, ("spectral clustering", "InfoNCE"), pair, strict=True):
            for block, mark in zip(np.unique(truth), "os^", strict=False):
                axis.plot(*points[truth == block].T, mark, color=COLOURS[block], ms=5, alpha=0.8)
            reach = 1.15 * np.abs(points).max()
            axis.set(aspect="equal", xticks=[], yticks=[], xlim=(-reach, reach), ylim=(-reach, reach))
            axis.set_title(f"$p_{{in}}={setting[0]:g}$, $p_{{out}}={setting[1]:g}$: {name}")
            place = {"p_in": setting[0], "p_out": setting[1], "map": name, "block": truth}
            pieces.append(place | {"x": points[:, 0], "y": points[:, 1]})
    return figure, long_format.columns(pieces)


def functional_graphs(tables, drawn, nats):
    """Chances (three tables of 8 x 8) beside three drawings of each, nodes numbered as the rows are."""
    figure, axes = plt.subplots(3, 4, figsize=(8.2, 5.8), layout="constrained")
    quarter = np.pi / 2 * np.arange(4) + np.pi / 4
    corners, shift = np.stack([np.cos(quarter), np.sin(quarter)], axis=1), np.array([1.6, 0])
    places, colours = np.stack([corners - shift, corners + shift]).reshape(8, 2), np.repeat(COLOURS[:2], 4)
    arrow = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=0.15", "color": "#444444", "shrinkA": 6, "shrinkB": 6}
    titles = ("data graph $P$\nEnt", "$Q$ at the minimum\n$H$", "$Q$ at random\n$H$")
    for row, table, samples, title, value in zip(axes, tables, drawn, titles, nats, strict=True):
        image = row[0].imshow(table, vmin=0, vmax=0.5)
        row[0].set(title=f"{title} = {value:.1f} nats", xlabel="chosen", ylabel="anchor")
        row[0].set_xticks(range(8), range(1, 9), size=7)
        row[0].set_yticks(range(8), range(1, 9), size=7)
        row[0].grid(False)
        figure.colorbar(image, ax=row[0], shrink=0.8)
        for axis, sample in zip(row[1:], samples, strict=True):
            for anchor, chosen in np.argwhere(sample):
                axis.annotate("", places[chosen], places[anchor], arrowprops=arrow)
            axis.scatter(*places.T, s=110, c=colours, zorder=3)
            for node, place in enumerate(places):
                axis.text(*place, node + 1, size=7, color="white", ha="center", va="center", zorder=4)
            axis.set(xlim=(-2.9, 2.9), ylim=(-1.3, 1.3))
            axis.set_axis_off()
    cells = np.indices((3, 4, 8, 8)).reshape(4, -1)  # field, panel (0: chances, 1 to 3: draws), anchor, chosen
    shown = np.array([np.concatenate([table[None], samples]) for table, samples in zip(tables, drawn, strict=True)])
    return figure, dict(zip(("field", "panel", "anchor", "chosen"), cells, strict=True)) | {"value": shown}


def moved_minimiser(sizes, moves, first, left, second):
    """Length of the minimiser's move (problems, sizes) and what its first order leaves, with predicted coefficients."""
    figure, axis = plt.subplots(figsize=(4.8, 3.4), layout="constrained")
    pieces = []
    for values, unit, order, colour, label in (
        (moves, first, 1, COLOURS[0], "move, predicted first order"),
        (left, second, 2, COLOURS[1], "what it leaves, predicted second order"),
    ):
        line = np.median(unit) / sizes**order
        axis.vlines(sizes, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.5)
        axis.plot(sizes, np.median(values, axis=0), "o", color=colour)
        axis.plot(sizes, line, color=colour, lw=1, label=label)
        piece = {"quantity": label.split(",")[0], "N": sizes, "low": values.min(axis=0)}
        piece |= {"median": np.median(values, axis=0), "high": values.max(axis=0), "predicted": line}
        pieces.append(piece)
    axis.set(xscale="log", yscale="log", xlabel="candidates N in the denominator")
    axis.set(ylabel="change of the squared distances")
    axis.set_xticks(sizes, sizes)
    axis.minorticks_off()
    axis.legend(loc="lower left")
    return figure, long_format.columns(pieces)


def entropy_dual(hot, curves):
    """InfoNCE over temperature, {case: (loss, entropy of its softmax, largest entropy, temperature of contact)}."""
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.4), layout="constrained", sharey=True)
    pieces = []
    for axis, (name, (loss, own, most, contact)) in zip(axes, curves.items(), strict=True):
        axis.plot(hot, own, "--", color=CONTROL, label=r"entropy of softmax($\psi/\tau$)")
        axis.plot(hot, loss, color=COLOURS[0], label=r"InfoNCE$_\tau$")
        axis.plot(hot[::8], np.full(hot[::8].size, most), ".", color=COLOURS[1], label="largest entropy (solver)")
        if 0 < contact < np.inf:
            axis.plot(contact, most, "o", ms=8, mfc="none", color=COLOURS[3], label="contact")
        axis.set(title=name, xlabel=r"temperature $\tau$", xscale="log", ylim=(-0.1, 4))
        pieces.append({"case": name, "temperature": hot, "infonce": loss, "own_entropy": own, "largest": most})
    axes[0].set(ylabel="nats")
    axes[0].legend(loc="upper right")
    return figure, long_format.columns(pieces)


def exact_spectral_theorem(angles, gaps, bottoms, right):
    """Angles {loss: (graphs, starts)} to the eigenvectors, and Hessian bottoms of wrong critical points over gaps."""
    figure, (left, other) = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    pieces = []
    for (name, found), colour, mark in zip(angles.items(), (COLOURS[0], CONTROL), "os", strict=True):
        found = np.array(found)
        places = np.arange(1, len(found) + 1)[:, None] + np.linspace(-0.25, 0.25, found.shape[1])
        shown = np.where(found < 1e-6, 0.0, found)  # below that an angle is rounding
        left.plot(places.ravel(), shown.ravel(), mark, color=colour, ms=3, label=name)
        pieces.append({"panel": "angle", "loss": name, "x": places.ravel(), "y": shown.ravel()})
    left.set(xlabel="sampled graph, twelve starts each", ylabel="angle to the eigenvectors (degrees)", ylim=(-2, None))
    left.legend(loc="center right")
    line = np.array([0, 4 * max(gaps)])
    other.plot(4 * gaps, bottoms, "o", alpha=0.5, label="wrong eigenvectors")
    other.plot(np.zeros(len(right)), right, "s", color=CONTROL, label="right eigenvectors")
    other.plot(line, -line, color=COLOURS[1], label=r"$-4\,\max(\lambda_i-\lambda_j)$")
    other.set(xlabel=r"$4\,\max(\lambda_i-\lambda_j)$", ylabel="smallest Hessian eigenvalue")
    other.legend(loc="lower left")
    pieces.append({"panel": "saddle", "loss": "wrong", "x": 4 * gaps, "y": bottoms})
    pieces.append({"panel": "saddle", "loss": "right", "x": np.zeros(len(right)), "y": np.round(right, 9) + 0.0})
    return figure, long_format.columns(pieces)


def sphere_temperature(measured):
    """KL per anchor, effective rank and angle on the sphere, {temperature: [(kl, rank, angle) a graph]}."""
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
    taus = np.array(list(measured), dtype=float)
    values = np.array(list(measured.values()))  # (temperatures, graphs, quantities)
    labels = ("KL per anchor (nats)", "effective rank", r"angle to $v_2,v_3$ (degrees)")
    pieces = []
    for axis, quantity, label, colour in zip(axes, np.moveaxis(values, 2, 0), labels, COLOURS, strict=False):
        mean, spread = quantity.mean(axis=1), quantity.std(axis=1, ddof=1)
        axis.errorbar(taus, mean, spread, fmt="o-", capsize=3, lw=1, color=colour)
        axis.set(xscale="log", xlabel="temperature", ylabel=label, ylim=(0, None))
        axis.set_xticks([0.05, 0.2, 1, 5, 20], ["0.05", "0.2", "1", "5", "20"])
        axis.minorticks_off()
        pieces.append({"quantity": label.split(" ")[0], "temperature": taus, "mean": mean, "sd": spread})
    return figure, long_format.columns(pieces)


def kernel_differences(comparisons, titles):
    """Paired differences to the Gaussian, a panel a measure on one scale: seeds in grey, means with intervals."""
    figure, axes = plt.subplots(1, len(comparisons), figsize=(9, 3.2), sharex=True, sharey=True, layout="constrained")
    pieces = []
    for axis, (measure, comparison) in zip(axes, comparisons.items(), strict=True):
        found = comparison.differences
        for place, kernel in enumerate(comparison.others):
            points = comparison.values[kernel] - comparison.values["gaussian"]
            heights = place + np.linspace(-0.2, 0.2, points.size)
            axis.plot(points, heights, ".", color=CONTROL, label="one seed" if place == 0 else None)
            mean, low, high = found.mean[place], found.low[place], found.high[place]
            form = {"fmt": "o", "capsize": 4, "color": COLOURS[0]}
            label = "mean, 99 % interval" if place == 0 else None
            axis.errorbar(mean, place, xerr=[[mean - low], [high - mean]], label=label, **form)
            piece = {"measure": measure, "kernel": kernel, "seed": np.arange(points.size), "difference": points}
            pieces.append(piece | {"mean": mean, "low": low, "high": high})
        axis.axvline(0, color=COLOURS[6], lw=1)
        axis.set(title=titles[measure], xlabel="accuracy minus the Gaussian's (points)")
        axis.set_yticks(range(len(comparison.others)), comparison.others)
        axis.set_ylim(len(comparison.others) - 0.5, -0.5)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure, long_format.columns(pieces)


def kernel_scales(recording, comparisons, titles):
    """Mean validation accuracy of every kernel against its scale, the chosen one ringed, a panel a measure."""
    figure, axes = plt.subplots(1, len(comparisons), figsize=(9, 3.6), layout="constrained")
    pieces = []
    for axis, (measure, comparison) in zip(axes, comparisons.items(), strict=True):
        for number, (kernel, chosen) in enumerate(comparison.scales.items()):
            rows = [row for row in recording.rows if row["kernel"] == kernel]
            scales = list(dict.fromkeys(row["scale"] for row in rows))
            by = f"{measure}_validation"
            curve = [100 * recording.values(by, kernel=kernel, scale=scale).mean() for scale in scales]
            places = np.arange(len(scales)) + 0.06 * (number - 2)
            colour = COLOURS[number]
            axis.plot(places, curve, "osD^vP"[number] + "-", color=colour, ms=4, lw=1, label=kernel)
            axis.plot(places[scales.index(chosen)], curve[scales.index(chosen)], "o", ms=11, mfc="none", color=colour)
            piece = {"measure": measure, "kernel": kernel, "scale": scales, "accuracy": curve}
            pieces.append(piece | {"chosen": [float(scale == chosen) for scale in scales]})
        axis.set(title=titles[measure], xlabel="scale of the kernel", ylabel="validation accuracy (%)")
        axis.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure, long_format.columns(pieces)


def one_epoch(names, reached):
    """Nats below the loss of outputs that are all alike, {training: (kernels,)}."""
    figure, axis = plt.subplots(figsize=(5.6, 3), layout="constrained")
    pieces = []
    for (training, nats), colour, mark in zip(reached.items(), (COLOURS[0], CONTROL), "os", strict=True):
        axis.plot(nats, np.arange(len(names)), mark, color=colour, label=training)
        pieces.append({"training": training, "kernel": names, "nats": nats})
    axis.axvline(0, color=COLOURS[6], lw=1)
    axis.set(xlabel="nats below chance on unseen images", ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.legend(loc="upper center")
    return figure, long_format.columns(pieces)


def probe_bound(ks, squared, wrong, bound):
    """Squared error of a probe on k eigenfunctions, and the chance that it is wrong, over phi / lambda_k+1."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    panels = (("squared error", squared, bound, r"$\phi/\lambda_{k+1}$"), ("wrong", wrong, 2 * bound, None))
    pieces = []
    for axis, colour, (name, measured, above, label) in zip(axes, COLOURS, panels, strict=False):
        axis.plot(ks, above, color=colour, lw=1, label=label or r"$2\phi/\lambda_{k+1}$")
        axis.plot(ks, measured, "o", ms=4, color=colour, label="probe")
        pieces.append({"quantity": name, "k": ks, "measured": measured, "bound": above})
        axis.set(xscale="log", xlabel="eigenfunctions k", ylim=(-0.03, 1.6))
        axis.axhline(1, color=CONTROL, lw=0.8, ls="--")
        axis.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
        axis.minorticks_off()
        axis.legend(loc="upper right")
    axes[0].set(ylabel="mean squared error of one-hot labels")
    axes[1].set(ylabel="share of views named wrongly")
    return figure, long_format.columns(pieces)


def encoder_bias(sizes, measured):
    """Deviations of InfoNCE from its limit, {encoder: (exact (anchors, sizes), c (anchors,), {M: (mean, error)})}."""
    figure, axes = plt.subplots(1, len(measured), figsize=(8.2, 3.4), layout="constrained", sharey=True)
    pieces = []
    for axis, colour, (name, (rows, c, batches)) in zip(axes, COLOURS, measured.items(), strict=False):
        mean, line = rows.mean(axis=0), c.mean() / sizes
        axis.plot(sizes, line, color=colour, lw=1, label="predicted, $c/M$")
        axis.plot(sizes, mean, "o", color=colour, label="with replacement, exact")
        at = np.array(list(batches))
        values, errors = np.transpose(list(batches.values()))
        form = {"fmt": "s", "ms": 9, "color": COLOURS[2], "mfc": "none", "capsize": 2}
        axis.errorbar(at, values, 3 * errors, label="batches, sampled", **form)
        axis.set(title=name, xscale="log", yscale="log", xlabel="negatives M")
        axis.set_xticks(sizes, sizes)
        axis.minorticks_off()
        axis.legend()
        series = {"exact": (sizes, mean, 0 * line), "batches": (at, values, errors)}
        for kind, (M, deviation, error) in series.items():
            piece = {"encoder": name, "kind": kind, "M": M, "deviation": deviation, "error": error}
            pieces.append(piece | {"predicted": c.mean() / M})
    axes[0].set_ylabel("loss - log M - limit (nats)")
    return figure, long_format.columns(pieces)


def encoder_transition(at, sides, untrained, lines, theory):
    """Squared sides of trained encoders (ratios, seeds) over the closed form, and those without training in grey."""
    figure, axis = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    axis.plot(lines, theory, color=COLOURS[0], lw=1, label="closed form")
    axis.plot(np.repeat(at, sides.shape[1]), sides.ravel(), "o", color=COLOURS[0], label="trained network")
    axis.plot(np.repeat(at, sides.shape[1]), untrained.ravel(), "s", ms=3, color=CONTROL, label="untrained")
    axis.axvline(1, color=CONTROL, lw=0.8, ls="--")
    axis.set(xscale="log", xlabel="temperature / critical temperature", ylabel="squared side of the simplex")
    axis.set_xticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
    axis.minorticks_off()
    axis.legend(loc="center right")
    pieces = [{"source": "closed form", "ratio": lines, "value": theory}]
    for name, values in (("trained", sides), ("untrained", untrained)):
        pieces += [{"source": name, "ratio": at, "value": column} for column in values.T]
    return figure, long_format.columns(pieces)


def two_towers(information, found):
    """Learned scores (a, b) of two towers against pointwise mutual information, {name: scores}; the last is grey."""
    figure, axis = plt.subplots(figsize=(4.8, 3.9), layout="constrained")
    ends = np.array([information.min(), information.max()])
    axis.plot(ends, ends, color=CONTROL, lw=1, ls="--")
    pieces = []
    for (name, scores), colour, mark in zip(found.items(), (COLOURS[0], CONTROL), "os", strict=True):
        axis.plot(information.ravel(), scores.ravel(), mark, ms=4, color=colour, label=name)
        pieces.append({"towers": name, "information": information.ravel(), "score": scores.ravel()})
    axis.set(xlabel="pointwise mutual information, centred", ylabel="learned score, centred")
    axis.legend(loc="upper left")
    return figure, long_format.columns(pieces)
