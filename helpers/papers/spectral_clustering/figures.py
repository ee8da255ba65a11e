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
