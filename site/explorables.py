"""Explorables: a slider is an assumption, and the error of a check moves with it, beside its threshold.

``explorables.toml`` names, for each, a csv file, the column under the slider, a choice beside it and the series. All
positions, curves and sentences are written when the site is built; the reader's browser only moves marks and words, so
that a step costs next to nothing, and without scripts (or in print) the picture of the middle position stands there.
"""

import html
import json
import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from helpers import files

HERE = Path(__file__).resolve().parent
KEYS = {"title", "claim", "csv", "slider", "slider_label", "series", "text", "notice", "made_by"}
OPTIONAL = {"log", "where", "choice", "choice_label", "unit", "say", "start", "own_scale"}
DASHES = {"theory": "none", "measured": "none", "control": "7 4", "threshold": "2 3"}
WIDTH, HEIGHT = 760, 330
LEFT, RIGHT, TOP, BOTTOM = 62, 560, 14, 278
SMALLEST = 1e-18  # where a logarithm of zero is asked for


@dataclass(frozen=True)
class Explorable:
    """One specification with the rows of its csv: ``steps`` maps a choice to the positions of the slider."""

    name: str
    spec: dict
    steps: dict

    @property
    def log(self):
        return self.spec.get("log", [])


def load(root, *, path=HERE / "explorables.toml"):
    """Every explorable with its rows, checked.

    Raises
    ------
    ValueError
        Naming the explorable and what is wrong: a missing or unknown key, a csv file or column that is not there, a
        number that is none, positions that differ between the choices.
    """
    found = []
    for name, spec in tomllib.loads(Path(path).read_text(encoding="utf-8")).items():
        if missing := KEYS - set(spec):
            raise ValueError(f"explorable {name!r}: {', '.join(sorted(missing))} is missing")
        if unknown := set(spec) - KEYS - OPTIONAL:
            raise ValueError(f"explorable {name!r}: {', '.join(sorted(unknown))} is not known")
        columns = files.read_csv(Path(root) / "figures" / spec["csv"])
        if columns is None:
            raise ValueError(f"explorable {name!r}: figures/{spec['csv']} is not there")
        found.append(Explorable(name, spec, steps(name, spec, columns)))
    return found


def steps(name, spec, columns):
    """Positions of the slider for every choice: a dict of choice to list of (position, dict of series to number)."""
    series = [one["column"] for one in spec["series"] if "column" in one]
    choice = spec.get("choice")
    needed = {spec["slider"], *series, *spec.get("where", {})} | ({choice} if choice else set())
    if missing := needed - set(columns):
        raise ValueError(f"explorable {name!r}: {spec['csv']} has no column {', '.join(sorted(missing))}")
    if wrong := [one["kind"] for one in spec["series"] if one["kind"] not in DASHES]:
        raise ValueError(f"explorable {name!r}: the kind {wrong[0]!r} is none of {', '.join(DASHES)}")
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    rows = [row for row in rows if all(row[key] == wanted for key, wanted in spec.get("where", {}).items())]
    found = {}
    for row in rows:
        try:
            values = {key: float(row[key]) for key in series}
            at = float(row[spec["slider"]])
        except ValueError as error:
            raise ValueError(f"explorable {name!r}: {spec['csv']}: {error}") from error
        values |= {one["label"]: one["constant"] for one in spec["series"] if "constant" in one}
        found.setdefault(row[choice] if choice else "", []).append((at, values))
    if not found:
        raise ValueError(f"explorable {name!r}: no row of {spec['csv']} is left")
    found = {key: sorted(positions, key=lambda step: step[0]) for key, positions in found.items()}
    grids = {tuple(at for at, _ in positions) for positions in found.values()}
    if len(grids) > 1 or len(set(next(iter(grids)))) < len(next(iter(grids))):
        raise ValueError(f"explorable {name!r}: {spec['slider']} has other positions for another choice, or one twice")
    return found


def words(number):
    """A number for a sentence: three digits, a power of ten where it is small or large."""
    if number == 0 or 1e-3 <= abs(number) < 1e5:
        return f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"
    return f"{number:.1e}".replace("e-0", "e-").replace("e+0", "e")


def verdict(rule, values):
    """The sentence of a comparison [first, relation, second, if so, if not]."""
    first, relation, second, yes, no = rule
    holds = values[first] <= values[second] if relation == "<=" else values[first] >= values[second]
    return yes if holds else no


