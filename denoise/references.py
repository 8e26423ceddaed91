"""Compute the slow references to compare models with: `python -m denoise.references`."""

from pathlib import Path
from typing import Any

import click
from omegaconf import OmegaConf
from rich.markup import escape
from rich.table import Table

from denoise import command, metrics
from denoise.comparison import write
from denoise.config import saved
from denoise.config.settings import Tracking
from denoise.runs import references, screen
from denoise.tracking import files, search


@click.command("denoise.references", cls=command.Command, context_settings=command.SETTINGS)
@command.SWEEPS
@command.WHERE
@command.to("outputs/references")
@command.TRUST
@command.store
def main(
    settings: Tracking, sweeps: tuple[str, ...], where: str, to: Path, trust: tuple[str, ...]
) -> None:
    """Compute the Wiener filter, the posterior mean, total variation and non-local means.

    Runs with the same data set and test corruptions share these references, so each is computed
    only once. Comparisons find the references in the store.
    """
    command.show_log()
    runs = write.chosen(settings, sweeps, (), where)
    one_of_each = {str(sorted(references.suite_params(run.params).items())): run for run in runs}
    plains = [_config(run) for run in one_of_each.values()]
    references.keep(settings, plains, to, also_costly=True, trust=trust)
    _show(search.references(settings, runs))


def _config(run: search.Found) -> Any:
    text = files.content(run.id, "config/config.yaml").decode()
    plain: Any = OmegaConf.to_container(OmegaConf.create(text))
    plain["data"]["root"] = saved.root_here(plain["data"]["root"])
    return plain


def _show(found: list[search.Found]) -> None:
    """Print the errors on the test images under each corruption."""
    names = metrics.corruptions(key for one in found for key in one.metrics)
    heads = (escape(name.replace("_", " ")) for name in names)
    table = Table("reference", *heads, header_style="bold")
    for one in found:
        errors = [one.metrics.get(metrics.robust(name).key) for name in names]
        table.add_row(one.name, *("" if each is None else f"{each:.4f}" for each in errors))
    screen.console().print(table)


if __name__ == "__main__":
    main()
