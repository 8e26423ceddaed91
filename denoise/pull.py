"""The best run's files, in a folder: `python -m denoise.pull`."""

import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from denoise import command, manifest
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.tracking import search, store
from denoise.tracking.search import Found

if TYPE_CHECKING:
    from denoise.comparison.verdicts import Setting

PARTS = ("config", "checkpoints", "figures", "tables", "model")
NEEDED = ("config/config.yaml", "checkpoints/last.safetensors")
SMALLER_IS_BETTER = re.compile(
    r"(train|val|test|best)/(loss|clean_mse|denoise_mse)|robust/[\w.]+|time/\w+_seconds"
)
LARGER_IS_BETTER = re.compile(r"test/(psnr|ssim)|latent/\w+|time/images_per_second")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--metric", help="Rank by this metric.  [default: the score of the runs' protocol]")
@click.option(
    "--max/--min",
    "largest",
    default=None,
    help="Whether the largest or smallest is best, for a metric that is not the project's.",
)
@click.option(
    "--where",
    default="",
    metavar="FILTER",
    help="Only runs that MLflow's filter finds: \"tags.noise = 'none' and params.seed < 3\".",
)
@click.option(
    "--sweep", default="latest", show_default=True, metavar="latest|ID|all", help="Of which sweep."
)
@click.option("--run", "run_id", metavar="ID", help="This very run, whatever its rank.")
@click.option(
    "--over-seeds",
    is_flag=True,
    help="The best setting by its mean over seeds, then its best seed.",
)
@click.option(
    "--top",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="So many runs, a folder each.",
)
@click.option(
    "--only", multiple=True, type=click.Choice(PARTS), help="Only this part; may be given again."
)
@click.option(
    "--to",
    default="best",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Into this folder.",
)
@click.option("--force", is_flag=True, help="Replace what is there already.")
@click.option("--list", "only_list", is_flag=True, help="Show the ranking, pull nothing.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON.")
@click.option(
    "--register", metavar="NAME", help="Register the model, and move its alias `best` to it."
)
@command.EXPERIMENT
@command.TRACKING_URI
def main(
    metric: str | None,
    largest: bool | None,
    where: str,
    sweep: str,
    run_id: str | None,
    over_seeds: bool,
    top: int,
    only: tuple[str, ...],
    to: Path,
    force: bool,
    only_list: bool,
    as_json: bool,
    register: str | None,
    experiment: str,
    tracking_uri: str | None,
) -> None:
    """Pull the best finished run of the latest sweep into a folder, ready for `denoise.load`."""
    settings = Tracking(tracking_uri, experiment)
    if to.resolve() in (Path.cwd(), *Path.cwd().parents):
        raise UserError(f"--to {to} is where you are, or above it; name a folder of its own")
    where = _where(settings, where, sweep, run_id)
    metric = metric or _score(search.find(settings, where, most=1)[0])
    ranked = _rank(
        settings, where, metric, _largest(metric, largest), over_seeds, None if only_list else top
    )
    if only_list:
        _show([_entry(run, metric) for run in ranked], as_json)
        return
    folders = [to] if top == 1 else [to / str(place) for place in range(1, len(ranked) + 1)]
    done = []
    for run, folder in zip(ranked, folders, strict=True):
        news = _pull(run, folder, only, force)
        done.append(_entry(run, metric) | {"folder": str(folder), "pulled": news})
    if register:
        done[0]["version"] = search.register(ranked[0].id, register)
    _show(done, as_json)


def _where(settings: Tracking, where: str, sweep: str, run_id: str | None) -> str:
    """MLflow's filter for the runs in question."""
    if run_id:
        return f"attributes.run_id = '{run_id}'"
    return " and ".join(filter(None, (where, search.of_sweep(settings, sweep, where))))


def _score(run: Found) -> str:
    """The metric that tells what the kept weights are worth, by the score of the run's protocol.

    Where images were held out those are the best epoch's, and else the last's.
    """
    return run.params["protocol.score"].replace("val/", "best/")


def _largest(metric: str, asked: bool | None) -> bool:
    if asked is not None:
        return asked
    if SMALLER_IS_BETTER.fullmatch(metric):
        return False
    if LARGER_IS_BETTER.fullmatch(metric):
        return True
    raise UserError(f"whether a large {metric} is good is not known; say --max or --min")


def _rank(
    settings: Tracking, where: str, metric: str, largest: bool, over_seeds: bool, most: int | None
) -> list[Found]:
    """The runs that have the metric, best first; all of them, or `most`."""
    order = f"metrics.`{metric}` {'DESC' if largest else 'ASC'}"
    found = search.find(settings, where, order=order, most=None if over_seeds else most)
    ranked = [run for run in found if metric in run.metrics]
    if not ranked:
        there = sorted({name for run in found for name in run.metrics})
        raise UserError(f"no run has the metric {metric}; there are {', '.join(there) or 'none'}")
    return _best_seeds(ranked, metric, largest)[:most] if over_seeds else ranked


def _best_seeds(ranked: Sequence[Found], metric: str, largest: bool) -> list[Found]:
    """Of every setting its best seed by its protocol's score; best setting, by mean, first."""
    from denoise.comparison import verdicts  # which takes torch's seconds, that no other pull needs

    settings = verdicts.group(sorted(ranked, key=lambda run: -run.started))

    def mean(setting: "Setting") -> float:
        return statistics.fmean(setting.values(metric).values())

    best_first = sorted(settings, key=mean, reverse=largest)
    return [
        min(setting.runs.values(), key=lambda run: run.metrics[_score(run)])
        for setting in best_first
    ]


def _pull(run: Found, folder: Path, only: Sequence[str], force: bool) -> bool:
    """The files of a run into `folder`, whole or not at all; False if they were there already."""
    parts = sorted(only or PARTS)
    if folder.exists() and any(folder.iterdir()):
        if _is_up_to_date(folder, run, parts):
            return False
        if not force:
            raise UserError(
                f"{folder} has something else in it; --force replaces it, --to goes elsewhere"
            )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".pull-", dir=folder.parent) as staging:
        whole = Path(staging) / folder.name
        whole.mkdir()
        _download(run, parts, whole)
        manifest.write(whole, _said(run, parts))
        if folder.exists():
            folder.replace(Path(staging) / "replaced")
        whole.replace(folder)
    return True


