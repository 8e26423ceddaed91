"""Ranking runs by a metric: the best run, or the best setting over its seeds."""

import statistics
from collections.abc import Sequence

from denoise import metrics
from denoise.config.settings import Tracking
from denoise.errors import UserError
from denoise.tracking import search
from denoise.tracking.search import Found


def where(settings: Tracking, typed: str, sweep: str, run_id: str | None) -> str:
    """The filter for the runs to rank: one run, or what `typed` finds in a sweep."""
    if run_id:
        return f"attributes.run_id = '{run_id}'"
    return " and ".join(filter(None, (typed, search.of_sweep(settings, sweep, typed))))


def score(run: Found) -> str:
    """The metric of the evaluated weights that corresponds to the score of the run's protocol."""
    return metrics.of_best_epoch(run.params["protocol.score"])


def rank(
    settings: Tracking,
    where: str,
    metric: str,
    *,
    largest: bool | None = None,
    over_seeds: bool = False,
    most: int | None = None,
) -> list[Found]:
    """The runs that have the metric, best first: all of them, or at most `most`.

    Whether the `largest` or the smallest value is best follows from the metric if it is None.
    `over_seeds` ranks settings by their mean, and takes the best seed of each. `UserError` if no
    run has the metric, or if the direction of a custom metric is not given.
    """
    if largest is None:
        known = metrics.find(metric)
        if not known or not known.better:
            raise UserError(
                f"--metric {metric} does not say which values are better; add --max if larger ones "
                "are, or --min"
            )
        largest = known.better > 0
    order = f"metrics.`{metric}` {'DESC' if largest else 'ASC'}"
    found = search.find(settings, where, order=order, most=None if over_seeds else most)
    ranked = [run for run in found if metric in run.metrics]
    if not ranked:
        there = sorted({name for run in found for name in run.metrics})
        raise UserError(f"no run has the metric {metric}; there are {', '.join(there) or 'none'}")
    return _best_seeds(ranked, metric, largest)[:most] if over_seeds else ranked


def _best_seeds(ranked: Sequence[Found], metric: str, largest: bool) -> list[Found]:
    """The best seed of every setting, by its protocol's score; ordered by the settings' means."""
    from denoise.comparison import groups  # imports torch, which takes seconds

    settings = groups.group(sorted(ranked, key=lambda run: -run.started))
    settings.sort(key=lambda one: statistics.fmean(one.values(metric).values()), reverse=largest)
    return [min(one.runs.values(), key=lambda run: run.metrics[score(run)]) for one in settings]
