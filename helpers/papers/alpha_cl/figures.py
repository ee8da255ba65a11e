"""Pictures of this paper's essay and appendix: arrays in, a figure and the columns of its numbers out."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL, long_format

from .tables import _fashion_reading as fashion

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = COLOURS


def line_or_plane(data, frozen, live, learned, covariance):
    """Three scatter plots, (n, 2) each: the data, outputs under frozen weights, outputs under live ones.

    ``learned`` (m, d) is the live map, ``covariance`` (d, d) the contrastive covariance under its weights: the share of
    every direction of the map, and the covariance along it, go into the columns alone.
    """
    fig, axes = plt.subplots(1, 3, figsize=(9.6, 3.3), layout="constrained")
    panels = {"data": data, "frozen": frozen, "live": live}
    titles = ("the data", "springs held fixed: a line", "springs that adapt: a cloud")
    for ax, (name, points), title, colour in zip(axes, panels.items(), titles, (CONTROL, ORANGE, BLUE), strict=True):
        _ = ax.plot(*_plain(points).T, "o", color=colour, markersize=4, alpha=0.8)
        reach = 1.1 * np.abs(_plain(points)).max()
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        kind = "coordinate" if name == "data" else "output"
        ax.set(xlabel=f"{kind} 1", ylabel=f"{kind} 2")
    pieces = [{"panel": name} | dict(zip("xy", _plain(points).T, strict=True)) for name, points in panels.items()]
    _, size, along = np.linalg.svd(_plain(learned))
    pieces.append(
        {"panel": "share and eigenvalue", "x": size**2, "y": (along @ _plain(covariance) @ along.T).diagonal()}
    )
    pieces.append({"panel": "directions learned", "x": [(size**2 > 1e-4).sum()], "y": 0.0})
    return fig, long_format.columns(pieces)


def two_fields(plane, axis, point, path):
    """Loss and frozen energy over a plane of parameters with their arrows, and a cut through the point.

    Parameters
    ----------
    plane : sweeps.Plane
    axis, point, path : Tensor
        As it was made with.
    """
    surfaces, arrows, cuts = plane.surfaces, plane.arrows, plane.cuts
    fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.7), layout="constrained", width_ratios=(1, 1, 0.9))
    size, places, dot = len(axis), _plain(plane.points), _plain(point)
    feet = [i * size + j for i in range(2, size, 6) for j in range(2, size, 6)]
    styles = {"loss": (BLUE, 0.013), "re-dealt": (YELLOW, 0.004), "frozen": (CONTROL, 0.013)}
    labels = {"loss": "loss", "re-dealt": "energy, weights re-dealt", "frozen": "energy, weights of the dot"}
    titles = {"loss": "loss: two fields that coincide", "frozen": "frozen energy: another field"}
    for ax, name in zip(axes, ("loss", "frozen"), strict=False):
        _ = ax.contour(axis, axis, _plain(surfaces[name]).reshape(size, size), levels=14, linewidths=0.7)
        for field in ("loss", "re-dealt") if name == "loss" else ("frozen",):
            unit = _plain(arrows[field])[feet]
            unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
            colour, width = styles[field]
            _ = ax.quiver(*places[feet].T, *unit.T, color=colour, width=width, scale=11, label=labels[field])
        _ = ax.plot(*dot, "o", color=ORANGE, markersize=8)
        ax.set(title=titles[name], xlabel="$\\theta_1$", ylabel="$\\theta_2$", aspect="equal")
    for name, colour, line in (("loss", BLUE, "-"), ("frozen", CONTROL, "--")):
        _ = axes[2].plot(path, _plain(cuts[name]), line, color=colour)
    _ = axes[2].plot(0, _plain(cuts["loss"])[len(path) // 2], "o", color=ORANGE, markersize=8)
    axes[2].set(title="along the gradient at the dot", xlabel="distance from the dot", ylabel="nats times τ")
    _ = axes[2].text(path[-1], _plain(cuts["loss"])[-1] + 0.5, "loss", color=BLUE, ha="right")
    _ = axes[2].text(0.05, 0.3, "frozen energy,\nlifted", color="#666666", transform=axes[2].transAxes)
    handles = [ax.get_legend_handles_labels() for ax in axes[:2]]
    _ = fig.legend(handles[0][0] + handles[1][0], handles[0][1] + handles[1][1], loc="outside lower left", ncols=3)
    pieces = []
    for field, surface in (("loss", "loss"), ("re-dealt", "loss"), ("frozen", "frozen")):
        arrow, heights = _plain(arrows[field])[feet].T, _plain(surfaces[surface])[feet]
        place = dict(zip(("x", "y", "arrow_x", "arrow_y"), (*places[feet].T, *arrow), strict=True))
        pieces.append({"surface": field, "height": heights} | place)
    for name, values in cuts.items():
        flat = {"x": _plain(path), "y": 0.0, "arrow_x": 0.0, "arrow_y": 0.0}
        pieces.append({"surface": f"cut, {name}", "height": _plain(values)} | flat)
    return fig, long_format.columns(pieces)


def alternation(losses, descent, shown=0):
    """Loss per anchor of best answers in turn (rounds, sets) and of gradient steps (steps, sets); one set shown."""
    losses, descent = _plain(losses), _plain(descent)
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained", sharey=True)
    for ax, curves, mark in zip(axes, (losses, descent), ("o-", "-"), strict=True):
        _ = ax.plot(np.delete(curves, shown, axis=1), color=CONTROL, linewidth=0.5)
        _ = ax.plot(curves[:, shown], mark, color=ORANGE, markersize=3, linewidth=1.6)
    axes[0].set(title="exact best answers in turn", xlabel="round", ylabel="loss per anchor (nats times τ)")
    axes[1].set(title="small gradient steps, weights re-dealt", xlabel="step")
    pieces = []
    for method, curves, every in (("best answers", losses, 1), ("gradient steps", descent, 10)):
        for step in range(0, len(curves), every):
            row = {"method": method, "step": step, "data_set": np.arange(curves.shape[1])}
            pieces.append(row | {"loss_per_anchor": curves[step]})
    return fig, long_format.columns(pieces)


def trap(times, positive, indefinite, inside, strengths, shares, share):
    """Energies along the flow for two kinds of covariance (times, starts); trapped shares by formula (3, strengths).

    ``inside`` (starts,): which starts of the second kind lie in the basin; ``share``: how many of all starts stopped.
    """
    positive, indefinite, shares = _plain(positive), _plain(indefinite), _plain(shares)
    fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.3), layout="constrained", width_ratios=(1, 1, 1.2))
    kinds = {
        "semidefinite": (positive, np.zeros(len(_plain(inside)), bool)),
        "indefinite": (indefinite, _plain(inside)),
    }
    for ax, (name, (curves, low)) in zip(axes, kinds.items(), strict=False):
        _ = ax.plot(times, curves[:, ~low], color=BLUE, linewidth=0.6, alpha=0.7)
        _ = ax.plot(times, curves[:, low], color=ORANGE, linewidth=0.8, alpha=0.8)
        _ = ax.axhline(1, color=BLACK, linewidth=0.8, linestyle=":")
        ax.set(title=f"{name}: {low.sum()} of {len(low)} trapped", xlabel="flow time", ylim=(-1.0, 1.15))
    axes[0].set_ylabel("$2E/\\lambda_1$")
    for number, colour, row in zip((1, 2, 4), (SKY, GREEN, ORANGE), shares, strict=True):
        _ = axes[2].semilogx(strengths, row, color=colour)
        _ = axes[2].text(strengths[-1] * 1.15, row[-1], f"{number} of 5", color=colour, va="center")
    axes[2].set(title="share of trapped starts, formula", xlabel="size of the negative eigenvalues", ylim=(0, 1))
    axes[2].set_xlim(strengths[0], strengths[-1] * 4)
    pieces = [{"panel": "all", "x": [0.0], "start": 0, "value": 0.0, "share": float(share)}]
    for name, curves in (("semidefinite", positive), ("indefinite", indefinite)):
        for start, curve in enumerate(curves.T):
            value = {"value": np.round(curve, 4) + 0.0, "share": 0.0}
            pieces.append({"panel": name, "x": times, "start": start} | value)
    for number, row in zip((1, 2, 4), shares, strict=True):
        pieces.append({"panel": f"{number} negative", "x": strengths, "start": 0, "value": 0.0, "share": row})
    return fig, long_format.columns(pieces)


def rank_map(depths, temperatures, ratios, times, eigenvalues):
    """Participation ratios by depth and temperature (depths, temperatures, sets), and eigenvalues along one run."""
    live, eigenvalues = _plain(ratios["live"]).mean(-1), _plain(eigenvalues)
    fig, axes = plt.subplots(1, 2, figsize=(9.4, 3.6), layout="constrained", width_ratios=(1.15, 1))
    image = axes[0].imshow(live, vmin=1, vmax=5, aspect="auto")
    for row, depth in enumerate(live):
        for column, value in enumerate(depth):
            shade = "white" if value < 2.5 else "black"
            _ = axes[0].text(column, row, f"{value:.1f}", ha="center", va="center", color=shade)
    axes[0].set_xticks(range(len(temperatures)), [f"{t:g}" for t in temperatures])
    axes[0].set_yticks(range(len(depths)), depths)
    axes[0].grid(visible=False)
    axes[0].set(title="live weights: participation ratio (frozen: 1)", xlabel="temperature", ylabel="depth")
    _ = fig.colorbar(image, ax=axes[0])
    final = eigenvalues[-1]
    tied = final > final.max() - 0.02 * np.ptp(final)
    _ = axes[1].plot(times, eigenvalues[:, tied], color=BLUE, linewidth=1.4)
    _ = axes[1].plot(times, eigenvalues[:, ~tied], color=CONTROL, linewidth=1.4)
    axes[1].set(title=f"{tied.sum()} of {len(tied)} eigenvalues meet", xlabel="flow time")
    axes[1].set_ylabel("eigenvalues of $C_\\alpha/N$")
    pieces = []
    for name, values in ratios.items():
        for depth, row in zip(depths, _plain(values).mean(-1), strict=True):
            ratio = {"ratio": np.round(row, 4), "eigenvalue": 0.0}
            pieces.append({"panel": name, "depth": depth, "x": temperatures} | ratio)
    for number, curve in enumerate(eigenvalues.T):
        panel = {"panel": f"eigenvalue {number + 1}", "depth": 1, "x": times}
        pieces.append(panel | {"ratio": 0.0, "eigenvalue": np.round(curve, 4)})
    return fig, long_format.columns(pieces)


def relu_ranks(shares):
    """How many starts end at which rank: ``{(units, features, "limit" or "opened"): counts of rank 1, 2, ...}``."""
    sizes = list(dict.fromkeys(key[:2] for key in shares))
    fig, axes = plt.subplots(1, len(sizes), figsize=(9.6, 3.1), layout="constrained", sharey=True)
    names = {"limit": ("where gradient ascent stops", ORANGE), "opened": ("certified local maxima", BLUE)}
    pieces, highest = [], {"limit": 0, "opened": 0}
    for ax, (units, features) in zip(axes, sizes, strict=True):
        for offset, (name, (label, colour)) in zip((-0.2, 0.2), names.items(), strict=True):
            counts = _plain(shares[units, features, name])
            ranks = np.arange(1, len(counts) + 1)
            part = counts / counts.sum()
            _ = ax.bar(ranks + offset, part, width=0.38, color=colour, label=label)
            spread = np.sqrt(part * (1 - part) / counts.sum())
            _ = ax.errorbar(ranks + offset, part, spread, fmt="none", color=BLACK, linewidth=0.8, capsize=1.5)
            highest[name] = max(highest[name], ranks[counts > 0].max())
            pieces.append({"units": units, "features": features, "ends": name, "rank": ranks, "starts": counts})
        ax.set(title=f"{units} units, {features} features", xlabel="rank of the first layer", xticks=ranks)
    axes[0].set(ylabel="share of starts (± one s.e.)", ylim=(0, 1.08))
    _ = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    for name, top in highest.items():
        pieces.append({"units": 0, "features": 0, "ends": f"highest {name}", "rank": [top], "starts": 0})
    return fig, long_format.columns(pieces)


def composition(strengths, values, counts, parts, objects):
    """Values and numbers of active features of trained units (strengths, units) beside the theory of one threshold."""
    values, counts, features = _plain(values), _plain(counts), parts * objects
    fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.4), layout="constrained")
    single = (1 - strengths) + strengths / parts - 1 / features
    together = np.full(len(strengths), 1 - 1 / objects)
    middle = values.mean(1)
    span = np.stack([middle - values.min(1), values.max(1) - middle]).clip(min=0)  # rounding where all agree
    _ = axes[0].plot(strengths, single, color=ORANGE)
    _ = axes[0].plot(strengths, together, color=BLUE)
    _ = axes[0].errorbar(strengths, middle, span, fmt="o", color=BLACK, markersize=4, capsize=2, linewidth=0.9)
    _ = axes[0].text(0.02, single[0] + 0.01, "single feature", color=ORANGE)
    _ = axes[0].text(0.62, together[0] + 0.02, "composition", color=BLUE)
    axes[0].set(title="value of the trained unit", ylabel="$M\\,s^\\top C s$", xlabel="augmentation strength ρ")
    pieces = []
    for number, colour in zip(range(1, parts + 1), (ORANGE, YELLOW, BLUE), strict=False):
        share = (counts == number).mean(1)
        _ = axes[1].plot(strengths, share, "o-", color=colour)
        label = {1: "one feature", parts: "all of an object"}.get(number, f"{number} of {parts}")
        at = {1: 0, parts: len(strengths) - 1}.get(number, int(np.argmax(share)))
        side = "right" if at == len(strengths) - 1 else "left"
        inner = 0 < at < len(strengths) - 1
        place = (strengths[at] + 0.07, share[at] - 0.06) if inner else (strengths[at], share[at] + 0.05)
        _ = axes[1].text(*place, label, color=colour, ha=side)
        pieces.append({"panel": f"share, {number} active", "strength": strengths, "value": share})
    for ax in axes:
        _ = ax.axvline(1 / objects, color=BLACK, linewidth=0.8, linestyle=":")
    axes[1].set(title="what it shows", ylabel="share of units", xlabel="augmentation strength ρ", ylim=(-0.03, 1.12))
    for name, row in (("lowest", values.min(1)), ("mean", middle), ("highest", values.max(1))):
        pieces.append({"panel": name, "strength": strengths, "value": row})
    most = (counts == parts).mean(1) > 0.5
    pieces.append({"panel": "crossing", "strength": [0.0], "value": strengths[np.argmax(most)]})
    return fig, long_format.columns(pieces)


def weights(move, losses, partner):
    """Weight of one moving stranger under every loss, ``{name: (distances,)}``, each divided by its largest."""
    soft = ("InfoNCE", "soft triplet", "lifted structure", "MINE", "N+1 tuplet")
    hard = ("triplet", "modified triplet", "quadratic")
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained", sharey=True)
    lines, pieces = ("-", "--", ":", "-", "--"), []
    for ax, names, title in zip(axes, (soft, hard), ("softmax-like", "hinge, sigmoid, straight line"), strict=True):
        for name, colour, line in zip(names, (BLUE, SKY, BLACK, ORANGE, YELLOW), lines, strict=False):
            share = _plain(losses[name]) / _plain(losses[name]).max()
            wide = name in ("InfoNCE", "MINE")
            style = {"linewidth": 4 if wide else 1.6, "zorder": 2 if wide else 3}
            _ = ax.plot(move, share, line, color=colour, label=name, **style)
            pieces.append({"loss": name, "squared_distance": _plain(move), "weight": share})
        _ = ax.axvline(partner, color=BLACK, linewidth=0.8, linestyle=":")
        ax.set(title=title, xlabel="$d_{ij}^2$ of the moving stranger", ylim=(-0.03, 1.05))
        _ = ax.legend(loc="upper right" if names is soft else "center right")
    axes[0].set_ylabel("its weight / its largest")
    return fig, long_format.columns(pieces)


def rules(move, rules, cooled):
    """Weight of one moving stranger under four rules, and its share in its row at several temperatures."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
    pieces = []
    panels = (
        (axes[0], rules, "four rules", "its weight / its largest"),
        (axes[1], cooled, "$r_H$", "share of its row"),
    )
    for ax, curves, title, label in panels:
        for (name, values), colour in zip(curves.items(), (BLUE, ORANGE, GREEN, PINK), strict=True):
            values = _plain(values) / (_plain(values).max() if curves is rules else 1.0)
            _ = ax.plot(move, values, color=colour, label=name)
            pieces.append({"curve": name, "squared_distance": _plain(move), "weight": values})
        ax.set(title=title, xlabel="$d_{ij}^2$ of the moving stranger", ylabel=label)
        _ = ax.legend(loc="lower left" if curves is rules else "upper right")
    return fig, long_format.columns(pieces)


