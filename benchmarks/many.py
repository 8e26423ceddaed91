"""Measures how time and memory grow with the runs of a sweep: `python benchmarks/many.py`.

Trains sweeps of 10, 100 and 1,000 tiny runs, types the same command again, and compares and pulls.
Prints a table of docs/benchmarks.md; takes half an hour on two cores. Other sizes can be given:
`python benchmarks/many.py 10 100`.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from denoise.tracking import records

SIZES = (10, 100, 1000)
TINY = (
    *("trainer=smoke", "trainer.epochs=1", "data.train_size=1024", "data.test_size=256"),
    *("evaluation.tsne_codes=128", "evaluation.probe_codes=512", "evaluation.pairwise_codes=200"),
    *("noise=none", f"data.root={Path(__file__).parents[1] / 'data'}"),
)
MIB = 2**20 if sys.platform == "darwin" else 2**10  # in the unit of `ru_maxrss`


@dataclass(frozen=True)
class Cost:
    """When a command began and ended, its CPU seconds, and the MiB of its largest process."""

    began: float
    ended: float
    cpu: float
    memory: float

    def __str__(self) -> str:
        return f"{self.ended - self.began:.1f} s"


def command(folder: Path, module: str, *arguments: str) -> Cost:
    """Run `python -m MODULE ARGUMENTS` in the folder; what it prints is shown if it fails."""
    began = time.time()
    with tempfile.TemporaryFile("w+") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], cwd=folder, stdout=output, stderr=output
        )
        _, status, used = os.wait4(started.pid, 0)
        if status:
            output.seek(0)
            raise SystemExit(output.read())
    return Cost(began, time.time(), used.ru_utime + used.ru_stime, used.ru_maxrss / MIB)


def column(folder: Path, runs: int) -> dict[str, str]:
    """What sweeps, comparisons and pulls of so many runs take."""
    command(folder, "denoise", *TINY, "seed=1000000")  # makes the store
    many = ("-m", *TINY, f"seed=range({runs})")
    first = command(folder, "denoise", *many)
    read = [records.read(path.parent) for path in folder.glob(f"outputs/*/*/{records.FILE}")]
    found = [each for each in read if each and each.fields.get("job")]  # and not the references
    assert len(found) == runs
    begun = min(line.time for each in found for line in each.lines if line.step) / 1000
    jobs = [each.fields["job"] for each in found]
    last = max(job["began"] + job["seconds"] for job in jobs)
    again = command(folder, "denoise", *many)
    compare = command(folder, "denoise.compare", "--sweep", "latest")
    pull = command(folder, "denoise.pull", "--only", "config")
    return {
        "from the command to the end of the first epoch": f"{begun - first.began:.1f} s",
        "CPU seconds of the sweep": f"{first.cpu:.0f} s",
        "from the end of the last run to the prompt": f"{first.ended - last:.1f} s",
        "the same command again, which reuses all runs": str(again),
        "`denoise.compare`": str(compare),
        "`denoise.pull` of the best": str(pull),
        "largest process of the sweep": f"{first.memory:,.0f} MiB",
        "largest process of the comparison": f"{compare.memory:,.0f} MiB",
    }


def main(sizes: list[int]) -> None:
    console = Console(width=120)
    columns = []
    with tempfile.TemporaryDirectory() as temporary, console.status("measuring ..."):
        for size in sizes:
            folder = Path(temporary) / str(size)
            folder.mkdir()
            columns.append(column(folder, size))
    table = Table("what", *(f"{size:,} runs" for size in sizes), box=box.MARKDOWN)
    for name in columns[0]:
        table.add_row(name, *(each[name] for each in columns))
    console.print(table)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
