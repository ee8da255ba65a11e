"""Pictures of this paper's essay and appendix: arrays in, a figure and the columns of its numbers out."""

import matplotlib.pyplot as plt
import numpy as np

from helpers.figures import COLOURS, CONTROL, long_format

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = COLOURS


def line_or_plane(data, frozen, live):
    """Three scatter plots, (n, 2) each: the data, outputs under frozen weights, outputs under live ones."""
    fig, axes = plt.subplots(1, 3, figsize=(9.6, 3.3), layout="constrained")
    panels = {"data": data, "frozen": frozen, "live": live}
    titles = ("the data", "springs held fixed: a line", "springs that adapt: a plane")
    for ax, (name, points), title, colour in zip(axes, panels.items(), titles, (CONTROL, ORANGE, BLUE), strict=True):
        _ = ax.plot(*_plain(points).T, "o", color=colour, markersize=4, alpha=0.8)
        reach = 1.1 * np.abs(_plain(points)).max()
        ax.set(title=title, xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
        kind = "coordinate" if name == "data" else "output"
        ax.set(xlabel=f"{kind} 1", ylabel=f"{kind} 2")
    pieces = [{"panel": name} | dict(zip("xy", _plain(points).T, strict=True)) for name, points in panels.items()]
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
    pieces = [{"panel": "share", "x": [0.0], "start": 0, "value": float(share)}]
    for name, curves in (("semidefinite", positive), ("indefinite", indefinite)):
        for start, curve in enumerate(curves.T):
            pieces.append({"panel": name, "x": times, "start": start, "value": np.round(curve, 4) + 0.0})
    for number, row in zip((1, 2, 4), shares, strict=True):
        pieces.append({"panel": f"{number} negative", "x": strengths, "start": 0, "value": row})
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
            pieces.append({"panel": name, "depth": depth, "x": temperatures, "value": np.round(row, 4)})
    for number, curve in enumerate(eigenvalues.T):
        panel = {"panel": f"eigenvalue {number + 1}", "depth": 1, "x": times}
        pieces.append(panel | {"value": np.round(curve, 4)})
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
        side = "left" if at == 0 else "right" if at == len(strengths) - 1 else "center"
        _ = axes[1].text(strengths[at], share[at] + 0.05, label, color=colour, ha=side)
        pieces.append({"panel": f"share, {number} active", "strength": strengths, "value": share})
    for ax in axes:
        _ = ax.axvline(1 / objects, color=BLACK, linewidth=0.8, linestyle=":")
    axes[1].set(title="what it shows", ylabel="share of units", xlabel="augmentation strength ρ", ylim=(-0.03, 1.12))
    for name, row in (("lowest", values.min(1)), ("mean", middle), ("highest", values.max(1))):
        pieces.append({"panel": name, "strength": strengths, "value": row})
    most = (counts == parts).mean(1) > 0.5
    pieces.append({"panel": "crossing", "strength": [0.0], "value": strengths[np.argmax(most)]})
    return fig, long_format.columns(pieces)


def _plain(values):
    return values.detach().cpu().numpy() if hasattr(values, "detach") else np.asarray(values)
