"""``python -m helpers COMMAND``: run, store, seeds, paper, claims, claim, compare, lab (notebooks), record (longer
tables), explorables (the site's sliders), gpu."""

import sys


def main(arguments):
    """Hand the command on; only what it needs is imported. Returns the exit status."""
    try:
        if arguments[:1] == ["record"]:
            from helpers.recording import sweeps

            return sweeps.main(arguments[1:])
        if arguments[:1] == ["gpu"]:
            from helpers.gpu import command

            return command.main(arguments[1:])
        from helpers.collection import commands

        return commands.main(arguments)
    except KeyboardInterrupt:  # while something was imported; a command says more
        print("interrupted before anything was run", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
