"""Counting, and telling people on the way."""

import sys
import time


class Tally:
    """Results of everything that ran."""

    def __init__(self):
        self.passed = 0
        self.failures = []  # (name, text)
        self.started = time.monotonic()

    def section(self, title):
        """Says which part comes now, and how long everything before took."""
        print(f"\n== {title} ({time.monotonic() - self.started:.0f} s)", flush=True)

    def ok(self, name=None):
        """One passed; named when it is worth a line."""
        self.passed += 1
        if name:
            print(f"ok      {name}", flush=True)

    def bad(self, name, text):
        """One failed."""
        self.failures.append((name, text))
        print(f"FAILED  {name}", flush=True)
        for line in text.rstrip().splitlines()[-60:]:
            print(f"        {line}", flush=True)

    def end(self):
        """The last line, and the exit status."""
        if self.failures:
            print("\nfailed:")
            for name, _ in self.failures:
                print(f"  {name}")
        print(f"\n{time.monotonic() - self.started:.0f} s")
        print(f"{self.passed} passed, {len(self.failures)} failed", flush=True)
        sys.exit(1 if self.failures else 0)
