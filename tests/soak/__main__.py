"""`make soak`: a node's year on the virtual board, with faults of every kind. Exit code 1: a promise was broken."""

import argparse
import sys

from binnode_tools import paths
from rich.console import Console

from tests.soak import decisions, report, year

FOLDER = paths.BUILD / "soak"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--days", type=float, default=365)
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    if options.days < 1:
        parser.error("a soak takes at least one day")
    outcome = year.run(options.seed, options.days, FOLDER)
    print("the sampled days' decisions, again on CPython", file=sys.stderr)
    outcome.decide(FOLDER / "recorded.pickle", decisions.compare)
    report.write(outcome, FOLDER)
    report.show(outcome, Console())
    print(f"{FOLDER / 'report.json'}, {FOLDER / 'soak.png'}", file=sys.stderr)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
