"""A trained model that denoises pictures, with the scaling of the run that trained it."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from denoise import bounds, build, checkpoint
from denoise.data import Space
from denoise.errors import UserError
from denoise.fetch import SIDE
from denoise.model import Autoencoder

Images = TypeVar("Images", np.ndarray, Tensor)


class Denoiser:
    """A model in eval mode that takes and returns pictures in pixel space.

    Pictures are numpy arrays or tensors of shape (28, 28), (n, 28, 28) or (n, 1, 28, 28). uint8 is
    0 for black and 255 for white; floats, of any precision, and bool are 0 for black and 1 for
    white. Any other type, shape or value raises `UserError`. Results are of the same kind, and on
    the same device: float32 pictures of the given shape, codes of shape (n, latent_dim), or
    (latent_dim,) for a single picture. `space` is the model's space, `config` the config of the run
    that trained the model.
    """

    def __init__(self, model: Autoencoder, space: Space, config: Mapping[str, Any]) -> None:
        self.model, self.space, self.config = model.eval().requires_grad_(False), space, config

    def denoise(self, images: Images) -> Images:
        """The model's output for `images`, clipped to [0, 1]."""
        output = self.space.to_pixels(self.model(self._scaled(images))).clamp(0, 1)
        return _like(images, output.reshape(images.shape))

    def encode(self, images: Images) -> Images:
        """The latent codes of `images`."""
        codes = self.model.encode(self._scaled(images))
        return _like(images, codes[0] if images.ndim == 2 else codes)

    def decode(self, codes: Images) -> Images:
        """Pictures, (n, 28, 28), from codes (n, latent_dim), or one picture from a single code."""
        given = _tensor("codes", codes)
        blank = torch.zeros(1, 1, SIDE, SIDE).to(self._weights)
        size = self.model.encode(blank).shape[1]
        if given.ndim not in (1, 2) or given.shape[-1] != size or not given.numel():
            raise UserError(
                f"codes must have shape ({size},) or (n, {size}), got {tuple(given.shape)}"
            )
        if given.is_complex() or not given.isfinite().all():
            raise UserError(f"codes must be finite real numbers, got {codes.dtype}")
        decoded = self.model.decode(torch.atleast_2d(given.to(self._weights)))
        pictures = self.space.to_pixels(decoded).squeeze(1).clamp(0, 1)
        return _like(codes, pictures[0] if given.ndim == 1 else pictures)

    @property
    def _weights(self) -> Tensor:
        """A tensor of the model's precision, on its device."""
        return next(self.model.parameters())

    def _scaled(self, images: np.ndarray | Tensor) -> Tensor:
        """`images` in the model's space, (n, 1, 28, 28); `UserError` if they cannot be."""
        given = _tensor("images", images)
        shapes = f"({SIDE}, {SIDE}), (n, {SIDE}, {SIDE}) or (n, 1, {SIDE}, {SIDE})"
        fits = given.ndim in (2, 3) or (given.ndim == 4 and given.shape[1] == 1)
        if not fits or given.shape[-2:] != (SIDE, SIDE) or not given.numel():
            raise UserError(f"images must have shape {shapes}, got {tuple(given.shape)}")
        is_levels = given.dtype == torch.uint8
        if not (is_levels or given.dtype == torch.bool or given.is_floating_point()):
            raise UserError(
                "images must be uint8, from 0 to 255, or bool or floats in [0, 1], "
                f"got {images.dtype}"
            )
        pixels = given.float() / (255 if is_levels else 1)
        if not (pixels.min() >= 0 and pixels.max() <= 1):
            raise UserError(
                "images must be uint8, or floats in [0, 1], "
                f"got {images.dtype} from {pixels.min():g} to {pixels.max():g}"
            )
        return self.space.to_model(pixels.to(self._weights).reshape(-1, 1, SIDE, SIDE))


def read(folder: Path, *, trust: Collection[str] = ()) -> Denoiser:
    """The model in the checkpoints of a run's folder.

    Reads weights and plain values only, and runs no code of the files. The model must be a class of
    this package, or of a module in `trust`, which is imported. `UserError` if a file is missing or
    damaged, or if the model is of another class.
    """
    last = folder / checkpoint.LAST
    config = checkpoint.load(last)[2]
    try:
        model = build.build_model(config["model"], seed=0, trust=trust)
        values = {name: config["data"][name] for name in ("low", "high")}
        space = bounds.settings(Space, values, "data")
        weights = folder / checkpoint.evaluated(config["data"]["holdout"])
    except UserError as error:
        raise UserError(f"{last}: {error}") from None
    except (KeyError, TypeError):
        raise UserError(f"{last} does not have the config of a run") from None
    try:
        model.load_state_dict(checkpoint.weights(weights))
    except RuntimeError:
        raise UserError(f"{weights} does not have the weights of its own config") from None
    return Denoiser(model, space, config)


def _tensor(name: str, given: np.ndarray | Tensor) -> Tensor:
    """`given` as a tensor; `UserError` if it is not an array or tensor of numbers.

    Arrays are copied, because torch takes neither negative strides nor foreign byte orders.
    """
    if isinstance(given, Tensor) and not given.is_meta:
        return given.to_dense()
    if not isinstance(given, np.ndarray) or isinstance(given, np.ma.MaskedArray):
        kind = type(given).__name__
        raise UserError(f"{name} must be a numpy array or a tensor with values, got {kind}")
    try:
        return torch.from_numpy(given.astype(given.dtype.newbyteorder("=")))
    except TypeError:
        raise UserError(f"{name} must be numbers that torch knows, got {given.dtype}") from None


def _like(given: Images, result: Tensor) -> Images:
    if isinstance(given, np.ndarray):
        return result.float().numpy(force=True)
    return result.float().to(given.device)
