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

    Pictures are numpy arrays or tensors, uint8 or floats in [0, 1], of shape (28, 28),
    (n, 28, 28) or (n, 1, 28, 28). Results are of the same kind: float32 pictures of the given
    shape, codes of shape (n, latent_dim), or (latent_dim,) for a single picture. `space` is the
    model's space, `config` the config of the run that trained the model.
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
        given = torch.as_tensor(codes).float()
        decoded = self.model.decode(torch.atleast_2d(given))
        pictures = self.space.to_pixels(decoded).squeeze(1).clamp(0, 1)
        return _like(codes, pictures[0] if given.ndim == 1 else pictures)

    def _scaled(self, images: np.ndarray | Tensor) -> Tensor:
        """`images` in the model's space, (n, 1, 28, 28); `UserError` if they cannot be."""
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
        return self.space.to_model(pixels.reshape(-1, 1, SIDE, SIDE))


def read(folder: Path, *, trust: Collection[str] = ()) -> Denoiser:
    """The model in the checkpoints of a run's folder.

    Reads weights and plain values only, and runs no code of the files. The model must be a class of
    this package, or of a module in `trust`, which is imported. `UserError` if a file is missing or
    damaged, or if the model is of another class.
    """
    checkpoints = folder / "checkpoints"
    last = checkpoints / "last.safetensors"
    config = checkpoint.load(last)[2]
    try:
        model = build.build_model(config["model"], seed=0, trust=trust)
        values = {name: config["data"][name] for name in ("low", "high")}
        space = Space(**bounds.arguments(Space, values, "data"))
        weights = checkpoints / f"{checkpoint.evaluated(config['data']['holdout'])}.safetensors"
    except UserError as error:
        raise UserError(f"{last}: {error}") from None
    except (KeyError, TypeError):
        raise UserError(f"{last} does not have the config of a run") from None
    try:
        model.load_state_dict(checkpoint.weights(weights))
    except RuntimeError:
        raise UserError(f"{weights} does not have the weights of its own config") from None
    return Denoiser(model, space, config)


def _like(given: Images, result: Tensor) -> Images:
    return result.numpy() if isinstance(given, np.ndarray) else result
