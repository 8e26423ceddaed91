"""Denoising autoencoders on Fashion-MNIST: Hydra sweeps, tracked in MLflow."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from denoise.denoiser import Denoiser


def load(source: str | Path) -> "Denoiser":
    """The model of a pulled folder, or of a registered one (`models:/NAME@best`), ready to use.

    Runs no code of the files it reads. `UserError` says what is missing or not as it was pulled.
    """
    from denoise import denoiser  # here, so that `python -m denoise --help` need not wait for torch

    return denoiser.load(source)
