"""A comparison as one web page, with all that it shows inside of it."""

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
from matplotlib import colormaps, rc_context
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from denoise import figures
from denoise.comparison import verdicts
from denoise.comparison.verdicts import Measure, Question, Setting
from denoise.fetch import CLASSES, SIDE
from denoise.study import Parts, Reached
from denoise.tracking import search

INKS = {"light": "#1f2328", "dark": "#d7dce2"}
MAP_POINTS = 2000
CLEAN, NOISY, OUTPUT = range(3)  # the rows of a run's examples.png
SCORES = (
    Measure("latent/knn_accuracy", "nearest neighbours"),
    Measure("latent/linear_accuracy", "linear probe"),
    Measure("latent/silhouette", "silhouette"),
    Measure("latent/trustworthiness", "trustworthiness of the map"),
)


class Strip(NamedTuple):
    """One row of ten images, as a data URI, with what is said of it."""

    label: str
    note: str
    uri: str


class Cell(NamedTuple):
    """A number of a table: as text, what it sorts by, and how near to its column's best, 0 to 1."""

    text: str
    margin: str = ""
    value: float | None = None
    heat: float = 0.0


class Column(NamedTuple):
    name: str
    unit: str
    cells: list[Cell]


class StudyRow(NamedTuple):
    """A published row beside the reached one, and the parts of its test loss if they are known."""

    reached: Reached
    cells: list[str]
    parts: Parts | None


def render(
    title: str,
    about: str,
    questions: Sequence[Question],
    settings: Sequence[Setting],
    measures: Sequence[Measure],
    study: Sequence[StudyRow],
) -> str:
    """The page as HTML, with pictures from the files of those runs that have them."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = _files(settings, "figures/examples.png", Path(folder))
        maps = _files(settings, "tables/codes.csv", Path(folder))
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
            columns=[_column(settings, measure) for measure in measures],
            curves=[_curves(settings, split) for split in ("train", "held-out")],
            clean=_clean(pictures),
            outputs=_strips(settings, pictures, OUTPUT),
            noises=_strips(_one_of_each_noise(settings), pictures, NOISY),
            maps=[_map(one, maps[one.label]) for one in settings if one.label in maps],
            classes=_classes(settings),
            heat=_heat(settings),
            scores=[_scores(settings, score) for score in SCORES if _has(settings, score.key)],
            study=study,
            scale=max((row.reached.last.test for row in study if row.reached.last), default=1.0),
        )


def corruptions(settings: Sequence[Setting]) -> list[str]:
    """The corruptions that robustness was measured against: none, the others, and their mean."""
    there = {metric for one in settings for run in one.runs.values() for metric in run.metrics}
    names = {m.removeprefix("robust/").removesuffix("_mse") for m in there if _is_robust(m)}
    return sorted(names, key=lambda name: (name == "mean", name != "clean", name))


def _is_robust(metric: str) -> bool:
    return metric.startswith("robust/") and metric.endswith("_mse")


def _has(settings: Sequence[Setting], metric: str) -> bool:
    return any(one.values(metric) for one in settings)


def _column(settings: Sequence[Setting], measure: Measure) -> Column:
    found = [one.estimate(measure.key) for one in settings]
    cells = [
        Cell(measure.shown(each.mean), measure.margin(each), each.mean) if each else Cell("–")
        for each in found
    ]
    return Column(measure.name, measure.unit, cells)


def _heat(settings: Sequence[Setting]) -> list[Column]:
    """For each corruption the error of each setting; a cell is 1 at the best, 0 at twice that."""
    columns = []
    for name in corruptions(settings):
        column = _column(settings, Measure(f"robust/{name}_mse", name))
        best = min(cell.value for cell in column.cells if cell.value is not None)
        cells = [
            cell._replace(heat=max(0.0, 2 - cell.value / best)) if cell.value and best else cell
            for cell in column.cells
        ]
        columns.append(column._replace(cells=cells))
    return columns


def _scores(settings: Sequence[Setting], score: Measure) -> dict[str, Any]:
    """Means with their intervals, placed in percent of the width of the narrowest axis for all."""
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
            "text": score.with_interval(each),
            "mean": at(each.mean),
            "low": at(each.mean if math.isnan(each.low) else each.low),
            "high": at(each.mean if math.isnan(each.high) else each.high),
        }
        for label, each in found.items()
    ]
    return {"name": score.name, "low": score.shown(low), "high": score.shown(high), "rows": rows}


def _curves(settings: Sequence[Setting], split: str) -> dict[str, Any] | None:
    """The loss of each setting over the epochs, mean of its seeds, in light and dark."""
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
        held_out = "val/loss" if "val/loss" in run.metrics else "test/loss"
        metric = "train/loss" if split == "train" else held_out
        curves.append(search.curve(run.id, metric) if metric in run.metrics else [])
    shortest = min(map(len, curves))
    return [float(value) for value in np.mean([curve[:shortest] for curve in curves], axis=0)]


def _map(setting: Setting, path: Path) -> Strip:
    """Every so-manyth code, to have at most `MAP_POINTS`."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = rows[:: math.ceil(len(rows) / MAP_POINTS)]
    places = np.array([[float(row["tsne_x"]), float(row["tsne_y"])] for row in rows])
    labels = np.array([int(float(row["label"])) for row in rows])
    scores = [(score, setting.estimate(score.key)) for score in (SCORES[0], SCORES[3])]
    said = [f"{score.name} {score.shown(each.mean)}" for score, each in scores if each]
    uri = _png(figures.bare_map(places, labels))
    return Strip(setting.label, ", ".join([*said, f"{len(rows):,} codes"]), uri)


def _classes(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """The names of the data set's classes with the colours of the maps."""
    from torchvision import datasets

    dataset = getattr(datasets, settings[0].facts.get("data.name", ""), None)
    names = dataset.classes if dataset else [str(label) for label in range(CLASSES)]
    return [(name, to_hex(colormaps["tab10"](label))) for label, name in enumerate(names)]


def _one_of_each_noise(settings: Sequence[Setting]) -> list[Setting]:
    first: dict[tuple[str, str], Setting] = {}
    for one in settings:
        first.setdefault((one.facts["protocol"], one.noise), one)
    return list(first.values())


def _strips(settings: Sequence[Setting], pictures: Mapping[str, Path], row: int) -> list[Strip]:
    strips = []
    for one in settings:
        if one.label in pictures:
            error = one.estimate("test/denoise_mse")
            note = f"MSE {error.mean:.4f}" if error and row == OUTPUT else ""
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


def _files(settings: Sequence[Setting], name: str, folder: Path) -> dict[str, Path]:
    """By label, the file `name` of the first seed that has it; settings without are left out."""
    found = {}
    for setting in settings:
        runs = (run for _, run in sorted(setting.runs.items()))
        if run := next((run for run in runs if name in search.files(run.id)), None):
            search.download(run.id, name, folder / run.id)
            found[setting.label] = folder / run.id / name
    return found


def _both(draw: Callable[[], Figure]) -> dict[str, str]:
    """The same figure on a light and on a dark page."""
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
