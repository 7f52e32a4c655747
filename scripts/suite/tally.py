"""Counting, and telling people on the way."""

import sys
import time

SHOWN_LINES = 60


class Tally:
    """Results of everything that ran."""

    def __init__(self):
        self.passed = 0
        self.failures = []  # (name, text)
        self.second_tries = []  # names of what failed once, and then passed
        self.started = time.monotonic()

    def section(self, title):
        """Says which part comes now, and how long everything before took."""
        self.say(f"\n== {title} ({time.monotonic() - self.started:.0f} s)")

    @staticmethod
    def say(text):
        """A line for whoever looks on."""
        print(text, flush=True)

    def show(self, name, text):
        """Tells of a failure, without counting it."""
        self.say(f"FAILED  {name}")
        for line in text.rstrip().splitlines()[-SHOWN_LINES:]:
            self.say(f"        {line}")

    def ok(self, name=None):
        """One passed; named when it is worth a line."""
        self.passed += 1
        if name:
            self.say(f"ok      {name}")

    def bad(self, name, text):
        """One failed."""
        self.failures.append((name, text))
        self.show(name, text)

    def end(self):
        """The last line, and the exit status."""
        for title, names in (("passed only at the second try, alone", self.second_tries),
                             ("failed", [name for name, _ in self.failures])):
            if names:
                self.say("\n" + "\n  ".join([f"{title}:", *names]))
        self.say(f"\n{time.monotonic() - self.started:.0f} s")
        self.say(f"{self.passed} passed, {len(self.failures)} failed")
        sys.exit(1 if self.failures else 0)
