"""Measures what tracking, sweeping and comparing cost: `make bench`, 15 minutes on two cores.

Prints the machine and the table of docs/benchmarks.md.
"""

import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import mean
from typing import Any

import mlflow
import torch
from mlflow.entities import Run
from omegaconf import OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from denoise import data, evaluate, trainer
from denoise.config import CONF
from denoise.model import Anello
from denoise.noise import Identity

ROOT = Path(__file__).parents[1]
ROUNDS = 5


def settings(group: str) -> Any:
    choice = {"data": "fashion_mnist", "trainer": "default"}[group]
    return OmegaConf.to_container(OmegaConf.load(CONF / group / f"{choice}.yaml"))


DATA = data.Settings(**settings("data") | {"root": str(ROOT / "data")})
TRAINER = trainer.Settings(**settings("trainer"))
IMAGES = data.load(DATA, torch.device("cpu"))


def ours() -> Callable[[], None]:
    """An epoch as a run does it, without noise, with its test metrics."""
    fitted = trainer.Trainer(Anello(latent_dim=4), IMAGES, Identity(), TRAINER, seed=0)
    epochs = fitted.epochs()
    batches = evaluate.corrupted(IMAGES.test, IMAGES, Identity(), "corrupted")

    def epoch() -> None:
        next(epochs)
        evaluate.losses(fitted.model, batches, IMAGES)

    return epoch


def bare(*, compiled: bool = False) -> Callable[[], None]:
    """A minimal loop that trains and tests the same model on float tensors in memory."""
    model: nn.Module = Anello(latent_dim=4)
    if compiled:
        model.compile()
    train, test = IMAGES.scale(IMAGES.train.images), IMAGES.scale(IMAGES.test.images)
    batches = train[torch.randperm(len(train))].split(TRAINER.batch_size)
    return lambda: _fit_and_test(model, batches, test.split(evaluate.BATCH))


def usual(*noise: Callable[[Tensor], Tensor]) -> Callable[[], None]:
    """What most people would write first: torchvision's data set, transforms and a DataLoader."""
    model = Anello(latent_dim=4)
    scale = (transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,)))
    steps = transforms.Compose([*scale, *noise])
    train, test = (
        DataLoader(
            datasets.FashionMNIST(DATA.root, train=is_train, transform=steps),
            batch_size=TRAINER.batch_size,
            shuffle=is_train,
        )
        for is_train in (True, False)
    )
    return lambda: _fit_and_test(model, (x for x, _ in train), (x for x, _ in test))


def _fit_and_test(model: nn.Module, train: Iterable[Tensor], test: Iterable[Tensor]) -> None:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-5)
    model.train()
    for images in train:
        loss = F.mse_loss(model(images), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        for images in test:
            F.mse_loss(model(images), images).item()


def machine() -> str:
    """What the figures were measured on, with the load before."""
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"mlflow {mlflow.__version__}"
    )


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def epoch_rows() -> list[tuple[str, str, str]]:
    """The four kinds of epochs in turn, because the speed of the machine changes within minutes.

    Ours is measured before and after the minimal loop. The first round is a warm-up.
    """
    can_compile = shutil.which(os.environ.get("CXX", "g++")) is not None
    mine, least, most = ours(), bare(), usual()
    kinds = [mine, least, mine, most, *([bare(compiled=True)] if can_compile else [])]
    rounds = [[seconds(epoch) for epoch in kinds] for _ in range(ROUNDS + 1)]
    before, loop, after, loader, *compiled = torch.tensor(rounds[1:]).T
    epoch = (before + after) / 2
    slower, faster = (epoch / loop).median(), (loader / epoch).median()
    compiled_loop = ("the minimal loop with torch.compile", "not measured", "no C++ compiler found")
    for each in compiled:
        ratio = f"ours takes {(epoch / each).median():.2f} times as long"
        compiled_loop = (compiled_loop[0], f"{each.median():.2f} s", ratio)
    return [
        ("one epoch with test metrics, no noise", f"{epoch.median():.2f} s", ""),
        (
            "a minimal loop on tensors in memory",
            f"{loop.median():.2f} s",
            f"ours takes {slower:.2f} times as long",
        ),
        compiled_loop,
        (
            "torchvision data set in a DataLoader",
            f"{loader.median():.2f} s",
            f"ours is {faster:.1f} times as fast",
        ),
    ]


