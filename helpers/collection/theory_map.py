"""The headline claims of all papers and what they rest on, as one picture for lectures and the front page.

An arrow starts at the claim that is used. Where headline claims are joined through claims of an appendix only, the
arrow is dashed. The picture is drawn anew only when its nodes or arrows changed.
"""

import io
import textwrap
from pathlib import Path

import networkx as nx

from helpers import files
from helpers.figures import COLOURS

NAME = "theory_map"
METHOD_COLOURS = {
    "exact": COLOURS[0],
    "quadrature": COLOURS[5],
    "random instances": COLOURS[2],
    "statistical": COLOURS[4],
    "empirical": COLOURS[1],
}
WIDEST = 24  # characters of a title on one line


def graph(cards):
    """Headline claims and their arrows.

    Parameters
    ----------
    cards : dict of str to cards.Card

    Returns
    -------
    networkx.DiGraph
        Nodes carry title, paper, part and method; edges ``direct``: False where only appendix claims lie between.
    """
    everything, found = nx.DiGraph(), nx.DiGraph()
    for name, card in cards.items():
        for label, claim in card.claims.items():
            everything.add_node(label)
            everything.add_edges_from((other, label) for other in claim["uses"])
            if card.is_essay and claim["where"] == "essay":
                said = {"title": claim["title"], "part": claim["part"], "method": claim.get("method", "")}
                found.add_node(label, paper=name, **said)
    for label in found:
        reached, waiting = set(), [(other, True) for other in everything.predecessors(label)]
        while waiting:
            other, direct = waiting.pop(0)
            if other in reached:
                continue
            reached.add(other)
            if other in found:
                found.add_edge(other, label, direct=direct)
            else:
                waiting += [(further, False) for further in everything.predecessors(other)]
    return found


def render(output, cards):
    """Write ``theory_map.csv`` (nodes), ``theory_map_arrows.csv`` and, where they changed, ``theory_map.png``."""
    output, found = Path(output), graph(cards)
    if not found:
        return
    nodes = {"claim": list(found)} | {
        key: [found.nodes[label][key] for label in found] for key in ("title", "paper", "part", "method")
    }
    arrows = list(found.edges(data="direct"))
    columns = {
        "used": [a for a, _, _ in arrows],
        "by": [b for _, b, _ in arrows],
        "direct": [int(direct) for _, _, direct in arrows],
    }
    texts = {f"{NAME}.csv": files.csv_text(nodes), f"{NAME}_arrows.csv": files.csv_text(columns)}
    same = all(
        (output / name).exists() and (output / name).read_text(encoding="utf-8") == text for name, text in texts.items()
    )
    if same and (output / f"{NAME}.png").exists():
        return
    buffer = io.BytesIO()
    picture(found, cards).savefig(buffer, format="png", metadata={"Software": None})
    files.write_bytes(output / f"{NAME}.png", buffer.getvalue())
    for name, text in texts.items():  # after the picture, which is kept where they agree
        files.write_text(output / name, text)


def picture(found, cards):
    """The figure: a row a paper, its claims from left to right in the order of the card, arrows between them."""
    from matplotlib.figure import Figure

    rows = {name: [label for label in found if found.nodes[label]["paper"] == name] for name in cards}
    rows = {name: labels for name, labels in rows.items() if labels}
    widest = max(map(len, rows.values()))
    fig = Figure(figsize=(1.22 * widest + 0.6, 1.62 * len(rows) + 0.3), dpi=130)
    ax = fig.add_axes((0, 0, 1, 1))
    ax.set(xlim=(-0.62, widest - 0.38), ylim=(-len(rows) + 0.42, 0.62))
    ax.set_axis_off()
    places = {}
    for number, (name, labels) in enumerate(rows.items()):
        ax.text(
            -0.55, -number + 0.5, f"{name[1]}  {cards[name].paper['title']}", size=9, weight="bold", color="#333333"
        )
        for step, label in enumerate(labels):
            # every other one a little lower, so that arrows along the row do not hide behind the boxes
            places[label] = ((step + 0.5) * widest / len(labels) - 0.5, -number + (0.14 if step % 2 == 0 else -0.14))
    for used, by, direct in found.edges(data="direct"):
        near = abs(places[used][1] - places[by][1]) < 0.5
        style = {"arrowstyle": "-|>", "color": "#777777", "linewidth": 0.9, "shrinkA": 17, "shrinkB": 17}
        style |= {"linestyle": "-" if direct else (0, (3, 2)), "connectionstyle": f"arc3,rad={0.25 if near else 0.08}"}
        ax.annotate("", places[by], places[used], arrowprops=style, zorder=1)
    for label, place in places.items():
        node = found.nodes[label]
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "linewidth": 1.6}
        box["edgecolor"] = METHOD_COLOURS.get(node["method"], "#999999")
        text = f"{label}\n{_wrapped(node['title'])}"
        ax.text(
            *place, text, size=6.6, ha="center", va="center", bbox=box, zorder=2, linespacing=1.25, parse_math=False
        )
    for step, (method, colour) in enumerate(METHOD_COLOURS.items()):
        ax.text(widest - 0.45 - 0.95 * (len(METHOD_COLOURS) - 1 - step), 0.5, method, size=7, ha="right", color=colour)
    return fig


def _wrapped(title):
    lines = textwrap.wrap(title, WIDEST)
    return "\n".join(lines if len(lines) <= 3 else [*lines[:2], lines[2] + " …"])
