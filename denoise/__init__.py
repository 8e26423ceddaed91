"""Denoising autoencoders on Fashion-MNIST: Hydra sweeps, tracked in MLflow."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.denoiser import Denoiser


def load(source: str | Path, *, trust: Collection[str] = ()) -> "Denoiser":
    """The model of a pulled folder, or of a registered one (`models:/NAME@best`).

    Runs no code of the files that it reads. A model whose class is your own is refused unless
    `trust` has the module of the class, for example `trust=["my_models"]`. `UserError` says what is
    missing, refused, or has changed since it was pulled.
    """
    from denoise import denoiser  # not above, so that `python -m denoise --help` needs no torch

    return denoiser.load(source, trust=trust)
