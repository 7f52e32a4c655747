"""Running one command of the suite, bounded in time, output kept for the case that it fails."""

import os
import signal
import subprocess
from dataclasses import dataclass

PLAIN = {"CARGO_TERM_COLOR": "never", "NO_COLOR": "1"}


@dataclass
class Done:
    """A finished command."""

    status: int
    output: str


def run(command, limit_s, directory=None, environment=None):
    """Runs a command in a process group of its own; at the limit the whole group is killed."""
    try:
        process = subprocess.Popen(
            [str(word) for word in command], cwd=directory, env=os.environ | PLAIN | (environment or {}),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            errors="replace", start_new_session=True,
        )
    except OSError as error:
        return Done(-1, str(error))
    with process:
        try:
            output, _ = process.communicate(timeout=limit_s)
            return Done(process.returncode, output)
        except subprocess.TimeoutExpired:
            end_group(process)
            output, _ = process.communicate()
            return Done(-1, f"{output}\nended after its limit of {limit_s:g} s")
        except BaseException:
            end_group(process)
            raise


def end_group(process):
    """Kills a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
