"""Lists, with SHA-256, of the files that we wrote into a folder.

A pulled folder has `run.json`: facts of the run, and every file. A folder in which the user may
have files of their own has `.denoise.json`, so that only ours are overwritten.
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from denoise.errors import UserError

FILE, WRITTEN = "run.json", ".denoise.json"


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


@contextlib.contextmanager
def writing(
    folder: Path, names: Collection[str], *, force: bool, inputs: Collection[Path] = ()
) -> Iterator[Path]:
    """Write files into `folder`: the block gets an empty folder, whose files move there at its end.

    Raises `UserError` if `folder` cannot be written to, or if a file would replace one that we did
    not write or that has changed since; for `names`, before the block. `force` allows that, but
    nothing allows overwriting one of the `inputs`, by whatever name or link.
    """
    _check(folder, names, force, inputs)
    with staging(folder) as made:
        yield Path(made)
        files = sorted(Path(made).iterdir())
        _check(folder, [path.name for path in files], force, inputs)
        sums = _sums(folder) | {path.name: sha256(path) for path in files}
        (folder / WRITTEN).write_text(json.dumps(sums, indent=1), encoding="utf-8")
        for path in files:
            path.replace(folder / path.name)  # a link is replaced, not the file that it leads to


def staging(
    folder: Path, remedy: str = "choose another with --to"
) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder in `folder` to prepare files in; makes `folder` if it is missing.

    The `UserError` if `folder` cannot be written to ends with the `remedy`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".denoise-", dir=folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written to ({error.strerror}); {remedy}") from None


def _check(folder: Path, names: Collection[str], force: bool, inputs: Collection[Path]) -> None:
    """Raise `UserError` if writing a file of `names` would destroy something of the user's."""
    sums = _sums(folder)
    for path in (folder / name for name in names):
        if not os.path.lexists(path):
            continue
        if path.exists() and any(each.exists() and path.samefile(each) for each in inputs):
            raise UserError(f"{path} is one of the files to read; choose another folder with --to")
        if path.is_dir():
            raise UserError(f"{path} is a folder; choose another folder with --to")
        if not (force or (path.is_file() and sums.get(path.name) == sha256(path))):
            raise UserError(
                f"{path} was not written by this command, or has changed since; choose another "
                "folder with --to, or overwrite it with --force"
            )


def _sums(folder: Path) -> dict[str, str]:
    """The files that we wrote into `folder`; none if their list is missing or damaged."""
    try:
        return dict(json.loads((folder / WRITTEN).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
