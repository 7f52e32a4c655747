"""The tests with nodes: each module of `e2e` in a process of its own, which reports line by line.

Up to ten real nodes and their hosts live in real time on what may be two cores. A module that fails beside others is
therefore run once more when all are done, alone. What passes then may have failed for want of processor time, or by
a race that is still there: the last lines name it, and somebody has to look. What fails again has failed, and so has
everything where many modules do.
"""

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
# With more modules than this that fail there is no second try.
SECOND_TRIES = 3


def modules(root, only):
    """Names of the test modules."""
    found = sorted(path.stem for path in (root / "scripts" / "e2e").glob("test_*.py"))
    return [name for name in found if not only or any(word in name for word in only)]


def run_all(tally, root, binaries, only, strict):
    """Runs every module; `strict`: a second try is none."""
    if os.geteuid() != 0:
        tally.bad("tests with nodes", "they make network namespaces: run them as root, or use --fast")
        return
    lock = threading.Lock()
    with ThreadPoolExecutor(LANES) as lanes:
        runs = {name: lanes.submit(run_module, tally, lock, root, binaries, name) for name in modules(root, only)}
        try:
            results = {name: run.result() for name, run in runs.items()}
        except BaseException:
            lanes.shutdown(wait=False, cancel_futures=True)
            raise
    bad = {name: failures for name, (_, failures) in results.items() if failures}
    if not strict and len(results) > 1 and len(bad) <= SECOND_TRIES:
        for name, failures in bad.items():
            tally.say(f"again   {name}, alone")
            results[name] = run_module(tally, lock, root, binaries, name)
            if not results[name][1]:
                tally.second_tries.extend(test for test, _ in failures)
    for passed, failures in results.values():
        tally.passed += len(passed)
        tally.failures.extend(failures)


def run_module(tally, lock, root, binaries, name):
    """Runs one module, which prints a JSON object per test and bounds its own time: names of what passed, and what
    failed, as (name, text)."""
    reached_end, passed, failures = False, set(), []

    def bad(test, text):
        failures.append((test, text))
        with lock:
            tally.show(test, text)
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
                elif result["ok"]:
                    passed.add(result["name"])
                    with lock:
                        tally.say(f"ok      {name} {result['name']}"
                                  + (f": {result['said']}" if result.get("said") else ""))
                else:
                    bad(f"{name} {result['name']}", result["text"])
            process.wait(30)
            errors.seek(0)
            said = errors.read()
        except BaseException:
            process.terminate()  # it takes its domain down
            process.wait(30)
            raise
    if not reached_end:
        bad(name, said or f"ended early with exit status {process.returncode}")
    elif not passed and not failures:
        bad(name, "there is no test in it")
    elif process.returncode and not failures:
        bad(name, f"every test that was told of has passed, but the exit status is {process.returncode}")
    return passed, failures


def parsed(line):
    """One line of a module: a result; anything else that it prints is a failure of its own."""
    try:
        result = json.loads(line)
    except ValueError:
        result = None
    if isinstance(result, dict) and ("end" in result or {"name", "ok"} <= result.keys()):
        return result
    return {"name": "(output)", "ok": False, "text": f"not a result: {line.rstrip()}"}
