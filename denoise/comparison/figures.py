"""The pictures of the comparison page, drawn by matplotlib for a wide or for a narrow screen."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from denoise.comparison import effects, groups, seeds, tables
from denoise.comparison.effects import Effect, Question
from denoise.comparison.groups import AmountSeries, Setting
from denoise.comparison.seeds import Estimate
from denoise.comparison.svg import LIGHT, SERIES, STYLE
from denoise.comparison.tables import Column
from denoise.config import identity
from denoise.metrics import Metric, robust

T = TypeVar("T")
WIDE, NARROW = 13.5, 4.5  # inches of 72 units
ROW, EDGES = 0.25, 1.0  # inches
MOST_ROWS, MOST_LINES, MOST_NOISES = 40, len(SERIES), 6
MOST_NUMBERS = 6  # cells of a row that still have room for a number
NARROW_COLUMNS = 4
LONGEST = {False: 45, True: 27}  # letters of a name, on a wide and on a narrow screen


class Rows(NamedTuple):
    """The rows of a picture: for each its settings, and how many settings have none."""

    settings: dict[str, list[Setting]]
    left_out: int

    @property
    def are_grouped(self) -> bool:
        return any(len(members) > 1 for members in self.settings.values())


def rows(settings: Sequence[Setting], varied: str = "noise") -> Rows:
    """Rows for the settings, by kind and amount of noise: at most `MOST_ROWS`; the rest have none.

    A row is a setting or, if these are too many, a noise with its amount, or else a kind of noise.
    If the model or the target is `varied`, it is a setting, or else a `line`, or else a model or a
    target.
    """
    names = (
        lambda one: one.label,
        lambda one: one.noise if varied == "noise" else one.line,
        lambda one: one.facts[varied],
    )
    for name in names:
        found: dict[str, list[Setting]] = {}
        for setting in sorted(settings, key=groups.by_noise):
            found.setdefault(name(setting), []).append(setting)
        if len(found) <= MOST_ROWS:
            break
    kept = dict(list(found.items())[:MOST_ROWS])
    return Rows(kept, len(settings) - sum(map(len, kept.values())))


@rc_context(STYLE)
def forest(question: Question, margin: float, *, narrow: bool) -> Figure:
    """The gain of each setting over its baseline, with intervals, in one panel per metric.

    A gain is a circle, or a diamond if it is within the margin; filled if significant; an arrow
    with its value if it is outside the axis. Rows of several settings have no intervals.
    """
    found = question.effects
    shown = rows(question.settings, question.varied)
    places = {one.label: y for y, row in enumerate(shown.settings.values()) for one in row}
    figure, panels = _grid(1, len(found), len(shown.settings) * ROW + EDGES, narrow, sharey=True)
    for axis, (metric, of_metric) in zip(panels, found.items(), strict=True):
        low, high = _limits(of_metric, 100 * margin)
        axis.axvspan(-100 * margin, 100 * margin, color=LIGHT["band"], linewidth=0)
        axis.axvline(0, color=LIGHT["quiet"], linewidth=1)
        alike: dict[tuple[str, str, bool], list[Effect]] = {}
        for one in (one for one in of_metric if one.setting.label in places):
            colour = LIGHT[one.answer if one.is_significant else "quiet"]
            shape = "D" if one.is_equivalent else "o"
            shape = shape if low <= one.gain.mean <= high else "<" if one.gain.mean < low else ">"
            alike.setdefault((colour, shape, one.is_significant), []).append(one)
        edge = 0.03 * (high - low)
        for (colour, shape, filled), these in alike.items():
            y = [places[one.setting.label] for one in these]
            if not shown.are_grouped:
                axis.plot(*_joined((one.gain for one in these), y), color=colour, linewidth=1.6)
            x = [min(max(one.gain.mean, low + edge), high - edge) for one in these]
            look: Any = {"ms": 4 if shown.are_grouped else 5 if shape == "D" else 6, "mew": 1.2}
            face = colour if filled else LIGHT["page"]
            axis.plot(x, y, shape, color=colour, mfc=face, **look)
            if shape in "<>" and not shown.are_grouped:
                for one, at, place in zip(these, x, y, strict=True):
                    _annotate(axis, tables.percent(one.gain, ""), at, place, shape, colour)
        axis.set(xlim=(low, high), title=metric.name, xlabel="% better →")
        axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        _name_rows(axis, shown, narrow)
    return figure


def _joined(found: Iterable[Estimate], places: Iterable[float]) -> tuple[list[float], list[float]]:
    """All intervals and their places as one path, which is far shorter in a file than many."""
    ends = [value for one in found for value in (*one.ends, math.nan)]
    return ends, [value for place in places for value in (place, place, math.nan)]


def _annotate(axis: Axes, text: str, x: float, y: float, shape: str, colour: str) -> None:
    """Write a value beside an arrow, towards the middle of the axis."""
    side, away = ("left", 7) if shape == "<" else ("right", -7)
    look: Any = {"ha": side, "va": "center", "fontsize": 8, "color": colour}
    look["bbox"] = {"fc": LIGHT["page"], "ec": "none", "pad": 0.5}  # an interval may lie behind
    axis.annotate(text, (x, y), (away, 0), textcoords="offset points", **look)


def _limits(found: Sequence[Effect], margin: float) -> tuple[float, float]:
    """Limits of an axis that suit most effects; those beyond become arrows at its ends."""
    ends = [end for one in found for end in one.gain.ends]
    reach = max(2 * margin, 3.5 * float(np.median(np.abs(ends))))
    low, high = max(min(ends), -reach), min(max(ends), reach)
    low, high = min(low, -1.3 * margin), max(high, 1.3 * margin)
    pad = 0.06 * (high - low)
    return low - pad, high + pad


@rc_context(STYLE)
def amounts(amount_series: AmountSeries, *, narrow: bool) -> Figure:
    """Each metric over the amount of each noise, with a line per combination of all else."""
    shown = list(amount_series.items())[:MOST_NOISES]
    names = spread(list(dict.fromkeys(name for _, lines in shown for name in lines)))
    every = [one for lines in amount_series.values() for series in lines.values() for one in series]
    metrics = [each for each in effects.JUDGED if any(one.values(each.key) for one in every)]
    figure, panels = _grid(len(shown), len(metrics), 2.6, narrow)
    places = [(noise, lines, metric) for noise, lines in shown for metric in metrics]
    handles: dict[str, Line2D] = {}
    for axis, (noise, lines, metric) in zip(panels, places, strict=True):
        texts = {
            one.strength: one.facts.get(groups.amount_key(one.facts), identity.NONE)
            for series in lines.values()
            for one in series
        }
        strengths = sorted(texts)
        for name in (name for name in names if name in lines):
            shift = 0.06 * (names.index(name) - (len(names) - 1) / 2)
            x = [strengths.index(one.strength) + shift for one in lines[name]]
            colour = SERIES[names.index(name)]
            handles[name] = _draw_line(axis, lines[name], x, metric, colour)
        ticks = range(0, len(strengths), -(-len(strengths) // 8))
        axis.set_xticks(ticks, [texts[strengths[at]] for at in ticks])
        axis.set(
            title=metric.title,
            xlabel=noise,
            ylabel=f"{'lower' if metric.better < 0 else 'higher'} is better",
        )
        axis.margins(x=0.08)
        axis.ticklabel_format(axis="y", useOffset=False)
    if len(handles) > 1:
        labels = [_short(name, narrow) for name in handles]
        columns = 2 if narrow else 4
        figure.legend(handles.values(), labels, loc="outside upper left", ncols=columns)
    return figure


def _draw_line(
    axis: Axes, series: Sequence[Setting], x: Sequence[float], metric: Metric, colour: str
) -> Line2D:
    """One noise at its amounts: the best is a star, and discs lie behind those like it."""
    at = {one.label: place for one, place in zip(series, x, strict=True) if one.values(metric.key)}
    found = {one.label: e for one in series if (e := one.estimate(metric.key))}
    for one in (one for one in series if one.is_clean and one.label in found):
        axis.axhspan(*found[one.label].ends, color=colour, alpha=0.18, linewidth=0)
    axis.plot(*_joined(found.values(), at.values())[::-1], color=colour, linewidth=1.6)
    means = [one.mean for one in found.values()]
    (drawn,) = axis.plot(list(at.values()), means, color=colour, marker="o", ms=4, linewidth=1.2)
    best = effects.best(series, metric)
    if best and best.is_distinct:
        like = [one.label for one in (best.setting, *best.alike)]
        y = [found[label].mean for label in like]
        axis.plot([at[label] for label in like], y, "o", ms=15, color=colour, alpha=0.25, mew=0)
        star: Any = {"ms": 12, "color": colour, "mec": LIGHT["page"], "mew": 0.6}
        axis.plot(at[like[0]], y[0], "*", **star)
    return drawn


def spread(names: Sequence[T], most: int = MOST_LINES) -> list[T]:
    """At most `most` of the `names`, spread evenly."""
    places = np.linspace(0, len(names) - 1, min(len(names), most)).round().astype(int)
    return [names[place] for place in places]


@rc_context(STYLE)
def gains(question: Question, *, narrow: bool) -> Figure:
    """The gain over no noise by noise, and by what else varies.

    Only significant gains have a colour, unless there is one seed; what is undecided is grey. Where
    a row has no room for numbers, a dot marks a significant gain.
    """
    found = question.effects
    lines = spread(lines_of(question))
    kinds = list(noises_of(question).items())[:MOST_NOISES]
    figure, panels = _grid(len(kinds), len(found), 0.36 * len(lines) + EDGES, narrow, sharey=True)
    places = [(kind, noises, metric) for kind, noises in kinds for metric in found]
    for axis, (kind, noises, metric) in zip(panels, places, strict=True):
        usual = float(np.percentile([abs(one.gain.mean) for one in found[metric]], 90))
        for one in found[metric]:
            if one.setting.line in lines and one.setting.noise in noises:
                at = lines.index(one.setting.line), noises.index(one.setting.noise)
                shade = 0.15 + 0.45 * min(1.0, abs(one.gain.mean) / max(2.0, usual))
                shade *= one.is_significant or question.seeds[1] == 1
                colour = LIGHT["better" if one.gain.mean > 0 else "worse"]
                text = tables.percent(one.gain, "").rstrip("%")
                if len(noises) > MOST_NUMBERS:
                    text = "•" if one.is_significant else ""
                ink = LIGHT["quiet" if one.answer == effects.UNDECIDED else "ink"]
                weight = "bold" if one.is_significant else "normal"
                _cell(axis, *at, text, colour, shade, color=ink, weight=weight)
        every = -(-len(noises) // 8)
        amounts = [_amount(noise) for noise in noises]
        names = [amount if at % every == 0 else "" for at, amount in enumerate(amounts)]
        _table_axes(axis, [_short(line, narrow) for line in lines], names, top=False)
        axis.set(title=metric.name, xlabel=f"amount of {kind}")
    return figure


def _amount(noise: str) -> str:
    """The numbers of a noise without their names, or its kind if it has none."""
    return " ".join(part.rpartition("=")[2] for part in noise.split()[1:]) or noise


@rc_context(STYLE)
def heatmap(names: Sequence[str], columns: Sequence[Column], *, narrow: bool) -> Figure:
    """The error of each training noise on each test corruption; the last rows are references."""
    trained = len(columns[0].cells)
    width = min(NARROW_COLUMNS, len(columns)) if narrow else len(columns)
    parts = [columns[start : start + width] for start in range(0, len(columns), width)]
    figure, panels = _grid(len(parts), 1, len(names) * ROW + EDGES, narrow)
    for axis, part in zip(panels, parts, strict=True):
        for place, column in enumerate(part):
            cells = (*column.cells, *column.references)
            errors = np.array([cell.mean if cell else math.nan for cell in cells])
            shades = 0.55 * np.clip(2 - errors / (np.nanmin(errors[:trained]) or 1), 0, 1)
            for row, (text, _) in enumerate(column.texts(1)):
                _cell(axis, row, place, text, LIGHT["better"], float(np.nan_to_num(shades[row])))
        if columns[0].references:
            end = len(part) - 0.5
            axis.hlines(trained - 0.5, -0.5, end, color=LIGHT["ink"], linewidth=1)
        heads = [column.metric.name.replace(" ", "\n") for column in part]
        _table_axes(axis, [_short(name, narrow) for name in names], heads, top=True)
        axis.set_xlim(-0.5, width - 0.5)  # the last part may have fewer columns
    return figure


def heat(
    settings: Sequence[Setting], references: Mapping[str, Mapping[str, float]]
) -> tuple[list[str], list[Column]]:
    """The names of the rows, and a column for each corruption and their mean.

    A row of several settings has their mean.
    """
    shown = rows(settings).settings
    columns = []
    for metric in map(robust, [*tables.corruptions(settings), "mean"]):
        trained = [_mean(one.estimate(metric.key) for one in row) for row in shown.values()]
        if any(trained):
            errors = [row.get(metric.key) for row in references.values()]
            others = [None if error is None else seeds.estimate([error]) for error in errors]
            columns.append(Column(metric, trained, others))
    return [*shown, *references], columns


def _mean(estimates: Iterable[Estimate | None]) -> Estimate | None:
    known = [each for each in estimates if each]
    if len(known) == 1:
        return known[0]
    return seeds.estimate([each.mean for each in known]) if known else None


@rc_context(STYLE)
def curves(losses: Mapping[str, Mapping[str, Sequence[float]]], *, narrow: bool) -> Figure:
    """Losses of many settings over epochs, counted from 1, in one panel per split."""
    names = list(dict.fromkeys(name for of_split in losses.values() for name in of_split))
    figure, panels = _grid(1, len(losses), 3.4, narrow)
    styles = ("-", "--", ":", "-.")
    for axis, (split, of_split) in zip(panels, losses.items(), strict=True):
        for name, values in of_split.items():
            at = names.index(name)
            look: Any = {"color": SERIES[at % len(SERIES)], "label": _short(name, narrow)}
            look |= {"ls": styles[at // len(SERIES)], "marker": "o" if len(values) == 1 else ""}
            axis.plot(range(1, len(values) + 1), values, **look)
        axis.set(xlabel="epoch", ylabel="MSE (model's space)", title=f"{split} loss")
        if any(value > 0 for values in of_split.values() for value in values):
            axis.set_yscale("log")
        axis.yaxis.set_major_formatter("{x:g}")
        axis.yaxis.set_minor_formatter("{x:g}")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    drawn = panels[0].get_legend_handles_labels()
    figure.legend(*drawn, loc="outside lower left", ncols=1 if narrow else 4)
    return figure


def lines_of(question: Question) -> list[str]:
    """What varies besides the noise, in the order of the settings."""
    return list(dict.fromkeys(one.line for one in question.settings))


def noises_of(question: Question) -> dict[str, list[str]]:
    """The noises of each kind, by amount."""
    by_kind: dict[str, list[str]] = {}
    for setting in sorted(question.settings, key=groups.by_noise):
        noises = by_kind.setdefault(setting.facts["noise"], [])
        noises += [setting.noise] if setting.noise not in noises else []
    return by_kind


def _grid(
    rows: int, columns: int, height: float, narrow: bool, *, sharey: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """A figure of panels, each `height` inches high; on a narrow screen, one below the other."""
    if narrow:
        rows, columns, sharey = rows * columns, 1, False
    # The layout is made for SVG, whose letters are narrower than those of other formats.
    layout = ConstrainedLayoutEngine(w_pad=0.1)
    figure = Figure(figsize=(NARROW if narrow else WIDE, rows * height), layout=layout)
    panels = figure.subplots(rows, columns, squeeze=False, sharey="row" if sharey else "none")
    return figure, list(panels.flat)


def _name_rows(axis: Axes, shown: Rows, narrow: bool) -> None:
    """Label the rows from the top, with a line between kinds of noise."""
    kinds = [members[0].facts["noise"] for members in shown.settings.values()]
    for place in range(1, len(kinds)):
        if kinds[place] != kinds[place - 1]:
            axis.axhline(place - 0.5, color=LIGHT["line"], linewidth=0.8, zorder=0)
    axis.set_yticks(range(len(kinds)), [_short(name, narrow) for name in shown.settings])
    axis.set_ylim(len(kinds) - 0.4, -0.6)
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)


def _cell(
    axis: Axes, row: int, column: int, text: str, colour: str, shade: float, **look: Any
) -> None:
    """Draw a shaded cell; `look` is that of its text."""
    corner = (column - 0.48, row - 0.46)
    axis.add_patch(Rectangle(corner, 0.96, 0.92, color=colour, alpha=shade, linewidth=0))
    axis.text(column, row, text, ha="center", va="center", fontsize=9, **look)


def _table_axes(axis: Axes, rows: Sequence[str], columns: Sequence[str], *, top: bool) -> None:
    axis.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(rows) - 0.5, -0.5))
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.tick_params(length=0, labeltop=top, labelbottom=not top)
    axis.spines[:].set_visible(False)


def _short(name: str, narrow: bool) -> str:
    """A name without its middle, if it is long."""
    most = LONGEST[narrow]
    return name if len(name) <= most else f"{name[: most // 2]}…{name[1 - most // 2 :]}"
