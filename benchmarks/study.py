"""Compares `make study` with the usual way to train it: `python benchmarks/study.py`, after it.

Ours are the two sweeps of `make study` in the current folder, as MLflow has their times. The usual
way trains one run after the other with all threads, on torchvision's data set with transforms in a
DataLoader, and draws scikit-learn's t-SNE map of each. It is extrapolated from epochs of each noise
and one map, and tracks nothing. Takes four minutes on two cores.
"""

from statistics import median

import torch
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
    train = sum(TRAINER.epochs * count * epochs[name] for name, (count, _) in RUNS.items())
    other = train + 6 * map_seconds
    console.print(f"ours: {whole:.0f} s")
    texts = ", ".join(f"{name} {each:.1f} s" for name, each in epochs.items())
    console.print(
        f"the usual way: {other:.0f} s (an epoch: {texts}; a t-SNE map: {map_seconds:.0f} s)"
    )
    console.print(f"ours is {other / whole:.1f} times as fast")


if __name__ == "__main__":
    main()
