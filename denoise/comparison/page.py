"""A comparison as a self-contained HTML page and as Markdown: what their templates show."""

import base64
import io
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader
from matplotlib.figure import Figure
from PIL import Image

from denoise import metrics
from denoise.comparison import effects, figures, published, svg, tables
from denoise.comparison.effects import Question
from denoise.comparison.groups import AmountSeries, Setting
from denoise.fetch import CLASSES, SIDE
from denoise.tracking import files, search

MAP_COLOURS = 64
MOST_PICTURED = 24  # settings whose images, maps and curves are shown
LOSSES = {
    "train": metrics.TRAIN_LOSS.key,
    "held-out": metrics.TEST_LOSS.held_out,
    "test": metrics.TEST_LOSS.key,
}
CLEAN, NOISY, OUTPUT = range(3)  # the rows of a run's examples.png
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=lambda name: bool(name and name.endswith("html")),
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals |= {"effects": effects, "figures": figures}
TEMPLATES.globals |= {"published": published, "svg": svg, "tables": tables}
TEMPLATES.filters["cell"] = lambda text: str(text).replace("|", "\\|")


@dataclass(frozen=True)
class Picture:
    """A picture as drawn for a wide and for a narrow screen."""

    name: str
    wide: Figure
    narrow: Figure

    @cached_property
    def svg(self) -> str:
        """The wide one as an SVG file."""
        return svg.whole(self.wide, self.name)

    def svgs(self) -> dict[str, str]:
        """Both as parts of a page, and the wide one as a file to save, in a data URI."""
        wide, narrow = self.svg, svg.whole(self.narrow, f"{self.name} narrow")
        parts = {"wide": svg.inline(wide), "narrow": svg.inline(narrow)}
        return parts | {"saved": _uri("svg+xml", wide.encode())}


class Strip(NamedTuple):
    """A row of ten images, or a map, as a data URI, with its label and a note."""

    label: str
    note: str
    uri: str


@dataclass(frozen=True)
class View:
    """What is known of some settings, for the templates.

    `losses` are the curves of some settings, by split, and `heat` the rows and columns of the
    picture of robustness. `references` has the metrics of each, by name.
    """

    settings: Sequence[Setting]
    noise: Question
    model: Question
    target: Question
    margin: float
    columns: Sequence[tables.Column]
    amount_series: AmountSeries
    losses: Mapping[str, Mapping[str, Sequence[float]]]
    heat: tuple[Sequence[str], Sequence[tables.Column]]
    references: Mapping[str, Mapping[str, float]]
    study: Sequence[published.Reached]
    about: str

    @property
    def questions(self) -> list[Question]:
        """Those that the settings answer."""
        return [each for each in (self.noise, self.model, self.target) if each.effects]

    @property
    def best_learned(self) -> tuple[float, float]:
        """The error on clean images, and that of the mean image, where their ratio is smallest.

        They are nan if they are not known of any setting.
        """
        errors = []
        for one in self.settings:
            found = one.estimate(metrics.CLEAN_MSE.key)
            of_mean = published.mean_image_error(next(iter(one.runs.values())))
            if found and of_mean > 0:
                errors.append((found.mean, of_mean))
        return min(errors, key=lambda pair: pair[0] / pair[1], default=(math.nan, math.nan))

    @cached_property
    def sentences(self) -> list[str]:
        """The answer, with a sentence for each question."""
        text = TEMPLATES.get_template("sentence.txt").render(view=self)
        return [" ".join(each.split()) for each in text.split("\f")]

    @property
    def sentence(self) -> str:
        """The whole answer."""
        return " ".join(self.sentences)

    @cached_property
    def pictures(self) -> list[Picture]:
        """The pictures that the settings have data for."""
        noise, model, target = self.noise, self.model, self.target
        drawn: Mapping[str, tuple[object, Callable[..., Figure]]] = {
            "does_noise_help": (noise.effects, partial(figures.forest, noise, self.margin)),
            "how_much": (self.amount_series, partial(figures.amounts, self.amount_series)),
            "when": (len(figures.lines_of(noise)) > 1, partial(figures.gains, noise)),
            "which_model": (model.effects, partial(figures.forest, model, self.margin)),
            "which_target": (target.effects, partial(figures.forest, target, self.margin)),
            "robustness": (len(self.heat[1]) > 1, partial(figures.heatmap, *self.heat)),
            "losses": (self.losses, partial(figures.curves, self.losses)),
        }
        return [
            Picture(name, draw(narrow=False), draw(narrow=True))
            for name, (has_data, draw) in drawn.items()
            if has_data
        ]

    @cached_property
    def cells(self) -> list[tuple[tuple[str, str], ...]]:
        """The texts of the columns for each setting."""
        return list(zip(*(column.texts() for column in self.columns), strict=True))


