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
        right.annotate(name, (times[0], miss[0]), (0, 4), textcoords="offset points", color="#666666", size=8)
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
