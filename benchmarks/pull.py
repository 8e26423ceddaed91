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
    """Fill a store with `runs` finished runs, the last of them the best; returns its address."""
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    files = {"config/config.yaml": 10, "checkpoints/last.safetensors": 10}
    files |= {"figures/some.png": LARGE if large else 10}
    for name, size in files.items():
        (folder / name).parent.mkdir()
        (folder / name).write_bytes(bytes(size))
    for number in track(range(runs), f"{runs} runs ...", transient=True):
        params = {"seed": number, "protocol": {"score": "test/loss"}}
        tags = {"noise": "none", "sweep": "many"}
        settings = Tracking(uri, "denoise")
        with session.run(settings, folder, name="cheap", tags=tags, params=params) as run:
            run.final({"test/loss": 1 / (number + 1)})
            if number == runs - 1:
                for name in files:
                    run.file(folder / name)
    return uri


def pull_seconds(uri: str, to: Path) -> float:
    """One pull, in a process of its own, start to end."""
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
            f"{FEW} runs, 50 MiB behind the best that are not asked for": (FEW, True),
        }
        for number, (label, (runs, large)) in enumerate(cases.items()):
            folder = Path(temporary) / str(number)
            folder.mkdir()
            os.chdir(folder)  # where MLflow puts the artifacts of a SQLite store
            uri = fill(folder, runs, large=large)
            seconds = statistics.median(pull_seconds(uri, folder / name) for name in PULLS)
            least = least or seconds
            table.add_row(label, f"{seconds:.1f}", f"{seconds / least:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
