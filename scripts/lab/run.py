"""One run of the lab: its name, its state directory, and leaving nothing behind.

Everything a run makes is found by its name: namespaces `cf<pid>x<n>-<node>`, and the directory
`/run/crowfly-lab/<pid>x<n>` with logs, sockets, captures and EAL's runtime files. Interfaces live inside the
namespaces and go with them. A run that was killed is swept away by the next one.
"""

import atexit
import itertools
import json
import os
import pathlib
import shutil
import signal
import time

from . import netns
from .shell import Failure

STATE_ROOT = pathlib.Path("/run/crowfly-lab")
STOP_S = 4.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_numbers = itertools.count(1)


class Stopped(KeyboardInterrupt):
    """A signal ended the run; not an Exception, so that no step takes it for its own failure."""


class Run:
    """Names and cleans up after one run; `keep()` leaves it standing."""

    def __init__(self, limit_s, keep=False):
        self.pid = os.getpid()
        self.name = f"{self.pid}x{next(_numbers)}"
        self.prefix = f"cf{self.name}-"
        self.keep = keep
        self.state = STATE_ROOT / self.name
        self.processes = []
        self.closed = False
        if os.geteuid() != 0:
            raise Failure("the lab makes network namespaces: run it as root")
        sweep()
        self.state.mkdir(parents=True, mode=0o700)
        owner = {"pid": self.pid, "start": start_time(self.pid), "kept": False}
        (self.state / "owner.json").write_text(json.dumps(owner))
        atexit.register(self.close)
        for number in _SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._too_long)
        signal.alarm(int(limit_s))
        self.limit_s = limit_s

    def _stop(self, number, _frame):
        raise Stopped(signal.Signals(number).name)

    def _too_long(self, _number, _frame):
        raise Stopped(f"the run took longer than {self.limit_s:g} s")

    def namespace(self, name):
        """Makes a namespace of this run and returns its full name."""
        full = self.prefix + name
        netns.add(full)
        return full

    def close(self):
        """Ends every process and removes everything; safe to call again, deaf to signals meanwhile."""
        if self.closed or os.getpid() != self.pid:
            return
        self.closed = True
        for number in (*_SIGNALS, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        if self.keep:
            owner = json.loads((self.state / "owner.json").read_text())
            draft = self.state / "owner.json.new"
            draft.write_text(json.dumps(owner | {"kept": True}))
            draft.replace(self.state / "owner.json")
            return
        stop_all(self.processes)
        take_down(self.name, self.state)
        signal.alarm(0)
        atexit.unregister(self.close)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


def stop_all(processes):
    """SIGTERM to all, SIGKILL to those that have not gone after `STOP_S`."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + STOP_S
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except Exception:  # noqa: BLE001 - whatever it is, the process has to go
            process.kill()
            process.wait()


def start_time(pid):
    """Start of a process in clock ticks since boot (proc(5)), or None: tells a pid from its reuse."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[19])


def take_down(run_name, state):
    """Kills what still runs in a run's namespaces, deletes them and the state directory."""
    for name in netns.names(f"cf{run_name}-"):
        for victim in netns.pids(name):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        netns.delete(name)
    shutil.rmtree(state, ignore_errors=True)
    try:
        STATE_ROOT.rmdir()
    except OSError:
        pass  # another run is there


def runs():
    """(state directory, owner) of every run that left a state directory."""
    if not STATE_ROOT.is_dir():
        return
    for state in sorted(STATE_ROOT.iterdir()):
        try:
            owner = json.loads((state / "owner.json").read_text())
        except (OSError, ValueError):
            owner = owner_by_name(state.name)
        yield state, owner


def owner_by_name(name):
    """Whose a directory is that does not say so: of a run that has just begun, while its process lives."""
    pid = name.partition("x")[0]
    number = int(pid) if pid.isdigit() else 0
    return {"pid": number, "start": start_time(number), "kept": False}


def sweep(kept=False):
    """Removes what dead runs left; with `kept` also those that were left standing on purpose."""
    count = 0
    for state, owner in list(runs()):
        alive = owner["start"] is not None and start_time(owner["pid"]) == owner["start"]
        if alive or (owner["kept"] and not kept):
            continue
        take_down(state.name, state)
        count += 1
    return count
