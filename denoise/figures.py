"""The figures of a run: images, loss curves, the t-SNE map.

Images are float (n, 28, 28) in pixel space. Every figure shows them from 0 (black) to 1 (white), so
that runs can be compared by eye.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from functools import partial

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
# The space in an image figure for its title, the names above images, and the labels of rows.
TITLE_INCHES, NAMES_INCHES, LABELS_INCHES = 0.4, 0.3, 0.85


def colours(count: int) -> list[str]:
    """Colours to tell `count` things apart, as #rrggbb; they repeat after twenty."""
    palette = colormaps["tab10" if count <= 10 else "tab20"]
    return [to_hex(palette(place % palette.N)) for place in range(count)]


CLASS_COLOURS = colours(CLASSES)


def image_rows(rows: Mapping[str, Tensor], names: Sequence[str], title: str) -> Figure:
    """The same images in each labelled row of `rows`, below their names, five images per line.

    The figure is nearly square, like the cells of MLflow's image grids.
    """
    lines = math.ceil(len(names) / PER_LINE)
    line_height = len(rows) + NAMES_INCHES
    width, height = LABELS_INCHES + PER_LINE, TITLE_INCHES + lines * line_height
    figure = Figure(figsize=(width, height), dpi=100)
    # Axes over the whole figure, in inches from its upper left corner: without ticks and automatic
    # layout, a figure is drawn in a fifth of the time.
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    write = partial(axis.text, va="center", parse_math=False)
    write(width / 2, TITLE_INCHES / 2, title, ha="center", fontsize=12)
    for place in range(lines):
        line = slice(place * PER_LINE, (place + 1) * PER_LINE)
        top = TITLE_INCHES + place * line_height + NAMES_INCHES
        for column, name in enumerate(names[line]):
            x = LABELS_INCHES + column + 0.5
            write(x, top - NAMES_INCHES / 2, name, ha="center", fontsize=10)
        for row, label in enumerate(rows):
            write(LABELS_INCHES - 0.07, top + row + 0.5, label, ha="right", fontsize=11)
        tiles = torch.stack([images[line].cpu() for images in rows.values()])
        box = (LABELS_INCHES, LABELS_INCHES + tiles.shape[1], top + len(rows), top)
        axis.imshow(_mosaic(tiles), cmap="gray", vmin=0, vmax=1, extent=box, aspect="auto")
    axis.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _mosaic(tiles: Tensor) -> np.ndarray:
    """Images (rows, columns, height, width) side by side in one, with gaps between them."""
    tiles = functional.pad(tiles, (GAP, GAP, GAP, GAP), value=1)
    rows, columns, height, width = tiles.shape
    return tiles.permute(0, 2, 1, 3).reshape(rows * height, columns * width).numpy()


def loss_curves(
    curves: Mapping[str, Sequence[float]], limits: tuple[float, float], title: str
) -> Figure:
    """Loss over epochs, counted from 1, with one line for each entry of `curves`.

    The vertical axis is logarithmic unless all losses are 0. It spans `limits`, and more only if a
    curve would not fit.
    """
    shown = [value for values in curves.values() for value in values if 0 < value < math.inf]
    ends = [value for value in (*limits, *shown) if value > 0]
    figure = Figure(figsize=(6, 4), dpi=100)
    axis = figure.add_axes((0.12, 0.12, 0.86, 0.8))
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
    axis.set_title(title, fontsize=10, parse_math=False)
    return figure


def tsne_map(
    coordinates: np.ndarray, labels: np.ndarray, class_names: Sequence[str], title: str
) -> Figure:
    """Latents at their `coordinates`, (n, 2) in [-1, 1], coloured by class, with a legend."""
    figure = Figure(figsize=(6, 7), dpi=100)
    axis = figure.add_axes((0.01, 0.1, 0.98, 0.84))
    for label, name in enumerate(class_names):
        x, y = coordinates[labels == label].T
        axis.scatter(x, y, s=3, linewidths=0, color=CLASS_COLOURS[label], label=name)
    axis.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), xticks=[], yticks=[], aspect="equal")
    figure.legend(loc="lower center", ncols=5, markerscale=4, frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=10, parse_math=False)
    return figure


def to_image(figure: Figure) -> Image.Image:
    """The figure as a picture, for use in several places: drawing takes longer than saving."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # names may be in any script
        canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
