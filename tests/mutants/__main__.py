"""``python -m mutants``: put faults in, see what catches them, write the tables and the report."""

import argparse
import time
from pathlib import Path

from . import judge, net, places, report

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="faults of modules in the sample")
    parser.add_argument("--each", type=int, default=4, help="faults for every claim")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--package", default="", help="only modules below helpers/<package>; not reported")
    parser.add_argument("--minutes", type=float, default=1e6, help="begin nothing after that long")
    parser.add_argument("--claim-seconds", type=float, default=300.0, help="for the claims of one fault, on the clock")
    parser.add_argument("--part", choices=("faults", "verify", "claims", "report", "all"), default="all")
    asked = parser.parse_args(arguments)
    until = time.monotonic() + 60 * asked.minutes
    kept = HERE if not asked.package else ROOT / "build" / "mutants" / asked.package.replace("/", "_")
    if asked.part != "report":
        net.warm()
        with net.Scratch(ROOT) as scratch:
            judging = judge.Judge(scratch, claim_seconds=asked.claim_seconds)
            chosen = [path for path in judging.formulas if path.startswith(f"helpers/{asked.package}")]
            if not chosen:
                parser.error(f"no module below helpers/{asked.package} bears formulas")
            table = judge.Table(kept / "faults.csv", judge.FIELDS)
            if asked.part in ("faults", "all"):
                faults = places.sample({path: judging.modules[path] for path in chosen}, asked.count, asked.seed)
                known = report.notes(kept / "survivors.toml")
                judging.sample(table, faults, until=until, settled=lambda row: report.settled(row, known))
            if asked.part in ("verify", "all"):
                for name in judging.verify(table):
                    print(f"fails without a fault too, so what it caught is dropped: {name}")
            if asked.part in ("claims", "all") and not asked.package:
                table = judge.Table(kept / "claims.csv", judge.CLAIM_FIELDS)
                judging.claims_against_faults(table, each=asked.each, seed=asked.seed, until=until)
    report.write(ROOT, kept)


if __name__ == "__main__":
    main()
