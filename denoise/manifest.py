"""What a pulled folder holds: its `run.json`, with the SHA-256 of every other file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from denoise.errors import UserError

FILE = "run.json"


def write(folder: Path, said: Mapping[str, Any]) -> None:
    """Write what is `said` of the run in `folder`, and the sums of the files that are there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    text = json.dumps({**said, "files": sums}, indent=2)
    (folder / FILE).write_text(text, encoding="utf-8")


def verified(folder: Path) -> dict[str, Any]:
    """What was written of the run in `folder`; `UserError` if its files are not as they were."""
    try:
        said = json.loads((folder / FILE).read_text(encoding="utf-8"))
        files = dict(said["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(
            f"{folder} is not a pulled run: it has no readable {FILE}; "
            "python -m denoise.pull makes one"
        ) from None
    for name, digest in files.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path} is missing; pull the run again with --force")
        if sha256(path) != digest:
            raise UserError(f"{path} has changed since it was pulled; pull it again with --force")
    return said


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
