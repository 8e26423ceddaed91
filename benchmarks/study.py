"""Compares `make study` with the usual way to train it: `python benchmarks/study.py`, after it.

Ours are the two sweeps of `make study` in the current folder, as MLflow has their times. The usual
way trains one run after the other with all threads, on torchvision's data set with transforms in a
DataLoader, draws scikit-learn's t-SNE map of each and tracks it with MLflow's plain calls. It is
extrapolated from epochs of each noise, one map and one tracked run. Takes four minutes.
"""

import tempfile
from statistics import median

import mlflow
import torch
from matplotlib.figure import Figure
from rich.console import Console
from sklearn.manifold import TSNE
from speed import IMAGES, TRAINER, machine, seconds, usual
from torchvision import transforms

from denoise import latent
from denoise.config.settings import Tracking
from denoise.model import Anello
from denoise.tracking import search, sweeps

ROUNDS = 3
GAUSSIAN = transforms.Lambda(lambda image: image + torch.randn_like(image))
# How many of the study's six runs have which noise.
RUNS = {
    "none": (1, ()),
    "Gaussian": (4, (GAUSSIAN,)),
    "erasing": (1, (transforms.RandomErasing(),)),
}


def ours() -> float:
    """The seconds of the newest sweeps of both experiments, without the start of Python."""
    settings, total = Tracking(None, "denoise"), 0.0
    for name in ("objective1", "objective2"):
        sweep = search.find(settings, f"tags.experiment = '{name}'", most=1)[0].tags["sweep"]
        _, summary = sweeps.plan(settings, sweep)
        total += (summary.info.end_time - summary.info.start_time) / 1000
    return total


def tsne() -> None:
    codes = latent.codes(Anello(latent_dim=4), IMAGES.test.images, IMAGES)
    TSNE(perplexity=30, random_state=307).fit_transform(codes)


def tracked(store: str) -> None:
    """What MLflow's documentation shows for one run, in a store that exists already."""
    mlflow.set_tracking_uri(f"sqlite:///{store}/mlflow.db")
    mlflow.set_experiment("usual")
    with mlflow.start_run():
        mlflow.log_params(vars(TRAINER))
        for epoch in range(TRAINER.epochs):
            mlflow.log_metrics({"train/loss": 0.6, "test/loss": 0.6}, step=epoch)
        mlflow.log_figure(Figure(), "tsne.png")
        example = torch.zeros(2, 1, 28, 28).numpy()
        mlflow.pytorch.log_model(Anello(latent_dim=4), name="model", input_example=example)


def main() -> None:
    console = Console(width=120)
    console.print(machine(), highlight=False)
    with console.status("measuring ..."):
        whole = ours()
        epochs = {}
        for name, (_, transform) in RUNS.items():
            epoch = usual(*transform)
            epochs[name] = median(seconds(epoch) for _ in range(ROUNDS))
        map_seconds = seconds(tsne)
        with tempfile.TemporaryDirectory() as store:
            tracked(store)
            tracking = seconds(lambda: tracked(store))
    train = sum(TRAINER.epochs * count * epochs[name] for name, (count, _) in RUNS.items())
    other = train + 6 * (map_seconds + tracking)
    console.print(f"ours: {whole:.0f} s")
    texts = ", ".join(f"{name} {each:.1f} s" for name, each in epochs.items())
    console.print(
        f"the usual way: {other:.0f} s (an epoch: {texts}; a t-SNE map: {map_seconds:.0f} s; "
        f"MLflow: {tracking:.0f} s a run)"
    )
    console.print(f"ours is {other / whole:.1f} times as fast")


if __name__ == "__main__":
    main()
