"""What a run has to tell its store: on disk and in order, until the store has it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from denoise.errors import FolderLockedError, UserError

FILE, MARK = "outbox.jsonl", "outbox.sent"

Entry = dict[str, Any]


class Outbox:
    """The entries of a run's folder, one a line, and how many of them are sent.

    An entry has a `kind`; files are named by their path in the folder. The first tells of the
    run's beginning. One process at a time holds an outbox, and lets go of it when it dies.
    """

    def __init__(self, folder: Path) -> None:
        """Hold the outbox of `folder`; `FolderLockedError` if another process does."""
        self.folder = folder
        self.file = _held(folder / FILE)
        try:
            self.entries = _whole(self.file)
            self.sent, self.run_id = _marked(folder / MARK) if self.entries else (0, "")
        except UserError:
            self.file.close()
            raise

    def put(self, kind: str, **values: Any) -> None:
        """Add an entry: whole or not at all, and safe from the death of process and machine."""
        entry = {"kind": kind, **values}
        self.file.write(json.dumps(entry).encode() + b"\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.entries.append(entry)

    def end(self, status: str) -> None:
        """Add that the run has ended so, now."""
        self.put("end", status=status, time=round(1000 * time.time()))

    def unsent(self) -> Iterator[Entry]:
        """What is still to be sent, in order; each counts as sent when the next is asked for.

        Of a file that comes again later only the last is given: it is what the file became.
        """
        while self.sent < len(self.entries):
            entry = self.entries[self.sent]
            if entry["kind"] != "file" or entry not in self.entries[self.sent + 1 :]:
                yield entry
            self._mark(self.sent + 1, self.run_id)

    def is_of(self, run_id: str) -> None:
        """Remember the run that it all is of."""
        self._mark(self.sent, run_id)

    def _mark(self, sent: int, run_id: str) -> None:
        partial = self.folder / f"{MARK}.partial"
        with partial.open("w") as file:
            json.dump([sent, run_id], file)
            file.flush()
            os.fsync(file.fileno())  # else a crash of the machine may leave a name without content
        partial.replace(self.folder / MARK)
        self.sent, self.run_id = sent, run_id

    def drop(self) -> None:
        """Count all as sent."""
        self._mark(len(self.entries), self.run_id)

    def close(self) -> None:
        """Let go of it; if all is sent, nothing of it is left."""
        if self.sent == len(self.entries):
            for name in (FILE, MARK):
                (self.folder / name).unlink(missing_ok=True)
        self.file.close()


def _held(path: Path) -> BinaryIO:
    """The file, locked."""
    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise FolderLockedError(str(path.parent)) from None
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # removed since it was opened, by a process that has sent it all


def _whole(file: BinaryIO) -> list[Entry]:
    """The entries of the file, which is cut after the last whole one."""
    file.seek(0)
    text = file.read()
    whole = text[: text.rfind(b"\n") + 1]
    file.truncate(len(whole))
    try:
        return [json.loads(line) for line in whole.splitlines()]
    except ValueError:
        raise UserError(f"{file.name} is damaged: what it had to send cannot be read") from None


def _marked(path: Path) -> tuple[int, str]:
    """How many entries are sent, and the run that they are of; none and '' before one is."""
    try:
        sent, run_id = json.loads(path.read_text())
    except FileNotFoundError:
        return 0, ""
    except ValueError:
        raise UserError(f"{path} is damaged: what is sent already cannot be told") from None
    return sent, run_id
