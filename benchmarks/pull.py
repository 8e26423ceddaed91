"""Time pulling the best run of many: `python benchmarks/pull.py`.

The SQLite stores hold finished runs that were not trained: few, many, and few of which the best has
a large file that is not pulled. Prints a table with the medians of three pulls, in a few minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from denoise.config.settings import Tracking
from denoise.tracking import session

FEW, MANY = 10, 1000
LARGE = 50 * 2**20
PULLS = ("one", "two", "three")
ONLY = ("--only", "config", "--only", "checkpoints")


def fill(folder: Path, runs: int, *, large: bool) -> str:
    """Fill a store with `runs` finished runs, of which the last is the best; its address."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    files = {"config/config.yaml": 10, "checkpoints/last.safetensors": 10}
    files |= {"figures/some.png": LARGE if large else 10}
    for name, size in files.items():
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(bytes(size))
    for number in track(range(runs), f"{runs} runs ...", transient=True):
        is_last = number == runs - 1
        cheap_run(uri, folder, number, [folder / name for name in files if is_last])
    return uri


def cheap_run(uri: str, folder: Path, seed: int, files: Sequence[Path]) -> None:
    """Log a finished run that was not trained, with these files of `folder`."""
    params = {"seed": seed, "protocol": {"score": "test/loss"}}
    tags = {"noise": "none", "sweep": "many"}
    settings = Tracking(uri, "denoise")
    with session.run(settings, folder, name="cheap", tags=tags, params=params) as run:
        run.final({"test/loss": 1 / (seed + 1)})
        for file in files:
            run.file(file)


def pull_seconds(uri: str, to: Path) -> float:
    """The duration of one pull in a new process."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "denoise.pull", "--tracking-uri", uri, "--to", to, *ONLY],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main() -> None:
    table = Table("store", "seconds", "ratio", box=box.MARKDOWN)
    least = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        cases = {
            f"{FEW} runs": (FEW, False),
            f"{MANY} runs": (MANY, False),
            f"{FEW} runs, of which the best has 50 MiB that are not pulled": (FEW, True),
        }
        for number, (label, (runs, large)) in enumerate(cases.items()):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            os.chdir(folder)  # MLflow stores the artifacts of a SQLite store here
            uri = fill(folder, runs, large=large)
            seconds = statistics.median(pull_seconds(uri, folder / name) for name in PULLS)
            least = least or seconds
            table.add_row(label, f"{seconds:.1f}", f"{seconds / least:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
