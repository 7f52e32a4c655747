"""Formatting, lints, and the tests of the crates.

Every test runs in a process of its own: there is one EAL per process, for ever, so tests that need it
cannot share one, and the others lose nothing by it.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import tempfile
import time
from dataclasses import dataclass

from .command import run

BUILD_LIMIT_S = 1800
TEST_LIMIT_S = 300
_DOC_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed", re.M)


@dataclass(frozen=True)
class Binary:
    """One test binary."""

    name: str
    path: str
    directory: str


def one(tally, name, command, root, limit_s=BUILD_LIMIT_S):
    """A command that is one test: it passes with exit status 0."""
    done = run(command, limit_s, root)
    if done.status == 0:
        tally.ok(name)
    else:
        tally.bad(name, done.output)
    return done.status == 0


def style(tally, root):
    """Formatting and lints; warnings are errors."""
    one(tally, "cargo fmt --check", ["cargo", "fmt", "--all", "--check"], root)
    one(tally, "cargo clippy -D warnings",
        ["cargo", "clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"], root)


def build(tally, root):
    """Builds every test and the binaries; returns the test binaries, or None."""
    done = run(["cargo", "test", "--workspace", "--locked", "--no-run", "--message-format", "json"],
               BUILD_LIMIT_S, root)
    if done.status != 0:
        tally.bad("cargo test --no-run", messages(done.output))
        return None
    tally.ok("cargo test --no-run")
    found = list(binaries(done.output))
    # Not every package has tests that make cargo build its programs.
    nodes = one(tally, "cargo build --bins", ["cargo", "build", "--workspace", "--bins", "--locked"], root)
    return found if nodes else None


def messages(output):
    """What the compiler said, out of cargo's JSON."""
    said = []
    for line in output.splitlines():
        if not line.startswith("{"):
            said.append(line)
            continue
        message = json.loads(line).get("message")
        if isinstance(message, dict) and message.get("rendered"):
            said.append(message["rendered"])
    return "\n".join(said)


def binaries(output):
    """The test binaries that cargo names."""
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        artifact = json.loads(line)
        if artifact.get("reason") != "compiler-artifact" or not artifact.get("executable"):
            continue
        if artifact["profile"]["test"]:
            directory = pathlib.Path(artifact["manifest_path"]).parent
            name = f"{directory.name}/{artifact['target']['name']}"
            yield Binary(name, artifact["executable"], str(directory))


def tests_of(tally, binary):
    """Names of a binary's tests, ignored ones left out; a binary that cannot say them is a failure."""
    def listed(*more):
        done = run([binary.path, "--list", "--format", "terse", *more], TEST_LIMIT_S, binary.directory)
        if done.status != 0:
            tally.bad(f"{binary.name} --list", done.output or f"exit status {done.status}")
            return set()
        return {line.removesuffix(": test") for line in done.output.splitlines() if line.endswith(": test")}
    return sorted(listed() - listed("--ignored"))


def run_tests(tally, found):
    """Runs every test of every binary, as many at once as there are cores."""
    with tempfile.TemporaryDirectory(prefix="crowfly-tests-") as runtime:
        environment = {"RUNTIME_DIRECTORY": runtime}
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for binary in found:
                started = time.monotonic()
                names = tests_of(tally, binary)
                results = pool.map(lambda name, b=binary: (name, test(b, name, environment)), names)
                failed = 0
                for name, problem in results:
                    if problem is None:
                        tally.ok()
                    else:
                        failed += 1
                        tally.bad(f"{binary.name} {name}", problem)
                if names:
                    print(f"{'FAILED' if failed else 'ok    '}  {binary.name}: {len(names) - failed} of "
                          f"{len(names)} in {time.monotonic() - started:.1f} s", flush=True)


def test(binary, name, environment):
    """Runs one test; None, or what it printed when it failed."""
    done = run([binary.path, "--exact", name, "--nocapture"], TEST_LIMIT_S, binary.directory,
               environment | {"CARGO_MANIFEST_DIR": binary.directory})
    if done.status == 0 and re.search(r"^test result: ok\. 1 passed", done.output, re.M):
        return None
    return done.output or f"exit status {done.status}"


def doc_tests(tally, root):
    """Examples in the documentation."""
    done = run(["cargo", "test", "--workspace", "--locked", "--doc", "--quiet"], BUILD_LIMIT_S, root)
    counts = [(int(passed), int(failed)) for passed, failed in _DOC_RESULT.findall(done.output)]
    tally.passed += sum(passed for passed, _ in counts)
    if done.status == 0:
        print(f"ok      examples in the documentation: {sum(passed for passed, _ in counts)}", flush=True)
    else:
        tally.bad("examples in the documentation", done.output)
