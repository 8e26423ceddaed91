"""The record of a run: plain files in its folder that say what it is and what it measured.

`record.json` holds what the run is, its status, and the SHA-256 of every file that it wrote.
`metrics.jsonl` holds a line for each epoch; a line of step 0 holds metrics that are measured once.
MLflow has a copy of both. This module knows nothing of MLflow.
"""

import contextlib
import copy
import fcntl
import json
import math
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from denoise.errors import ELSEWHERE, DamagedRecordError, FolderLockedError, UserError
from denoise.manifest import sha256

VERSION = 1
FILE, METRICS, LOG = "record.json", "metrics.jsonl", "denoise.log"
STATE = "state"  # the folder of what an interrupted run resumes from
# What nearly every run writes besides its log. A folder that has such a file of another origin is
# refused before training.
FILES = (
    *(f"checkpoints/{name}.safetensors" for name in ("last", "best")),
    *(f"{STATE}/{name}.safetensors" for name in ("even", "odd")),
    *(f"config/{name}.yaml" for name in ("config", "overrides")),
    *(f"figures/{name}.png" for name in ("noise", "loss", "examples", "tsne")),
    *(f"figures/reconstructions_{step}.png" for step in ("000", "001")),
    *(f"tables/{name}.csv" for name in ("codes", "history")),
    *("model/MLmodel", "traceback.txt"),
)

QUEUED, RUNNING, FINISHED, FAILED, KILLED = "QUEUED", "RUNNING", "FINISHED", "FAILED", "KILLED"
REUSED = "REUSED"  # the run finished earlier
SKIPPED = "SKIPPED"  # another process has, or had, the run
SUCCEEDED = (FINISHED, REUSED, SKIPPED)

# A run is trained, sums up a sweep, or is a reference that was not trained. Rankings and
# comparisons look for trained runs only.
TRAINING, SWEEP, REFERENCE = "training", "sweep", "reference"

Fields = dict[str, Any]  # the content of `record.json`

# A record without a run.
EMPTY: Fields = {"version": VERSION, "run_id": "", "files": {}, "lines": 0, "mirrored": True}


class Line(NamedTuple):
    """Metrics of one step; `time` in milliseconds since 1970, as MLflow counts it."""

    step: int
    time: int
    metrics: dict[str, float]


@dataclass
class Contents:
    """What a record holds, read from a folder or from the store.

    `fields` is the content of `record.json`: the run's run_id, kind, name, status, error, tags,
    params, files, ..., and under `job` the job that last used the folder. `mirrored` says whether
    MLflow has all of it, `refused` why it refuses the rest for good, `lines` how many lines of
    metrics belong to it.
    """

    fields: Fields = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    @property
    def epochs(self) -> list[dict[str, float]]:
        """The metrics of each epoch, from the first."""
        return [line.metrics for line in self.lines if line.step]

    @property
    def final(self) -> dict[str, float]:
        """The metrics that are measured once in a run."""
        return {k: v for line in self.lines if not line.step for k, v in line.metrics.items()}

    @property
    def score(self) -> float:
        """The score of the weights that are evaluated; infinite before the first epoch.

        They are those of the best epoch where images are held out, and else of the last.
        """
        name = self.fields["job"]["score_name"]
        scores = [values[name] for values in self.epochs] or [math.inf]
        return min(scores) if name.startswith("val/") else scores[-1]


def read(folder: Path, *, with_lines: bool = True) -> Contents | None:
    """The record in `folder`, or None without one; a last line that was cut short is left out.

    Without lines of metrics it is quicker to read.

    Raises `DamagedRecordError` if it cannot be read, `UserError` if its version is not known.
    """
    try:
        fields = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if not 1 <= fields["version"] <= VERSION:
            raise UserError(
                f"{folder / FILE} has version {fields['version']}; this code reads up to {VERSION}"
            )
        check_inside(fields["files"])
        return Contents(fields, _lines(folder / METRICS) if with_lines else [])
    except FileNotFoundError:
        return None
    except UserError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise DamagedRecordError(f"{folder / FILE} is damaged: {error}") from None


