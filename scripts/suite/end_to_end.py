"""The tests with nodes: each module of `e2e` in a process of its own, which reports line by line."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

MODULE_LIMIT_S = 420
# Modules at once: each has a domain of its own in namespaces of its own, and waits more than it computes.
LANES = 2


def modules(root, only):
    """Names of the test modules."""
    found = sorted(path.stem for path in (root / "scripts" / "e2e").glob("test_*.py"))
    return [name for name in found if not only or any(word in name for word in only)]


def run_all(tally, root, binaries, only):
    """Runs every module."""
    if os.geteuid() != 0:
        tally.bad("tests with nodes", "they make network namespaces: run them as root, or use --fast")
        return
    lock = threading.Lock()
    with ThreadPoolExecutor(LANES) as lanes:
        runs = [lanes.submit(run_module, tally, lock, root, binaries, name) for name in modules(root, only)]
        try:
            for run in runs:
                run.result()
        except BaseException:
            lanes.shutdown(wait=False, cancel_futures=True)
            raise


def run_module(tally, lock, root, binaries, name):
    """Runs one module; it prints a JSON object per test and bounds its own time."""
    reached_end, passed, failed = False, 0, 0
    environment = os.environ | {"PYTHONPATH": str(root / "scripts"), "CROWFLY_BINARIES": str(binaries),
                                "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors, subprocess.Popen(
        [sys.executable, "-m", "e2e", name, str(MODULE_LIMIT_S)], cwd=root, env=environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
    ) as process:
        try:
            for line in process.stdout:
                result = parsed(line)
                if "end" in result:
                    reached_end = True
                    continue
                passed, failed = passed + result["ok"], failed + (not result["ok"])
                with lock:
                    if result["ok"]:
                        tally.ok(f"{name} {result['name']}" + (f": {result['said']}" if result.get("said") else ""))
                    else:
                        tally.bad(f"{name} {result['name']}", result["text"])
            process.wait(30)
            errors.seek(0)
            said = errors.read()
        except BaseException:
            process.terminate()  # it takes its domain down
            process.wait(30)
            raise
    problem = None
    if not reached_end:
        problem = said or f"ended early with exit status {process.returncode}"
    elif not passed + failed:
        problem = "there is no test in it"
    elif process.returncode and not failed:
        problem = f"every test that was told of has passed, but the exit status is {process.returncode}"
    if problem:
        with lock:
            tally.bad(name, problem)


def parsed(line):
    """One line of a module: a result; anything else that it prints is a failure of its own."""
    try:
        result = json.loads(line)
    except ValueError:
        result = None
    if isinstance(result, dict) and ("end" in result or {"name", "ok"} <= result.keys()):
        return result
    return {"name": "(output)", "ok": False, "text": f"not a result: {line.rstrip()}"}
