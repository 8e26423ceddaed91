"""Runs beside each other, with a verdict: `python -m denoise.compare`."""

import csv
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import click
import torch
from omegaconf import OmegaConf

from denoise import build, command, data, evaluate, fetch, study
from denoise.comparison import page, seeds, verdicts
from denoise.comparison.page import StudyRow
from denoise.comparison.verdicts import SHOWN, Measure, Question, Setting
from denoise.config import CONF
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.study import Parts
from denoise.tracking import search, store
from denoise.tracking.search import Found


class Comparison(NamedTuple):
    """The questions that the runs were asked, with their answers, and the three files."""

    questions: list[Question]
    table: Path
    markdown: Path
    page: Path


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--sweep",
    "sweeps",
    multiple=True,
    metavar="latest|ID|all",
    help="Runs of this sweep; may be given again.  [default: latest]",
)
@click.option("--run", "ids", multiple=True, metavar="ID", help="This run; may be given again.")
@click.option(
    "--where",
    default="",
    metavar="FILTER",
    help="Only runs that MLflow's filter finds: \"params.`noise.sigma` = '0.1'\".",
)
@click.option(
    "--to",
    default="comparison",
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Into this folder.",
)
@command.EXPERIMENT
@command.TRACKING_URI
def main(
    sweeps: tuple[str, ...],
    ids: tuple[str, ...],
    where: str,
    to: Path,
    experiment: str,
    tracking_uri: str | None,
) -> None:
    """Compare the finished runs of the latest sweep: a page, a table, and a verdict in words."""
    settings = Tracking(tracking_uri, experiment)
    filters = [f"attributes.run_id = '{run_id}'" for run_id in ids]
    filters += [
        search.of_sweep(settings, sweep, where) for sweep in sweeps or (() if ids else ("latest",))
    ]
    both = [" and ".join(filter(None, (where, one))) for one in filters]
    runs = {run.id: run for one in both for run in search.find(settings, one)}
    written = write(settings, list(runs.values()), to)
    for question in written.questions:
        click.echo(f"{question.title}\n  {question.answer}")
    click.echo(f"Page:  {written.page}\nTable: {written.table}, {written.markdown}")


def write(settings: Tracking, runs: Sequence[Found], folder: Path) -> Comparison:
    """Compare `runs`, at least one, in `folder`: comparison.csv, comparison.md and comparison.html.

    Runs without noise that these were trained beside, in whatever sweep, are compared with them.
    """
    store.prepare(settings)
    everything = sorted([*runs, *_baselines(settings, runs)], key=lambda run: -run.started)
    found = verdicts.group(everything)
    asked = verdicts.questions(found)
    rows = list(_study(settings, everything))
    measures = [measure for measure in SHOWN if any(one.values(measure.key) for one in found)]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"comparison.{kind}" for kind in ("csv", "md", "html")]
    title, about = _title(found), _about(everything, found)
    _write_csv(files[0], found, measures)
    files[1].write_text(_markdown(title, about, asked, found, measures, rows), encoding="utf-8")
    html = page.render(title, about, asked, found, measures, rows)
    files[2].write_text(html, encoding="utf-8")
    return Comparison(asked, *files)


def _baselines(settings: Tracking, runs: Sequence[Found]) -> list[Found]:
    """The finished runs, of any sweep, that differ from one of these by having no noise."""
    wanted = {run.tags["baseline_hash"] for run in runs if "baseline_hash" in run.tags}
    wanted -= {run.tags.get("config_hash") for run in runs}
    there = {run.id for run in runs}
    return [run for run in search.finished(settings, wanted).values() if run.id not in there]


def _title(found: Sequence[Setting]) -> str:
    return f"{len(found)} setting{'s' * (len(found) > 1)} compared"


def _about(runs: Sequence[Found], found: Sequence[Setting]) -> str:
    seeds = [len(setting.runs) for setting in found]
    each = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    protocols = sorted({run.tags["protocol"] for run in runs if "protocol" in run.tags})
    said = [
        f"{', '.join(dict.fromkeys(setting.facts['noise'] for setting in found))}",
        f"{sum(seeds)} runs, {each} seed{'s' * (max(seeds) > 1)} each",
        *(f"protocol {name}" for name in protocols),
        "sweep " + ", ".join(sorted({run.tags["sweep"] for run in runs if "sweep" in run.tags})),
    ]
    return "; ".join(said) + "."


