"""Run the notebooks, store them, and render what they leave behind.

``python -m helpers run`` is ``make figures``: it executes every notebook in its own kernel, two at a
time and one thread each, and renders the claims ledger and the figure gallery from what they wrote.
"""

import argparse
import asyncio
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from tqdm import tqdm

from helpers import files, runtime
from helpers.files import moved
from helpers.ledger import claims
from helpers.ledger.compare import disagreements

NOTEBOOKS = runtime.ROOT / "notebooks"
EXECUTED = runtime.ROOT / "build" / "executed"
CELL_SECONDS = 1800
# Small matrices gain nothing from more threads, and two notebooks with two threads each on two cores lose tenfold.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
PAPERS = {
    "01_spectral_clustering": "Tan et al., *Contrastive Learning Is Spectral Clustering On Similarity Graph* "
    "(ICLR 2024)",
    "02_alpha_cl": "Tian, *Understanding Deep Contrastive Learning via Coordinate-wise Optimization* (NeurIPS 2022)",
    "03_mutual_information": "Lee et al., *Towards a Rigorous Analysis of Mutual Information in Contrastive Learning* "
    "(Neural Networks 2024, arXiv 2308.15704)",
    "04_multimodal_svd": "Nakada et al., *Understanding Multimodal Contrastive Learning and Incorporating Unpaired "
    "Data* (AISTATS 2023)",
    "05_robust_contrastive": "Tran et al., *Robust Contrastive Learning With Theory Guarantee* (arXiv 2311.09671)",
}


def notebooks(pattern=""):
    """Paths of the notebooks whose name starts with ``pattern``, in order.

    Raises
    ------
    ValueError
        If there is none; the message lists what there is.
    """
    found = sorted(NOTEBOOKS.glob("*.ipynb"))
    chosen = [path for path in found if path.stem.startswith(pattern)]
    if not chosen:
        raise ValueError(f"no notebook starts with {pattern!r}; there are {', '.join(path.stem for path in found)}")
    return chosen


def execute(path, bar):
    """Execute one notebook top to bottom in its own folder and kernel.

    Parameters
    ----------
    path : Path
    bar : tqdm
        Advanced by one for every code cell; its text names the step.

    Returns
    -------
    NotebookNode, str or None
        The executed notebook, and what went wrong in it (None if nothing did). It is also written to
        ``build/executed``, finished or not.
    """
    notebook = nbformat.read(path, as_version=4)
    steps = {}
    for number, cell in enumerate(notebook.cells):
        headings = (
            [line for line in cell.source.splitlines() if line.startswith("#")] if cell.cell_type == "markdown" else []
        )
        steps[number] = headings[-1].lstrip("# ") if headings else steps.get(number - 1, "opening")

    def starting(cell, cell_index):
        bar.set_postfix_str(steps[cell_index][:48], refresh=sys.stderr.isatty())

    def executed(**_):
        bar.update()

    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_execute=starting,
        on_cell_executed=executed,
        extra_arguments=["--log-level=ERROR"],
    )
    failure = None
    try:
        asyncio.run(client.async_execute())
    except CellExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except Exception as error:  # a dead kernel or a cell past its time limit must not lose the other notebook's run
        failure = f"{type(error).__name__}: {error}"
    files.write_text(EXECUTED / path.name, nbformat.writes(notebook) + "\n")
    return notebook, failure


