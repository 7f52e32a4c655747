"""`scripts/test [--fast]`."""

import argparse
import os
import pathlib
import sys

from . import cargo, configs, end_to_end
from .tally import Tally

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    """Runs the parts in order of their price; a part that cannot run is a failure, not a gap."""
    parser = argparse.ArgumentParser(
        prog="scripts/test", description="Runs Crowfly's tests. The last line is the count.")
    parser.add_argument("--fast", action="store_true",
                        help="formatting, lints, tests of the crates and configurations; no domain of nodes")
    parser.add_argument("--only", metavar="WORD", action="append", default=[],
                        help="of the tests with nodes, only modules whose name contains WORD; skips the rest")
    parser.add_argument("--strict", action="store_true",
                        help="no second try, alone, for tests with nodes that failed while others ran beside them")
    arguments = parser.parse_args()
    tally = Tally()
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binaries = (target if target.is_absolute() else ROOT / target) / "debug"

    if not arguments.only:
        tally.section("formatting and lints")
        cargo.style(tally, ROOT)
        tally.section("tests of the crates")
    found = cargo.build(tally, ROOT)
    if found is not None:
        if not arguments.only:
            cargo.run_tests(tally, found)
            cargo.doc_tests(tally, ROOT)
            tally.section("configurations")
            configs.check(tally, ROOT, binaries)
        if not arguments.fast:
            tally.section("nodes")
            end_to_end.run_all(tally, ROOT, binaries, arguments.only, arguments.strict)
    tally.end()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
