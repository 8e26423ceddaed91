"""What the click commands share: options, and how they report errors."""

import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.runs import process

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS = {"help_option_names": ["-h", "--help"]}
WHERE = click.option(
    "--where",
    default="",
    metavar="FILTER",
    help="Only runs that match this filter: \"tags.noise = 'gaussian' and params.noise.sigma = 0.1 "
    'and metrics.test/psnr > 5".',
)
SWEEP = "latest|ID|PRESET|all"
SWEEP_HELP = (
    "Use the runs of this sweep: the latest, the one with this ID, the newest that was started "
    "with experiment=PRESET, or all."
)
SWEEPS = click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar=SWEEP,
    help=f"{SWEEP_HELP} Repeatable.  [default: latest]",
)
FORCE = click.option(
    "--force",
    is_flag=True,
    help="Overwrite files that this command did not write, or that changed after it wrote them.",
)
TRUST = click.option(
    "--trust",
    multiple=True,
    metavar="MODULE",
    help="Allow noises and models of your own, defined in this module of the current folder.",
)


def to(default: str) -> Callable[[F], F]:
    """The option --to: the folder to write to."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.option(
        "--to", default=default, show_default=True, type=kind, help="Folder to write to."
    )


def store(main: Callable[..., Any]) -> Callable[..., Any]:
    """The options --experiment and --tracking-uri, which `main` gets as `settings`."""

    @click.option(
        "--experiment", default="denoise", show_default=True, help="Experiment in MLflow."
    )
    @click.option(
        "--tracking-uri", help="MLflow store.  [default: MLFLOW_TRACKING_URI, or ./mlflow.db]"
    )
    @functools.wraps(main)
    def called(experiment: str, tracking_uri: str | None, **others: Any) -> Any:
        return main(settings=Tracking(tracking_uri, experiment), **others)

    return called


def show_log() -> None:
    """Show on standard error what the package logs while it works."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("denoise").setLevel(logging.INFO)


class Command(click.Command):
    """A command that, when called, reads the process's arguments, runs, and ends the process."""

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        process.run(lambda: run(self))


def run(command: click.Command) -> int:
    """Run `command` with the process's arguments; return its exit status, or 0 if it has none."""
    process.tolerate_broken_output()
    try:
        return command.main(standalone_mode=False) or 0
    except click.UsageError as error:
        error.show()
        return 1
    except click.Abort:
        return 130
    except (UserError, OSError) as error:
        print(f"{command.name}: {error}", file=sys.stderr)
        return 1