def ladder(eigenvalues, predicted, measured):
    """Hessian spectra at all critical directions, (directions, eigenvalues): dashes closed form, dots measured."""
    fig, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    offsets = np.linspace(-0.36, 0.36, predicted.shape[1])
    for k, (theory, found) in enumerate(zip(predicted, measured, strict=True)):
        flat = np.abs(theory) < 1e-9
        for chosen, colour in ((~flat, SKY), (flat, YELLOW)):
            _ = ax.hlines(theory[chosen], k + offsets[chosen] - 0.04, k + offsets[chosen] + 0.04, color=colour, lw=5)
        _ = ax.plot(k + offsets, found, "o", color=BLACK, markersize=2.5)
    _ = ax.axhline(0, color=BLACK, linewidth=0.8)
    up = (predicted > 1e-9).sum(1)
    names = [f"$v_0=u_{k + 1}$\n$\\lambda={v:g}$\n{n} up" for k, (v, n) in enumerate(zip(eigenvalues, up, strict=True))]
    ax.set_xticks(range(len(names)), names)
    ax.set(ylabel="Hessian eigenvalue")
    pieces = [
        {"critical_point": k + 1, "predicted": theory, "measured": np.round(found, 10) + 0.0}
        for k, (theory, found) in enumerate(zip(predicted, measured, strict=True))
    ]
    return fig, long_format.columns(pieces)


