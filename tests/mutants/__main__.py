"""``python -m mutants``: put faults in, see what catches them, write the tables and the report."""

import argparse
import time
from pathlib import Path

from . import judge, net, places, report

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
SHARE = 400 / 1083  # as when 400 faults were drawn first, from 1,083 functions


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--share", type=float, default=SHARE, help="faults drawn from a function, on average")
    parser.add_argument("--each", type=int, default=4, help="faults for a claim that catches none")
    parser.add_argument("--seed", type=int, default=0, help="another sample; not reported")
    parser.add_argument("--package", default="", help="only modules below helpers/<package>; not reported")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing after that long")
    parser.add_argument("--claim-seconds", type=float, default=300.0, help="for the claims of one fault, on the clock")
    parser.add_argument("--part", choices=("faults", "verify", "claims", "report", "all"), default="all")
    asked = parser.parse_args(arguments)
    until = time.monotonic() + 60 * asked.minutes
    stored = not asked.package and not asked.seed and asked.share == SHARE
    kept = HERE if stored else ROOT / "build" / "mutants" / f"{asked.package.replace('/', '_')}_{asked.seed}"
    if asked.part != "report":
        net.warm()
        with net.Scratch(ROOT) as scratch:
            judging = judge.Judge(scratch, claim_seconds=asked.claim_seconds)
            chosen = [path for path in judging.formulas if path.startswith(f"helpers/{asked.package}")]
            if not chosen:
                parser.error(f"no module below helpers/{asked.package} bears formulas")
            table = judge.Table(kept / "faults.csv", judge.FIELDS)
            if asked.part in ("faults", "all"):
                texts = {path: judging.modules[path] for path in chosen}
                first = set((kept / "first_draw.txt").read_text(encoding="utf-8").split()) if stored else frozenset()
                before = {judge.key(row) for row in table.rows}
                faults = places.sample(texts, asked.share, asked.seed, first=first, kept=before)
                known = report.notes(kept / "survivors.toml")
                judging.sample(table, faults, until=until, settled=lambda row: report.settled(row, known))
            if asked.part in ("verify", "all"):
                for name in judging.verify(table):
                    print(f"fails without a fault too, so what it caught is dropped: {name}")
            if asked.part in ("claims", "all") and stored:
                table = judge.Table(kept / "claims.csv", judge.CLAIM_FIELDS)
                judging.claims_against_faults(table, each=asked.each, seed=asked.seed, until=until)
                judging.pin(table, until=until)
    report.write(ROOT, kept)


if __name__ == "__main__":
    main()
