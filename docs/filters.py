"""Draws docs/filters.png, what hidden units of `shallow` respond to.

Usage: `python docs/filters.py LABEL=FOLDER...`, with the folder of a run for each row.
"""

import sys
from pathlib import Path

from noises import ROOT, draw
from torch import Tensor

from denoise import denoiser

UNITS = 10


def main(typed: list[str]) -> None:
    rows = dict(each.split("=", 1) for each in typed)
    shown = {label: filters(Path(folder)) for label, folder in rows.items()}
    draw(shown).save(ROOT / "docs" / "filters.png", optimize=True)


def filters(folder: Path) -> Tensor:
    """The weights of the first units, (units, 1, 28, 28); 0.5 stands for zero."""
    _, hidden, _ = denoiser.read(folder).model.encoder.children()
    weights = hidden.weight[:UNITS].unflatten(1, (1, 28, 28))
    return 0.5 + 0.5 * weights / weights.abs().amax((1, 2, 3), keepdim=True)


if __name__ == "__main__":
    main(sys.argv[1:])
