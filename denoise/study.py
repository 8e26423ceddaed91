# ruff: noqa: E501
"""The published study's figures beside those reached here: `python -m denoise.study`."""

import sys
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf
from rich import box
from rich.console import Console
from rich.table import Table

from denoise import tracking

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


# J. Yang, "Denoise Autoencoder", 2022: losses after epochs 1 and 20.
PUBLISHED = (
    Row("Normal", "tags.noise = 'none'", Losses(0.848, 0.675), Losses(0.601, 0.599)),
    Row("Gaussian σ = 1", "params.`noise.sigma` = '1.0'", Losses(1.860, 1.689), Losses(1.600, 1.598)),
    Row("RandomErasing", "tags.noise = 'random_erasing'", Losses(0.922, 0.679), Losses(0.569, 0.567)),
    Row("Gaussian σ = 0.01", "params.`noise.sigma` = '0.01'", Losses(0.949, 0.731), Losses(0.600, 0.598)),
    Row("Gaussian σ = 0.1", "params.`noise.sigma` = '0.1'", Losses(1.014, 0.734), Losses(0.612, 0.610)),
    Row("Gaussian σ = 0.5", "params.`noise.sigma` = '0.5'", Losses(1.103, 0.929), Losses(0.852, 0.850)),
)  # fmt: skip
PROTOCOL = (
    "tags.protocol = 'study' and tags.model = 'anello' and params.`model.latent_dim` = '4' "
    f"and params.`trainer.epochs` = '{EPOCHS}' and params.`trainer.batch_size` = '256' "
    "and params.`trainer.target` = 'corrupted' and params.`trainer.learning_rate` = '0.001' "
    "and params.`data.name` = 'FashionMNIST' and params.`data.train_size` = '60000'"
)


def main() -> int:
    """Print the table; 0 if every row is reached to within `TOLERANCE` after the last epoch."""
    node = OmegaConf.load(Path(__file__).parents[1] / "conf" / "tracking" / "mlflow.yaml")
    tracking.prepare(settings := tracking.Settings(**node))  # type: ignore[arg-type]
    table = Table(
        *("data set", "epoch 1 published", "reached"),
        *(f"epoch {EPOCHS} published", "reached", "difference"),
        box=box.MARKDOWN,
    )
    reached_all = True
    for row in PUBLISHED:
        curves = [
            tracking.latest_curve(settings, f"{PROTOCOL} and {row.runs}", f"{split}/loss")
            for split in Losses._fields
        ]
        if not all(curves):
            table.add_row(row.label, str(row.first), "-", str(row.last), "no run yet", "-")
            reached_all = False
            continue
        first, last = (Losses(*(curve[at] for curve in curves)) for at in (0, -1))
        differences = [mine - theirs for mine, theirs in zip(last, row.last, strict=True)]
        reached_all &= all(abs(difference) <= TOLERANCE for difference in differences)
        signed = " / ".join(f"{difference:+.3f}" for difference in differences)
        table.add_row(row.label, str(row.first), str(first), str(row.last), str(last), signed)
    console = Console()
    console.width = max(console.width, 110)
    console.print("Train / test loss; targets are noisy, so a noise's own variance is in its row.")
    console.print(table)
    verdict = "reached" if reached_all else "NOT reached"
    console.print(f"Epoch {EPOCHS} {verdict} to within {TOLERANCE} on every row.", highlight=False)
    return int(not reached_all)


if __name__ == "__main__":
    sys.exit(main())
