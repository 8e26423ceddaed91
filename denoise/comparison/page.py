"""A comparison as one self-contained HTML page."""

import base64
import csv
import io
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from denoise import metrics
from denoise.comparison import figures, published, tables, verdicts
from denoise.comparison.groups import Setting
from denoise.comparison.published import MISSING, StudyRow
from denoise.comparison.verdicts import Question
from denoise.fetch import CLASSES, SIDE
from denoise.figures import CLASS_COLOURS
from denoise.metrics import Metric
from denoise.tracking import files, search

INKS = {"light": "#1f2328", "dark": "#d7dce2"}
MAP_POINTS = 2000
CLEAN, NOISY, OUTPUT = range(3)  # the rows of a run's examples.png
SCORES = (
    metrics.KNN_ACCURACY,
    metrics.LINEAR_ACCURACY,
    metrics.SILHOUETTE,
    metrics.TRUSTWORTHINESS,
)
OF_MAPS = (metrics.KNN_ACCURACY, metrics.TRUSTWORTHINESS)


class Strip(NamedTuple):
    """One row of ten images, as a data URI, with its label and a note."""

    label: str
    note: str
    uri: str


class Cell(NamedTuple):
    """A cell of a table: its text, the value to sort by, and the strength of its colour, 0 to 1."""

    text: str
    margin: str = ""
    value: float | None = None
    heat: float = 0.0


class Column(NamedTuple):
    """A column of a table: one metric of every setting."""

    name: str
    unit: str
    cells: list[Cell]


def render(
    title: str,
    about: str,
    questions: Sequence[Question],
    settings: Sequence[Setting],
    shown: Sequence[Metric],
    study: Sequence[StudyRow],
) -> str:
    """The page as HTML, with the pictures that the settings' runs have logged."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = _downloaded(settings, "figures/examples.png", Path(folder))
        maps = _downloaded(settings, "tables/codes.csv", Path(folder))
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["sentence_case"] = verdicts.sentence_case
        return environment.get_template("page.html").render(
            title=title,
            about=about,
            questions=questions,
            settings=settings,
            inks=INKS,
            tables=tables,
            published=published,
            columns=[_column(settings, metric) for metric in shown],
            curves=[_curves(settings, split) for split in ("train", "held-out")],
            clean=_clean(pictures),
            outputs=_strips(settings, pictures, OUTPUT),
            noises=_strips(_one_of_each_noise(settings), pictures, NOISY),
            maps=list(filter(None, (_map(one, maps.get(one.label)) for one in settings))),
            classes=_classes(settings),
            heat=_heat(settings),
            scores=[_scores(settings, score) for score in SCORES if _has(settings, score.key)],
            study=study,
            scale=max((row.reached.last.test for row in study if row.reached.last), default=1.0),
        )


def _has(settings: Sequence[Setting], metric: str) -> bool:
    return any(one.values(metric) for one in settings)


def _column(settings: Sequence[Setting], metric: Metric) -> Column:
    found = [one.estimate(metric.key) for one in settings]
    cells = [
        Cell(metric.shown(each.mean), each.margin_in(metric), each.mean) if each else Cell(MISSING)
        for each in found
    ]
    return Column(metric.name, metric.unit, cells)


def _heat(settings: Sequence[Setting]) -> list[Column]:
    """The error of each setting under each corruption, and the mean.

    Heat is 1 for the best setting of a column, and 0 from twice its error.
    """
    tested = [*tables.corruptions(settings), "mean"]
    columns = []
    for metric in map(metrics.robust, tested):
        if not _has(settings, metric.key):
            continue
        column = _column(settings, metric)
        best = min(cell.value for cell in column.cells if cell.value is not None)
        cells = [
            cell._replace(heat=max(0.0, 2 - cell.value / best)) if cell.value and best else cell
            for cell in column.cells
        ]
        columns.append(column._replace(cells=cells))
    return columns


def _scores(settings: Sequence[Setting], score: Metric) -> dict[str, Any]:
    """Means with their intervals, with positions in percent of the width of the axis."""
    found = {one.label: estimate for one in settings if (estimate := one.estimate(score.key))}
    ends = [
        end for each in found.values() for end in (each.mean, each.low, each.high) if end == end
    ]
    low, high = min(ends), max(ends)
    low, high = (low - 0.01, high + 0.01) if low == high else (low, high)

    def at(value: float) -> float:
        return 100 * (value - low) / (high - low)

    rows = [
        {
            "label": label,
            "text": each.shown(score),
            "mean": at(each.mean),
            "low": at(each.mean if math.isnan(each.low) else each.low),
            "high": at(each.mean if math.isnan(each.high) else each.high),
        }
        for label, each in found.items()
    ]
    return {"name": score.name, "low": score.shown(low), "high": score.shown(high), "rows": rows}


def _curves(settings: Sequence[Setting], split: str) -> dict[str, Any] | None:
    """The loss of each setting over the epochs, averaged over seeds, in light and dark."""
    curves = {one.label: curve for one in settings if (curve := _mean_curve(one, split))}
    if not curves:
        return None
    ends = ", ".join(f"{label} {curve[-1]:.4f}" for label, curve in curves.items())
    label = f"{split} loss (model's space)"
    return {
        "label": split,
        "ends": ends,
        "uris": _both(lambda: figures.overlaid(curves, label)),
    }


def _mean_curve(setting: Setting, split: str) -> list[float]:
    curves = []
    for run in setting.runs.values():
        loss = metrics.TEST_LOSS
        held_out = loss.held_out if loss.held_out in run.metrics else loss.key
        metric = metrics.TRAIN_LOSS.key if split == "train" else held_out
        curves.append(search.curve(run.id, metric) if metric in run.metrics else [])
    shortest = min(map(len, curves))
    return [float(value) for value in np.mean([curve[:shortest] for curve in curves], axis=0)]


def _map(setting: Setting, path: Path | None) -> Strip | None:
    """The map of at most `MAP_POINTS` codes, spread evenly over all; None for codes without one."""
    if not path:
        return None
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if "tsne_x" not in rows[0]:  # the codes are all equal
        return None
    rows = rows[:: math.ceil(len(rows) / MAP_POINTS)]
    places = np.array([[float(row["tsne_x"]), float(row["tsne_y"])] for row in rows])
    labels = np.array([int(float(row["label"])) for row in rows])
    scores = [(score, setting.estimate(score.key)) for score in OF_MAPS]
    notes = [f"{score.name} {score.shown(each.mean)}" for score, each in scores if each]
    uri = _png(figures.bare_map(places, labels))
    return Strip(setting.label, ", ".join([*notes, f"{len(rows):,} codes"]), uri)


def _classes(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """The names of the data set's classes, with their colours on the maps."""
    from torchvision import datasets

    dataset = getattr(datasets, settings[0].facts.get("data.name", ""), None)
    names = dataset.classes if dataset else [str(label) for label in range(CLASSES)]
    return list(zip(names, CLASS_COLOURS, strict=True))


