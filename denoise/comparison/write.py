"""Comparing runs: which are compared, and the files that the comparison is written to."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from denoise.comparison import effects, figures, groups, page, published, tables
from denoise.comparison.page import View
from denoise.config.settings import Tracking
from denoise.metrics import corruption_of
from denoise.tracking import filters, search
from denoise.tracking.search import Found
from denoise.trainer import Arithmetic

FILES = ("comparison.csv", "comparison.md", "comparison.html")


def chosen(
    settings: Tracking, sweeps: Sequence[str], ids: Sequence[str], where: str
) -> list[Found]:
    """The finished runs of these sweeps and with these ids, of those that the filter finds.

    Without sweeps and ids, those of the latest sweep. `UserError` if a sweep or an id has none.
    """
    wanted = [f"attributes.run_id = '{run_id}'" for run_id in ids]
    if not (sweeps or ids):
        sweeps = ("latest",)
    wanted += [search.of_sweep(settings, sweep, where) for sweep in sweeps]
    found = (search.find(settings, filters.all_of(where, one)) for one in wanted)
    return list({run.id: run for run in chain.from_iterable(found)}.values())


def write(
    settings: Tracking, runs: Sequence[Found], folder: Path, *, margin: float = effects.MARGIN
) -> View:
    """Compare one or more runs, and write comparison.csv, comparison.md and comparison.html.

    The runs without noise that belong to these are added if they are missing, whichever sweep
    trained them, and so are the references that the store has for them. Differences below `margin`,
    a share of the baseline, do not matter.
    """
    everything = sorted([*runs, *_baselines(settings, runs)], key=lambda run: -run.started)
    found = groups.group(everything)
    noise, model, target = effects.questions(found, margin)
    references = _by_name(search.references(settings, everything))
    view = View(
        settings=found,
        noise=noise,
        model=model,
        target=target,
        margin=margin,
        columns=tables.columns(found),
        amount_series=groups.amount_series(found),
        losses=page.curves(found),
        heat=figures.heat(found, references),
        references=references,
        study=published.decomposed(settings, everything),
        about=_about(everything, found),
    )
    folder.mkdir(parents=True, exist_ok=True)
    table, markdown, html = (folder / name for name in FILES)
    tables.write_csv(table, found)
    markdown.write_text(page.markdown(view), encoding="utf-8")
    html.write_text(page.html(view), encoding="utf-8")
    return view


def show(view: View, screen: Console) -> None:
    """Print the answer: a table for each question, and the sentence."""
    for question in view.questions:
        heads = (f"against {question.baseline}", *tables.SUMMARY)
        table = Table(*(Column(name, overflow="fold") for name in heads), box=box.SIMPLE)
        for row in tables.summary(question.effects):
            table.add_row(*map(escape, row))
        screen.print(table)
    screen.print(view.sentence, highlight=False, markup=False, soft_wrap=True)


def _baselines(settings: Tracking, runs: Sequence[Found]) -> list[Found]:
    """The finished runs of any sweep that differ from one of these only by having no noise.

    The tag holds the hashes that such a run has: of this version, and of version 0.1.0.
    """
    wanted = {each for run in runs for each in run.tags.get("baseline_hash", "").split()}
    wanted -= {run.tags.get("config_hash") for run in runs}
    return list(search.finished(settings, wanted).values())


def _by_name(references: Sequence[Found]) -> dict[str, dict[str, float]]:
    """The metrics of references, by name; where a name repeats, also by what tells them apart.

    References of one name whose errors are equal, such as the corrupted image, count as one.
    """
    named = {}
    for one in references:
        alike = [each for each in references if each.name == one.name]
        is_one = all(_errors(each) == _errors(one) for each in alike)
        differing = [] if is_one else groups.distinguishing([each.params for each in alike])
        named[f"{one.name} {groups.label(one.params, differing)}".strip()] = one.metrics
    return named


def _errors(reference: Found) -> dict[str, float]:
    """The errors under the test corruptions."""
    return {key: value for key, value in reference.metrics.items() if corruption_of(key)}


def _about(runs: Sequence[Found], found: Sequence[groups.Setting]) -> str:
    """Noises, number of runs and seeds, protocols, sweeps, and whether the arithmetic differs."""
    seeds = [len(setting.runs) for setting in found]
    each = f"{min(seeds)}" if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    protocols = sorted({run.tags["protocol"] for run in runs if "protocol" in run.tags})
    parts = [
        ", ".join(dict.fromkeys(setting.facts["noise"] for setting in found)),
        f"{sum(seeds)} run{'s' * (sum(seeds) > 1)}, {each} seed{'s' * (max(seeds) > 1)} each",
        *(f"protocol {name}" for name in protocols),
        "sweep " + ", ".join(sorted({run.tags["sweep"] for run in runs if "sweep" in run.tags})),
    ]
    arithmetic = sorted({run.tags.get("arithmetic", Arithmetic.TORCH) for run in runs})
    if len(arithmetic) > 1:
        parts.append(f"trained with arithmetic {' and '.join(arithmetic)}, which round differently")
    return "; ".join(parts) + "."