def command(folder: Path, *overrides: str) -> list[Run]:
    """Run the command in `folder` and return its training runs."""
    subprocess.run(
        [sys.executable, "-m", "denoise", *overrides, f"data.root={DATA.root}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("denoise")
    assert experiment
    return client.search_runs([experiment.experiment_id], "tags.noise != ''")


def whole_run_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Where the time and memory of a default run go, from the command to the prompt."""
    runs: list[Run] = []
    wall = seconds(lambda: runs.extend(command(folder)))
    unit = 1 if sys.platform == "darwin" else 1024
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    run = runs[0]
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")

    def total(metric: str, of: Callable[[float], float] = float) -> float:
        return sum(of(p.value) for p in client.get_metric_history(run.info.run_id, metric))

    train = total("time/images_per_second", lambda speed: len(IMAGES.train.images) / speed)
    scored = total("time/epoch_seconds") - train
    tsne, compared = total("time/tsne_seconds"), total("time/scores_seconds")
    inside = run.data.metrics["time/run_seconds"] - train - scored - tsne - compared
    start = wall - train - scored - tsne - compared - inside
    parts = {
        "training": train,
        "test metrics of every epoch": scored,
        "t-SNE of 10,000 latents": tsne,
        "scores for comparing runs": compared,
        "figures, checkpoints, model, MLflow": inside,
        "Python, imports, a new store (once per command)": start,
    }
    parts |= {
        "sum of scores, figures, checkpoints, model, MLflow": compared + inside,
        "the same with Python, imports and a new store": compared + inside + start,
    }
    peak = f"peak memory {memory / 2**30:.2f} GiB"
    return [
        ("a default run, from command to prompt", f"{wall:.0f} s", peak),
        *((f"– {name}", f"{part:.1f} s", f"{part / wall:.1%}") for name, part in parts.items()),
    ]


def parallel_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Two runs in parallel, one thread each, and one run with all threads before and after them."""

    def speed(place: str, *overrides: str) -> float:
        """Images per second of all runs together; for each run, the mean over its epochs."""
        there = folder / place
        there.mkdir()
        runs = command(there, *overrides, "trainer.epochs=5", "evaluation.tsne_codes=500")
        client = mlflow.MlflowClient(f"sqlite:///{there / 'mlflow.db'}")
        metric = "time/images_per_second"
        histories = [client.get_metric_history(run.info.run_id, metric) for run in runs]
        return sum(mean(point.value for point in history) for history in histories)

    before = speed("before")
    two = speed("two", "-m", "seed=1,2")
    one = (before + speed("after")) / 2
    return [
        ("one run with all threads", f"{one:,.0f} images/s", ""),
        ("two runs in parallel", f"{two:,.0f} images/s", f"{two / one:.2f} times the throughput"),
    ]


def long_run_rows(folder: Path) -> list[tuple[str, str, str]]:
    """Whether training stays as fast as it began, where weights decay into denormal numbers.

    Without `torch.set_flush_denormal` this network becomes ten times as slow after ten epochs.
    """
    network = ("model=mlp", "model.latent_dim=1024", "model.width=1024", "model.depth=1")
    there = folder / "long"
    there.mkdir()
    (run,) = command(there, "protocol=fair", "noise=none", *network, "trainer.epochs=12")
    client = mlflow.MlflowClient(f"sqlite:///{there / 'mlflow.db'}")
    history = client.get_metric_history(run.info.run_id, "time/images_per_second")
    speeds = [point.value for point in sorted(history, key=lambda point: point.step)]
    ratio = mean(speeds[-3:]) / mean(speeds[:3])
    return [
        ("1,024 latents, the first three epochs", f"{mean(speeds[:3]):,.0f} images/s", ""),
        (
            "the last three of twelve",
            f"{mean(speeds[-3:]):,.0f} images/s",
            f"{ratio:.2f} times as fast as the first",
        ),
    ]


def main() -> None:
    console = Console(width=120)
    console.print(f"{machine()}; medians of {ROUNDS}", highlight=False)
    table = Table("what", "value", "ratio", box=box.MARKDOWN)
    with tempfile.TemporaryDirectory() as name, console.status("measuring ..."):
        for rows in (
            epoch_rows(),
            whole_run_rows(Path(name)),
            parallel_rows(Path(name)),
            long_run_rows(Path(name)),
        ):
            for row in rows:
                table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