def _lines(path: Path) -> list[Line]:
    """The whole lines of the file; none if it does not exist."""
    with contextlib.suppress(FileNotFoundError):
        text = path.read_text(encoding="utf-8")
        return [Line(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]
    return []


def check_inside(names: Iterable[str]) -> None:
    """Raise `UserError` if a file of a run would lie outside the folder that it is written to."""
    for name in names:
        if ".." in PurePosixPath(name).parts or name.startswith("/") or "\\" in name:
            raise UserError(f"the run has a file named {name!r}, which is outside its folder")


def check_free(folder: Path, names: Iterable[str], own: Iterable[str] = ()) -> None:
    """Raise `UserError` if one of the files `names` is there, except those of the run itself.

    A file in place of one of their folders, or a link that leads nowhere, is refused, too. An
    empty file is not: a run that was killed while it began leaves its log so.
    """
    for path in (folder / name for name in names if name not in own):
        parent = path.parent
        taken = parent if os.path.lexists(parent) and not parent.is_dir() else path
        is_empty = taken.is_file() and not taken.stat().st_size
        if os.path.lexists(taken) and not (is_empty and taken is path):
            raise UserError(f"{taken} exists and is not a file of this run; {ELSEWHERE}")


def is_locked(folder: Path) -> bool:
    """Whether a living process on this machine is writing the record in `folder`."""
    try:
        os.close(_locked(folder))
    except FolderLockedError:
        return True
    except OSError:
        return False
    return False


def _locked(folder: Path) -> int:
    """A descriptor of `folder` that holds its lock. The lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if not isinstance(error, BlockingIOError):
            raise
        raise FolderLockedError(folder) from None
    return descriptor


class Record:
    """The record in `folder`, open for writing by this process alone until `close`.

    `update` changes what MLflow has a copy of, and `note` what it need not know; `log` adds
    metrics, and `add` files. Every change is on disk, whole, when a method returns, and sets
    `changed`. A thread that uploads the record sets `error` if the run was deleted or taken over;
    the next change raises it.
    """

    def __init__(self, folder: Path) -> None:
        """Raises `FolderLockedError` if another process has the record open."""
        self.folder = folder.absolute()  # the process may change its working directory
        self.descriptor = _locked(folder)
        self.mutex = threading.RLock()
        self.changed = threading.Event()
        self.error: Exception | None = None
        try:
            self.contents = read(folder) or Contents(dict(EMPTY))
        except BaseException:
            self.close()
            raise

    @property
    def fields(self) -> Fields:
        return self.contents.fields

    @property
    def run_id(self) -> str:
        """The id of the run in MLflow; '' as long as MLflow has not answered."""
        return self.fields.get("run_id", "")

    @property
    def refused(self) -> str:
        """Why MLflow refuses for good what it lacks of the run; '' if it does not."""
        return self.fields.get("refused", "")

    @property
    def has_run(self) -> bool:
        """Whether files of a run are in the folder."""
        return bool(self.fields["files"])

    def start(self, **fields: Any) -> None:
        """Begin the record of a new run, in place of the one that was in the folder, if any."""
        for name in self.fields["files"]:
            (self.folder / name).unlink(missing_ok=True)
        if self.contents.lines:
            (self.folder / METRICS).unlink(missing_ok=True)
        job = self.fields.get("job")
        self.contents = Contents(EMPTY | {"job": job, "mirrored": False} | fields)
        self._write()

    def adopt(self, contents: Contents) -> None:
        """Take over what the store has of a run whose folder is elsewhere.

        The files that another run left here stay known by name, so that they can be replaced.
        """
        files = contents.fields.get("files", {})
        check_inside(files)
        job = self.fields.get("job")
        files = dict.fromkeys(self.fields["files"], "") | files
        self.contents = copy.deepcopy(contents)
        self._write_lines(self.contents.lines)
        self.note(job=job, files=files, lines=len(self.contents.lines))

    def update(self, **fields: Any) -> None:
        """Change fields of the record."""
        self.check()
        self.note(mirrored=False, **fields)

    def note(self, **fields: Any) -> None:
        """Change fields that MLflow need not know at once: of the job, or about MLflow's copy."""
        with self.mutex:
            self.contents.fields = self.fields | fields
            self._write()

    def start_job(self, **fields: Any) -> None:
        """Note that a job of this process uses the folder: its name, epochs, ..."""
        job = {"status": RUNNING, "stage": "starting", "error": "", "began": time.time()}
        self.note(job=job | {"seconds": 0.0} | fields)

    def note_job(self, **fields: Any) -> None:
        """Note how far the job is."""
        job = self.fields["job"]
        self.note(job=job | {"seconds": time.time() - job["began"]} | fields)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Add the metrics of an epoch (`step` from 1), or metrics that are measured once (0).

        What the record has is not added again, so that a resumed run reports nothing twice.
        """
        self.check()
        with self.mutex:
            lines = [line for line in self.contents.lines if line.step == step]
            known = {key for line in lines for key in line.metrics}
            new = {key: value for key, value in metrics.items() if key not in known}
            if new:
                self._write_lines([*self.contents.lines, Line(step, milliseconds(), new)])
                self.note(mirrored=False, lines=len(self.contents.lines))

    def path(self, name: str) -> Path:
        """Where to write the run's file `name`, with its folder made.

        Raises `UserError` if a file that the run did not write is there.
        """
        path, files = self.folder / name, self.fields["files"]
        if name not in files:
            check_free(self.folder, [name])
            self.update(files=files | {name: ""})
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, text: str) -> None:
        """Write a text file of the run, whole or not at all."""
        _replace(self.path(name), text)
        self.add(name)

    def add(self, *names: str) -> None:
        """Note that the run has written these files, new or changed."""
        sums = {name: sha256(self.folder / name) for name in names}
        self.update(files=self.fields["files"] | sums)

    def written(self, part: str) -> list[Path]:
        """The files of the run under the folder `part` that exist."""
        names = (name for name in self.fields["files"] if name.startswith(f"{part}/"))
        return [path for path in (self.folder / name for name in names) if path.exists()]

    def discard(self, part: str) -> None:
        """Delete the files of the run under the folder `part`."""
        files = self.fields["files"]
        kept = {name: files[name] for name in files if not name.startswith(f"{part}/")}
        if kept == files:
            return
        for path in self.written(part):
            path.unlink()
        with contextlib.suppress(OSError):  # the user may have files of their own there
            (self.folder / part).rmdir()
        self.note(mirrored=False, files=kept)

    def snapshot(self) -> Contents:
        """A copy of all that the record holds at this moment."""
        with self.mutex:
            return copy.deepcopy(self.contents)

    def check(self) -> None:
        """Raise `error`, if there is one."""
        if self.error:
            raise self.error

    def close(self) -> None:
        """Let other processes open the record."""
        os.close(self.descriptor)

    def _write(self) -> None:
        _replace(self.folder / FILE, text(self.fields))
        self.changed.set()

    def _write_lines(self, lines: list[Line]) -> None:
        _replace(self.folder / METRICS, "".join(map(line_text, lines)))
        self.contents.lines = lines


def opened(folder: Path) -> contextlib.closing[Record]:
    """The record in `folder`, open for writing within the block."""
    return contextlib.closing(Record(folder))


def forget_job(folder: Path) -> None:
    """Forget the job that an earlier launch left in the record in `folder`, if there is one."""
    if read(folder, with_lines=False):
        with opened(folder) as record:
            record.note(job=None)


def milliseconds() -> int:
    """The time now, as MLflow counts it."""
    return round(1000 * time.time())


def text(fields: Fields) -> str:
    """The content of `record.json`, with the long list of files at its end."""
    return json.dumps({k: v for k, v in fields.items() if k != "files"} | fields, indent=1)


def line_text(line: Line) -> str:
    """A line of `metrics.jsonl`."""
    return json.dumps(line._asdict()) + "\n"


def _replace(path: Path, text: str) -> None:
    """Write the file, whole or not at all, even if the machine loses power."""
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8", errors="replace") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # or else a power cut may leave the name without the content
    partial.replace(path)
