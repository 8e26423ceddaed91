"""The figures of the comparison page."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from denoise.figures import CLASS_COLOURS, colours


def overlaid(curves: Mapping[str, Sequence[float]], label: str) -> Figure:
    """One loss of many settings over epochs, counted from 1, with the legend below the axes."""
    figure = Figure(figsize=(6.4, 3.2 + 0.22 * len(curves)), dpi=130, layout="constrained")
    axis = figure.subplots()
    for colour, (name, values) in zip(colours(len(curves)), curves.items(), strict=True):
        epochs = range(1, len(values) + 1)
        marker = "." if len(values) == 1 else ""
        axis.plot(epochs, values, color=colour, marker=marker, label=name)
    axis.set(xlabel="epoch", ylabel=label)
    if any(value > 0 for values in curves.values() for value in values):
        axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter("{x:g}")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25, linewidth=0.6)
    figure.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    return figure


def bare_map(coordinates: np.ndarray, labels: np.ndarray) -> Figure:
    """Codes (n, 2) in [-1, 1], coloured by class, without axes or legend."""
    figure = Figure(figsize=(2.6, 2.6), dpi=130)
    axis = figure.add_axes((0, 0, 1, 1))
    x, y = coordinates.T
    axis.scatter(x, y, color=np.array(CLASS_COLOURS)[labels], s=2, linewidths=0)
    axis.set(xlim=(-1.05, 1.05), ylim=(-1.05, 1.05), aspect="equal")
    axis.axis("off")
    return figure