class Axis:
    """Numbers to places along one axis; on a log axis zero stands at the lower end."""

    def __init__(self, values, low, high, *, log):
        self.log, self.low, self.high = log, low, high
        self.floor = min((value for value in values if value > 0), default=1) if log else 0
        inside = [self._scaled(value) for value in values]
        self.first, self.last = min(inside), max(inside)
        if self.first == self.last:
            self.last = self.first + 1

    def _scaled(self, value):
        return math.log10(max(value, self.floor, SMALLEST)) if self.log else value

    def place(self, value):
        share = (self._scaled(value) - self.first) / (self.last - self.first)
        return round(self.low + share * (self.high - self.low), 1)

    def ticks(self):
        """About five round numbers: powers of ten on a log axis."""
        if self.log and self.last - self.first >= 1.5:
            step = max(1, round((self.last - self.first) / 5))
            powers = range(math.ceil(self.first), math.floor(self.last) + 1)
            return [10.0**power for power in powers if power % step == 0]
        if self.log:
            raw = [m * 10.0**e for e in range(math.floor(self.first), math.ceil(self.last) + 1) for m in (1, 2, 5)]
            return [tick for tick in raw if self.first <= math.log10(tick) <= self.last]
        span = self.last - self.first
        size = 10.0 ** math.floor(math.log10(span / 4))
        step = next(size * m for m in (1, 2, 5, 10) if span / (size * m) <= 6)
        return [k * step for k in range(math.ceil(self.first / step), math.floor(self.last / step + 1e-9) + 1)]


def keys_of(spec):
    return [one.get("column", one["label"]) for one in spec["series"]]


def picture(explorable):
    """The drawing as SVG, one group a choice, and the place of every mark: (svg, dict of choice to list of steps)."""
    spec, log = explorable.spec, explorable.log
    every = [step for positions in explorable.steps.values() for step in positions]
    across = Axis([at for at, _ in every], LEFT, RIGHT, log="x" in log)
    said = html.escape(f"{spec['title']}. {spec['text']}")
    name = html.escape(spec["slider_label"])
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{said}">']
    parts.append(f'<path class="frame" d="M{LEFT} {TOP}V{BOTTOM}H{RIGHT}"/>')
    for tick in across.ticks():
        x = across.place(tick)
        parts.append(f'<path class="frame" d="M{x} {BOTTOM}v5"/>{label(tick_words(tick), x, BOTTOM + 19, "middle")}')
    parts.append(label(name, (LEFT + RIGHT) / 2, HEIGHT - 10, "middle"))
    marks = {}
    for number, (choice, positions) in enumerate(explorable.steps.items()):
        shown = positions if spec.get("own_scale") else every
        up = Axis([values[key] for _, values in shown for key in keys_of(spec)], BOTTOM, TOP, log="y" in log)
        parts.append(f'<g class="choice" data-choice="{html.escape(choice)}"{" hidden" if number else ""}>')
        for tick in up.ticks():
            y = up.place(tick)
            parts.append(
                f'<path class="grid" d="M{LEFT} {y}H{RIGHT}"/>{label(tick_words(tick), LEFT - 7, y + 4, "end")}'
            )
        parts += [*lines(spec, positions, across, up), "</g>"]
        marks[choice] = [
            [across.place(at), [up.place(values[key]) for key in keys_of(spec)], sentence(spec, at, values)]
            for at, values in positions
        ]
    x, heights, _ = next(iter(marks.values()))[start(explorable)]
    parts.append(f'<path class="rule" d="M0 {TOP}V{BOTTOM}" transform="translate({x})"/>')
    parts += [f'<circle class="mark s{k}" r="5.5" transform="translate({x} {y})"/>' for k, y in enumerate(heights)]
    return "".join([*parts, "</svg>"]), marks


def lines(spec, positions, across, up):
    """The curves of one choice, with their names at the right end."""
    parts, ends = [], []
    for k, (key, one) in enumerate(zip(keys_of(spec), spec["series"], strict=True)):
        places = [(across.place(at), up.place(values[key])) for at, values in positions]
        path = "M" + "L".join(f"{x} {y}" for x, y in places)
        parts.append(f'<path class="line s{k}" stroke-dasharray="{DASHES[one["kind"]]}" d="{path}"/>')
        if one["kind"] == "measured":
            parts += [f'<circle class="s{k}" cx="{x}" cy="{y}" r="2.6"/>' for x, y in places]
        ends.append((places[-1][1], k, one["label"]))
    named = (label(html.escape(name), RIGHT + 8, round(y + 4, 1), "start", f"label s{k}") for y, k, name in apart(ends))
    return [*parts, *named]


