"""The process that trains a run, as other processes see it: who it is, and whether it lives."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path

DEAD_SECONDS = 60


@dataclass(frozen=True)
class Owner:
    """A process. `place` is where its number is its own: one boot of one machine or container.

    A number is given again when its process is gone, so `born`, when it began, is part of it.
    """

    host: str
    pid: int
    place: str
    born: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def is_alive(self, heard: float) -> bool:
        """Whether it still runs, last heard of at `heard`, in seconds since the epoch.

        Where it would be seen, it is looked for; elsewhere a minute of silence means that it died.
        """
        if self.place and self.place == _place():
            return _born(self.pid) == self.born
        if not self.place and self.host == socket.gethostname():
            return _is_there(self.pid)
        return time.time() - heard < DEAD_SECONDS

    def text(self) -> str:
        """What `read` reads."""
        return json.dumps(asdict(self))


def me() -> Owner:
    """This process."""
    return Owner(socket.gethostname(), os.getpid(), _place(), _born(os.getpid()))


def read(text: str) -> Owner:
    return Owner(**json.loads(text))


def _place() -> str:
    """This boot and process namespace; '' where there is no /proc to look for processes in."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _born(pid: int) -> str:
    """When the process began, in clock ticks since boot; '' if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *rest = stat.rpartition(")")[2].split()  # the name in brackets may hold spaces
    return "" if state in "ZX" else rest[18]


def _is_there(pid: int) -> bool:
    """Whether a process has this number, where no more can be known of it."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return True
