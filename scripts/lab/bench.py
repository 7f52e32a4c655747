"""What the measurements with a domain of nodes have in common: programs, where it was measured, files of results."""

import datetime
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys

from .run import Stopped
from .shell import Failure

ROOT = pathlib.Path(__file__).resolve().parents[2]
RESULTS = ROOT / "bench" / "results"
QUIET_LOAD = 0.5


def release_build(*packages):
    """Builds the programs of these packages; the folder with them."""
    chosen = [word for package in packages for word in ("-p", package)]
    command = ["cargo", "build", "--release", "--locked", *chosen, "--bins"]
    if subprocess.run(command, cwd=ROOT, check=False).returncode != 0:
        raise Failure("the build failed: " + shlex.join(command))
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def load_before():
    """The load of the machine, with a word about it where it is too much."""
    load = os.getloadavg()[0]
    if load > QUIET_LOAD:
        print(f"warning: the load is {load:.2f}: this will not be a clean run", file=sys.stderr)
    return load


def about(program, binaries, load, **more):
    """What was run, when, and on what; the folder of the programs is nobody's business."""
    words = ["DIR" if word == str(binaries) else word for word in sys.argv[1:]]
    return {"command": shlex.join([program, *words]), "date": datetime.datetime.now().isoformat(timespec="seconds"),
            "machine": platform.machine(), "kernel": platform.release(), "cores": os.cpu_count(), "load_before": load,
            **more}


def save(name, found, rows, lines):
    """Writes a result: all of it as JSON, and what people read, as Markdown."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found | {"rows": rows}, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text("\n".join([*lines, ""]))


def run(program, main):
    """Runs a measurement's `main`; what ends it is said in a sentence."""
    try:
        main()
    except Failure as failure:
        sys.exit(f"{program}: {failure}")
    except Stopped as stopped:
        print(f"{program}: stopped: {stopped}", file=sys.stderr)
        sys.exit(130)
