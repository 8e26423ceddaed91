"""The comparison as CSV and Markdown."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from denoise import metrics
from denoise.comparison import published, seeds
from denoise.comparison.groups import Setting
from denoise.comparison.published import MISSING, Parts, StudyRow
from denoise.comparison.verdicts import Question
from denoise.metrics import Metric

SHOWN = (
    metrics.CLEAN_MSE,
    metrics.DENOISE_MSE,
    metrics.ROBUSTNESS,
    metrics.KNN_ACCURACY,
    metrics.LINEAR_ACCURACY,
    metrics.PSNR,
    metrics.SSIM,
    metrics.SILHOUETTE,
    metrics.TRUSTWORTHINESS,
    metrics.PARAMETERS,
    metrics.EPOCH_SECONDS,
    metrics.RUN_SECONDS,
)
HEADER = ("setting", "seeds")
ALL_SETTINGS = "All settings"
PUBLISHED = "The published tables"
PARTS = " + ".join(Parts._fields)
LEGEND = (
    "± is half the width of a 95% confidence interval over seeds (Student's t). Differences are "
    "paired by seed, and significant if p < 0.05 after Holm's correction for all settings compared "
    "in the same metric. Percentages are relative to the baseline."
)


def corruptions(settings: Sequence[Setting]) -> list[str]:
    """The corruptions that robustness was measured with, the clean images first."""
    return metrics.corruptions(
        key for one in settings for run in one.runs.values() for key in run.metrics
    )


def write_csv(path: Path, settings: Sequence[Setting], shown: Sequence[Metric]) -> None:
    """One line per setting: mean, standard deviation and 95% interval of every metric."""
    keys = [metric.key for metric in shown]
    keys += [metrics.robust(name).key for name in corruptions(settings)]
    parts = seeds.Estimate._fields[:-1]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*HEADER, *(f"{key} {part}" for key in keys for part in parts)])
        for setting in settings:
            estimates = [setting.estimate(key) for key in keys]
            numbers = [each[:-1] if each else [math.nan] * len(parts) for each in estimates]
            cells = ["" if math.isnan(n) else f"{n:.8g}" for four in numbers for n in four]
            writer.writerow([setting.label, len(setting.runs), *cells])


def markdown(
    title: str,
    about: str,
    questions: Sequence[Question],
    settings: Sequence[Setting],
    shown: Sequence[Metric],
    study: Sequence[StudyRow],
) -> str:
    """The answers, the verdicts and the tables."""
    parts = [f"# {title}", about]
    for question in questions:
        parts += [f"## {question.title}", f"**{question.answer}**"]
        parts += ["\n".join(f"- {verdict}" for verdict in question.verdicts)]
    body = [
        [setting.label, str(len(setting.runs)), *(_cell(setting, metric) for metric in shown)]
        for setting in settings
    ]
    header = [*HEADER, *(metric.title for metric in shown)]
    parts += [f"## {ALL_SETTINGS}", _table(header, body), LEGEND]
    if study:
        body = [[*row.reached.cells, _sum(row.parts)] for row in study]
        parts += [f"## {PUBLISHED}", _table([*published.HEADER, PARTS], body)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(setting: Setting, metric: Metric) -> str:
    found = setting.estimate(metric.key)
    return found.shown(metric) if found else MISSING


def _sum(parts: Parts | None) -> str:
    return " + ".join(f"{part:.4f}" for part in parts) if parts else MISSING


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
