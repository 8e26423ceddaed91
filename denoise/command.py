"""Click commands: the options they share, and their mistakes told in one sentence."""

import sys

import click

from denoise.errors import UserError

# Which runs a command reads.
EXPERIMENT = click.option(
    "--experiment", default="denoise", show_default=True, help="MLflow's experiment."
)
TRACKING_URI = click.option(
    "--tracking-uri", help="MLflow's store.  [default: MLFLOW_TRACKING_URI, or ./mlflow.db]"
)


def run(command: click.Command, name: str) -> int:
    """Run `command` on the process's arguments; its exit status, which is 0 where it gives none."""
    try:
        return command.main(standalone_mode=False) or 0
    except click.UsageError as error:
        error.show()
        return 1
    except click.Abort:
        return 130
    except (UserError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
