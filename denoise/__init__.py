"""Denoising autoencoders on Fashion-MNIST: Hydra sweeps, tracked in MLflow."""

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.denoiser import Denoiser


def load(source: str | Path, *, trust: Collection[str] = ()) -> "Denoiser":
    """The model of a pulled folder, or a registered model (`models:/NAME@best`).

    Runs no code of the files that it reads. A model whose class is your own is refused unless
    `trust` has the module of the class, for example `trust=["my_models"]`. `UserError` says what is
    missing, refused, or has changed since it was pulled.
    """
    # Not imported above, so that `python -m denoise --help` needs no torch.
    from denoise import denoiser, manifest

    if not str(source).startswith("models:/"):
        manifest.verified(Path(source))
        return denoiser.read(Path(source), trust=trust)

    from denoise.tracking import files

    with tempfile.TemporaryDirectory() as folder:
        files.download_registered(str(source), Path(folder))
        return denoiser.read(Path(folder), trust=trust)
