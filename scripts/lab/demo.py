"""`scripts/demo`: the domain's story, told with its evidence."""

import argparse
import os
import pathlib
import sys
import time

from .capture import save
from .ctl import Refused
from .domain import NODES, Domain
from .run import Run, Stopped, sweep
from .shell import Failure
from .steps import Story

LIMIT_S = 300


def main():
    """Exit status 0 when every step has shown what it had to, 1 otherwise, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="A Proxy Mobile IPv6 domain of real nodes on this machine.")
    parser.add_argument("--keep", action="store_true", help="leave the domain up and say how to look at it")
    parser.add_argument("--down", action="store_true", help="take down a domain that was kept")
    parser.add_argument("--capture", metavar="DIR", help="keep the captures in DIR")
    arguments = parser.parse_args()
    if arguments.down:
        print(f"{sweep(kept=True)} taken down")
        return 0
    try:
        return play(arguments)
    except (Failure, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"\ndemo: stopped: {stopped}", file=sys.stderr)
        return 130


def play(arguments):
    """Builds the domain, goes through the steps, prints the table."""
    lab = Run(LIMIT_S, keep=arguments.keep)
    told = []
    try:
        domain = Domain(lab, binaries(), Story.before_localizing)
        domain.start()
        domain.capture_signalling()
        pids = ", ".join(f"{name} {domain.nodes[name].process.pid}" for name in NODES)
        print(f"domain up: {pids}")
        failed = tell(Story(domain), told)
        table(told)
        if failed:
            show_logs(domain)
        elif arguments.keep:
            for capture in domain.captures.values():
                capture.stop()  # nobody would bound them
            how_to_look(domain)
        lab.keep = lab.keep and not failed
        return 1 if failed else 0
    except BaseException:
        lab.keep = False
        raise
    finally:
        if arguments.capture:
            print(f"captures: {save(lab, arguments.capture)}")
        lab.close()


def tell(story, told):
    """Goes through the steps; returns whether one failed."""
    for number, title, step in story.whole():
        print(f"\n({number}) {title}", flush=True)
        began = time.monotonic()
        try:
            for evidence in step():
                told.append((number, evidence.what, evidence.figure))
                print(f"    {evidence.what}: {evidence.figure}", flush=True)
        except (Failure, Refused, OSError, EOFError) as error:
            told.append((number, title, f"FAILED: {error}"))
            print(f"    FAILED: {error}", flush=True)
            return True
        print(f"    {time.monotonic() - began:.1f} s", flush=True)
    return False


def table(told):
    """Step, evidence, figure."""
    rows = [("step", "evidence", "figure"), *((f"({n})", what, figure) for n, what, figure in told)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    print()
    for row in rows:
        print(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}")


def show_logs(domain):
    """The end of every node's log."""
    for name, node in domain.nodes.items():
        print(f"\n{name}, last lines of its log:")
        for line in node.log.read_text(errors="replace").splitlines()[-10:]:
            print(f"    {line}")


def how_to_look(domain):
    """What to type next."""
    print("\nThe domain is up. Look at it:")
    for name, words in (("lma", "binding list"), ("mag2", "path list"), ("mag3", "status"), ("lma", "stats")):
        print(f"    {binaries() / 'crowflyctl'} -s {domain.nodes[name].socket} {words}")
    print(f"    ip netns exec {domain.mn1.space} ping {domain.home(domain.mn2)[0]}")
    print("and take it down:\n    scripts/demo --down")


def binaries():
    """Where crowfly and crowflyctl are."""
    return pathlib.Path(os.environ["CROWFLY_BINARIES"])


if __name__ == "__main__":
    sys.exit(main())
