"""The package's exceptions; signals are in `runs/signals.py`."""

from pathlib import Path

# What to do about a folder that is taken.
ELSEWHERE = "choose another folder with hydra.run.dir or hydra.sweep.dir"


class UserError(ValueError):
    """A mistake of the person at the keyboard: its message is all they need to read."""


class StoreUnavailableError(UserError):
    """The store does not answer; it may later."""


class RunDeletedError(UserError):
    """The run was deleted in MLflow while it still had something to log."""


class OtherDeviceError(UserError):
    """A run was interrupted on another kind of device than it is to resume on."""


class DamagedRecordError(UserError):
    """The record of a run cannot be read."""


class RunTakenError(Exception):
    """Another process owns the run `run_id`."""

    def __init__(self, run_id: str, owner: object) -> None:
        self.run_id = run_id
        super().__init__(f"run {run_id} is being trained by {owner}")


class FolderLockedError(UserError):
    """Another process is using the folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another process is using {folder}; {ELSEWHERE}")
