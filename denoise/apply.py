"""Denoise picture files with a pulled model: `python -m denoise.apply`."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path

import click
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from torch import Generator, Tensor

from denoise import bounds, build, command, data, denoiser, figures, load, manifest, pictures
from denoise.config import CONF, choices, saved
from denoise.errors import UserError

SEED = 0
SHEET = "sheet.png"
SHOWN = 16  # pictures on the before-and-after sheet


@click.command("denoise.apply", cls=command.Command, context_settings=command.SETTINGS)
@click.argument("model")
@click.argument("paths", metavar="[PICTURES]...", nargs=-1, type=click.Path(path_type=Path))
@command.to("denoised")
@command.FORCE
@click.option(
    "--sample",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Also denoise the first N test images.",
)
@click.option("--noise", type=click.Choice(choices("noise")), help="Corrupt the pictures first.")
@click.option(
    "--sigma",
    type=float,
    help="The sigma of a --noise that has one, on the scale of noise.sigma in training.",
)
@command.TRUST
def main(
    model: str,
    paths: tuple[Path, ...],
    to: Path,
    force: bool,
    sample: int | None,
    noise: str | None,
    sigma: float | None,
    trust: tuple[str, ...],
) -> None:
    """Denoise PICTURES with MODEL: a pulled folder, or models:/NAME@best.

    Writes a grey PNG of 28 by 28 pixels for every picture, and sheet.png, which shows them before
    and after. Reports what it discards of a picture: colour, size, depth, transparency, further
    frames. Never overwrites one of PICTURES.
    """
    if not paths and not sample:
        raise click.UsageError("give picture files, or --sample N")
    if sigma is not None and not noise:
        raise click.UsageError("--sigma is the strength of a --noise, but no --noise is given")
    command.show_log()
    loaded = load(model, trust=trust)
    stems, pixels = zip(*_read(paths), *_sample(sample or 0, loaded), strict=True)
    names, images = _unique(stems), torch.from_numpy(np.stack(pixels))
    given = _corrupt(images, loaded, noise, sigma) if noise else images
    files = [f"{name}.png" for name in names]
    with manifest.writing(to, [*files, SHEET], force=force, inputs=paths) as folder:
        output = loaded.denoise(given.clamp(0, 1))  # as a picture file would hold them
        for file, picture in zip(files, output, strict=True):
            Image.fromarray((picture.numpy() * 255).round().astype(np.uint8)).save(folder / file)
        rows = {"picture": images} | ({"given": given} if noise else {}) | {"denoised": output}
        shown = {label: row[:SHOWN] for label, row in rows.items()}
        sheet = figures.image_rows(shown, _labels(names[:SHOWN]), f"Denoised by {model}")
        figures.to_image(sheet).save(folder / SHEET)
    several = "s" * (len(names) > 1)
    click.echo(f"{len(names)} picture{several} in {to}, before and after in {to / SHEET}")


def _read(paths: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Each file's name and pixels, (28, 28) in [0, 1]; prints what is lost of it."""
    for path in paths:
        picture = pictures.read(path)
        if picture.lost:
            click.echo(f"{path}: {', '.join(picture.lost)}", err=True)
        yield path.stem, picture.pixels


def _sample(number: int, loaded: denoiser.Denoiser) -> Iterator[tuple[str, np.ndarray]]:
    """The first test images of the model's data set, named by their class."""
    if not number:
        return
    node = OmegaConf.load(CONF / "data" / "fashion_mnist.yaml")
    its = loaded.config["data"]
    values = {**node, "name": its["name"], "root": saved.root_here(its["root"])}
    images = data.load(bounds.settings(data.Settings, values, "data"), torch.device("cpu"))
    for index in range(number):
        name = images.class_names[int(images.test.labels[index])].replace("/", "-")
        yield f"{index:04d} {name}", images.test.images[index].numpy() / np.float32(255)


def _unique(stems: Iterable[str]) -> list[str]:
    """Unique names, also where a file system ignores case: a repeated stem gets a number."""
    taken = {Path(SHEET).stem}
    names = []
    for stem in stems:
        numbered = (f"{stem}-{number}" for number in count(2))
        name = next(each for each in chain([stem], numbered) if each.casefold() not in taken)
        taken.add(name.casefold())
        names.append(name)
    return names


def _labels(names: Sequence[str]) -> list[str]:
    """The names as the sheet shows them, in short lines; ? for bytes that are not UTF-8."""
    plain = (name.encode(errors="replace").decode() for name in names)
    return ["\n".join(part[:12] for part in name.split(" ", 1)) for name in plain]


def _corrupt(images: Tensor, loaded: denoiser.Denoiser, name: str, sigma: float | None) -> Tensor:
    """The pictures in pixel space, with the noise `name` on the scale of the model's training."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        node = compose("config", [f"noise={name}"]).noise
    if sigma is not None:
        if "sigma" not in node:
            raise UserError(f"--noise {name} has no sigma")
        node.sigma = sigma
    composed = OmegaConf.create({**loaded.config, "noise": node})
    noise = build.build_noise(OmegaConf.to_container(composed.noise, resolve=True))
    given = loaded.space.to_model(images.unsqueeze(1))
    return loaded.space.to_pixels(noise(given, generator=Generator().manual_seed(SEED))).squeeze(1)


if __name__ == "__main__":
    main()