def _one_of_each_noise(settings: Sequence[Setting]) -> list[Setting]:
    first: dict[tuple[str, str], Setting] = {}
    for one in settings:
        first.setdefault((one.facts["protocol"], one.noise), one)
    return list(first.values())


def _strips(settings: Sequence[Setting], pictures: Mapping[str, Path], row: int) -> list[Strip]:
    strips = []
    for one in settings:
        if one.label in pictures:
            metric = metrics.DENOISE_MSE
            error = one.estimate(metric.key)
            note = f"{metric.unit} {metric.shown(error.mean)}" if error and row == OUTPUT else ""
            label = one.label if row == OUTPUT else one.noise
            strips.append(Strip(label, note, _row(pictures[one.label], row)))
    return strips


def _clean(pictures: Mapping[str, Path]) -> Strip | None:
    return next((Strip("clean", "", _row(path, CLEAN)) for path in pictures.values()), None)


def _row(path: Path, row: int) -> str:
    with Image.open(path) as strip:
        cut = strip.convert("L").crop((0, row * SIDE, CLASSES * SIDE, (row + 1) * SIDE))
    written = io.BytesIO()
    cut.save(written, "PNG", optimize=True)
    return _uri(written.getvalue())


def _downloaded(settings: Sequence[Setting], name: str, folder: Path) -> dict[str, Path]:
    """The file `name` of the first seed that has it, by label, for the settings that have one."""
    found = {}
    for setting in settings:
        runs = (run for _, run in sorted(setting.runs.items()))
        if run := next((run for run in runs if name in files.files(run.id)), None):
            files.download(run.id, name, folder / run.id)
            found[setting.label] = folder / run.id / name
    return found


def _both(draw: Callable[[], Figure]) -> dict[str, str]:
    """The same figure for a light and for a dark page."""
    uris = {}
    for theme, ink in INKS.items():
        inks: Any = (
            "text.color",
            "axes.labelcolor",
            "axes.edgecolor",
            "xtick.color",
            "ytick.color",
        )
        with rc_context({**dict.fromkeys(inks, ink), "font.size": 11}):
            uris[theme] = _png(draw())
    return uris


def _png(figure: Figure) -> str:
    written = io.BytesIO()
    figure.savefig(written, format="png", transparent=True)
    return _uri(written.getvalue())


def _uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
