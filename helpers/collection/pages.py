"""The pages made from cards, ledgers and figure lists, and the comparison of two output folders."""

from pathlib import Path

from helpers import files
from helpers.figures import numbers
from helpers.files import moved
from helpers.ledger import cards, claims, verdicts
from helpers.ledger.compare import by_id, disagreements


def ledgers(output):
    """Every stored ledger below an output folder, essay and appendix, in notebook order."""
    found = sorted([*Path(output).glob("[0-9]*/claims.json"), *Path(output).glob("[0-9]*/appendix/claims.json")])
    return {path: files.read_json(path) for path in found}


def records(output, *, folder=cards.FOLDER):
    """Cards and records of an output folder: a dict of name to (card, records by id), essay and appendix together."""
    every = cards.load_all(folder=folder)
    return {name: (card, found) for name, card in every.items() if (found := claims.stored(output, card))}


def table(output, *, folder=cards.FOLDER):
    """The verdicts of every claim as text: a line a claim, and a tally."""
    lines, good, total, asked = [], 0, 0, 0
    for name, (card, found) in records(output, folder=folder).items():
        lines.append(f"\n{name}")
        asked += len(card.claims)
        for label, record in found.items():
            lines.append(line(record, card.claims[label]["title"]))
            good, total = good + verdicts.passed(record), total + 1
    if not total:
        raise ValueError(f"{output} holds no claims; make figures writes them")
    return "\n".join([*lines, "", f"{good} of {total} claims hold, and every control of theirs fails as it must."])


def line(record, title):
    """``PASS  id  title  tightest check: 4e-16 <= 2e-13``, or what fails."""
    word = "PASS" if verdicts.passed(record) else "FAIL"
    check = next(check for check in record["checks"] if check["name"] == record["tightest"])
    bad = [check["name"] for check in record["checks"] if not check["holds"]]
    bad += [f"control {control['breaks']}" for control in record["controls"] if not control["fails"]]
    said = "; ".join(bad) if bad else f"{check['name']}: {verdicts.comparison(check)}"
    return f"{word}  {record['id']:<7} {title}   ({said})"


def render(output, *, folder=cards.FOLDER):
    """Write ``CLAIMS.md`` and ``README.md`` of an output folder from cards, ledgers and figure lists."""
    output = Path(output)
    pages = {"CLAIMS.md": claims_page(output, folder=folder), "README.md": gallery_page(output, folder=folder)}
    for name, text in pages.items():
        if not (output / name).exists() or (output / name).read_text(encoding="utf-8") != text:
            files.write_text(output / name, text)


def claims_page(output, *, folder=cards.FOLDER):
    """The ledgers as one Markdown page: every claim, then *Errata found*."""
    parts = [
        "# Claims ledger",
        "",
        "Written by `make figures`; every number below was computed by the notebook it links to.",
        "",
    ]
    found = records(output, folder=folder)
    for name, (card, every) in found.items():
        parts += [f"## {name}", "", f"{card.paper['citation']}.", ""]
        parts += [
            "| claim | what | verdict | tightest check | measured | would notice | nearest control | provenance |"
        ]
        parts += ["|---|---|---|---|---|---|---|---|"]
        for label, record in every.items():
            entry = card.claims[label]
            check = next(check for check in record["checks"] if check["name"] == record["tightest"])
            row = [
                f"[{label}]({notebook(card, entry)}#{label})",
                entry["title"],
                "PASS" if verdicts.passed(record) else "**FAIL**",
                check["name"],
                f"`{verdicts.comparison(check)}`",
                verdicts.resolution(check),
                nearest(record),
                ", ".join(entry["provenance"]),
            ]
            parts.append(_row(row))
        parts.append("")
    parts += ["## Errata found", "", "| erratum | printed or circulating | corrected | evidence |", "|---|---|---|---|"]
    for name, (card, _) in found.items():
        for label, erratum in card.errata.items():
            evidence = erratum["evidence"]
            if evidence != cards.ARGUMENT_ONLY:
                evidence = f"[{evidence}]({notebook(card, card.claims[evidence])}#{evidence})"
            parts.append(_row([f"{name[:2]} {label}", erratum["quoted"], erratum["corrected"], evidence]))
    return "\n".join(parts) + "\n"


def nearest(record):
    """The control that misses least, in words."""
    checks = {check["name"]: check for check in record["checks"]}
    control = min(record["controls"], key=lambda control: verdicts.miss(checks[control["check"]], control))
    if checks[control["check"]]["rule"] == "counterexample":
        said = "repaired: holds" if control["fails"] else "**violated too**"
    else:
        said = "fails" if control["fails"] else "**passes**"
    return f"{control['breaks'].removeprefix('repaired: ')}: {said}"


def notebook(card, entry):
    """Where a claim or figure stands, seen from the output folder."""
    appendix = card.is_essay and entry["where"] == "appendix"
    return f"../notebooks/appendix/{card.name}.ipynb" if appendix else f"../notebooks/{card.name}.ipynb"


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
                if entry.get("picture", True):
                    entries[entry["name"]] = (entry, below)
        if entries:
            body += [f"## {name}", ""]
        for label, (entry, below) in entries.items():
            file = f"{below.relative_to(output)}/{label}.png"
            columns = files.read_csv(below / f"{label}.csv")
            caption, alt = (numbers.fill(entry[key], columns) for key in ("caption", "alt"))
            anchor = f"[{name}]({notebook(card, card.figures[label])}#{label})"
            row = [card.paper["citation"], entry["counterpart"], f"[{file}]({file})", anchor]
            head.append(_row([*row, f"`make figures NB={name[:2]}`", entry["published"]]))
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
        new_list = files.read_json(fresh / below / "figures.json")
        if old_list != new_list:
            found.append(f"{below}: figures.json differs (names, captions, alt texts or tolerances)")
        for entry in new_list:
            old_csv = files.read_csv(stored / below / f"{entry['name']}.csv")
            new_csv = files.read_csv(fresh / below / f"{entry['name']}.csv")
            columns = moved(old_csv or {}, new_csv, entry["agreement"])
            found += [f"{below}: {entry['name']}.csv moved in column {column!r}" for column in columns]
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


def _row(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
