"""The command line of notebooks and ledgers; what a command needs is imported when it is called."""

import argparse
import os
import sys

from helpers import files, runtime


def run(pattern="", *, essays=False, store=False, workers=2):
    """Execute the chosen notebooks, render ledger and gallery, print the verdicts.

    Parameters
    ----------
    pattern : str
        Start of a notebook's name; all by default.
    essays : bool
        Leave the appendices out.
    store : bool
        Also write outputs, generated text and numbers in prose back into notebooks and pages (for maintainers).
    workers : int
        Notebooks at a time.

    Returns
    -------
    int
        Exit status: 0 if every notebook ran to its end and every claim passed.
    """
    from . import notebooks

    asked = runtime.settings(os.environ | {"STRICT": "1"})
    if store and (asked["profile"], asked["seed"]) != ("quick", 0):
        raise ValueError(f"profile {asked['profile']}, seed {asked['seed']}: only the quick one with seed 0 is stored")
    chosen, output = notebooks.notebooks(pattern, essays=essays), asked["output"]
    notebooks.prepare(output)
    with files.alone(output, "wait for it, or name another folder in OUTPUT"):
        return _run_alone(chosen, output, store=store, workers=workers)


def _run_alone(chosen, output, *, store, workers):
    from . import notebooks, pages

    files.sweep(output)
    if store:
        files.sweep(notebooks.NOTEBOOKS)
        os.environ["REDRAW"] = "1"
    outcomes = notebooks.execute(chosen, workers=workers)
    for outcome in outcomes:
        said = "ran to its end" if outcome.failure is None else f"STOPPED {outcome.failure}"
        print(f"{notebooks.label(outcome.path)}: {said} ({outcome.seconds:.0f} s)")
    folder = notebooks.NOTEBOOKS
    if store:
        store_texts([outcome for outcome in outcomes if outcome.failure is None], output, folder=folder)
    pages.render(output, folder=folder)
    print(pages.table(output, folder=folder, run=[_name_and_place(path) for path in chosen]))
    return int(any(outcome.failure is not None for outcome in outcomes))


def store_texts(outcomes, output, *, folder):
    """Write notebooks as they are kept: outputs, generated cells and numbers in prose; then the numbers in pages."""
    from . import generated, notebooks, pages, prose

    found = pages.records(output, folder=folder)
    for outcome in outcomes:
        notebook, (name, place) = notebooks.stored_form(outcome.notebook), _name_and_place(outcome.path)
        card, records = found[name]
        generated.fill(notebook, card, records, place)
        source = prose.Source(output, name=name)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                try:
                    cell.source = prose.refresh(cell.source, source)
                except ValueError as error:
                    raise ValueError(f"{notebooks.label(outcome.path)}, cell {cell.get('id')}: {error}") from error
        notebooks.write(outcome.path, notebook)
    for page in PAGES:
        if page.exists():
            text = page.read_text(encoding="utf-8")
            fresh = prose.refresh(text, prose.Source(output))
            if fresh != text:
                files.write_text(page, fresh)


# Pages, besides the notebooks, whose numbers are tied to a run.
PAGES = (runtime.ROOT / "README.md", runtime.ROOT / "benchmarks" / "README.md")


def _name_and_place(path):
    return path.stem, "appendix" if path.parent.name == "appendix" else "essay"


def main(arguments=None):
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m helpers")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, about in (("run", "execute notebooks"), ("store", "execute notebooks and keep their outputs")):
        command = commands.add_parser(name, help=about)
        command.add_argument("notebook", nargs="?", default="", help="start of its name")
        command.add_argument("--essays", action="store_true", help="leave the appendices out")
    commands.add_parser("paper", help="lay out a new paper").add_argument("name", help="such as 06_short_name")
    many = commands.add_parser("seeds", help="run every claim at many seeds, resuming what is there")
    many.add_argument("seeds", help="such as 0..19 or 0..4,7")
    many.add_argument("notebook", nargs="*", help="starts of their names")
    many.add_argument("--jobs", type=int, default=1, help="notebooks at a time")
    many.add_argument("--estimate", action="store_true", help="say what it would take, and run nothing")
    commands.add_parser("claims", help="print the stored ledger")
    commands.add_parser("claim", help="explain one claim and run its cells").add_argument("id", nargs="?", default="")
    commands.add_parser("lab", help="open the notebooks; further options are JupyterLab's")
    commands.add_parser("explorables", help="write the tables behind the sliders of the site")
    pair = commands.add_parser("compare", help="differences of two output folders")
    pair.add_argument("stored")
    pair.add_argument("fresh")
    pair.add_argument("--by-id", action="store_true", help="match claims by id, wherever they stand")
    options, others = parser.parse_known_args(arguments)
    if others and options.command != "lab":
        parser.error(f"unrecognized arguments: {' '.join(others)}")
    try:
        if options.command in ("run", "store"):
            return run(options.notebook, essays=options.essays, store=options.command == "store")
        if options.command == "paper":
            from . import new_paper

            print("\n".join(str(path.relative_to(runtime.ROOT)) for path in new_paper.lay_out(options.name)))
            return 0
        if options.command == "seeds":
            from . import seeds

            return seeds.main(options.seeds, options.notebook, workers=options.jobs, measuring=not options.estimate)
        if options.command == "claim":
            from . import explain

            return explain.main(options.id)
        if options.command == "explorables":
            from . import explorables

            changed = explorables.write(runtime.ROOT / "figures")
            print(f"explorables: {', '.join(changed) or 'nothing'} changed")
            return 0
        if options.command == "lab":
            from . import welcome

            return welcome.main(others)
        from . import pages

        if options.command == "claims":
            print(pages.table(runtime.settings(os.environ | {"STRICT": "1"})["output"]))
            return 0
        found = (pages.compare_by_id if options.by_id else pages.compare)(options.stored, options.fresh)
        print("\n".join(found) if found else "ledgers and plotted numbers agree with the stored ones")
        return int(bool(found))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was written is whole, and the same command starts again", file=sys.stderr)
        return 130