def markdown(view: View) -> str:
    """The answer and the tables."""
    return TEMPLATES.get_template("page.md").render(view=view)


def html(view: View) -> str:
    """The page, with the images that the settings' runs have logged."""
    shown = figures.spread(view.settings, MOST_PICTURED)
    reached = [row.last.test for row in view.study if row.last]
    with tempfile.TemporaryDirectory() as folder:
        examples = _downloaded(shown, "figures/examples.png", Path(folder))
        maps = _downloaded(shown, "figures/tsne.png", Path(folder))
        return TEMPLATES.get_template("page.html").render(
            view=view,
            pictures={picture.name: picture for picture in view.pictures},
            shown=shown,
            clean=_once(CLEAN, lambda _: "clean", ("data.name",), shown, examples),
            outputs=_outputs(shown, examples),
            noises=_once(NOISY, lambda one: one.noise, ("protocol", "data.name"), shown, examples),
            maps=[Strip(label, "", _small(path)) for label, path in maps.items()],
            scale=max(reached, default=1),
        )


def curves(settings: Sequence[Setting]) -> dict[str, dict[str, list[float]]]:
    """The losses of each split and setting over the epochs, averaged over seeds."""
    shown = figures.spread(settings, MOST_PICTURED)
    found = {
        split: {one.label: values for one in shown if (values := _mean_curve(one, key))}
        for split, key in LOSSES.items()
    }
    return {split: of_split for split, of_split in found.items() if of_split}


def _mean_curve(setting: Setting, key: str) -> list[float]:
    """A loss averaged over seeds; [] unless all runs have it after every epoch."""
    for run in setting.runs.values():
        # With held-out images, the test loss is measured only once.
        is_once = key == metrics.TEST_LOSS.key and metrics.TEST_LOSS.held_out in run.metrics
        if is_once or key not in run.metrics:
            return []
    curves = [search.curve(run.id, key) for run in setting.runs.values()]
    shortest = min(map(len, curves))
    return [float(value) for value in np.mean([curve[:shortest] for curve in curves], axis=0)]


def _once(
    row: int,
    name: Callable[[Setting], str],
    facts: Sequence[str],
    settings: Sequence[Setting],
    examples: Mapping[str, Path],
) -> list[Strip]:
    """A row of the examples, once for each name and value of the facts that settings differ in."""
    differing = [key for key in facts if len({one.facts.get(key) for one in settings}) > 1]
    first: dict[str, Path] = {}
    for one in (one for one in settings if one.label in examples):
        whole = " ".join([name(one), *(one.facts.get(key, "") for key in differing)])
        first.setdefault(whole, examples[one.label])
    return [Strip(label, "", _row(path, row)) for label, path in first.items()]


def _outputs(settings: Sequence[Setting], examples: Mapping[str, Path]) -> list[Strip]:
    errors = tables.column(settings, metrics.DENOISE_MSE).texts()
    return [
        Strip(one.label, f"MSE {error}", _row(examples[one.label], OUTPUT))
        for one, (error, _) in zip(settings, errors, strict=True)
        if one.label in examples
    ]


def _row(path: Path, row: int) -> str:
    with Image.open(path) as strip:
        cut = strip.convert("L").crop((0, row * SIDE, CLASSES * SIDE, (row + 1) * SIDE))
    return _png(cut)


def _small(path: Path) -> str:
    """A picture in few colours, so that the page can be sent by mail."""
    with Image.open(path) as picture:
        return _png(picture.convert("RGB").quantize(MAP_COLOURS))


def _png(picture: Image.Image) -> str:
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return _uri("png", written.getvalue())


def _downloaded(settings: Sequence[Setting], name: str, folder: Path) -> dict[str, Path]:
    """The file `name` of the first seed that has it, by label, for the settings that have one."""
    found = {}
    for setting in settings:
        runs = (run for _, run in sorted(setting.runs.items()))
        if run := next((run for run in runs if name in files.files(run.id)), None):
            files.download(run.id, name, folder / run.id)
            found[setting.label] = folder / run.id / name
    return found


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
