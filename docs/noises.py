"""Draws docs/noises.png, ten test images under every noise of conf/noise: `python docs/noises.py`.

Every noise has its default level under protocol=fair, except those in `MILDER`.
"""

from pathlib import Path

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from PIL import Image, ImageDraw, ImageFont
from torch import Generator, Tensor

from denoise import build, data
from denoise.config import CONF

ROOT = Path(__file__).parents[1]
MILDER = {"gaussian": ["noise.sigma=0.25"], "uniform": ["noise.width=0.25"]}
SEED = 0
# In pixels: the side of an image's pixel, the space between images, the width of the labels.
SCALE, GAP, MARGIN = 3, 4, 150
FONT = ImageFont.load_default(17)


def main() -> None:
    choices = sorted(path.stem for path in (CONF / "noise").glob("*.yaml"))
    choices.sort(key="none".__ne__)  # the clean images come first
    with initialize_config_dir(str(CONF), version_base="1.3"):
        configs = {name: composed(name) for name in choices}
    settings = OmegaConf.to_container(configs["none"].data, resolve=True)
    images = data.load(data.Settings(**settings), torch.device("cpu"))
    clean = images.scale(data.one_of_each_class(images.test))
    rows = {}
    for name, cfg in configs.items():
        noise = build.build_noise(OmegaConf.to_container(cfg.noise, resolve=True))
        noisy = noise(clean, generator=Generator().manual_seed(SEED))
        rows[label(name, cfg.noise)] = images.space.to_pixels(noisy).clamp(0, 1)
    draw(rows).save(ROOT / "docs" / "noises.png", optimize=True)


def composed(name: str) -> DictConfig:
    root = f"data.root={ROOT / 'data'}"
    return compose("config", [f"noise={name}", "protocol=fair", root, *MILDER.get(name, [])])


def label(name: str, node: DictConfig) -> str:
    """The name of the noise, and below it its level, the first number of its config."""
    level = [f"{key} {node[key]:g}" for key in node if isinstance(node[key], int | float)][:1]
    return "\n".join([name, *level])


def draw(rows: dict[str, Tensor]) -> Image.Image:
    """Labelled rows of images (n, 1, 28, 28) in [0, 1]. 32 grey levels keep the file small."""
    count, _, height, width = next(iter(rows.values())).shape
    across, down = width * SCALE + GAP, height * SCALE + GAP
    sheet = Image.new("L", (MARGIN + count * across, len(rows) * down), 255)
    text = ImageDraw.Draw(sheet)
    for row, (name, images) in enumerate(rows.items()):
        middle = (MARGIN - 3 * GAP, row * down + (down - GAP) // 2)
        text.multiline_text(middle, name, 0, FONT, anchor="rm", align="right")
        greys = (images.squeeze(1) * 31).round() * (255 / 31)
        for column, pixels in enumerate(greys.byte().numpy()):
            picture = Image.fromarray(pixels).resize(
                (width * SCALE, height * SCALE), Image.Resampling.NEAREST
            )
            sheet.paste(picture, (MARGIN + column * across, row * down))
    return sheet


if __name__ == "__main__":
    main()
