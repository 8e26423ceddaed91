"""Which code this is, so that runs and workers of other code are noticed."""

import importlib.metadata
import subprocess
from functools import cache
from pathlib import Path


@cache  # by the launched process: it imported the code when it began
def tags() -> dict[str, str]:
    """The commit of our checkout and whether it was changed, or else the package's version.

    A repository that merely surrounds the installed package is not ours.
    """
    root = Path(__file__).parents[2]

    def git(*command: str) -> str:
        return subprocess.check_output(
            ["git", *command], cwd=root, text=True, stderr=subprocess.DEVNULL
        ).strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() == root.resolve():
            dirty = str(bool(git("status", "--porcelain"))).lower()
            return {"git.commit": git("rev-parse", "HEAD"), "git.dirty": dirty}
    except (OSError, subprocess.CalledProcessError):
        pass
    return {"version": importlib.metadata.version("denoise")}
