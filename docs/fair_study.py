"""Draws the two pictures of docs/fair-study/ from its tables: `python docs/fair_study.py`.

`comparison.csv` has each setting's mean and 95% interval over five seeds. `differences.csv` has
the significant differences from no noise (paired t test, Holm's correction, p < 0.05).
"""

import csv
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from PIL import Image

matplotlib.use("Agg")
FOLDER = Path(__file__).parent / "fair-study"
BASELINE = "none"
INK, BLUE, PALE = "#1b2a33", "#2f6f9f", "#86b5cc"
# Metric, title, and the range of the axis in percent; what lies outside is drawn as an arrow.
PANELS = (
    ("test/clean_mse", "Reconstruction error\nlower is better", (-6, 12)),
    ("robust/mean_mse", "Robustness error\nlower is better", (-8, 12)),
    ("latent/knn_accuracy", "kNN accuracy\nhigher is better", (-4, 2)),
    ("latent/linear_accuracy", "Linear accuracy\nhigher is better", (-6, 3)),
)
# The clean images, the eight corruptions, and the mean over these nine.
COLUMNS = (
    *("clean", "blur", "gaussian_0.1", "gaussian_0.25", "gaussian_0.5"),
    *("masking", "random_erasing", "salt_and_pepper", "speckle", "mean"),
)


def main() -> None:
    with plt.rc_context(
        {"font.size": 9, "figure.dpi": 110, "text.color": INK, "axes.labelcolor": INK}
    ):
        settings = read("comparison.csv")
        draw_heatmap(settings)
        draw_differences(settings)


def read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def draw_heatmap(settings: list[dict[str, str]]) -> None:
    """The error of each training noise on each corruption, shaded within its column."""
    errors = [[float(row[f"robust/{name}_mse mean"]) for name in COLUMNS] for row in settings]
    best = [min(column) for column in zip(*errors, strict=True)]
    excess = [[value / low for value, low in zip(row, best, strict=True)] for row in errors]
    figure, axes = plt.subplots(figsize=(10.4, 5.4), layout="constrained")
    shades = LinearSegmentedColormap.from_list("shades", [PALE, "white"])
    image = axes.imshow(excess, cmap=shades, vmin=1, vmax=2, aspect="auto")
    for row, values in enumerate(errors):
        for column, value in enumerate(values):
            axes.text(column, row, f"{value:.4f}", ha="center", va="center")
    axes.axvline(len(COLUMNS) - 1.5, color=INK, linewidth=1)
    axes.set_xticks(range(len(COLUMNS)), [name.replace("_", "\n") for name in COLUMNS])
    axes.set_yticks(range(len(settings)), [row["setting"] for row in settings])
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title("Mean squared error: trained on the row, tested on the column", pad=14)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, ticks=[1, 1.5, 2])
    bar.ax.set_yticklabels(["column's best", "1.5 times", "2 times or more"])
    save(figure, "heatmap.png")


def draw_differences(settings: list[dict[str, str]]) -> None:
    """Each setting's mean and 95% interval, in percent above or below the mean without noise.

    A filled point is a significant difference; the grey band is the interval without noise.
    """
    significant = {(row["metric"], row["setting"]) for row in read("differences.csv")}
    (baseline,) = (row for row in settings if row["setting"] == BASELINE)
    noisy = [row for row in settings if row is not baseline]
    figure, panels = plt.subplots(1, 4, figsize=(10.4, 4), sharey=True, layout="constrained")
    for axes, (metric, title, limits) in zip(panels, PANELS, strict=True):
        without = float(baseline[f"{metric} mean"])

        def percent(row: dict[str, str], end: str) -> float:
            return 100 * (float(row[f"{metric} {end}"]) / without - 1)  # noqa: B023

        axes.axvspan(percent(baseline, "low"), percent(baseline, "high"), color="0.9")
        axes.axvline(0, color="0.5", linewidth=1)
        for place, row in enumerate(noisy):
            filled = (metric, row["setting"]) in significant
            values = [percent(row, end) for end in ("low", "mean", "high")]
            draw_interval(axes, place, values, limits, filled)
        axes.set(xlim=limits, title=title, xlabel="% from no noise")
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(noisy)), [row["setting"] for row in noisy])
    panels[0].invert_yaxis()
    save(figure, "differences.png")


def draw_interval(
    axes: Axes, place: int, values: list[float], limits: tuple[float, float], filled: bool
) -> None:
    low, mean, high = values
    face = BLUE if filled else "white"
    if mean > limits[1]:
        axes.plot(limits[1] - 0.4, place, ">", color=BLUE, mfc=face, clip_on=False)
        label = f"+{mean:.0f}%"
        axes.text(limits[1] - 1, place, label, ha="right", va="center")
        return
    axes.plot([low, high], [place, place], color=BLUE, linewidth=1.4)
    axes.plot(mean, place, "o", color=BLUE, mfc=face, markersize=6)


def save(figure: plt.Figure, name: str) -> None:
    figure.canvas.draw()
    Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3]).quantize(64).save(
        FOLDER / name, optimize=True
    )
    plt.close(figure)


if __name__ == "__main__":
    main()