def collapse(times, panels, gap):
    """Singular ratios, angle and imbalance along the flow, ``{depth: {name: (times, starts)}}``."""
    fig, axes = plt.subplots(1, len(panels), figsize=(10, 3.5), sharey=True, layout="constrained")
    styles = {
        "ratio": (BLUE, "-", "second / first singular value"),
        "angle": (ORANGE, "-", "sine of the angle to $u_1$"),
        "imbalance": (GREEN, "o", "imbalance, measured"),
        "exact": (GREEN, "-", "imbalance, exact"),
    }
    pieces = []
    for ax, (depth, curves) in zip(axes, panels.items(), strict=True):
        for name, values in curves.items():
            colour, mark, label = styles[name]
            values = np.maximum(_plain(values), 1e-10)
            middle, low, high = np.median(values, 1), values.min(1), values.max(1)
            _ = ax.semilogy(times, middle, mark, color=colour, markersize=3, linewidth=1.3, label=label)
            if name != "exact":
                _ = ax.fill_between(times, low, high, color=colour, alpha=0.15, linewidth=0)
            rows = {"low": low, "median": middle, "high": high}
            pieces.append({"depth": depth, "curve": name, "time": times} | rows)
        angle = np.median(_plain(curves["angle"]), 1)
        late = angle[-1] * np.exp(-gap * (times[15:] - times[-1]))
        _ = ax.semilogy(times[15:], 3 * late, color=BLACK, linewidth=1, label=r"slope $-(\lambda_1-\lambda_2)$")
        ax.set(title=f"depth {depth}", xlabel="flow time", ylim=(1e-9, 10))
    axes[0].set_ylabel("ratio, sine, Frobenius norm")
    _ = fig.legend(*axes[-1].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return fig, long_format.columns(pieces)


def signs(noises, found):
    """Top and lowest eigenvalue and lost starts by noise, ``{temperature: (noises, 3, sets)}``; uniform ones grey."""
    fig, axes = plt.subplots(1, 3, figsize=(10.4, 3.5), layout="constrained")
    pieces, titles = [], ("largest eigenvalue", "lowest eigenvalue", "share of starts lost")
    for temperature, colour in zip(found, (BLUE, ORANGE, CONTROL), strict=True):
        name = "uniform" if temperature > 1 else f"{temperature:g}"
        label = "uniform weights" if temperature > 1 else f"temperature {temperature:g}"
        for ax, kind, values in zip(
            axes, ("largest", "lowest", "lost"), _plain(found[temperature]).swapaxes(0, 1), strict=True
        ):
            mean, error = values.mean(1), values.std(1, ddof=1) / values.shape[1] ** 0.5
            _ = ax.errorbar(noises, mean, 2 * error, fmt="o-", color=colour, markersize=3, capsize=1.5, label=label)
            nothing = np.zeros(len(noises))
            share, value = (mean, nothing) if kind == "lost" else (nothing, mean)
            row = {"curve": f"{kind} {name}", "noise": noises, "value": value, "share": share, "error": error}
            pieces.append(row)
    for ax, title in zip(axes, titles, strict=True):
        _ = ax.axhline(0, color=BLACK, linewidth=0.8)
        ax.set(title=title, xlabel="augmentation noise s")
    axes[0].set_yscale("symlog", linthresh=0.3)
    axes[0].set_ylabel(r"of $C_\alpha/N$")
    _ = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig, long_format.columns(pieces)


def simulation(sweep, measured):
    """Participation ratios of the recorded simulation against size, without and with batch norm."""
    fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
    kinds = {"relu": ("ReLU", BLUE, "o"), "clamped": ("ReLU, clamped", GREEN, "^"), "linear": ("linear", ORANGE, "s")}
    sizes, pieces = np.array([5, 10, 20]), []
    for ax, batch_norm in zip(axes, (False, True), strict=True):
        for shift, (activation, (label, colour, mark)) in zip((-0.35, 0, 0.35), kinds.items(), strict=True):
            for loss, alpha, line in (("infonce", "live", "-"), ("quadratic", "constant", ":")):
                where = {"steps": 5000, "batch_norm": batch_norm, "loss": loss, "activation": activation}
                values = np.array([sweep.values(measured, size=size, **where) for size in sizes])
                mean, deviation = values.mean(1), values.std(1, ddof=1)
                face = {"markerfacecolor": colour if loss == "infonce" else "white", "linestyle": line}
                style = {"color": colour, "marker": mark, "capsize": 2} | face
                _ = ax.errorbar(sizes + shift, mean, deviation, label=f"{label}, {alpha} α", **style)
                row = {"batch_norm": batch_norm, "loss": loss, "activation": activation}
                pieces.append(row | {"size": sizes, "mean": mean, "deviation": deviation})
        ax.set(title="batch norm" if batch_norm else "no batch norm", xlabel="features = units", xticks=sizes)
    axes[0].set_ylabel("participation ratio (± s.d.)")
    axes[0].yaxis.get_major_locator().set_params(integer=True)
    _ = fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return fig, long_format.columns(pieces)


def digits(labels, rank, neighbours):
    """5-NN accuracy against effective rank on digits, ``{loss: (seeds,)}``, losses named at their points."""
    fig, ax = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
    pieces, places = [], {}
    said = {
        "quadratic": ("quadratic; r_γ exact", "right"),
        "inverse": ("r_γ as released", "right"),
        "infonce": ("InfoNCE, ε = 1, 0; r_H", "right"),
        "direct": ("direct, both", "right"),
        "entropy, backprop": ("r_H, gradient through α", "left"),
        "square": ("r_s", "right"),
    }
    for loss, name in labels.items():
        x, y = rank[loss], 100 * neighbours[loss]
        pieces.append({"loss": loss.replace(",", ""), "rank": x, "neighbours": y})
        if loss in ("untrained", "raw pixels"):
            _ = ax.axhline(y.mean(), color=CONTROL, linestyle=":" if loss == "untrained" else "--")
            _ = ax.annotate(name, (1.6, y.mean()), (0, 3), textcoords="offset points", color="#666666")
            continue
        colour = ORANGE if loss in ("quadratic", "power") else BLUE
        _ = ax.errorbar(x.mean(), y.mean(), y.std(ddof=1), x.std(ddof=1), fmt="o", color=colour, capsize=2)
        if loss in said:
            places[said[loss][0]] = (x.mean(), y.mean(), said[loss][1])
    _name(ax, places)
    ax.set(xlabel="effective rank of cov(z)", ylabel="5-NN on z (%)", xlim=(1.5, 16), xscale="log")
    ax.set_xticks([2, 3, 4, 6, 8, 12, 16], ["2", "3", "4", "6", "8", "12", "16"])
    ax.minorticks_off()
    return fig, long_format.columns(pieces)


def clothes(recording):
    """Probe and 5-NN accuracy against effective rank on clothes, every seed and means, losses named at their points."""
    fig, axes = plt.subplots(1, 2, figsize=(10.4, 4.2), layout="constrained")
    one_gradient, pieces = ("infonce", "decoupled", "entropy"), []
    said = {
        "quadratic": ("quadratic", "right"),
        "inverse": ("r_γ as released", "lower left"),
        "infonce": ("InfoNCE, ε = 1, 0; r_H", "below"),
        "direct": ("direct, both", "lower right"),
        "entropy, backprop": ("r_H, gradient\nthrough α", "right"),
        "square": ("r_s", "right"),
    }
    for ax, measured in zip(axes, ("probe", "neighbours"), strict=True):
        places = {}
        for loss in fashion.LOSSES:
            rank, score = recording.values("rank", loss=loss), 100 * recording.values(measured, loss=loss)
            colour = {"quadratic": ORANGE, "square": PINK}.get(loss, GREEN if loss in one_gradient else BLUE)
            _ = ax.plot(rank, score, "o", color=colour, alpha=0.25, markersize=3)
            spread = score.std(ddof=1), rank.std(ddof=1)
            _ = ax.errorbar(rank.mean(), score.mean(), *spread, fmt="o", color=colour, capsize=2)
            if loss in said:
                places[said[loss][0]] = (rank.mean(), score.mean(), said[loss][1])
            pieces.append({"measured": measured, "loss": loss.replace(",", ""), "rank": rank, "score": score})
        _name(ax, places)
        for baseline, line in zip(fashion.BASELINES, (":", "--"), strict=True):
            height = 100 * recording.values(measured, loss=baseline).mean()
            _ = ax.axhline(height, color=CONTROL, linestyle=line)
            _ = ax.annotate(baseline, (2.6, height), (0, 3), textcoords="offset points", color="#666666")
        ax.set(xlabel="effective rank of cov(z)", title=fashion.MEASURED[measured], xscale="log")
        ax.set_xticks([2, 3, 4, 6, 8, 12, 16], ["2", "3", "4", "6", "8", "12", "16"])
        ax.set_xlim(1.6, 24)
        ax.minorticks_off()
    return fig, long_format.columns(pieces)


def clothes_differences(recording):
    """Paired differences to InfoNCE on clothes with joint intervals, probe and 5-NN."""
    fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained", sharey=True)
    losses, pieces = fashion.COMPARED, []
    for ax, measured in zip(axes, ("probe", "neighbours"), strict=True):
        found = fashion.compared(recording, measured)
        mean, low, high = (100 * part for part in (found.mean, found.low, found.high))
        for row, clear in enumerate(found.clear):
            span = [[mean[row] - low[row]], [high[row] - mean[row]]]
            colour = BLUE if clear else CONTROL
            _ = ax.errorbar(mean[row], row, xerr=span, fmt="o", color=colour, capsize=3)
            name = {"measured": measured, "loss": losses[row].replace(",", "")}
            pieces.append(name | {"mean": [mean[row]], "low": low[row], "high": high[row]})
        _ = ax.axvline(0, color=BLACK, linewidth=0.8)
        ax.set(title=fashion.MEASURED[measured].removesuffix(" (%)"), xlabel="minus InfoNCE, in points")
        ax.set(yticks=range(len(losses)), ylim=(len(losses) - 0.5, -0.5))
    axes[0].set_yticklabels([fashion.LABELS[loss] for loss in losses])
    return fig, long_format.columns(pieces)


def _name(ax, places):
    """Names beside points: ``{name: (x, y, side)}``; "left" is a little above the point, "right" a little below."""
    offsets = {
        "below": (0, -58, "center"),
        "left": (-8, 8, "right"),
        "lower left": (-8, -16, "right"),
        "right": (8, -12, "left"),
        "lower right": (8, -24, "left"),
    }
    for name, (x, y, side) in places.items():
        *offset, align = offsets[side]
        _ = ax.annotate(name, (x, y), offset, textcoords="offset points", size=8, ha=align)


def _plain(values):
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
