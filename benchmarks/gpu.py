"""Measures what a CUDA GPU gains: `python benchmarks/gpu.py`, an estimated three minutes.

Prints the card and the table of docs/benchmarks.md. Runs side by side are measured again with
NVIDIA's Multi-Process Service, if it is installed.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from openTSNE.affinity import PerplexityBasedNN
from speed import DATA, ROOT, TRAINER, machine, seconds
from tsne import SETTINGS, divergence

from denoise import data, evaluate, latent
from denoise.model import Anello
from denoise.noise import Gaussian
from denoise.trainer import Trainer

CPU, GPU = torch.device("cpu"), torch.device("cuda")
ROUNDS = 5
NOISE = Gaussian(sigma=1.0, mean=0.0)
STUDY = ("denoise experiment=objective2", "denoise experiment=objective1")
MPS = "nvidia-cuda-mps-control"


class Eager(Anello):
    """The same network, but of a class for which no graph is recorded."""


def epoch(model: Anello, images: data.Data) -> Callable[[], None]:
    """An epoch of a default run, with its test metrics."""
    fitted = Trainer(model.to(GPU), images, NOISE, TRAINER, seed=0)
    epochs = fitted.epochs()
    batches = evaluate.corrupted(images.test, images, NOISE, TRAINER.target)

    def trained() -> None:
        next(epochs)
        evaluate.losses(model, batches, images)

    return trained


def show_epochs(model: Anello, images: data.Data) -> None:
    """Both kinds in turn; the first round is a warm-up."""
    kinds = epoch(Eager(latent_dim=4), images), epoch(model, images)
    rounds = [[seconds(each) for each in kinds] for _ in range(ROUNDS + 1)]
    eager, graphed = (median(column) for column in zip(*rounds[1:], strict=True))
    show("one epoch with test metrics, kernel by kernel", eager)
    show(
        "one epoch with test metrics, as a CUDA graph",
        graphed,
        f"{eager / graphed:.1f} times as fast",
    )


def show_maps(codes: np.ndarray) -> None:
    similar = PerplexityBasedNN(codes, SETTINGS.perplexity, method="exact").P

    def fitted(device: torch.device) -> tuple[float, float]:
        places: list[np.ndarray] = []
        took = seconds(lambda: places.append(latent.fitted(codes, SETTINGS, device)))
        return took, divergence(similar, places[0])

    fitted(GPU)  # a warm-up
    (slow, approximate), (fast, exact) = fitted(CPU), fitted(GPU)
    show(f"t-SNE of {len(codes):,} latents on the CPU", slow)
    change = f"KL divergence {exact / approximate - 1:+.1%}"
    show("exact t-SNE of them on the GPU", fast, f"{slow / fast:.1f} times as fast, {change}")


def started(line: str, folder: Path) -> subprocess.Popen[bytes]:
    arguments = [*line.split(), *([] if "study" in line else [f"data.root={DATA.root}"])]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (folder / "screen.txt").open("a") as screen:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=folder, env=environment, stdout=screen
        )


def commands(*steps: Sequence[str]) -> None:
    """Run commands in a new folder, those of a step at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            processes = [started(line, Path(folder)) for line in step]
            statuses = [process.wait() for process in processes]
            if any(statuses):
                raise SystemExit((Path(folder) / "screen.txt").read_text())


@contextlib.contextmanager
def multi_process_service() -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        subprocess.run([MPS, "-d"], check=True)
        try:
            yield
        finally:
            subprocess.run([MPS], input=b"quit\n", check=True)


def show(what: str, value: float, ratio: str = "") -> None:
    print(f"| {what} | {value:.{2 if value < 1 else 1}f} s | {ratio} |", flush=True)


def main() -> None:
    print(f"{torch.cuda.get_device_name()}, {machine()}")
    images, model = data.load(DATA, GPU), Anello(latent_dim=4)
    show_epochs(model, images)
    show_maps(latent.codes(model, images.test.images, images))
    show(
        "a smoke run, from command to prompt", seconds(lambda: commands(["denoise trainer=smoke"]))
    )
    show("a default run, from command to prompt", seconds(lambda: commands(["denoise"])))
    study = STUDY, ["denoise.study"]
    alone = seconds(lambda: commands(*study))
    show("the study's six rows, both sweeps at once", alone)
    if shutil.which(MPS):
        with multi_process_service():
            shared = seconds(lambda: commands(*study))
        show("with the Multi-Process Service", shared, f"{alone / shared:.1f} times as fast")


if __name__ == "__main__":
    main()