def _write_csv(path: Path, found: Sequence[Setting], measures: Sequence[Measure]) -> None:
    """One line a setting: mean, standard deviation and 95% interval of every figure."""
    keys = [measure.key for measure in measures]
    keys += [f"robust/{name}_mse" for name in page.corruptions(found) if name != "mean"]
    parts = seeds.Estimate._fields[:-1]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["setting", "seeds", *(f"{key} {part}" for key in keys for part in parts)])
        for setting in found:
            estimates = [setting.estimate(key) for key in keys]
            numbers = [each[:-1] if each else [math.nan] * len(parts) for each in estimates]
            shown = ["" if math.isnan(n) else f"{n:.8g}" for four in numbers for n in four]
            writer.writerow([setting.label, len(setting.runs), *shown])


def _markdown(
    title: str,
    about: str,
    asked: Sequence[Question],
    found: Sequence[Setting],
    measures: Sequence[Measure],
    rows: Sequence[StudyRow],
) -> str:
    """The verdicts and the tables."""
    parts = [f"# {title}", about]
    for question in asked:
        parts += [f"## {question.title}", f"**{question.answer}**"]
        parts += ["\n".join(f"- {verdict}" for verdict in question.verdicts)]
    header = ["setting", "seeds", *(measure.name for measure in measures)]
    body = [
        [setting.label, str(len(setting.runs)), *(_cell(setting, m) for m in measures)]
        for setting in found
    ]
    parts += ["## All settings", _table(header, body)]
    if rows:
        header = ["data set", "epoch 1 published", "reached", f"epoch {study.EPOCHS} published"]
        header += ["reached", "difference", "floor + noise + missed"]
        body = [[*row.cells, _sum(row.parts)] for row in rows]
        parts += ["## The published tables", _table(header, body)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(setting: Setting, measure: Measure) -> str:
    found = setting.estimate(measure.key)
    return measure.with_interval(found) if found else "–"


def _sum(parts: Parts | None) -> str:
    return " + ".join(f"{part:.4f}" for part in parts) if parts else "–"


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _study(settings: Tracking, runs: Sequence[Found]) -> Iterator[StudyRow]:
    """The published rows beside these runs, if any of them re-creates one."""
    ours = [run for run in runs if run.tags.get("protocol") == "study"]
    rows = study.reached(settings, ours) if ours else []
    images = {root: _images(root) for root in {_root(row.run) for row in rows if row.run}}
    for row in rows if images else []:
        parts = None
        if row.run and row.last and (there := images[_root(row.run)]):
            parts = _parts(row.run, row.last.test, there)
        yield StudyRow(row, study.cells(row), parts)


def _root(run: Found) -> str:
    return run.params.get("data.root", "data")


def _images(root: str) -> data.Data | None:
    """The study's data set, if it is there: a comparison fetches nothing."""
    node = OmegaConf.load(CONF / "data" / "fashion_mnist.yaml")
    settings = data.Settings(**{**node, "root": root})
    try:
        return data.load(settings, torch.device("cpu")) if fetch.are_there(settings) else None
    except (UserError, OSError):
        return None


def _parts(run: Found, loss: float, images: data.Data) -> Parts | None:
    """Where the run's test loss comes from, on the very corruption that it was tested on."""
    noise = OmegaConf.from_dotlist(
        [f"{k}={v}" for k, v in run.params.items() if k.startswith("noise.")]
    )
    try:
        node = OmegaConf.to_container(noise)["noise"]  # type: ignore[index, call-overload]
        pairs = evaluate.corrupted(images.test, images, build.build_noise(node))
    except UserError:
        return None
    target = torch.cat([noisy for _, noisy in pairs])
    return study.decompose(images.test.images, target, images, loss)


def cli() -> int:
    """The command `denoise-compare`."""
    return command.run(main, "denoise.compare")


if __name__ == "__main__":
    sys.exit(cli())
