"""Measures what waiting threads cost on a busy machine: `python benchmarks/busy.py`, six minutes.

Prints how long a training step of the default network takes with all threads: alone, and beside a
busy process on every core. A row is how often a waiting thread looks for work before it sleeps;
`denoise.runs.process.SPINS` is what commands choose.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from statistics import mean, median

import torch
from rich import box
from rich.console import Console
from rich.table import Table
from speed import IMAGES, TRAINER, machine, seconds
from torch.nn import functional as F

from denoise.model import Anello
from denoise.runs.process import SPINS

WARM_UP, STEPS, ROUNDS = 10, 60, 3
POLICIES: dict[str, dict[str, str]] = {
    "GNU's default": {},
    **{f"{int(spins):,} times": {"GOMP_SPINCOUNT": spins} for spins in ("30000", SPINS, "300")},
    "never (OMP_WAIT_POLICY=passive)": {"OMP_WAIT_POLICY": "passive"},
}


def milliseconds() -> float:
    """What a step takes in this process, on average."""
    model = Anello(latent_dim=4)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images = IMAGES.scale(IMAGES.train.images[: TRAINER.batch_size])

    def step() -> None:
        optimizer.zero_grad()
        F.mse_loss(model(images), images).backward()
        optimizer.step()

    return 1000 * mean([seconds(step) for _ in range(WARM_UP + STEPS)][WARM_UP:])


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """Keep every core busy."""
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(policy: dict[str, str]) -> float:
    """`milliseconds` of a new process: the policy is read when torch is imported."""
    command = [sys.executable, __file__, "step"]
    return float(subprocess.check_output(command, env=os.environ | policy, text=True))


def main() -> None:
    console = Console(width=120)
    console.print(f"{machine()}; medians of {ROUNDS}", highlight=False)
    table = Table("a waiting thread looks", "alone", "beside busy cores", "ratio", box=box.MARKDOWN)
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in POLICIES}
    with console.status("measuring ..."):
        for _ in range(ROUNDS):
            for name, policy in POLICIES.items():
                alone = measured(policy)
                with busy():
                    rounds[name].append((alone, measured(policy)))
    for name, pairs in rounds.items():
        alone, beside = (median(each) for each in zip(*pairs, strict=True))
        table.add_row(name, f"{alone:.0f} ms", f"{beside:.0f} ms", f"{beside / alone:.1f}")
    console.print(table)


if __name__ == "__main__":
    if sys.argv[1:] == ["step"]:
        print(milliseconds())
    else:
        main()
