"""Comparing runs: which are compared, and the files that the comparison is written to."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from denoise.comparison import groups, page, published, tables, verdicts
from denoise.comparison.groups import Setting
from denoise.comparison.verdicts import Question
from denoise.config.settings import Tracking
from denoise.tracking import search, store
from denoise.tracking.search import Found

FILES = ("comparison.csv", "comparison.md", "comparison.html")


class Comparison(NamedTuple):
    """The answered questions, and the three files that were written."""

    questions: list[Question]
    table: Path
    markdown: Path
    page: Path


def chosen(
    settings: Tracking, sweeps: Sequence[str], ids: Sequence[str], where: str
) -> list[Found]:
    """The finished runs of these sweeps and with these ids, of those that the filter finds.

    Without sweeps and ids, those of the latest sweep. `UserError` if a sweep or an id has none.
    """
    filters = [f"attributes.run_id = '{run_id}'" for run_id in ids]
    if not (sweeps or ids):
        sweeps = ("latest",)
    filters += [search.of_sweep(settings, sweep, where) for sweep in sweeps]
    both = [" and ".join(filter(None, (where, one))) for one in filters]
    return list({run.id: run for one in both for run in search.find(settings, one)}.values())


def write(settings: Tracking, runs: Sequence[Found], folder: Path) -> Comparison:
    """Compare one or more runs, and write comparison.csv, comparison.md and comparison.html.

    The runs without noise that belong to these are added if they are missing, whichever sweep
    trained them.
    """
    store.prepare(settings)
    everything = sorted([*runs, *_baselines(settings, runs)], key=lambda run: -run.started)
    found = groups.group(everything)
    asked = verdicts.questions(found)
    study = list(published.decomposed(settings, everything))
    shown = [metric for metric in tables.SHOWN if any(one.values(metric.key) for one in found)]
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name for name in FILES]
    title, about = _title(found), _about(everything, found)
    tables.write_csv(files[0], found, shown)
    text = tables.markdown(title, about, asked, found, shown, study)
    files[1].write_text(text, encoding="utf-8")
    files[2].write_text(page.render(title, about, asked, found, shown, study), encoding="utf-8")
    return Comparison(asked, *files)


def _baselines(settings: Tracking, runs: Sequence[Found]) -> list[Found]:
    """The finished runs of any sweep that differ from one of these only by having no noise.

    The tag holds the hashes that such a run has: of this version, and of version 0.1.0.
    """
    wanted = {each for run in runs for each in run.tags.get("baseline_hash", "").split()}
    wanted -= {run.tags.get("config_hash") for run in runs}
    there = {run.id for run in runs}
    return [run for run in search.finished(settings, wanted).values() if run.id not in there]


def _title(found: Sequence[Setting]) -> str:
    return f"{len(found)} setting{'s' * (len(found) > 1)} compared"


def _about(runs: Sequence[Found], found: Sequence[Setting]) -> str:
    """The noises, the number of runs and seeds, the protocols and the sweeps."""
    seeds = [len(setting.runs) for setting in found]
    each = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    protocols = sorted({run.tags["protocol"] for run in runs if "protocol" in run.tags})
    parts = [
        ", ".join(dict.fromkeys(setting.facts["noise"] for setting in found)),
        f"{sum(seeds)} runs, {each} seed{'s' * (max(seeds) > 1)} each",
        *(f"protocol {name}" for name in protocols),
        "sweep " + ", ".join(sorted({run.tags["sweep"] for run in runs if "sweep" in run.tags})),
    ]
    return "; ".join(parts) + "."