def run(pattern="", *, store=False, workers=2):
    """Execute the chosen notebooks, render ledger and gallery, print the verdicts.

    Parameters
    ----------
    pattern : str
        Start of a notebook's name; all by default.
    store : bool
        Also write the outputs back into the notebooks (for maintainers).
    workers : int
        Notebooks at a time.

    Returns
    -------
    int
        Exit status: 0 if every notebook ran to its end and every claim passed.
    """
    os.environ.update(ONE_THREAD | ({"REDRAW": "1"} if store else {}))
    settings = runtime.current()
    chosen = notebooks(pattern)
    places = threading.BoundedSemaphore(workers)
    free_lines = list(range(workers))

    def one(path):
        with places:
            line = free_lines.pop()
            notebook = nbformat.read(path, as_version=4)
            codes = sum(cell.cell_type == "code" for cell in notebook.cells)
            expected = notebook.metadata.get("expected_seconds", "?")
            form = "{desc} {n_fmt}/{total_fmt} cells, {elapsed} of about " + f"{expected} s" + " {postfix}"
            shown = {"position": line} if sys.stderr.isatty() else {"mininterval": 10}
            with tqdm(total=codes, desc=path.stem, bar_format=form, **shown) as bar:
                start = time.monotonic()
                outcome = execute(path, bar)
            free_lines.append(line)
            return path, *outcome, time.monotonic() - start

    with ThreadPoolExecutor(workers) as pool:
        results = list(pool.map(one, chosen))
    status = 0
    for path, notebook, failure, seconds in results:
        print(f"{path.stem}: {'ran to its end' if failure is None else 'STOPPED: ' + failure} ({seconds:.0f} s)")
        status |= failure is not None
        if store and failure is None:
            files.write_text(path, stored_form(notebook))
    render(settings.output)
    print(table(settings.output))
    return status


def stored_form(notebook):
    """A notebook as it is kept in the repository: outputs without timestamps or traces of a machine."""
    # a print may reach the notebook in one piece or in two; stored, it is one
    clean, _ = CoalesceStreamsPreprocessor().preprocess(nbformat.from_dict(json.loads(nbformat.writes(notebook))), {})
    expected = clean.metadata.get("expected_seconds")
    clean.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    if expected is not None:
        clean.metadata["expected_seconds"] = expected
    for cell in clean.cells:
        cell.metadata = {key: cell.metadata[key] for key in ("tags", "alt") if key in cell.metadata}
        if cell.cell_type == "code":
            alts = [output.metadata.get("image/png", {}).get("alt") for output in cell.outputs if "metadata" in output]
            if alts := [alt for alt in alts if alt]:
                cell.metadata["alt"] = " ".join(alts)
    return nbformat.writes(clean) + "\n"


def ledgers(output):
    """Every ledger under an output folder, in notebook order."""
    return [files.read_json(path) for path in sorted(Path(output).glob("[0-9]*/claims.json"))]


def table(output):
    """The verdicts of every claim as text, one line a claim."""
    lines = []
    for ledger in ledgers(output):
        lines.append(f"\n{ledger['notebook']} (profile {ledger['profile']}, seed {ledger['seed']})")
        lines += [claims.verdict_line(record) for record in ledger["claims"]]
    good = sum(claims.passed(record) for ledger in ledgers(output) for record in ledger["claims"])
    total = sum(len(ledger["claims"]) for ledger in ledgers(output))
    return "\n".join([*lines, "", f"{good} of {total} claims hold, and every control of theirs fails as it must."])


def render(output):
    """Write ``CLAIMS.md`` and ``README.md`` of an output folder from its ledgers and figure lists."""
    output = Path(output)
    pages = {output / "CLAIMS.md": claims_page(output), output / "README.md": gallery_page(output)}
    for path, text in pages.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            files.write_text(path, text)


