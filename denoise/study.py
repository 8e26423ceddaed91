"""The published losses beside those reached here: `python -m denoise.study`."""

import click
from rich import box
from rich.console import Console
from rich.table import Table

from denoise import command
from denoise.comparison import published
from denoise.config.settings import Tracking

WIDTH = 120


@click.command("denoise.study", cls=command.Command, context_settings=command.SETTINGS)
@command.store
def main(settings: Tracking) -> int:
    """Print the published losses beside those of the newest runs of the study's protocol.

    The exit status is 0 if every loss of the last epoch is within 0.005 of the published one.
    """
    rows = published.reached(settings)
    table = Table(*published.HEADER, box=box.MARKDOWN)
    for row in rows:
        table.add_row(*row.cells)
    console = Console()
    console.width = max(console.width, WIDTH)
    console.print(
        "Train / test loss. The targets are noisy: each loss includes the noise's variance."
    )
    console.print(table)
    all_met = all(row.is_met for row in rows)
    verdict = "All" if all_met else "NOT all"
    console.print(
        f"{verdict} losses of epoch {published.EPOCHS} are within {published.TOLERANCE} of the "
        "published ones.",
        highlight=False,
    )
    return int(not all_met)


if __name__ == "__main__":
    main()
