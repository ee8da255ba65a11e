"""The pages made from cards, ledgers and figure lists, and the comparison of two output folders."""

from pathlib import Path

from helpers import files
from helpers.figures import numbers
from helpers.files import moved
from helpers.ledger import cards, claims, verdicts
from helpers.ledger.compare import by_id, disagreements

from . import faults, words

COLUMNS = [
    "claim",
    "what",
    "verdict",
    "tightest check",
    "must",
    "would notice",
    "faults caught",
    "nearest control",
    "provenance",
    "evidence",
]


def ledgers(output):
    """Every stored ledger below an output folder, essay and appendix, in notebook order."""
    found = sorted([*Path(output).glob("[0-9]*/claims.json"), *Path(output).glob("[0-9]*/appendix/claims.json")])
    return {path: files.read_json(path) for path in found}


def records(output, *, folder=cards.FOLDER):
    """Cards and records of an output folder: a dict of name to (card, records by id), essay and appendix together."""
    every = cards.load_all(folder=folder)
    return {name: (card, found) for name, card in every.items() if (found := claims.stored(output, card))}


def table(output, *, folder=cards.FOLDER, run=None):
    """The verdicts of every claim as text: a line a claim, and a tally.

    Parameters
    ----------
    output : path-like
    folder : path-like
        Of the cards.
    run : collection of (str, str), optional
        Name and place of the notebooks that were run just now; the tally then says how many claims are stored ones.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If there is no claim at all.
    """
    lines, good, total, asked = [], 0, 0, 0
    for name, (card, found) in records(output, folder=folder).items():
        lines.append(f"\n{name}")
        asked += len(card.claims)
        for label, record in found.items():
            lines.append(line(record, card.claims[label]["title"]))
            good, total = good + verdicts.passed(record), total + 1
        if missing := [label for label in card.claims if label not in found]:
            lines.append(f"not in any ledger: {', '.join(missing)}")
    if not total:
        raise ValueError(f"{output} holds no claims; make figures writes them")
    tally = f"{good} of {total} claims hold, and every control of theirs fails as it must"
    if run is not None:
        ids = set()
        for name, place in run:
            ledger = files.read_json(files.folder(output, name, place) / "claims.json") or {"claims": []}
            ids |= {record["id"] for record in ledger["claims"]}
        tally += f": {len(ids)} run, {total - len(ids)} stored"
    return "\n".join([*lines, "", f"{tally}."])


def line(record, title):
    """``PASS  id  title   (name of the tightest check: 4e-16 <= 2e-13)``, or what fails."""
    word = "PASS" if verdicts.passed(record) else "FAIL"
    check = words.tightest(record)
    bad = [check["name"] for check in record["checks"] if not check["holds"]]
    bad += [f"control {control['breaks']}" for control in record["controls"] if not control["fails"]]
    said = "; ".join(bad) if bad else f"{check['name']}: {verdicts.comparison(check)}"
    return f"{word}  {record['id']:<7} {title}   ({said})"


def render(output, *, folder=cards.FOLDER):
    """Write ``CLAIMS.md``, ``README.md`` and the map of an output folder from cards, ledgers and figure lists."""
    output = Path(output)
    pages = {"CLAIMS.md": claims_page(output, folder=folder), "README.md": gallery_page(output, folder=folder)}
    for name, text in pages.items():
        if not (output / name).exists() or (output / name).read_text(encoding="utf-8") != text:
            files.write_text(output / name, text)
    from . import theory_map  # the commands that only read must not wait for networkx

    theory_map.render(output, cards.load_all(folder=folder))


def claims_page(output, *, folder=cards.FOLDER):
    """The ledgers as one Markdown page: every claim, then *Weak points* and *Errata found*."""
    parts = [
        "# Claims ledger",
        "",
        "Written by `make figures`; every number below was computed by the notebook it links to. The tightest check of "
        "a claim is the one that came closest to failing; what it would notice is the smallest change of the claimed "
        "side that its rule rejects; the nearest control is the broken version that misses the threshold by least. "
        "Faults caught are random wrong formulas, put into its cells and the functions it uses one at a time, that the "
        "claim noticed, of those it met until it had caught one (`make mutants`); they are stale once that code has "
        "changed.",
        "",
    ]
    found = records(output, folder=folder)
    counts = faults.counts(found)
    for name, (card, every) in found.items():
        parts += [f"## {name}", "", f"{card.paper['citation']}.", ""]
        parts += [words.row(COLUMNS), "|---" * len(COLUMNS) + "|"]
        parts += [_claim_row(output, card, label, record, counts.get(label)) for label, record in every.items()]
        parts.append("")
    parts += ["## Weak points", "", "Of each paper the claims that would notice least, the coarsest first.", ""]
    for name, (card, every) in found.items():
        if entries := words.weak_points(card, every):
            parts += [f"### {name}: weak points", ""]
            for label, sentence in entries:
                parts.append(f"- {words.link(card, card.claims[label], label, seen_from='output')}: {sentence}")
            parts.append("")
    parts += ["## Errata found", "", "| erratum | quoted | corrected | evidence |", "|---|---|---|---|"]
    for name, (card, _) in found.items():
        for label, erratum in card.errata.items():
            evidence = words.erratum(card, erratum, seen_from="output")
            parts.append(words.row([f"{name[:2]} {label}", erratum["quoted"], erratum["corrected"], evidence]))
    return "\n".join(parts) + "\n"