def label(text, x, y, anchor, name="tick"):
    return f'<text class="{name}" x="{x}" y="{y}" text-anchor="{anchor}">{text}</text>'


def start(explorable):
    """The position of the slider when the page opens: the middle one, unless the specification names another."""
    count = len(next(iter(explorable.steps.values())))
    return explorable.spec.get("start", count // 2)


def tick_words(tick):
    """A tick: a plain number, or a power of ten."""
    power = round(math.log10(abs(tick))) if tick else 0
    if tick and not -4 < power < 5 and math.isclose(abs(tick), 10.0**power):
        return f'10<tspan dy="-5" font-size="9">{str(power).replace("-", "−")}</tspan>'
    return f"{tick:.6g}"


def apart(ends, least=15):
    """Labels at the right end of their lines, moved so that no two stand closer than ``least``."""
    ends = sorted(ends)
    places = []
    for y, *rest in ends:
        places.append([max(y, places[-1][0] + least) if places else max(y, TOP), *rest])
    over = places[-1][0] - BOTTOM
    for place in reversed(places):
        if over <= 0:
            break
        place[0] -= over
        below = places.index(place)
        over = places[below - 1][0] + least - place[0] if below else 0
    return places


def sentence(spec, at, values):
    """What a position says in words; the first piece names the position, the last ones are comparisons."""
    unit = f" {spec['unit']}" if "unit" in spec else ""
    numbers = [words(values[key]) + unit for key in keys_of(spec)]
    return [words(at), numbers, [verdict(rule, values) for rule in spec.get("say", [])]]


def box(explorable):
    """The HTML of one explorable."""
    spec, (drawing, marks) = explorable.spec, picture(explorable)
    choices, count = list(explorable.steps), len(next(iter(explorable.steps.values())))
    begin = start(explorable)
    data = {
        "label": spec["slider_label"],
        "names": [one["label"] for one in spec["series"]],
        "marks": marks,
    }
    lines = [f'<div class="explorable" id="{explorable.name}">']
    if len(choices) > 1:
        label = html.escape(spec["choice_label"])
        options = "".join(f'<option value="{html.escape(one)}">{html.escape(one)}</option>' for one in choices)
        lines.append(f"<label>{label} <select>{options}</select></label>")
    lines += [
        f'<label>{html.escape(spec["slider_label"])} <input type="range" min="0" max="{count - 1}" step="1" value="{begin}"></label>',
        f'<output aria-live="polite">{spoken(spec, marks[choices[0]][begin])}</output>',
        f'<div class="wide" tabindex="0" role="group" aria-label="picture">{drawing}</div>',
        f'<script type="application/json">{json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<" + chr(92) + "/")}</script>',
        "</div>",
    ]
    return "".join(lines)


def spoken(spec, mark):
    at, numbers, verdicts = mark[2]
    named = "; ".join(f"{one['label']} {number}" for one, number in zip(spec["series"], numbers, strict=True))
    return html.escape(f"{spec['slider_label']} = {at}: {named}. {' '.join(verdicts)}")


def page(collection):
    """The page of all explorables."""
    lines = [
        "# Explorables",
        "",
        "Each slider is an assumption of a claim, or the size of an error. Move it, by mouse or arrow keys, and read what "
        "was measured there and what the check says. The numbers are stored as csv, computed by the code that the "
        "notebooks use; nothing is computed here.",
        "",
    ]
    for explorable in load(collection.root):
        spec = explorable.spec
        if spec["claim"] not in collection.home:
            raise ValueError(f"explorable {explorable.name!r}: no card has a claim {spec['claim']!r}")
        lines += [
            f"## {spec['title']}",
            "",
            f"{spec['text']} The claim is [{spec['claim']}](claims/{spec['claim']}.md).",
            "",
            box(explorable),
            "",
            f"*What to notice.* {spec['notice']} Numbers: {{download}}`csv <figures/{spec['csv']}>`, {spec['made_by']}.",
            "",
        ]
    lines += ['<script src="_static/explorable.js"></script>', ""]
    return "\n".join(lines)
