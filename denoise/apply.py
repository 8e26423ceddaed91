"""Denoise picture files with a pulled model: `python -m denoise.apply`."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image
from torch import Generator, Tensor

from denoise import build, command, data, denoiser, figures, load
from denoise.config import CONF
from denoise.errors import UserError
from denoise.fetch import SIDE

SEED = 0
SHOWN = 16  # pictures on the before-and-after sheet


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model")
@click.argument("pictures", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--to",
    default="denoised",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for the denoised pictures.",
)
@click.option(
    "--sample", type=click.IntRange(1, 10_000), help="Also denoise the first N test images."
)
@click.option("--noise", help="Corrupt the pictures first, with a noise of conf/noise/.")
@click.option(
    "--sigma", type=float, help="Strength of --noise, in the units of the model's training."
)
@click.option(
    "--trust",
    multiple=True,
    metavar="MODULE",
    help="Allow a model of your own, defined in this module of the current folder.",
)
def main(
    model: str,
    pictures: tuple[Path, ...],
    to: Path,
    sample: int | None,
    noise: str | None,
    sigma: float | None,
    trust: tuple[str, ...],
) -> None:
    """Denoise PICTURES with MODEL: a pulled folder, or models:/NAME@best.

    Writes a grey PNG of 28 by 28 pixels for every picture, and sheet.png, which shows them before
    and after.
    """
    if not pictures and not sample:
        raise click.UsageError("give picture files, or --sample N")
    if sigma is not None and not noise:
        raise click.UsageError("--sigma is the strength of a --noise, but no --noise is given")
    loaded = load(model, trust=trust)
    names, images = _stack([*_read(pictures), *_sample(sample or 0)])
    given = _corrupt(images, loaded, noise, sigma) if noise else images
    output = loaded.denoise(given.clamp(0, 1))  # as a picture file would hold them
    to.mkdir(parents=True, exist_ok=True)
    for name, picture in zip(names, output, strict=True):
        Image.fromarray((picture.numpy() * 255).round().astype(np.uint8)).save(to / f"{name}.png")
    rows = {"picture": images} | ({"given": given} if noise else {}) | {"denoised": output}
    shown = {label: row[:SHOWN] for label, row in rows.items()}
    labels = ["\n".join(part[:12] for part in name.split(" ", 1)) for name in names[:SHOWN]]
    sheet = figures.image_rows(shown, labels, f"Denoised by {model}")
    figures.drawn(sheet).save(to / "sheet.png")
    click.echo(f"{len(names)} pictures in {to}, before and after in {to / 'sheet.png'}")


def _read(paths: Sequence[Path]) -> Iterator[tuple[str, np.ndarray]]:
    """Each file's name and picture, grey and resized where it is not 28 by 28."""
    for path in paths:
        try:
            with Image.open(path) as file:
                picture = file.convert("L")
        except Exception as error:  # Pillow's decoders raise exceptions of any kind
            raise UserError(f"{path} is not a picture that can be read: {error}") from None
        if picture.size != (SIDE, SIDE):
            size = "x".join(map(str, picture.size))
            click.echo(f"{path}: resized from {size} to {SIDE}x{SIDE}", err=True)
            picture = picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        yield path.stem, np.asarray(picture)


def _sample(count: int) -> Iterator[tuple[str, np.ndarray]]:
    """The first test images, named by their class."""
    if not count:
        return
    node = OmegaConf.to_container(OmegaConf.load(CONF / "data" / "fashion_mnist.yaml"))
    images = data.load(data.Settings(**node), torch.device("cpu"))  # type: ignore[arg-type]
    for index in range(count):
        name = images.class_names[int(images.test.labels[index])].replace("/", "-")
        yield f"{index:04d} {name}", images.test.images[index].numpy()


def _stack(named: Sequence[tuple[str, np.ndarray]]) -> tuple[list[str], Tensor]:
    """Names made unique, and pictures in [0, 1], (n, 28, 28)."""
    stems = [name for name, _ in named]
    names = [
        f"{name}-{index}" if stems.count(name) > 1 or name == "sheet" else name
        for index, name in enumerate(stems)
    ]
    pictures = np.stack([picture for _, picture in named])
    return names, torch.from_numpy(pictures).float() / 255


def _corrupt(images: Tensor, loaded: denoiser.Denoiser, name: str, sigma: float | None) -> Tensor:
    """The pictures, corrupted as in the model's training, in pixel space."""
    choices = sorted(path.stem for path in (CONF / "noise").glob("*.yaml"))
    if name not in choices:
        raise UserError(f"--noise {name} is not a choice; there are {', '.join(choices)}")
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


def cli() -> int:
    """The command `denoise-apply`."""
    return command.run(main, "denoise.apply")


if __name__ == "__main__":
    sys.exit(cli())