def _claim_row(output, card, label, record, count):
    entry = card.claims[label]
    text = entry["where"] if card.is_essay else "notebook"
    evidence = [words.link(card, entry, label, seen_from="output", text=text)]
    if card.is_essay and entry["where"] == "essay":
        appendix = files.read_json(files.folder(output, card.name, "appendix") / "claims.json") or {"claims": []}
        if any(further["id"] == label for further in appendix["claims"]):
            there = entry | {"where": "appendix"}
            evidence.append(words.link(card, there, label, seen_from="output", text="further checks"))
    return words.row(
        [
            label,
            f"{entry['title']}: ${entry['statement'].strip()}$",
            "PASS" if verdicts.passed(record) else "**FAIL**",
            words.measured(record),
            words.must(record),
            words.notices(record),
            faults.said(count),
            words.nearest(record),
            ", ".join(entry["provenance"]),
            ", ".join(evidence),
        ]
    )


def gallery_page(output, *, folder=cards.FOLDER):
    """The figures as one Markdown page: first what answers to which figure of which paper, then the pictures."""
    output = Path(output)
    head = ["# Figures", "", "Written by `make figures`. Each picture stands beside its numbers (`.csv`).", ""]
    head += ["| paper | its figure or table | our file | notebook | command | published numbers |"]
    head += ["|---|---|---|---|---|---|"]
    body = []
    for name, card in cards.load_all(folder=folder).items():
        entries = {}
        for place in cards.PLACES:
            below = files.folder(output, name, place)
            for entry in files.read_json(below / "figures.json") or []:
                if entry.get("picture", True) and entry["name"] in card.figures:
                    entries[entry["name"]] = (entry, below)
        if entries:
            body += [f"## {name}", ""]
        for label, (entry, below) in entries.items():
            file = f"{below.relative_to(output)}/{label}.png"
            columns = files.read_csv(below / f"{label}.csv")
            caption, alt = (numbers.fill(entry[key], columns) for key in ("caption", "alt"))
            anchor = words.link(card, card.figures[label], label, seen_from="output", text=name)
            row = [card.paper["citation"], entry["counterpart"], f"[{file}]({file})", anchor]
            head.append(words.row([*row, f"`make figures NB={name[:2]}`", entry["published"]]))
            body += [f"### {label}", "", f"![{alt}]({file})", "", caption, ""]
    return "\n".join([*head, "", *body])


def compare(stored, fresh):
    """Differences between two output folders beyond the tolerances stated in them.

    Returns
    -------
    list of str
        One line a difference; empty if every ledger and every plotted number agrees.
    """
    stored, fresh = Path(stored), Path(fresh)
    found = []
    for path, new in ledgers(fresh).items():
        below = path.parent.relative_to(fresh)
        old = files.read_json(stored / below / "claims.json")
        if old is None:
            found.append(f"{below}: no stored ledger")
            continue
        found += [f"{below}: {line}" for line in disagreements(old, new)]
        old_list = files.read_json(stored / below / "figures.json")
        new_list = files.read_json(fresh / below / "figures.json") or []
        if old_list != new_list:
            found.append(f"{below}: figures.json differs (names, captions, alt texts or tolerances)")
        for entry in new_list:
            old_csv = files.read_csv(stored / below / f"{entry['name']}.csv")
            new_csv = files.read_csv(fresh / below / f"{entry['name']}.csv")
            columns = moved(old_csv or {}, new_csv, entry["agreement"])
            found += [f"{below}: {entry['name']}.csv moved in column {column!r}" for column in columns]
    gone = {path.parent.relative_to(stored) for path in ledgers(stored)}
    gone -= {path.parent.relative_to(fresh) for path in ledgers(fresh)}
    found += [f"{below}: no fresh ledger" for below in sorted(gone)]
    if not ledgers(fresh):
        found.append(f"{fresh} holds no claims")
    return found


def compare_by_id(old, new):
    """Differences between all claims of two output folders, wherever they stand; see ``ledger.compare.by_id``."""
    gathered = []
    for output in (old, new):
        every = {}
        for ledger in ledgers(output).values():
            for record in ledger["claims"]:
                every.setdefault(record["id"], []).append(record)
        gathered.append({label: claims.together(parts) for label, parts in every.items()})
    return by_id(*gathered)
