"""Ranking runs by a metric: the best run, or the best setting over its seeds."""

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from denoise import metrics
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.tracking import filters, search

# Losses can only be compared between runs that agree in these.
COMPARABLE = ("tags.protocol", "params.trainer.target", "params.data.name")


class Ranked(NamedTuple):
    """A run, and the value it is ranked by: its own, or the mean of its setting over seeds."""

    run: search.Found
    value: float


def where(settings: Tracking, typed: str, sweep: str, run_id: str | None) -> str:
    """The filter for the runs to rank: one run, or what `typed` finds in a sweep."""
    if run_id:
        return f"attributes.run_id = '{run_id}'"
    return filters.all_of(typed, search.of_sweep(settings, sweep, typed))


def score_metric(run: search.Found) -> str:
    """The metric of the evaluated weights that corresponds to the score of the run's protocol."""
    return metrics.of_best_epoch(run.params["protocol.score"])


def default_metric(settings: Tracking, where: str) -> str:
    """The `score_metric` of the newest run that `where` finds.

    `UserError` if others have losses that cannot be compared with it.
    """
    newest = search.find(settings, where, most=1)[0]
    for place in COMPARABLE:
        key = place.partition(".")[2]
        name = _facts(newest).get(key, "")
        for other in search.search(settings, filters.all_of(where, f"{place} != '{name}'"), most=1):
            raise UserError(
                f"some of these runs have {key}={name}, and others {_facts(other)[key]}, "
                "whose scores cannot be compared; choose some with --where "
                f"\"{place} = '{name}'\", or --metric robust/mean_mse"
            )
    return score_metric(newest)


def _facts(run: search.Found) -> dict[str, str]:
    return run.params | run.tags


def rank(
    settings: Tracking,
    where: str,
    metric: str,
    *,
    largest: bool | None = None,
    over_seeds: bool = False,
    most: int | None = None,
) -> list[Ranked]:
    """The runs that have the metric, best first: all of them, or at most `most`.

    Whether the `largest` or the smallest value is best follows from the metric if it is None.
    `over_seeds` ranks settings by their mean, and takes the best seed of each. `UserError` if no
    run has the metric, or if the direction of a custom metric is not given.
    """
    known = metrics.find(metric)
    if largest is None and known and known.better:
        largest = known.better > 0
    order = f"metrics.`{metric}` {'DESC' if largest else 'ASC'}"
    found = search.find(settings, where, order=order, most=None if over_seeds else most)
    runs = [run for run in found if metric in run.metrics]
    if not runs:
        there = sorted({name for run in found for name in run.metrics})
        raise UserError(f"no run has the metric {metric}; there are {', '.join(there) or 'none'}")
    if largest is None:
        raise UserError(
            f"--metric {metric} does not say which values are better; add --max if larger ones "
            "are, or --min"
        )
    if over_seeds:
        return _best_seeds(runs, metric, largest)[:most]
    return [Ranked(run, run.metrics[metric]) for run in runs]


def _best_seeds(runs: Sequence[search.Found], metric: str, largest: bool) -> list[Ranked]:
    """The best seed of every setting, by its protocol's score; ordered by the settings' means."""
    from denoise.comparison import groups  # imports torch, which takes seconds

    ranked = [
        Ranked(
            min(setting.runs.values(), key=lambda run: run.metrics[score_metric(run)]),
            statistics.fmean(setting.values(metric).values()),
        )
        for setting in groups.group(sorted(runs, key=lambda run: -run.started))
    ]
    return sorted(ranked, key=lambda one: one.value, reverse=largest)
