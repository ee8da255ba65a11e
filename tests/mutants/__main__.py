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
    parser.add_argument("--claim-seconds", type=float, default=60.0, help="CPU seconds of claims for one fault")
    parser.add_argument("--part", choices=("faults", "claims", "report", "both"), default="both")
    asked = parser.parse_args(arguments)
    until = time.monotonic() + 60 * asked.minutes
    kept = HERE if not asked.package else ROOT / "build" / "mutants" / asked.package.replace("/", "_")
    if asked.part != "report":
        net.warm()
        with net.Scratch(ROOT) as scratch:
            seen = net.Net(scratch, cache=ROOT / "build" / "mutants" / "seen")
            chosen = [path for path in seen.formulas if path.startswith(f"helpers/{asked.package}")]
            if not chosen:
                parser.error(f"no module below helpers/{asked.package} bears formulas")
            if asked.part in ("faults", "both"):
                table = judge.Table(kept / "faults.csv", judge.FIELDS)
                faults = places.sample({path: seen.modules[path] for path in chosen}, asked.count, asked.seed)
                judge.sampled(seen, table, faults, claim_seconds=asked.claim_seconds, until=until)
            if asked.part in ("claims", "both") and not asked.package:
                table = judge.Table(kept / "claims.csv", judge.CLAIM_FIELDS)
                judge.claims_against_faults(
                    seen, table, list(seen.claims), each=asked.each, seed=asked.seed, until=until
                )
            for name, why in sorted(seen.unfit.items()):
                print(f"fails without a fault, so it was left out: {name} ({why})")
    report.write(ROOT, kept)


if __name__ == "__main__":
    main()
