# ruff: noqa: E501
"""The published study's figures beside those reached here: `python -m denoise.study`."""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import click
import torch
from rich import box
from rich.console import Console
from rich.table import Table
from torch import Tensor

from denoise import command
from denoise.config.settings import Tracking
from denoise.data import Data
from denoise.tracking import search, store
from denoise.tracking.search import Found

TOLERANCE = 0.005
EPOCHS = 20


class Losses(NamedTuple):
    """Train and test average loss, in the model's space."""

    train: float
    test: float

    def __str__(self) -> str:
        return f"{self.train:.3f} / {self.test:.3f}"


class Row(NamedTuple):
    """A row of the published tables, and the filter that finds the runs that re-create it."""

    label: str
    runs: str
    first: Losses
    last: Losses


class Reached(NamedTuple):
    """A published row, the newest run that re-creates it, and its losses; None where none does."""

    row: Row
    run: Found | None
    first: Losses | None
    last: Losses | None

    @property
    def differences(self) -> Losses | None:
        """What the last epoch's losses exceed the published ones by."""
        if not self.last:
            return None
        return Losses(self.last.train - self.row.last.train, self.last.test - self.row.last.test)


class Parts(NamedTuple):
    """Where a loss comes from, in the model's space; the three add up to it.

    `floor`: what an output in [0, 1], a sigmoid's, cannot reach. `noise`: what the corruption of
    the target adds. `missed`: what is left for the model to have missed.
    """

    floor: float
    noise: float
    missed: float


def _gaussian(sigma: float) -> str:
    return f"tags.noise = 'gaussian' and params.noise.mean = 0 and params.noise.sigma = {sigma}"


ERASING = (
    "tags.noise = 'random_erasing' and params.noise.p = 0.5 and params.noise.value = 0 "
    "and params.`noise.scale` = '[0.02, 0.33]' and params.`noise.ratio` = '[0.3, 3.3]'"
)
# J. Yang, "Denoise Autoencoder", 2022: losses after epochs 1 and 20.
PUBLISHED = (
    Row("Normal", "tags.noise = 'none'", Losses(0.848, 0.675), Losses(0.601, 0.599)),
    Row("Gaussian σ = 1", _gaussian(1), Losses(1.860, 1.689), Losses(1.600, 1.598)),
    Row("RandomErasing", ERASING, Losses(0.922, 0.679), Losses(0.569, 0.567)),
    Row("Gaussian σ = 0.01", _gaussian(0.01), Losses(0.949, 0.731), Losses(0.600, 0.598)),
    Row("Gaussian σ = 0.1", _gaussian(0.1), Losses(1.014, 0.734), Losses(0.612, 0.610)),
    Row("Gaussian σ = 0.5", _gaussian(0.5), Losses(1.103, 0.929), Losses(0.852, 0.850)),
)  # fmt: skip
PROTOCOL = (
    "tags.protocol = 'study' and tags.model = 'anello' and params.`model.latent_dim` = '4' "
    f"and params.`trainer.epochs` = '{EPOCHS}' and params.`trainer.batch_size` = '256' "
    "and params.`trainer.target` = 'corrupted' and params.`trainer.precision` = 'float32' "
    "and params.`data.name` = 'FashionMNIST' and params.`data.train_size` = '60000' "
    "and params.`data.test_size` = '10000' and params.`data.holdout` = '0' "
    "and params.trainer.learning_rate = 0.001 and params.trainer.weight_decay = 1e-05 "
    "and params.data.low = -1 and params.data.high = 1"
)


def reached(settings: Tracking, among: Sequence[Found] | None = None) -> list[Reached]:
    """Every published row beside the newest run that re-creates it: of all runs, or `among` some."""
    return [_reached(settings, row, among) for row in PUBLISHED]


def decompose(images: Tensor, target: Tensor, data: Data, loss: float) -> Parts:
    """The parts of the mean squared error `loss` of a sigmoid decoder that was asked for `target`.

    `images` are clean, uint8, and `target` is what was wanted for each, in the model's space.
    Whoever knew the clean image and gave it as well as a sigmoid can would be off by (clip(clean) -
    target)²: the clean image's own distance from [0, 1], and on top the noise, which nothing
    foresees. Where corruption makes the target easier to reach than the clean image, as boxes of 0
    on a background of -1 are, the floor is lower. Both are means over all the pixels of one clean
    value, for noise to average out.
    """
    pixels = images.flatten().long()
    values = data.space.to_model(torch.arange(256) / 255)
    within = values.clamp(0, 1)
    errors = (within[pixels] - target.flatten()).square()
    unavoidable = pixels.bincount(errors.double(), minlength=256)
    floors = (within - values).square().double() * pixels.bincount(minlength=256)
    floor, total = (
        float(sums.sum() / len(pixels)) for sums in (floors.minimum(unavoidable), unavoidable)
    )
    return Parts(floor, total - floor, loss - total)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@command.EXPERIMENT
@command.TRACKING_URI
def main(experiment: str, tracking_uri: str | None) -> int:
    """Print the published figures beside those reached by the newest runs of the study's protocol.

    Exit status 0 if the losses of the last epoch are met on every row.
    """
    settings = Tracking(tracking_uri, experiment)
    store.prepare(settings)
    table = Table(
        *("data set", "epoch 1 published", "reached"),
        *(f"epoch {EPOCHS} published", "reached", "difference"),
        box=box.MARKDOWN,
    )
    rows = reached(settings)
    for one in rows:
        table.add_row(*cells(one))
    reached_all = all(map(_is_met, rows))
    console = Console()
    console.width = max(console.width, 110)
    console.print("Train / test loss; targets are noisy, so a noise's own variance is in its row.")
    console.print(table)
    verdict = "reached" if reached_all else "NOT reached"
    console.print(f"Epoch {EPOCHS} {verdict} to within {TOLERANCE} on every row.", highlight=False)
    return int(not reached_all)


def cells(one: Reached) -> list[str]:
    """A row of the table, as text."""
    row, differences = one.row, one.differences
    if differences is None:
        return [row.label, str(row.first), "-", str(row.last), "no run yet", "-"]
    signed = " / ".join(f"{difference:+.3f}" for difference in differences)
    return [row.label, str(row.first), str(one.first), str(row.last), str(one.last), signed]


def _reached(settings: Tracking, row: Row, among: Sequence[Found] | None) -> Reached:
    found = search.search(settings, f"{PROTOCOL} and {row.runs}", most=None if among else 1)
    if among is not None:
        ids = {run.id for run in among}
        found = [run for run in found if run.id in ids]
    curves = [search.curve(found[0].id, f"{split}/loss") for split in Losses._fields if found]
    if not (found and all(curves)):
        return Reached(row, None, None, None)
    first, last = (Losses(*(curve[at] for curve in curves)) for at in (0, -1))
    return Reached(row, found[0], first, last)


def _is_met(one: Reached) -> bool:
    differences = one.differences
    return differences is not None and all(abs(each) <= TOLERANCE for each in differences)


def cli() -> int:
    """The command `denoise-study`."""
    return command.run(main, "denoise.study")


if __name__ == "__main__":
    sys.exit(cli())
