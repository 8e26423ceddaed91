"""A trained model at work on pictures, with the scaling of the run that trained it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor

from denoise import build, checkpoint, manifest
from denoise.data import SIDE
from denoise.errors import UserError
from denoise.model import Autoencoder

Images = TypeVar("Images", np.ndarray, Tensor)


class Denoiser:
    """A model in eval mode that takes and gives pictures in pixel space.

    Pictures are numpy arrays or tensors, uint8 or floats in [0, 1], of shape (28, 28),
    (n, 28, 28) or (n, 1, 28, 28). What is given back is of the same kind: float32 pictures of the
    shape given, codes of shape (n, latent_dim), or (latent_dim,) for a single picture. `config` is
    that of the run that trained the model.
    """

    def __init__(self, model: Autoencoder, plain: Mapping[str, Any]) -> None:
        self.model, self.config = model.eval().requires_grad_(False), plain
        self.low, self.high = plain["data"]["low"], plain["data"]["high"]

    def denoise(self, images: Images) -> Images:
        """The pictures that the model makes of `images`, clipped to [0, 1]."""
        output = self.pixels(self.model(self._scaled(images))).clamp(0, 1)
        return _like(images, output.reshape(images.shape))

    def encode(self, images: Images) -> Images:
        """The latent codes of `images`."""
        codes = self.model.encode(self._scaled(images))
        return _like(images, codes[0] if images.ndim == 2 else codes)

    def decode(self, codes: Images) -> Images:
        """The pictures, (n, 28, 28), of codes (n, latent_dim); or one of a single code."""
        given = torch.as_tensor(codes).float()
        pictures = self.pixels(self.model.decode(torch.atleast_2d(given))).squeeze(1).clamp(0, 1)
        return _like(codes, pictures[0] if given.ndim == 1 else pictures)

    def _scaled(self, images: np.ndarray | Tensor) -> Tensor:
        """Into the model's space, (n, 1, 28, 28); `UserError` says what is wrong with them."""
        given = torch.as_tensor(images)
        shapes = f"({SIDE}, {SIDE}), (n, {SIDE}, {SIDE}) or (n, 1, {SIDE}, {SIDE})"
        fits = given.ndim in (2, 3) or (given.ndim == 4 and given.shape[1] == 1)
        if not fits or given.shape[-2:] != (SIDE, SIDE) or not given.numel():
            raise UserError(f"images must have shape {shapes}, got {tuple(given.shape)}")
        if given.dtype == torch.uint8:
            pixels = given.float() / 255
        elif given.is_floating_point() and given.min() >= 0 and given.max() <= 1:
            pixels = given.float()
        else:
            raise UserError(
                "images must be uint8, or floats in [0, 1], "
                f"got {given.dtype} from {given.min():g} to {given.max():g}"
            )
        return self.space(pixels.reshape(-1, 1, SIDE, SIDE))

    def space(self, pixels: Tensor) -> Tensor:
        """A batch from pixel space into the model's space."""
        return pixels * (self.high - self.low) + self.low

    def pixels(self, images: Tensor) -> Tensor:
        """A batch from the model's space back to pixel space."""
        return (images - self.low) / (self.high - self.low)


def load(source: str | Path) -> Denoiser:
    """The model of a pulled folder, or of a registered one (`models:/NAME@best`).

    Reads weights and plain values only: no code of a file is run, and no class outside this
    package is made. `UserError` if a file is missing, or is not as it was pulled.
    """
    if str(source).startswith("models:/"):
        from denoise.tracking import files

        with tempfile.TemporaryDirectory() as folder:
            files.download_registered(str(source), Path(folder))
            return _read(Path(folder))
    manifest.verified(Path(source))
    return _read(Path(source))


def _read(folder: Path) -> Denoiser:
    last, best = (folder / "checkpoints" / f"{name}.safetensors" for name in ("last", "best"))
    plain = checkpoint.load(last)[2]
    try:
        denoiser = Denoiser(build.build_model(OmegaConf.create(plain)), plain)
        weights = best if plain["data"]["holdout"] else last  # those that the run was judged by
    except UserError as error:
        raise UserError(f"{last}: {error}") from None
    except (KeyError, TypeError, OmegaConfBaseException):
        raise UserError(f"{last} does not have the config of a run") from None
    try:
        denoiser.model.load_state_dict(checkpoint.weights(weights))
    except RuntimeError:
        raise UserError(f"{weights} does not have the weights of its own config") from None
    return denoiser


def _like(given: Images, result: Tensor) -> Images:
    return result.numpy() if isinstance(given, np.ndarray) else result
