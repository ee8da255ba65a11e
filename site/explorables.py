"""Explorables: a slider is an assumption, and what was measured moves with it, beside its threshold or law.

``explorables.toml`` names, for each, a csv file that the notebooks wrote, the column under the slider and the series.
Only that file is drawn: nothing is computed in the browser. Without scripts the page shows the picture of the notebook.
"""

import html
import json
import tomllib
from pathlib import Path

from helpers import files

HERE = Path(__file__).resolve().parent


def load(root):
    """Specifications with their rows: a list of dicts; a column or series that is not there is an error that names it."""
    found = []
    for name, spec in tomllib.loads((HERE / "explorables.toml").read_text(encoding="utf-8")).items():
        path = Path(root) / "figures" / spec["csv"]
        columns = files.read_csv(path)
        if columns is None:
            raise ValueError(f"explorable {name!r}: {path} is not there")
        found.append({"name": name} | spec | {"steps": steps(name, spec, columns)})
    return found


def steps(name, spec, columns):
    """One dict a slider position: its value, then every series' number there (None where it has none)."""
    needed = {spec["slider"]} | ({spec["by"], spec["value"]} if "by" in spec else set(spec["series"]))
    if missing := needed - set(columns):
        raise ValueError(f"explorable {name!r}: {spec['csv']} has no column {', '.join(sorted(missing))}")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for key, wanted in spec.get("where", {}).items():
        rows = [row for row in rows if row[key] == wanted]
    positions = {}
    for row in rows:
        values = positions.setdefault(float(row[spec["slider"]]), {})
        if "by" in spec:
            if row[spec["by"]] in spec["series"]:
                values.setdefault(row[spec["by"]], []).append(float(row[spec["value"]]))
        else:
            for key in spec["series"]:
                values.setdefault(key, []).append(float(row[key]))
    known = {key for values in positions.values() for key in values}
    if missing := set(spec["series"]) - known:
        raise ValueError(f"explorable {name!r}: {spec['csv']} has no series {', '.join(sorted(missing))}")
    lists = sorted(positions.items())
    return [{"at": at, "values": {key: sum(v) / len(v) for key, v in values.items()}} for at, values in lists]


def page(collection):
    """The page of all explorables."""
    lines = [
        "# Explorables",
        "",
        "Each slider is one assumption of a claim. Move it, by mouse or arrow keys, and read what was measured there. The "
        "numbers are those of the notebooks, stored as csv; nothing is computed here.",
        "",
    ]
    for spec in load(collection.root):
        data = {key: spec[key] for key in ("slider_label", "series", "steps", "unit", "log", "say") if key in spec}
        static = Path("figures") / spec["picture"]
        lines += [
            f"## {spec['title']}",
            "",
            spec["text"] + f" ([{spec['claim']}](claims/{spec['claim']}.md))",
            "",
            f'<div class="explorable" id="{spec["name"]}">',
            f'<label>{html.escape(spec["slider_label"])} <input type="range" min="0" max="{len(spec["steps"]) - 1}" step="1" value="0"></label>',
            '<output aria-live="polite"></output>',
            f'<svg viewBox="0 0 640 300" role="img" aria-label="{html.escape(spec["title"])}"></svg>',
            f'<script type="application/json">{json.dumps(data, ensure_ascii=False).replace("</", "<" + chr(92) + "/")}</script>',
            "</div>",
            "",
            "<details><summary>The notebook's picture</summary>",
            "",
            f"```{{image}} {static.as_posix()}",
            f":alt: {html.escape(spec['title'])}, as drawn by the notebook",
            "```",
            "",
            "</details>",
            "",
        ]
    return "\n".join(lines)
