"""What this process has launched. Imports nothing heavy, as `--help` launches nothing."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.runs.plan import Member
    from denoise.runs.screen import Bars
    from denoise.tracking.records import Record


@dataclass
class Launch:
    """A single run in `folder`, or a sweep, whose own record is `summary`.

    `shared` says what all runs of the sweep have in common and their names do not say. `queue` is
    the name of the sweep's jobs in Slurm, and `tasks` their places there by number. With `is_anew`,
    runs are trained even if they finished earlier. With `is_remote`, their folders may be on other
    machines. `open` holds what is to be closed at the end.
    """

    folder: Path
    members: "list[Member]"
    is_anew: bool = False
    shared: str = ""
    queue: str = ""
    tasks: dict[int, int] = field(default_factory=dict)
    is_remote: bool = False
    bars: "Bars | None" = None
    summary: "Record | None" = None
    open: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def name(self) -> str:
        """What the sweep is known by: the name of its folder, which may be typed as `.`."""
        return self.folder.absolute().name

    def folders(self) -> list[Path]:
        """The folders of the jobs, also of those that a sweeper other than Hydra's own adds."""
        planned = [member.folder for member in self.members]
        others = self.summary and len(self.members) == 1  # another sweeper may add jobs
        there = [path.parent for path in self.folder.glob("*/record.json")] if others else []
        there.sort(key=lambda path: (len(path.name), path.name))  # 2 before 10
        return list(dict.fromkeys([*planned, *there]))


current: Launch | None = None
