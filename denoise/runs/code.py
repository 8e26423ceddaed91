"""Which code this is, so that runs and workers of other code are noticed."""

import importlib.metadata
import inspect
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from denoise import build
from denoise.config.saved import CLASSES
from denoise.errors import UserError
from denoise.manifest import sha256
from denoise.tracking import claim

VARIABLE = "DENOISE_VERSION"  # of the launching process, for its workers

_sha256 = cache(sha256)  # cached, because a file may change after the process imported it


@cache  # because the code may change after the process imported it
def tags() -> dict[str, str]:
    """The commit of our checkout and whether its code was changed, or else the package's version.

    A repository that merely surrounds the installed package is not ours.
    """
    root = Path(__file__).parents[2]

    def git(*command: str) -> str:
        return subprocess.check_output(
            ["git", *command], cwd=root, text=True, stderr=subprocess.DEVNULL
        ).strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() == root.resolve():
            dirty = str(bool(git("status", "--porcelain", "--", "denoise", "conf"))).lower()
            return {"git.commit": git("rev-parse", "HEAD"), "git.dirty": dirty}
    except (OSError, subprocess.CalledProcessError):
        pass
    return {"version": importlib.metadata.version("denoise")}


def tags_of_classes(plain: Mapping[str, Any]) -> dict[str, str]:
    """A tag with the SHA-256 of the files of those classes in a config that are not ours."""
    classes = [build.find(target, target) for target in _targets(plain)]
    files = {kind.__module__: Path(inspect.getfile(kind)) for kind in classes}
    sums = [_sha256(files[module]) for module in sorted(files.keys() - set(CLASSES))]
    return {claim.CLASSES: " ".join(sums)} if sums else {}


def _targets(node: Any) -> Iterator[str]:
    """The classes that a config names, at any depth."""
    if isinstance(node, Mapping):
        yield from [str(node["_target_"])] if "_target_" in node else []
        for each in node.values():
            yield from _targets(each)


def differs(trained: Mapping[str, str], plain: Mapping[str, Any]) -> bool:
    """Whether other code than today's may have trained the run of this config with these tags."""
    now = tags() | tags_of_classes(plain)
    return not now.items() <= trained.items() or now.get("git.dirty") == "true"


def here() -> dict[str, str]:
    """The installed version, and the commit in a checkout."""
    commit = tags().get("git.commit", "")
    return {"version": importlib.metadata.version("denoise"), "commit": commit}


def difference(launching: Mapping[str, str]) -> str:
    """A sentence if the code of this machine is not that of the launching process; else ''."""
    for key, value in here().items():
        if value and launching[key] and value != launching[key]:
            return (
                f"{socket.gethostname()} has {key} {value} of denoise, and the machine of the "
                f"command {launching[key]}"
            )
    return ""


def pass_on() -> None:
    """Pass on, through the environment, which version workers on other machines should have.

    The commit is not passed on: a job may be queued while the checkout that it shares moves on.
    """
    os.environ[VARIABLE] = here()["version"]


def check() -> None:
    """Raise `UserError` if the launching process has passed on another version than that here.

    It is also raised if a job of Slurm lacks what was passed on, and so the address of the store.
    """
    if os.environ.get("SUBMITIT_EXECUTOR") == "slurm" and VARIABLE not in os.environ:
        raise UserError("Slurm does not pass the environment to jobs: submit with --export=ALL")
    if found := difference({"version": os.environ.get(VARIABLE, ""), "commit": ""}):
        raise UserError(found)
