"""The comparison in numbers: columns, digits, the summary, and the CSV file."""

import csv
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from denoise import metrics
from denoise.comparison import seeds
from denoise.comparison.effects import ANSWERS, BETTER, UNDECIDED, WORSE, Effect, Effects
from denoise.comparison.groups import Setting
from denoise.comparison.seeds import Estimate
from denoise.metrics import UNCORRUPTED, Metric

SHOWN = (
    metrics.CLEAN_MSE,
    metrics.DENOISE_MSE,
    metrics.ROBUSTNESS,
    metrics.KNN_ACCURACY,
    metrics.LINEAR_ACCURACY,
    metrics.FEW_LABEL_ACCURACY,
    metrics.PSNR,
    metrics.SSIM,
    metrics.TRUSTWORTHINESS,
    metrics.PARAMETERS,
    metrics.EPOCH_SECONDS,
    metrics.RUN_SECONDS,
)
HEADER = ("setting", "seeds")
SUMMARY = ("largest gain", "largest loss", *ANSWERS)
MISSING = "–"
MOST_DECIMALS = 7


class Column(NamedTuple):
    """One metric of every setting and reference, to the digits in which the settings differ."""

    metric: Metric
    cells: list[Estimate | None]
    references: Sequence[Estimate | None] = ()

    def decimals(self, significant: int) -> int:
        """The decimals that show `significant` digits of the median margin or else the median gap.

        They also show a digit of each reference that is at least 1e-7.
        """
        known = [cell for cell in self.cells if cell]
        values = sorted({cell.mean for cell in known})
        gaps = [high - low for low, high in pairwise(values)]
        scales = [cell.margin for cell in known if cell.margin > 0] or gaps
        places = decimals(median(scales), significant) if scales else self.metric.digits
        means = [each.mean for each in self.references if each and each.mean >= 0.1**MOST_DECIMALS]
        return max(places, *(decimals(mean, 1) for mean in means), 0)

    def texts(self, significant: int = 2) -> list[tuple[str, str]]:
        """Mean and margin of each cell; the margin is empty for one seed, or if all agree."""
        places = self.decimals(significant)

        def shown(cell: Estimate | None) -> tuple[str, str]:
            if not cell:
                return MISSING, ""
            margin = f"{cell.margin:,.{places}f}" if cell.margin > 0 else ""
            return f"{cell.mean:,.{places}f}", margin

        return [shown(cell) for cell in (*self.cells, *self.references)]


def decimals(scale: float, significant: int) -> int:
    """How many decimals show this many significant digits of `scale`, from 0 to 7."""
    return min(MOST_DECIMALS, max(0, significant - 1 - math.floor(math.log10(scale))))


def column(settings: Sequence[Setting], metric: Metric) -> Column:
    return Column(metric, [one.estimate(metric.key) for one in settings])


def columns(settings: Sequence[Setting]) -> list[Column]:
    """A column for each metric that some setting has."""
    found = [column(settings, metric) for metric in SHOWN]
    return [each for each in found if any(each.cells)]


def corruptions(settings: Sequence[Setting]) -> list[str]:
    """The corruptions that robustness was measured with, the clean images first."""
    return metrics.corruptions(
        key for one in settings for run in one.runs.values() for key in run.metrics
    )


def suite(settings: Sequence[Setting]) -> str:
    """What robustness is the mean over: 8 corruptions and the clean image; empty if not measured.

    If settings differ in their suites, the largest number counts.
    """
    suites = [corruptions([one]) for one in settings]
    counts = {sum(name != UNCORRUPTED for name in names) for names in suites if names}
    parts = []
    if most := max(counts, default=0):
        parts.append(f"{'up to ' * (len(counts) > 1)}{most} corruption{'s' * (most > 1)}")
    if any(UNCORRUPTED in names for names in suites):
        parts.append("the clean image")
    return " and ".join(parts)


def percent(gain: Estimate, interval: str = "to") -> str:
    """A gain as text, rounded as its interval allows.

    +5.8% (+5.1 to +6.5) if `interval` is `to`, 5.8 ± 0.7% if it is `±`, and +5.8% if it is empty.
    """
    places = max(int(gain.margin < 10), decimals(gain.margin, 1)) if gain.margin > 0 else 1
    text = f"{gain.mean:+.{places}f}%"
    if interval == "±":
        half = f" ± {gain.margin:.{places}f}" if gain.margin > 0 else ""
        text = f"{gain.mean:.{places}f}{half}%"
    elif interval and gain.margin > 0:
        text += f" ({gain.low:+.{places}f} to {gain.high:+.{places}f})"
    return text.replace("-", "−")


def answer(effect: Effect) -> str:
    """What the seeds say of an effect, in a word or a few."""
    if effect.gain.size == 1:
        return "one seed"
    if effect.answer in (BETTER, WORSE) and effect.is_equivalent:
        return f"{effect.answer}, but within the margin"
    if effect.answer == UNDECIDED and (effect.needed or math.inf) > effect.gain.size:
        needed = effect.needed or f"more than {seeds.MOST_SEEDS:,}"
        return f"undecided; {needed} seeds would show the margin"
    return effect.answer


def summary(effects: Effects) -> list[list[str]]:
    """A row for each metric: its name, then `SUMMARY`; of one seed, no answers are counted."""
    rows = []
    for metric, found in effects.items():
        in_order = sorted(found, key=lambda one: one.gain.mean)
        gain, loss = in_order[-1], in_order[0]
        ends = [
            _named(gain) if gain.gain.mean > 0 else "",
            _named(loss) if loss.gain.mean < 0 else "",
        ]
        answers = [one.answer for one in found if one.gain.size > 1]
        counts = [str(answers.count(each)) if answers else "" for each in ANSWERS]
        rows.append([metric.name, *ends, *counts])
    return rows


def differences(effects: Effects) -> list[list[str]]:
    """A row for each setting: its label, and its gain and what it means in each metric."""
    cells: dict[str, dict[Metric, str]] = {}
    for metric, found in effects.items():
        for one in found:
            text = f"{percent(one.gain)}: {answer(one)}"
            cells.setdefault(one.setting.label, {})[metric] = text
    return [
        [label, *(row.get(metric, MISSING) for metric in effects)] for label, row in cells.items()
    ]


def _named(effect: Effect) -> str:
    return f"{percent(effect.gain, '')} {effect.setting.label}"


def write_csv(path: Path, settings: Sequence[Setting]) -> None:
    """Write a line per setting: mean, standard deviation and 95% interval of every metric."""
    keys = [each.metric.key for each in columns(settings)]
    keys += [metrics.robust(name).key for name in corruptions(settings)]
    parts = Estimate._fields[:-1]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, *(f"{key} {part}" for key in keys for part in parts)])
        for setting in settings:
            estimates = [setting.estimate(key) for key in keys]
            numbers = [each[:-1] if each else [math.nan] * len(parts) for each in estimates]
            cells = ["" if math.isnan(n) else f"{n:.8g}" for four in numbers for n in four]
            writer.writerow([setting.label, len(setting.runs), *cells])
