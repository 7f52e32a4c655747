"""Runs one module and prints a JSON object per test: `python3 -m e2e MODULE [LIMIT_S]`."""

import importlib
import json
import sys
import time
import unittest

from lab.run import Stopped


class Lines(unittest.TestResult):
    """One line a test, on standard output."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def line(self, test, ok, text=""):
        """Prints one result."""
        said = getattr(test, "said", "")
        took = f"{time.monotonic() - getattr(self, 'began', time.monotonic()):.1f} s"
        name = test.id().removeprefix("e2e.") if hasattr(test, "id") else str(test)
        name = name.split(".", 1)[-1]
        print(json.dumps({"name": name, "ok": ok, "text": text, "said": f"{said} ({took})".strip()}), flush=True)

    def addSuccess(self, test):
        self.line(test, True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.line(test, False, self.failures[-1][1])

    def addError(self, test, error):
        super().addError(test, error)
        self.line(test, False, self.errors[-1][1])

    def addSkip(self, test, reason):
        self.line(test, False, f"skipped: {reason}")

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            known = self.failures if issubclass(error[0], test.failureException) else self.errors
            self.line(subtest, False, known[-1][1])


def in_order(cls):
    """A class's tests in the order in which they stand in the file."""
    return [cls(name) for name in vars(cls) if name.startswith("test_")]


def main():
    """Exit status 0 when every test passed."""
    module = importlib.import_module(f"e2e.{sys.argv[1]}")
    if len(sys.argv) > 2:
        module.LIMIT_S = int(sys.argv[2])
    result = Lines()
    classes = [value for value in vars(module).values()
               if isinstance(value, type) and issubclass(value, unittest.TestCase)
               and value.__module__ == module.__name__]
    try:
        for cls in classes:
            unittest.TestSuite(in_order(cls)).run(result)
    except Stopped as stopped:
        print(json.dumps({"name": "(whole module)", "ok": False, "text": f"stopped: {stopped}"}), flush=True)
    print(json.dumps({"end": True}), flush=True)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
