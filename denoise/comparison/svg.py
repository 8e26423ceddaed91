"""The look of the page's pictures, and a figure as SVG.

Figures are drawn in the light colours of `COLOURS`. `inline` replaces these by variables, for which
the page's stylesheet has a light and a dark value.
"""

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

# Each colour on a light and on a dark page.
COLOURS = {
    "ink": ("#1f2328", "#dde2e8"),
    "quiet": ("#59626d", "#9aa5b1"),
    "line": ("#d5dae0", "#353c45"),
    "band": ("#e9edf1", "#252b33"),
    "page": ("#ffffff", "#14171b"),
    "better": ("#0b6e99", "#62bfe6"),
    "worse": ("#b0480a", "#f0975a"),
    "series1": ("#6a4fb3", "#b3a0f0"),
    "series2": ("#2b7a3d", "#74c78a"),
    "series3": ("#a3366f", "#e889bb"),
    "series4": ("#7a6413", "#cdb65c"),
    "series5": ("#4d5a66", "#b6c2ce"),
    "series6": ("#c2185b", "#ff8fb3"),
}
LIGHT = {name: light for name, (light, _) in COLOURS.items()}
SERIES = [LIGHT["better"], LIGHT["worse"]]
SERIES += [light for name, light in LIGHT.items() if name.startswith("series")]
STYLE: Any = {
    "font.size": 10,
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # short: every text repeats the list
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are not formulas
    **dict.fromkeys(("text.color", "axes.labelcolor"), LIGHT["ink"]),
    **dict.fromkeys(("xtick.color", "ytick.color", "axes.edgecolor"), LIGHT["quiet"]),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), LIGHT["ink"]),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "axes.labelsize": 9,
    "legend.fontsize": 9,
    "legend.frameon": False,
}


def whole(figure: Figure, salt: str) -> str:
    """The figure as SVG on white; `salt` keeps its ids apart from those of others on a page."""
    written = io.StringIO()
    with rc_context(STYLE | {"svg.hashsalt": salt}):
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    figure.set_layout_engine("none")  # laid out already; again would take longer than drawing
    return re.sub(r' id="[a-zA-Z]\w*_\d+"', "", written.getvalue())


def inline(svg: str) -> str:
    """An SVG as a part of a page, whose stylesheet has the colours and the size."""
    body = svg[svg.index("<svg") :]
    for name, colour in LIGHT.items():
        body = body.replace(colour, f"var(--{name})")
    return re.sub(r' (width|height)="[\d.]+pt"', "", body, count=2)
