"""Running commands and waiting, both bounded in time."""

import subprocess
import time

COMMAND_LIMIT_S = 30.0
POLL_S = 0.02


class Failure(Exception):
    """Something the lab asked for did not happen; the text says what."""


def run(*command, limit_s=COMMAND_LIMIT_S, check=True, stdin=None):
    """Runs a command to its end and returns it with `stdout` and `stderr` as text."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit_s, input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
        )
    except subprocess.TimeoutExpired as error:
        raise Failure(f"`{' '.join(command)}` took longer than {limit_s:g} s") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit status {done.returncode}"
        raise Failure(f"`{' '.join(command)}`: {said}")
    return done


def wait_for(what, condition, limit_s=10.0, poll_s=POLL_S):
    """Polls `condition` until it returns something true, and returns that."""
    deadline = time.monotonic() + limit_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not within {limit_s:g} s")
        time.sleep(poll_s)
