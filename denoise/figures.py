"""The figures of a run: images, loss curves, the t-SNE map.

Images are float (n, 28, 28) in pixel space. Every figure shows them from 0 (black) to 1 (white), so
that runs can be compared by eye.
"""

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image
from torch import Tensor
from torch.nn import functional

from denoise.fetch import CLASSES

GAP = 1  # white pixels around each image
PER_LINE = 5


def colours(count: int) -> list[str]:
    """Colours to tell `count` things apart, as #rrggbb; they repeat after twenty."""
    palette = colormaps["tab10" if count <= 10 else "tab20"]
    return [to_hex(palette(place % palette.N)) for place in range(count)]


CLASS_COLOURS = colours(CLASSES)


def image_rows(rows: Mapping[str, Tensor], names: Sequence[str], title: str) -> Figure:
    """The same images in each labelled row of `rows`, below their names, five images per line.

    The figure is nearly square, like the cells of MLflow's image grids.
    """
    starts = range(0, len(names), PER_LINE)
    size = (PER_LINE + 0.9, (len(rows) + 0.35) * len(starts) + 0.4)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots(len(starts), squeeze=False).flat
    for axis, start in zip(axes, starts, strict=True):
        line = slice(start, start + PER_LINE)
        tiles = torch.stack([images[line].cpu() for images in rows.values()])
        tiles = functional.pad(tiles, (GAP, GAP, GAP, GAP), value=1)
        _, columns, height, width = tiles.shape
        mosaic = tiles.permute(0, 2, 1, 3).reshape(len(rows) * height, columns * width)
        axis.imshow(mosaic.numpy(), cmap="gray", vmin=0, vmax=1)
        axis.spines[:].set_visible(False)
        axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axis.set_xticks(
            (np.arange(columns) + 0.5) * width - 0.5, names[line], fontsize=10, parse_math=False
        )
        axis.set_yticks((np.arange(len(rows)) + 0.5) * height - 0.5, rows, fontsize=11)
    figure.suptitle(title, fontsize=12, parse_math=False)
    return figure


def loss_curves(
    curves: Mapping[str, Sequence[float]], limits: tuple[float, float], title: str
) -> Figure:
    """Loss over epochs, counted from 1, with one line for each entry of `curves`.

    The vertical axis is logarithmic unless all losses are 0. It spans `limits`, and more only if a
    curve would not fit.
    """
    shown = [value for values in curves.values() for value in values if 0 < value < math.inf]
    ends = [value for value in (*limits, *shown) if value > 0]
    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axis = figure.subplots()
    for label, values in curves.items():
        epochs = range(1, len(values) + 1)
        axis.plot(epochs, values, marker=".", label=f"{label}, {values[-1]:.3f} at the end")
    axis.set(xlabel="epoch", ylabel="mean squared error (model's space)")
    if shown:
        axis.set_yscale("log")
        if min(ends) < max(ends):
            axis.set_ylim(min(ends), max(ends))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(alpha=0.3, which="both")
    axis.legend()
    axis.set_title(title, fontsize=10)
    return figure


def tsne_map(
    coordinates: np.ndarray, labels: np.ndarray, class_names: Sequence[str], title: str
) -> Figure:
    """Codes (n, 2) in [-1, 1], coloured by class, with a legend."""
    figure = Figure(figsize=(6, 6.7), dpi=100, layout="constrained")
    axis = figure.subplots()
    for label, name in enumerate(class_names):
        x, y = coordinates[labels == label].T
        axis.scatter(x, y, s=3, linewidths=0, color=CLASS_COLOURS[label], label=name)
    axis.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[], aspect="equal")
    figure.legend(loc="outside lower center", ncols=5, markerscale=4, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def drawn(figure: Figure) -> Image.Image:
    """The figure as a picture, for use in several places: drawing takes longer than saving."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # names may be in any script
        figure.draw_without_rendering()  # image rows get their final layout in the second drawing
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
