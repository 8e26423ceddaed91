"""Picture files as the models see them: grey, upright, on black, 28 by 28 pixels."""

import re
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from denoise.errors import UserError
from denoise.fetch import SIDE

BITS, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # tags of TIFF, and a value of the second
TINT = 8  # levels of 255 by which the channels of a grey picture may differ, once compressed


class Picture(NamedTuple):
    """`pixels` float32, (28, 28), from 0 (black) to 1 (white); `lost` says what was discarded."""

    pixels: np.ndarray
    lost: list[str]


def read(path: str | Path) -> Picture:
    """The picture in a file of any format and mode that Pillow knows.

    `UserError` if it cannot be read, or if it does not say which of its values is white.
    """
    path = Path(path)
    try:
        if not path.is_file():  # reading a pipe might never end
            raise UserError("it is not a file" if path.exists() else "there is no such file")
        with warnings.catch_warnings(action="ignore"), Image.open(path) as file:
            return as_model_input(file)
    except Exception as error:  # Pillow's decoders raise exceptions of any kind
        reason = str(error) or type(error).__name__
        raise UserError(f"{path} is not a picture that can be read: {reason}") from None


def as_model_input(picture: Image.Image) -> Picture:
    """What a model sees of `picture`, which is turned upright in place.

    `UserError` if its values are not known to mean levels of grey or colour.
    """
    lost = []
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        lost.append(f"only the first of {frames} frames is used")
    is_deep = picture.mode.startswith(("I", "F"))
    # Pillow reads colours of 16 bits as 8 bits; only the unpacking mode in `tile` shows it.
    if is_deep or re.search(";16[BLN]", str(getattr(picture, "tile", ""))):
        lost.append("reduced to 8 bits")
    ImageOps.exif_transpose(picture, in_place=True)
    flat, more = _deep(picture) if is_deep else _flat(picture)
    if flat.size != (SIDE, SIDE):
        size = "x".join(map(str, flat.size))
        lost.append(f"resized from {size} to {SIDE}x{SIDE}")
        flat = flat.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    white = 1 if is_deep else 255
    pixels = np.asarray(flat, dtype=np.float32) / white
    return Picture(pixels.clip(0, 1), [*lost, *more])


def _flat(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """A picture of 8 bits a channel, as grey on black, and in words what that loses."""
    lost = []
    if picture.has_transparency_data:
        # Pillow converts premultiplied grey only to plain grey.
        layer = (picture.convert("LA") if picture.mode == "La" else picture).convert("RGBA")
        if np.asarray(layer.getchannel("A")).min() < 255:
            lost.append("transparent parts are black")
        picture = Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer)
    colours = picture.convert("RGB")
    if np.ptp(np.asarray(colours), axis=2).max() > TINT:
        lost.append("converted from colour to grey")
    return colours.convert("L"), lost


def _deep(picture: Image.Image) -> tuple[Image.Image, list[str]]:
    """A picture of more than 8 bits, with 1 as white, and in words what that loses."""
    values = np.asarray(picture, dtype=np.float32)
    tags = getattr(picture, "tag_v2", {})
    if picture.mode == "F":
        white = 1
        if not (values.min() >= 0 and values.max() <= 1):
            raise UserError(
                f"it has floats from {values.min():g} to {values.max():g}, "
                "and only floats from 0 (black) to 1 (white) are allowed"
            )
    elif picture.mode == "I" and picture.format not in ("PNG", "PPM"):
        raise UserError(
            f"it has signed or 32-bit integers, from {values.min():.0f} to {values.max():.0f}, "
            "of which none is known to be white; save it with 8 or 16 bits"
        )
    else:
        white = 2 ** tags.get(BITS, (16,))[0] - 1
    scaled = values / white
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        scaled = 1 - scaled
    is_clear = values == picture.info.get("transparency")
    scaled[is_clear] = 0
    return Image.fromarray(scaled), ["transparent parts are black"] * bool(is_clear.any())
