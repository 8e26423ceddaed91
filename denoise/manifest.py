"""The manifest of a pulled folder, `run.json`: facts of the run, and the SHA-256 of every file."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from denoise.errors import UserError

FILE = "run.json"


def write(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write the `facts` of a run into `folder`, with the sums of the files that are there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files}
    text = json.dumps({**facts, "files": sums}, indent=2)
    (folder / FILE).write_text(text, encoding="utf-8")


def verified(folder: Path) -> dict[str, Any]:
    """The facts of the run in `folder`; `UserError` if a file is missing or has changed."""
    try:
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
        files = dict(facts["files"])
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
    return facts


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
