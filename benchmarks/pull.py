"""Measures how long pulling the best of many runs takes: `python benchmarks/pull.py`.

It fills SQLite stores with small finished runs: few, many, and few whose best run has a large file
that is not pulled. Prints a table of medians of three; takes a few minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from denoise.config.settings import Tracking
from denoise.tracking import record, session

FEW, MANY = 10, 1000
LARGE = 50 * 2**20
PULLS = ("one", "two", "three")
ONLY = ("--only", "config", "--only", "checkpoints")


def fill(folder: Path, runs: int, *, large: bool) -> str:
    """Fill a store with `runs` finished runs, the last of them the best; returns its address."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    files = {"config/config.yaml": 10, "checkpoints/last.safetensors": 10}
    files |= {"figures/some.png": LARGE if large else 10}
    for number in track(range(runs), f"{runs} runs ...", transient=True):
        is_last = number == runs - 1
        cheap_run(uri, folder, number, files if is_last else {})
    return uri


def cheap_run(uri: str, folder: Path, seed: int, sizes: Mapping[str, int]) -> None:
    """Log a finished run that was not trained, with files of these sizes in bytes."""
    params = {"seed": seed, "protocol": {"score": "test/loss"}}
    tags = {"noise": "none", "sweep": "many"}
    settings = Tracking(uri, "denoise")
    own_folder = folder / f"run {seed}"
    own_folder.mkdir()
    with (
        record.opened(own_folder) as own,
        session.opened(own, settings, name="cheap", tags=tags, params=params) as run,
    ):
        run.log({"test/loss": 1 / (seed + 1)}, 0)
        for name, size in sizes.items():
            run.path(name).write_bytes(bytes(size))
            run.add(name)


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