def _download(run: Found, parts: Sequence[str], folder: Path) -> None:
    listed = search.files(run.id)
    if missing := [name for name in NEEDED if name not in listed]:
        place = store.without_secret(run.uri)
        raise UserError(f"run {run.id} has no {missing[0]} at {place}: moved or deleted?")
    everything = set(parts) == set(PARTS)
    wanted = [
        name
        for name in listed
        if name.partition("/")[0] in parts or (everything and "/" not in name)
    ]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(
            f"Pulling {escape(run.name)}", total=sum(listed[name] for name in wanted)
        )
        for name in wanted:
            search.download(run.id, name, folder)
            progress.advance(task, listed[name])
        if "model" in parts:
            search.download_model(run.id, folder / "model")


def _said(run: Found, parts: Sequence[str]) -> dict[str, Any]:
    """What `run.json` has of the run, besides its files."""
    return {
        "run_id": run.id,
        "name": run.name,
        "uri": store.without_secret(run.uri),
        "commit": run.tags.get("git.commit"),
        "parts": list(parts),
        "params": run.params,
        "metrics": run.metrics,
        "tags": run.tags,
    }


def _is_up_to_date(folder: Path, run: Found, parts: Sequence[str]) -> bool:
    try:
        there = manifest.verified(folder)
    except UserError:
        return False
    return (there.get("run_id"), there.get("parts")) == (run.id, list(parts))


def _entry(run: Found, metric: str) -> dict[str, Any]:
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    return {"run": run.name, metric: run.metrics.get(metric), "run id": run.id, "started": when}


def _show(entries: Sequence[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(entries, ensure_ascii=False))
        return
    if "folder" in entries[0]:
        for entry in entries:
            said = "pulled into" if entry["pulled"] else "is up to date in"
            metric = list(entry)[1]
            click.echo(f"{entry['run']} ({metric} {entry[metric]:.4f}) {said} {entry['folder']}")
            if "version" in entry:
                click.echo(f"registered as version {entry['version']}, with the alias best")
        return
    table = Table(*entries[0], header_style="bold")
    for entry in entries:
        table.add_row(
            *(escape(f"{v:.5f}" if isinstance(v, float) else str(v)) for v in entry.values())
        )
    console = Console()
    console.width = console.width if console.is_terminal else 240
    console.print(table)


def cli() -> int:
    """The command `denoise-pull`."""
    return command.run(main, "denoise.pull")


if __name__ == "__main__":
    sys.exit(cli())