def claims_page(output):
    """The ledgers as one Markdown page: every claim, then *Errata found*."""
    parts = [
        "# Claims ledger",
        "",
        "Written by `make figures`; every number below was computed by the notebook it links to.",
        "",
    ]
    for ledger in ledgers(output):
        name = ledger["notebook"]
        parts += [
            f"## {name}",
            "",
            f"{PAPERS.get(name, name)}. Profile {ledger['profile']}, seed {ledger['seed']}.",
            "",
        ]
        parts += ["| claim | what | verdict | tightest check | measured | threshold | control | provenance |"]
        parts += ["|---|---|---|---|---|---|---|---|"]
        for record in ledger["claims"]:
            link = f"[{record['id']}](../notebooks/{name}.ipynb#{record['id']})"
            cells = [
                link,
                record["title"],
                "PASS" if claims.passed(record) else "**FAIL**",
                record.get("tightest", ""),
                f"{record['measured']:.2g}",
                f"{record['threshold']:.2g}",
                f"{record['control']['breaks']}: {'fails' if record['control']['fails'] else '**passes**'}",
                ", ".join(record["provenance"]),
            ]
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts.append("")
    parts += ["## Errata found", "", "| erratum | printed or circulating | corrected | evidence |", "|---|---|---|---|"]
    for ledger in ledgers(output):
        name = ledger["notebook"]
        for entry in ledger["errata"]:
            evidence = entry["evidence"]
            if evidence != claims.ARGUMENT_ONLY:
                evidence = f"[{evidence}](../notebooks/{name}.ipynb#{evidence})"
            cells = [f"{name[:2]} {entry['id']}", entry["printed"], entry["corrected"], evidence]
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def gallery_page(output):
    """The figures as one Markdown page: first what answers to which figure of which paper, then the pictures."""
    lists = {path.parent.name: files.read_json(path) for path in sorted(Path(output).glob("[0-9]*/figures.json"))}
    head = ["# Figures", "", "Written by `make figures`. Each picture stands beside its numbers (`.csv`).", ""]
    head += [
        "| paper | its figure or table | our file | notebook | command | published numbers |",
        "|---|---|---|---|---|---|",
    ]
    body = []
    for name, entries in lists.items():
        body += [f"## {name}", ""]
        for entry in entries:
            file = f"{name}/{entry['name']}.png"
            anchor = f"[{name}](../notebooks/{name}.ipynb#{entry['name']})"
            row = [PAPERS.get(name, name), entry["counterpart"], f"[{file}]({file})", anchor]
            row += [f"`make figures NB={name[:2]}`", entry["published"]]
            head.append("| " + " | ".join(row) + " |")
            body += [f"### {entry['name']}", "", f"![{entry['alt']}]({file})", "", entry["caption"], ""]
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
    for path in sorted(fresh.glob("[0-9]*/claims.json")):
        name = path.parent.name
        old = files.read_json(stored / name / "claims.json")
        if old is None:
            found.append(f"{name}: no stored ledger")
            continue
        found += [f"{name}: {line}" for line in disagreements(old, files.read_json(path))]
        old_list = files.read_json(stored / name / "figures.json")
        new_list = files.read_json(fresh / name / "figures.json")
        if old_list != new_list:
            found.append(f"{name}: figures.json differs (names, captions, alt texts or tolerances)")
        for entry in new_list:
            old_csv = files.read_csv(stored / name / f"{entry['name']}.csv")
            new_csv = files.read_csv(fresh / name / f"{entry['name']}.csv")
            columns = moved(old_csv or {}, new_csv, entry["agreement"])
            found += [f"{name}: {entry['name']}.csv moved in column {column!r}" for column in columns]
    return found


def main(arguments=None):
    """Command line: ``run``, ``store``, ``claims`` and ``compare``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("run", "store"):
        commands.add_parser(name).add_argument("notebook", nargs="?", default="")
    commands.add_parser("claims")
    pair = commands.add_parser("compare")
    pair.add_argument("stored")
    pair.add_argument("fresh")
    options = parser.parse_args(arguments)
    try:
        if options.command in ("run", "store"):
            return run(options.notebook, store=options.command == "store")
        if options.command == "claims":
            print(table(runtime.current().output))
            return 0
        found = compare(options.stored, options.fresh)
        print("\n".join(found) if found else "ledgers and plotted numbers agree with the stored ones")
        return int(bool(found))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written is whole, and the same command starts again", file=sys.stderr)
        return 130
