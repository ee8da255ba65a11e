"""The map: claims as nodes, ``uses`` as arrows, laid out by graphviz and drawn as one picture with links."""

import html
import re
import subprocess
from itertools import pairwise

COLUMNS = 6
COLOURS = {
    "exact": "#0072B2",
    "quadrature": "#56B4E9",
    "random instances": "#009E73",
    "statistical": "#E69F00",
    "empirical": "#D55E00",
    None: "#999999",
}


def page(collection):
    """The page of the map, the picture in its text."""
    picture = svg(dot(collection))
    edges = sum(len(entry["uses"]) for card in collection.cards.values() for entry in card.claims.values())
    papers = "".join(
        f'<option value="{name}">{name[:2]} {html.escape(card.paper["title"])}</option>'
        for name, card in collection.cards.items()
    )
    words = sorted(
        {word for card in collection.cards.values() for entry in card.claims.values() for word in entry["provenance"]}
    )
    provenance = "".join(f"<option>{html.escape(word)}</option>" for word in words)
    kinds = sorted({record["kind"] for found in collection.records.values() for record in found.values()})
    legend = " ".join(
        f'<span class="key"><span style="background:{colour}"></span>{word or "method not stated"}</span>'
        for word, colour in COLOURS.items()
    )
    lines = [
        "# Map of the theory",
        "",
        f"Every claim is a node ({len(collection.home)}), every arrow a reason why one rests on another ({edges}): it starts at what "
        "is used. Hover an arrow for its reason, click a node for its page, drag and zoom with mouse or keys. Headline claims "
        "have a bold frame; the colour is how a claim is tested.",
        "",
        '<form class="filters" id="map-filters">',
        '<label>Find <input type="search" id="map-find" placeholder="SC-T1 or a word"></label>',
        f'<label>Paper <select id="map-paper"><option value="">all</option>{papers}</select></label>',
        f'<label>Provenance <select id="map-provenance"><option value="">any</option>{provenance}</select></label>',
        '<label>Kind <select id="map-kind"><option value="">any</option>'
        + "".join(f"<option>{kind}</option>" for kind in kinds)
        + "</select></label>",
        '<label><input type="checkbox" id="map-headline"> headline claims only</label>',
        '<output id="map-said" aria-live="polite"></output>',
        "</form>",
        f'<p class="legend">{legend}</p>',
        f'<div class="map wide" id="map" tabindex="0" role="group" aria-label="Graph of all claims">{picture}</div>',
        '<script src="_static/svg-pan-zoom/svg-pan-zoom.min.js"></script>',
        '<script src="_static/map.js"></script>',
        "",
        "## The arrows as a list",
        "",
    ]
    for card in collection.cards.values():
        for label, entry in card.claims.items():
            lines += [
                f"- [{label}](claims/{label}.md) rests on [{other}](claims/{other}.md): {reason}"
                for other, reason in entry["uses"].items()
            ]
    return "\n".join([*lines, ""])


def dot(collection, *, headline=False):
    """The graph in graphviz's language; ``headline`` keeps the essays' claims only."""
    lines = ['digraph theory { rankdir=LR; ranksep=0.45; nodesep=0.12; bgcolor="transparent";']
    lines.append('node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, margin="0.09,0.04"];')
    lines.append('edge [color="#777777", arrowsize=0.7];')
    kept = {
        label
        for card in collection.cards.values()
        for label, entry in card.claims.items()
        if not headline or (card.is_essay and entry["where"] == "essay")
    }
    joined = {
        end
        for card in collection.cards.values()
        for label, entry in card.claims.items()
        for other in entry["uses"]
        for end in (label, other)
    }
    for number, (name, card) in enumerate(collection.cards.items()):
        lines.append(
            f'subgraph cluster_{number} {{ id="cluster-{name}"; label="{int(name[:2])} {_words(card.paper["title"], 70)}"; color="#999999"; fontname="Helvetica"; fontsize=18;'
        )
        for label, entry in card.claims.items():
            if label in kept:
                record = collection.record(label)
                colour = COLOURS.get(entry.get("method"), COLOURS[None])
                bold = card.is_essay and entry["where"] == "essay"
                classes = " ".join(
                    [f"paper-{name}", f"kind-{record['kind'] if record else 'none'}", "headline" * bold]
                    + [f"from-{_slug(word)}" for word in entry["provenance"]]
                )
                lines.append(
                    f'"{label}" [label="{label}\\n{_words(entry["title"], 30)}", URL="claims/{label}.html", tooltip="{_quoted(entry["title"])}", '
                    f'fillcolor="{colour}22", color="{colour}", penwidth={2.5 if bold else 1}, class="{classes}", id="node-{label}"];'
                )
        lines += _grid([label for label in card.claims if label in kept and label not in joined])
        lines.append("}")
    for card in collection.cards.values():
        for label, entry in card.claims.items():
            for other, reason in entry["uses"].items():
                if label in kept and other in kept:
                    said = _quoted(f"{label} rests on {other}: {reason}")
                    lines.append(f'"{other}" -> "{label}" [edgetooltip="{said}", class="from-{other} to-{label}"];')
    return "\n".join([*lines, "}"])


def _grid(labels):
    """Claims without arrows stand in rows: invisible edges hold them."""
    return [
        f'"{left}" -> "{right}" [style=invis];' for k, (left, right) in enumerate(pairwise(labels)) if (k + 1) % COLUMNS
    ]


def svg(source):
    """The picture of a graph, ready to stand in a page."""
    found = subprocess.run(["dot", "-Tsvg"], input=source, capture_output=True, text=True, check=True).stdout
    found = found[found.index("<svg") :]
    found = re.sub(r'<svg width="[^"]*" height="[^"]*"', '<svg width="100%" height="100%"', found, count=1)
    return (
        re.sub(r">\s*\n\s*<", "><", found)
        .replace("\n", " ")
        .replace("xlink:href", "href")
        .replace("xlink:title", "data-said")
    )


def _words(text, longest):
    text = text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
    return _quoted(text)


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _slug(word):
    return word.replace("*", "-star").replace(" ", "-")
